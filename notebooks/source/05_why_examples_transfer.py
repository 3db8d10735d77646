# %% [markdown]
# # Why does one example fool many models?
#
# **Fool networks that the attacker never saw, and measure what they share.**
#
# *60 minutes. You need [does the defence hold?](04_does_the_defence_hold.ipynb). After this notebook you can*
#
# - *measure how far an example travels, and whether its victims see the same wrong class;*
# - *compare the directions of two networks' gradients with the right control;*
# - *attack a network through nothing but its answers, and count what that costs.*

# %%
import math
from functools import partial

import torch
from tqdm.auto import tqdm

from advtutor import attacks, checks, models, plots, progress, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate, transfer_matrix
from advtutor.predictions import predict

digits = mnist()
x, y = digits.test.x[::2], digits.test.y[::2]
x_train, y_train = digits.train.x[:40000], digits.train.y[:40000]
eps = 0.25
fgsm = partial(attacks.fgsm, eps=eps)

# %% [markdown]
# ## 1. How far does an example travel?
#
# Make an example for one model, the **source**, and show it to another, the **victim**. If the victim misreads it, the example **transfers**. Six models take both parts in turn:
#
# - **softmax:** softmax regression, one linear layer.
# - **maxout:** two hidden layers of 60 units, each the largest of three linear functions. The paper's is larger and trained far longer. Ours sees the digits twice.
# - **RBF:** a bell around one centre for each class; its classes do not share a softmax ([notebook 01](01_linear_explanation.ipynb), section 7).
# - **conv** and **conv 2:** the convolutional network, twice, with other weights at the start and another order of the digits.
# - **hardened:** a third network of that kind, trained adversarially for one epoch.
#
# All train on the first 40,000 digits.


# %%
def six_models():
    return {
        "softmax": models.SoftmaxRegression(),
        "maxout": models.Maxout(60, 3, dropout=(0.2, 0.3, 0.3)),
        "RBF": models.RBF(),
        "conv": models.ConvNet(seed=0),
        "conv 2": models.ConvNet(seed=1),
        "hardened": models.ConvNet(seed=2),
    }


def yes_or_no(model, x, y):
    return models.binary_cross_entropy(model(x), y).mean()


objectives = {"RBF": yes_or_no, "hardened": training.Adversarial(eps)}
epochs = {"softmax": 3, "maxout": 2, "RBF": 3}
rates = {"RBF": 1e-2}
train = partial(training.fit, x=x_train, y=y_train, progress=False)

# %%
zoo = six_models()
for seed, (name, model) in enumerate(tqdm(zoo.items(), desc="six models")):
    train(
        model,
        objective=objectives.get(name, training.clean),
        epochs=epochs.get(name, 1),
        lr=rates.get(name, 3e-3),
        seed=seed,
    )

# %% [markdown]
# The victims are tested on every second test digit, 5,000 of them, here and below, unless a line says otherwise. Every step climbs the softmax cross-entropy of the source's logits.
#
# **Your prediction:** every one of these digits takes one FGSM step ($\epsilon = 0.25$) against softmax regression. What share does conv misread?

# %%
travel_guess = predict("softmax-to-conv", low=0, high=1, unit="%")
travel_guess

# %% [markdown]
# The control, in the last row, is sign noise: each pixel moves by $\epsilon$, up or down by a coin, clipped like the rest. Each column is one victim; on the diagonal it reads its own examples (*white box*). Compare each number with the last one of its column: only a number far above that says something about transfer.

# %%
transfer = transfer_matrix(zoo, x, y, fgsm)
torch.manual_seed(0)
coin = partial(attacks.sign_noise, eps=eps)
noise = torch.tensor([evaluate(victim, x, y, coin).error for victim in zoo.values()])

names = list(zoo)
plots.matrix(
    torch.cat([transfer.error, noise[None]]),
    [*names, "(sign noise)"],
    names,
    xlabel="error of the model that reads",
    ylabel="made for",
    percent=True,
    title="transfer of FGSM examples, eps = 0.25, 5,000 test digits",
)

# %%
error = {
    (source, victim): transfer.error[i, j]
    for i, source in enumerate(names)
    for j, victim in enumerate(names)
}

# %%
travel_guess.compare(error["softmax", "conv"], unit="%")
claim(
    "softmax-to-conv",
    error["softmax", "conv"],
    low=0.8,
    statement="error of the convolutional network on examples made for softmax regression",
    unit="%",
)

