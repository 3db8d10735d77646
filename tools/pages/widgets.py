"""The widgets on pages without a kernel: the notebooks' own, with networks that ship."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load

from advtutor import live, models, widgets
from advtutor.claims.crafting import crafting_runs
from advtutor.data import imagenet_classes, mnist, photo
from advtutor.widgets import Explorer, base

# Which networks each widget runs here; none where it shows just what the notebook shows.
NETWORKS = {
    "eps": ["usual"],
    "direction": ["usual"],
    "stepper": ["usual"],
    "defence": ["usual", "hardened"],
    "draw": ["usual", "hardened"],
    "dimension": [],
    "overfitting": [],
    "photo": [],
}


@cache
def made(kind: str) -> Explorer:
    """The widget of this kind, with networks that ship."""
    networks = {}
    for name in NETWORKS[kind]:
        networks[name] = models.ConvNet().eval()
        networks[name].load_state_dict(load(live.networks()[name]))
    x, y = (part[:200] for part in mnist().test)
    if kind == "dimension":
        return widgets.dimension_explorer()
    if kind == "overfitting":
        return widgets.overfitting_explorer(crafting_runs())
    if kind == "photo":
        names = imagenet_classes()
        label = torch.tensor([names.index("espresso")])
        imagenet = models.imagenet_classifier()
        return widgets.photo_explorer(imagenet, names, photo("coffee"), label, eps=0.002)
    if kind == "defence":
        return widgets.defence_explorer(networks, x, y)
    if kind == "draw":
        return widgets.DrawDigit(networks, x[:5], eps=0.1)
    explorer = {
        "eps": widgets.eps_explorer,
        "direction": widgets.direction_explorer,
        "stepper": widgets.attack_stepper,
    }[kind]
    return explorer(networks["usual"], x[:20], y[:20])


def files(folder: Path, kinds: Iterable[str] = NETWORKS) -> None:
    """Write into `folder` what pages with widgets of these kinds load; each network once."""
    script = f"(() => {{\n{base.script()}\n{base.mount()}}})();\n"
    (folder / "widgets.js").write_text(script, encoding="utf-8")
    (folder / "widgets.css").write_text(base.css(), encoding="utf-8")
    for name, packed in live.networks().items():
        text = base.network_script(name, packed)
        (folder / f"network-{name}.js").write_text(text, encoding="utf-8")
    for kind in kinds:
        text = base.state_script(made(kind), NETWORKS[kind])
        (folder / f"widget-{kind}.js").write_text(text, encoding="utf-8")


def scripts(kinds: Iterable[str], static: str = "") -> str:
    """What a page with widgets of these `kinds` loads, from the folder `static`."""
    kinds = list(dict.fromkeys(kinds))
    networks = dict.fromkeys(name for kind in kinds for name in NETWORKS[kind])
    names = [*(f"network-{name}" for name in networks), *(f"widget-{kind}" for kind in kinds)]
    tags = [f'<script src="{static}{name}.js"></script>' for name in [*names, "widgets"]]
    return "\n".join([f'<link rel="stylesheet" href="{static}widgets.css">', *tags])


def whose(kind: str) -> str:
    """Whose network a widget of this kind runs, in words; "" where it shows the notebook's own."""
    names = " and the ".join(NETWORKS[kind])
    if not names:
        return ""
    return f"the {names} network, which ship{'s' * (len(NETWORKS[kind]) == 1)} with the course"
