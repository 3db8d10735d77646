# %% [markdown]
# # The linear explanation
#
# **Why a step that is small in every pixel can decide what a classifier says.**
#
# *60 minutes. You need linear algebra, and [Start here](00_start_here.ipynb) once. After this notebook you can*
#
# - *compute the worst small step against a linear model, and say what it does before you run it;*
# - *say how much more that step does than one with random signs, and why;*
# - *measure how far a network is linear, and where the linear prediction fails;*
# - *say what speaks against the explanation.*
#
# Tags such as S3 or F4 in a claim name a section or a figure of the paper that this course follows (Goodfellow, Shlens and Szegedy, 2015), not of this notebook.

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
# ## 1. How can so little decide anything?
#
# A pixel may move by at most $\epsilon$. Take one *unit*, which weighs its $n$ inputs and adds them up.
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
# Each term $w_i\eta_i$ is largest when $\eta_i$ has the sign of $w_i$ and the size $\epsilon$. So the best choice, the *aligned* step, is $\eta = \epsilon\,\mathrm{sign}(w)$, and it adds
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
    mark=784,
    title="how far one unit moves, at eps = 0.25",
)

# %%
growth.compare("16 times")
claim(
    "S3-linear-growth",
    aligned[3] / aligned[1],
    low=15.5,
    high=16.5,
    unit="times",
    statement="with 784 inputs instead of 49, the aligned step moves the unit this many times as far",
)
claim(
    "aligned-against-coin",
    aligned[3] / coin[3],
    low=26,
    high=30,
    unit="times",
    statement="at 784 inputs the aligned step moves the unit this many times as far as the coin's",
)

# %% [markdown]
# **What it shows.** Both steps change every input by exactly 0.25. Both axes are logarithmic, so a power of $n$ is a straight line: the aligned step climbs like $n$, the coin's like $\sqrt n$. The coin's changes mostly cancel; the aligned ones never do. At 784 inputs the difference is a factor of about 28, the square root of 784.
#
# Choose $n$ and move $\epsilon$. The explorer draws the two expected values, $\epsilon n\sqrt{2/\pi}$ and $\epsilon\sqrt{2n/\pi}$.

# %%
dimension_explorer()

# %% [markdown]
# **What it does not show.** These weights are drawn at the same scale whatever $n$ is. Training chooses weights, and may choose smaller ones when there are more. The next two sections look at trained ones.

# %% [markdown]
# ## 2. What is the worst step against a trained linear model?
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
# Now train the model on the threes and sevens of MNIST, and attack those of the test set with the step. (The model gives two numbers, its *logits*, minus and plus half the score, so that it can be trained and attacked like every other network of the course.)


# %%
def threes_and_sevens(split):
    keep = (split.y == 3) | (split.y == 7)
    return split.x[keep], (split.y[keep] == 7).long()


x_train, class_train = threes_and_sevens(digits.train)
x, class_test = threes_and_sevens(digits.test)  # class 0 is three, class 1 is seven
y = 2 * class_test - 1  # the same as -1 and +1
logistic = models.LogisticRegression()
training.fit(logistic, x_train, class_train, objective=training.clean, epochs=10, lr=1e-2)

# %% [markdown]
# **Your prediction:** of the threes and sevens, the share that is misread after the worst step with $\epsilon = 0.25$.

# %%
error_guess = predict("error-37", low=0, high=1, unit="%")
error_guess

# %%
w = logistic.linear.weight[0].detach()
b = logistic.linear.bias[0].detach()
eta = worst_case_linear(w, y, eps)

score = x.flatten(1) @ w + b
score_adv = (x.flatten(1) + eta) @ w + b
error = (y * score <= 0).float().mean()
error_adv = (y * score_adv <= 0).float().mean()

error_guess.compare(error_adv, unit="%")
claim("S5-logistic-clean", error, low=0.01, high=0.025)
claim("S5-logistic-fgsm", error_adv, low=0.97, high=1.0)

