"""The exercise on breaking the first defence: a network whose logits are very sure."""

from advtutor import attacks
from advtutor.checks.breaks import Break, climbs_cross_entropy, symptoms, target
from advtutor.checks.defences import sure
from advtutor.exercises.margin_loss import margin_loss


def break_sure(model, x, y, eps):
    return attacks.bim(model, x, y, eps, steps=10, loss=margin_loss)


EXERCISE = Break(
    break_sure,
    notebook="04_does_the_defence_hold",
    number=2,
    cases=[
        target(sure, 81, 30, 0.16, level=0.8),
        target(sure, 82, 30, 0.24, level=0.9),
        target(sure, 92, 1, 0.31, level=1.0),
    ],
    mistakes=symptoms(transfer=True, cross_entropy=lambda outcome: outcome.weak),
    when={"cross-entropy": climbs_cross_entropy},
    says={
        "untouched": "most digits come back as they were: the softmax of such logits is 1 to the "
        "last digit, and no gradient is left; climb a loss without a softmax",
        "cross-entropy": "it climbs the cross-entropy, which is 0 on such logits and has no "
        "gradient: what is left of the way is its random start",
    },
    hints=(
        "Which loss has a gradient, however large the logits are? You have written it.",
        "The way is the one of notebook 02: several gradient-sign steps, in the ball. attacks.bim "
        "takes loss=, a function of the logits and y.",
        "return attacks.bim(model, x, y, eps, steps=10, loss=margin_loss)",
    ),
)
