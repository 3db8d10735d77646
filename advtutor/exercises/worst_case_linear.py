"""The exercise on the worst step against a linear model."""

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import linear_input


def worst_case_linear(w, y, eps):
    return -eps * y[:, None] * w.sign()


EXERCISE = Exercise(
    worst_case_linear,
    notebook="01_linear_explanation",
    number=1,
    cases=cases(
        linear_input,
        (21, 6, 9, 0.23),
        (22, 1, 50, 0.13),
        (23, 4, 4, 0.037),
    ),
    mistakes={
        "plus": {"-eps": "eps"},
        "no-label": {"y[:, None]": "torch.ones(len(y), 1)"},
        "no-weights": {"w.sign()": "torch.ones_like(w)"},
        "positive-only": {"y[:, None]": "(y > 0)[:, None]"},
        "labels-0-1": {"y[:, None]": "(2 * y - 1)[:, None]"},
        "no-sign": {".sign()": ""},
        "size-for-sign": {"w.sign()": "w.abs()"},
        "divided-by-max": {"w.sign()": "w / w.abs().max()"},
        "divided-by-norm": {"w.sign()": "w / w.norm()"},
        "largest-only": {"w.sign()": "w.sign() * (w.abs() == w.abs().max())"},
        "shared-budget": {"eps": "eps / len(w)"},
        "clipped": {"eps * y[:, None] * w.sign()": "y[:, None] * w.clamp(-eps, eps)"},
        "eps-255": {"eps *": "eps / 255 *"},
        "no-eps": {"eps * y": "y"},
        "eps-twice": {"eps": "2 * eps"},
    },
    says={
        "clipped": "the weights are cut off at eps: take their sign, and each input moves by all "
        "of eps",
        "plus": "this step raises y * (w.x + b): the worst case lowers it, so its sign is the "
        "other one",
        "no-label": "every example gets the same step: for y = -1 the output has to go up, so y "
        "belongs in it",
        "no-weights": "w plays no part: an input with a negative weight has to move the other way",
        "positive-only": "rows with y = -1 get no step: y is -1 or +1, and each row moves",
        "no-sign": "the step follows the weights themselves: an input with a small weight may "
        "move by eps as well, so only the sign of w counts",
        "size-for-sign": "the weights' sizes are taken, w.abs(): take their signs, w.sign()",
        "divided-by-max": "the weights are divided by the largest of them, so only one input "
        "moves by eps: take their sign",
        "divided-by-norm": "the weights are divided by their length: the worst case of an L2 "
        "ball; here each input may move by eps",
        "largest-only": "only the input with the largest weight moves: each of them may move by "
        "eps, all at once",
        "shared-budget": "eps is divided among the inputs: in the max-norm each of the n inputs "
        "has all of it",
        "no-eps": "eps plays no part: each input moves by exactly eps",
        "shape": "each example gets a step of its own, a row of [N, n]: y[:, None] makes a column "
        "of the labels, and the weights are the rows",
    },
    batched=("y",),
    hints=(
        "Write y * (w.(x + eta) + b) as two terms. Only y * w.eta is yours to choose, and each "
        "entry of eta can be chosen by itself.",
        "One entry adds y * w_i * eta_i, with eta_i between -eps and eps. Which end makes it "
        "smallest, when y * w_i is positive, and which when it is negative?",
        "eta_i = -eps * y * sign(w_i). For all examples at once, y[:, None] * w.sign() has the "
        "shape [N, n].",
    ),
)