# %%
means = x_train[class_train == 1].flatten(1).mean(0) - x_train[class_train == 0].flatten(1).mean(0)
pictures = torch.stack([w.clamp(-1, 1), w.sign(), means]).reshape(3, 28, 28)
plots.weights(
    pictures,
    ["weights w, cut at ±1", "sign(w)", "mean 7 minus mean 3"],
    columns=3,
    title="weights of three against seven, and the difference of the means",
)

# %%
names = ["three", "seven"]
three, seven = int((y == -1).nonzero()[1]), int((y == 1).nonzero()[0])
shown = torch.cat([torch.stack([x[i], x[i] + eta[i].reshape(1, 28, 28)]) for i in (three, seven)])
read = [names[int(logistic(image[None]).argmax())] for image in shown]
plots.images(
    shown.clamp(0, 1),
    [f"read as {word}" for word in read],
    columns=4,
    title="two digits, each before and after the step (drawn clipped to [0, 1])",
)

# %% [markdown]
# **What it shows.** You still read the digits; the model reads the attacked ones as the other. The step throws the structure of the weights away and keeps their signs, because each pixel has the same limit, whether its weight is large or small. By the formula each score moved by the same amount, $\epsilon\lVert w\rVert_1$: for a linear model of two classes the worst step depends on the picture only through its label.
#
# **What it does not show.** The attacked pictures leave $[0, 1]$: the formula holds without clipping. [Notebook 02](02_gradient_sign_crafting.ipynb) clips.

# %% [markdown]
# ## 3. Does a trained model fall harder when it has more pixels?
#
# Take the same threes and sevens, averaged down to 7 × 7 and 14 × 14 pixels, and as they are.
#
# **Your prediction.** From 7 × 7 to 28 × 28 there are 16 times as many pixels. $\lVert w\rVert_1$ of the trained model grows …

# %%
norm_guess = predict("norm", ["not at all", "2 to 3 times", "8 times", "16 times"])
norm_guess


