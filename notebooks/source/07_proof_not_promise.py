# %% [markdown]
# # Can robustness be proved?
#
# **Prove, digit by digit, that no attack within eps can succeed, and train a network so that the proof goes through.**
#
# *60 minutes. You need [does the defence hold?](04_does_the_defence_hold.ipynb). After this notebook you can*
#
# - *compute the smallest step that flips a linear model, exactly;*
# - *carry a whole box of pictures through a network, and read a proof off the result;*
# - *place the true error between a certificate and an attack, and say what a certificate leaves open.*

# %%
from functools import partial

import torch

from advtutor import attacks, certify, checks, models, plots, progress, training
from advtutor.claims import claim
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.predictions import predict

digits = mnist()
x, y = digits.test

# %% [markdown]
# ## 1. When is a failed attack a proof?
#
# An attack that fails shows that *this attack* fails. For a linear model you know the worst step in closed form: where that one fails, no better one can come.
#
# Take notebook 01's threes and sevens again. Logistic regression is right where $y\,(w^\top x + b) > 0$, with $y = -1$ for a three and $y = +1$ for a seven. The worst step within $\epsilon$ lowers this score by $\epsilon\lVert w\rVert_1$, and no step lowers it by more ([notebook 01](01_linear_explanation.ipynb)). So, as long as nothing is clipped, there is a smallest $\epsilon$ that flips a digit. Call it the digit's **radius**: below it, no attack can succeed. A number that comes with such a proof is a **certificate**.
#
# **Exercise.** Return the radius of each digit, without clipping. Where the model errs already, no step is needed and the radius is 0.


# %%
def linear_radius(w, b, x, y):
    """The smallest eps at which some step flips the model.

    w: [n] weights. b: the bias. x: [N, n]. y: [N] labels, -1 or +1. Returns [N], 0 or more.
    """
    ...


linear_radius = checks.linear_radius(linear_radius)


# %%
def threes_and_sevens(split):
    keep = (split.y == 3) | (split.y == 7)
    return split.x[keep], (split.y[keep] == 7).long()


logistic = models.LogisticRegression()
training.fit(
    logistic, *threes_and_sevens(digits.train), objective=training.clean, epochs=5, lr=1e-2
)
x_two, y_two = threes_and_sevens(digits.test)


# %%
w, b = logistic.linear.weight[0].detach(), logistic.linear.bias[0].detach()
sign = 2 * y_two - 1  # 0 and 1 become -1 and +1
radius = linear_radius(w, b, x_two.flatten(1), sign)
plots.histogram(
    {"threes": radius[sign == -1], "sevens": radius[sign == 1]},
    xlabel="smallest eps that flips the digit",
    title="radii",
)

# %% [markdown]
# Test it: step along the gradient's sign, found by automatic differentiation, once by 0.99 of each digit's radius and once by 1.01.

# %%
direction = attacks.fgsm(logistic, x_two, y_two, 1.0, clip=None) - x_two
right = radius > 0


def misread_at(share):
    x_adv = x_two + (share * radius)[:, None, None, None] * direction
    return (logistic(x_adv).argmax(dim=1) != y_two)[right].float().mean()


flipped = "of the digits first read rightly, the share misread at"
claim("inside-radius", misread_at(0.99), high=0.002, statement=f"{flipped} 0.99 radii", unit="%")
claim("outside-radius", misread_at(1.01), low=0.998, statement=f"{flipped} 1.01 radii", unit="%")

# %% [markdown]
# **What it shows.** The bars at 0 hold the digits that the model misreads as they are, and those that it only just reads right. For the digits read rightly the formula and the attacks just inside and outside agree. Here a failed attack *is* a proof, because it was the best one possible.
#
# **What it does not show.** Anything about a network. There no such simple formula gives the best attack.

# %% [markdown]
# ## 2. What can a network make of a whole box of pictures?
#
# All pictures within $\epsilon$ of $x$ form a **box**: pixel $i$ lies between $l_i = x_i - \epsilon$ and $u_i = x_i + \epsilon$, cut off at 0 and 1. Attacks try some of its pictures. Now push the *box itself* through the network, layer by layer, and keep for each number a lower and an upper bound.
#
# A linear layer $z = Wx + b$ comes first. Write the box as centre $c = (l + u)/2$ and half-width $r = (u - l)/2$, a number for each pixel. For each output, a pixel takes its end by the sign of its weight, just as the worst step does, so, with $|W|$ for the absolute value of each weight,
#
# $$W c + b - |W|\,r \ \le\ z\ \le\ W c + b + |W|\,r .$$
#
# **Exercise.** Write this rule. (Pictures are rows here: `x @ weight.T`.)


