# %% [markdown]
# # Adversarial training
#
# **Train a network on its own adversarial examples, and measure what that buys and what it does not.**
#
# *60 minutes. You need [crafting with the gradient's sign](02_gradient_sign_crafting.ipynb). After this notebook you can*
#
# - *write the paper's training objective and a training step;*
# - *say what they do to the clean and the adversarial error, with controls;*
# - *say where adversarial training of a linear model differs from L1 weight decay;*
# - *name what is still broken afterwards.*

# %%
from functools import partial

import torch
import torch.nn.functional as F

from advtutor import attacks, checks, models, plots, progress, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict
from advtutor.widgets import TrainingObserver

digits = mnist()
x, y = digits.test
eps = 0.25
fgsm = partial(attacks.fgsm, eps=eps)

# %% [markdown]
# ## 1. What would you train on?
#
# The network errs on adversarial examples; so show them to it. The difficulty is that they depend on the network: examples made for today's weights may be stale tomorrow. The paper makes them anew in every step, from the weights of that very step, and adds their loss to the usual one ($J$ is the loss, $\theta$ the weights, $\alpha$ the share of the usual loss):
#
# $$\tilde J(\theta, x, y) = \alpha\,J(\theta, x, y) + (1-\alpha)\,J\bigl(\theta,\ x + \epsilon\,\mathrm{sign}(\nabla_x J(\theta, x, y)),\ y\bigr), \qquad \alpha = \tfrac12 .$$
#
# **Exercise.** Write this objective, with the examples clipped to $[0, 1]$. Both losses are means over the batch. The examples count as given pictures: no gradient flows back through the way they were made. To make them, take the gradient with respect to the pictures by `torch.autograd.grad`; `backward()` would also fill the parameters' gradients. Leave the `x` you are given as it is.


# %%
def adversarial_loss(model, x, y, eps, alpha=0.5):
    """alpha * J(x) + (1 - alpha) * J(x_adv), a scalar to call .backward() on.

    x: [N, C, H, W] in [0, 1]. y: [N] true classes. x_adv: one gradient-sign step, clipped.
    """
    ...


adversarial_loss = checks.adversarial_loss(adversarial_loss)

# %% [markdown]
# An objective is half of training. The other half is the step: compute the objective on a batch, differentiate it with respect to the weights, let the optimiser move them.
#
# **Exercise.** Write one training step with your objective. Three things are easy to forget: put the model into train mode and leave it there, clear the old gradients, and return a plain number.
#
# In train mode dropout is on, where a network has it (those below have none), here also while the examples are made. That is a choice, which the paper does not mention; [notebook 04](04_does_the_defence_hold.ipynb) shows what depends on it.


# %%
def adversarial_step(model, optimizer, x, y, eps):
    """One update of the model on one batch. Returns the objective before it, as a float."""
    ...


adversarial_step = checks.adversarial_step(adversarial_step)

# %% [markdown]
# Try it, on a network with one hidden layer and 300 batches of 100 digits:

# %%
small = models.MLP((100,))
optimizer = torch.optim.Adam(small.parameters(), lr=3e-3)
losses = [
    adversarial_step(small, optimizer, x_batch, y_batch, eps)
    for x_batch, y_batch in zip(
        digits.train.x[:30_000].split(100), digits.train.y[:30_000].split(100), strict=True
    )
]
small.eval()
claim(
    "step-learns",
    sum(losses[-20:]) / sum(losses[:20]),
    high=0.8,
    unit="",
    statement="the mean objective of the last 20 batches is this fraction of the first 20's",
)

# %% [markdown]
# It learns. From here on `training.fit` makes the steps: the same loop in batches of its own order, with a progress bar, and a learning rate that rises and falls.
#
# ## 2. Does it work?
#
# Train two convolutional networks with the same weights at the start, the same two epochs and the same order of digits: one as usual, one with your objective. After each epoch both are measured on the first 2,000 test digits, clean and after FGSM.


# %%
def watch(model):
    return {
        "clean error": evaluate(model, x[:2000], y[:2000]).error,
        "FGSM error": evaluate(model, x[:2000], y[:2000], fgsm).error,
    }


train = partial(training.fit, x=digits.train.x, y=digits.train.y, epochs=2, lr=3e-3)

# %% [markdown]
# FGSM makes the usual network misread nearly every digit. **Your prediction:** the share that the hardened network, the one trained with your objective, still misreads:

# %%
fgsm_guess = predict("at-fgsm", low=0, high=1, unit="%")
fgsm_guess

# %%
plain = models.ConvNet()
plain_history = train(plain, objective=training.clean, validation=watch)

