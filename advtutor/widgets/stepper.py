"""The attack stepper: PGD step by step inside the walls of the ball."""

from functools import partial

import torch
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from advtutor import attacks
from advtutor.evaluation import predict
from advtutor.plots import BLUE, ORANGE, Figure, described
from advtutor.widgets.base import Explorer, chance, exact, handed_over
from advtutor.widgets.still import image, short


def attack_stepper(model: nn.Module, x: Tensor, y: Tensor, steps: int = 12) -> Explorer:
    """PGD step by step inside the walls of the ball, for digits `x` `[N, 1, H, W]`.

    It opens at the last of its `steps`; before the first there is the start, a random point.
    """
    given = {**handed_over(x, y), "steps": steps}
    draw = partial(picture, model, x[:1], y[:1], 0.1, steps, steps)
    start = {"digit": 0, "eps": 0.1, "step": steps}
    return Explorer("stepper", draw, {"": model}, **given, start=start)


def path(model: nn.Module, x: Tensor, y: Tensor, eps: float, steps: int) -> Tensor:
    """The points of PGD from a random start in steps of `eps / 4`: `[steps + 1, C, H, W]`."""
    points = [(x + eps * chance(x)).clamp(0, 1)]
    for _ in range(steps):
        stepped = attacks.fgsm(model, points[-1], y, eps / 4)
        points.append(torch.clamp(stepped, x - eps, x + eps))
    return torch.cat(points)


def picture(model: nn.Module, x: Tensor, y: Tensor, eps: float, steps: int, step: int) -> Figure:
    """PGD at one `step` of its path: the image, the walls of the ball, and the loss."""
    model, x = exact(model), x.double()
    points = path(model, x, y, eps, steps)
    p = predict(model, points).probabilities
    loss = -p[:, y.item()].clamp(min=1e-30).log()
    read, sure = int(p[step].argmax()), float(p[step].max())
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    shown, walls, curve = figure.subplots(1, 3)
    name = f"step {step}" if step else "the start"
    image(shown, points[step], f"{name}: read as {read}\n({sure:.0%} sure)")

    walk = (points - x).flatten(1)
    pair = list(_two_pixels(walk, eps))
    for pixel, colour in zip(pair, (ORANGE, "#56B4E9"), strict=True):
        row, column = divmod(pixel, x.shape[-1])
        shown.plot(column, row, "s", ms=6, mfc="none", mec=colour, mew=2)
    low, high = (-x).flatten().clamp(min=-eps)[pair], (1 - x).flatten().clamp(max=eps)[pair]
    walls.add_patch(Rectangle(low.tolist(), *(high - low).tolist(), fc="#f0f0f0", ec="black", lw=2))
    walls.plot(*walk[:, pair].T.numpy(), color="#56B4E9")
    walls.plot(*walk[: step + 1, pair].T.numpy(), "o-", color=BLUE, ms=4)
    side = "right" if walk[0, pair[0]] > 0 else "left"
    walls.text(*walk[0, pair].tolist(), " start ", ha=side)
    walls.plot(*walk[step, pair].tolist(), "o", ms=11, mfc=ORANGE, mec="black", mew=2)
    walls.set(xticks=[-eps, 0, eps], yticks=[-eps, 0, eps])
    walls.set(xlabel="change of the orange pixel", ylabel="change of the blue pixel")
    curve.plot(loss.numpy(), "o-", color=BLUE, ms=4)
    curve.plot(step, float(loss[step]), "o", ms=11, mfc=ORANGE, mec="black", mew=2)
    curve.set(xlabel="step", ylabel="loss", xticks=range(0, steps + 1, max(1, steps // 4)))
    on_walls = ((points[step] - x).abs() > eps - 1e-5).double().mean()
    seen = f"digit {y.item()} is read as {read}, {sure:.0%} sure; the loss"
    if step == 0:
        alt = f"The start, a random point of the ball of eps {eps:.2f}: {seen} is {short(loss[0])}."
    else:
        alt = (
            f"Step {step} of {steps} inside eps {eps:.2f}: {seen} went from {short(loss[0])} to "
            f"{short(loss[step])}, and {on_walls:.0%} of the pixels stand at a wall of the ball."
        )
    return described(figure, f"PGD step by step, eps = {eps:g}", alt)


def _two_pixels(walk: Tensor, eps: float) -> tuple[int, int]:
    """Two pixels worth watching: one that moves about inside, and one that does otherwise."""
    inside = (walk.abs() < 0.95 * eps).double().sum(dim=0)
    travelled = inside * walk.diff(dim=0).abs().sum(dim=0)
    first = int(travelled.round(decimals=4).argmax())  # rounded, so that ties are ties
    other = inside * (walk - walk[:, first : first + 1]).abs().sum(dim=0)
    other[first] = -1
    return first, int(other.round(decimals=4).argmax())
