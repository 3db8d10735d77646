"""How linear a model is, in numbers: the paper's explanation of why tiny changes are enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtutor.attacks import Clip, Loss, cross_entropy, eval_mode
from advtutor.attacks.ball import doubled, per_example
from advtutor.attacks.goal import input_gradient
from advtutor.attacks.inputs import (
    check_arguments,
    check_count,
    check_images,
    check_model,
    check_size,
    losses_of,
)
from advtutor.attacks.query import answer, differentiable, eval_mode_with_grad

# High dimension.


def aligned_change(weight: Tensor, eps: float) -> Tensor:
    """What the step `eps * sign(w)` adds to `w . x`: `eps * ||w||_1`; `[..., n]` to `[...]`.

    No step that moves each input by at most `eps` adds more (paper, section 3).
    """
    return check_size("eps", eps) * weight.detach().abs().sum(dim=-1)


@dataclass(frozen=True)
class Growth:
    """How the activation `w . x` changes with the number of inputs `n`; all tensors are `[S]`.

    aligned: by the step `eps * sign(w)`, the mean over the drawn units. It grows like n.
    random: by a step of the same max-norm with random signs, the root mean square over the drawn
        units. It grows like the square root of n.
    """

    n: Tensor
    aligned: Tensor
    random: Tensor

    @property
    def exponents(self) -> tuple[float, float]:
        """The powers of n that fit `aligned` and `random` best: about (1, 0.5)."""
        logs = [doubled(values).log() for values in (self.n, self.aligned, self.random)]
        x, *ys = (values - values.mean() for values in logs)
        aligned, random = (float(x @ y / (x @ x)) for y in ys)
        return aligned, random


def activation_growth(
    n: Sequence[int],
    eps: float,
    *,
    units: int = 1000,
    generator: torch.Generator | None = None,
) -> Growth:
    """Linear units with n standard normal weights, moved by an aligned and by a random step.

    `units` of them are drawn for each n. What is expected: `eps * n * sqrt(2 / pi)` and
    `eps * sqrt(n)` (paper, section 3).
    """
    aligned, random = [], []
    for size in n:
        weight = torch.randn(units, size, generator=generator)
        aligned.append(aligned_change(weight, eps).mean())
        # Each unit meets its own step, of coins -1 or 1.
        coins = 2 * torch.randint(2, weight.shape, generator=generator) - 1
        change = eps * (coins * weight).sum(dim=1)
        random.append(change.square().mean().sqrt())
    return Growth(torch.tensor(list(n)), torch.stack(aligned), torch.stack(random))


# Along a line.


@torch.no_grad()
def logits_along_line(
    model: nn.Module, x: Tensor, direction: Tensor, distances: Tensor, *, batch_size: int = 512
) -> Tensor:
    """The logits at `x + distance * direction` for each of `distances` `[D]`: `[D, K]`.

    `x` and `direction` are one image, `[C, H, W]` or `[1, ...]`. Nothing is clipped, so that the
    line is straight (paper, Figure 4, where the direction is the sign of the gradient and the
    distances run from -10 to 10). The model predicts in eval mode.

    Raises ValueError for more than one image, shapes that differ, or logits that are not finite.
    """
    check_model(model)
    x, direction = (
        check_images(image[None] if getattr(image, "ndim", 0) == 3 else image, None)
        for image in (x, direction)
    )
    distances = torch.as_tensor(distances).to(x)
    if len(x) != 1 or direction.shape != x.shape or distances.dim() != 1 or len(distances) == 0:
        raise ValueError(
            f"x has the shape {tuple(x.shape)}, direction {tuple(direction.shape)}, distances "
            f"{tuple(distances.shape)}; give one image, one direction like it, e.g. x[:1], and a "
            "vector of distances [D]"
        )
    parts = per_example(distances, x).split(check_count("batch_size", batch_size))
    with eval_mode(model):
        return torch.cat([answer(model, x + part * direction) for part in parts])


@dataclass(frozen=True)
class Straightness:
    """How well straight lines describe values along a line; each tensor is `[K]`.

    slope, intercept: of the line that fits best by least squares.
    r2: the share of the variance that this line explains; 1 where the values are constant.
    deviation: the furthest that a value lies from the line, as a share of the range of the
        values; 0 on a straight line. It shows a kink that `r2` smooths over.
    """

    slope: Tensor
    intercept: Tensor
    r2: Tensor
    deviation: Tensor


def straightness(
    distances: Tensor, values: Tensor, *, window: tuple[float, float] | None = None
) -> Straightness:
    """Fit a straight line to each column of `values` `[D, K]` over `distances` `[D]`.

    `window` is the piece to look at, (lowest, highest) distance. A piece is linear if `r2` is
    near 1 and `deviation` near 0 in it. Computed in float64.

    Raises ValueError if fewer than three distances lie in the window: two are always on a line.
    """
    low, high = window or (-torch.inf, torch.inf)
    values = doubled(values)
    t = doubled(distances).to(values.device)
    inside = (t >= low) & (t <= high)
    t, values = t[inside], values[inside]
    if len(t.unique()) < 3:
        raise ValueError(
            f"window={window} holds {len(t.unique())} different distances; it needs three or more"
        )
    middle, mean = t.mean(), values.mean(dim=0)
    around = t - middle
    slope = around @ (values - mean) / around.square().sum()
    residual = values - mean - around[:, None] * slope
    variance, spread = (values - mean).square().sum(dim=0), values.amax(dim=0) - values.amin(dim=0)
    constant = spread == 0
    return Straightness(
        slope=slope,
        intercept=mean - slope * middle,
        r2=torch.where(constant, 1.0, 1 - residual.square().sum(dim=0) / variance),
        deviation=torch.where(constant, 0.0, residual.abs().amax(dim=0) / spread),
    )


# To the first order.


@dataclass(frozen=True)
class Gain:
    """What the gradient-sign step adds to the loss of each example; both tensors are `[N]`.

    predicted: by the loss's first-order approximation; unclipped it is `eps * ||grad||_1`.
    true: the difference of the two losses.
    """

    predicted: Tensor
    true: Tensor


def first_order_gain(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    clip: Clip = None,
    loss: Loss | None = None,
) -> Gain:
    """Compare what the gradient at `x` promises for `eps * sign(grad)` with what the step does.

    Both agree where the loss is linear over the step (paper, section 4). `clip=None` here, as in
    the paper: with a clip, `predicted` is that of the shortened step. `loss(logits, y)` gives
    `[N]`; the default is cross-entropy, whose own curve is part of the difference:
    `attacks.margin_loss` shows the model's alone. The model is in eval mode.
    """
    x, eps = check_arguments(model, x, y, eps, clip)
    loss = loss or cross_entropy
    with eval_mode_with_grad(model):
        x, y = differentiable(x).requires_grad_(), y.clone()
        before = losses_of(loss, answer(model, x.clone(), y), y, each=True)
        gradient = input_gradient(before.sum(), x)
        with torch.no_grad():
            step = eps * gradient.sign()
            step = step if clip is None else (x + step).clamp(*clip) - x
            predicted = (gradient * step).flatten(1).sum(dim=1)
            after = losses_of(loss, answer(model, x + step, y), y, each=True)
            return Gain(predicted, after - before)