# %%
plain = names[:5]
above_noise = min(
    error[source, victim] - noise[names.index(victim)]
    for source in plain
    for victim in plain
    if source != victim
)
claim(
    "transfer-above-noise",
    above_noise,
    low=0.2,
    statement="the least that any pair of the first five adds to the error under noise",
    unit="%",
)

# %%
claim(
    "S6-transfer-orig-to-at",
    error["conv", "hardened"],
    low=0.12,
    high=0.45,
    statement="error of the hardened network on examples made for conv (ours: convolutional, small, clipped)",
)

# %% [markdown]
# **What it shows.** A linear model with one layer makes examples that break a convolutional network. Each of the first five models makes examples that the other four misread far more often than they misread noise. Softmax regression and maxout err often under noise, too, so their columns say less about transfer.
#
# Examples made for conv break about as many of the hardened network's digits as its own examples do, or more. Its own should do better; that they do not is a sign of the masked gradient of [notebook 04](04_does_the_defence_hold.ipynb).
#
# **What it does not show.** That the hardened network is safe. All these examples are single steps.

# %% [markdown]
# ## 2. Do they make the same mistake?
#
# A victim may stumble over a strange picture in any of nine ways. If it stumbles in the *same* way as the source more often than the digit alone explains, the two have something in common.
#
# **Exercise.** Write the **agreement** of two models: of the examples that both misread, the share on which both see the same class. Return a Python number (`.item()`), and NaN, "not a number", where they misread no example in common.


# %%
def agreement(read_a, read_b, y):
    """Of the examples that both misread, the share on which both see the same class.

    read_a, read_b: [N] classes that two models see. y: [N] true classes.
    Returns a number from 0 to 1, or float("nan") if no example is misread by both.
    """
    ...


agreement = checks.agreement(agreement)

# %% [markdown]
# **Your prediction:** of the examples made for the maxout network that both misread, the share on which softmax regression sees the same wrong class as maxout. A guess among nine wrong classes would agree on one in nine.

# %%
agree_guess = predict("agree-softmax", low=0, high=1, unit="%")
agree_guess

# %%
x_adv = fgsm(zoo["maxout"], x, y)


@torch.no_grad()
def classes(model, x):
    return torch.cat([model(part).argmax(dim=1) for part in x.split(1000)])


read = {name: classes(model, x_adv) for name, model in zoo.items()}
fooled = read["maxout"] != y


def same_as_maxout(name):
    return (read[name] == read["maxout"])[fooled].float().mean()


agree_guess.compare(agreement(read["maxout"], read["softmax"], y), unit="%")

# %% [markdown]
# The paper counts in two ways: over all examples that fool maxout, and over those that the second model misreads as well, which is your `agreement`. Beside its numbers, ours (small networks, clipped, 5,000 digits):

# %%
both = {name: agreement(read["maxout"], read[name], y) for name in ("softmax", "RBF")}
counted = [
    [0.546, same_as_maxout("softmax"), 0.846, both["softmax"]],
    [0.16, same_as_maxout("RBF"), 0.543, both["RBF"]],
]
plots.matrix(
    torch.tensor(counted),
    ["softmax", "RBF"],
    ["all, paper", "all, here", "both wrong, paper", "both wrong, here"],
    xlabel="agreement with maxout",
    ylabel="",
    percent=True,
    title="who sees maxout's wrong class on maxout's examples",
)

# %%
claim(
    "S8-agree-softmax-both",
    both["softmax"],
    0.5,
    0.75,
    statement="agreement of softmax with maxout where both err",
)

# %% [markdown]
# Some agreement is cheap: a four looks more like a nine than like a zero, to anyone. So here is a control. Give each picture maxout's reading of another picture of the same digit, and compute the agreement again. What is left comes from the digit alone.


# %%
def exchanged_within(groups, values):
    """Each picture gets the value of a picture of its group, drawn at random."""
    generator, result = torch.Generator().manual_seed(0), values.clone()
    for group in groups.unique():
        rows = (groups == group).nonzero()[:, 0]
        result[rows] = values[rows[torch.randperm(len(rows), generator=generator)]]
    return result


claim(
    "agree-exchanged",
    agreement(exchanged_within(y, read["maxout"]), read["softmax"], y),
    low=0.12,
    high=0.38,
    statement="agreement of softmax with maxout's readings of other pictures of the same digit",
    unit="%",
)

# %% [markdown]
# The same for all pairs. The examples of each row are made for one model, and each number is that model's agreement with the one that reads. On the diagonal a model agrees with itself.

