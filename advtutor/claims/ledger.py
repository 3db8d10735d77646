"""The ledger: each claim of the paper beside what was measured, and the verdict."""

import csv
import io
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from advtutor.claims.paper import PaperClaim, fill, paper_claims
from advtutor.claims.runs import Result

RULE = (
    "The statement holds if the mean over the seeds, moved by two standard errors either way, lies "
    "in the claim's band; with one seed the mean alone has to. The number is met if the mean is "
    "within a tenth of the paper's, or within two standard errors of it. Both: reproduced (a claim "
    "without a number needs the first only). The statement alone: partly. Neither: not reproduced."
)
NEAR = 0.1  # a tenth of the paper's number
VERDICTS = ("reproduced", "partly", "not reproduced", "not run", "out of scope")


@dataclass(frozen=True)
class Row:
    """One claim of the ledger; `values` holds one number for each of `seeds`."""

    claim: PaperClaim
    seeds: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    seconds: float = 0.0  # of one run, without the networks that were trained before
    devices: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    recipe: dict[str, Any] | None = None
    remark: str = ""

    @property
    def n(self) -> int:
        """How many seeds were measured."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The mean over the seeds; NaN if there are none."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def sd(self) -> float:
        """The standard deviation between seeds; NaN if there are fewer than two."""
        return statistics.stdev(self.values) if self.n > 1 else math.nan

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`, by `RULE`."""
        if not self.values:
            return "not run" if self.claim.experiment else "out of scope"
        error = 2 * self.sd / math.sqrt(self.n) if self.n > 1 else 0.0
        low = -math.inf if self.claim.low is None else self.claim.low
        high = math.inf if self.claim.high is None else self.claim.high
        if not (low <= self.mean - error and self.mean + error <= high):
            return "not reproduced"
        target = self.claim.target
        if target is None or abs(self.mean - target) <= max(NEAR * abs(target), error):
            return "reproduced"
        return "partly"

    @property
    def ours(self) -> str:
        """The mean with its spread, as printed: in per cent where the claim is."""
        if not self.values:
            return ""
        scale = 100 if self.claim.in_percent else 1
        mean, spread = scale * self.mean, scale * self.sd if self.n > 1 else math.nan
        small = spread if spread > 0 else abs(mean) / 100
        digits = min(4, max(1, 1 - math.floor(math.log10(small)))) if small > 0 else 1
        text = f"{mean:.{digits}f}"
        return text if math.isnan(spread) else f"{text} ± {spread:.{digits}f}"


def ledger(results: Iterable[Result]) -> list[Row]:
    """A row for each claim of the paper, in its order, from the results there are."""
    by_experiment: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda r: r.seed):
        by_experiment.setdefault(result.experiment, []).append(result)

    def measured(experiment: str, of: str, number: str) -> list[float]:
        found = [r.number(of, number) for r in by_experiment.get(experiment, [])]
        return [value for value in found if value is not None]

    return [
        _row(claim, by_experiment.get(claim.experiment, []), fill(claim.reason, measured))
        for claim in paper_claims().values()
    ]


def _row(claim: PaperClaim, results: Sequence[Result], remark: str) -> Row:
    measured = [r for r in results if r.number(claim.of, claim.number) is not None]
    if not measured:
        failure = next((r.failure for r in results if r.failure), "")
        return Row(claim, remark=failure or remark)
    return Row(
        claim,
        seeds=tuple(r.seed for r in measured),
        values=tuple(r.number(claim.of, claim.number) for r in measured),
        seconds=statistics.fmean(r.seconds for r in measured),
        devices=tuple(sorted({r.device for r in measured})),
        versions=tuple(sorted({f"torch {r.versions['torch']}" for r in measured})),
        recipe=measured[0].recipe,
        remark=remark,
    )


@dataclass(frozen=True)
class Spread:
    """A number over the seeds; `sd` is NaN for one seed."""

    mean: float
    sd: float
    n: int


def supplement(results: Iterable[Result], experiment: str) -> dict[str, dict[str, Spread]]:
    """All that an experiment measured, beyond the ledger: by what it was measured on, by name.

    Lists (the course of a training) stand in the results alone.
    """
    numbers: dict[str, dict[str, list[float]]] = {}
    for result in results:
        if result.experiment == experiment:
            for of, group in result.numbers.items():
                for name, value in group.items():
                    if not isinstance(value, list):
                        numbers.setdefault(of, {}).setdefault(name, []).append(value)
    return {
        of: {
            name: Spread(
                statistics.fmean(v), statistics.stdev(v) if len(v) > 1 else math.nan, len(v)
            )
            for name, v in group.items()
        }
        for of, group in numbers.items()
    }