# %%
hardened = models.ConvNet()
hardened_history = train(hardened, objective=partial(adversarial_loss, eps=eps), validation=watch)

# %%
before, after = evaluate(plain, x, y, fgsm), evaluate(hardened, x, y, fgsm)
clean = {"usual": evaluate(plain, x, y), "hardened": evaluate(hardened, x, y)}
plots.matrix(
    torch.tensor([[clean["usual"].error, before.error], [clean["hardened"].error, after.error]]),
    ["usual", "hardened"],
    ["clean", "after one step (FGSM)"],
    xlabel="error on 10,000 test digits",
    ylabel="training",
    percent=True,
    title="errors of two networks, eps = 0.25",
)

# %%
fgsm_guess.compare(after.error, unit="%")
claim(
    "S6-at-fgsm",
    after.error,
    low=0.02,
    high=0.2,
    statement="FGSM error of the hardened network (a small convolutional one, clipped)",
)

# %% [markdown]
# And the clean digits? Both networks read the *same* 10,000, so count the digits that only one of them misreads. If both were equally good, each such digit would fall to either side like a coin, and for $n$ coins heads minus tails has a standard deviation of $\sqrt n$: the *spread*.


# %%
def paired(one, other):
    """How many test digits only `one` misreads, only `other`, and the standard error of their difference."""
    with torch.no_grad():
        wrong = [
            torch.cat([m(part) for part in x.split(1000)]).argmax(1) != y for m in (one, other)
        ]
    only_one, only_other = int((wrong[0] & ~wrong[1]).sum()), int((wrong[1] & ~wrong[0]).sum())
    return only_one, only_other, (only_one + only_other) ** 0.5


only_usual, only_hardened, spread = paired(plain, hardened)
print(f"measured only usual wrong {only_usual}, only hardened {only_hardened}, spread {spread:.0f}")
claim(
    "clean-cost",
    clean["hardened"].error - clean["usual"].error,
    low=-0.003,
    high=0.015,
    unit="%",
    statement="what adversarial training adds to the clean error, in points",
)

# %% [markdown]
# **What it shows.** After two epochs the attack breaks far fewer digits of the hardened network than of the usual one. The clean error changes by 1.5 points at most. A difference of more than twice its spread is hardly due to the choice of test digits; another pair of trainings may come out otherwise.
#
# Watch it happen, if you like: a third network with the same objective, measured twice a second on 200 digits while it trains. Nothing below waits for it.

# %%
watched = x[:200], y[:200]
objective = partial(adversarial_loss, eps=eps)
settings = {"objective": objective, "epochs": 1, "lr": 3e-3, "eps": eps}
TrainingObserver(models.ConvNet, *digits.train, watched, **settings)

# %% [markdown]
# **What it does not show.** That the network is robust. It was trained on this attack, and it was tested on this attack. Section 7 uses another.

# %% [markdown]
# ## 3. Would any perturbation have done?
#
# Perhaps the network has only learnt to ignore small changes, and noise would teach it the same. Train two more with noise within the same bound instead of the adversarial step: one with a coin for the direction of each pixel, one with a number drawn between $-\epsilon$ and $\epsilon$. One epoch each, so compare them with the hardened network after its first.
#
# **Your prediction.** After FGSM, they misread …

# %%
noise_guess = predict("noise-trained", ["below 20 %", "20 to 60 %", "above 60 %"])
noise_guess

# %%
signs, uniform = models.ConvNet(), models.ConvNet()
train(signs, objective=training.Noise(eps, "sign"), epochs=1)
train(uniform, objective=training.Noise(eps, "uniform"), epochs=1)
controls = {"signs": evaluate(signs, x, y, fgsm), "uniform": evaluate(uniform, x, y, fgsm)}

# %%
noise_guess.compare("above 60 %")
claim(
    "first-epoch",
    hardened_history["FGSM error"][0],
    high=0.4,
    unit="%",
    statement="FGSM error after one epoch of adversarial training (2,000 digits)",
)
setting = "a small convolutional network, one epoch, clipped"
claim(
    "S6-control-sign-error",
    controls["signs"].error,
    low=0.6,
    statement=f"FGSM error after training with random signs ({setting})",
)
claim(
    "S6-control-uniform-error",
    controls["uniform"].error,
    low=0.6,
    statement=f"FGSM error after training with U(-eps, eps) noise ({setting})",
)

# %% [markdown]
# **What it shows.** For this network, an epoch of noise within the same bound does little against the adversarial step of 0.25, and an epoch of adversarial examples does much. A likely reason: in high dimension a random step hardly agrees with any given direction ([notebook 01](01_linear_explanation.ipynb), section 1).

