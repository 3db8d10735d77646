"""Draw a digit: a canvas, and what one or two networks make of what is on it."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from advtutor.evaluation import predict
from advtutor.plots import Figure, described
from advtutor.widgets.base import Explorer, exact, handed_over
from advtutor.widgets.still import bars, image


class DrawDigit(Explorer):
    """A canvas for mouse, touch, pen and keys, and what each of one or two `models` reads in it.

    `samples` are digits `[N, 1, 28, 28]` in [0, 1] to start from. The button attacks the digit with
    20 steps of PGD at the eps of the slider, taking for true what each network reads, and looks for
    the smallest eps that changes its mind. ValueError for none or more than two models.
    """

    def __init__(
        self, models: Mapping[str, nn.Module], samples: Tensor, *, eps: float = 0.15
    ) -> None:
        if not 1 <= len(models) <= 2:
            raise ValueError(f"there are {len(models)} models; give one or two, by name")
        given = handed_over(samples, torch.zeros(len(samples), dtype=torch.int64))
        draw = partial(picture, models, samples[:1])
        super().__init__("draw", draw, models, **given, start={"eps": eps})

    def __repr__(self) -> str:
        return "<DrawDigit: a canvas to draw a digit on, and what the networks read>"


def picture(models: Mapping[str, nn.Module], x: Tensor) -> Figure:
    """What the models read in a digit `[1, 1, 28, 28]`."""
    figure, words = Figure(figsize=(7, 2.5 * len(models)), layout="constrained"), []
    axes = figure.subplots(len(models), 2, width_ratios=(1, 2.4), squeeze=False)
    for row, (name, model) in zip(axes, models.items(), strict=True):
        p = predict(exact(model), x.double()).probabilities[0]
        words.append(f"{name} reads {int(p.argmax())}, {p.max():.0%} sure")
        image(row[0], x[0], name)
        bars(row[1], {"as drawn": p})
        row[1].set_title(words[-1], fontsize=11)
    return described(figure, "a drawn digit and what is read", ". ".join(words) + ".")
