"""The exercise on breaking the third defence: hardened against one step, and very sure as well."""

import torch

from advtutor import attacks
from advtutor.checks.breaks import Break, Outcome, climbs_cross_entropy, symptoms, target
from advtutor.checks.defences import hardened
from advtutor.exercises.margin_loss import margin_loss


def break_hardened(model, x, y, eps):
    x_adv = (x + eps * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
    for _ in range(20):
        x_adv = x_adv.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(margin_loss(model(x_adv), y).sum(), x_adv)
        x_adv = x_adv + eps / 8 * gradient.sign()
        x_adv = torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)
    return x_adv.detach()


def ends_at_one_step(outcome: Outcome) -> bool:
    """Whether most pixels end where a single step along the margin's gradient at x takes them."""
    one_step = attacks.fgsm(*outcome.fresh, loss=margin_loss)
    moved = one_step != outcome.fresh[1]
    return torch.isclose(outcome.run.result, one_step)[moved].double().mean().item() > 0.85


EXERCISE = Break(
    break_hardened,
    notebook="04_does_the_defence_hold",
    number=5,
    cases=[
        target(hardened, 87, 30, 0.21, level=0.65),
        target(hardened, 88, 30, 0.24, level=0.75),
        target(hardened, 95, 1, 0.31, level=1.0),
    ],
    mistakes=symptoms(
        transfer=False,
        cross_entropy=lambda outcome: outcome.weak,
        one_step=lambda outcome: outcome.weak and outcome.asked <= 2,
        gradient_at_x=lambda outcome: outcome.weak and ends_at_one_step(outcome),
    ),
    when={"cross-entropy": climbs_cross_entropy},
    says={
        "untouched": "most digits come back as they were: the logits are as sure as those of the "
        "first defence; climb a loss without a softmax",
        "cross-entropy": "the logits are as sure as those of the first defence: the cross-entropy "
        "has no gradient here; climb the margin",
        "one-step": "it takes a step or two, and one step is what this network was trained "
        "against: take several small ones",
        "gradient-at-x": "its steps all follow the gradient at x, and end where a single step "
        "does: take the gradient at x_adv, anew for each step",
    },
    hints=(
        "Two locks, and you have a key to each: the first defence was broken by its loss, the "
        "network of section 1 by its path.",
        "Begin at a random point of the ball. Repeat: the gradient of the margin, a small step "
        "along its sign, back between x - eps and x + eps, back into [0, 1].",
        "attacks.pgd takes loss=margin_loss too; or write the loop, 20 steps of eps / 8.",
    ),
)