# ---------------------------------------------------------------------------------------------
# As files.


def as_data(rows: Sequence[Row], *, quick: bool) -> dict[str, Any]:
    """The ledger as plain data: the rule and the rows."""
    return {"rule": RULE, "quick": quick, "rows": [_row_as_data(row) for row in rows]}


def _row_as_data(row: Row) -> dict[str, Any]:
    claim, settings = row.claim, (row.recipe or {}).get("settings", {})
    known = (
        {}
        if not row.values
        else {
            "mean": row.mean,
            "sd": row.sd if row.n > 1 else None,
            "min": min(row.values),
            "max": max(row.values),
        }
    )
    return {
        "id": claim.id,
        "section": claim.section,
        "claim": claim.claim,
        "setting": claim.setting,
        "paper": claim.paper_value,
        "unit": claim.unit,
        "target": claim.target,
        "low": claim.low,
        "high": claim.high,
        "n": row.n,
        **known,
        "seeds": list(row.seeds),
        "eps": settings.get("eps"),
        "clipping": settings.get("clip"),
        "experiment": claim.experiment,
        "of": claim.of,
        "number": claim.number,
        "seconds": round(row.seconds, 1),
        "devices": list(row.devices),
        "versions": list(row.versions),
        "verdict": row.verdict,
        "reason": row.remark,
    }


def as_markdown(rows: Sequence[Row], *, short: bool = False) -> str:
    """The ledger as a Markdown table; `short` leaves the ids and the remarks out."""
    heads = ["claim", "paper", "ours", "n", "verdict"]
    heads += [] if short else ["band", "id", "remark"]
    lines = []
    for row in rows:
        claim = row.claim
        cells = [
            f"{claim.claim} ({_place(claim)})",
            _with_unit(claim.paper_value, claim),
            _with_unit(row.ours, claim),
            str(row.n or ""),
            row.verdict,
        ]
        if not short:
            cells += [_band_of(claim), claim.id, row.remark]
        lines.append(cells)
    return markdown_table(heads, lines)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of text as a Markdown table, one line each."""
    lines = [list(heads), ["---"] * len(heads)]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _band_of(claim: PaperClaim) -> str:
    low, high = (
        "" if end is None else f"{100 * end:g} %" if claim.in_percent else f"{end:g}"
        for end in (claim.low, claim.high)
    )
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _place(claim: PaperClaim) -> str:
    return f"appendix {claim.section}" if claim.section == "A" else f"section {claim.section}"


def _with_unit(number: str, claim: PaperClaim) -> str:
    return f"{number} %" if number and claim.in_percent else number


def as_csv(rows: Sequence[Row]) -> str:
    """The ledger as CSV, one row for each claim."""
    data = [_row_as_data(row) for row in rows]
    heads = list(dict.fromkeys(key for row in data for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, heads, lineterminator="\n")
    writer.writeheader()
    for row in data:
        writer.writerow({k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()})
    return text.getvalue()


def write(rows: Sequence[Row], out: Path, *, quick: bool) -> list[Path]:
    """Write paper.json, paper.csv and paper.md into `out`; their paths.

    Raises OSError if the disk does not take them.
    """
    mark = "**A quick run: fewer seeds and only the short experiments.**\n\n" if quick else ""
    texts = {
        "paper.json": json.dumps(as_data(rows, quick=quick), indent=1) + "\n",
        "paper.csv": as_csv(rows),
        "paper.md": f"{mark}{RULE}\n\n{as_markdown(rows)}",
    }
    for name, text in texts.items():
        new = out / f".{name}.new"
        new.write_text(text, encoding="utf-8")
        new.replace(out / name)
    return [out / name for name in texts]


def shipped() -> list[Result]:
    """The runs whose results come with the package: the ledger of notebook 08 is made of them."""
    text = files("advtutor").joinpath("assets/paper.json").read_text(encoding="utf-8")
    return [Result(**run) for run in json.loads(text)]


def packed(results: Iterable[Result]) -> str:
    """What the file of the shipped runs has to hold: each run without what it leaves blank."""
    defaults = {f.name: f.default for f in fields(Result)}
    runs = [
        {k: v for k, v in vars(result).items() if v != defaults[k]}
        for result in sorted(results, key=lambda r: (r.experiment, r.seed))
    ]
    return json.dumps(runs, indent=1) + "\n"
