"""The ledger: each claim of the paper beside what was measured, and the verdict."""

import csv
import io
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from advtutor._files import whole_file
from advtutor.claims import verdict
from advtutor.claims.cell import band, with_unit
from advtutor.claims.experiments import EXPERIMENTS
from advtutor.claims.experiments.varied import OF_ROWS
from advtutor.claims.paper import PaperClaim, fill, paper_claims
from advtutor.claims.runs import Result
from advtutor.claims.verdict import RULE, VERDICTS

MISSED = ("partly", "undecided", "not reproduced", "one run, off")
NOT_KNOWN = "Why ours differs is not known."

__all__ = ["RULE", "VERDICTS", "Row", "Spread", "ledger", "shipped", "supplement"]


@dataclass(frozen=True)
class Row:
    """One claim of the ledger; `values` holds one number for each of `seeds`.

    networks: letters for the networks that it was measured on, the same in every row.
    """

    claim: PaperClaim
    seeds: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    networks: str = ""
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
    def half_width(self) -> float:
        """Half of the mean's 95 % interval; NaN if there are fewer than two seeds."""
        return self.mean - verdict.interval(self.values)[0] if self.n > 1 else math.nan

    @property
    def kinds(self) -> list["Row"]:
        """This row, or one for each of the two kinds that its runs fall into."""
        parts = verdict.kinds(self.values) if self.values else []
        if len(parts) < 2:
            return [self]
        return [Row(self.claim, values=tuple(part)) for part in parts]

    @property
    def in_band(self) -> bool:
        """Whether the mean lies in the claim's band."""
        low, high = self.claim.low, self.claim.high
        return (low is None or low <= self.mean) and (high is None or self.mean <= high)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`, by `RULE`."""
        claim = self.claim
        if not self.values:
            return "not run" if claim.experiment else "out of scope"
        return verdict.verdict(
            self.values,
            low=claim.low,
            high=claim.high,
            target=claim.target,
            comparable=not claim.not_comparable,
        )

    @property
    def ours(self) -> str:
        """The mean with half of its interval, as printed: in per cent where the claim is."""
        if not self.values:
            return ""
        scale = 100 if self.claim.in_percent else 1
        mean, half = scale * self.mean, scale * self.half_width
        small = half if half > 0 else abs(mean) / 100
        digits = min(4, max(1, 1 - math.floor(math.log10(small)))) if small > 0 else 1
        text = f"{mean:.{digits}f}"
        return text if math.isnan(half) else f"{text} ± {half:.{digits}f}"


def ledger(results: Iterable[Result]) -> list[Row]:
    """A row for each claim of the paper, in its order, from the results there are."""
    by_experiment: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda r: r.seed):
        by_experiment.setdefault(result.experiment, []).append(result)

    def measured(experiment: str, of: str, number: str) -> list[float]:
        found = [r.number(of, number) for r in by_experiment.get(experiment, [])]
        return [value for value in found if value is not None]

    return [
        _row(claim, by_experiment.get(claim.experiment, []), fill(claim.remark, measured))
        for claim in paper_claims().values()
    ]


def _row(claim: PaperClaim, results: Sequence[Result], remark: str) -> Row:
    measured = [r for r in results if r.number(claim.of, claim.number) is not None]
    if not measured:
        return Row(claim, remark=_why_not_run(claim, results))
    letters = networks()
    used = EXPERIMENTS[claim.experiment].networks_of(claim.of)
    row = Row(
        claim,
        seeds=tuple(r.seed for r in measured),
        values=tuple(r.number(claim.of, claim.number) for r in measured),
        networks=" ".join(sorted({letters[recipe.name] for recipe in used})),
        recipe=measured[0].recipe,
        remark=remark,
    )
    return replace(row, remark=NOT_KNOWN) if row.verdict in MISSED and not remark else row


def _why_not_run(claim: PaperClaim, results: Sequence[Result]) -> str:
    if failure := next((r.failure for r in results if r.failure), ""):
        return failure
    if not claim.experiment:
        return claim.remark
    minutes = EXPERIMENTS[claim.experiment].minutes
    cost = f"It takes about {minutes:g} minutes of one core for each seed, and has not been run."
    return " ".join(filter(None, [claim.not_comparable, cost]))


def networks() -> dict[str, str]:
    """A letter for each network that a row of the ledger is measured on, by the network's name."""
    used = [
        recipe.name
        for claim in paper_claims().values()
        if claim.experiment
        for recipe in EXPERIMENTS[claim.experiment].networks_of(claim.of)
    ]
    return {name: chr(ord("a") + i) for i, name in enumerate(dict.fromkeys(used))}


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
    """The ledger as plain data: the rule and the rows. A quick run has no verdicts."""
    return {
        **({} if quick else {"rule": RULE}),
        "quick": quick,
        "rows": [_row_as_data(row, quick) for row in rows],
    }


def _row_as_data(row: Row, quick: bool) -> dict[str, Any]:
    claim, settings = row.claim, (row.recipe or {}).get("settings", {})
    measured = {
        "mean": row.mean,
        "half_width": row.half_width if row.n > 1 else None,
        "values": list(row.values),
        "seeds": list(row.seeds),
        "in_band": row.in_band,
    }
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
        **(measured if row.n else {}),
        "eps": settings.get("eps"),
        "clipping": settings.get("clip"),
        "experiment": claim.experiment,
        "of": claim.of,
        "number": claim.number,
        **({} if quick else {"verdict": row.verdict}),
        "remark": row.remark,
    }


def as_markdown(rows: Sequence[Row], *, short: bool = False, quick: bool = False) -> str:
    """The ledger as a Markdown table, a line for each kind of runs.

    `short` leaves the bands, the networks, the ids and the remarks out; a `quick` run has no
    verdicts.
    """
    heads = ["claim", "paper", "ours", "n", "in the band" if quick else "verdict"]
    heads += [] if short else ["band", "networks", "id", "remark"]
    lines = []
    for row in rows:
        claim = row.claim
        first, *others = row.kinds
        for number, kind in enumerate([first, *others]):
            ours = _with_unit(kind.ours, claim)
            n = f"{kind.n} of {row.n}" if others else str(row.n or "")
            if number:
                lines.append(["", "", ours, n, *[""] * (len(heads) - 4)])
                continue
            judged = ("yes" if row.in_band else "no") if quick and row.n else row.verdict
            cells = [f"{claim.claim} ({_place(claim)})", _with_unit(claim.paper_value, claim)]
            cells += [ours, n, "" if quick and not row.n else judged]
            if not short:
                cells += [_band_of(claim), row.networks, claim.id, row.remark]
            lines.append(cells)
    return markdown_table(heads, lines)


def shorter_trainings(results: Sequence[Result]) -> str:
    """What the first edition's shorter trainings gave for the same rows, as a Markdown table."""
    rows = {row.claim.id: row for row in ledger(results)}
    lines = []
    for id, of in OF_ROWS.items():
        claim = rows[id].claim
        cells = [id, _with_unit(claim.paper_value, claim)]
        for experiment in ("shorter", "brighter"):
            found = [r.number(of, claim.number) for r in results if r.experiment == experiment]
            values = tuple(value for value in found if value is not None)
            cells.append(_kinds_in_a_cell(Row(claim, values=values)))
        lines.append([*cells, _kinds_in_a_cell(rows[id])])
    scale = "pixels rescaled", "pixels not rescaled"
    heads = ["id", "paper", *(f"shorter, {each}" for each in scale), "the ledger"]
    return markdown_table(heads, lines)


def _kinds_in_a_cell(row: Row) -> str:
    each = [f"{_with_unit(kind.ours, row.claim)} (n = {kind.n})" for kind in row.kinds if kind.n]
    return "; ".join(each)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of text as a Markdown table, one line each."""
    lines = [list(heads), ["---"] * len(heads)]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def key_of_networks(rows: Iterable[Row]) -> str:
    """What the letters of the rows' `networks` stand for, in a paragraph."""
    used = {letter for row in rows for letter in row.networks.split()}
    each = "; ".join(f"{letter}: {name}" for name, letter in networks().items() if letter in used)
    return (
        "Rows with a letter in common were measured on the same networks: they are no independent "
        f"votes. {each}."
    )


def _band_of(claim: PaperClaim) -> str:
    if claim.low is None and claim.high is None:
        return ""
    return band(claim.low, claim.high, "%" if claim.in_percent else "")


def _place(claim: PaperClaim) -> str:
    return f"appendix {claim.section}" if claim.section == "A" else f"section {claim.section}"


def _with_unit(number: str, claim: PaperClaim) -> str:
    return with_unit(number, "%" if claim.in_percent else "") if number else ""


def as_csv(rows: Sequence[Row], *, quick: bool) -> str:
    """The ledger as CSV, one row for each claim."""
    data = [_row_as_data(row, quick) for row in rows]
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
    head = "**A quick run: fewer seeds, only the short experiments, and no verdicts.**"
    texts = {
        "paper.json": json.dumps(as_data(rows, quick=quick), indent=1) + "\n",
        "paper.csv": as_csv(rows, quick=quick),
        "paper.md": f"{head if quick else RULE}\n\n{as_markdown(rows, quick=quick)}",
    }
    for name, text in texts.items():
        with whole_file(out / name) as path:
            path.write_text(text, encoding="utf-8")
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
