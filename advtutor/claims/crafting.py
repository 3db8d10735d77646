"""What dropout does while training examples are made: measured runs that come with the package."""

import csv
from functools import cache
from importlib.resources import files

WAYS = ("dropout on", "dropout off", "same mask")
"""While the examples are made: dropout as in training, none, or the mask of the pass that follows.

"dropout on" draws a new mask for the pass through which the examples are learnt.
"""


@cache
def crafting_runs() -> dict[str, list[dict[str, list[float]]]]:
    """The runs of `tools/ledger/crafting.py`: by way of `WAYS`, for each seed from 0.

    A run is one network of 240 maxout units, hardened in that way; it holds an error for each
    epoch by its name: clean, FGSM and its smaller steps, transfer (FGSM examples made for a usual
    network), PGD (20 steps), and what the tool says. On 2,000 training digits that were held out
    (PGD: 500), eps = 0.25, not clipped.
    """
    text = files("advtutor").joinpath("assets/crafting.csv").read_text(encoding="utf-8")
    runs: dict[str, list[dict[str, list[float]]]] = {way: [] for way in WAYS}
    for row in csv.DictReader(text.splitlines()):  # a way's seeds, and a run's epochs, in order
        of_way, epoch = runs[row.pop("way")], int(row.pop("epoch"))
        row.pop("seed")
        if epoch == 1:
            of_way.append({name: [] for name in row})
        for name, value in row.items():
            of_way[-1][name].append(float(value))
    return runs
