# %% [markdown]
# # Adversarial training
#
# **You will train a network on its own adversarial examples, and measure what that buys and what it does not.**
#
# *60 minutes. You need [crafting with the gradient's sign](02_gradient_sign_crafting.ipynb). After this notebook you can*
#
# - *write the paper's training objective and a training step;*
# - *say what they do to the clean and the adversarial error, beside controls, and over seeds;*
# - *tell adversarial training from weight decay;*
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
# The network errs on pictures it has never seen the like of. So show them to it. The difficulty is that they depend on the network: examples made for today's weights are stale tomorrow. The paper makes them anew in every step, from the weights of that very step, and adds their loss to the usual one ($\theta$ are the weights):
#
# $$\tilde J(\theta, x, y) = \alpha\,J(\theta, x, y) + (1-\alpha)\,J\bigl(\theta,\ x + \epsilon\,\mathrm{sign}(\nabla_x J(\theta, x, y)),\ y\bigr), \qquad \alpha = \tfrac12 .$$
#
# **Exercise.** Write this objective, with the examples clipped to $[0, 1]$. Both losses are means over the batch. The examples count as given pictures: no gradient flows back through the way they were made.


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
# **Exercise.** Write one training step with your objective. Three things are easy to forget: clear the old gradients first, train in train mode (here the examples are made in it, too), and return a plain number.


# %%
def adversarial_step(model, optimizer, x, y, eps):
    """One update of the model on one batch. Returns the objective before it, as a float."""
    ...


adversarial_step = checks.adversarial_step(adversarial_step)

# %% [markdown]
# Try it by hand, on a network with one hidden layer and 300 batches of 100 digits:

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
    statement="the objective over the last 20 batches, over that of the first 20",
)

# %% [markdown]
# It learns. From here on `training.fit` makes the steps: the same loop, with a progress bar, and a learning rate that rises and falls.
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
# The plain network misreads nearly all digits after FGSM. **Your prediction:** the share that is left after adversarial training.

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
# Watch it happen, if you like: a third network with the same objective, measured twice a second on 200 digits while it trains. *Stop* ends it after the batch at hand. Nothing below waits for it.

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
# Perhaps the network has only learnt to ignore small changes, and noise would teach it the same. Train two more with noise within the same bound in the place of the adversarial step: one with a coin for the direction of each pixel, one with a number drawn between $-\epsilon$ and $\epsilon$. One epoch each; adversarial training had done most of its work after one.
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
for name, report in controls.items():
    print(f"measured {name}: {report}")

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
# **What it shows.** Noise within the same bound teaches next to nothing about the adversarial step. In high dimension a random step hardly agrees with any given direction ([notebook 01](01_linear_explanation.ipynb), section 2); the network has little to learn from it about the one that hurts.

# %% [markdown]
# ## 4. Does it also help with clean digits?
#
# The paper reports a second effect: adversarial training *regularised* its network, and the clean error went from 0.94 % to 0.84 %. Before you look at your own numbers, ask what such a difference means. An error rate $p$ measured on $n$ digits has a standard error of $\sqrt{p(1-p)/n}$: the spread you get from the choice of the test digits alone.

# %%
p, n = 0.0094, 10_000
spread = (p * (1 - p) / n) ** 0.5 * n
claim("ten-digits", spread, 9, 10, unit="digits", statement="standard error of 0.94 % on 10,000")

# %% [markdown]
# From 0.94 % to 0.84 % is ten digits: one standard error. One run cannot tell. So repeat it: three seeds, each once as usual and once with adversarial examples of $\epsilon = 0.1$, on the network with one hidden layer, which trains in seconds.
#
# **Your prediction.** Adversarial training changes the clean error of this network …

# %%
clean_guess = predict(
    "clean-error", ["down in every seed", "up in every seed", "down in some, up in others"]
)
clean_guess

# %%
objectives = {"usual": training.clean, "adversarial": training.Adversarial(0.1)}
pairs = {name: [] for name in objectives}
for seed in range(3):
    for name, objective in objectives.items():
        model = models.MLP((200,), seed=seed)
        train(model, objective=objective, epochs=1, seed=seed, progress=False)
        pairs[name].append(model)

clean_errors = {name: [evaluate(m, x, y).error for m in row] for name, row in pairs.items()}
plots.curves(
    [1, 2, 3],
    {f"{name} training": row for name, row in clean_errors.items()},
    xlabel="seed",
    ylabel="clean error on 10,000 test digits",
    percent="fine",
    title="clean error of three seeds",
)

# %%
gaps = torch.tensor(clean_errors["adversarial"]) - torch.tensor(clean_errors["usual"])
print("measured gaps in digits:", [round(10_000 * gap) for gap in gaps.tolist()])
came_out = {3: "up in every seed", 0: "down in every seed"}.get(int((gaps > 0).sum()))
clean_guess.compare(came_out or "down in some, up in others")
claim("clean-gap", gaps.mean(), -0.01, 0.01, unit="%", statement="mean change of the clean error")

# %% [markdown]
# **What it shows.** The change is less than a per cent. This network errs more often than the paper's, so one standard error is more digits here: put its error into the formula above, and hold the three gaps against the result. The same sign in all three seeds is a hint, for one small network after one epoch, and no more than that.
#
# **What it does not show.** What happens to a network that is trained until it overfits, which is where a regulariser has something to do. The paper's network was trained with dropout for many epochs; that takes minutes to hours, not seconds.

# %% [markdown]
# ## 5. What has the network learnt?
#
# The paper's Figure 3 shows the first layer's weights after adversarial training, and finds them *localised*: each unit looks at one place. Here are five units of the two networks of the first seed of section 4, the same units of both, from the same weights at the start: the five with the largest weights after adversarial training. **Your prediction:** which part of a unit's squared weights lies in its 78 strongest pixels (a tenth of all) after adversarial training?

