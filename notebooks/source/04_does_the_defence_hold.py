# %% [markdown]
# # Does the defence hold?
#
# **You will put the hardened network to the test, look into it, and learn to judge a defence.**
#
# *50 minutes. You need [adversarial training](03_adversarial_training.ipynb). After this notebook you can*
#
# - *recognise a masked gradient, in numbers and in a picture;*
# - *watch a training fail that looks as if it succeeded;*
# - *check an evaluation by a list of questions;*
# - *break a defence that hides its gradient, and tell a real break from a lucky one.*

# %%
import warnings
from functools import partial

import torch
import torch.nn.functional as F

from advtutor import attacks, checks, models, plots, progress, training, widgets
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import attack_report, evaluate
from advtutor.predictions import predict

warnings.simplefilter("ignore", attacks.AttackWarning)  # they would say what section 6 is about
digits = mnist()
x, y = digits.test
few, few_labels = x[:500], y[:500]
eps = 0.25
fgsm = partial(attacks.fgsm, eps=eps)
pgd = partial(attacks.pgd, eps=eps, steps=10, early_stop=True)

# %% [markdown]
# ## 1. What does the error do while you are not looking?
#
# Train the network of the last notebook again, with the paper's objective, but measure it after each epoch with two attacks: the one it is trained on (FGSM), and ten steps from a random start (PGD). To leave time for two rivals, all train on 17,000 of the digits, for three epochs:
#
# - **paper's objective:** half the clean loss, half that of the FGSM example;
# - **random start:** one step, from a random point of the ball, with a *warm-up*: eps rises from zero over the first third of the training (Wong, Rice and Kolter);
# - **PGD training:** the loss of an example made by three steps from a random start, with the same warm-up (Madry and others).
#
# Here and below, numbers are of the first 500 test digits unless a line says otherwise.
#
# **Your prediction:** the share of all test digits that PGD breaks after the third epoch, for the network trained with the paper's objective.

# %%
watch_guess = predict("watch", low=0, high=1, unit="%")
watch_guess


# %%
def watch(model):
    return {
        "FGSM error": evaluate(model, few, few_labels, fgsm).error,
        "PGD error": evaluate(model, few, few_labels, pgd).error,
    }


train = partial(training.fit, x=digits.train.x[:17_000], y=digits.train.y[:17_000], lr=3e-3)
objectives = {
    "paper's objective": training.Adversarial(eps),
    "random start": training.RandomStart(eps),
    "PGD training": training.PGD(eps, steps=3),
}
nets, histories = {}, {}
torch.manual_seed(0)
for name, objective in objectives.items():
    nets[name] = models.ConvNet()
    histories[name] = train(nets[name], objective=objective, epochs=3, validation=watch)

# %% [markdown]
# Six curves: the name of the training first, then the attack that measures.

# %%
plots.curves(
    [1, 2, 3],
    {
        f"{name}, {kind}": history[f"{kind} error"]
        for name, history in histories.items()
        for kind in ("FGSM", "PGD")
    },
    xlabel="epoch",
    ylabel="error on 500 test digits",
    percent=True,
    title="three trainings under two attacks",
)

# %%
hardened, fast, robust = nets.values()
on_paper, honest = evaluate(hardened, x, y, fgsm), evaluate(hardened, x, y, pgd)
watch_guess.compare(honest.error, unit="%")
fall = {
    kind: history[0] - history[-1]
    for kind in ("FGSM", "PGD")
    for history in [histories["paper's objective"][f"{kind} error"]]
}
claim("fgsm-falls", fall["FGSM"], low=0.1, unit="%", statement="fall of its FGSM error")
claim("pgd-does-not", fall["PGD"], high=0.05, unit="%", statement="fall of its PGD error")
claim("hardened-fgsm", on_paper.error, high=0.3, unit="%", statement="its FGSM error, all digits")
claim("hardened-pgd", honest.error, low=0.8, unit="%", statement="its PGD error, all digits")