# %%
def at_size(side, eps):
    """A model for pictures of side x side: ||w||_1, score, what a coin adds, errors."""
    model = models.LogisticRegression(side * side)
    small, small_train = (F.avg_pool2d(images, 28 // side) for images in (x, x_train))
    training.fit(model, small_train, class_train, objective=training.clean, epochs=10, lr=1e-2)
    with torch.no_grad():
        score = y * model.score(small)
        weights = model.linear.weight[0]
        coins = torch.randn(len(x), side**2, generator=torch.Generator().manual_seed(0)).sign()
        by_coin = eps * coins @ weights
    norm = weights.abs().sum()
    return {
        "||w||_1": norm.item(),
        "median score": score.median().item(),
        "step / coin": (eps * norm / by_coin.abs().mean()).item(),
        "clean error": (score <= 0).float().mean().item(),
        "error after the coin": (score + by_coin <= 0).float().mean().item(),
        "error after the worst step": (score <= eps * norm).float().mean().item(),
    }


sides = [7, 14, 28]
found = [at_size(side, eps=0.05) for side in sides]
for name in found[0]:
    print(f"measured {name}, at 7, 14, 28: " + ", ".join(f"{row[name]:.3g}" for row in found))

# %%
kinds = ["clean error", "error after the coin", "error after the worst step"]
plots.curves(
    sides,
    {name: [row[name] for row in found] for name in kinds},
    xlabel="pixels on a side",
    ylabel="error at eps = 0.05",
    percent=True,
    title="the same digits in three sizes",
)

# %%
norm_guess.compare("2 to 3 times")
smallest, _, largest = found
claim(
    "norm-grows",
    largest["||w||_1"] / smallest["||w||_1"],
    low=2.0,
    high=3.0,
    unit="times",
    statement="with 16 times as many pixels, the trained weights' ||w||_1 grows by",
)

# %% [markdown]
# **What it shows.** Training on more pixels made the weights smaller on average, so $\lVert w\rVert_1$ grew far less than $n$. The picture's own score $y\,(w^\top x + b)$ grew too, and it is what the step has to overcome. So the error under the worst step does not follow $n$. What survives is the comparison with the coin: about 8 times at 7 × 7, about 27 times at 28 × 28, close to $\sqrt n$. At 28 × 28 the coin changes next to nothing, and the worst step, here of $\epsilon = 0.05$, breaks about half of the digits.
#
# **What it does not show.** Larger pictures with more detail. Averaging changes what there is to see, and these are one model, two classes and one length of training.

# %% [markdown]
# ## 4. What is the loss at its worst?
#
# Training minimises $\zeta(-y\,(w^\top x + b))$ with the softplus $\zeta(z) = \log(1 + e^z)$: the cross-entropy of the two logits. The worst step lowers $y\,(w^\top x + b)$ by exactly $\epsilon\lVert w\rVert_1$, so the loss that the attacker reaches is known in closed form:
#
# $$\max_{|\eta_i|\le\epsilon}\ \zeta\bigl(-y\,(w^\top(x+\eta) + b)\bigr) = \zeta\bigl(\epsilon\lVert w\rVert_1 - y\,(w^\top x + b)\bigr).$$
#
# The paper prints this in its section 5 with a sign that holds for $y = +1$ only. The form above holds for both.
#
# **Exercise.** Write it, for a batch of pictures that are flattened to rows.


# %%
def worst_case_loss(w, b, x, y, eps):
    """The logistic loss of each example after the worst step within eps.

    w: [n] weights. b: a number. x: [N, n] pictures. y: [N] labels, -1 or +1.
    Returns [N], made of tensor operations for autograd to follow: such a loss can be trained.
    """
    ...


worst_case_loss = checks.worst_case_loss(worst_case_loss)

# %% [markdown]
# Check it against an attack that knows nothing of linear models, the *fast gradient sign method* (FGSM): one step of $\epsilon$ along the sign of the loss's gradient in the picture, which automatic differentiation gives for any differentiable model.

# %%
x_adv = attacks.fgsm(logistic, x, class_test, eps, clip=None)
loss_attack = F.cross_entropy(logistic(x_adv), class_test, reduction="none").detach()
loss_formula = worst_case_loss(w, b, x.flatten(1), y, eps)
claim(
    "logistic-worst-loss",
    (loss_attack / loss_formula - 1).abs().max(),
    high=1e-3,
    unit="",
    statement="FGSM reaches the closed form's loss on every three and seven; largest relative deviation",
)

# %% [markdown]
# ## 5. Does one step fool a network that is not linear?
#
# Train three models on all 60,000 digits: softmax regression, which is linear; a small convolutional network (*usual* in the figures); and an RBF network (radial basis functions), which measures the distance of the picture from a learnt prototype of each class. The training takes about 20 seconds.

# %%
softmax, network, rbf = models.SoftmaxRegression(), models.ConvNet(), models.RBF()


def rbf_objective(model, x, y):
    return models.binary_cross_entropy(model(x), y).mean()  # each class answers for itself


train, test = digits.train, digits.test
training.fit(softmax, train.x, train.y, objective=training.clean, epochs=2, lr=3e-3)
training.fit(network, train.x, train.y, objective=training.clean, epochs=1, lr=3e-3)
training.fit(rbf, train.x, train.y, objective=rbf_objective, epochs=2, lr=3e-2)

# %%
coins = torch.Generator().manual_seed(0)
radii = [0.0, 0.05, 0.1, 0.25]
under = {
    "usual, one step": attacks.fgsm,
    "usual, noise": partial(attacks.sign_noise, generator=coins),
}
errors = {
    name: [evaluate(network, *test, partial(attack, eps=e, clip=None)).error for e in radii]
    for name, attack in under.items()
}
plots.curves(
    radii,
    errors,
    xlabel="eps",
    ylabel="error",
    percent=True,
    mark=0.1,
    title="a convolutional network under one step and under a coin's signs",
)

# %%
claim(
    "conv-step",
    errors["usual, one step"][2],
    low=0.55,
    high=0.95,
    unit="%",
    statement="error of the convolutional network after one step of 0.1, all test digits",
)

# %% [markdown]
# It falls. Is it nearly linear along that step? Its *logits* $z_0, \dots, z_9$ are the ten numbers that it gives before they are turned into probabilities.
#
# Take one test digit and walk along the sign of the gradient of the loss in its pixels, from $-10$ to $10$ in every pixel: far beyond any picture, as in the paper's Figure 4.
#
# **Your prediction.** Seen along this line, the convolutional network's logits are …

# %%
line_guess = predict("line", ["ten straight lines", "a few straight pieces", "a tangle of wiggles"])
line_guess

# %%
distances = torch.linspace(-10, 10, 201)


def along_gradient_sign(model, image, label, distances):
    """The logits of one image [1, C, H, W] moved by each distance along its gradient's sign."""
    direction = attacks.fgsm(model, image, label, 1.0, clip=None) - image
    with torch.no_grad():
        return model(image + distances[:, None, None, None] * direction)


image, label = test.x[:1], test.y[:1]
logits = along_gradient_sign(network, image, label, distances)
plots.curves(
    distances,
    {f"logit of {k}": logits[:, k] for k in (7, *logits[-1].topk(3).indices.tolist())},
    xlabel="distance along the gradient's sign, per pixel",
    ylabel="logit",
    title="logits along a line: the digit's own, 7, and the three largest at distance 10",
)

# %% [markdown]
# How straight is that? Fit a straight line to each of the ten logits over a stretch of the walk, and ask what share of the logit's movement the line explains ($R^2$: 1 for a perfect line, 0 for a line that explains nothing). Three stretches, for 20 digits: where attacks live, far beyond it, and the whole walk.


# %%
def straightness(values, t):
    """R^2 of a straight line through each column of the logits [D, 10], at the distances t."""
    design = torch.stack([t, torch.ones_like(t)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, values).solution
    return 1 - (values - fitted).var(dim=0) / values.var(dim=0)


def typical_straightness(model, low, high):
    t = torch.linspace(low, high, 101)
    lines = [along_gradient_sign(model, test.x[i : i + 1], test.y[i : i + 1], t) for i in range(20)]
    return torch.stack([straightness(line, t) for line in lines]).median().item()


# %%
stretches = {"0 to 0.25": (0, 0.25), "0 to 10": (0, 10), "-10 to 10": (-10, 10)}
specimens = {"softmax regression": softmax, "usual": network, "RBF": rbf}
r2 = torch.tensor(
    [[typical_straightness(m, *ends) for ends in stretches.values()] for m in specimens.values()]
)
plots.matrix(
    r2,
    list(specimens),
    list(stretches),
    xlabel="stretch of the walk",
    ylabel="",
    title="median R² of straight lines through the logits, 20 digits",
)

# %%
line_guess.compare("a few straight pieces")
claim(
    "straight-near",
    r2[1, 0],
    low=0.93,
    high=0.995,
    unit="",
    statement="median R² of the convolutional network's logits from 0 to 0.25",
)
claim("F4-line", r2[1, 1], low=0.98, unit="", statement="the same from 0 to 10")

# %% [markdown]
# **What it shows.** Within the steps of an attack a typical logit of the convolutional network is nearly straight (half a parabola would get 0.94). From 0 to 10 it is straighter still. Over the whole walk it bends at the digit. The RBF network's logits are nearly parabolas: over the whole walk a straight line explains nothing of them, and yet up to 0.25 it explains most of a typical one.
#
# One line is one direction. Take a second one beside it, a random sign for each pixel, and look at the plane of both: which class does the convolutional network read where? Move along either, on one of 20 digits.

# %%
direction_explorer(network, test.x[:20], test.y[:20])

# %% [markdown]
# The digit is in the middle; the number in a region is the class that is read there.
#
# **What it does not show.** That straightness is why the network falls: a straight line can also rise too slowly to matter.

# %% [markdown]
# ## 6. How far does the linear prediction reach?
#
# Take as the quantity to predict how far the best wrong class is ahead of the right one, the *margin* $m(x) = \max_{j\ne y} z_j(x) - z_y(x)$; the model errs where it is positive. To first order, the gradient-sign step changes it by
#
# $$m(x + \epsilon\,\mathrm{sign}(\nabla m)) - m(x) \;\approx\; \epsilon\,\lVert\nabla m\rVert_1 .$$
#
# For a linear model this is exact as long as the same wrong class leads. Measure the true change over the predicted one, on the first 2,000 test digits, for softmax regression, for the *usual* network from above, and for a *hardened* one of the same shape, trained also on its own gradient-sign examples ([notebook 03](03_adversarial_training.ipynb) tells how). Training takes about 15 seconds.

# %%
hardened = models.ConvNet()
training.fit(hardened, train.x, train.y, objective=training.Adversarial(0.25), epochs=1, lr=3e-3)

# %% [markdown]
# **Your prediction.** At $\epsilon = 0.25$, what fraction of the change that the gradient promised does the usual network deliver on a typical digit?

# %%
gain_guess = predict("gain", low=0, high=2)
gain_guess


# %%
def kept_promise(model, eps):
    """True over predicted change of the margin: the median over 2,000 test digits."""
    gain = linearity.first_order_gain(
        model, test.x[:2000], test.y[:2000], eps, loss=attacks.margin_loss
    )
    return (gain.true / gain.predicted).nanmedian().item()


radii = [0.001, 0.003, 0.01, 0.03, 0.1, 0.25]
pair = {"softmax regression": softmax, "usual": network, "hardened": hardened}
kept = {name: [kept_promise(model, e) for e in radii] for name, model in pair.items()}
plots.curves(
    radii,
    kept,
    xlabel="eps",
    ylabel="true / predicted change, median",
    log="x",
    mark=0.1,
    title="what is kept of the change that the gradient promised",
)

# %%
usual, hard = kept["usual"][-1], kept["hardened"][-1]
gain_guess.compare(usual)
claim("gain-usual", usual, 0.5, 0.85, unit="", statement="the usual network's median at 0.25")
claim("gain-hardened", hard, high=0.6, unit="", statement="the hardened network's median")

# %% [markdown]
# **What it shows.** For the usual network the gradient at the picture keeps more than half of its promise on a typical digit, over the whole range. For the hardened one the promise holds close to the picture and breaks further out.
#
# **What it does not show.** That the hardened network is safe. A promise that is broken says only that *this* step does less than it seemed to; another may do more. [Notebook 03](03_adversarial_training.ipynb) looks for a better one.

# %% [markdown]
# ## 7. What speaks for and against the linear view?
#
# **A model that is not linear.** The RBF network answers with ten separate numbers between 0 and 1, one for each class, each a sigmoid of its logit; they need not add up to 1. A softmax has to share out 100 %, so the largest of its ten is at least 10 %. The *confidence* in what is read is the largest of the ten, either way.
#
# **Your prediction.** After a step of $\epsilon = 0.25$ the RBF network misreads some digits. How confident is it there, on average?

# %%
rbf_guess = predict("rbf", low=0, high=1, unit="%")
rbf_guess


# %%
def confidence(model, images, labels):
    """Mean confidence where the model reads rightly, and where it errs."""
    with torch.no_grad():
        probabilities = model.probabilities(model(images))
    sure, read = probabilities.max(dim=1)
    return sure[read == labels].mean().item(), sure[read != labels].mean().item()


rows = {"softmax regression": (softmax, None), "RBF": (rbf, models.binary_cross_entropy)}
reports, sure = {}, []
for name, (model, loss) in rows.items():  # each under the loss that it was trained on
    step = partial(attacks.fgsm, eps=0.25, clip=None, loss=loss)
    reports[name] = evaluate(model, *test, step)
    sure.append([*confidence(model, *test), *confidence(model, step(model, *test), test.y)])
plots.matrix(
    torch.tensor(sure),
    list(rows),
    ["clean, right", "clean, wrong", "attacked, right", "attacked, wrong"],
    xlabel="mean confidence",
    ylabel="",
    percent=True,
    title="how confident each model is (blank: no such digit)",
)

# %%
rbf_guess.compare(reports["RBF"].confidence_on_errors, unit="%")
claim("S4-softmax-error", reports["softmax regression"].error, low=0.97)
claim("S7-rbf-error", reports["RBF"].error, low=0.5, high=0.85)
claim("S7-rbf-confidence-mistakes", reports["RBF"].confidence_on_errors, low=0.0, high=0.05)

# %% [markdown]
# **What it shows.** The RBF network errs under the step, too, though less often. Its confidence collapses away from the prototypes; softmax regression stays sure. But the RBF network's also collapses on attacked digits that are still read rightly: it says "this is far from every prototype", not "I am wrong".
#
# **What it does not show.** That the paper's numbers are reproduced. [Notebook 08](08_the_paper_in_numbers.ipynb) shows how far errors and confidence depend on the form of the RBF network and on its training.

# %% [markdown]
# **Three models that are linear.** Tanay and Griffin argue that what matters is not linearity but *tilt*: how far the boundary between two classes leans towards the digits along directions in which they hardly vary. Take three models for threes and sevens, all exactly linear:
#
# - **trained:** the weights $w$ of section 2;
# - **difference of means:** the mean seven minus the mean three, with the boundary through the mean picture and no optimiser at all;
# - **tilted:** the trained weights, but each pixel that is black in every three and seven of the training set gets a weight of ten times the average size. Hardly a digit notices, since black times anything is 0.
#
# **Your prediction.** At $\epsilon = 0.1$ the trained model errs on nearly every digit. On what share does the difference of means err, at the same $\epsilon$?

# %%
tilt_guess = predict("tilt", low=0, high=1, unit="%")
tilt_guess

# %%
black = x_train.flatten(1).amax(dim=0) == 0
tilted = torch.where(black, 10 * w.abs().mean(), w)
halfway = means @ x_train.flatten(1).mean(dim=0)
linear = {"tilted": (tilted, b), "trained": (w, b), "difference of means": (means, -halfway)}


def error_at(weights, offset, eps):
    """The exact error after the worst step: no attack is needed for a linear model."""
    scores = y * (x.flatten(1) @ weights + offset)
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
    mark=0.1,
    title="three linear models under their own worst step",
)

# %%
tilt_guess.compare(worst["difference of means"][3], unit="%")
claim(
    "tilt-small",
    worst["tilted"][1],
    low=0.4,
    high=1.0,
    unit="%",
    statement="error of the tilted model, already at eps = 0.02",
)

claim(
    "tilt-means",
    worst["difference of means"][3],
    low=0.1,
    high=0.25,
    unit="%",
    statement="error of the difference of means at eps = 0.1",
)

# %% [markdown]
# **What it shows.** Three straight boundaries read nearly all clean digits right, and the error at $\epsilon = 0.05$ is about 100 % (tilted), 50 % (trained) and 8 % (difference of means). The attacker gains $\epsilon\lVert w\rVert_1$; the model sets its score $y\,(w^\top x + b)$ against it. The tilt raised $\lVert w\rVert_1$ and left the score nearly as it was. At $\epsilon = 0.25$ the difference of means falls too, as the figure's right end shows.
#
# **What it does not show.** Which side is right about networks. The linear view says how small changes *can* add up, and why one step along a sign finds them. It does not say why they add up to more than the score in one model and to less in another. The tilted weights are made by hand; that training tilts networks is what Tanay and Griffin argue.

# %% [markdown]
# ## What you take with you
#
# - A step that is tiny in each of $n$ pixels adds up to $\epsilon\lVert w\rVert_1$ when its signs agree with the weights. A coin's step of the same size does about $\sqrt n$ times less to the weights of sections 1 and 3.
# - For a linear model of two classes the worst score and the worst loss have a closed form. One step of 0.1 broke most digits of a convolutional network, and a typical logit of it is nearly straight along the step.
# - Linear does not mean equally vulnerable: what counts is $\epsilon\lVert w\rVert_1$ against the score $y\,(w^\top x + b)$. In section 3 more pixels raised both.
#
# **Misconceptions.** *"Adversarial steps are a kind of noise."* Sections 1, 3 and 5: noise of the same size did far less to single units, to logistic regression and to the convolutional network. *"They need wildly non-linear networks."* Section 2: a model with no non-linearity falls to them completely.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), sections 3, 4, 5, 7 and 8. Tanay, Griffin, *A Boundary Tilting Perspective on the Phenomenon of Adversarial Examples* (2016, arXiv 1608.07690), sections 3 and 4. [Notebook 06](06_bug_or_feature.ipynb) measures a rival explanation: that the step is something the network has learnt.
#
# Next: [Crafting with the gradient's sign](02_gradient_sign_crafting.ipynb).

# %%
progress.show("01_linear_explanation")