# %% [markdown]
# ## 4. Does it also help with clean digits?
#
# The paper reports a second effect: adversarial training *regularised* its network, that is, made it read unseen clean digits better. The clean error went from 0.94 % to 0.84 %: ten digits of 10,000. For a larger network it went from 1.14 % to 0.782 %, the latter a mean of five seeds with early stopping.
#
# What do ten digits mean? The paper does not say how many digits only one of its networks misread. If there were 100 or more, the spread is at least ten: no smaller than the gain. The larger network gains 36 digits; at most 114 + 78 can be misread by only one of the two, so against a typical one of the five its spread is at most 14.
#
# Try it on a network with one hidden layer, which trains in seconds: three seeds, each once as usual and once with adversarial examples of $\epsilon = 0.1$.
#
# **Your prediction.** Adversarial training changes the clean error of this network …

# %%
clean_guess = predict(
    "clean-error", ["down in every seed", "up in every seed", "down in some, up in others"]
)
clean_guess

# %%
objectives = {"usual": training.clean, "hardened": training.Adversarial(0.1)}
pairs = {name: [] for name in objectives}
for seed in range(3):
    for name, objective in objectives.items():
        model = models.MLP((200,), seed=seed)
        train(model, objective=objective, epochs=1, seed=seed, progress=False)
        pairs[name].append(model)

# %%
counts = torch.tensor([paired(*two) for two in zip(*pairs.values(), strict=True)])
plots.matrix(
    counts.round(),
    ["seed 0", "seed 1", "seed 2"],
    ["only usual wrong", "only hardened wrong", "spread of the difference"],
    xlabel="test digits",
    ylabel="",
    title="clean digits that one network misreads and the other does not",
)

# %%
gaps = counts[:, 1] - counts[:, 0]  # digits that the hardened network misreads more
came_out = {3: "up in every seed", 0: "down in every seed"}.get(int((gaps > 0).sum()))
clean_guess.compare(came_out or "down in some, up in others")
claim(
    "clean-gap",
    gaps.mean() / 10_000,
    low=-0.01,
    high=0.01,
    unit="%",
    statement="mean change of the clean error over three seeds, in points",
)

# %% [markdown]
# **What it shows.** The change is less than one percentage point. Compare each row's difference with twice its spread, and with section 2, where the network, the epochs and $\epsilon$ differed: a clean error may go either way.
#
# **What it does not show.** That it goes the same way at the paper's $\epsilon = 0.25$: try `training.Adversarial(0.25)`. Nor does it show what happens to a network that is trained until it overfits, where a regulariser has most to do. The paper's network was trained with dropout; [notebook 08](08_the_paper_in_numbers.ipynb) has that training.

# %% [markdown]
# ## 5. What has the network learnt?
#
# The paper's Figure 3 shows the first layer's weights after adversarial training, and finds them more *localised*. Here are five units of the two networks of the first seed: the five with the largest weights after adversarial training.
#
# To measure *localised*, slide a window of 9 × 9 pixels, about a tenth of the picture, over a unit's weights, and take the largest share of its squared weights that one window holds. If the unit's strong pixels lay scattered, no window would hold many of them: so the same weights with their pixels shuffled are the control.

# %%
usual, adversarial = (pairs[name][0].layers[1].weight.detach() for name in objectives)
chosen = adversarial.square().sum(dim=1).argsort(descending=True)[:5]
plots.weights(
    torch.cat([usual[chosen], adversarial[chosen]]).reshape(-1, 28, 28),
    ["usual"] * 5 + ["hardened"] * 5,
    title="weights of five units, after usual and after adversarial training",
)


# %%
def best_window(w, side=9):
    """The largest share of a unit's squared weights in one window; median over the units."""
    energy = w.square().reshape(-1, 1, 28, 28)
    in_window = F.avg_pool2d(energy, side, stride=1, divisor_override=1).flatten(1)
    return (in_window.amax(dim=1) / energy.flatten(1).sum(dim=1)).median()


# %%
shuffled = adversarial[:, torch.randperm(784, generator=torch.Generator().manual_seed(0))]
claim(
    "window-usual",
    best_window(usual),
    low=0.15,
    high=0.29,
    unit="%",
    statement="share of the squared weights in the best 9 x 9 window, after usual training",
)
claim(
    "S6-weights",
    best_window(adversarial),
    low=0.31,
    high=0.55,
    unit="%",
    statement="the same after adversarial training (one hidden layer, eps=0.1)",
)