# %%
errors = {name: history["PGD error"][-1] for name, history in histories.items()}
claim("fast-pgd", errors["random start"], 0.2, 0.8, unit="%", statement="PGD error, random start")
claim(
    "steps-help",
    errors["random start"] - errors["PGD training"],
    low=0.03,
    unit="%",
    statement="PGD error of random-start training above that of PGD training",
)
claim(
    "robust-pgd", errors["PGD training"], 0.08, 0.45, unit="%", statement="PGD error, PGD training"
)

# %% [markdown]
# **What it shows.** Two attacks, two stories about the same network. Whoever measures with FGSM alone sees a success; the network has only learnt to answer FGSM. Training from random points helps, training on several steps helps more.
#
# **What it does not show.** That the third network is safe: ten steps give a lower bound, too. And the three did not cost the same.

# %% [markdown]
# ## 2. What does a masked gradient look like?
#
# FGSM looks at the gradient once, at the digit, and then goes 0.25 along its sign. Walk there slowly instead, and note the mean loss of 500 digits on the way.
#
# **Your prediction.** Between no step at all and a step of 0.25, at which length is that loss highest? Take the network trained with the paper's objective.

# %%
surface_guess = predict("surface", low=0, high=0.25)
surface_guess

# %%
sizes = torch.linspace(0, 0.25, 11)


@torch.no_grad()
def losses_along(model):
    """The loss of each of 500 digits along its gradient's sign: [11, 500]."""
    return torch.stack(
        [
            F.cross_entropy(
                model(attacks.fgsm(model, few, few_labels, e)), few_labels, reduction="none"
            )
            for e in sizes.tolist()
        ]
    )


losses = {name: losses_along(net) for name, net in nets.items()}
plots.curves(
    sizes,
    {name: each.mean(dim=1) for name, each in losses.items()},
    xlabel="length of the step along the gradient's sign",
    ylabel="mean loss of 500 test digits",
    title="the loss along the step",
)

# %%
peaks = {name: sizes[each.mean(dim=1).argmax()] for name, each in losses.items()}
surface_guess.compare(peaks["paper's objective"])
claim(
    "peak-hardened", peaks["paper's objective"], 0.02, 0.2, unit="", statement="where it is highest"
)
claim(
    "peak-robust", peaks["PGD training"], 0.2, 0.26, unit="", statement="the same for PGD training"
)

# %% [markdown]
# Look around from one digit: to the right along the gradient's sign, up along the signs of a coin. The digit itself is the white dot, and the colour is the loss. Of the 500 digits it is the one whose loss falls most between a step of 0.05 and one of 0.25.


# %%
@torch.no_grad()
def loss_around(model, image, label):
    """The loss on a plane through one image, clipped: [31, 31], columns along the gradient."""
    uphill = attacks.fgsm(model, image, label, 1.0, clip=None) - image
    across = steps[None, :, None, None, None] * uphill + steps[:, None, None, None, None] * coins
    plane = (image + across).flatten(0, 1).clamp(0, 1)
    losses = F.cross_entropy(model(plane), label.expand(len(plane)), reduction="none")
    return losses.reshape(31, 31)


