"""The ledger: each claim of the paper beside what was measured, and the verdict."""

import csv
import io
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from advtutor._files import whole_file
from advtutor.claims import verdict
from advtutor.claims.cell import band
from advtutor.claims.experiments import EXPERIMENTS
from advtutor.claims.experiments.table import TABLE
from advtutor.claims.paper import PaperClaim, fill, paper_claims
from advtutor.claims.runs import Result
from advtutor.claims.verdict import RULE, VERDICTS

MISSED = ("number missed", "undecided", "not reproduced", "one run, off")
NOT_KNOWN = "Why ours differs is not known."

__all__ = ["RULE", "VERDICTS", "Row", "Spread", "ledger", "shipped", "supplement"]


@dataclass(frozen=True)
class Row:
    """One claim of the ledger; `values` holds one number for each of `seeds`.

    networks: letters for the networks that it was measured on, the same in every row.
    other_size: the same number of the paper's other size of network, if the paper may mean that.
    controls: the same number of networks without what is claimed, by their names.
    """

    claim: PaperClaim
    seeds: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    networks: str = ""
    remark: str = ""
    other_size: tuple[float, ...] = ()
    controls: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

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
        return [self] if len(parts) < 2 else [Row(self.claim, values=tuple(p)) for p in parts]

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
            other_size=self.other_size,
            controls=list(self.controls.values()),
        )

    @property
    def rivals(self) -> list[str]:
        """The controls that do as well, with their mean, where they decide its verdict."""
        target = self.claim.target
        if target is None or self.claim.not_comparable or self.verdict != "not comparable":
            return []
        return [
            f"{name} ({100 * statistics.fmean(values):.2f} %)"
            for name, values in self.controls.items()
            if values and verdict.might_be_near(values, target)
        ]

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
    by_experiment: dict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda r: r.seed):
        by_experiment[result.experiment].append(result)

    return [_row(claim, by_experiment) for claim in paper_claims().values()]


def _row(claim: PaperClaim, results: Mapping[str, Sequence[Result]]) -> Row:
    def measured(experiment: str, of: str, number: str) -> dict[int, float]:
        found = {r.seed: r.number(of, number) for r in results.get(experiment, ())}
        return {seed: value for seed, value in found.items() if value is not None}

    def numbers(*key: str) -> tuple[float, ...]:
        return tuple(measured(*key).values())

    if not (values := measured(claim.experiment, claim.of, claim.number)):
        return Row(claim, remark=_why_not_run(claim, results.get(claim.experiment, ())))
    letters = networks()
    used = {letters[r.name] for r in EXPERIMENTS[claim.experiment].networks_of(claim.of)}
    row = Row(
        claim,
        tuple(values),
        tuple(values.values()),
        " ".join(sorted(used)),
        other_size=numbers(*claim.other_size.split("/")) if claim.other_size else (),
        controls={name: numbers(*key) for name, key in claim.rivals.items()},
    )
    remark = fill(claim.remark, numbers)
    judges = {**row.controls, **({"the other size": row.other_size} if claim.other_size else {})}
    absent = [name for name, values in judges.items() if not values]
    if row.verdict == "reproduced" and absent:
        remark = f"What might change the verdict was not run here: {'; '.join(absent)}. {remark}"
    elif row.rivals:
        remark = f"{_do_as_well(row.rivals)} {remark}"
    elif row.verdict in MISSED and not remark:
        remark = NOT_KNOWN
    return replace(row, remark=remark.strip())


def _do_as_well(rivals: Sequence[str]) -> str:
    return f"No test of it: {' and '.join(rivals)} would or might meet the number, too."


def _why_not_run(claim: PaperClaim, results: Sequence[Result]) -> str:
    if failure := next((r.failure for r in results if r.failure), ""):
        return failure
    if not claim.experiment:
        return claim.remark
    minutes = EXPERIMENTS[claim.experiment].minutes
    cost = f"It takes about {minutes:g} minutes of one core for each seed, and has not been run."
    return f"{claim.not_comparable} {cost}".strip()


