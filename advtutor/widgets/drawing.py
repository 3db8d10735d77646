"""Draw a digit: a canvas, and what a clean and a robust network make of what is on it."""

from collections.abc import Mapping

import ipywidgets as W
import torch
import torch.nn.functional as F
import traitlets
from ipywidgets.widgets.trait_types import CByteMemoryView
from torch import Tensor, nn

from advtutor import attacks
from advtutor.evaluation import predict
from advtutor.plots import Figure
from advtutor.widgets.controls import Answering, Button, choice, slider, together
from advtutor.widgets.explorer import picture_html, sentence_html, still
from advtutor.widgets.pictures import drawn_picture


class Canvas(Answering):
    """A drawing area of 28 × 28 pixels for mouse, touch, pen and keys; `pixels` are its bytes."""

    _esm = together("answer.js", "draw.js")
    _css = together("answer.css", "draw.css")
    n = traitlets.Int(28).tag(sync=True)
    pixels = CByteMemoryView(b"").tag(sync=True)
    sample = CByteMemoryView(b"").tag(sync=True)  # set it, and the page shows it as if drawn


def centred(ink: Tensor) -> Tensor:
    """A drawing `[28, 28]` in [0, 1] as MNIST's digits are: `[1, 1, 28, 28]`.

    The ink's bounding box is scaled until it fits 20 × 20 pixels, its proportions kept, and moved
    until its centre of mass is at pixel (14, 14) (LeCun, Cortes, Burges, The MNIST database).

    ValueError where there is nothing to centre: next to no ink, or next to nothing else.
    """
    on = ink > 0.1
    if on.sum() < 12:
        raise ValueError("Draw something first: a digit, large, with one of the ways above.")
    if on.float().mean() > 0.7:
        raise ValueError("There is more ink than paper: clear it, and draw one digit.")
    rows, columns = on.any(dim=1).nonzero()[:, 0], on.any(dim=0).nonzero()[:, 0]
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(cut.shape)
    size = [max(1, round(side * scale)) for side in cut.shape]
    small = F.interpolate(cut[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    share = small / small.sum()
    middle = [(share.sum(dim=1 - d) * torch.arange(size[d])).sum() for d in (0, 1)]
    top, left = (
        min(max(round(14 - float(middle[d])), 0), 28 - size[d])  # the whole digit stays inside
        for d in (0, 1)
    )
    x = torch.zeros(1, 1, 28, 28)
    x[0, 0, top : top + size[0], left : left + size[1]] = small
    return x


class DrawDigit(W.VBox):
    """A canvas, and under it what each of one or two `models` reads, while you draw.

    `samples` are digits `[N, 1, 28, 28]` in [0, 1] to start from without a pointer. The button
    attacks the digit with 20 steps of PGD at the eps of the slider, taking for true what each
    network reads, and looks for the smallest eps that changes its mind.
    """

    def __init__(
        self, models: Mapping[str, nn.Module], samples: Tensor, *, eps: float = 0.15
    ) -> None:
        if not 1 <= len(models) <= 2:
            raise ValueError(f"there are {len(models)} models; give one or two, by name")
        self._models, self._samples = models, samples
        self.canvas = Canvas()
        names = [("none", -1), *((f"sample {i + 1}", i) for i in range(len(samples)))]
        self._sample = choice(names, -1, name="or take a")
        self._eps = slider(eps, 0.0, 0.5, 0.01, name="eps", digits=2)
        self._attack = Button(description="Attack it", primary=True)
        self._picture = W.HTML()
        self._figure: Figure | None = None
        self.canvas.observe(lambda _: self._redraw(), "pixels")
        self._sample.observe(self._on_sample, "value")
        self._attack.on_click(lambda: self._redraw(attacked=True))
        self._redraw()
        controls = W.VBox([self._sample, self._eps, self._attack])
        layout = W.Layout(flex_flow="row wrap", grid_gap="24px", align_items="flex-start")
        super().__init__([W.Box([self.canvas, controls], layout=layout), self._picture])

    @property
    def digit(self) -> Tensor:
        """What is drawn, centred and scaled: `[1, 1, 28, 28]`; ValueError on an empty canvas."""
        pixels = torch.tensor(list(bytes(self.canvas.pixels)) or [0] * 784, dtype=torch.float32)
        if len(pixels) != 784:
            raise ValueError("The drawing did not arrive as a whole: clear it and draw again.")
        return centred(pixels.view(28, 28) / 255)

    def _on_sample(self, change: dict[str, int]) -> None:
        if change["new"] >= 0:
            levels = (255 * self._samples[change["new"], 0]).round().to(torch.uint8)
            self.canvas.sample = bytes(levels.flatten().tolist())

    def _redraw(self, attacked: bool = False) -> None:
        try:
            x, eps = self.digit, self._eps.value
            found = {}
            for name, model in self._models.items() if attacked else ():
                y = predict(model, x).classes
                x_adv = attacks.pgd(model, x, y, eps, steps=20, random_start=False, early_stop=True)
                found[name] = x_adv, float(attacks.minimal_epsilon(model, x, y, tolerance=5e-3))
            self._figure = drawn_picture(self._models, x, found, eps)
            self._picture.value = picture_html(self._figure)
        except Exception as error:
            self._figure = None
            self._picture.value = sentence_html(error)

    def __repr__(self) -> str:
        return "<DrawDigit: a canvas to draw a digit on, and what the networks read>"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict[str, object], dict[str, object]]:
        # Where nobody can draw, a saved page shows what is read in the first sample.
        figure = self._figure or drawn_picture(self._models, self._samples[:1], {}, 0.0)
        data = {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
        saved, metadata = still(figure)
        return data | saved, metadata