steps = torch.linspace(-0.3, 0.3, 31)
coins = torch.randint(0, 2, x[:1].shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1
words = {"xlabel": "along the gradient's sign", "ylabel": "along a coin's signs", "zlabel": "loss"}
i = (losses["paper's objective"][2] - losses["paper's objective"][-1]).argmax()
one, label = few[i : i + 1], few_labels[i : i + 1]
masked = loss_around(hardened, one, label)
plots.surface(steps, steps, masked, title="the loss around a digit, paper's objective", **words)

# %%
plots.surface(
    steps, steps, loss_around(robust, one, label), title="the same digit, PGD training", **words
)

# %% [markdown]
# **What it shows.** On average the first network's loss has a ridge close to the digit and falls behind it; that of the PGD-trained network rises all the way. Around the digit of the map, chosen because it shows the effect most, the loss is high almost everywhere to the right, but for a hole where a step of about 0.25 lands. A gradient that leads an attack astray is called *masked*.

# %% [markdown]
# ## 3. What does the network read in a step?
#
# There is a second way to cheat. The FGSM step is computed with the true label; so it carries that label. Take the step alone, *without the digit*, on a black picture, and ask the network what it reads.
#
# **Your prediction:** the share of black pictures with a step on them in which the hardened network reads the label that the step was made with.

# %%
leak_guess = predict("leak", low=0, high=1, unit="%")
leak_guess

# %%
plain = models.ConvNet()
train(plain, objective=training.clean, epochs=1)
generator = torch.Generator().manual_seed(0)
false_labels = (few_labels + torch.randint(1, 10, few_labels.shape, generator=generator)) % 10


def on_black(model, labels):
    """The steps that FGSM makes against these labels, each on a black picture."""
    return (attacks.fgsm(model, few, labels, eps, clip=None) - few).clamp(0, 1)


def reads_the_label(model, labels):
    return (model(on_black(model, labels)).argmax(dim=1) == labels).float().mean().item()


pictures = on_black(hardened, few_labels)[:6]
plots.images(
    pictures,
    [
        f"made for {t}\nread as {p}"
        for t, p in zip(y[:6], hardened(pictures).argmax(1), strict=True)
    ],
    columns=6,
    title="steps without a digit",
)

# %%
leaked = reads_the_label(hardened, few_labels)
leak_guess.compare(leaked, unit="%")
claim("leak", leaked, low=0.3, unit="%", statement="steps whose label the hardened network reads")
claim(
    "leak-plain",
    reads_the_label(plain, few_labels),
    high=0.15,
    unit="%",
    statement="the same for a network trained as usual, with its own steps",
)
claim(
    "leak-false",
    reads_the_label(hardened, false_labels),
    high=0.3,
    unit="%",
    statement="the same for the hardened network, with steps made against false labels",
)

# %% [markdown]
# **What it shows.** The step darkens the strokes of its digit, so you can make out a shadow. The hardened network reads these shadows; for a usually trained network they say anything but the truth, as they were made to; and a step made with a false label is read as that label in few cases only. In training, every shadow came with the true label, and the network has learnt that *this kind of mark* gives it away. That is *label leaking*: the attack tells its victim the answer.
#
# **What it does not show.** How much of the low FGSM error is due to it. The cure is known: make the step from the network's own prediction, or use a stronger attack.

# %% [markdown]
# ## 4. How much of the start has to be random?
#
# The first and the second network differ in where the step begins, and in more: the clean half of the loss, the warm-up, the length of the step (1.25 eps after a random start). Keep the rest as it is in `Dial` below and vary the start alone: a random point of a ball of radius $r\epsilon$. With $r = 0$ the step is FGSM's, with $r = 1$ the start covers the whole ball. 9,000 digits, three epochs.
#
# **Your prediction.** Which $r$ gives the lowest PGD error?

# %%
dial_guess = predict("dial", ["0", "0.5", "1", "it makes no difference"])
dial_guess


# %%
class Dial:
    """The loss after one gradient-sign step from a random point at most r*eps away."""

    progress = 1.0  # training.fit says how far it is; eps rises over the first third

    def __init__(self, r):
        self.r = r

    def __call__(self, model, x, y):
        now = eps * min(1.0, 3 * self.progress)
        start = (x + self.r * now * (2 * torch.rand_like(x) - 1)).clamp(0, 1).requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(start), y), start)
        x_adv = torch.clamp(start.detach() + now * gradient.sign(), x - now, x + now).clamp(0, 1)
        return F.cross_entropy(model(x_adv), y)


dial = {}
train_few = partial(training.fit, x=digits.train.x[:9_000], y=digits.train.y[:9_000], lr=3e-3)
for r in (0.0, 0.5, 1.0):
    dial[r] = train_few(models.ConvNet(), objective=Dial(r), epochs=3, validation=watch)


# %%
def at_radius(r):
    history = dial[r]
    return plots.curves(
        [1, 2, 3],
        {"FGSM": history["FGSM error"], "PGD": history["PGD error"]},
        xlabel=f"epoch, with r = {r:g}",
        ylabel="error on 500 test digits",
        percent=True,
        title="the start of the step",
    )


widgets.Explorer(at_radius, r=widgets.slider(0.0, 0.0, 1.0, 0.5, name="r", digits=1))