def if_compared(row: Row) -> str:
    """The verdict by its numbers alone, whatever keeps a row from being compared."""
    return replace(row, claim=replace(row.claim, not_comparable=""), controls={}).verdict


def networks() -> dict[str, str]:
    """A letter for each network that a row of the ledger is measured on, by the network's name."""
    used = [
        recipe.name
        for claim in paper_claims().values()
        if claim.experiment
        for recipe in EXPERIMENTS[claim.experiment].networks_of(claim.of)
    ]
    return {name: chr(ord("a") + i) for i, name in enumerate(dict.fromkeys(used))}


class Spread(NamedTuple):
    """A number over the seeds."""

    mean: float
    n: int


def supplement(results: Iterable[Result], experiment: str) -> dict[str, dict[str, Spread]]:
    """All that an experiment measured, beyond the ledger: by what it was measured on, by name.

    Lists (the course of a training) stand in the results alone.
    """
    numbers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for of, group in result.numbers.items() if result.experiment == experiment else ():
            for name, value in group.items():
                if not isinstance(value, list):
                    numbers[of][name].append(value)

    return {
        of: {name: Spread(statistics.fmean(v), len(v)) for name, v in group.items()}
        for of, group in numbers.items()
    }


# ---------------------------------------------------------------------------------------------
# As text.


def lines(rows: Iterable[Row], *, quick: bool = False) -> Iterator[tuple[Row | None, list[str]]]:
    """What is printed of each row: the paper's number, ours, n, and the verdict.

    A row whose runs fall into two kinds takes two lines, the second without a row. A quick run has
    no verdicts: the mean lies in the band or not.
    """
    for row in rows:
        first, *others = row.kinds
        judged = row.verdict if not quick else "" if not row.n else "yes" if row.in_band else "no"
        n = f"{first.n} of {row.n}" if others else str(row.n or "")
        claim = row.claim
        yield row, [claim.printed(claim.paper_value), claim.printed(first.ours), n, judged]
        for kind in others:
            yield None, ["", claim.printed(kind.ours), f"{kind.n} of {row.n}", ""]


def as_markdown(rows: Sequence[Row], *, quick: bool = False) -> str:
    """The ledger as a Markdown table. A `quick` run has no verdicts."""
    heads = ["claim", "paper", "ours", "n", "in the band" if quick else "verdict"]
    table = [
        [f"{row.claim.claim} ({row.claim.id})" if row else "", *cells]
        for row, cells in lines(rows, quick=quick)
    ]
    return markdown_table(heads, table)


def remarks_on(rows: Iterable[Row]) -> str:
    """What else there is to say of each row, as a Markdown table.

    Beside the remark stand the row's id, the letters of its networks, and its band.
    """
    told = []
    for row in rows:
        letters = f"{row.claim.id} ({row.networks})" if row.networks else row.claim.id
        told.append([", ".join(filter(None, [letters, _band_of(row.claim)])), row.remark])
    return markdown_table(["id (networks), band", "remark"], told)


def shorter_trainings(results: Sequence[Result]) -> str:
    """What the first edition's shorter trainings gave for the same rows, as a Markdown table."""
    rows = {row.claim.id: row for row in ledger(results)}
    rescaled, unscaled = (of_shorter(results, name) for name in ("shorter", "brighter"))
    table = []
    for id in rescaled:
        claim = rows[id].claim
        each = [Row(claim, values=values) for values in (rescaled[id], unscaled[id])]
        cells = map(_kinds_in_a_cell, [*each, rows[id]])
        table.append([id, claim.printed(claim.paper_value), *cells])
    scale = "pixels rescaled", "pixels not rescaled"
    heads = ["id", "paper", *(f"shorter, {each}" for each in scale), "the ledger"]
    return markdown_table(heads, table)


