"""The experiments behind the paper's numbers: what they measure, by its sections, and their table.

They are put together from advtutor/assets/experiments.toml; a new file of measures is named here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from advtutor.claims.experiments import (  # noqa: F401  (they define the measures)
    section_3,
    section_4,
    section_5,
    section_6,
    section_7,
    section_8,
    section_9,
)
from advtutor.claims.experiments.base import MEASURES, Experiment, Run
from advtutor.claims.experiments.table import RECIPES, TABLE, settings

__all__ = ["EXPERIMENTS", "Experiment", "Run"]


def _experiment(
    name: str,
    *,
    networks: Sequence[str] | Mapping[str, str] = (),
    each: Sequence[str] = (),
    parts: Mapping[str, Sequence[Any]] | None = None,
    forms: Sequence[str] = ("",),
    **costs: Any,
) -> Experiment:
    """One entry of the table."""

    def spread(names: Iterable[str]) -> list[str]:
        return [name.replace("*", form) for form in forms for name in names]

    def measured(entry: str | list[str], of: str) -> tuple:
        function, *on = [entry, of] if isinstance(entry, str) else entry
        return MEASURES[function], *(network.replace("*", of) for network in on)

    if not isinstance(networks, Mapping):
        networks = {network: network for network in spread(networks)}
    found = dict.fromkeys(networks, each) if each else {}
    found |= {of: entries for row, entries in (parts or {}).items() for of in spread([row])}
    return Experiment(
        name,
        {network: RECIPES[recipe] for network, recipe in networks.items()},
        {of: [measured(entry, of) for entry in entries] for of, entries in found.items()},
        **({"first_seed": TABLE["first_seed"]} | costs | {"settings": settings(name)}),
    )


EXPERIMENTS = {name: _experiment(name, **entry) for name, entry in TABLE["experiments"].items()}