# %%
last = {r: history["PGD error"][-1] for r, history in dial.items()}
best = min(last, key=last.get)
dial_guess.compare(f"{best:g}")
claim("dial", last[0.0] - last[1.0], low=0.02, unit="%", statement="PGD error at r=0 above r=1")

# %% [markdown]
# **What it shows.** With the whole ball covered PGD breaks fewer digits than with no random start at all. At $r = 0$ the network needs to look safe at one point per digit; at $r = 1$ it would have to bend its loss everywhere. When FGSM falls while PGD stays or rises, people speak of *catastrophic overfitting*: not to the digits, but to the attack.
#
# The second network had two helps at once, the random start and the warm-up. Here is the warm-up alone, `Dial(0.0)`, on the same 17,000 digits; the other two curves are those of section 1.

# %%
alone = train(models.ConvNet(), objective=Dial(0.0), epochs=3, validation=watch)
helps = {
    "warm-up": alone,
    "warm-up and random start": histories["random start"],
    "PGD training": histories["PGD training"],
}
plots.curves(
    [1, 2, 3],
    {name: history["PGD error"] for name, history in helps.items()},
    xlabel="epoch",
    ylabel="PGD error on 500 test digits",
    percent=True,
    title="one help more each time",
)

# %%
ends = [history["PGD error"][-1] for history in helps.values()]
claim("start-helps", ends[0] - ends[1], low=0.05, unit="%", statement="what the start takes off")

# %% [markdown]
# **What it shows.** The warm-up alone leaves most digits to PGD. The random start takes a good part of its error away, the further steps another. **What it does not show.** A random start without a warm-up: train with `training.RandomStart(eps, warm_up=0)` and compare.
#
# The size of the step counts, too. These curves come with the package (`tools/ledger/overfitting.py`, eight minutes): the random-start rival with seven step sizes, on all 60,000 digits for three epochs, each measured on 1,000 test digits at $\epsilon = 0.25$.

# %%
widgets.overfitting_explorer()

# %%
kept = {run.step: run.pgd for run in widgets.overfitting_runs() if run.epoch == 3}
lead = kept[0.75] - max(kept[step] for step in (1.0, 1.25, 1.5, 2.0))
claim("small-step", kept[0.25], high=0.25, unit="%", statement="PGD accuracy, steps of eps/4")
claim("best-step", lead, low=0.02, unit="%", statement="3/4 eps above every longer step")

# %% [markdown]
# **What it shows.** A step of a quarter of $\epsilon$ leaves a network that 20 steps of PGD break nearly always. Three quarters of $\epsilon$ keep most, and every longer step keeps less. **What it does not show.** A collapse: on these digits, with this network and three epochs, no *long* step makes the training fail as Wong, Rice and Kolter saw it fail on photos.

# %% [markdown]
# ## 5. What would a sound evaluation have asked?
#
# Whether an attack's verdict can be believed is itself a question for measurements. `attack_report` asks them, on 200 digits here, with two standard errors of such a share as its tolerance. *Blind queries* are random squares painted on the picture and kept where they help: an attack that sees answers only. The checklist becomes a table with a column for each attack on the network trained with the paper's objective: FGSM, PGD, and, if you add it, one of your own.
#
# **Your prediction.** FGSM, which knows the whole network, breaks few of its digits, as you have seen. Which share do 200 blind queries break?

# %%
report_guess = predict("blind-queries", low=0, high=1, unit="%")
report_guess

# %%
asked = {
    "FGSM": attacks.fgsm,
    "PGD": partial(attacks.pgd, steps=20, early_stop=True),
    # a column for an attack of your own: "mine": my_attack,
}
reports = {
    name: attack_report(hardened, x[:200], y[:200], attack, eps=eps)
    for name, attack in asked.items()
}
print(f"measured {'question':<29}", *(f"{name:<27}" for name in reports))
for answers in zip(*(report.findings for report in reports.values()), strict=True):
    cells = [f"{'✓' if a.sound else '✗'} {a.answer:<25}" for a in answers]
    print(f"measured {answers[0].question:<29}", *cells)

