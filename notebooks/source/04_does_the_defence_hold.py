# %% [markdown]
# # Does the defence hold?
#
# **Put the hardened network to the test, and learn to judge a defence.**
#
# *60 minutes. You need [adversarial training](03_adversarial_training.ipynb). After this notebook you can*
#
# - *recognise a masked gradient;*
# - *name one detail of the training that separated two kinds of hardened networks;*
# - *break a defence that hides its gradient, and judge by the worst case.*

# %%
import warnings
from functools import partial

import torch
import torch.nn.functional as F

from advtutor import attacks, checks, models, plots, progress, training, widgets
from advtutor.claims import claim
from advtutor.claims.crafting import crafting_runs
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict

warnings.simplefilter("ignore", attacks.AttackWarning)  # they would say what section 5 is about
digits = mnist()
x, y = digits.test
few, few_labels = x[:500], y[:500]
eps = 0.25
fgsm = partial(attacks.fgsm, eps=eps)
pgd = partial(attacks.pgd, eps=eps, steps=10, early_stop=True)

# %% [markdown]
# ## 1. What does the error do while you are not looking?
#
# Train a network as in the last notebook, and measure it after each epoch with two attacks: the one it is trained on (FGSM), and ten steps from a random start (PGD). Beside it, two rivals. All train on 17,000 of the digits, for three epochs:
#
# - **paper:** half the clean loss, half that of the FGSM example; the *hardened* network;
# - **random start:** one step of $1.25\,\epsilon$ from a random point of the ball, then clipped back into the ball (Wong, Rice and Kolter), with a *warm-up* of ours: $\epsilon$ rises from zero;
# - **PGD:** the loss of an example made by three steps from a random start (Madry and others), with the same warm-up.


# %%
def watch(model):
    return {
        "FGSM error": evaluate(model, few, few_labels, fgsm).error,
        "PGD error": evaluate(model, few, few_labels, pgd).error,
    }


train = partial(training.fit, x=digits.train.x[:17_000], y=digits.train.y[:17_000], lr=3e-3)
objectives = {
    "paper": training.Adversarial(eps),
    "random start": training.RandomStart(eps),
    "PGD": training.PGD(eps, steps=3),
}
nets, histories = {}, {}
torch.manual_seed(0)
for name, objective in objectives.items():
    nets[name] = models.ConvNet()
    histories[name] = train(nets[name], objective=objective, epochs=3, validation=watch)

# %%
looks = {"paper": "hardened", "random start": "random start", "PGD": "PGD-trained"}
plots.curves(
    [1, 2, 3],
    {
        f"{looks[name]}, {kind}": history[f"{attack} error"]
        for name, history in histories.items()
        for kind, attack in {"one step": "FGSM", "ten steps": "PGD"}.items()
    },
    xlabel="epoch",
    ylabel="error on 500 test digits",
    percent=True,
    title="three trainings, each measured with one step and with ten",
)

# %%
hardened, fast, robust = nets.values()
on_paper, honest = (evaluate(hardened, x[:2000], y[:2000], a).error for a in (fgsm, pgd))
claim("hardened-fgsm", on_paper, high=0.3, unit="%", statement="hardened: FGSM error, 2,000 digits")
claim("hardened-pgd", honest, low=0.8, unit="%", statement="hardened: PGD error, 2,000 digits")

# %% [markdown]
# **What it shows.** If you measure the first network with FGSM alone, you see a success. The other two trainings leave less for PGD to break. (Here and below, numbers are of the first 500 test digits unless a line says otherwise.)
#
# **What it does not show.** That the third network is safe: a better attack may find more. And the trainings differ in several things at once.

# %% [markdown]
# ## 2. What does a masked gradient look like?
#
# FGSM looks at the gradient once, at the digit, and then goes 0.25 along its sign. Walk there slowly instead, and note the loss of 500 digits on the way.

# %%
sizes = torch.linspace(0, 0.25, 11)


@torch.no_grad()
def losses_along(model):
    """The loss of each of 500 digits along its gradient's sign: [11, 500]."""
    steps = [attacks.fgsm(model, few, few_labels, e) for e in sizes.tolist()]
    return torch.stack([F.cross_entropy(model(s), few_labels, reduction="none") for s in steps])


