"""The widgets on the website: the notebooks' own, with networks that ship, and without a kernel."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load

from advtutor import live, models, widgets
from advtutor.data import imagenet_classes, mnist, photo
from advtutor.widgets import Explorer, base

SHIPPED = (
    "It moves: keys, mouse or finger. Here it runs on {} that ships with the course, not on this "
    "notebook's own, which the picture above shows; to move that one, {}."
)
OWN = "It moves: keys, mouse or finger. Nothing has to be installed."


class Live(NamedTuple):
    """A widget and what is said under it; `same`: it shows what the stored picture shows."""

    widget: Explorer
    words: str
    same: bool


@cache
def by_kind() -> dict[str, Live]:
    """The widgets that the site can show, by their kind."""
    networks = {}
    for name, packed in live.networks().items():
        networks[name] = models.ConvNet().eval()
        networks[name].load_state_dict(load(packed))
    x, y = (part[:200] for part in mnist().test)
    one, digits = networks["usual"], (x[:20], y[:20])
    names = imagenet_classes()
    coffee = photo("coffee"), torch.tensor([names.index("espresso")])
    imagenet = models.imagenet_classifier()
    both = "the usual and the hardened network"
    found = [
        Live(widgets.eps_explorer(one, *digits), "the usual network", False),
        Live(widgets.direction_explorer(one, *digits), "the usual network", False),
        Live(widgets.attack_stepper(one, *digits), "the usual network", False),
        Live(widgets.defence_explorer(networks, x, y), both, False),
        Live(widgets.DrawDigit(networks, x[:5], eps=0.1), both, False),
        Live(widgets.dimension_explorer(), "", True),
        Live(widgets.photo_explorer(imagenet, names, *coffee, eps=0.002), "", True),
    ]
    return {each.widget.kind: each for each in found}


def files(folder: Path) -> None:
    """Write into `folder` what the pages with widgets load."""
    script = f"(() => {{\n{base.script()}\n{base.mount()}}})();\n"
    (folder / "widgets.js").write_text(script, encoding="utf-8")
    (folder / "widgets.css").write_text(base.css(), encoding="utf-8")
    for each in by_kind().values():
        path = folder / f"widget-{each.widget.kind}.js"
        path.write_text(base.state_script(each.widget), encoding="utf-8")


def html(kind: str, up: str, run_it: str) -> str | None:
    """The widget of this kind, in Markdown; None where the site has none.

    `up` leads to the top of the site, `run_it` is the link for those who want to run it.
    """
    found = by_kind().get(kind)
    if found is None:
        return None
    static = f"{up}_static"
    parts = [
        f'<link rel="stylesheet" href="{static}/widgets.css">',
        base.place(found.widget, instead=found.same),
        f'<script src="{static}/widget-{kind}.js"></script>',
        f'<script src="{static}/widgets.js"></script>',
    ]
    words = OWN if found.same else SHIPPED.format(found.words, run_it)
    return "````{raw} html\n" + "\n".join(parts) + f"\n````\n\n*{words}*"
