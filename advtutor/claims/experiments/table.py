"""The table of the experiments, advtutor/assets/experiments.toml: read once."""

import tomllib
from importlib.resources import files
from typing import Any

from advtutor.claims.trained import Recipe

TABLE = tomllib.loads(
    files("advtutor").joinpath("assets/experiments.toml").read_text(encoding="utf-8")
)


def _recipes() -> dict[str, Recipe]:
    plain: dict[str, dict[str, Any]] = {}
    for name, entry in TABLE["recipes"].items():
        base = plain[entry.pop("like")] if "like" in entry else {}
        plain[name] = base | entry
    return {name: Recipe.from_data(data) for name, data in plain.items()}


def settings(experiment: str) -> dict[str, Any]:
    """What an experiment's numbers follow from, besides its networks."""
    found = TABLE["experiments"][experiment].get("settings", {"eps": 0.25, "clip": "none"})
    return {key: None if value == "none" else value for key, value in found.items()}


RECIPES = _recipes()
