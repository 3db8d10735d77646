"""Trained networks that come with the package, because training them takes minutes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files

from torch import nn

from advtutor.claims.trained import Recipe, load, untrained

FOLDER = "assets/weights"


@dataclass(frozen=True)
class Shipped:
    """A network of the package: how it was made, and what was measured on its test digits."""

    name: str
    file: str
    sha256: str
    seed: int
    recipe: Recipe
    measured: Mapping[str, float]
    n: int


def shipped_networks() -> dict[str, Shipped]:
    """The networks that come with the package, by name; `make weights` makes them again."""
    text = files("advtutor").joinpath(FOLDER, "index.json").read_text(encoding="utf-8")
    return {
        name: Shipped(**(entry | {"name": name, "recipe": Recipe.from_data(entry["recipe"])}))
        for name, entry in json.loads(text).items()
    }


def pretrained(name: str) -> nn.Module:
    """A network that comes with the package, in eval mode; its weights were kept as float16.

    Raises ValueError for a name that there is not.
    """
    there = shipped_networks()
    if name not in there:
        raise ValueError(f"name={name!r} is no network of the package: take one of {list(there)}")
    model = untrained(there[name].recipe, there[name].seed)
    with as_file(files("advtutor").joinpath(FOLDER, there[name].file)) as path:
        load(model, path)
    return model.eval()
