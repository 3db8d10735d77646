# %% [markdown]
# # Crafting with the gradient's sign
#
# **You will write the attack, watch it break a trained network, and see what separates it from noise.**
#
# *60 minutes. You need [the linear explanation](01_linear_explanation.ipynb). After this notebook you can*
#
# - *write the fast gradient sign method, and check that it is right;*
# - *measure an attack against controls that make the same change without the gradient;*
# - *repeat the step until the model errs.*

# %%
from functools import partial

import torch

from advtutor import attacks, checks, models, plots, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict

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
    ### BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()
    ### END SOLUTION


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
# "Of course the network errs, the picture got noisy." Test that. Two controls change the picture as much, but without the gradient: `sign_noise` moves every pixel by exactly $\epsilon$, up or down by a coin; `uniform_noise` moves it by a number drawn between $-\epsilon$ and $\epsilon$.
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
# **What it shows.** Three curves, one amount of change. With the gradient's signs the error rises to nearly all digits; with random signs it stays near the clean error. It is the direction that does it.
#
# **What it does not show.** How sure the network is, and whether one step is the best that can be done. The next two sections ask.

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
claim("S4-softmax-confidence", unclipped.confidence_on_errors, low=0.75, high=0.99)
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
# ## 5. What if one step is not enough?
#
# FGSM trusts the linear approximation over the whole of $\epsilon$. With a smaller $\epsilon$ some digits survive it. Repeat instead: take a short step, look at the gradient again, take another, and never leave the ball of radius $\epsilon$ around the picture. Stop as soon as the network errs. This is the **basic iterative method** (BIM).

# %%
single = evaluate(network, x, y, partial(attacks.fgsm, eps=0.1))
repeated = evaluate(network, x, y, partial(attacks.bim, eps=0.1, steps=10, early_stop=True))
print(f"measured one step   {single}")
print(f"measured ten steps  {repeated}")

# %%
claim(
    "bim-beats-fgsm",
    repeated.error - single.error,
    low=0.05,
    statement="what ten steps add to the error of one (eps=0.1)",
    unit="%",
)

# %%
strengths = [0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2]
methods = {"one step (FGSM)": attacks.fgsm, "ten steps (BIM)": attacks.bim}
plots.curves(
    strengths,
    {
        name: [evaluate(network, x[:2000], y[:2000], partial(a, eps=e)).error for e in strengths]
        for name, a in methods.items()
    },
    xlabel="eps",
    ylabel="error on 2,000 test digits",
    percent=True,
    title="one step against ten",
)

# %% [markdown]
# **What it shows.** At every $\epsilon$ in between, ten short steps find mistakes that one long step misses. The two meet where there is nothing left to find.
#
# **What it does not show.** That the network is safe at the smallest $\epsilon$. An attack that fails proves nothing; a better one may succeed.

# %% [markdown]
# ## What you take with you
#
# - FGSM is the exact worst step of a linear model, applied to the loss's linear approximation.
# - Random noise of the same size is the control that shows it is the direction that counts.
# - A single step is a lower bound on what an attacker can do. Repeating it finds more.
#
# **Misconceptions.** *"The step has to be large to work."* Section 3: noise of that size does next to nothing. *"eps = 0.25 is eps = 0.25."* Section 4: clipped or not changes the confidence; and a network that normalises its input outside the model changes the unit of $\epsilon$ itself.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), section 4. Kurakin, Goodfellow, Bengio, *Adversarial examples in the physical world* (2017, arXiv 1607.02533), section 2.2, for the repeated step.
#
# Next: [Adversarial training](03_adversarial_training.ipynb).
