"""The exercise on the worst step against a linear model."""

from advtutor.checks.engine import Case, Exercise, Mistake
from advtutor.checks.inputs import linear_input


def worst_case_linear(w, y, eps):
    return -eps * y[:, None] * w.sign()


EXERCISE = Exercise(
    worst_case_linear,
    notebook="01_linear_explanation",
    number=1,
    cases=[
        Case(lambda: linear_input(21, 6, 9, 0.23), batch=6),
        Case(lambda: linear_input(22, 1, 50, 0.13), batch=1),
        Case(lambda: linear_input(23, 4, 4, 0.037), batch=4),
    ],
    mistakes=[
        Mistake(
            "plus",
            "this step raises y * (w.x + b): the worst case lowers it, so its sign is the other "
            "one",
            {"-eps": "eps"},
        ),
        Mistake(
            "no-label",
            "every example gets the same step: for y = -1 the output has to go up, so y belongs in "
            "it",
            {"y[:, None]": "torch.ones(len(y), 1)"},
        ),
        Mistake(
            "labels-0-1",
            "the labels are turned as if they were 0 and 1; y is -1 or +1 already",
            {"y[:, None]": "(2 * y - 1)[:, None]"},
        ),
        Mistake(
            "no-sign",
            "the step follows the weights themselves: an input with a small weight may move by eps "
            "as well, so only the sign of w counts",
            {".sign()": ""},
        ),
        Mistake(
            "divided-by-max",
            "the weights are divided by the largest of them, so only one input moves by eps: take "
            "their sign",
            {"w.sign()": "w / w.abs().max()"},
        ),
        Mistake(
            "divided-by-norm",
            "the weights are divided by their length: the worst case of an L2 ball; here each "
            "input may move by eps",
            {"w.sign()": "w / w.norm()"},
        ),
        Mistake(
            "largest-only",
            "only the input with the largest weight moves: each of them may move by eps, all at "
            "once",
            {"w.sign()": "w.sign() * (w.abs() == w.abs().max())"},
        ),
        Mistake(
            "shared-budget",
            "eps is divided among the inputs: in the max-norm each of the n inputs has all of it",
            {"eps": "eps / len(w)"},
        ),
        Mistake(
            "no-eps",
            "eps plays no part: each input moves by exactly eps",
            {"eps * y": "y"},
        ),
        Mistake(
            "eps-twice",
            "each input moves by 2 * eps: eps is applied twice",
            {"eps": "2 * eps"},
        ),
    ],
    says={
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