# %%
failed = [finding.question for finding in reports["FGSM"].findings if not finding.sound]
claim("fgsm-fails", len(failed), low=1, unit="questions", statement="questions that FGSM fails")
blind = evaluate(hardened, x[:200], y[:200], partial(attacks.square, eps=eps, queries=200))
report_guess.compare(blind.error, unit="%")
claim(
    "blind-above-fgsm",
    blind.error - evaluate(hardened, x[:200], y[:200], fgsm).error,
    low=0.2,
    unit="%",
    statement="error after 200 blind queries above that after FGSM (200 digits)",
)
claim("pgd-sound", reports["PGD"].sound, low=1, unit="", statement="PGD passes every question: 1")

# %% [markdown]
# **What it shows.** On this network, 200 blind queries break far more digits than FGSM does, with all it knows. That alone is enough to throw FGSM's verdict away, and it costs one line to find out. The list, in words:
#
# 1. the model gives logits and stands in eval mode; eps = 0 changes nothing; the examples stay in the ball and in [0, 1];
# 2. more eps breaks more (clean, then eps/2, eps, 2 eps and 1), and enough eps breaks everything;
# 3. many steps break no fewer than one, a gradient no fewer than noise or blind queries;
# 4. no example stays where it was because no gradient arrived.

# %% [markdown]
# ## 6. First defence: logits that are very sure
#
# Now break three defences yourself. For each you hand in an attack. The check runs it on such a network of its own, on test digits that you have not chosen, and judges it by what comes back: pictures inside the ball and inside [0, 1] that the defended network misreads. One digit broken here and there is no break; where yours falls short, the check says how far a real one gets, and what noise does.
#
# The first defence multiplies the logits by 400. Nothing else: the answers stay the same. Ten steps up the cross-entropy break next to nothing.