def of_shorter(
    results: Sequence[Result], experiment: str = "shorter"
) -> dict[str, tuple[float, ...]]:
    """What the shorter trainings gave, one number for each seed, by the row that it belongs to."""
    claims, found = paper_claims(), {}
    for of, *ids in TABLE["rows_of_shorter"]:
        for id in ids:
            values = [
                r.number(of, claims[id].number) for r in results if r.experiment == experiment
            ]
            found[id] = tuple(value for value in values if value is not None)
    return found


def changed_by_shorter(results: Sequence[Result]) -> dict[str, tuple[str, str]]:
    """The verdict on the ledger's trainings and on the shorter ones, by row, where they differ.

    Controls are set aside: not all of them were trained for as short.
    """
    bare = {row.claim.id: replace(row, controls={}) for row in ledger(results)}
    both = {
        id: (bare[id].verdict, replace(bare[id], values=values).verdict)
        for id, values in of_shorter(results).items()
    }
    return {id: (now, then) for id, (now, then) in both.items() if now != then}


def _kinds_in_a_cell(row: Row) -> str:
    return "; ".join(f"{row.claim.printed(k.ours)} (n = {k.n})" for k in row.kinds if k.n)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of text as a Markdown table, one line each."""
    table = [list(heads), ["---"] * len(heads)]
    table += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in table)


def key_of_networks(rows: Iterable[Row]) -> str:
    """What the letters of the rows' `networks` stand for, in a paragraph."""
    used = {letter for row in rows for letter in row.networks.split()}
    each = "; ".join(f"{letter}: {name}" for name, letter in networks().items() if letter in used)
    return (
        "Rows with a letter in common share a recipe and mostly seeds: they are no independent "
        f"votes. {each}."
    )


def _band_of(claim: PaperClaim) -> str:
    if claim.low is None and claim.high is None:
        return ""
    return band(claim.low, claim.high, "%" if claim.in_percent else "")


# ---------------------------------------------------------------------------------------------
# As files.


def as_data(row: Row, quick: bool) -> dict[str, Any]:
    """A row as plain data. A quick run has no verdicts."""
    settings = EXPERIMENTS[row.claim.experiment].settings if row.n else {}
    said = vars(row.claim) | {"paper": row.claim.paper_value, "n": row.n}
    first = ("id", "section", "claim", "setting", "paper", "unit", "target", "low", "high", "n")
    data = {name: said[name] for name in first}
    if row.n:
        data["mean"] = row.mean
        data["half_width"] = row.half_width if row.n > 1 else None
        data |= {"values": list(row.values), "seeds": list(row.seeds), "in_band": row.in_band}
    data |= {"eps": settings.get("eps"), "clipping": settings.get("clip")}
    data |= {name: said[name] for name in ("experiment", "of", "number")}
    if not quick:
        data["verdict"] = row.verdict
    return data | {"remark": row.remark}


def write(rows: Sequence[Row], out: Path, *, quick: bool) -> list[Path]:
    """Write paper.json, paper.csv and paper.md into `out`; their paths.

    Raises OSError if the disk does not take them.
    """
    data = [as_data(row, quick) for row in rows]
    whole = {**({} if quick else {"rule": RULE}), "quick": quick, "rows": data}
    table = io.StringIO()
    heads = list(dict.fromkeys(key for row in data for key in row))
    writer = csv.DictWriter(table, heads, lineterminator="\n")
    writer.writeheader()
    for row in data:
        writer.writerow({k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()})
    head = "**A quick run: fewer seeds, only the short experiments, and no verdicts.**"
    table_of_rows = as_markdown(rows, quick=quick)
    texts = {
        "paper.json": json.dumps(whole, indent=1) + "\n",
        "paper.csv": table.getvalue(),
        "paper.md": f"{head if quick else RULE}\n\n{table_of_rows}\n{remarks_on(rows)}",
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