# %%
local_guess = predict("localised", low=0, high=1, unit="%")
local_guess

# %%
usual, adversarial = (pairs[name][0].layers[1].weight.detach() for name in objectives)
chosen = adversarial.square().sum(dim=1).argsort(descending=True)[:5]
plots.weights(
    torch.cat([usual[chosen], adversarial[chosen]]).reshape(-1, 28, 28),
    ["usual"] * 5 + ["adversarial"] * 5,
    title="weights of five units, after usual and after adversarial training",
)


# %%
def concentration(w):
    """The part of the squared weights in the strongest tenth of the pixels; median over units."""
    energy = w.square().sort(dim=1, descending=True).values
    return (energy[:, :78].sum(dim=1) / energy.sum(dim=1)).median()


local_guess.compare(concentration(adversarial), unit="%")
claim(
    "spread-usual",
    concentration(usual),
    low=0.38,
    high=0.52,
    unit="%",
    statement="squared weight in the strongest tenth of the pixels, after usual training",
)
claim(
    "S6-weights",
    concentration(adversarial),
    low=0.53,
    high=0.75,
    unit="%",
    statement="the same after adversarial training (one hidden layer, eps=0.1)",
)

# %% [markdown]
# **What it shows.** After adversarial training the squared weight gathers in fewer pixels. A reason is at hand: a weight on a pixel that carries no information costs nothing in usual training, and in a linear model it costs $\epsilon$ times its size under attack. A network is not linear, and some of its units may keep such weights all the same.

# %% [markdown]
# ## 6. Is it just weight decay?
#
# "A price on $\lVert w\rVert_1$" is what L1 weight decay is. For the linear model of [notebook 01](01_linear_explanation.ipynb) both can be written down exactly, with $\zeta(z) = \log(1 + e^z)$ and labels $y = \pm 1$. Adversarial training minimises the loss at its worst, with the price *inside* the softplus:
#
# $$\frac1N\sum \zeta\bigl(\epsilon\lVert w\rVert_1 - y\,(w^\top x + b)\bigr),$$
#
# weight decay of strength $\lambda$ adds it *outside*:
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
    """The weights and the offset that minimise loss(w, b, x, y, strength) on threes and sevens."""
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
    "linear-at",
    linear_error(at_quarter, 0.25),
    low=0.1,
    high=0.3,
    unit="%",
    statement="and its error after the worst step within 0.25",
)
claim(
    "linear-decay",
    linear_error(decayed, 0.0),
    low=0.4,
    unit="%",
    statement="clean error of weight decay with the same number, 0.25",
)

# %% [markdown]
# **What it shows.** With the same number, decay leaves a model that guesses. The softplus is flat where an example is safely right: there the price inside it disappears, and adversarial training stops pressing. Decay presses on for ever, however safe all examples are. Turned down ten times, it comes near. The paper met this on its maxout network (each unit is the largest of several linear sums), where a decay of 0.0025 was already too strong.

# %% [markdown]
# ## 7. What is still broken?
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

# %%
one_step, many_steps = errors["one step (FGSM)"], errors["20 steps (PGD)"]
claim(
    "convnet-at-gap",
    many_steps[4] - one_step[4],
    low=0.3,
    statement="what 20 steps add to the error of one, on 500 digits (eps=0.2)",
    unit="%",
)
confidence = after.confidence_on_errors
claim(
    "S6-at-confidence", confidence, low=0.5, high=0.95, statement="mean confidence on the mistakes"
)

# %% [markdown]
# **What it shows.** The repeated step's curve climbs to nearly all digits, far above the single step's, which does not even grow steadily. The network has learnt to answer the one step it was trained on; the next notebook looks at how. The paper reports 17.9 % for its network, and that number is the error under FGSM, not under the strongest attack. On the mistakes that remain, the network is more than half sure on average.
#
# **What it does not show.** That adversarial training is useless. Trained on the repeated step, networks resist the repeated step; [the next notebook](04_does_the_defence_hold.ipynb) trains one.

# %% [markdown]
# ## 8. What does it cost?
#
# Each batch of adversarial training needs a gradient with respect to the pictures, a second forward pass and a second backward pass. Compare how long the two trainings of section 2 took, with the measurements after each epoch.

# %%
ratio = hardened_history.seconds / plain_history.seconds
print(f"measured {ratio:.1f} times as long")

# %% [markdown]
# Usual training takes one pass forward and one back. An objective like yours takes two forward and three back. `training.Adversarial`, the course's own, takes two and two: one backward pass through the clean loss gives the gradient of the weights *and* that of the pictures. (The measured times also hold the measurements after each epoch, so their ratio is not that of the passes.)

# %% [markdown]
# ## What you take with you
#
# - The examples are made anew in each step, from the current weights, and held constant for the update.
# - Training on them removes most FGSM errors; training on noise within the same bound does not, and L1 weight decay with the same number ruins the model.
# - A defence is judged by a stronger attack than the one it was trained on. Judged so, this one fails.
#
# **Misconceptions.** *"It is data augmentation with noise."* Section 3. *"It is weight decay."* Section 6. *"The paper's ten digits show that it makes the network better on clean ones, too."* Section 4: they are one standard error. *"17.9 % means robust."* Section 7.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), sections 5 and 6. Madry and others, *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018, arXiv 1706.06083), for training on the repeated step. Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security* (2018, arXiv 1802.00420).
#
# Next: [Does the defence hold?](04_does_the_defence_hold.ipynb)

# %%
progress.show("03_adversarial_training")
