# %% [markdown]
# # Crafting with the gradient's sign
#
# **You will write the attack, watch it break a trained network, and see what separates it from noise.**
#
# *60 minutes. You need [the linear explanation](01_linear_explanation.ipynb). After this notebook you can*
#
# - *write the fast gradient sign method, and check that it is right;*
# - *measure an attack against controls that make the same change without the gradient;*
# - *recognise a broken attack by its symptoms;*
# - *repeat the step until the model errs, and aim it.*

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
# - **Knowledge:** all of it. The attacker has the network, its weights and the true label.
# - **Power:** each pixel may move by at most $\epsilon$, and must stay in $[0, 1]$. On MNIST we take $\epsilon = 0.25$, as the paper does.
# - **Score:** the share of all 10,000 test digits that the network misreads, and its mean confidence on those.
#
# The victim is the small convolutional network of the last notebook, trained for one epoch on all 60,000 digits.

# %%
network = models.ConvNet()
training.fit(network, digits.train.x, digits.train.y, objective=training.clean, epochs=1, lr=3e-3)

# %%
clean = evaluate(network, x, y)
print(f"measured {clean}")
claim(
    "convnet-clean",
    clean.error,
    high=0.05,
    statement="clean error of the convolutional network after one epoch",
    unit="%",
)

# %% [markdown]
# ## 2. Which step raises the loss most?
#
# Near a picture the loss is almost a linear function of the step:
#
# $$J(x + \eta, y) \approx J(x, y) + \eta^\top\nabla_x J(x, y).$$
#
# This is the sum $w^\top\eta$ of the last notebook, with the gradient in the place of the weights. So the best step within $\epsilon$ is known already. It is the **fast gradient sign method** (FGSM):
#
# $$x_{\mathrm{adv}} = \mathrm{clip}_{[0,1]}\bigl(x + \epsilon\,\mathrm{sign}(\nabla_x J(x, y))\bigr).$$
#
# **Exercise.** Write it. `torch.autograd.grad(loss, x)` gives the gradient with respect to `x` alone and leaves those of the weights as they were. The check tries your function on models and pictures it has never seen and names the mistake it finds; `checks.fgsm.hint()` helps one step at a time.


# %%
def fgsm(model, x, y, eps):
    """One gradient-sign step, clipped to [0, 1].

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. Returns x_adv like x, detached.
    """
    ...


fgsm = checks.fgsm(fgsm)

# %% [markdown]
# Now use it. **Your prediction:** of the test digits, which share does the network misread after this one step with $\epsilon = 0.25$?

# %%
guess = predict("fgsm-error", low=0, high=1, unit="%")
guess

# %%
attacked = evaluate(network, x, y, partial(fgsm, eps=0.25))
print(f"measured {attacked}")
guess.compare(attacked.error, unit="%")
claim(
    "convnet-fgsm",
    attacked.error,
    low=0.85,
    high=1.0,
    statement="FGSM error of the convolutional network (MNIST test, eps=0.25, clipped)",
    unit="%",
)

# %% [markdown]
# Look at one. The middle picture shows the step alone, purple where a pixel got darker and orange where it got lighter.

# %%
one, label = x[:1], y[:1]
one_adv = fgsm(network, one, label, 0.25)


def read(image):
    probability, digit = network(image).softmax(dim=1)[0].max(dim=0)
    return f"read as {digit.item()}\n({probability.item():.0%} sure)"


plots.step(one[0], one_adv[0], read(one), read(one_adv), eps=0.25, title="a digit and its step")

# %% [markdown]
# ## 3. Is it the size of the step, or its direction?
#
# "Of course the network errs, the picture got noisy." Test that. Two controls change the picture without the gradient: `sign_noise` moves every pixel by $\epsilon$, up or down by a coin; `uniform_noise` moves it by a number drawn between $-\epsilon$ and $\epsilon$, half as much on average. Both clip, as your step does.
#
# **Your prediction:** the error after coin-toss noise with $\epsilon = 0.25$, the same size as the step above.

# %%
control_guess = predict("noise-error", low=0, high=1, unit="%")
control_guess

