# %% [markdown]
# # What can you say of the network that you bring?
#
# **You will audit a network that somebody offers you, find out whether its robustness is real, then audit your own and write down what you may claim.**
#
# *20 minutes. You need [does the defence hold?](04_does_the_defence_hold.ipynb). After this notebook you can*
#
# - *read an evaluation in the order of what each attack knows;*
# - *say which numbers make the others worthless;*
# - *write the limitations of a result of your own.*
#
# The minutes are those of sections 1 to 3 and of one audit in section 4. Your own network takes as long as it takes.

# %%
import inspect
from functools import partial

import torch

from advtutor import attacks, audit, models, plots, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict

digits = mnist()
x, y = digits.test.x[:200], digits.test.y[:200]
eps = 0.15

# %% [markdown]
# ## 1. Which of three networks would you take?
#
# Three networks read digits, and somebody offers you each of them with the evaluation that many papers have: the clean error, the error after one step along the gradient's sign (FGSM), and after ten steps from a random start (PGD). The numbers are honest. You measure them again on the first 200 test digits, at $\epsilon = 0.15$.

# %%
networks = {name: audit.supplied(name) for name in ("ash", "birch", "cedar")}
offered = {
    "clean": None,
    "FGSM": partial(attacks.fgsm, eps=eps),
    "PGD": partial(attacks.pgd, eps=eps, steps=10),
}
torch.manual_seed(0)
errors = torch.tensor(
    [
        [evaluate(net, x, y, attack).error for attack in offered.values()]
        for net in networks.values()
    ]
)
plots.matrix(
    errors,
    list(networks),
    list(offered),
    xlabel="attack",
    ylabel="network",
    percent=True,
    title="what you are offered",
)

# %%
claim("ash-pgd", errors[0, 2], high=0.15, unit="%", statement="PGD error of ash (200 digits)")
claim("birch-pgd", errors[1, 2], high=0.1, unit="%", statement="PGD error of birch (200 digits)")
claim("cedar-pgd", errors[2, 2], low=0.6, unit="%", statement="PGD error of cedar (200 digits)")

# %% [markdown]
# **What it shows.** Under FGSM and PGD ash and birch misread few of the digits, cedar most of them. **What it does not show.** How many digits can be broken at all: an error under attack is a lower bound, and both attacks look at the same thing, the gradient.
#
# **Your prediction.** One of the three is a fraud: its numbers are right, and its robustness is not there. Which one?

# %%
fraud_guess = predict("fraud", ["ash", "birch", "cedar"])
fraud_guess

# %% [markdown]
# ## 2. What does an audit ask that the offer left out?
#
# `audit.audit(model, x, y, eps)` runs attacks that know different things: noise knows nothing; *blind queries* and *transfer* know the network's logits only (transfer trains a network of its own on them, and attacks that); FGSM and PGD know the gradient (PGD of the cross-entropy, of the margin, and *harder*, with twice the steps and both losses). Choose one of the three and audit it. The budget is small, to save time.

# %%
chosen = "cedar"  # or "ash", or "birch"
report = audit.audit(networks[chosen], x, y, eps, budget=0.1)
for each in report.measured:
    print(f"measured {each.name:<20} {each}")
for finding in report.findings:
    print(f"measured finding: {finding.name}. {finding.sentence}")
print("measured verdict:", report.verdict)

# %% [markdown]
# Each line gives the share of the 200 digits that were misread, and its 95 % interval. Most of these attacks at several sizes, some with fewer steps or queries, each on 40 of the digits:

# %%
plots.curves(
    report.curve_eps,
    report.curve,
    xlabel="eps",
    ylabel="error on 40 digits",
    percent=True,
    log="x",
    title="error against eps, by attack",
)

# %% [markdown]
# An attack that knows more should break at least as much as one that knows less. FGSM, with its one long step, often does not; where the order is clearly turned round against PGD, do not trust PGD's number. Now compare birch with ash in numbers, whichever you have chosen.

# %%
reports = {chosen: report}
for name in {"ash", "birch"} - {chosen}:
    reports[name] = audit.audit(networks[name], x, y, eps, budget=0.1)
fraud_guess.compare("birch", reveal=False)
ash, birch = (
    {name: each[name].error for name in ("PGD, harder", "blind queries", "transfer", "worst case")}
    for each in (reports["ash"], reports["birch"])
)
claim(
    "birch-transfer",
    birch["transfer"] - birch["PGD, harder"],
    low=0.15,
    unit="%",
    statement="birch's error under transfer above that under the hardest PGD",
)
claim(
    "ash-transfer",
    ash["transfer"] - ash["PGD, harder"],
    high=0.02,
    unit="%",
    statement="the same for ash",
)
# %%
faults = {name: len(reports[name].findings) for name in ("ash", "birch")}
claim("birch-faults", faults["birch"], low=1, unit="faults", statement="what birch's audit finds")
for finding in reports["birch"].findings:
    print(f"measured finding on birch: {finding.name}. {finding.sentence} {finding.remedy}")
claim("ash-faults", faults["ash"], high=0, unit="faults", statement="what ash's audit finds")

# %% [markdown]
# **What it shows.** A small substitute, trained on birch's logits alone, yields examples that break far more of birch's digits than birch's own gradient does. Ash, whose offer looked no better, gives no sign of this kind at this $\epsilon$. **What it does not show.** How birch does it, nor how many digits it would lose to an attack made for it.