# %%
def interval_linear(weight, bias, lower, upper):
    """The tightest bounds of weight @ x + bias over all x between lower and upper.

    weight: [K, n]. bias: [K]. lower, upper: [N, n]. Returns two tensors [N, K], the lower first.
    """
    ...


interval_linear = checks.interval_linear(interval_linear)

# %% [markdown]
# Then a ReLU, $h = \max(z, 0)$, unit by unit. Over the whole box a unit can be off, or on, or switch somewhere inside it.
#
# **Exercise.** Write its rule; it has to be right for all three kinds.


# %%
def interval_relu(lower, upper):
    """The tightest bounds of relu(z) over all z between lower and upper.

    lower, upper: [N, n]. Returns two tensors [N, n], the lower first.
    """
    ...


interval_relu = checks.interval_relu(interval_relu)

# %% [markdown]
# Two rules, and you can bound a network with one hidden layer. Train one, and put your rules in a row.

# %%
small = models.MLP((100,))
training.fit(small, digits.train.x, digits.train.y, objective=training.clean, epochs=1, lr=3e-3)
first, last = small.layers[1], small.layers[3]


@torch.no_grad()
def hidden_box(x, eps):
    """Bounds [N, 100] of the hidden units over all pictures within eps of x."""
    lower, upper = (x - eps).clamp(0, 1).flatten(1), (x + eps).clamp(0, 1).flatten(1)
    return interval_relu(*interval_linear(first.weight, first.bias, lower, upper))


@torch.no_grad()
def logit_box(x, eps):
    """Bounds [N, 10] of the logits over all pictures within eps of x."""
    return interval_linear(last.weight, last.bias, *hidden_box(x, eps))


# %% [markdown]
# What is such a bound worth? Look at one digit, a seven, while the box grows. Its rival is, say, the three. The proved lines give a number that the seven's logit never falls below, and one that the three's never exceeds. The found ones say how far an attack on that single logit gets.

# %%
one, label = x[:1], y[:1]  # a seven


def furthest(model, k, way, eps):
    """The logit k of that digit after an attack that moves it up (way=1) or down (way=-1)."""

    def loss(logits, _):
        return way * logits[:, k]

    x_adv = attacks.pgd(model, one, label, eps, steps=20, random_start=False, loss=loss)
    return model(x_adv)[0, k].detach()


strengths = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
boxes = [logit_box(one, eps) for eps in strengths]
lines = {
    "logit of 7, proved": [lower[0, 7] for lower, _ in boxes],
    "logit of 7, found": [furthest(small, 7, -1, eps) for eps in strengths],
    "logit of 3, found": [furthest(small, 3, 1, eps) for eps in strengths],
    "logit of 3, proved": [upper[0, 3] for _, upper in boxes],
}
plots.curves(
    strengths, lines, xlabel="eps", ylabel="logit", title="the least of the 7, the most of the 3"
)


# %%
def looseness(model, eps):
    """How far the logit of 7 can fall on that digit: by the bounds, over what PGD finds."""
    box = certify.Interval((one - eps).clamp(0, 1), (one + eps).clamp(0, 1))
    for layer in model.layers:
        box = certify.interval(layer, box)  # the course's rules, for many types of layer
    clean = furthest(model, 7, -1, 0.0)
    return ((clean - box.lower[0, 7]) / (clean - furthest(model, 7, -1, eps))).item()


fall = "how far the logit of 7 can fall, proved divided by found (one digit"
claim("loose-small", looseness(small, 0.01), low=1.3, high=5, statement=f"{fall}, eps=0.01)")

# %% [markdown]
# **What it shows.** What is found never goes beyond what is proved: no picture of the box can leave the bounds. The bounds are loose. Each rule by itself is tight, but each hidden unit is granted *its own* worst picture, and one picture cannot be worst for all of them.
#
# **What it does not show.** That the three overtakes the seven. Where the proved lines have crossed, this proof is silent. Even where the found lines cross, the digit need not be misread: the lowest seven and the highest three are two different pictures.

