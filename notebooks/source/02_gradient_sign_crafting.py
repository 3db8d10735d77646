# %% [markdown]
# # Crafting with the gradient's sign
#
# **Write the attack, watch it break a trained network, and see what separates it from noise.**
#
# *60 minutes. You need [the linear explanation](01_linear_explanation.ipynb). After this notebook you can*
#
# - *write the fast gradient sign method, and check that it is right;*
# - *measure an attack against a control of the same size that does not use the gradient;*
# - *repeat the step until the model errs, and aim it;*
# - *recognise a broken attack by its symptoms.*

# %%
from functools import partial

import torch

from advtutor import attacks, checks, models, plots, progress, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict
from advtutor.widgets import attack_stepper, eps_explorer

digits = mnist()
x, y = digits.test

# %% [markdown]
# ## 1. Who attacks, and with what?
#
# An attack means nothing without its rules. Here they are:
#
# - **Goal:** any wrong class will do.
# - **Knowledge:** all of it (a *white box*). The attacker has the network, its weights and the true label.
# - **Power:** each pixel may move by at most $\epsilon$, and must stay in $[0, 1]$. On MNIST we take $\epsilon = 0.25$, as the paper does.
# - **Score:** the *error*, the share of the test digits that the network misreads.
#
# The victim is the small convolutional network of the last notebook, trained as usual for one epoch on all 60,000 digits.

# %%
network = models.ConvNet()
training.fit(network, digits.train.x, digits.train.y, objective=training.clean, epochs=1, lr=3e-3)

# %% [markdown]
# ## 2. Which step raises the loss most?
#
# Very near a picture the loss is almost a linear function of the step:
#
# $$J(x + \eta, y) \approx J(x, y) + \eta^\top\nabla_x J(x, y).$$
#
# Here $J$ is the cross-entropy and $\eta$ the step. The last term is the sum $w^\top\eta$ of the last notebook, with the gradient instead of the weights. So the best step for this approximation moves each pixel by $\epsilon$ in the direction of its gradient's sign. It is the **fast gradient sign method** (FGSM):
#
# $$x_{\mathrm{adv}} = \mathrm{clip}_{[0,1]}\bigl(x + \epsilon\,\mathrm{sign}(\nabla_x J(x, y))\bigr).$$
#
# **Exercise.** Write it. `torch.autograd.grad(loss, x)` gives a tuple with one entry, the gradient with respect to `x`, and does not touch the weights' `.grad` (`backward()` would). The check names the usual mistakes; `checks.fgsm.hint()` helps one step at a time.


# %%
def fgsm(model, x, y, eps):
    """One gradient-sign step, clipped to [0, 1].

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. Returns x_adv like x, detached.
    """
    ...


fgsm = checks.fgsm(fgsm)

# %% [markdown]
# **Your prediction:** of the test digits, what share does the network misread after this one step with $\epsilon = 0.25$?

# %%
guess = predict("fgsm-error", low=0, high=1, unit="%")
guess

# %%
guess.compare(evaluate(network, x, y, partial(fgsm, eps=0.25)).error, unit="%")

# %%
one, label = x[:1], y[:1]
one_adv = fgsm(network, one, label, 0.25)


def read(image):
    probability, digit = network(image).softmax(dim=1)[0].max(dim=0)
    return f"read as {digit.item()}\n({probability.item():.0%} sure)"


plots.step(one[0], one_adv[0], read(one), read(one_adv), eps=0.25, title="a digit and its step")

# %% [markdown]
# White in the middle picture are black pixels that the clip held back.
#
# ## 3. Is it the size of the step, or its direction?
#
# "Of course the network errs, the picture got noisy." Test that with a control that changes the picture without the gradient: `sign_noise` moves every pixel by $\epsilon$, up or down by a coin, and clips, as your step does.

# %%
strengths = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
coins = partial(attacks.sign_noise, generator=torch.Generator().manual_seed(0))
errors = {
    name: [evaluate(network, x[:2000], y[:2000], partial(attack, eps=e)).error for e in strengths]
    for name, attack in {"usual, one step": fgsm, "usual, noise": coins}.items()
}
plots.curves(
    strengths,
    errors,
    xlabel="eps",
    ylabel="error on 2,000 test digits",
    percent=True,
    mark=0.25,
    title="one step along the gradient's sign, and noise of the same size",
)

