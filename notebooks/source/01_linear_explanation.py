# %% [markdown]
# # The linear explanation
#
# **You will see why a step too small to notice in any pixel can decide what a classifier says.**
#
# *45 minutes. You need linear algebra, and [Start here](00_start_here.ipynb) once. After this notebook you can*
#
# - *compute the worst small step against a linear model, and say what it does before you run it;*
# - *explain why that step gets stronger as pictures get larger;*
# - *check whether a real network is close enough to linear for the same argument to hold.*

# %%
import torch

from advtutor import attacks, checks, models, plots, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.predictions import predict

digits = mnist()
digits

# %% [markdown]
# ## 1. How can so little decide anything?
#
# A pixel may move by at most $\epsilon$. Take the simplest thing that could react to it: one unit that weighs its $n$ inputs and adds them up.
#
# $$w^\top(x+\eta) = w^\top x + w^\top\eta, \qquad \max_i|\eta_i| \le \epsilon .$$
#
# The picture contributes $w^\top x$; you contribute $w^\top\eta$. You may choose all $n$ entries of $\eta$, but each must stay small. Which choice moves the unit most?
#
# Draw the weights from a standard normal distribution, first for $n = 49$ inputs (a 7 × 7 picture), then for $n = 784$ (28 × 28). With $\epsilon = 0.25$ both times, the largest possible $w^\top\eta$ grows …

# %%
growth = predict("growth", ["not at all", "4 times", "16 times", "256 times"])
growth

# %% [markdown]
# Each term $w_i\eta_i$ is largest when $\eta_i$ has the sign of $w_i$ and all of $\epsilon$. So the best choice is $\eta = \epsilon\,\mathrm{sign}(w)$, and it adds
#
# $$w^\top\eta = \epsilon\sum_i|w_i| = \epsilon\lVert w\rVert_1 .$$
#
# Beside it stands a control: the same $\epsilon$, with signs from a coin.

# %%
eps = 0.25
sizes = [4, 49, 196, 784, 3072]
aligned, coin = [], []
generator = torch.Generator().manual_seed(0)
for n in sizes:
    w = torch.randn(2000, n, generator=generator)
    signs = torch.randn(2000, n, generator=generator).sign()
    aligned.append((w * eps * w.sign()).sum(dim=1).mean().item())
    coin.append((w * eps * signs).sum(dim=1).abs().mean().item())

plots.curves(
    sizes,
    {"signs of the weights": aligned, "signs from a coin": coin},
    xlabel="number of inputs n",
    ylabel="how far the unit moves",
    log=True,
    title="growth of the activation with n",
)

# %%
growth.compare("16 times")
claim(
    "S3-linear-growth",
    aligned[3] / aligned[1],
    low=15.5,
    high=16.5,
    unit="times",
    statement="784 inputs in the place of 49: the aligned step moves the unit further",
)
claim(
    "aligned-against-coin",
    aligned[3] / coin[3],
    low=26,
    high=30,
    unit="times",
    statement="at 784 inputs the aligned step moves the unit further than a coin's signs do",
)

# %% [markdown]
# **What it shows.** Both steps change every input by exactly 0.25. Both axes are logarithmic, so a power of $n$ is a straight line: the aligned step climbs like $n$, the coin's like $\sqrt n$. The coin's changes mostly cancel. The aligned ones never do. Nothing about the step got larger; there is more room for it to agree with the weights.
#
# **What it does not show.** A network is not one unit, and trained weights are not normal draws. The next sections look at trained ones.

# %% [markdown]
# ## 2. What is the worst step against a trained linear model?
#
# Logistic regression tells sevens from threes by one number, the score $w^\top x + b$: above zero it says seven, below zero three. Write the label as $y = +1$ (seven) or $y = -1$ (three). Then $y\,(w^\top x + b)$ is positive exactly where the model is right, and the attacker wants it as low as possible.
#
# **Exercise.** Return the step $\eta$, with no entry beyond $\epsilon$, that lowers $y\,(w^\top x + b)$ most: one row for each label. The check tells you what it finds; `checks.worst_case_linear.hint()` gives one hint at a time.


