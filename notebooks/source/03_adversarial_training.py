# %% [markdown]
# # Adversarial training
#
# **You will train a network on its own adversarial examples, and measure what that buys and what it does not.**
#
# *60 minutes. You need [crafting with the gradient's sign](02_gradient_sign_crafting.ipynb). After this notebook you can*
#
# - *write the paper's training objective and train with it;*
# - *say what it does to the clean and the adversarial error, beside a control;*
# - *name what is still broken afterwards.*

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
eps = 0.25
fgsm = partial(attacks.fgsm, eps=eps)

# %% [markdown]
# ## 1. What would you train on?
#
# The network errs on pictures it has never seen the like of. So show them to it. The difficulty is that they depend on the network: examples made for today's weights are stale tomorrow. The paper makes them anew in every step, from the weights of that very step, and adds their loss to the usual one:
#
# $$\tilde J(\theta, x, y) = \alpha\,J(\theta, x, y) + (1-\alpha)\,J\bigl(\theta,\ x + \epsilon\,\mathrm{sign}(\nabla_x J(\theta, x, y)),\ y\bigr), \qquad \alpha = \tfrac12 .$$
#
# **Exercise.** Write this objective, with the examples clipped to $[0, 1]$. Both losses are means over the batch. The examples count as given pictures: no gradient flows back through the way they were made.


# %%
def adversarial_loss(model, x, y, eps, alpha=0.5):
    """alpha * J(x) + (1 - alpha) * J(x_adv), a scalar to call .backward() on.

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. x_adv: one gradient-sign step, clipped.
    """
    ### BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
    x_adv = (x + eps * gradient.sign()).clamp(0, 1).detach()
    loss_adv = torch.nn.functional.cross_entropy(model(x_adv), y)
    return alpha * loss + (1 - alpha) * loss_adv
    ### END SOLUTION


adversarial_loss = checks.adversarial_loss(adversarial_loss)

# %% [markdown]
# ## 2. Does it work?
#
# Train two networks with the same weights at the start, the same two epochs and the same order of digits: one as usual, one with your objective. After each epoch both are measured on the first 2,000 test digits, clean and after FGSM.


# %%
def watch(model):
    return {
        "clean error": evaluate(model, x[:2000], y[:2000]).error,
        "FGSM error": evaluate(model, x[:2000], y[:2000], fgsm).error,
    }


train = partial(training.fit, x=digits.train.x, y=digits.train.y, epochs=2, lr=3e-3)
plain, hardened = models.ConvNet(), models.ConvNet()

# %% [markdown]
# The plain network misreads nearly all digits after FGSM. **Your prediction:** the share that is left after adversarial training.

# %%
fgsm_guess = predict("at-fgsm", low=0, high=1, unit="%")
fgsm_guess

# %%
plain_history = train(plain, objective=training.clean, validation=watch)

# %%
hardened_history = train(hardened, objective=partial(adversarial_loss, eps=eps), validation=watch)

# %%
plots.curves(
    [1, 2],
    {
        "usual training, FGSM": plain_history["FGSM error"],
        "adversarial training, FGSM": hardened_history["FGSM error"],
        "usual training, clean": plain_history["clean error"],
        "adversarial training, clean": hardened_history["clean error"],
    },
    xlabel="epoch",
    ylabel="error on 2,000 test digits",
    percent=True,
    title="errors while training",
)

# %%
before, after = evaluate(plain, x, y, fgsm), evaluate(hardened, x, y, fgsm)
print(f"measured before {before}")
print(f"measured after  {after}")
fgsm_guess.compare(after.error, unit="%")
claim("convnet-fgsm-before", before.error, low=0.9, statement="FGSM error before", unit="%")
claim("convnet-fgsm-after", after.error, high=0.2, statement="FGSM error after", unit="%")
claim(
    "S6-at-fgsm",
    after.error,
    low=0.02,
    high=0.2,
    statement="FGSM error after adversarial training (a small convolutional network, clipped)",
)

