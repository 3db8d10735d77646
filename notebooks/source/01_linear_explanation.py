# %% [markdown]
# # The linear explanation
#
# **You will see why a step that is small in every pixel can decide what a classifier says.**
#
# *45 minutes. You need linear algebra, and [Start here](00_start_here.ipynb) once. After this notebook you can*
#
# - *compute the worst small step against a linear model, and say what it does before you run it;*
# - *explain why that step gets stronger as pictures get larger;*
# - *measure how far a network is linear, and where the linear prediction fails;*
# - *say what speaks against the explanation.*

# %%
from functools import partial

import torch
import torch.nn.functional as F

from advtutor import attacks, checks, linearity, models, plots, progress, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict
from advtutor.widgets import dimension_explorer, direction_explorer

digits = mnist()
digits

# %% [markdown]
# ## 1. Where is the room in a high-dimensional ball?
#
# A picture of 28 × 28 pixels is one point in a space of $n = 784$ dimensions. All pictures close to it fill a ball around that point. Before you ask what such a small ball can do to a classifier, ask where its volume is.
#
# Shrink a body to the part $r$ of its length in each of $n$ directions, and its volume shrinks to $r^n$. Peel a thin shell off a ball of radius 1, of thickness $t$: the core that is left is a ball of radius $1 - t$.
#
# **Exercise.** Return the share of the ball's volume that lies in the shell. The check tells you what it finds; `checks.shell_share.hint()` gives one hint at a time.


# %%
def shell_share(n, thickness):
    """The share of a ball's volume in its outermost shell.

    n: the dimension. thickness: of the shell, as a fraction of the radius. Returns a number.
    """
    ...


shell_share = checks.shell_share(shell_share)

# %% [markdown]
# **Your prediction.** In 784 dimensions, the outermost one per cent of the radius holds this share of the ball:

# %%
shell_guess = predict("shell", low=0, high=1, unit="%")
shell_guess

# %%
dimensions = [2, 3, 10, 49, 196, 784, 3072]
shares = [shell_share(n, 0.01) for n in dimensions]
plots.curves(
    dimensions,
    {"outermost 1 % of the radius": shares},
    xlabel="dimensions n",
    ylabel="share of the volume",
    log="x",
    percent=True,
    title="where a ball's volume is",
)

# %%
shell_guess.compare(shell_share(784, 0.01), unit="%")
claim(
    "shell-784",
    shell_share(784, 0.01),
    low=0.9995,
    high=0.9997,
    unit="%",
    statement="share of a ball in 784 dimensions that lies in the outermost 1 % of its radius",
)
claim(
    "shell-2",
    shell_share(2, 0.01),
    low=0.0198,
    high=0.02,
    unit="%",
    statement="the same share in 2 dimensions",
)

# %% [markdown]
# **What it shows.** On paper, in two dimensions, nearly all of a disc is inside. In 784 dimensions nearly all of a ball is skin. A point drawn at random from it lies near the surface. Pictures of things in few dimensions mislead you about many.
#
# **What it does not show.** In which *direction* something happens. A random point of the skin has a random direction, and the next section shows how harmless that is. (This ball is the Euclidean one. From here on $\epsilon$ bounds each pixel by itself, which makes a cube; in many dimensions its volume is all skin, too.)

# %% [markdown]
# ## 2. How can so little decide anything?
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
    log="xy",
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
# Choose $n$ and move $\epsilon$. The explorer draws the two expected values, $\epsilon n\sqrt{2/\pi}$ and $\epsilon\sqrt{2n/\pi}$; the largest $n$ is that of the photo in [the first notebook](00_start_here.ipynb), with its three colours.

# %%
dimension_explorer()

# %% [markdown]
# **What it does not show.** A network is not one unit, and trained weights are not normal draws. The next sections look at trained ones.

# %% [markdown]
# ## 3. What is the worst step against a trained linear model?
#
# Logistic regression tells sevens from threes by one number, the score $w^\top x + b$: above zero it says seven, below zero three. Write the label as $y = +1$ (seven) or $y = -1$ (three). Then $y\,(w^\top x + b)$ is positive exactly where the model is right, and the attacker wants it as low as possible.
#
# **Exercise.** Return the step $\eta$, with no entry beyond $\epsilon$, that lowers $y\,(w^\top x + b)$ most: one row for each label.


