"""The paper's table: each of its claims as data, and what measures it."""

import csv
import difflib
import functools
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class PaperClaim:
    """One number, or one statement, of the paper, and how the course measures it.

    paper_value: as printed in the paper, "" if there is none; `target` is the number to compare
        with, a share as a fraction, None where the paper makes a statement only.
    low, high: the band that the statement asks for; None where it is open.
    experiment, of, number: what measures it (`advtutor.claims.experiments`), on what, and the name
        of the number; "" if nothing does.
    other_size: where the same was measured on the other of the paper's two sizes of network, as
        experiment/of/number; "" where it was not, or where the paper says which size it means.
    controls: networks without what is claimed, whose number may be as near, each as
        "name = experiment/of/number", with a semicolon between them.
    not_comparable: why it is no test of the claim, or what it depends on that we do not have from
        the paper; "" if its verdict can be told.
    reason: why ours differs, or why it is not measured; "" where there is nothing to say.

    What these two quote of a measurement is a placeholder, which `fill` replaces.
    """

    id: str
    section: str
    claim: str
    setting: str
    paper_value: str
    unit: str
    status: str
    experiment: str
    of: str
    number: str
    target: float | None
    low: float | None
    high: float | None
    other_size: str
    controls: str
    not_comparable: str
    reason: str

    @property
    def in_percent(self) -> bool:
        """Whether its number is a share, shown as a percentage."""
        return self.unit.startswith("%")

    def printed(self, number: str) -> str:
        """A number of it with its unit, if that is per cent."""
        return f"{number} %" if number and self.in_percent else number

    @property
    def rivals(self) -> dict[str, list[str]]:
        """Its `controls`: experiment, of and number of each, by its name."""
        each = (one.rpartition(" = ") for one in self.controls.split("; ") if one)
        return {name: number.split("/") for name, _, number in each}

    @property
    def remark(self) -> str:
        """`not_comparable` and `reason`, with their placeholders."""
        return " ".join(filter(None, [self.not_comparable, self.reason]))


@functools.cache
def paper_claims() -> dict[str, PaperClaim]:
    """The paper's claims by id (arXiv 1412.6572; the letters of an id name its section).

    Raises ValueError if one names a number that no experiment gives.
    """
    text = files("advtutor").joinpath("assets/claims.csv").read_text(encoding="utf-8")
    return {row["id"]: read_claim(row) for row in csv.DictReader(text.splitlines())}


def read_claim(row: Mapping[str, str]) -> PaperClaim:
    """A row of the table. Raises ValueError if it names a number that no experiment gives."""
    from advtutor.claims.experiments import EXPERIMENTS  # here: who only states a claim waits less

    fields: dict[str, Any] = dict(row)
    fields |= {k: float(row[k]) if row[k] else None for k in ("target", "low", "high")}
    claim = PaperClaim(**fields)
    quoted = [(m["experiment"], m["of"], m["number"]) for m in _QUOTED.finditer(claim.remark)]
    own = [(claim.experiment, claim.of, claim.number)] if claim.experiment else []
    other = [claim.other_size.split("/")] if claim.other_size else []
    for experiment, of, number in [*own, *other, *claim.rivals.values(), *quoted]:
        try:
            if experiment not in EXPERIMENTS:
                there = list(EXPERIMENTS)
                raise ValueError(f"there is no experiment {experiment!r}: there is {there}")
            EXPERIMENTS[experiment].check(of, number)
        except ValueError as error:
            raise ValueError(f"claims.csv, {claim.id}: {error}") from None
    return claim


# {experiment/of/number} is the mean over the seeds in per cent, with one digit after the point;
# behind a colon stands another number of digits, or "each" for every seed's own, sorted.
_QUOTED = re.compile(
    r"\{(?P<experiment>[^{}/]+)/(?P<of>[^{}/]+)/(?P<number>\w+)(:(?P<form>\d|each))?\}"
)


def fill(text: str, values: Callable[[str, str, str], Sequence[float]]) -> str:
    """`text` with each placeholder replaced by what `values(experiment, of, number)` has of it."""

    def replace(found: re.Match[str]) -> str:
        form, shares = found["form"] or "1", values(*found.group("experiment", "of", "number"))
        if not shares:
            return "(not run)"
        if form == "each":
            *first, last = (f"{100 * share:.0f}" for share in sorted(shares))
            return f"{', '.join(first)} and {last}" if first else last
        return f"{100 * statistics.fmean(shares):.{form}f}"

    return _QUOTED.sub(replace, text)


def known_claim(id: str) -> PaperClaim:
    """The paper's claim called `id`. Raises ValueError, with the nearest ids, if there is none."""
    try:
        return paper_claims()[id]
    except KeyError:
        raise ValueError(f"id {id!r} is not in the paper's table{nearest_ids(id)}") from None


def nearest_ids(id: str) -> str:
    """The ids of the table that are most like `id`, in brackets; "" if none is."""
    close = difflib.get_close_matches(id, paper_claims(), n=3, cutoff=0.5)
    return f" (the nearest there: {', '.join(close)})" if close else ""