# %%
strengths = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
kinds = {
    "gradient's sign (FGSM)": fgsm,
    "sign noise": attacks.sign_noise,
    "uniform noise": attacks.uniform_noise,
}
torch.manual_seed(0)
reports = {
    name: [evaluate(network, x, y, partial(attack, eps=eps)) for eps in strengths]
    for name, attack in kinds.items()
}
plots.curves(
    strengths,
    {name: [report.error for report in row] for name, row in reports.items()},
    xlabel="eps",
    ylabel="error on 10,000 test digits",
    percent=True,
    title="error against eps",
)

# %%
plots.curves(
    strengths[1:],
    {name: [report.confidence_on_errors for report in row[1:]] for name, row in reports.items()},
    xlabel="eps",
    ylabel="mean confidence on the errors",
    percent=True,
    title="confidence against eps",
)

# %%
noise_error = reports["sign noise"][strengths.index(0.25)].error
control_guess.compare(noise_error, unit="%")
claim(
    "convnet-sign-noise",
    noise_error,
    high=0.15,
    statement="error under sign noise of the same size (MNIST test, eps=0.25, clipped)",
    unit="%",
)

# %% [markdown]
# **What it shows.** Three curves, and no pixel beyond $\epsilon$ in any. With the gradient's signs the error rises to nearly all digits; with random signs it stays near the clean error. It is the direction that does it. And the network is not in doubt: where it errs after the gradient's step, it is surer than where it errs after noise.
#
# See it on single digits. The grey bars are what the network gives the untouched digit, the blue ones what it gives after each of three changes within one bound. (The second, PGD, is section 6's: many short steps.)

# %%
eps_explorer(network, x[:20], y[:20])

# %% [markdown]
# **What it does not show.** Whether one step is the best that can be done. Section 6 asks.

# %% [markdown]
# ## 4. What does clipping change?
#
# The paper adds the step and does not clip: its pictures leave $[0, 1]$. We clip, because a camera cannot record a pixel darker than black. Does that explain its numbers away? Train the shallow softmax classifier of the paper's section 4 and attack it both ways.

# %%
softmax = models.SoftmaxRegression()
training.fit(softmax, digits.train.x, digits.train.y, objective=training.clean, epochs=5, lr=3e-3)
unclipped = evaluate(softmax, x, y, partial(attacks.fgsm, eps=0.25, clip=None))
clipped = evaluate(softmax, x, y, partial(attacks.fgsm, eps=0.25))
print(f"measured unclipped {unclipped}")
print(f"measured clipped   {clipped}")

# %%
claim("S4-softmax-error", unclipped.error, low=0.99, high=1.0)
claim("S4-softmax-confidence", unclipped.confidence_on_errors, low=0.8, high=0.99)
claim(
    "softmax-fgsm-clipped",
    clipped.error,
    low=0.98,
    high=1.0,
    statement="the same error with the pictures clipped to [0, 1]",
    unit="%",
)

# %% [markdown]
# **What it shows.** The error hardly notices the clipping. The confidence does: the unclipped step pushes further, and the classifier is surer of its mistakes. When two people report different numbers for "FGSM at 0.25", this is the first thing to ask about.
#
# **What it does not show.** Our confidence is higher than the paper's. The paper does not say how long it trained, and a linear classifier grows surer the longer it trains.

# %% [markdown]
# ## 5. What breaks an attack?
#
# An attack that is written wrongly fails in silence: it returns pictures and an error, and neither can be trusted. Here are nine mistakes that people really make, each of them run. For six you see the symptom and the line at fault. Three are yours to find.
#
# They are measured on the first 2,000 test digits unless a line says otherwise. Several of them use this gradient:


# %%
def gradient_of(model, x, y):
    """The gradient of the cross-entropy with respect to the pictures."""
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    return torch.autograd.grad(loss, x)[0]


few, few_labels = x[:2000], y[:2000]

# %% [markdown]
# **Mistake 1: no clip.** *Symptom:* pixels below 0 and above 1, which no camera records and no file stores. *At fault:* the line that adds the step.