# %% [markdown]
# **What it shows.** Two epochs, and the attack that broke nearly every digit breaks few. The clean error, at the bottom of the figure, is hardly touched.
#
# **What it does not show.** That the network is robust. It was trained on this attack, and it was tested on this attack. Section 4 uses another.

# %% [markdown]
# ## 3. Would any perturbation have done?
#
# Perhaps the network has only learnt to ignore small changes, and noise would teach it the same. Train a third one with coin-toss noise of the same size in the place of the adversarial step, and everything else equal.
#
# **Your prediction.** After FGSM, it misreads …

# %%
noise_guess = predict("noise-trained", ["below 20 %", "20 to 60 %", "above 60 %"])
noise_guess

# %%
noisy = models.ConvNet()
train(noisy, objective=training.Noise(eps, "sign"))
noisy_report = evaluate(noisy, x, y, fgsm)
print(f"measured {noisy_report}")
noise_guess.compare("above 60 %")
claim(
    "S6-control-sign-error",
    noisy_report.error,
    low=0.6,
    high=1.0,
    statement="FGSM error after training with random signs (a small convolutional network, clipped)",
)

# %% [markdown]
# **What it shows.** Noise of the same size teaches next to nothing about the adversarial step. In high dimension a random step is almost at right angles to the gradient, as [notebook 01](01_linear_explanation.ipynb) measured; the network has nothing to learn from it about the one direction that hurts.

# %% [markdown]
# ## 4. What is still broken?
#
# Attack the hardened network with the repeated step of the last notebook: 20 short steps from a random start, inside the same ball of radius 0.25.
#
# **Your prediction:** the share of digits that the hardened network misreads then.

# %%
pgd = partial(attacks.pgd, eps=eps, steps=20, early_stop=True)
stronger_guess = predict("at-pgd", low=0, high=1, unit="%")
stronger_guess

# %%
torch.manual_seed(0)
stronger = evaluate(hardened, x, y, pgd)
print(f"measured {stronger}")
stronger_guess.compare(stronger.error, unit="%")
claim(
    "convnet-at-pgd",
    stronger.error,
    low=0.6,
    statement="error of the adversarially trained network under 20 steps (eps=0.25, clipped)",
    unit="%",
)

# %%
strengths = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
attacks_tried = {
    "one step (FGSM)": attacks.fgsm,
    "20 steps (PGD)": partial(attacks.pgd, steps=20, early_stop=True),
}
errors = {
    name: [evaluate(hardened, x[:1000], y[:1000], partial(attack, eps=e)).error for e in strengths]
    for name, attack in attacks_tried.items()
}
plots.curves(
    strengths,
    errors,
    xlabel="eps",
    ylabel="error on 1,000 test digits",
    percent=True,
    title="the hardened network under two attacks",
)

# %%
one_step, many_steps = errors["one step (FGSM)"], errors["20 steps (PGD)"]
claim(
    "convnet-at-gap",
    many_steps[4] - one_step[4],
    low=0.3,
    statement="what 20 steps add to the error of one, on 1,000 digits (eps=0.2)",
    unit="%",
)
confidence = after.confidence_on_errors
claim(
    "S6-at-confidence", confidence, low=0.5, high=0.95, statement="mean confidence on the mistakes"
)

# %% [markdown]
# **What it shows.** The single step's curve stays low; the repeated one's climbs to nearly all digits. The network has learnt to bend its loss around the one step it was trained on. The paper reports 17.9 % for its network, and that number is the error under FGSM, not the error under attack. On the mistakes that remain, the network is still sure of itself.
#
# **What it does not show.** That adversarial training is useless. Trained on the repeated step, networks resist the repeated step; a later notebook trains one.

# %% [markdown]
# ## What you take with you
#
# - The examples are made anew in each step, from the current weights, and held constant for the update.
# - Training on them removes most FGSM errors; training on noise of the same size does not.
# - A defence is judged by a stronger attack than the one it was trained on. Judged so, this one fails.
#
# **Misconceptions.** *"It is data augmentation with noise."* Section 3. *"17.9 % means robust."* Section 4.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), section 6. Madry and others, *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018, arXiv 1706.06083), for training on the repeated step. Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security* (2018, arXiv 1802.00420).