# %% [markdown]
# ## 3. Is the right class ahead in the whole box?
#
# Where the proved lines of all rivals stay below that of the true class, no picture of the box is misread. But the two bounds may be reached at different values of the hidden units $h$. The lead of rival $j$ over the true class is *one* linear function of $h$,
#
# $$z_j - z_y = (W_j - W_y)\,h + b_j - b_y ,$$
#
# so bound this one, with the rule that you have. ($W$ is the last layer's, and $W_j - W_y$ depends on the digit's class: take one digit after the other, or use three dimensions.) If the greatest of these bounds, over all $j \ne y$, is negative, the digit is **proved right** within $\epsilon$.
#
# **Exercise.** Return that greatest lead.


# %%
def margin_bound(weight, bias, lower, upper, y):
    """The greatest lead z_j - z_y of any class j other than y, over all h between the bounds.

    weight: [K, n]. bias: [K]. lower, upper: [N, n]. y: [N] true classes. Returns [N].
    """
    ...


margin_bound = checks.margin_bound(margin_bound)

# %% [markdown]
# The share of digits *without* a proof, including those misread as they are, is the **certified error**. An attack gives a share that is surely misread: the digits that it breaks, and those misread as they are. The true error, under the best attack there is, lies between the two:
#
# $$\text{certified error}\ \ge\ \text{true error}\ \ge\ \text{attacked error}.$$
#
# Draw this sandwich, found below and proved above, for your network, with two upper sides: one bounds each lead as one function, the other subtracts the bounds of two logits.


# %%
def unproved(x, y, eps):
    """The certified error, with the lead bounded as one function."""
    with torch.no_grad():
        return (margin_bound(last.weight, last.bias, *hidden_box(x, eps), y) >= 0).float().mean()


def unproved_apart(x, y, eps):
    """The certified error, with each logit bounded by itself."""
    lower, upper = logit_box(x, eps)
    lead = upper - lower.gather(1, y[:, None])
    return (lead.scatter(1, y[:, None], -torch.inf).amax(dim=1) >= 0).float().mean()


# %%
pgd = partial(attacks.pgd, steps=10, early_stop=True)
torch.manual_seed(0)
strengths = [0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05]
broken = [evaluate(small, x[:1000], y[:1000], partial(pgd, eps=e)).error for e in strengths]
lines = {
    "not proved, by logits": [unproved_apart(x[:1000], y[:1000], e) for e in strengths],
    "not proved, by leads": [unproved(x[:1000], y[:1000], e) for e in strengths],
    "attacked error": broken,
}
plots.curves(
    strengths,
    lines,
    xlabel="eps",
    ylabel="share of 1,000 test digits",
    percent=True,
    mark=0.02,
    title="the true error lies between the lowest line and the middle one",
)

# %%
claim(
    "leads-prove-more",
    unproved_apart(x, y, 0.02) - unproved(x, y, 0.02),
    low=0.15,
    statement="certified error saved by bounding leads, not logits (10,000 digits, eps=0.02)",
    unit="%",
)

# %% [markdown]
# **What it shows.** At $\epsilon = 0$ the box is one picture, and all lines meet in the clean error. At 0.02 the same weights prove far more when each lead is bounded as one function.
#
# Your rules hold on paper; a computer rounds. `certify.certified_error`, used below, widens the box by a millionth and each bound by more than rounding can do: its proof holds for the numbers that the network really computes in float32.
#
# %% [markdown]
# ## 4. Do the bounds work for a deeper network?
#
# Train the convolutional network of the earlier notebooks as usual, here with five passes over 10,000 digits. From here on, measure on the first 500 test digits unless a line says otherwise.

# %%
x_train, y_train = digits.train.x[:10000], digits.train.y[:10000]
x_few, y_few = x[:500], y[:500]
train = partial(training.fit, x=x_train, y=y_train, epochs=5, lr=1e-2)
usual = models.ConvNet()
train(usual, objective=training.clean)

# %% [markdown]
# At $\epsilon = 0.01$ under attack the network misreads a few digits in a hundred. **Your prediction:** the share of digits for which the bounds give no proof.

# %%
usual_guess = predict("usual-certified", low=0, high=1, unit="%")
usual_guess