losses = {name: losses_along(net) for name, net in nets.items()}
plots.curves(
    sizes,
    {looks[name]: each.mean(dim=1) for name, each in losses.items()},
    xlabel="length of the step along the gradient's sign",
    ylabel="mean loss of 500 test digits",
    title="the loss along the step",
)

# %%
early = {name: (each.argmax(dim=0) < 10).float().mean() for name, each in losses.items()}
highest = "digits on which the loss is highest before the end, {} network"
claim("peak-hardened", early["paper"], 0.1, unit="%", statement=highest.format("hardened"))
claim("peak-robust", early["PGD"], high=0.05, unit="%", statement=highest.format("PGD-trained"))

# %% [markdown]
# **What it shows.** On many digits the hardened network's loss has a ridge on the way and is lower behind it: a step of 0.25 jumps over it. A gradient that leads an attack astray, or nowhere, is called *masked*. The PGD-trained network has hardly any ridges on these lines.
#
# **What it does not show.** Every kind of masking: the random-start network's curve looks like the PGD-trained one's, and yet PGD breaks more of its digits.

# %% [markdown]
# ## 3. What has the network learnt to read?
#
# Against the hardened network, the FGSM step mostly darkens the strokes of its digit and lightens what is around them. Added to a black picture and clipped, it looks like a dim shadow of the digit. Below are some, and hand-made ones: 0.25 wherever the digit is black, 0 where it is not. No gradient and no label goes into them.
#
# **Your prediction:** the share of *hand-made* shadows in which the hardened network reads the digit.

# %%
shadow_guess = predict("shadow", low=0, high=1, unit="%")
shadow_guess

# %%
plain = models.ConvNet()
train(plain, objective=training.clean, epochs=3)
by_hand = torch.where(few > 0, 0.0, eps)
by_step = (attacks.fgsm(hardened, few, few_labels, eps, clip=None) - few).clamp(0, 1)


def read_rightly(model, pictures):
    return (model(pictures).argmax(dim=1) == few_labels).float().mean().item()


plots.images(
    torch.cat([by_step[:4], by_hand[:4]]),
    ["FGSM's step"] * 4 + ["made by hand"] * 4,
    columns=4,
    title="shadows of a 7, a 2, a 1 and a 0",
)

# %%
shadows = read_rightly(hardened, by_hand)
shadow_guess.compare(shadows, unit="%")
claim(
    "shadow-more",
    shadows - read_rightly(plain, by_hand),
    low=0.1,
    unit="%",
    statement="hand-made shadows that the hardened network reads, above the usual one's share, in points",
)

# %% [markdown]
# **What it shows.** Of the shadows that no gradient made, the hardened network reads more than the usual one does. In training each shadow came with its digit's label, so the network could learn to read the label off the step (*label leaking*, as Kurakin and others call it).
#
# **What it does not show.** How much of the low FGSM error comes from reading shadows.

# %% [markdown]
# ## 4. Why does one recipe give two kinds of networks?
#
# The paper's first network has 240 maxout units a layer (each the largest of several linear sums) and is trained with dropout. Train such a network several times, and it can come in two kinds ([notebook 08](08_the_paper_in_numbers.ipynb)). The paper does not say whether dropout is on or off while the adversarial examples are made. Here are three ways, everything else alike: *dropout off*; *dropout on*, with a new random mask for the pass that learns from the examples; and on with the *same mask* in both passes. These runs were **measured elsewhere and ship with the course**: five seeds each, 50,000 digits, 12 epochs, $\epsilon = 0.25$ unclipped as in the paper, each epoch measured on 2,000 held-out digits (20 steps of PGD on 500 of them).
#
# *Transfer* is the error on FGSM examples that were made for another, usual network, without a look at this one.
#
# **Your prediction.** An attack that knows the network should break more than one that does not. In how many of the three ways does transfer break *more* than FGSM after the last epoch?

# %%
kind_guess = predict("kinds", ["in none", "in one", "in two", "in all three"])
kind_guess

# %%
runs = crafting_runs()
widgets.overfitting_explorer(runs)

# %%
kind_guess.compare("in two")
lead = {way: [r["transfer"][-1] - r["FGSM"][-1] for r in row] for way, row in runs.items()}
claim(
    "kind-masked",
    min(lead["dropout off"] + lead["same mask"]),
    low=0.03,
    unit="%",
    statement="shipped runs, dropout off or same mask: transfer minus FGSM, least of ten",
)
claim(
    "kind-on",
    max(lead["dropout on"]),
    high=-0.03,
    unit="%",
    statement="shipped runs, dropout on with a new mask: the same, most of five",
)