# %%
plots.matrix(
    transfer.agreement,
    names,
    names,
    xlabel="agreement of the model that reads",
    ylabel="made for",
    percent=True,
    title="same wrong class where both err",
)

# %% [markdown]
# **What it shows.** Softmax regression sees maxout's wrong class on more than half of the examples that both misread, far above the control. The RBF network agrees less than softmax regression does: the paper's order. On the convolutional networks' examples the RBF network agrees about as much as softmax regression does. conv and conv 2, the same network trained twice, agree on most.
#
# **What it does not show.** The paper's numbers. Our softmax regression misreads nearly all of maxout's examples, the paper's about two thirds (0.546 / 0.846), so our two counts for it nearly agree, and the paper's do not.

# %% [markdown]
# ## 3. What do they share?
#
# The paper's answer: a direction. Networks resemble the linear classifier of their task, and a linear classifier learns nearly the same weights from different parts of the training set. Test it where weights can be compared: two softmax regressions, with different seeds, on *disjoint* halves of the training digits. No picture is seen by both.
#
# The measure is the cosine: 1 for the same direction, 0 for a right angle.

# %%
halves = [models.SoftmaxRegression(seed=seed) for seed in (10, 11)]
for seed, model in enumerate(halves):
    part = slice(20000 * seed, 20000 * (seed + 1))
    train(model, x=x_train[part], y=y_train[part], objective=training.clean, epochs=3, lr=3e-3)
after = [model.linear.weight.detach() for model in halves]

w = torch.stack([after[half][digit] for digit in (3, 7) for half in (0, 1)]).reshape(4, 28, 28)
halves_names = [f"digit {digit}, {half} half" for digit in (3, 7) for half in ("1st", "2nd")]
plots.weights(w, halves_names, columns=4, title="weights learnt from disjoint halves")

# %% [markdown]
# Networks have no such weights to compare, but each has a gradient $\nabla_x J(x, y)$ at every picture, so you need the cosine for whole batches.
#
# **Exercise.** Write it. Each picture is one vector, whatever its channels, height and width.


# %%
def mean_cosine(g, h):
    """The mean over the batch of the cosine between g[i] and h[i].

    g, h: [N, C, H, W], no picture all zero. Returns a Python number (`.item()`) from -1 to 1.
    """
    ...


mean_cosine = checks.mean_cosine(mean_cosine)

# %% [markdown]
# **Your prediction:** the mean cosine between the gradients of conv and conv 2, the same network trained twice, on 2,000 clean test digits. (Two controls below take conv's gradient at one picture and conv 2's at another: any other, or one of the same digit.)

# %%
gradient_guess = predict("gradient-cosine", low=-1, high=1)
gradient_guess


# %%
def input_gradient(model):
    images = x[:2000].detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(images), y[:2000], reduction="sum")
    return torch.autograd.grad(loss, images)[0]


def cosines(g, h):
    return torch.tensor([mean_cosine(a[None], b[None]) for a, b in zip(g, h, strict=True)])


conv, conv_2, linear = (input_gradient(zoo[name]) for name in ("conv", "conv 2", "softmax"))
random_pair = torch.randn(2, 2000, 1, 28, 28, generator=torch.Generator().manual_seed(0))
shown = {
    "random directions": cosines(*random_pair),
    "conv, conv 2": cosines(conv, conv_2),
    "conv, softmax": cosines(conv, linear),
    "at another picture": cosines(conv, exchanged_within(torch.zeros(2000), conv_2)),
    "at another of the same digit": cosines(conv, exchanged_within(y[:2000], conv_2)),
}
plots.histogram(shown, xlabel="cosine of two gradients", title="shared directions, 2,000 digits")

# %%
mean = {name: values.mean() for name, values in shown.items()}
gradient_guess.compare(mean["conv, conv 2"])
claim(
    "halves-after",
    mean_cosine(*(w.reshape(10, 1, 28, 28) for w in after)),
    low=0.85,
    high=0.97,
    statement="mean cosine of the ten weight vectors learnt from two halves of the digits",
)
claim(
    "conv-conv2-cosine",
    mean["conv, conv 2"],
    0.5,
    0.85,
    statement="mean cosine of conv's and conv 2's gradients",
)
claim("conv-softmax-cosine", mean["conv, softmax"], 0.35, 0.65, statement="of conv's and softmax's")