# %%
broken = few + 0.25 * gradient_of(network, few, few_labels).sign()  # ← no .clamp(0, 1)
outside = ((broken < 0) | (broken > 1)).float().mean()
claim("no-clip", outside, 0.2, 0.8, unit="%", statement="share of pixels that left [0, 1]")

# %% [markdown]
# **Mistake 2: eps in normalised units.** A model often wants pixels that were shifted and scaled, $(x - 0.13)/0.31$ on MNIST. Who attacks those numbers moves a pixel by $0.31\,\epsilon$ only. *Symptom:* the pixels move less than you asked for, and the model looks more robust than it is. *At fault:* eps is added after the normalisation.

# %%
mean, spread = 0.13, 0.31


def inside(normalised):
    """A model that wants normalised pixels."""
    return network(normalised * spread + mean)


normalised = (few - mean) / spread
step = 0.25 * gradient_of(inside, normalised, few_labels).sign()  # ← 0.25 of what?
broken = ((normalised + step) * spread + mean).clamp(0, 1)
claim(
    "normalised-units",
    (broken - few).abs().max(),
    low=0.077,
    high=0.078,
    unit="",
    statement="the furthest that a pixel moved, though eps was 0.25",
)

# %% [markdown]
# **Mistake 3: softmax twice.** `cross_entropy` takes logits and applies the softmax itself. Who hands it probabilities squeezes the loss: ten probabilities pushed through another softmax can never look surer than $e/(e+9)$. *Symptom:* the loss of a picture that the network misreads with certainty stays below $\log(e+9) \approx 2.46$. FGSM hides the mistake, since it uses signs only; anything that uses the size of a gradient, training above all, suffers. *At fault:* the model's last layer, or a softmax in the loss.

# %%
x_adv = fgsm(network, few, few_labels, 0.25)
logits = network(x_adv).detach()
once = torch.nn.functional.cross_entropy(logits, few_labels)
twice = torch.nn.functional.cross_entropy(logits.softmax(dim=1), few_labels)  # ← logits belong here
claim("softmax-once", once, low=4, unit="", statement="mean loss of the attacked digits")
claim("softmax-twice", twice, high=2.4612, unit="", statement="the same loss, softmax taken twice")

# %% [markdown]
# **Mistake 4.** Yours to find. *Symptom:* the pictures are right, but a training step of the same model that does not clear the gradients first goes wrong. Which line is at fault?


# %%
def broken_four(model, x, y, eps):
    x = x.detach().clone().requires_grad_()  # line 1
    loss = torch.nn.functional.cross_entropy(model(x), y)  # line 2
    loss.backward()  # line 3
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()  # line 4


fourth = predict("broken-four", ["line 1", "line 2", "line 3", "line 4"])
fourth

# %%
broken = broken_four(network, few, few_labels, 0.25)
fourth.compare("line 3")
left_behind = sum(p.grad.abs().sum() for p in network.parameters())
network.zero_grad()
claim(
    "gradients-left",
    left_behind,
    low=1e-3,
    unit="",
    statement="sum of the gradients' sizes that the attack left in the weights",
)

# %% [markdown]
# *At fault:* line 3. `backward()` also fills the weights' gradients, and a training step that does not clear them first adds them to its own: **parameter gradients left behind.** `torch.autograd.grad(loss, x)` fills nothing.
#
# **Mistake 5.** Yours to find. *Symptom:* measured once, all is well; measured three times in a row, the error is higher each time.


# %%
def broken_five(model, x, y, eps):
    step = eps * gradient_of(model, x, y).sign()  # line 1
    x += step  # line 2
    return x.clamp(0, 1)  # line 3


fifth = predict("broken-five", ["line 1", "line 2", "line 3"])
fifth

# %%
batch = few.clone()  # a copy, or the digits themselves would be spoilt from here on
for _ in range(3):  # three measurements, one after another, on the same batch
    broken = broken_five(network, batch, few_labels, 0.1)
fifth.compare("line 2")
claim(
    "in-place",
    (batch - few).abs().max(),
    low=0.29,
    high=0.31,
    unit="",
    statement="the furthest that a pixel of the caller's own batch moved, with eps=0.1",
)

