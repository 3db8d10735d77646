"""Write the ledger where it is shown: the package's results, docs/ledger.md and README's table.

python -m tools.ledger.tables                 after a change of a claim's band or reason
python -m tools.ledger.tables --runs DIR/runs with new runs, left by `advtutor reproduce --out DIR`,
                                            beside those that the package has or in their place
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import advtutor
from advtutor.claims import ledger
from advtutor.claims.experiments.table import TABLE
from advtutor.claims.runs import Result, read

ROOT = Path(__file__).resolve().parents[2]
PACKED = Path(advtutor.__file__).parent / "assets" / "paper.json"
BEGIN, END = "<!-- ledger: begin -->", "<!-- ledger: end -->"
IN_README = (
    "S3-linear-growth",
    "S4-softmax-error",
    "S4-maxout-error",
    "S5-logistic-fgsm",
    "S6-at-fgsm",
    "S6-control-sign-error",
    "S6-transfer-orig-to-at",
    "S7-rbf-error",
    "S8-agree-softmax",
    "S9-ensemble-one",
    "A-rubbish-maxout",
)

WHEN = (
    "The rule, the bands, the controls and the list of what is not compared were committed before "
    "the runs of the seeds from 5 on, when the seeds 0 to 4 of the same recipes were known (by "
    "the rule as it then stood every verdict on them was the same). What was changed after those "
    "runs made no verdict kinder: least squares and the network with sigmoids became controls, by "
    "which two rows that were reproduced are not compared; the bands of the two rows on sigmoids "
    "end at the paper's numbers with a softmax, by which one is not reproduced; *partly* was "
    "renamed *number missed*; and the text says of controls what the code did. Older are the "
    "photo, in which nothing is random, the stronger L1 decays and the shorter trainings, which "
    "enter as one control, and the networks of 1,600 units and CIFAR-10 (run after the bands and "
    "the tolerance, before the rest). Where the paper does not give the length of a training and "
    "the number depends on it, a row is not compared. Maxout's rows are: a published example "
    "gives its recipe; ours ends sooner. S5-logistic-fgsm is, too: its number is missed after 1 "
    "and 40 epochs as after 10."
)
IN_REMARKS = "The *shorter training* is the one on rescaled pixels ([below](#shorter-trainings))."
UNCOMPARED = "not comparable"
SHORTER = (
    "What the same networks gave after 12 epochs, 24 of adversarial training: on pixels that "
    "dropout rescales, as in the hidden layers, and on pixels that it does not."
)


def texts(results: list[Result]) -> dict[Path, str]:
    """What each file has to hold."""
    rows = ledger.ledger(results)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = ledger.as_markdown([r for r in rows if r.claim.id in IN_README])
    count = Counter(row.verdict for row in rows)
    changed = ledger.changed_by_shorter(results).values()
    lost, gained = (sum(pair[i] == "reproduced" for pair in changed) for i in (0, 1))
    words = (
        f"{_counted(count)}. Controls set aside, the shorter, rescaled trainings reproduce "
        f"{gained} rows that the ledger's do not, and not {lost} that these do"
    )
    alone = {row.claim.id: ledger.if_compared(row) for row in rows if row.verdict == UNCOMPARED}
    failing = ", ".join(id for id, verdict in alone.items() if verdict != "reproduced")
    page = (
        "<!-- Written by tools/ledger/tables.py -->\n\n# The ledger\n\n"
        "Each claim of the paper beside what the course measures, and the verdict by "
        "[the rule](#the-rule). An id begins with the paper's section (S4) or figure (F4); A is "
        "its appendix. `advtutor reproduce --only ID` makes a row again.\n\n"
        f"**In all:** {words}. By their numbers alone, the rows that are not comparable would be: "
        f"{_counted(Counter(alone.values()))} (not reproduced: {failing}).\n\n"
    )
    return {
        PACKED: ledger.packed(results),
        ROOT / "docs" / "ledger.md": (
            f"{page}{ledger.as_markdown(rows)}\n## Remarks\n\n{IN_REMARKS}\n\n"
            f"{ledger.remarks_on(rows)}\n{ledger.key_of_networks(rows)}\n\n"
            f"## The rule\n\n{ledger.RULE}\n\n{WHEN}\n\n## The recipe\n\n{TABLE['in_words']}\n\n"
            f"## Shorter trainings\n\n{SHORTER}\n\n{ledger.shorter_trainings(results)}"
        ),
        ROOT / "README.md": f"{before}{BEGIN}\n{words}.\n\n{table}{END}{after}",
    }


def _counted(count: Counter[str]) -> str:
    return "; ".join(f"{count[v]} {v}" for v in ledger.VERDICTS if count[v])


def of_today(results: Iterable[Result]) -> list[Result]:
    """The results that follow today's recipes; of one experiment and seed the last."""
    return list({(r.experiment, r.seed): r for r in results if r.of_today}.values())


def finished(folder: Path) -> list[Result]:
    """The runs that lie in a folder."""
    return [result for path in sorted(folder.glob("*.json")) if (result := read(path))]


def main() -> None:
    """Write the files anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, help="a folder of finished runs")
    folder = parser.parse_args().runs
    more = finished(folder) if folder else []
    if folder and not more:
        parser.error(f"{folder} holds no finished run: name the folder `runs` below --out")
    results = of_today([*ledger.shipped(), *more])
    for path, text in texts(results).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