# %% [markdown]
# ## 3. How does it do it?
#
# Look inside.

# %%
print(inspect.getsource(type(networks["birch"]).forward))

# %% [markdown]
# The last line adds a number and subtracts it again, so the logits are those of `network`. But `detach` cuts `network` out of the derivative, and what is left is the gradient of `decoy`, which was never trained. Every attack that asks birch for its gradient climbs the wrong hill.
#
# **Your prediction.** Make the examples with `network`, as if the decoy were not there, and show them to birch. What share of the digits does it misread?

# %%
behind_guess = predict("behind", low=0, high=1, unit="%")
behind_guess


# %%
def behind(model, x, y):
    """PGD on the network behind the decoy."""
    return attacks.pgd(model.network, x, y, eps, steps=10)


torch.manual_seed(0)
broken = evaluate(networks["birch"], x, y, behind).error
behind_guess.compare(broken, unit="%")
claim(
    "birch-broken", broken, low=0.6, unit="%", statement="birch's error under PGD on what it hides"
)
claim(
    "worst-case-was-low",
    broken - birch["worst case"],
    low=0.05,
    unit="%",
    statement="the same above the worst case of the audit",
)

# %% [markdown]
# **What it shows.** Behind the decoy birch is a network trained as usual: its weights are cedar's. The audit said not to rely on FGSM and PGD alone, and was right; its own worst case, on a small budget, was still far too low. Here you removed the decoy and attacked what was left. **What it does not show.** That every fraud shows itself. The audit looks for twelve known faults.

# %% [markdown]
# ## 4. And yours?
#
# Put your network and your pictures into the cell below. Any `torch.nn.Module` will do that takes a batch of pictures and returns logits, and any pictures of one size, with pixels from 0 to 1 and the normalisation inside the network. For a large network take few pictures and a small budget: with `progress=True` the audit announces how long it will take. As it stands, the cell audits a linear one.
#
# For the ImageNet network of notebook 00 and the course's five photos, with the network's own answers as labels (some minutes):
#
# ```python
# from advtutor import data
#
# mine = models.imagenet_classifier()
# x_mine = torch.cat([data.photo(name) for name in data.PHOTOS])
# y_mine, eps_mine = mine(x_mine).argmax(dim=1), 1 / 255
# ```

# %%
mine = models.SoftmaxRegression()  # your network
x_train, y_train = digits.train.x[:10_000], digits.train.y[:10_000]
training.fit(mine, x_train, y_train, objective=training.clean, epochs=2, lr=1e-2, progress=False)
# or: from safetensors.torch import load_file; mine.load_state_dict(load_file("mine.safetensors"))
x_mine, y_mine = digits.test.x[200:400], digits.test.y[200:400]  # your pictures and labels
eps_mine = 0.05  # in the units of the pixels

my_report = audit.audit(mine, x_mine, y_mine, eps_mine, budget=0.1)
for each in my_report.measured:
    print(f"measured {each.name:<20} {each}")
for finding in my_report.findings:
    print(f"measured finding: {finding.name}. {finding.sentence} {finding.remedy}")
print("measured verdict:", my_report.verdict)
# The page to hand in, with figures and settings; raise the budget to 1 for it:
# from pathlib import Path; Path("my_audit.html").write_text(my_report.to_html(), encoding="utf-8")

# %% [markdown]
# Without a notebook the same is one command, for a file that makes the network and a folder that has one subfolder of pictures for each class:
#
# ```
# advtutor audit mine.py:Net --images pictures --eps 8/255 --weights mine.safetensors
# ```
#
# The file is run, in a process of its own: give only files that you would run.

# %% [markdown]
# ## 5. What may you claim?
#
# An evaluation is read by somebody who wants to rely on it. Say what it does not show before they find out. Fill in one sentence for each point.

# %%
limitations = {
    "threat model": "",  # which change, of which size, in which norm; what the attacker knows
    "pictures": "",  # how many, from where, and which kinds are missing
    "numbers": "",  # n, seeds and intervals; is a difference larger than its interval?
    "attacks": "",  # which were run, with which budget; which one was made for this network
    "findings": "",  # what the audit named, and what you did about it
    "bound": "",  # lower bound or certificate; what a better attack could change
    "outside": "",  # what lies outside the ball: rotations, light, patches, other pictures
}
for point, sentence in limitations.items():
    print(f"{point}: {sentence or 'still open'}")

# %% [markdown]
# ## What you take with you
#
# - Order the attacks by what they know. Where one that knows less clearly breaks more than PGD, do not believe PGD.
# - A number under attack is a lower bound. A finding says that the number is not to be relied on, not where the truth lies.
# - A limitation that you name is worth more than a decimal.
#
# **Misconceptions.** *"The network with the lowest PGD error is the most robust."* Section 1: of ash and birch, birch has the lower one. *"The audit's worst case is the truth."* Section 3: an attack made for the network broke more. *"No finding, so it is robust."* Section 3: twelve known faults, no more.
#
# **Further reading.** Carlini and others, *On Evaluating Adversarial Robustness* (2019, arXiv 1902.06705), has the checklist in full. Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security* (2018, arXiv 1802.00420). Tramèr, Carlini, Brendel, Madry, *On Adaptive Attacks to Adversarial Example Defenses* (2020, arXiv 2002.08347), for attacks made for one defence.