# %% [markdown]
# *At fault:* line 2. `x + step` makes a new tensor, `x += step` changes the caller's: **the input is changed in place.** On the second call the pictures are attacked ones already, and on the third they are three steps away.
#
# **Mistake 6.** Yours to find. This victim has dropout: a layer that sets a random half of its inputs to 0 while it trains. *Symptom:* two runs give different pictures, and both are weaker than a sound attack.


# %%
def broken_six(model, x, y, eps):
    model.train()  # line 1
    gradient = gradient_of(model, x, y)  # line 2
    model.eval()  # line 3
    return (x + eps * gradient.sign()).clamp(0, 1)  # line 4


victim = torch.nn.Sequential(torch.nn.Dropout(0.5), network).eval()
sixth = predict("broken-six", ["line 1", "line 2", "line 3", "line 4"])
sixth

# %%
torch.manual_seed(0)
two = [broken_six(victim, few, few_labels, 0.1) for _ in range(2)]
sixth.compare("line 1")
claim(
    "train-mode",
    (two[0] != two[1]).float().mean(),
    low=0.1,
    unit="%",
    statement="share of pixels in which two runs of the same attack differ",
)
weaker = evaluate(victim, few, few_labels, partial(broken_six, eps=0.1)).error
sound = evaluate(victim, few, few_labels, partial(fgsm, eps=0.1)).error
claim(
    "train-mode-cost", sound - weaker, low=0.03, unit="%", statement="error that this attack loses"
)

# %% [markdown]
# *At fault:* line 1, **the model in train mode.** The gradient is that of a network with half of its inputs missing, which is not the one under attack.
#
# **Mistake 7: mistakes counted as successes.** A model errs on some clean pictures. Who counts every error as a success of the attack, credits it with those. *Symptom:* an attack with $\epsilon = 0$ succeeds. *At fault:* the count. `evaluate` keeps the two apart: `error` is over all pictures, `success_rate` over those that were read rightly before. On all 10,000 test digits:

# %%
nothing = evaluate(network, x, y, partial(fgsm, eps=0.0))
claim("counted-error", nothing.error, 0.005, 0.05, unit="%", statement="error at eps=0")
claim(
    "counted-success", nothing.success_rate, high=0.0, unit="%", statement="success rate at eps=0"
)

# %% [markdown]
# Mistakes 8 and 9 need a network that was trained on gradient-sign examples of one size, $\epsilon = 0.5$. [The next notebook](03_adversarial_training.ipynb) is about such training; here the network is only a patient. Its errors are those of the first 1,000 test digits.

# %%
patient = models.ConvNet()
training.fit(
    patient, digits.train.x, digits.train.y, objective=training.Adversarial(0.5), epochs=1, lr=3e-3
)

# %%
sizes = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
patients = {
    "one step (FGSM)": [
        evaluate(patient, few[:1000], few_labels[:1000], partial(fgsm, eps=e)).error for e in sizes
    ],
    "ten steps (BIM)": [
        evaluate(patient, few[:1000], few_labels[:1000], partial(attacks.bim, eps=e)).error
        for e in sizes
    ],
}
plots.curves(
    sizes,
    patients,
    xlabel="eps",
    ylabel="error on 1,000 test digits",
    percent=True,
    title="a patient",
)

# %% [markdown]
# **Mistake 8: label leaking.** The step is computed from the true label, so its pattern of signs tells the network which label it was. A network that has seen enough of these patterns learns to read them. *Symptom:* more eps breaks less. *At fault:* examples of one size, made by one step with the true label, and a test with the same kind.
#
# **Mistake 9: a verdict from a single step.** *Symptom:* ten steps of the same budget find far more. *At fault:* whoever stops after FGSM.

# %%
one_step, ten_steps = patients.values()
claim(
    "leaking",
    max(one_step) - one_step[-1],
    low=0.1,
    unit="%",
    statement="error under one step at its worst eps, above that at eps=0.5",
)
claim(
    "single-step",
    ten_steps[-1] - one_step[-1],
    low=0.3,
    unit="%",
    statement="what ten steps add to one at eps=0.5",
)