# %%
claim(
    "cosine-same-digit",
    mean["at another of the same digit"] / mean["conv, conv 2"],
    low=0.45,
    high=0.8,
    unit="%",
    statement="what is left of conv's and conv 2's cosine at two pictures of one digit",
)

# %% [markdown]
# **What it shows.** Random directions in 784 dimensions stand nearly at right angles: their cosines spread around 0 by about $1/\sqrt{784} = 1/28$. The gradients of two networks trained on the same digits from different starting weights, and even of a network and a linear model, keep a cosine many times that on average. At another picture the mean is about 0 (single pairs range widely), unless that picture shows the same digit: then about half or more is left. So a good part of what the two share depends on the digit. The paper says that the direction matters most, rather than the point in space: here the gradients partly agree across pictures of one digit, and over pictures of all digits together, on average not.
#
# **What it does not show.** Why the task favours this direction. [Notebook 06](06_bug_or_feature.ipynb) takes up one answer.

# %% [markdown]
# ## 4. Does one member give a committee away?
#
# Put several networks together and let the mean of their logits decide: an **ensemble**. The paper takes twelve maxout networks. Take four, with one hidden layer of 40 units each and one epoch of training, different only in their seeds.

# %%
members = [models.Maxout(40, 3, dropout=(0.2, 0.3), seed=seed) for seed in range(4)]
for seed, member in enumerate(tqdm(members, desc="four members")):
    train(member, objective=training.clean, epochs=1, lr=3e-3, seed=seed)


# %% [markdown]
# **Exercise.** Write the FGSM step against all of them: average their logits, take the cross-entropy $J$ of these mean logits, and step along the sign of its one gradient.


# %%
def ensemble_fgsm(models, x, y, eps):
    """One gradient-sign step on the cross-entropy of the mean logits, clipped to [0, 1].

    models: a list of M networks. x: [N, C, H, W] in [0, 1]. y: [N] true classes.
    Returns x_adv like x, detached; leaves the models' gradients alone.
    """
    ...


ensemble_fgsm = checks.ensemble_fgsm(ensemble_fgsm)

# %% [markdown]
# Now attack the ensemble twice: whole, and through its first member alone, as if the other three were unknown.
#
# **Your prediction.** At $\epsilon = 0.1$, what fraction of the whole attack's error does the attack through one member reach?

# %%
member_guess = predict("one-member", low=0, high=1, unit="%")
member_guess


# %%
class Ensemble(torch.nn.Module):
    def __init__(self, models):
        super().__init__()
        self.models = torch.nn.ModuleList(models)

    def forward(self, x):
        return torch.stack([model(x) for model in self.models]).mean(dim=0)


ensemble = Ensemble(members).eval()
strengths = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
ways = {
    "made for all four": lambda _, x, y, eps: ensemble_fgsm(members, x, y, eps),
    "made for one member": lambda _, x, y, eps: attacks.fgsm(members[0], x, y, eps),
    "sign noise": attacks.sign_noise,
}
torch.manual_seed(0)
errors = {
    name: [evaluate(ensemble, x, y, partial(attack, eps=e)).error for e in strengths]
    for name, attack in ways.items()
}

# %%
plots.curves(
    strengths,
    errors,
    xlabel="eps",
    ylabel="ensemble's error on 5,000 digits",
    percent=True,
    title="an ensemble attacked whole and through one member",
)

# %%
whole, one, _ = errors.values()
member_guess.compare(one[2] / whole[2], unit="%")
claim(
    "ensemble-one-of-all",
    one[2] / whole[2],
    low=0.8,
    high=1.0,
    statement="error through one member, as a share of that of the whole attack (eps=0.1)",
    unit="%",
)

# %% [markdown]
# **What it shows.** The two attacks' curves lie close together, and from $\epsilon = 0.1$ on both far above noise: one member of four such networks is nearly enough.
#
# **What it does not show.** The paper's 91.1 % (whole) and 87.9 % (through one member): our networks are small, few and briefly trained, and at $\epsilon = 0.25$ both errors are near 100 %. A committee of different kinds is another experiment. Nor was a network outside the committee tried: it may do as well as a member.

# %% [markdown]
# ## 5. What if the attacker sees only answers?
#
# The new rules:
#
# - **Goal:** any wrong class, as before.
# - **Knowledge:** the true class of each digit to be attacked, but none of the victim's weights, gradients, logits or layers. The attacker may send a picture and gets back one class.
# - **Power:** $\epsilon = 0.25$, clipped.
# - **Cost:** each picture sent is a **query**.
#
# This is a *black box*. The victim is conv. The attacker trains a **substitute** on the victim's answers and attacks that, hoping for the transfer you have measured. The attacker guesses a convolutional network. Here it is even the victim's own architecture; the softmax row in section 1 suggests that it need not be. Each substitute gets the same number of updates, about 105, whatever it has to learn from.