# %%
def worst_case_linear(w, y, eps):
    """The step that lowers y*(w.x + b) most.

    w: [n] weights. y: [N] labels, -1 or +1. Returns eta: [N, n], every entry within eps.
    """
    ...


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
    (moved / (eps * w.abs().sum()) + 1).abs().max(),
    high=1e-3,
    unit="",
    statement="score moved against the label, over eps*||w||_1: largest distance from 1",
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
# **What it shows.** The weights look like a blurred difference of a seven and a three. The step throws that structure away and keeps the signs alone, because the attacker pays the same for a large weight as for a small one. You still read the digits; the model reads nearly every one as the other. Each score moved by the same amount, $\epsilon\lVert w\rVert_1$, whatever the picture was: for a linear model the worst step does not depend on the picture at all.
#
# **What it does not show.** The attacked pictures leave the range $[0, 1]$: the identity holds for the sum as it is, unclipped. Real pictures have a darkest and a brightest value. [Notebook 02](02_gradient_sign_crafting.ipynb) clips, and measures the difference.

# %% [markdown]
# ## 4. What is the loss at its worst?
#
# Training minimises $\zeta(-y\,(w^\top x + b))$ with the softplus $\zeta(z) = \log(1 + e^z)$. The worst step lowers $y\,(w^\top x + b)$ by exactly $\epsilon\lVert w\rVert_1$, so the loss that the attacker reaches is known in closed form:
#
# $$\max_{\lVert\eta\rVert_\infty\le\epsilon}\ \zeta\bigl(-y\,(w^\top(x+\eta) + b)\bigr) = \zeta\bigl(\epsilon\lVert w\rVert_1 - y\,(w^\top x + b)\bigr).$$
#
# The paper that this course follows (Goodfellow, Shlens and Szegedy, 2015) prints this in its section 5 with a sign that holds for $y = +1$ only. The form above holds for both.
#
# **Exercise.** Write it, for a batch of pictures that are flattened to rows.


# %%
def worst_case_loss(w, b, x, y, eps):
    """The logistic loss of each example after the worst step within eps.

    w: [n] weights. b: a number. x: [N, n] pictures. y: [N] labels, -1 or +1. Returns [N].
    """
    ...


worst_case_loss = checks.worst_case_loss(worst_case_loss)

# %% [markdown]
# Check it against an attack that knows nothing of linear models: one step along the sign of the gradient, computed by automatic differentiation.

# %%
x_adv = attacks.fgsm(logistic, x, y, eps, clip=None)
loss_attack = F.cross_entropy(logistic(x_adv), y, reduction="none").detach()
loss_formula = worst_case_loss(w, b, x.flatten(1), sign, eps)
claim(
    "logistic-worst-loss",
    (loss_attack / loss_formula - 1).abs().max(),
    high=1e-3,
    unit="",
    statement="the attack's loss over the closed form's: largest distance from 1, all 3s and 7s",
)

# %% [markdown]
# ## 5. Is a real network linear enough?
#
# A network bends: its ReLUs switch. How often along *one* line through a picture? Train three models on all 60,000 digits: softmax regression, which is linear; a small convolutional network; and an RBF network (for radial basis function), which measures the distance of the picture from a learnt prototype of each class, and is as far from linear as the paper goes.

# %%
softmax, network, rbf = models.SoftmaxRegression(), models.ConvNet(), models.RBF()


def rbf_objective(model, x, y):
    return models.binary_cross_entropy(model(x), y).mean()  # each class answers for itself


train = digits.train
training.fit(softmax, train.x, train.y, objective=training.clean, epochs=2, lr=3e-3)
training.fit(network, train.x, train.y, objective=training.clean, epochs=1, lr=3e-3)
training.fit(rbf, train.x, train.y, objective=rbf_objective, epochs=2, lr=3e-2)

# %% [markdown]
# The *logits* $z_0, \dots, z_9$ are the ten numbers that a model gives before the softmax. For softmax regression the identity of section 3 holds between any two classes $j$ and $k$, with the difference of their weights in the place of $w$: the step $\epsilon\,\mathrm{sign}(w_j - w_k)$ moves $z_j - z_k$ by $\epsilon\lVert w_j - w_k\rVert_1$, whatever the digit.

# %%
toward_three = (softmax.linear.weight[3] - softmax.linear.weight[7]).detach()
step = eps * toward_three.sign().reshape(1, 1, 28, 28)
with torch.no_grad():
    change = softmax(digits.test.x + step) - softmax(digits.test.x)
moved = change[:, 3] - change[:, 7]
claim(
    "softmax-l1",
    (moved / (eps * toward_three.abs().sum()) - 1).abs().max(),
    high=1e-3,
    unit="",
    statement="change of z_3 - z_7 over eps*||w_3 - w_7||_1: largest distance from 1, all digits",
)

