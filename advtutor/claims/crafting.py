"""What dropout does while training examples are made: measured runs that come with the package."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

WAYS = ("dropout on", "dropout off", "same mask")
"""While the examples are made: dropout as in training, none, or the mask of the pass that follows.

"dropout on" draws a new mask for the pass through which the examples are learnt.
"""


@dataclass(frozen=True)
class CraftingRun:
    """One network of 240 maxout units, hardened in one of `WAYS`; a number for each epoch.

    Errors on 2,000 training digits that were held out (PGD: 500), eps = 0.25, not clipped.
    `epochs` holds them by name: clean, FGSM and its smaller steps, transfer (FGSM examples made
    for a usual network), PGD (20 steps), and what `tools/ledger/crafting.py` says.
    """

    way: str
    seed: int
    epochs: Mapping[str, tuple[float, ...]]


@cache
def crafting_runs() -> tuple[CraftingRun, ...]:
    """The runs of `tools/ledger/crafting.py`, by way and seed."""
    text = files("advtutor").joinpath("assets/crafting.csv").read_text(encoding="utf-8")
    runs: dict[tuple[int, int], list[dict[str, str]]] = {}
    for row in csv.DictReader(text.splitlines()):
        row.pop("epoch")
        runs.setdefault((WAYS.index(row.pop("way")), int(row.pop("seed"))), []).append(row)
    return tuple(
        CraftingRun(
            WAYS[way], seed, {name: tuple(float(row[name]) for row in rows) for name in rows[0]}
        )
        for (way, seed), rows in sorted(runs.items())
    )