# %%
claim(
    "window-shuffled",
    best_window(shuffled),
    low=0.1,
    high=0.24,
    unit="%",
    statement="the same weights with their pixels shuffled",
)

# %% [markdown]
# **What it shows.** After adversarial training with $\epsilon = 0.1$ a typical unit's weights gather more in one place than before, and more than the same weights scattered would. Not every unit's does, as the pictures show.
#
# **What it does not show.** Why, or that it holds at any $\epsilon$. Try it: train the same network with `training.Adversarial(0.25)` for one epoch, and measure `best_window` again.

# %% [markdown]
# ## 6. Is it just weight decay?
#
# L1 weight decay puts a price on $\lVert w\rVert_1 = \sum|w_i|$. For the linear model of [notebook 01](01_linear_explanation.ipynb) both objectives can be written down exactly, with the softplus $\zeta(z) = \log(1 + e^z)$ and labels $y = \pm 1$. Adversarial training on the worst steps alone ($\alpha = 0$, not clipped) minimises the loss at its worst, with the price *inside* the softplus:
#
# $$\frac1N\sum \zeta\bigl(\epsilon\lVert w\rVert_1 - y\,(w^\top x + b)\bigr),$$
#
# weight decay of strength $\lambda$ adds the price *outside*:
#
# $$\frac1N\sum \zeta\bigl(-y\,(w^\top x + b)\bigr) + \lambda\lVert w\rVert_1 .$$
#
# **Exercise.** Write the second one.


# %%
def l1_decay_loss(w, b, x, y, strength):
    """The mean logistic loss plus strength * ||w||_1, a scalar to call .backward() on.

    w: [n] weights. b: a scalar tensor. x: [N, n] pictures. y: [N] labels, -1 or +1.
    """
    ...


l1_decay_loss = checks.l1_decay_loss(l1_decay_loss)


# %%
def worst_case_mean(w, b, x, y, eps):
    """The mean logistic loss after the worst step within eps."""
    return F.softplus(eps * w.abs().sum() - y * (x @ w + b)).mean()


def threes_and_sevens(split):
    keep = (split.y == 3) | (split.y == 7)
    return split.x[keep].flatten(1), 2.0 * (split.y[keep] == 7) - 1


x37, y37 = threes_and_sevens(digits.train)
x37_test, y37_test = threes_and_sevens(digits.test)


def linear_fit(loss, strength, steps=200):
    """The weights and the offset after `steps` steps of Adam on loss(w, b, x, y, strength)."""
    w, b = torch.zeros(784, requires_grad=True), torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([w, b], lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w, b, x37, y37, strength).backward()
        optimizer.step()
        schedule.step()
    return w.detach(), b.detach()


# %% [markdown]
# **Your prediction.** With the same number in both, $\epsilon = \lambda = 0.25$, which model reads threes and sevens better when they are clean?

# %%
decay_guess = predict("decay", ["the adversarial one", "the one with decay", "they are the same"])
decay_guess


# %%
def linear_error(model, eps):
    """The exact error on the test digits after the worst step within eps."""
    w, b = model
    return (y37_test * (x37_test @ w + b) <= eps * w.abs().sum()).float().mean().item()


fitted = {
    "no price": linear_fit(worst_case_mean, 0.0),
    "adversarial, eps=0.25": linear_fit(worst_case_mean, 0.25),
    "decay, strength 0.25": linear_fit(l1_decay_loss, 0.25),
    "decay, strength 0.025": linear_fit(l1_decay_loss, 0.025),
}
radii = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
plots.curves(
    radii,
    {name: [linear_error(model, e) for e in radii] for name, model in fitted.items()},
    xlabel="eps of the worst step",
    ylabel="error on the test threes and sevens",
    percent=True,
    title="adversarial training against L1 decay",
)

# %%
decay_guess.compare("the adversarial one")
at_quarter, decayed = fitted["adversarial, eps=0.25"], fitted["decay, strength 0.25"]
claim(
    "linear-clean",
    linear_error(at_quarter, 0.0),
    low=0.03,
    high=0.12,
    unit="%",
    statement="clean error of adversarial training at eps=0.25",
)
claim(
    "linear-decay",
    linear_error(decayed, 0.0),
    low=0.49,
    high=0.51,
    unit="%",
    statement="clean error of weight decay with the same number, 0.25",
)

# %% [markdown]
# Decay with 0.25 learns nothing. Why? Look at where the fit starts, at $w = 0$. There the price outside has the slope $\lambda$ for each weight; the price inside has only $\epsilon\,\zeta'(0) = \epsilon/2$. From there a weight gets away only if the data pull on it harder than that (by the gradient of the loss without a price).