# %% [markdown]
# Take one test digit and walk along the sign of the gradient of the loss in its pixels, from $-10$ to $10$ units in every pixel: far beyond any picture, as in the paper's Figure 4.
#
# **Your prediction.** Seen along this line, the convolutional network's logits are …

# %%
line_guess = predict("line", ["ten straight lines", "a few straight pieces", "a tangle of wiggles"])
line_guess

# %%
distances = torch.linspace(-10, 10, 201)


def along_gradient_sign(model, image, label):
    """The logits of one image [1, C, H, W] moved by each distance along its gradient's sign."""
    direction = attacks.fgsm(model, image, label, 1.0, clip=None) - image
    with torch.no_grad():
        return model(image + distances[:, None, None, None] * direction)


image, label = digits.test.x[:1], digits.test.y[:1]
logits = along_gradient_sign(network, image, label)
plots.curves(
    distances,
    {f"logit of {k}": logits[:, k] for k in (7, 3, 2, 0)},
    xlabel="distance along the gradient's sign, in units of a pixel",
    ylabel="logit",
    title="logits along a line",
)

# %% [markdown]
# How straight is it? On the right half, from 0 to 10, fit a straight line to each of the ten logits, and ask which share of its movement the line explains ($R^2$: 1 for a perfect line). Do that for 20 digits and all three models.