# %% [markdown]
# **What it shows.** With dropout off, and with the same mask, FGSM's error (unclipped) falls lowest, and examples made for *another* network break more than the network's own: the gradient is masked. PGD breaks nearly all of these networks' digits. In training FGSM's error falls while PGD's ends near 100 %. Where PGD's was low before, Wong, Rice and Kolter call this **catastrophic overfitting**; here it never was low.
#
# Dropout as such is not what helps: it is on with the same mask, too. What helped here is that the examples are made with a mask of their own. FGSM's unclipped error then stays higher; PGD still breaks nine in ten. So the course leaves dropout on in its maxout networks, with a new mask.
#
# The paper prints 17.9 % for FGSM and 19.6 % for transfer, perhaps of a larger network. There, too, transfer breaks more.
#
# **What it does not show.** What the authors did: their recipe may differ in more than this, and the paper's gap of 1.7 points comes from one network. Nor that this alone decides: in notebook 08 some networks trained with dropout on are of the masked kind, too.

# %% [markdown]
# ## 5. First defence: logits that are very sure
#
# Now break three defences yourself. The check runs your attack on a defended network and on test digits. All pictures have to stay in the ball and in [0, 1]; if too few are misread, the check says how many a real break reaches.
#
# The first defence multiplies the logits by 400; the answers stay the same. Ten steps up the cross-entropy (BIM):


# %%
class Sure(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return 400 * self.model(x)


sure = Sure(plain)
with_cross_entropy = evaluate(sure, few, few_labels, partial(attacks.bim, eps=eps))
claim(
    "sure-unmoved",
    with_cross_entropy.unmoved / 500,
    low=0.6,
    unit="%",
    statement="share of the digits that come back exactly as they were",
)

# %% [markdown]
# Most digits come back untouched: the softmax of such logits is exactly 1 in floating point, the cross-entropy is 0, and so is its gradient. The *margin*, by how much the best wrong class is ahead, does not go through the softmax.
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
# **Exercise.** Now break the defence. Return pictures within $\epsilon$ of the digits and inside [0, 1] that the model misreads. What you have written is at hand, and so is `attacks`: `fgsm`, `bim` and `pgd` there take another loss to climb as `loss=margin_loss`.


# %%
def break_sure(model, x, y, eps):
    """Pictures that the model misreads, although its logits are 400 times as large as usual.

    model: the defended network. x: [N, 1, 28, 28]. y: [N] true classes. Returns x_adv, like x.
    """
    ...


break_sure = checks.break_sure(break_sure)

# %% [markdown]
# **What it shows.** The logits were never a defence: they blinded one loss.

# %% [markdown]
# ## 6. Second defence: a staircase
#
# The second rounds the pixels to eighths before the network sees them. A staircase is flat wherever it has a derivative, so no gradient gets through, with any loss.


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
# No derivative is needed. Take a random direction $v$, ask the network a little ahead and a little behind, and you have a slope; do so for many directions and average:
#
# $$g = \frac1D\sum_{d=1}^{D}\frac{L(x + h v_d) - L(x - h v_d)}{2h}\,v_d .$$
#
# **Exercise.** Write this estimate. `loss` takes a batch of pictures and returns one number for each. (Take $h = 0.1$: a step shorter than half a stair, $1/16$, mostly stays on the same stair on both sides.)


# %%
def estimated_gradient(loss, x, directions, h):
    """The mean over the directions v of (loss(x + h*v) - loss(x - h*v)) / (2*h) * v.

    loss: a function [N, C, H, W] -> [N]. x: [N, C, H, W]. directions: [D, C, H, W]. h: a number.
    Returns the estimate, like x.
    """
    ...


estimated_gradient = checks.estimated_gradient(estimated_gradient)

# %% [markdown]
# **Exercise.** Break the staircase: with 200 directions, which cost 400 queries for each digit, and one step of $\epsilon$ along the sign of the estimate for your margin, for instance. `torch.randint(0, 2, (200, 1, 28, 28)) * 2.0 - 1` are 200 directions whose signs come from a coin.


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
claim("stairs-broken", broken.error, low=0.5, unit="%", statement="error of 100 digits under it")

# %% [markdown]
# **What it shows.** At this $\epsilon$ the staircase hid the gradient and did not stop the attack. If you may look inside, there is a shorter way: the gradient of the network *behind* the stairs. The check accepts that, too.

# %% [markdown]
# ## 7. Third defence: two locks
#
# The third is the hardened network with its logits multiplied by 400. Each lock has been opened: the hardened network by several steps up the *cross-entropy*, the sure logits up the margin. Try either key: PGD as in section 1, and one step up your margin.

# %%
locked = Sure(hardened)
start = evaluate(locked, few, few_labels, partial(attacks.uniform_noise, eps=eps)).error
added = evaluate(locked, few, few_labels, pgd).error - start
by_step = evaluate(locked, few, few_labels, partial(fgsm, loss=margin_loss)).error
claim("locked-pgd", added, high=0.15, unit="%", statement="two locks: what PGD adds to its start")
claim("locked-step", by_step, high=0.3, unit="%", statement="two locks: one margin step")

# %% [markdown]
# PGD adds little to its random start, and one step of $\epsilon$ lands close to where this network was trained to be right.
#
# **Exercise.** Break both locks with one attack.


# %%
def break_hardened(model, x, y, eps):
    """Pictures that the model misreads, although it is hardened against one step, and very sure.

    model: the defended network. x: [N, 1, 28, 28]. y: [N] true classes. Returns x_adv, like x.
    """
    ...


break_hardened = checks.break_hardened(break_hardened)

# %% [markdown]
# **What it shows.** Several steps up the margin open both locks. "We tried PGD and FGSM" is no evaluation.

# %% [markdown]
# ## 8. Which attack is the judge?
#
# All that you have: for each example it is enough that *one* attack finds a mistake. Below, `errs[a, i]` says whether attack `a` breaks digit `i`; `errs.any(dim=0)` says whether any does. Its mean is the error in the *worst case*. One of the four asks for no gradient: *blind queries* paint random squares on the picture and keep what helps, seeing the logits only. On 300 digits:

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
    list(looks.values()),
    [*tried, "worst case"],
    xlabel="attack",
    ylabel="network",
    percent=True,
    title="error of three networks under four attacks",
)

