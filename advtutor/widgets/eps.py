"""The eps explorer: one digit under one step, twenty steps and noise of the same eps."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from advtutor import attacks
from advtutor.evaluation import predict
from advtutor.plots import SIGNED, Figure, described
from advtutor.widgets.base import Explorer, chance, exact, handed_over
from advtutor.widgets.still import bars, image

ATTACKS: dict[str, Callable[..., Tensor]] = {
    "one step (FGSM)": attacks.fgsm,
    "20 steps (PGD)": partial(attacks.pgd, steps=20, random_start=False, early_stop=True),
    "noise": lambda model, x, y, eps: (x + eps * chance(x).sign()).clamp(0, 1),
}
"""The attacks of the explorers, by name."""


def eps_explorer(model: nn.Module, x: Tensor, y: Tensor, eps: float = 0.1) -> Explorer:
    """Digits `x` `[N, 1, H, W]` of classes `y` `[N]` under FGSM, PGD and noise while eps moves."""
    draw = partial(picture, model, x[:1], y[:1], eps)
    return Explorer("eps", draw, {"": model}, **handed_over(x, y), start={"digit": 0, "eps": eps})


def picture(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Figure:
    """One digit `[1, 1, H, W]` under the three changes: step, result and probabilities."""
    model, x = exact(model), x.double()
    before = predict(model, x).probabilities[0]
    figure, words = Figure(figsize=(7, 6), layout="constrained"), []
    axes = figure.subplots(len(ATTACKS), 3, width_ratios=(1, 1, 2.4))
    for row, (name, attack) in zip(axes, ATTACKS.items(), strict=True):
        x_adv = attack(model, x, y, eps)
        after = predict(model, x_adv).probabilities[0]
        read = int(after.argmax())
        words.append(f"{name}: read as {read}, {after[read]:.0%} sure")
        step = (x_adv - x)[0].mean(dim=0) / (eps or 1.0)
        row[0].imshow(step.numpy(), cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest")
        row[0].set(title=name, xticks=[], yticks=[])
        image(row[1], x_adv[0], f"read as {read}")
        bars(row[2], {"before": before, "after the change": after})
    axes[0][2].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    axes[-1][0].set_xlabel("orange: lighter\npurple: darker")
    axes[-1][2].set_xlabel("class")
    alt = f"Digit {y.item()} at eps {eps:.2f}; {'; '.join(words)}."
    return described(figure, f"a digit under three changes, eps = {eps:g}", alt)