# %%
class Victim:
    """Answers with a class, and counts how often it is asked."""

    def __init__(self, model):
        self.model, self.queries = model, 0

    def __call__(self, x):
        self.queries += len(x)
        return classes(self.model, x)


def substitute_for(owned, answers):
    model = models.ConvNet(seed=77)
    epochs = 105 // math.ceil(len(owned) / 128)  # of batches of 128
    train(model, x=owned, y=answers, objective=training.clean, epochs=epochs, lr=3e-3)
    return model


# %% [markdown]
# Digits are easy to come by: the attacker owns some that no model was trained on, and has no labels for them. A second attacker owns only 50 and makes the rest: move each picture by a gradient-sign step of the current substitute, and ask the victim what it sees there. Each round doubles the pictures. This is much as Papernot and others (2016) do.
#
# **Your prediction:** after 800 queries, the share of test digits on which the first attacker makes the victim err.

# %%
black_box_guess = predict("black-box", low=0, high=1, unit="%")
black_box_guess


# %%
def broken_through(substitute):
    return evaluate(zoo["conv"], x, y, lambda _, x, y: fgsm(substitute, x, y)).error


budgets = [50, 100, 200, 400, 800]
own, made = Victim(zoo["conv"]), Victim(zoo["conv"])

pictures = digits.train.x[-budgets[-1] :]
answers = own(pictures)
own_errors = [broken_through(substitute_for(pictures[:n], answers[:n])) for n in tqdm(budgets)]

pictures = pictures[: budgets[0]]
answers, made_errors = made(pictures), []
for _ in tqdm(budgets):
    substitute = substitute_for(pictures, answers)
    made_errors.append(broken_through(substitute))
    if len(pictures) < budgets[-1]:
        steps = attacks.fgsm(substitute, pictures, answers, eps)
        pictures, answers = torch.cat([pictures, steps]), torch.cat([answers, made(steps)])

# %%
white_box, noise_error = error["conv", "conv"].item(), noise[names.index("conv")].item()
plots.curves(
    budgets,
    {
        "white box": [white_box] * len(budgets),
        "substitute, own digits": own_errors,
        "substitute, 50 digits": made_errors,
        "sign noise": [noise_error] * len(budgets),
    },
    xlabel="queries to the victim",
    ylabel="victim's error on 5,000 digits",
    percent=True,
    log="x",
    title="a black-box attack, by its number of queries",
)

# %%
black_box_guess.compare(own_errors[-1], unit="%")
claim(
    "black-box-own",
    own_errors[-1],
    low=0.6,
    statement="the victim's error through a substitute trained on 800 answers",
    unit="%",
)
claim(
    "black-box-50",
    made_errors[-1],
    low=0.4,
    statement="the same, starting from 50 digits",
    unit="%",
)

# %% [markdown]
# **What it shows.** Without one gradient of the victim, 800 answers break most digits; noise of the same size, which asks nothing, stays far below. The attacker who owned 50 digits and made the rest breaks many, too.
#
# **What it does not show.** That every victim gives in so cheaply: digits are small and alike. A victim that counts its queries, or refuses pictures that look unusual, changes the rules and has to be attacked anew.

# %% [markdown]
# ## What you take with you
#
# - An example made for one model fools others, and softmax regression often into maxout's class. The networks compared here share directions, and much of that depends on the digit.
# - Measure a shared direction against its controls: random directions, and the same gradients at other pictures.
# - Transfer is a weapon: it breaks ensembles through one member, and hidden models through a substitute.
#
# **Misconceptions.** *"Keep the weights secret and nobody can attack."* Section 5. *"An example fits one network like a key its lock."* Section 1.
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), sections 8 and 9. Papernot, McDaniel, Goodfellow and others, *Practical Black-Box Attacks against Machine Learning* (2016, arXiv 1602.02697), section 4, for the substitute. Tramèr, Papernot, Goodfellow, Boneh, McDaniel, *The Space of Transferable Adversarial Examples* (2017, arXiv 1704.03453), for how many directions two models share.
#
# Next: [Bug or feature?](06_bug_or_feature.ipynb)

# %%
progress.show("05_why_examples_transfer")
