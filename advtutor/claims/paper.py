"""The paper's table: each of its claims as data, and what measures it."""

import csv
import difflib
import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class PaperClaim:
    """One number, or one statement, of the paper, and how the course measures it.

    paper_value: as printed in the paper, "" if there is none; `target` is the number to compare
        with, a share as a fraction, None where the paper makes a statement only.
    low, high: the band that the statement asks for; None where it is open.
    experiment, number: what measures it (`advtutor.claims.experiments`); "" if nothing does.
    reason: why ours differs, or why it is not measured; "" where there is nothing to say.
    """

    id: str
    section: str
    claim: str
    setting: str
    paper_value: str
    unit: str
    status: str
    experiment: str
    number: str
    target: float | None
    low: float | None
    high: float | None
    reason: str

    @property
    def in_percent(self) -> bool:
        """Whether its number is a share, shown as a percentage."""
        return self.unit.startswith("%")


@functools.cache
def paper_claims() -> dict[str, PaperClaim]:
    """The paper's claims by id (arXiv 1412.6572; the letters of an id name its section)."""
    text = files("advtutor").joinpath("assets/claims.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    numbers = ("target", "low", "high")
    claims = {}
    for row in rows:
        fields: dict[str, Any] = dict(row)
        fields |= {k: float(row[k]) if row[k] else None for k in numbers}
        claims[row["id"]] = PaperClaim(**fields)
    return claims


def known_claim(id: str) -> PaperClaim:
    """The paper's claim called `id`. Raises ValueError, with the nearest ids, if there is none."""
    try:
        return paper_claims()[id]
    except KeyError:
        raise ValueError(f"id {id!r} is not in the paper's table{nearest_ids(id)}") from None


def nearest_ids(id: str) -> str:
    close = difflib.get_close_matches(id, paper_claims(), n=3, cutoff=0.5)
    return f" (the nearest there: {', '.join(close)})" if close else ""
