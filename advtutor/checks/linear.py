"""The exercises on high dimension and on linear models."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Mistake


def shell_share(n: int, thickness: float) -> float:
    """The share of a ball's volume that lies in the outermost `thickness` of its radius."""
    return 1 - (1 - thickness) ** n


def shell_recipe(
    core: Callable[[int, float], float] = lambda n, thickness: (1 - thickness) ** n,
    share: Callable[[float], float] = lambda core: 1 - core,
) -> Callable[[int, float], float]:
    """`shell_share` with its parts in the open."""
    return lambda n, thickness: share(core(n, thickness))


SHELL_SHARE = Exercise(
    reference=shell_share,
    recipe=shell_recipe,
    cases=[
        Case(lambda: (2, 0.5), batch=1),
        Case(lambda: (5, 0.1), batch=1),
        Case(lambda: (300, 0.01), batch=1),
    ],
    mistakes=[
        Mistake(
            "core",
            "this is the share of the core, inside the shell: the shell is the rest of the ball",
            {"share": lambda core: core},
        ),
        Mistake(
            "no-power",
            "the dimension plays no part: shrinking every one of the n directions shrinks the "
            "volume n times over",
            {"core": lambda n, thickness: 1 - thickness},
        ),
        Mistake(
            "thickness-to-the-n",
            "the core's radius is 1 - thickness, and the power belongs on that, not on the "
            "thickness itself",
            {"core": lambda n, thickness: 1 - thickness**n},
        ),
        Mistake(
            "rest-of-thickness-to-the-n",
            "this takes a ball of radius `thickness` out of the middle: the core reaches to "
            "1 - thickness",
            {"core": lambda n, thickness: thickness**n},
        ),
        Mistake(
            "surface",
            "n - 1 is the dimension of the surface: a volume in n dimensions goes with the power n",
            {"core": lambda n, thickness: (1 - thickness) ** (n - 1)},
        ),
        Mistake(
            "always-three",
            "this is right in three dimensions only: the power is n",
            {"core": lambda n, thickness: (1 - thickness) ** 3},
        ),
        Mistake(
            "first-order",
            "n * thickness is right for a very thin shell only, and grows beyond the whole ball: "
            "take the core's exact volume away from 1",
            {"core": lambda n, thickness: 1 - n * thickness},
        ),
        Mistake(
            "per-cent",
            "this is in per cent: the whole ball is 1 here and not 100",
            {"share": lambda core: 100 * (1 - core)},
        ),
    ],
    hints=(
        "The core is a ball, too: of radius 1 - thickness, where the whole ball has radius 1.",
        "Shrink a body to the part r of its length in each of n directions. What is left of its "
        "volume?",
        "The core has the share (1 - thickness)**n of the volume. The shell is what is left.",
    ),
)


def worst_case_linear(w: Tensor, y: Tensor, eps: float) -> Tensor:
    """The step, at most eps in each input, that lowers y * (w.x + b) most: one row for each y."""
    return -eps * y[:, None] * w.sign()


def linear_recipe(
    way: int = -1,
    label: Callable[[Tensor], Tensor] = lambda y: y,
    step: Callable[[Tensor], Tensor] = torch.sign,
    size: Callable[..., float] = lambda eps, n: eps,
) -> Callable[..., Tensor]:
    """`worst_case_linear` with its parts in the open."""
    return lambda w, y, eps: way * size(eps, len(w)) * label(y)[:, None] * step(w)


MISTAKES = [
    Mistake(
        "plus",
        "this step raises y * (w.x + b): the worst case lowers it, so its sign is the other one",
        {"way": 1},
    ),
    Mistake(
        "no-label",
        "every example gets the same step: for y = -1 the output has to go up, so y belongs in it",
        {"label": torch.ones_like},
    ),
    Mistake(
        "labels-0-1",
        "the labels are turned as if they were 0 and 1; y is -1 or +1 already",
        {"label": lambda y: 2 * y - 1},
    ),
    Mistake(
        "no-sign",
        "the step follows the weights themselves: an input with a small weight may move by eps as "
        "well, so only the sign of w counts",
        {"step": lambda w: w},
    ),
    Mistake(
        "divided-by-max",
        "the weights are divided by the largest of them, so only one input moves by eps: take "
        "their sign",
        {"step": lambda w: w / w.abs().max()},
    ),
    Mistake(
        "divided-by-norm",
        "the weights are divided by their length: the worst case of an L2 ball; here each input "
        "may move by eps",
        {"step": lambda w: w / w.norm()},
    ),
    Mistake(
        "largest-only",
        "only the input with the largest weight moves: each of them may move by eps, all at once",
        {"step": lambda w: w.sign() * (w.abs() == w.abs().max())},
    ),
    Mistake(
        "shared-budget",
        "eps is divided among the inputs: in the max-norm each of the n inputs has all of it",
        {"size": lambda eps, n: eps / n},
    ),
    Mistake(
        "no-eps",
        "eps plays no part: each input moves by exactly eps",
        {"size": lambda eps, n: 1},
    ),
    Mistake(
        "eps-twice",
        "each input moves by 2 * eps: eps is applied twice",
        {"size": lambda eps, n: 2 * eps},
    ),
]