# %%
class Sure(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return 400 * self.model(x)


sure = Sure(plain)
with_cross_entropy = evaluate(sure, few, few_labels, partial(attacks.bim, eps=eps))
print(f"measured {with_cross_entropy}")
claim(
    "sure-looks", with_cross_entropy.error, high=0.3, unit="%", statement="ten steps, cross-entropy"
)
claim(
    "sure-success",
    with_cross_entropy.success_rate,
    high=0.1,
    unit="%",
    statement="their success rate",
)
claim("sure-unmoved", with_cross_entropy.unmoved / 500, low=0.6, unit="%", statement="never moved")

# %% [markdown]
# Most digits come back untouched: the softmax of such logits is 1 to the last digit, the cross-entropy is 0, and so is its gradient. The attack needs a loss that does not go through the softmax: the *margin*, by how much the best wrong class is ahead.
#
# **Exercise.** Write it.


# %%
def margin_loss(logits, y):
    """The best other logit minus the logit of y: positive where the model errs.

    logits: [N, K]. y: [N] classes. Returns [N], made of tensor operations for autograd to follow.
    """
    ...


margin_loss = checks.margin_loss(margin_loss)

# %% [markdown]
# **Exercise.** Now break the defence. Return pictures within $\epsilon$ of the digits and inside [0, 1] that the model misreads. What you have written is at hand, and so is `attacks`.


# %%
def break_sure(model, x, y, eps):
    """Pictures that the model misreads, although its logits are 400 times as large as usual.

    model: the defended network. x: [N, 1, 28, 28]. y: [N] true classes. Returns x_adv, like x.
    """
    ...


break_sure = checks.break_sure(break_sure)

# %%
with_margin = evaluate(sure, few, few_labels, partial(break_sure, eps=eps))
print(f"measured {with_margin}")
claim("sure-broken", with_margin.error, low=0.85, unit="%", statement="error under your break")

# %% [markdown]
# **What it shows.** The logits were never a defence: they blinded one loss. Whoever measures with that loss alone reports a robust network.

# %% [markdown]
# ## 7. Second defence: a staircase
#
# The second rounds the pixels to eight steps before the network sees them. A staircase is flat wherever it has a derivative, so no gradient gets through, with any loss.


# %%
class Staircase(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((x * 8).round() / 8)


stairs = Staircase(plain)
blocked = evaluate(stairs, few, few_labels, partial(attacks.bim, eps=eps, loss=margin_loss))
claim("stairs-unmoved", blocked.unmoved / 500, low=1, unit="%", statement="digits that never moved")

# %% [markdown]
# No derivative is needed to see which way is up. Take a random direction $v$, ask the network a little ahead and a little behind, and you have a slope; do so for many directions and average:
#
# $$g = \frac1D\sum_{d=1}^{D}\frac{L(x + h v_d) - L(x - h v_d)}{2h}\,v_d .$$
#
# **Exercise.** Write this estimate. `loss` takes a batch of pictures and returns one number for each. (Below, $h = 0.1$: less than half a stair, $1/16$, would meet the same stair on both sides most of the time.)


# %%
def estimated_gradient(loss, x, directions, h):
    """The mean over the directions v of (loss(x + h*v) - loss(x - h*v)) / (2*h) * v.

    loss: a function [N, C, H, W] -> [N]. x: [N, C, H, W]. directions: [D, C, H, W]. h: a number.
    Returns the estimate, like x.
    """
    ...


estimated_gradient = checks.estimated_gradient(estimated_gradient)

# %% [markdown]
# **Your prediction.** Estimate the gradient of the margin with 200 directions, which costs 400 queries for each digit, and take one step of $\epsilon$ along its sign. Such a step breaks …

# %%
blind_guess = predict("blind", low=0, high=1, unit="%")
blind_guess

# %% [markdown]
# **Exercise.** Break the staircase. `torch.randint(0, 2, (200, 1, 28, 28)) * 2.0 - 1` are 200 directions whose signs come from a coin.


# %%
def break_staircase(model, x, y, eps):
    """Pictures that the model misreads, although no gradient gets through it.

    model: the defended network. x: [N, 1, 28, 28]. y: [N] true classes. Returns x_adv, like x.
    """
    ...


break_staircase = checks.break_staircase(break_staircase)

# %%
torch.manual_seed(0)
hundred = x[:100], y[:100]
broken = evaluate(stairs, *hundred, partial(break_staircase, eps=eps))
shaken = evaluate(stairs, *hundred, partial(attacks.sign_noise, eps=eps))
blind_guess.compare(broken.error, unit="%")
claim("stairs-broken", broken.error, low=0.5, unit="%", statement="error of 100 digits, your break")
claim(
    "stairs-noise",
    broken.error - shaken.error,
    low=0.3,
    unit="%",
    statement="the same above that under noise of the same size",
)

# %% [markdown]
# **What it shows.** The staircase hid the gradient and nothing else. What the network does with a changed picture is as it was. Whoever may look inside has an even shorter way: use the gradient of the network *behind* the stairs, as if they were not there. The check accepts that, too: a break is judged by the pictures, not by the way to them.

# %% [markdown]
# ## 8. Third defence: two locks
#
# The third is the network of section 1, trained with the paper's objective, and its logits are multiplied by 400. You have seen each of the two opened: the first by several steps up the *cross-entropy*, the second up the margin. So try either key: PGD as in section 1, and one step up your margin.

# %%
locked = Sure(hardened)
keys = {
    "PGD": evaluate(locked, few, few_labels, pgd),
    "margin": evaluate(locked, few, few_labels, partial(fgsm, loss=margin_loss)),
    "noise": evaluate(locked, few, few_labels, partial(attacks.sign_noise, eps=eps)),
}
above_noise = keys["PGD"].error - keys["noise"].error
claim("locked-pgd", above_noise, high=0.3, unit="%", statement="PGD's error above that of noise")
claim(
    "locked-step", keys["margin"].error, high=0.3, unit="%", statement="error after a margin step"
)

# %% [markdown]
# Neither does. On most digits the cross-entropy has no gradient, and PGD's random start is all that is left of it. And one step of $\epsilon$ lands where this network was trained to be right.
#
# **Exercise.** Break both locks with one attack.


# %%
def break_hardened(model, x, y, eps):
    """Pictures that the model misreads, although it is hardened against one step, and very sure.

    model: the defended network. x: [N, 1, 28, 28]. y: [N] true classes. Returns x_adv, like x.
    """
    ...


break_hardened = checks.break_hardened(break_hardened)

# %%
torch.manual_seed(0)
unlocked = evaluate(locked, few, few_labels, partial(break_hardened, eps=eps))
claim("locked-broken", unlocked.error, low=0.6, unit="%", statement="error under your break")

# %% [markdown]
# **What it shows.** Two locks that each stop one attack do not add up to a defence: an attack that avoids what either of them needs walks through both. "We tried PGD and FGSM" is no evaluation: the list may be long, and each attack on it fail for a reason of its own.

# %% [markdown]
# ## 9. Which attack is the judge?
#
# Which attack should judge a network nobody has broken yet? All of them: for each example it is enough that *one* attack finds a mistake. Below, `errs[a, i]` says whether attack `a` breaks digit `i`; `errs.any(dim=0)` says whether any does. Its mean is the error in the *worst case*. On 300 digits:

# %%
tried = {
    "FGSM": fgsm,
    "PGD, cross-entropy": pgd,
    "PGD, your margin": partial(pgd, loss=margin_loss),
    "blind queries": partial(attacks.square, eps=eps, queries=200),
}
torch.manual_seed(0)
single = torch.zeros(3, 5)
for row, net in enumerate(nets.values()):
    errs = torch.stack(
        [net(attack(net, x[:300], y[:300])).argmax(dim=1) != y[:300] for attack in tried.values()]
    )
    single[row, :4], single[row, 4] = errs.float().mean(dim=1), errs.any(dim=0).float().mean()

plots.matrix(
    single,
    list(nets),
    [*tried, "worst case"],
    xlabel="attack",
    ylabel="trained with",
    percent=True,
    title="error of three networks under four attacks",
)

# %%
claim(
    "worst-is-worst",
    (single[:, 4] - single[:, :4].amax(dim=1)).max(),
    low=0.003,
    high=0.3,
    unit="%",
    statement="worst case above the best single attack, largest of three networks",
)
missed = single[:, 4] - single[:, 0]
claim(
    "missed-hardened",
    missed[0],
    low=0.5,
    unit="%",
    statement="broken digits that FGSM misses, paper's objective",
)
claim("missed-robust", missed[2], high=0.25, unit="%", statement="the same, PGD training")
claim("worst-robust", single[2, 4], 0.08, 0.45, unit="%", statement="worst case, PGD training")

# %% [markdown]
# **What it shows.** Read along the rows. Only the last column is a verdict, and it is a lower bound: a fifth attack can only raise it. On the network trained with the paper's objective FGSM misses most of what can be broken; on the PGD-trained one it finds most of it. That is what a gradient looks like that hides little.
#
# Now let the networks face each other, digit by digit. The curves are those of the first 200. (The first look at PGD computes its own, which takes some seconds.)

# %%
widgets.defence_explorer({"usual": plain, **nets}, x[:200], y[:200])

# %% [markdown]
# **What it does not show.** An upper bound. Can one say of a digit that *no* attack will make the network misread it? [Notebook 07](07_proof_not_promise.ipynb) proves it for some digits.

# %% [markdown]
# ## What you take with you
#
# - A low error under the attack a network was trained on says nothing. Measure each epoch with a stronger one.
# - A masked gradient often betrays itself in one of several ways: noise beats the attack, more eps breaks less, examples do not move, blind queries do better. One question answered well proves nothing.
# - The verdict is the worst case per example over different attacks, and still only a lower bound.
#
# **Misconceptions.** *"The gradient is zero, so the network is robust."* Sections 6 and 7. *"It survives FGSM, so it has learnt robust features."* Section 3: it reads the label off the step. *"It stops every attack that was tried."* Section 8: none of them was made for this defence. *"The best attack gives the error."* Section 9: take the worst case per example.
#
# **Further reading.** Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security* (2018, arXiv 1802.00420). Carlini and others, *On Evaluating Adversarial Robustness* (2019, arXiv 1902.06705). Wong, Rice, Kolter, *Fast is better than free* (2020, arXiv 2001.03994), section 5, for catastrophic overfitting. Kurakin, Goodfellow, Bengio, *Adversarial Machine Learning at Scale* (2017, arXiv 1611.01236), section 4, for label leaking. Croce, Hein, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks* (2020, arXiv 2003.01690).
#
# Next: [Why does one example fool many models?](05_why_examples_transfer.ipynb)

# %%
progress.show("04_does_the_defence_hold")
