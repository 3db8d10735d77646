"""What an attack wants of the model, and the gradient that leads there."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from advtutor.attacks.inputs import losses_of, warn_caller
from advtutor.attacks.losses import Loss, cross_entropy, of_class
from advtutor.attacks.query import Query


@dataclass(frozen=True)
class Goal:
    """What the attack wants of the model for each example, and the loss that leads there.

    The example shall leave class `y`, or reach it if `targeted`. `rival` names a class `[N]` to
    climb towards on the way out; it stands in for the loss.
    """

    query: Query
    y: Tensor
    loss: Loss = cross_entropy
    targeted: bool = False
    rival: Tensor | None = None

    def logits(self, x: Tensor) -> Tensor:
        """The logits at `x`, `[N, K]`."""
        return self.query(x, self.y)

    def gradient(self, x: Tensor, logits: Tensor) -> Tensor:
        """The gradient to climb, `[N, C, H, W]`, from the logits that were computed at `x`."""
        if self.rival is None:
            loss = losses_of(self.loss, logits, self.y).sum()
        else:
            loss = (of_class(logits, self.rival) - of_class(logits, self.y)).sum()
        gradient = input_gradient(loss, x)
        return -gradient if self.targeted else gradient

    def reached(self, logits: Tensor) -> Tensor:
        """Which examples are where the attack wants them: `[N]` booleans."""
        return reached(logits, self.y, self.targeted)

    def reached_at(self, x: Tensor) -> Tensor:
        """The same, at the images `x`."""
        with torch.no_grad():
            return self.reached(self.logits(x))

    def rows(self, keep: Tensor) -> "Goal":
        """The goal of some of the examples."""
        rival = None if self.rival is None else self.rival[keep]
        return replace(self, y=self.y[keep], rival=rival)


def reached(logits: Tensor, y: Tensor, targeted: bool) -> Tensor:
    """Which examples have left class `y`, or are in it if `targeted`: `[N]` booleans."""
    return (logits.argmax(dim=1) == y) == targeted


def input_gradient(loss: Tensor, x: Tensor) -> Tensor:
    """The gradient of `loss`, a scalar, in the images `x`: zero where none arrives."""
    gradient = None
    if loss.requires_grad:  # else the model lets no gradient through
        try:
            (gradient,) = torch.autograd.grad(loss, x, allow_unused=True)
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            raise RuntimeError(
                "the model works in place on numbers that its own gradient needs: there, write "
                "y = 2 * y for y *= 2, or y.clone() before"
            ) from error
    return torch.zeros_like(x) if gradient is None else gradient


def warn_of_trouble(logits: Tensor, gradient: Tensor, y: Tensor, targeted: bool) -> None:
    """Warn of targets that are met already and of weak signals."""
    there = reached(logits, y, targeted)
    if targeted:
        warn_of_targets(there)
    warn_of_weak_signals(logits, gradient, ~there)


def warn_of_targets(reached: Tensor) -> None:
    """Warn if every target is what the model predicts already."""
    if reached.all():
        warn_caller(
            "targeted=True, but y is what the model predicts already, for every example; y must "
            "be the class you want, not the true class (or leave targeted=False)"
        )


def warn_of_weak_signals(logits: Tensor, gradient: Tensor, open_: Tensor | None = None) -> None:
    """Warn of probabilities, and of gradients that are NaN, or zero in an example still `open_`."""
    if logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 5e-3:
        warn_caller(
            "the model's outputs look like probabilities, not logits: cross-entropy takes the "
            "softmax a second time and its gradient shrinks. Return the logits instead"
        )
    flat = gradient.flatten(1)
    strongest = torch.maximum(flat.amax(dim=1), -flat.amin(dim=1))  # cheaper than their abs()
    if (strongest > 0).all():
        return
    lost = strongest.isnan()
    if lost.any():
        warn_caller(
            f"the gradient is NaN in {int(gradient.isnan().sum())} of {gradient.numel()} pixels, "
            f"in {int(lost.sum())} of {len(logits)} examples: the attack leaves these "
            "pixels as they are. A logarithm, root or division at 0? Hide it before it is "
            "computed (clamp), not after it (torch.where)"
        )
    dead = strongest == 0
    dead = dead if open_ is None else dead & open_
    if dead.any():
        warn_caller(
            f"the gradient is exactly zero for {int(dead.sum())} of {len(logits)} examples, so the "
            "attack cannot move them. Saturated logits? Use loss=attacks.margin_loss. A layer "
            "without a derivative? Judge the model by a gradient-free attack: attacks.square"
        )