def linear_input(seed: int, batch: int, inputs: int, eps: float) -> tuple[Tensor, Tensor, float]:
    torch.random.default_generator.manual_seed(seed)
    w = torch.randn(inputs)
    y = 1 - 2 * (torch.arange(batch) % 2)  # both labels, -1 alone in a batch of one
    return w, (y if batch > 1 else -y).to(w.dtype), eps


WORST_CASE_LINEAR = Exercise(
    reference=worst_case_linear,
    recipe=linear_recipe,
    cases=[
        Case(lambda: linear_input(21, 6, 9, 0.25), batch=6),
        Case(lambda: linear_input(22, 1, 784, 0.1), batch=1),
        Case(lambda: linear_input(23, 4, 4, 0.03), batch=4),
    ],
    mistakes=MISTAKES,
    hints=(
        "Write y * (w.(x + eta) + b) as two terms. Only y * w.eta is yours to choose, and each "
        "entry of eta can be chosen by itself.",
        "One entry adds y * w_i * eta_i, with eta_i between -eps and eps. Which end makes it "
        "smallest, when y * w_i is positive, and which when it is negative?",
        "eta_i = -eps * y * sign(w_i). For all examples at once, y[:, None] * w.sign() has the "
        "shape [N, n].",
    ),
)


def worst_case_loss(w: Tensor, b: float, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """softplus(-y * (w.(x + eta) + b)) after the worst step eta within eps, for each row of x."""
    return F.softplus(eps * w.abs().sum() - y * (x @ w + b))


def loss_recipe(
    gain: Callable[[Tensor], Tensor] = lambda w: w.abs().sum(),
    way: int = 1,
    label: Callable[[Tensor], Tensor] = lambda y: y,
    margin_way: int = -1,
    offset: Callable[[float], float] = lambda b: b,
    strength: Callable[[float], float] = lambda eps: eps,
    gain_label: Callable[[Tensor], Tensor | int] = lambda y: 1,
    last: Callable[[Tensor], Tensor] = F.softplus,
) -> Callable[..., Tensor]:
    """`worst_case_loss` with its parts in the open."""

    def made(w: Tensor, b: float, x: Tensor, y: Tensor, eps: float) -> Tensor:
        margin = label(y) * (x @ w + offset(b))
        return last(margin_way * margin + way * strength(eps) * gain(w) * gain_label(y))

    return made


LOSS_MISTAKES = [
    Mistake(
        "clean",
        "this is the loss without any step: eps and the weights' sizes have to come in",
        {"way": 0},
    ),
    Mistake(
        "as-printed",
        "right for y = +1 and wrong for y = -1: the attacker's gain counts against the label "
        "whatever the label is, so y does not multiply it",
        {"gain_label": lambda y: y},
    ),
    Mistake(
        "helps-the-model",
        "the step makes the loss smaller here: the attacker adds eps*||w||_1 to what softplus sees",
        {"way": -1},
    ),
    Mistake(
        "no-label",
        "y plays no part in the score's sign: a positive score is right for y = +1 only",
        {"label": torch.ones_like},
    ),
    Mistake(
        "right-side-up",
        "softplus gets +y * (w.x + b): that is small where the model is wrong, so turn its sign",
        {"margin_way": 1},
    ),
    Mistake(
        "l2-norm",
        "this takes the Euclidean length of w; a step with every entry at eps gains eps times the "
        "sum of the sizes |w_i|",
        {"gain": lambda w: w.norm()},
    ),
    Mistake(
        "largest-weight",
        "only the largest weight counts here: every input moves at once, so add all the |w_i|",
        {"gain": lambda w: w.abs().max()},
    ),
    Mistake(
        "plain-sum",
        "the weights are added with their signs and cancel: the attacker picks the sign of each "
        "step, so add |w_i|",
        {"gain": lambda w: w.sum()},
    ),
    Mistake(
        "mean-weight",
        "this takes the mean of the |w_i|: the gain is their sum, and grows with the dimension",
        {"gain": lambda w: w.abs().mean()},
    ),
    Mistake(
        "no-offset",
        "the offset b is missing from the score",
        {"offset": lambda b: 0.0},
    ),
    Mistake(
        "no-eps",
        "eps plays no part: the step is as large as eps allows",
        {"strength": lambda eps: 1.0},
    ),
    Mistake(
        "margin",
        "this is what softplus is taken of: the loss is softplus of it",
        {"last": lambda z: z},
    ),
    Mistake(
        "sigmoid",
        "this is a probability: the loss is its logarithm, softplus(z) = log(1 + exp(z))",
        {"last": torch.sigmoid},
    ),
]


def loss_input(
    seed: int, batch: int, inputs: int, eps: float
) -> tuple[Tensor, float, Tensor, Tensor, float]:
    w, y, eps = linear_input(seed, batch, inputs, eps)
    return w / 3, 0.7, torch.rand(batch, inputs), y, eps


WORST_CASE_LOSS = Exercise(
    reference=worst_case_loss,
    recipe=loss_recipe,
    cases=[
        Case(lambda: loss_input(31, 6, 9, 0.25), batch=6),
        Case(lambda: loss_input(32, 1, 49, 0.1), batch=1),
        Case(lambda: loss_input(33, 4, 4, 0.5), batch=4),
    ],
    mistakes=LOSS_MISTAKES,
    hints=(
        "Take the clean loss softplus(-y * (w.x + b)). By how much does the worst step change "
        "what stands inside?",
        "The worst step lowers y * (w.x + b) by eps times the sum of all |w_i|, for either label.",
        "softplus(eps * w.abs().sum() - y * (x @ w + b)), with torch.nn.functional.softplus.",
    ),
)


def l1_decay_loss(w: Tensor, b: Tensor, x: Tensor, y: Tensor, strength: float) -> Tensor:
    """The mean logistic loss of the clean examples, plus strength * ||w||_1."""
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum()


def decay_recipe(
    margin: Callable[..., Tensor] = lambda w, b, x, y: y * (x @ w + b),
    norm: Callable[[Tensor], Tensor] = lambda w: w.abs().sum(),
    inside: Callable[..., Tensor | float] = lambda penalty: 0.0,
    outside: Callable[..., Tensor | float] = lambda penalty: penalty,
    reduce: Callable[[Tensor], Tensor] = torch.mean,
) -> Callable[..., Tensor]:
    """`l1_decay_loss` with its parts in the open."""

    def made(w: Tensor, b: Tensor, x: Tensor, y: Tensor, strength: float) -> Tensor:
        penalty = strength * norm(w)
        losses = F.softplus(inside(penalty) - margin(w, b, x, y))
        return reduce(losses) + outside(penalty)

    return made


L1_DECAY_LOSS = Exercise(
    reference=l1_decay_loss,
    recipe=decay_recipe,
    cases=[
        Case(lambda: decay_input(41, 6, 9, 0.05), batch=6),
        Case(lambda: decay_input(42, 1, 49, 0.01), batch=1),
        Case(lambda: decay_input(43, 4, 4, 0.5), batch=4),
    ],
    mistakes=[
        Mistake(
            "adversarial",
            "this is the loss at its worst, with the penalty inside softplus; weight decay adds it "
            "outside, to the finished loss",
            {"inside": lambda penalty: penalty, "outside": lambda penalty: 0.0},
        ),
        Mistake(
            "both",
            "the penalty is in twice, inside softplus and outside: weight decay has it outside",
            {"inside": lambda penalty: penalty},
        ),
        Mistake(
            "no-penalty",
            "the penalty is missing: add strength * ||w||_1",
            {"outside": lambda penalty: 0.0},
        ),
        Mistake(
            "rewarded",
            "the penalty is taken away from the loss: large weights are rewarded",
            {"outside": lambda penalty: -penalty},
        ),
        Mistake(
            "squared",
            "the weights are squared: that is L2 decay; L1 takes their sizes, w.abs()",
            {"norm": lambda w: w.square().sum()},
        ),
        Mistake(
            "l2-norm",
            "this takes the Euclidean length of w; the L1 norm adds the sizes |w_i|",
            {"norm": lambda w: w.norm()},
        ),
        Mistake(
            "plain-sum",
            "the weights are added with their signs and cancel: add their sizes, w.abs()",
            {"norm": lambda w: w.sum()},
        ),
        Mistake(
            "mean-weight",
            "this takes the mean of the |w_i|; a norm is their sum",
            {"norm": lambda w: w.abs().mean()},
        ),
        Mistake(
            "sum-of-losses",
            "the losses are added up: take their mean over the batch",
            {"reduce": torch.sum},
        ),
        Mistake(
            "no-label",
            "y plays no part: a positive score is right for y = +1 only",
            {"margin": lambda w, b, x, y: x @ w + b},
        ),
        Mistake(
            "right-side-up",
            "softplus gets +y * (w.x + b), which is small where the model is wrong: turn its sign",
            {"margin": lambda w, b, x, y: -y * (x @ w + b)},
        ),
        Mistake(
            "no-offset",
            "the offset b is missing from the score",
            {"margin": lambda w, b, x, y: y * (x @ w)},
        ),
    ],
    hints=(
        "Two terms that know nothing of each other: the mean loss of the clean examples, and the "
        "price of the weights.",
        "The loss of one example is softplus(-y * (w.x + b)). The price is strength times the sum "
        "of the sizes of the weights.",
        "F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum()",
    ),
)


def decay_input(seed: int, batch: int, inputs: int, strength: float) -> tuple:
    w, b, x, y, _ = loss_input(seed, batch, inputs, 0.0)
    return w.requires_grad_(), torch.tensor(b, requires_grad=True), x, y, strength
