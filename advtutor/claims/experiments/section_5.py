"""Section 5: a control for logistic regression, and L1 decay in a maxout network."""

import torch

from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import error
from advtutor.evaluation import evaluate


@measure("clean_error")
def least_squares(run: Run, name: str) -> float:
    """Another linear classifier of a network's two classes: least squares, to +1 and -1."""
    recipe = run.networks[name]
    (x, y), (test_x, test_y) = recipe.only(run.train), recipe.only(run.test)
    x, test_x = (torch.nn.functional.pad(each.flatten(1), (0, 1), value=1) for each in (x, test_x))
    answers = 2 * y.double()[:, None] - 1
    solution = torch.linalg.lstsq(x.double().cpu(), answers.cpu(), driver="gelsd").solution
    read = (test_x.double().cpu() @ solution)[:, 0] > 0
    return (read != (test_y == 1).cpu()).double().mean().item()


@measure("training_error")
def training(run: Run, name: str) -> float:
    """A network's error on all training digits."""
    return evaluate(run.network(name), *run.train).error


@measure("added_error")
def decay(run: Run, decayed: str, free: str) -> float:
    """What the decay adds to the clean error, in points."""
    return error(run, decayed) - error(run, free)