# %% [markdown]
# **What it shows.** Neither attack moves a pixel by more than $\epsilon$. With random signs the error at 0.25 is higher than on clean digits and still small; with the gradient's signs it is nearly all. It is the direction that does it.
#
# See it on single digits. The grey bars are for the untouched digit, the blue ones for three changes of at most 0.1 in a pixel. (The second repeats the step, as section 4 does.)

# %%
eps_explorer(network, x[:20], y[:20])

# %% [markdown]
# ## 4. What if one step is not enough?
#
# With a smaller $\epsilon$ some digits survive one step. Repeat it: take a short step, look at the gradient again, take another, and stay within $\epsilon$ of the original in every pixel. All pictures within $\epsilon$ of the original form the *ball* of radius $\epsilon$. A step may lead out of it, so each is followed by a *projection*: back to the nearest point of the ball, and of $[0, 1]$.
#
# **Exercise.** Write the projection: the point of the ball around `x`, and of $[0, 1]$, that is nearest to `x_adv`.


# %%
def project_linf(x_adv, x, eps):
    """The point nearest to x_adv that is within eps of x in every pixel, and in [0, 1].

    x_adv, x: [N, C, H, W]. Returns a tensor like x_adv.
    """
    ...


project_linf = checks.project_linf(project_linf)

# %% [markdown]
# The **basic iterative method** (BIM), with $P$ for the projection and $a$ for the length of a step:
#
# $$x_{k+1} = P\bigl(x_k + a\,\mathrm{sign}(\nabla_x J(x_k, y))\bigr), \qquad x_0 = x .$$
#
# **Exercise.** Write it. You may use `fgsm` and `project_linf`.


# %%
def bim(model, x, y, eps, step_size, steps):
    """`steps` gradient-sign steps of `step_size`, each one back into the ball and into [0, 1].

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. Returns x_adv like x, detached.
    """
    ...


bim = checks.bim(bim)

# %% [markdown]
# What do more steps find? (BIM takes ten steps of $\epsilon/5$, together enough to cross the ball.)

# %%
strengths = [0.0, 0.05, 0.075, 0.1, 0.15, 0.2]
torch.manual_seed(0)
methods = {
    "usual, one step": fgsm,
    "usual, ten steps": lambda m, x, y, eps: bim(m, x, y, eps, eps / 5, 10),
    "usual, PGD": lambda m, x, y, eps: attacks.pgd(m, x, y, eps, step_size=eps / 8, steps=20),
}
found = {
    name: [evaluate(network, x[:1000], y[:1000], partial(a, eps=e)).error for e in strengths]
    for name, a in methods.items()
}
plots.curves(
    strengths,
    found,
    xlabel="eps",
    ylabel="error on 1,000 test digits",
    percent=True,
    mark=0.1,
    title="one step, ten (BIM), and 20 from a random start (PGD)",
)

# %%
single, repeated, _ = [row[3] for row in found.values()]
claim(
    "bim-beats-fgsm",
    repeated - single,
    low=0.05,
    high=0.3,
    statement="how much more ten steps break than one (eps=0.1, 1,000 digits)",
    unit="%",
)

# %% [markdown]
# **What it shows.** Between 0.05 and 0.2, short steps find mistakes that one long step misses. The curve with 20 steps is **projected gradient descent** (PGD): BIM, but from a random point of the ball instead of the picture. On this network it finds about as much as BIM.
#
# Follow PGD step by step. The middle panel shows two of the 784 pixels. The walls are the ends of the ball, or of $[0, 1]$ where they are nearer.

# %%
attack_stepper(network, x[:20], y[:20])

# %% [markdown]
# **What it does not show.** That the network is safe where the curve is low. An attack that fails proves nothing; a better one may succeed.
#
# ## 5. When is it enough?
#
# An attacker who wants a small change stops changing each picture as soon as it is misread.
#
# **Exercise.** Write that: before each step, see which pictures the network still reads as `y`; only those take the step.


# %%
def bim_until_fooled(model, x, y, eps, step_size, steps):
    """As `bim`, but a picture that the model misreads stays as it is from then on.

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. Returns x_adv like x, detached.
    """
    ...


bim_until_fooled = checks.bim_until_fooled(bim_until_fooled)

# %%
few, few_labels = x[:1000], y[:1000]
stopped = bim_until_fooled(network, few, few_labels, 0.25, 0.01, 25)
reach = (stopped - few).abs().flatten(1).amax(dim=1)
plots.histogram(
    {"digits": reach},
    bins=25,
    xlabel="how far the most moved pixel went",
    title="1,000 digits, stopped at the first mistake",
)