# %% [markdown]
# **What it shows.** Four of the nine make a model look more robust than it is (2, 6, 8, 9), three credit the attack with too much (1, 5, 7), and two leave FGSM's pictures right and spoil something else (3, 4). None gives a message. The symptoms do tell: look at how far the pixels moved, at two runs, at $\epsilon = 0$, at whether more eps breaks more, and at a stronger attack.
#
# **What it does not show.** All mistakes there are. `evaluation.attack_report(model, x, y, attack, eps=…)` asks these questions of any attack on any model; [Notebook 04](04_does_the_defence_hold.ipynb) makes a table of them.

# %% [markdown]
# ## 6. What if one step is not enough?
#
# FGSM trusts the linear approximation over the whole of $\epsilon$. With a smaller $\epsilon$ some digits survive it. Repeat instead: take a short step, look at the gradient again, take another, and never leave the ball of radius $\epsilon$ around the picture: here the set of pictures no pixel of which is further than $\epsilon$ away. This is the **basic iterative method** (BIM):
#
# $$x_{k+1} = \mathrm{clip}_{[0,1]}\Bigl(\mathrm{clip}_{[x-\epsilon,\,x+\epsilon]}\bigl(x_k + a\,\mathrm{sign}(\nabla_x J(x_k, y))\bigr)\Bigr), \qquad x_0 = x,$$
#
# with a step size $a$ smaller than $\epsilon$.
#
# **Exercise.** Write it.


# %%
def bim(model, x, y, eps, step_size, steps):
    """`steps` gradient-sign steps of `step_size`, each one back into the ball and into [0, 1].

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. Returns x_adv like x, detached.
    """
    ...


bim = checks.bim(bim)

# %% [markdown]
# **Your prediction.** At $\epsilon = 0.1$ one step leaves many digits as they were. Ten steps of $0.02$ misread in addition …

# %%
more_guess = predict("bim-more", ["nothing", "5 to 30 % of all digits", "all the rest"])
more_guess

# %%
ten = partial(bim, eps=0.1, step_size=0.02, steps=10)
single, repeated = evaluate(network, x, y, partial(fgsm, eps=0.1)), evaluate(network, x, y, ten)
print(f"measured one step   {single}")
print(f"measured ten steps  {repeated}")
more_guess.compare("5 to 30 % of all digits")
claim(
    "bim-beats-fgsm",
    repeated.error - single.error,
    low=0.05,
    high=0.3,
    statement="what ten steps add to the error of one (eps=0.1)",
    unit="%",
)

# %% [markdown]
# BIM begins at the picture itself, where a network may have arranged its gradient to mislead. **Projected gradient descent** (PGD) begins at a random point of the ball instead. The way back into the ball is the one that you wrote in `bim`; it deserves a name of its own.
#
# **Exercise.** Write the projection: the point of the ball around `x`, and of $[0, 1]$, that is nearest to `x_adv`.


# %%
def project_linf(x_adv, x, eps):
    """The point nearest to x_adv that is within eps of x in every pixel, and in [0, 1].

    x_adv, x: [N, C, H, W]. Returns a tensor like x_adv.
    """
    ...


project_linf = checks.project_linf(project_linf)


# %%
def pgd(model, x, y, eps, step_size, steps):
    """BIM from a random point of the ball."""
    x_adv = project_linf(x + eps * (2 * torch.rand_like(x) - 1), x, eps)
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(x_adv), y)
        (gradient,) = torch.autograd.grad(loss, x_adv)
        x_adv = project_linf(x_adv.detach() + step_size * gradient.sign(), x, eps)
    return x_adv


# %%
strengths = [0.0, 0.05, 0.075, 0.1, 0.15, 0.2]
torch.manual_seed(0)
methods = {
    "one step (FGSM)": fgsm,
    "ten steps (BIM)": lambda m, x, y, eps: bim(m, x, y, eps, eps / 4, 10),
    "20 steps (PGD)": lambda m, x, y, eps: pgd(m, x, y, eps, eps / 8, 20),
}
plots.curves(
    strengths,
    {
        name: [evaluate(network, x[:1000], y[:1000], partial(a, eps=e)).error for e in strengths]
        for name, a in methods.items()
    },
    xlabel="eps",
    ylabel="error on 1,000 test digits",
    percent=True,
    title="one step against many",
)

