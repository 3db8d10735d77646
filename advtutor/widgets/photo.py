"""The photo explorer: a photo and its gradient-sign step, while eps moves."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from advtutor import attacks, plots
from advtutor.evaluation import predict
from advtutor.plots import Figure
from advtutor.widgets.base import Explorer

SIZES = [step / 1000 for step in range(31)]


def photo_explorer(
    model: nn.Module, names: Sequence[str], x: Tensor, y: Tensor, eps: float = 0.007
) -> Explorer:
    """A photo `[1, 3, H, W]` of class `y` `[1]` and its gradient-sign step, while eps moves.

    `names` are the classes' names. The network is too large for the page: what it reads at each
    of the slider's places is computed here, once. ValueError for an `eps` that is none of them.
    """
    if eps not in SIZES:
        raise ValueError(f"eps is {eps}; choose one of 0, 0.001, 0.002, ..., {SIZES[-1]}")
    signs = (attacks.fgsm(model, x, y, 1.0, clip=None) - x).sign()
    results = [(x + size * signs).clamp(0, 1) for size in SIZES]
    sure, read = predict(model, torch.cat(results)).probabilities.max(dim=1)
    readings = [
        {"eps": size, "name": names[k], "sure": p}
        for size, k, p in zip(SIZES, read.tolist(), sure.tolist(), strict=True)
    ]
    place = SIZES.index(eps)

    def draw() -> Figure:
        words = ["{name}, {sure:.0%} sure".format(**readings[i]) for i in (place, 0)]
        found, before = (w.replace(", ", "\n(") + ")" for w in words)
        title = "a photo and its step"
        figure = plots.step(x[0], results[place][0], before, found, eps=eps or 1e-3, title=title)
        figure.alt = f"At eps {eps:.3f} it reads {words[0]}; the photo as it is: {words[1]}."
        return figure

    return Explorer(
        "photo",
        draw,
        shape=list(x.shape[1:]),
        pixels=bytes((255 * x).round().byte().flatten().tolist()),
        signs=signs.to(torch.int8).numpy().tobytes(),
        readings=readings,
        start={"place": place},
    )