# %%
def worst_case_linear(w, y, eps):
    """The step that lowers y*(w.x + b) most.

    w: [n] weights. y: [N] labels, -1 or +1. Returns eta: [N, n], every entry within eps.
    """
    ### BEGIN SOLUTION
    return -eps * y[:, None] * w.sign()
    ### END SOLUTION


worst_case_linear = checks.worst_case_linear(worst_case_linear)

# %% [markdown]
# Now train the model on the threes and sevens of MNIST, a second or two, and attack all those of the test set with your step.


# %%
def threes_and_sevens(split):
    keep = (split.y == 3) | (split.y == 7)
    return split.x[keep], (split.y[keep] == 7).long()


x_train, y_train = threes_and_sevens(digits.train)
x, y = threes_and_sevens(digits.test)
logistic = models.LogisticRegression()
training.fit(logistic, x_train, y_train, objective=training.clean, epochs=10, lr=1e-2)

# %% [markdown]
# **Your prediction:** of the threes and sevens, the share that is misread after the worst step with $\epsilon = 0.25$.

# %%
error_guess = predict("error-37", low=0, high=1, unit="%")
error_guess

# %%
w = logistic.linear.weight[0].detach()
b = logistic.linear.bias[0].detach()
sign = 2 * y - 1  # 0 and 1 become -1 and +1
eta = worst_case_linear(w, sign, eps)

score = x.flatten(1) @ w + b
score_adv = (x.flatten(1) + eta) @ w + b
error = (sign * score <= 0).float().mean()
error_adv = (sign * score_adv <= 0).float().mean()

error_guess.compare(error_adv, unit="%")
claim("S5-logistic-clean", error, low=0.01, high=0.025)
claim("S5-logistic-fgsm", error_adv, low=0.97, high=1.0)

# %%
moved = (score_adv - score) * sign
claim(
    "score-moves-by-eps-l1",
    (moved / (eps * w.abs().sum())).mean(),
    low=-1.0001,
    high=-0.9999,
    unit="",
    statement="the worst step moves every score by eps*||w||_1, against the label",
)

# %%
one = int((sign == -1).nonzero()[1]), int((sign == 1).nonzero()[0])
pictures = torch.stack([w, w.sign()]).reshape(2, 28, 28)
plots.weights(pictures, ["weights w", "sign(w)"], columns=2, title="weights of 3 against 7")

# %%
names = ["three", "seven"]
shown = torch.cat([torch.stack([x[i], x[i] + eta[i].reshape(1, 28, 28)]) for i in one])
read = [names[int(logistic(image[None]).argmax())] for image in shown]
plots.images(shown, [f"read as {word}" for word in read], columns=4, title="digits, then attacked")

# %% [markdown]
# **What it shows.** The weights look like a blurred difference of a seven and a three. The step throws that structure away and keeps the signs alone, because the attacker pays the same for a large weight as for a small one. You still read the digits; the model reads every one as the other. Each score moved by the same amount, $\epsilon\lVert w\rVert_1$, whatever the picture was: for a linear model the worst step does not depend on the picture at all.
#
# **What it does not show.** The attacked pictures leave the range $[0, 1]$: the identity holds for the sum as it is, unclipped. Real pictures have a darkest and a brightest value. [Notebook 02](02_gradient_sign_crafting.ipynb) clips, and measures the difference.

# %% [markdown]
# ## 3. What is the loss at its worst?
#
# Training minimises $\zeta(-y\,(w^\top x + b))$ with the softplus $\zeta(z) = \log(1 + e^z)$. The worst step lowers $y\,(w^\top x + b)$ by exactly $\epsilon\lVert w\rVert_1$, so the loss that the attacker reaches is known in closed form:
#
# $$\max_{\lVert\eta\rVert_\infty\le\epsilon}\ \zeta\bigl(-y\,(w^\top(x+\eta) + b)\bigr) = \zeta\bigl(\epsilon\lVert w\rVert_1 - y\,(w^\top x + b)\bigr).$$
#
# The paper prints this in section 5 with a sign that holds for $y = +1$ only. The form above holds for both. Check it against an attack that knows nothing of linear models: one step along the sign of the gradient, computed by automatic differentiation.