# %%
def straightness(values, t):
    """R^2 of a straight line through each column of the logits [D, 10], at the distances t."""
    design = torch.stack([t, torch.ones_like(t)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, values).solution
    return 1 - (values - fitted).var(dim=0) / values.var(dim=0)


def typical_straightness(model, part=slice(100, None)):
    lines = [
        along_gradient_sign(model, digits.test.x[i : i + 1], digits.test.y[i : i + 1])
        for i in range(20)
    ]
    return torch.stack([straightness(line[part], distances[part]) for line in lines]).median()


# %%
line_guess.compare("a few straight pieces")
claim(
    "F4-line",
    typical_straightness(network),
    low=0.98,
    unit="",
    statement="median R^2 of straight lines through the logits (20 digits, convolutional network)",
)
claim(
    "line-bend",
    typical_straightness(network, slice(None)),
    high=0.97,
    unit="",
    statement="the same for one line over the whole walk, from -10 to 10, across the digit",
)

# %%
claim(
    "line-softmax",
    typical_straightness(softmax),
    low=0.9999,
    unit="",
    statement="the right half again, softmax regression",
)
claim(
    "line-rbf",
    typical_straightness(rbf),
    low=0.9,
    high=0.96,
    unit="",
    statement="the right half of the RBF network, whose logits are nearly parabolas",
)

# %% [markdown]
# An $R^2$ of 0.94 looks high and is not: it is what a straight line gets out of a parabola. See the three models side by side, each by the logit of the digit's own class, brought to the same scale.


# %%
def scaled(values):
    """Values that are 0 where the walk begins, and reach 1 or -1."""
    values = values - values[100]
    return values / values.abs().max()


plots.curves(
    distances,
    {
        "softmax regression": scaled(along_gradient_sign(softmax, image, label)[:, 7]),
        "convolutional network": scaled(logits[:, 7]),
        "RBF network": scaled(along_gradient_sign(rbf, image, label)[:, 7]),
    },
    xlabel="distance along the gradient's sign, in units of a pixel",
    ylabel="logit of the digit's class, scaled",
    title="one logit of three models along a line",
)

# %% [markdown]
# **What it shows.** The convolutional network's logits bend around the digit itself and run nearly straight from there on. On this line one class wins on the straight part, and keeps winning: there, a wrong class does not sit in a pocket that must be found, it fills a half-line, and a single step can reach it. The RBF network falls off to both sides: it is sure only near its prototypes.
#
# One line is one direction. Take a second one beside it, a random sign for each pixel, and look at the plane of both: which class does the convolutional network read where? Move along either, on one of 20 digits.

# %%
direction_explorer(network, digits.test.x[:20], digits.test.y[:20])

# %% [markdown]
# The digit is in the middle, and a lettered region is a class. In which direction does the class of the digit end sooner?
#
# **What it does not show.** Figure 4 looks far beyond the pictures. The steps of the next notebook are 40 times shorter than this line's arm. How well does a straight line predict *them*?

# %% [markdown]
# ## 6. How far does the linear prediction reach?
#
# Take as the quantity to predict how far the best wrong class is ahead of the right one, the *margin* $m(x) = \max_{j\ne y} z_j(x) - z_y(x)$, with the logits $z$; the model errs where it is positive. To the first order, the gradient-sign step changes it by
#
# $$m(x + \epsilon\,\mathrm{sign}(\nabla m)) - m(x) \;\approx\; \epsilon\,\lVert\nabla m\rVert_1 .$$
#
# For a linear model this is exact as long as the same class stays the rival. For a network, measure the true change over the predicted one, on the first 2,000 test digits. Two networks: the one from above, and one of the same shape that was trained on its own gradient-sign examples ([notebook 03](03_adversarial_training.ipynb) tells how; here it is only a second specimen).

# %%
hardened = models.ConvNet()
training.fit(hardened, train.x, train.y, objective=training.Adversarial(0.25), epochs=1, lr=3e-3)

# %% [markdown]
# **Your prediction.** At $\epsilon = 0.25$, the true change of the margin is this part of what the gradient promised, for the network that was trained as usual:

# %%
gain_guess = predict("gain", low=0, high=2)
gain_guess


# %%
def kept_promise(model, eps):
    """True over predicted change of the margin, summed over 2,000 test digits."""
    gain = linearity.first_order_gain(
        model, digits.test.x[:2000], digits.test.y[:2000], eps, loss=attacks.margin_loss
    )
    return (gain.true.sum() / gain.predicted.sum()).item()


radii = [0.001, 0.003, 0.01, 0.03, 0.1, 0.25]
promises = {
    "softmax regression": [kept_promise(softmax, e) for e in radii],
    "convolutional, trained as usual": [kept_promise(network, e) for e in radii],
    "convolutional, trained on its examples": [kept_promise(hardened, e) for e in radii],
}
plots.curves(
    radii,
    promises,
    xlabel="eps",
    ylabel="true change / predicted change",
    log="x",
    title="how far the linear prediction reaches",
)

# %%
exact, usual, trained_on_them = promises.values()
gain_guess.compare(usual[-1])
claim("gain-softmax", exact[-1], 0.97, 1.03, unit="", statement="softmax regression, eps=0.25")
claim("gain-small", usual[2], 0.8, 1.1, unit="", statement="trained as usual, eps=0.01")
claim("gain-large", usual[-1], 0.5, 0.85, unit="", statement="trained as usual, eps=0.25")
claim(
    "gain-hardened",
    trained_on_them[-1],
    low=0.02,
    high=0.4,
    unit="",
    statement="trained on its own examples, eps=0.25",
)

# %% [markdown]
# **What it shows.** For the network that was trained as usual, the gradient at the picture keeps most of its promise over the whole range in use: it is linear enough to be attacked by one step. For the other one the promise breaks early. Close to the picture the gradient is still right; a little further the function has bent away from it.
#
# **What it does not show.** That the second network is safe. A prediction that fails says only that *this* step is no longer the best one. [Notebook 03](03_adversarial_training.ipynb) looks for a better one.

# %% [markdown]
# ## 7. What speaks against the linear view?
#
# Two experiments, one for each side of a debate that is open.
#
# **For it: a model that is not linear.** Attack softmax regression and the RBF network with the same step.
#
# **Your prediction:** the RBF network errs on some of the attacked digits. How sure is it there, on average, of what it reads?

# %%
rbf_guess = predict("rbf", low=0, high=1, unit="%")
rbf_guess

# %%
attacked = {
    name: evaluate(model, *digits.test, partial(attacks.fgsm, eps=0.25, clip=None))
    for name, model in {"softmax": softmax, "RBF": rbf}.items()
}
for name, report in attacked.items():
    print(f"measured {name}: {report}")
rbf_guess.compare(attacked["RBF"].confidence_on_errors, unit="%")
claim("S4-softmax-error", attacked["softmax"].error, low=0.97)
claim("S7-rbf-error", attacked["RBF"].error, low=0.5, high=0.85)
claim("S7-rbf-confidence-mistakes", attacked["RBF"].confidence_on_errors, low=0.0, high=0.05)
claim(
    "softmax-confidence",
    attacked["softmax"].confidence_on_errors,
    low=0.75,
    unit="%",
    statement="mean confidence of softmax regression on its mistakes under the same step",
)

# %% [markdown]
# The RBF network errs often, too, but says how unsure it is. It pays for that: it misreads more clean digits than the linear model.

# %%
clean_errors = {"softmax": evaluate(softmax, *digits.test), "RBF": evaluate(rbf, *digits.test)}
claim(
    "rbf-costs",
    clean_errors["RBF"].error - clean_errors["softmax"].error,
    low=0.01,
    high=0.1,
    unit="%",
    statement="clean error of the RBF network above that of softmax regression",
)

# %% [markdown]
# **Against it: models that are linear.** Tanay and Griffin argue that linearity does not decide, but how far a boundary is *tilted* towards the digits along directions in which they hardly vary. Take three models for threes and sevens, all exactly linear:
#
# - **trained:** the weights $w$ of section 3;
# - **difference of means:** the mean seven minus the mean three, no training at all;
# - **tilted:** the trained weights, but the pixels that are black in every training picture get a weight, too. No digit notices, since black times anything is 0.
#
# **Your prediction:** at $\epsilon = 0.25$ the trained model errs on nearly all, as you have seen. On which share does the difference of means err at $\epsilon = 0.1$?

# %%
tilt_guess = predict("tilt", low=0, high=1, unit="%")
tilt_guess

# %%
black = x_train.flatten(1).amax(dim=0) == 0
tilted = torch.where(black, 10 * w.abs().mean(), w)
means = x_train[y_train == 1].flatten(1).mean(0) - x_train[y_train == 0].flatten(1).mean(0)
halfway = means @ x_train.flatten(1).mean(dim=0)
linear = {
    "tilted": (tilted, b),
    "trained": (w, b),
    "difference of means": (means, -halfway),
}


def error_at(weights, offset, eps):
    """The exact error after the worst step: no attack is needed for a linear model."""
    scores = sign * (x.flatten(1) @ weights + offset)
    return (scores <= eps * weights.abs().sum()).float().mean().item()


# %%
radii = [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25]
worst = {name: [error_at(*model, e) for e in radii] for name, model in linear.items()}
plots.curves(
    radii,
    worst,
    xlabel="eps",
    ylabel="error after the worst step",
    percent=True,
    title="three linear models",
)

# %%
tilt_guess.compare(worst["difference of means"][3], unit="%")
claim(
    "tilt-clean",
    worst["tilted"][0] - worst["trained"][0],
    low=-0.002,
    high=0.002,
    unit="%",
    statement="what the tilt adds to the clean error",
)
claim("means-clean", worst["difference of means"][0], high=0.05, unit="%", statement="means, clean")
claim(
    "tilt-means", worst["difference of means"][3], 0.1, 0.25, unit="%", statement="means, eps=0.1"
)
claim("tilt-trained", worst["trained"][3], 0.9, 1.0, unit="%", statement="trained, eps=0.1")
claim("tilt-small", worst["tilted"][1], 0.4, 1.0, unit="%", statement="tilted, already at eps=0.02")

# %% [markdown]
# **What it shows.** Three straight boundaries that read nearly all clean digits right, and worst-case errors that have little in common. The attacker gains $\epsilon\lVert w\rVert_1$; the model sets its score $y\,(w^\top x + b)$ against it. Linearity gives the formula and neither number. The tilt raised the first and left the second as it was.
#
# **What it does not show.** Which side is right about networks. Linearity explains why small steps *can* add up, and why a single step along a sign finds them. Tilting explains why they add up in one model and not in another. The tilted weights are made by hand; whether training tilts networks is what the papers below argue about.

# %% [markdown]
# ## What you take with you
#
# - A step that is tiny in each of $n$ pixels adds up to $\epsilon\lVert w\rVert_1$ when its signs agree with the weights: it grows like $n$, not like $\sqrt n$.
# - For a linear model that is the whole truth, with a closed form for the worst score and the worst loss. A network trained as usual is straight enough along the gradient's sign for the same step to work.
# - Linear does not mean equally vulnerable: what counts is $\epsilon\lVert w\rVert_1$ against the score $y\,(w^\top x + b)$.
#
# **Misconceptions.** *"Adversarial steps are a kind of noise."* Section 2: noise of the same size moves the unit far less. *"They exploit how wildly non-linear networks are."* Sections 3 and 5: a model with no non-linearity falls to them completely, and the network's logits run along near-straight lines. *"All linear models are equally doomed."* Section 7: at $\epsilon = 0.1$ the difference of means errs on about a fifth, the trained weights on nearly all.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), sections 3, 5, 7 and 8. Tanay, Griffin, *A Boundary Tilting Perspective on the Phenomenon of Adversarial Examples* (2016, arXiv 1608.07690), sections 3 and 4.
#
# Next: [Crafting with the gradient's sign](02_gradient_sign_crafting.ipynb).

# %%
progress.show("01_linear_explanation")
