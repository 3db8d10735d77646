"""The exercise on breaking the second defence: a staircase, through which no gradient gets."""

import torch

from advtutor.checks.breaks import Break, symptoms, target
from advtutor.checks.code import calls
from advtutor.checks.defences import staircase
from advtutor.exercises.estimated_gradient import estimated_gradient
from advtutor.exercises.margin_loss import margin_loss


def break_staircase(model, x, y, eps):
    directions = torch.randint(0, 2, (200, *x.shape[1:])) * 2.0 - 1
    with torch.no_grad():
        uphill = estimated_gradient(lambda z: margin_loss(model(z), y), x, directions, 0.1)
    return (x + eps * uphill.sign()).clamp(0, 1)


follows_gradient = calls("grad", "backward", "fgsm", "bim", "pgd")

EXERCISE = Break(
    break_staircase,
    notebook="04_does_the_defence_hold",
    number=4,
    cases=[
        target(staircase, 84, 30, 0.21, level=0.6),
        target(staircase, 92, 1, 0.31, level=1.0),
    ],
    mistakes=symptoms(
        transfer=True,
        same_stair=lambda outcome: outcome.weak,
        few_directions=lambda outcome: outcome.weak and outcome.asked < 100,
        gradient=lambda outcome: outcome.weak,
    ),
    when={
        "same-stair": lambda code: (
            not follows_gradient(code) and any(0 < number < 1 / 16 for number in code.numbers)
        ),
        "few-directions": calls("estimated_gradient"),
        "gradient": follows_gradient,
    },
    says={
        "untouched": "most digits come back as they were: a staircase is flat, so its gradient is "
        "0 with any loss; ask the model for values instead of gradients",
        "same-stair": "h is so small that both points of a pair stand on the same stair most of "
        "the time: take h = 0.1, more than half a stair",
        "few-directions": "it asks along few directions, and the estimate is mostly chance: take "
        "100 to 200",
        "gradient": "it follows the gradient, and none gets through a staircase, whatever the "
        "loss: ask the model for values instead",
    },
    hints=(
        "You have written an estimate that needs values only. Of which loss, along which "
        "directions?",
        "The loss is margin_loss(model(z), y) as a function of z; the directions are 100 to 200 "
        "pictures of coins, +1 and -1; h = 0.1. The rest is a step of eps along the estimate's "
        "sign.",
        "estimated_gradient(lambda z: margin_loss(model(z), y), x, directions, 0.1), then "
        "(x + eps * uphill.sign()).clamp(0, 1)",
    ),
)