# %%
x_adv = attacks.fgsm(logistic, x, y, eps, clip=None)
loss_attack = torch.nn.functional.cross_entropy(logistic(x_adv), y, reduction="none")
loss_formula = torch.nn.functional.softplus(eps * w.abs().sum() - sign * score)
claim(
    "logistic-worst-loss",
    (loss_attack / loss_formula).mean().detach(),
    low=0.9999,
    high=1.0001,
    unit="",
    statement="the attack's loss over the closed form's, mean over 3s and 7s",
)

# %% [markdown]
# ## 4. Is a real network linear enough?
#
# A network bends: its ReLUs switch. But along *one* line through a picture few of them may. Train a small convolutional network on all 60,000 digits, take one test digit, and walk along the sign of its gradient, from $-10$ to $10$ steps of unit size in every pixel: far beyond any picture, as in the paper's Figure 4.
#
# **Your prediction.** Seen along this line, the ten logits are …

# %%
network = models.ConvNet()
training.fit(network, digits.train.x, digits.train.y, objective=training.clean, epochs=1, lr=3e-3)

# %%
line_guess = predict("line", ["ten straight lines", "a few straight pieces", "a tangle of wiggles"])
line_guess

# %%
image, label = digits.test.x[:1], digits.test.y[:1]
direction = attacks.fgsm(network, image, label, 1.0, clip=None) - image  # the gradient's signs
distances = torch.linspace(-10, 10, 201)
with torch.no_grad():
    logits = network(image + distances[:, None, None, None] * direction)

plots.curves(
    distances,
    {f"logit of {k}": logits[:, k] for k in (7, 3, 2, 0)},
    xlabel="distance along the gradient's sign, in units of a pixel",
    ylabel="logit",
    title="logits along a line",
)

# %% [markdown]
# How straight is it? On the right half, from 0 to 10, fit a straight line to each of the ten logits, and ask which share of its movement the line explains ($R^2$, 1 for a perfect line).


# %%
def straightness(distances, values):
    design = torch.stack([distances, torch.ones_like(distances)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, values).solution
    return 1 - (values - fitted).var(dim=0) / values.var(dim=0)


right = distances >= 0
line_guess.compare("a few straight pieces")
claim(
    "F4-line", straightness(distances[right], logits[right]).median(), low=0.95, high=1.0, unit=""
)

# %% [markdown]
# **What it shows.** The logits bend around the digit itself, within a distance of about one, and run nearly straight from there on. On the straight part one class wins, and keeps winning: a wrong class does not sit in a pocket that must be found, it fills a half-line. That is why a single step can reach it.
#
# **What it does not show.** Figure 4 is one digit and one line. Close to the digit, where the small steps of the next notebook live, the network does bend, and a single step is not always the best one.

# %% [markdown]
# ## What you take with you
#
# - A step that is tiny in each of $n$ pixels adds up to $\epsilon\lVert w\rVert_1$ when its signs agree with the weights: $n$ times, not $\sqrt n$ times.
# - For a linear model that is the whole truth, with a closed form for the worst score and the worst loss.
# - Trained networks are straight enough along the gradient's sign for the same step to work.
#
# **Misconceptions.** *"Adversarial steps are a kind of noise."* Section 1: noise of the same size moves the unit 28 times less at 784 inputs. *"They exploit how wildly non-linear networks are."* Sections 2 and 4: a model with no non-linearity falls to them completely, and the network's logits run along near-straight lines.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), sections 3, 5 and 8. Tanay, Griffin, *A Boundary Tilting Perspective on the Phenomenon of Adversarial Examples* (2016, arXiv 1608.07690) argues against the linear view; the debate is open.
#
# Next: [Crafting with the gradient's sign](02_gradient_sign_crafting.ipynb).