# %% [markdown]
# **What it shows.** In between, short steps find mistakes that one long step misses. The curves meet where there is nothing left to find. PGD finds no more than BIM here; on other networks it will.
#
# Follow PGD step by step. The square holds two of the 784 pixels: the walls are the ends of the ball (and of $[0, 1]$, where they are nearer), and where a step would leave it, the projection puts it on the wall.

# %%
attack_stepper(network, x[:20], y[:20])

# %% [markdown]
# **What it does not show.** That the network is safe where the curve is low. An attack that fails proves nothing; a better one may succeed.

# %% [markdown]
# ## 7. How little is enough?
#
# "Error at eps" asks one question for all digits. Turn it around: for each digit, the smallest $\epsilon$ at which it is misread. `attacks.minimal_epsilon` searches for it with many short steps; what it finds is an upper bound, since a better search might find less.
#
# **Your prediction:** the median of that smallest $\epsilon$ over the first 1,000 test digits.

# %%
radius_guess = predict("median-radius", low=0, high=0.3)
radius_guess

# %%
n = 1000
radius = attacks.minimal_epsilon(network, x[:n], y[:n])
radius_guess.compare(radius.median())
claim("median-radius", radius.median(), 0.05, 0.13, unit="", statement="median over 1,000 digits")
claim(
    "all-fall",
    (radius <= 0.25).float().mean(),
    low=0.98,
    unit="%",
    statement="of them, misread somewhere within eps=0.25",
)
plots.histogram(
    {"digits": radius},
    xlabel="smallest eps that is enough",
    title="smallest eps",
)

# %%
hardest = radius.argsort(descending=True)[:6]
easiest = (radius + (radius == 0)).argsort()[:6]  # less those misread without any step
shown = torch.cat([hardest, easiest])
plots.images(
    x[shown],
    [f"{y[i].item()}\neps {radius[i].item():.4f}" for i in shown],
    columns=6,
    title="digits: six that need the largest eps, six that need the smallest",
)

# %% [markdown]
# **What it shows.** Half of the digits fall to a change of about a tenth of the range or less. Above are the six that need the most, below the six that need the least. Look for what they have in common; the network knows no more about it than you do.

# %% [markdown]
# ## 8. Can you choose the mistake?
#
# So far any wrong class would do. A *targeted* attack goes down the loss of the class you want instead of up the loss of the true one. Can any digit be made into any other? Try it with the first 20 test digits of each class.

# %%
target_guess = predict("targets", ["only look-alikes (4 and 9)", "about half", "nearly all"])
target_guess

# %%
per_class = torch.cat([(y == k).nonzero()[:20, 0] for k in range(10)])  # 20 of each digit
success = torch.full((10, 10), torch.nan)
aim = partial(attacks.pgd, eps=0.25, steps=20, targeted=True, random_start=False)
for target in range(10):
    others = per_class[y[per_class] != target]
    wanted = torch.full_like(others, target)
    reached = network(aim(network, x[others], wanted)).argmax(dim=1) == target
    for digit in set(range(10)) - {target}:
        success[digit, target] = reached[y[others] == digit].float().mean()

names = [str(k) for k in range(10)]
plots.matrix(
    success, names, names, xlabel="target", ylabel="digit", percent=True, title="targets reached"
)

# %%
target_guess.compare("nearly all")
claim(
    "targets-reached",
    success.nanmean(),
    low=0.85,
    unit="%",
    statement="mean over the 90 pairs of digit and target (eps=0.25, 20 steps)",
)

# %% [markdown]
# **What it shows.** Nearly every digit becomes nearly every class. **What it does not show.** What the pictures look like. Here is one digit on its way into six classes.

# %%
seven, aims = x[:1].expand(6, 1, 28, 28), torch.arange(6)
aimed = aim(network, seven, aims)
plots.images(
    aimed,
    [f"read as {k}" for k in network(aimed).argmax(1).tolist()],
    columns=6,
    title="sevens, aimed",
)