# %%
def sandwich(model, strengths):
    """The two sides of the true error for each eps."""
    attacked = [evaluate(model, x_few, y_few, partial(pgd, eps=eps)).error for eps in strengths]
    certified = [certify.certified_error(model, x_few, y_few, eps) for eps in strengths]
    return {"not proved": certified, "attacked error": attacked}


strengths = [0.0, 0.0025, 0.005, 0.0075, 0.01, 0.02]
torch.manual_seed(0)
sides = sandwich(usual, strengths)
plots.curves(
    strengths,
    sides,
    xlabel="eps",
    ylabel="share of 500 test digits",
    percent=True,
    mark=0.01,
    title="a network trained as usual",
)

# %%
usual_guess.compare(sides["not proved"][4], unit="%")
claim(
    "usual-certified",
    sides["not proved"][4],
    low=0.85,
    statement="certified error of the usual network (500 digits, eps=0.01)",
    unit="%",
)

# %%
claim("loose-usual", looseness(usual, 0.01), low=6, statement=f"{fall}, eps=0.01)")

# %% [markdown]
# **What it shows.** At $\epsilon = 0.01$ the sandwich is right and useless: nearly everything lies between the two sides. On the seven of section 2 the bounds are much looser than those of the small network.
#
# **What it does not show.** That the network is easily broken at 0.01. Nor that it is safe: PGD failed on most digits, which proves nothing.

# %% [markdown]
# ## 5. Can a network be trained to be provable?
#
# The bounds have gradients: they are made of sums, absolute weights and ReLUs. So train on them. Let $\overline z_j$ be the bound of section 3 on the lead of class $j$, and $\overline z_y = 0$ (the softmax sees only differences of logits). No lead in the box exceeds its bound, so the cross-entropy of $\overline z$ is at least the loss of every picture in the box. The objective adds it to the usual loss $J$,
#
# $$\kappa\,J(z, y) + (1 - \kappa)\,J(\overline z, y),$$
#
# and this is `certify.IntervalBound`. In the first half of the training the box grows from nothing to its full $\epsilon = 0.1$, and the weight $\kappa$ falls from 1 to ½, much as in Gowal and others. The network starts from the same weights as the usual one and sees the same digits for the same five epochs.
#
# **Your prediction:** the share of all 10,000 test digits not proved at $\epsilon = 0.1$, ten times the $\epsilon$ above, after the five epochs.

# %%
proved_guess = predict("ibp-certified", low=0, high=1, unit="%")
proved_guess


# %%
def watch(model):
    attack = partial(pgd, eps=0.1)
    return {
        "not proved": certify.certified_error(model, x_few, y_few, 0.1),
        "attacked error": evaluate(model, x_few, y_few, attack).error,
        "misread as they are": evaluate(model, x_few, y_few).error,
    }


provable = models.ConvNet()
history = train(provable, objective=certify.IntervalBound(0.1), validation=watch)

# %%
plots.curves(
    [1, 2, 3, 4, 5],
    {name: history[name] for name in ("not proved", "attacked error", "misread as they are")},
    xlabel="epoch",
    ylabel="share of 500 test digits",
    percent=True,
    title="the sandwich while training, eps=0.1",
)

# %%
certified_all = certify.certified_error(provable, x, y, 0.1)
proved_guess.compare(certified_all, unit="%")
claim(
    "ibp-certified",
    certified_all,
    low=0.06,
    high=0.25,
    statement="certified error after training for the certificate (10,000 digits, eps=0.1)",
    unit="%",
)

# %% [markdown]
# A proof must hold against every attack. Test that on the 500 digits: does PGD break any digit with a proof?

# %%
torch.manual_seed(0)
proof = certify.certified(provable, x_few, y_few, 0.1)
x_adv = attacks.pgd(provable, x_few, y_few, 0.1, steps=20)
misread = provable(x_adv).argmax(dim=1) != y_few
claim(
    "proved-and-broken",
    (proof & misread).sum(),
    high=0,
    statement="digits that are proved right and yet broken by PGD (500 digits, eps=0.1)",
    unit="digits",
)

# %%
claim("loose-provable", looseness(provable, 0.1), high=3, statement=f"{fall}, eps=0.1)")

# %% [markdown]
# **What it shows.** The two sides come much closer: the network has learnt weights for which the bounds on the seven are far tighter than the usual network's, at ten times the $\epsilon$. Most digits are now proved within 0.1, whatever attack anybody invents.
#
# **What it does not show.** That boxes give the best bounds.