# %%
claim(
    "missed-hardened",
    single[0, 4] - single[0, 0],
    low=0.5,
    unit="%",
    statement="worst case minus FGSM on the hardened network, in points",
)
claim("worst-robust", single[2, 4], 0.08, 0.45, unit="%", statement="worst case, PGD-trained")

# %% [markdown]
# **What it shows.** Read along the rows. Only the last column is a verdict, and it is a lower bound: a fifth attack can only raise it. On the hardened network FGSM misses most of what the four together break, and queries that see nothing but logits break far more than FGSM with all it knows.
#
# Compare the networks on one digit: first under FGSM, then under PGD.

# %%
shown = {"usual": plain, "hardened": hardened, "random start": fast, "PGD-trained": robust}
widgets.defence_explorer(shown, x[:100], y[:100])

# %% [markdown]
# **What it does not show.** That *no* attack makes a network misread a digit. [Notebook 07](07_proof_not_promise.ipynb) proves that for some digits, networks and smaller $\epsilon$.

# %% [markdown]
# ## What you take with you
#
# - A low error under the attack that a network was trained on may mean only that it masks its gradient. Measure each epoch with a stronger one.
# - A masked gradient often betrays itself in one of several ways: another network's examples beat the attack, more eps breaks less, examples do not move, blind queries do better. The absence of one sign proves nothing.
# - The verdict is the worst case per example over different attacks, and still only a lower bound.
#
# **Further reading.** Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security* (2018, arXiv 1802.00420). Wong, Rice, Kolter, *Fast is better than free* (2020, arXiv 2001.03994), section 5, for catastrophic overfitting. Kurakin, Goodfellow, Bengio, *Adversarial Machine Learning at Scale* (2017, arXiv 1611.01236), section 4, for label leaking. Croce, Hein, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks* (2020, arXiv 2003.01690).
#
# Next: [Why does one example fool many models?](05_why_examples_transfer.ipynb)

# %%
progress.show("04_does_the_defence_hold")