# %% [markdown]
# ## 9. What does another distance look like?
#
# The max-norm, the largest $|\eta_i|$, is what you have used so far: every pixel may move a little. The Euclidean norm, $\lVert\eta\rVert_2 \le \epsilon$, lets some move more and others less. Its steepest step is the gradient itself, brought to length $\epsilon$, not its sign.

# %%
one, label = x[:1], y[:1]
settings = {"max-norm, eps=0.15": ("linf", 0.15), "Euclidean, eps=2": ("l2", 2.0)}
found = [one] + [
    attacks.pgd(network, one, label, eps, norm=norm, random_start=False)
    for norm, eps in settings.values()
]
titles = [
    f"{name}\n{read(image)}" for name, image in zip(["untouched", *settings], found, strict=True)
]
plots.images(torch.cat(found), titles, columns=3, title="one digit, two norms")

# %%
hundred = [
    attacks.pgd(network, x[:100], y[:100], eps, norm=norm, random_start=False) - x[:100]
    for norm, eps in settings.values()
]
in_max_norm, in_euclidean = [(step.abs() > 0.01).float().mean() for step in hundred]
claim(
    "l2-touches-fewer",
    in_euclidean / in_max_norm,
    high=0.95,
    unit="",
    statement="pixels of 100 digits that move by over 0.01: Euclidean over max-norm",
)

# %% [markdown]
# **What it shows.** The same digit, the same goal, two kinds of change. An $\epsilon$ means nothing without its norm.
#
# ## 10. What does the network say about nothing?
#
# An adversarial example begins with a digit. Begin with none: pure noise, every pixel drawn from a normal distribution. The paper calls such pictures *rubbish*, and counts how often a network gives one of them a class with a probability above one half.
#
# **Your prediction:** that share, for the convolutional network.

# %%
rubbish_guess = predict("rubbish", low=0, high=1, unit="%")
rubbish_guess

# %%
rubbish = attacks.gaussian_rubbish(10_000, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    sure = {
        name: m(rubbish).softmax(dim=1).amax(dim=1)
        for name, m in {"convolutional": network, "softmax": softmax}.items()
    }
rubbish_guess.compare((sure["convolutional"] > 0.5).float().mean(), unit="%")
claim("A-rubbish-softmax", (sure["softmax"] > 0.5).float().mean(), low=0.4, high=1.0)
claim(
    "rubbish-convnet",
    (sure["convolutional"] > 0.5).float().mean(),
    low=0.4,
    unit="%",
    statement="rubbish that the convolutional network is more than half sure about",
)

# %% [markdown]
# **What it shows.** A classifier that must answer answers. A high probability says that one class is ahead of the others, not that there is a digit. The network was never shown anything else than digits, and has no way to say so.
#
# **What it does not show.** That nothing can be done: the paper's appendix finds that an RBF network, whose classes answer one by one, stays calm.

# %% [markdown]
# ## What you take with you
#
# - FGSM is the exact worst step of a linear model, applied to the loss's linear approximation. Noise of the same size is the control that shows it is the direction that counts.
# - A single step is a lower bound on what an attacker can do. Repeating it finds more, and the smallest eps per digit says most.
# - A broken attack can make a model look good. Its symptoms are known: look for them before you believe a number.
#
# **Misconceptions.** *"The step has to be large to work."* Section 7: for most digits a small one is enough. *"eps = 0.25 is eps = 0.25."* Sections 4, 5 and 9: clipped or not, normalised or not, and in which norm. *"No error found means robust."* Section 5: four ways to miss errors.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), section 4 and appendix A. Kurakin, Goodfellow, Bengio, *Adversarial examples in the physical world* (2017, arXiv 1607.02533), section 2, for the repeated step. Madry and others, *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018, arXiv 1706.06083), section 3, for PGD. Kurakin, Goodfellow, Bengio, *Adversarial Machine Learning at Scale* (2017, arXiv 1611.01236), section 4, for label leaking.
#
# Next: [Adversarial training](03_adversarial_training.ipynb).

# %%
progress.show("02_gradient_sign_crafting")