# %% [markdown]
# ## 6. What does the proof not say?
#
# It says: *these* pictures, *this* norm, *this* $\epsilon$.
#
# **A larger $\epsilon$.** The network was trained for 0.1. At 0.15 little is proved:

# %%
claim(
    "larger-eps-certified",
    certify.certified_error(provable, x_few, y_few, 0.15),
    low=0.75,
    statement="certified error at eps=0.15 of the network trained for 0.1 (500 digits)",
    unit="%",
)

# %% [markdown]
# **Another change.** Move every digit three pixels to the right. You read it as before. In the max-norm it is a huge step: some pixels go from black to white. **Your prediction:** the share of moved digits that the provable network misreads.

# %%
shift_guess = predict("shift", low=0, high=1, unit="%")
shift_guess

# %% [markdown]
# Two controls: how much ink falls off the right edge, and what the usual network makes of the same digits.

# %%
moved = torch.nn.functional.pad(x, (3, -3, 0, 0))  # three columns of black on the left
moved_error = evaluate(provable, moved, y).error
shift_guess.compare(moved_error, unit="%")
claim(
    "shift-error",
    moved_error,
    low=0.15,
    statement="error of the provable network on digits moved by three pixels (10,000 digits)",
    unit="%",
)
lost = 1 - moved.sum() / x.sum()
claim("shift-ink", lost, high=0.005, statement="ink that the move pushes off the edge", unit="%")
claim(
    "shift-usual",
    moved_error - evaluate(usual, moved, y).error,
    low=-0.1,
    high=0.1,
    statement="how much more of them it misreads than the usual network does",
    unit="%",
)

# %%
with torch.no_grad():
    before, after = provable(x_few).argmax(dim=1), provable(moved[:500]).argmax(dim=1)
chosen = (proof & (after != y_few)).nonzero()[:4, 0]
pictures = torch.cat([x_few[chosen], moved[chosen]])
read = [f"proved, read as {k.item()}" for k in before[chosen]]
read += [f"moved, read as {k.item()}" for k in after[chosen]]
plots.images(
    pictures,
    read,
    columns=4,
    title="four digits with a proof at eps = 0.1, and moved by three pixels",
)

# %% [markdown]
# Each digit in the upper row has a proof. Moved, it is misread. (We picked such digits.)
#
# **The price.** Both networks saw the same digits equally often.

# %%
cost = evaluate(provable, x, y).error - evaluate(usual, x, y).error
claim(
    "ibp-clean-cost",
    cost,
    low=0.003,
    high=0.06,
    statement="clean error added by training for the certificate (10,000 digits)",
    unit="%",
)

# %% [markdown]
# **What it shows.** For a proved digit no attack within the $\epsilon$ and the norm of the proof can change the answer; outside, the proof promises nothing. Training for the proof helps little against this move, if at all, and costs clean error here.
#
# **What it does not show.** Anything about other pictures: each needs a proof of its own. And for one without a label a proof says that the answer does not *change* within $\epsilon$, not that it is right.

# %% [markdown]
# ## What you take with you
#
# - For a linear model of two classes, without clipping, $y\,(w^\top x + b) / \lVert w\rVert_1$ is the exact radius of a digit that is read rightly.
# - Bounds pushed through a network can prove digits right. An attack bounds the true error from below, a certificate from above.
# - The gap between them depends on the network and the bound. Training for the bound narrowed it here, at a price in clean error.
#
# **Misconceptions.** *"No attack has succeeded, so it is robust."* Sections 3 and 4: an attack gives the lower side only. *"Certified means safe."* Section 6: beyond its $\epsilon$ a proof says nothing.
#
# **Further reading.** Gowal and others, *On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models* (2018, arXiv 1810.12715), section 3, for the rules and the objective. Wong, Kolter, *Provable Defenses against Adversarial Examples via the Convex Outer Adversarial Polytope* (2018, arXiv 1711.00851), section 3, for bounds that are usually tighter. Jia, Rinard, *Exploiting Verified Neural Networks via Floating Point Numerical Error* (2020, arXiv 2003.03021), section 1, for what happens when a proof forgets rounding.
#
# Next: [Does the paper hold up?](08_the_paper_in_numbers.ipynb)

# %%
progress.show("07_proof_not_promise")