# %%
w_zero = torch.zeros(784, requires_grad=True)
(pull,) = torch.autograd.grad(F.softplus(-y37 * (x37 @ w_zero)).mean(), w_zero)
claim(
    "strongest-pull",
    pull.abs().max(),
    low=0.126,
    high=0.249,
    unit="",
    statement="the strongest pull of the data on any weight at w = 0: above eps / 2 = 0.125, "
    "below lambda = 0.25",
)

# %% [markdown]
# **What it shows.** With the same number, decay leaves a model that gives one answer to everything: no pull at $w = 0$ reaches 0.25, so the weights stay near zero. The slope of the price inside the softplus begins at 0.125, and shrinks for examples that are safely right. So "the same number" is no fair match: with a tenth of the strength, decay reads clean digits better than adversarial training at 0.25 does and errs less under small steps, as the figure shows up to 0.1. The paper met something like it: on the first layer of its maxout network a decay of 0.0025 was already too strong.
#
# **What it does not show.** That decay can replace adversarial training of a network, where no such formula ties the two together.

# %% [markdown]
# ## 7. What is still broken?
#
# Attack the hardened network of section 2 with the repeated step of the last notebook: 20 short steps, each of a tenth of $\epsilon$, from a random start within 0.25 in every pixel.
#
# **Your prediction:** the share of digits that the hardened network misreads then.

# %%
pgd = partial(attacks.pgd, eps=eps, steps=20, step_size=eps / 10, early_stop=True)
stronger_guess = predict("at-pgd", low=0, high=1, unit="%")
stronger_guess

# %%
torch.manual_seed(0)
stronger = evaluate(hardened, x, y, pgd)
stronger_guess.compare(stronger.error, unit="%")
claim(
    "convnet-at-pgd",
    stronger.error,
    low=0.85,
    statement="error of the hardened network under 20 short steps (eps=0.25, clipped)",
    unit="%",
)

# %%
strengths = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]


def short_steps(model, x, y, eps, steps):
    """PGD with steps of eps / 10, from a random start."""
    return attacks.pgd(model, x, y, eps, steps=steps, step_size=eps / 10, early_stop=True)


attacks_tried = {
    "FGSM, one step": attacks.fgsm,
    "random start and 20 steps": partial(short_steps, steps=20),
}
errors = {
    name: [evaluate(hardened, x[:500], y[:500], partial(attack, eps=e)).error for e in strengths]
    for name, attack in attacks_tried.items()
}
plots.curves(
    strengths,
    errors,
    xlabel="eps",
    ylabel="error on 500 test digits",
    percent=True,
    title="the hardened network under two attacks",
)

# %% [markdown]
# **What it shows.** Twenty short steps break nearly all digits at 0.25, far more than the one long step that the network was trained on. If one step breaks fewer digits at 0.2 than at 0.05 in your figure, that is a sign, as in notebook 02, that the one step misleads. The paper reports 17.9 % for its network: the error under FGSM, not under a stronger attack.
#
# **What it does not show.** That adversarial training is useless. [The next notebook](04_does_the_defence_hold.ipynb) trains a network on the repeated step.

# %% [markdown]
# ## 8. What does it cost?
#
# Each batch needs a gradient with respect to the pictures and a second pass through the network, forwards and backwards. Compare how long the two trainings of section 2 took, with the objective as section 1 writes it (and with the measurements after each epoch, which were the same for both):

# %%
ratio = hardened_history.seconds / plain_history.seconds
print(f"measured {ratio:.1f} times as long")

# %% [markdown]
# ## What you take with you
#
# - The examples are made anew in each step, from the current weights, and held constant for the update.
# - Training on them removes most FGSM errors at the $\epsilon$ trained on; training on noise within the same bound did not.
# - For a linear model it puts a price on $\lVert w\rVert_1$, as L1 decay does, but inside the loss.
# - Judge a defence by a stronger attack than the one it was trained on. Judged so, this one fails.
#
# **Misconceptions.** *"It is data augmentation with noise."* Section 3. *"It is weight decay."* Section 6: not with the same number, and for a network no formula ties the two. *"The paper's ten digits show that it makes the network better on clean ones, too."* Section 4: one pair, without its counts, does not show it. *"17.9 % means robust."* Section 7.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), sections 5 and 6. Madry and others, *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018, arXiv 1706.06083), for training on the repeated step. Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security* (2018, arXiv 1802.00420).
#
# Next: [Does the defence hold?](04_does_the_defence_hold.ipynb)

# %%
progress.show("03_adversarial_training")