# %%
claim(
    "until-fooled",
    reach.median(),
    low=0.05,
    high=0.14,
    unit="",
    statement="median over 1,000 digits of the furthest that a pixel moved until the first mistake",
)

# %% [markdown]
# **What it shows.** Half of the digits fall to a change of about a tenth of the range or less. (The bar at 0 holds the digits that are misread untouched.) `attacks.minimal_epsilon` searches for the smallest $\epsilon$ of each picture more finely.
#
# ## 6. Can you choose the mistake?
#
# So far any wrong class would do. A *targeted* attack goes *down* the loss of the class you want, instead of up the loss of the true one.
#
# **Exercise.** Write one targeted step.


# %%
def targeted_fgsm(model, x, target, eps):
    """One gradient-sign step towards the class `target`, clipped to [0, 1].

    x: [N, C, H, W] in [0, 1]. target: [N] classes to reach. Returns x_adv like x, detached.
    """
    ...


targeted_fgsm = checks.targeted_fgsm(targeted_fgsm)

# %% [markdown]
# Repeat it 20 times inside the ball of radius 0.25, on the first 20 test digits of each class. **Your prediction:** a digit can be made into …

# %%
target_guess = predict("targets", ["look-alikes only (4 and 9)", "about half", "nearly any class"])
target_guess


# %%
def aim(x, target, eps=0.25, steps=20):
    x_adv = x
    for _ in range(steps):
        x_adv = project_linf(targeted_fgsm(network, x_adv, target, eps / 8), x, eps)
    return x_adv


twenty = torch.cat([x[y == k][:20] for k in range(10)])  # of each digit
reached = [network(aim(twenty, torch.full((200,), k))).argmax(dim=1) == k for k in range(10)]
success = torch.stack(reached, dim=1).float().reshape(10, 20, 10).mean(dim=1)
success.fill_diagonal_(torch.nan)

names = [str(k) for k in range(10)]
plots.matrix(
    success,
    names,
    names,
    xlabel="the class aimed at",
    ylabel="digit",
    percent=True,
    title="how often the aim is reached, 20 digits of each class",
)

# %%
seven, aims = x[:1].expand(6, 1, 28, 28), torch.arange(6)
aimed = aim(seven, aims)
plots.images(
    aimed,
    [f"read as {k}" for k in network(aimed).argmax(1).tolist()],
    columns=6,
    title="one seven, aimed at 0 to 5",
)

# %%
claim(
    "targets-reached",
    success.nanmean(),
    low=0.85,
    unit="%",
    statement="mean over the 90 pairs of digit and target (eps=0.25, 20 steps)",
)
target_guess.compare("nearly any class")

# %% [markdown]
# **What it shows.** Nearly every aim is reached, and in the row of sevens you still see a seven. Look for the pair that resists most.
#
# ## 7. What breaks an attack?
#
# An evaluation can go wrong silently: you still get pictures and an error rate, and can trust neither. Here are three mistakes, each run on the first 1,000 test digits. One is yours to find; the line at fault is folded away at the end of the section.


# %%
def gradient_of(model, x, y):
    """The gradient of the cross-entropy with respect to the pictures."""
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    return torch.autograd.grad(loss, x)[0]


# %% [markdown]
# **Mistake 1: eps in normalised units.** A model often wants pixels that were shifted and scaled, $(x - 0.13)/0.31$ on MNIST. If you add $\epsilon$ to those numbers, each pixel moves by only $0.31\,\epsilon$: by 0.08 instead of 0.25. *Symptom:* the pixels move less than you asked for, and the model looks more robust than it is.

# %%
mean, spread = 0.13, 0.31


def inside(normalised):
    """The network, for pixels that were normalised."""
    return network(normalised * spread + mean)


normalised = (few - mean) / spread
step = 0.25 * gradient_of(inside, normalised, few_labels).sign()
broken = ((normalised + step) * spread + mean).clamp(0, 1)

# %%
claim(
    "normalised-error",
    (network(broken).argmax(dim=1) != few_labels).float().mean(),
    low=0.15,
    high=0.7,
    unit="%",
    statement="the error that this attack reports, where FGSM at 0.25 breaks nearly all",
)

