"""What an attack wants of the model, and the gradient that leads there."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from advtutor.attacks.inputs import warn_caller
from advtutor.attacks.losses import Loss, cross_entropy, of_class
from advtutor.attacks.query import answer


@dataclass(frozen=True)
class Goal:
    """What the attack wants of the model for each example, and the loss that leads there.

    The example shall leave class `y`, or reach it if `targeted`. `rival` names a class `[N]` to
    climb towards on the way out; it stands in for the loss.
    """

    model: Callable[[Tensor], Tensor]
    y: Tensor
    loss: Loss = cross_entropy
    targeted: bool = False
    rival: Tensor | None = None

    def logits(self, x: Tensor) -> Tensor:
        """The logits at `x`, `[N, K]`, in float32 or better: half precision rounds losses to 0."""
        return answer(self.model, x, self.y)

    def gradient(self, x: Tensor, logits: Tensor) -> Tensor:
        """The gradient to climb, `[N, C, H, W]`, from the logits that were computed at `x`."""
        if self.rival is None:
            loss = self.loss(logits, self.y).sum()
        else:
            loss = (of_class(logits, self.rival) - of_class(logits, self.y)).sum()
        gradient = input_gradient(loss, x)
        return -gradient if self.targeted else gradient

    def reached(self, logits: Tensor) -> Tensor:
        """Which examples are where the attack wants them: `[N]` booleans."""
        return (logits.argmax(dim=1) == self.y) == self.targeted

    def reached_at(self, x: Tensor) -> Tensor:
        """The same, at the images `x`."""
        with torch.no_grad():
            return self.reached(self.logits(x.clone()))  # a clone, for models that work in place

    def rows(self, keep: Tensor) -> "Goal":
        """The goal of some of the examples."""
        rival = None if self.rival is None else self.rival[keep]
        return replace(self, y=self.y[keep], rival=rival)


def input_gradient(loss: Tensor, x: Tensor) -> Tensor:
    """The gradient of `loss`, a scalar, in the images `x`: zero where none arrives."""
    gradient = None
    if loss.requires_grad:  # else the model lets no gradient through
        (gradient,) = torch.autograd.grad(loss, x, allow_unused=True)
    return torch.zeros_like(x) if gradient is None else gradient


def check_targets(reached: Tensor) -> None:
    """ValueError if every target is what the model predicts already."""
    if reached.all():
        raise ValueError(
            "targeted=True, but y is what the model predicts already, for every example; y must "
            "be the class you want, not the true class (or leave targeted=False)"
        )


def warn_of_weak_signals(logits: Tensor, gradient: Tensor, open_: Tensor | None = None) -> None:
    """Warn of probabilities, and of zero gradients where an example is still `open_`."""
    if logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 5e-3:
        warn_caller(
            "the model's outputs look like probabilities, not logits: cross-entropy takes the "
            "softmax a second time and its gradient shrinks. Return the logits instead"
        )
    dead = ~(gradient.abs().flatten(1).amax(dim=1) > 0)
    dead = dead if open_ is None else dead & open_
    if dead.any():
        warn_caller(
            f"the gradient is exactly zero for {int(dead.sum())} of {len(logits)} examples, so the "
            "attack cannot move them. Saturated logits? Use loss=attacks.margin_loss. A layer "
            "without a derivative? Judge the model by a gradient-free attack: attacks.square"
        )