# %% [markdown]
# **Mistake 2.** Yours to find: which line? *Symptom:* measured three times in a row, the error grows.


# %%
def broken_two(model, x, y, eps):
    step = eps * gradient_of(model, x, y).sign()  # line 1
    x += step  # line 2
    return x.clamp(0, 1)  # line 3


# %%
batch = few.clone()
in_a_row = [
    (network(broken_two(network, batch, few_labels, 0.1)).argmax(1) != few_labels).float().mean()
    for _ in range(3)
]
claim(
    "three-in-a-row",
    in_a_row[-1] - in_a_row[0],
    low=0.1,
    unit="%",
    statement="what the third measurement adds to the first, with the same attack and batch",
)

# %% [markdown]
# **Mistake 3: a verdict from one step.** This network was trained on clean digits and on gradient-sign examples of one size, $\epsilon = 0.5$ ([the next notebook](03_adversarial_training.ipynb) is about such training). Measure it with one step, with ten, and with the control of section 3.

# %%
patient = models.ConvNet()
training.fit(
    patient, digits.train.x, digits.train.y, objective=training.Adversarial(0.5), epochs=1, lr=3e-3
)
sizes = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
tried = {
    "hardened, one step": fgsm,
    "hardened, ten steps": methods["usual, ten steps"],
    "hardened, noise": coins,
}
patients = {
    name: [evaluate(patient, few, few_labels, partial(a, eps=e)).error for e in sizes]
    for name, a in tried.items()
}
plots.curves(
    sizes,
    patients,
    xlabel="eps",
    ylabel="error on 1,000 test digits",
    percent=True,
    title="a network trained on single steps of 0.5",
)

# %%
claim(
    "noise-ahead",
    patients["hardened, noise"][-1] - patients["hardened, one step"][-1],
    low=0.2,
    unit="%",
    statement="how much more noise breaks than one step, at eps = 0.5",
)

# %% [markdown]
# Three symptoms show here: from 0.1 on, more $\epsilon$ breaks less; from 0.2 on, noise, which knows nothing, breaks more than the gradient's step; and ten steps break nearly all. Where noise beats an attack, the attack is not measuring robustness.
#
# What does this network read? Lay the step that was made for one digit on another digit.

# %%
step = fgsm(patient, few, few_labels, 0.5) - few
below, below_labels = few.roll(1, dims=0), few_labels.roll(1)
mixed = below_labels != few_labels
read_as = patient((below + step).clamp(0, 1)).argmax(dim=1)[mixed]
claim(
    "reads-the-step",
    (read_as == few_labels[mixed]).float().mean(),
    low=0.4,
    unit="%",
    statement="a digit under another digit's step is read as that other digit",
)

# %% [markdown]
# The network mostly reads the step, not the digit. [Notebook 04](04_does_the_defence_hold.ipynb) asks what in the step tells it which digit it was made for.
#
# <details><summary>The line at fault in mistake 2</summary>
#
# **Line 2.** `x + step` makes a new tensor, `x += step` changes the caller's. On the second call the pictures are attacked ones already.
#
# </details>
#
# **What it shows.** None of the three gives a message. But the symptoms show: look at how far the pixels moved, at a second run, at whether more $\epsilon$ breaks more, at noise, and at a stronger attack.
#
# **What it does not show.** That these are all the mistakes there are. `advtutor.evaluation.attack_report(model, x, y, attack, eps=…)` asks such questions of an attack whose $\epsilon$ bounds each pixel.

# %% [markdown]
# ## What you take with you
#
# - FGSM is the step of at most $\epsilon$ in each pixel that raises the loss's linear approximation most. Noise of the same size is the control.
# - The error after a single step is a lower bound on what an attacker can do. Repeating it finds more; stopping early finds a smaller change; going down another class's loss aims it.
# - A broken attack can make a model look good. Look for its symptoms before you believe a number.
#
# **Misconceptions.** *"The step has to be large to work."* Section 5: half of the digits fall to about a tenth of the range. *"An eps means the same in every program."* Section 7: normalised or not.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), section 4. Kurakin, Goodfellow, Bengio, *Adversarial examples in the physical world* (2017, arXiv 1607.02533), section 2, for the repeated step. Madry and others, *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018, arXiv 1706.06083), sections 2.1 and 3, for PGD.
#
# Next: [Adversarial training](03_adversarial_training.ipynb).

# %%
progress.show("02_gradient_sign_crafting")
