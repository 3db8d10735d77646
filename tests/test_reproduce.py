"""`advtutor reproduce`: the claims as data, the verdict's rule, runs that are kept, bad input."""

import csv
import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from rich.progress import Task as ProgressTask
from short_run import ShortTask, waiting
from typer.testing import CliRunner

import advtutor
from advtutor import training
from advtutor.claims import command, executors, ledger, paper, paper_claims, runs, trained, verdict
from advtutor.claims.executors import Place
from advtutor.claims.experiments import EXPERIMENTS, Experiment, section_8
from advtutor.claims.experiments.base import measure
from advtutor.claims.experiments.table import RECIPES
from advtutor.claims.runs import Kept, ReproduceError, Result, Task, run_all, tasks
from advtutor.claims.trained import Recipe
from advtutor.claims.weights import pretrained
from advtutor.course.cli import app
from advtutor.data import Split, mnist
from tools.ledger.tables import of_today
from tools.ledger.tables import texts as ledger_texts
from tools.notebooks.source import read_source, source_path

HERE = Place(executors.Inline, lambda message: None)


def run(*arguments: str):
    return CliRunner().invoke(app, ["reproduce", *arguments])


def results_of(todo: list[Task], out: Path, place: Place = HERE) -> dict[tuple[str, int], dict]:
    return numbers(run_all(todo, Kept(out), place))


def numbers(made: list[Result]) -> dict[tuple[str, int], dict]:
    assert not [r.failure for r in made if r.failure]
    return {(r.experiment, r.seed): r.numbers for r in made}


# ---------------------------------------------------------------------------------------------
# The table, and the verdict.


def test_each_claim_names_an_experiment_that_there_is() -> None:
    """Catches a claim whose row can never be filled, and an experiment that no claim asks for."""
    named = {claim.experiment for claim in paper_claims().values() if claim.experiment}
    assert named <= set(EXPERIMENTS)
    # They explain rows, and fill none.
    explain = {"shorter", "brighter", "stopping", "retrained", "RBF-forms", "sizes", "PGD"}
    explain |= {"large-stopping", "large-longer", "L1-decay-stronger"}
    assert set(EXPERIMENTS) - named == {*explain, "cifar"}  # its rows are filled by a copy's


def claims_row(**changes: str) -> dict[str, str]:
    text = Path(paper.__file__).parent.parent.joinpath("assets/claims.csv").read_text("utf-8")
    row = next(r for r in csv.DictReader(text.splitlines()) if r["id"] == "S4-maxout-error")
    return {**row, **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"number": "fgsm_eror"}, r"S4-maxout-error: .*no number 'fgsm_eror'.*'fgsm_error'"),
        ({"of": "maxuot"}, r"measures nothing of 'maxuot': it has \['maxout'\]"),
        ({"experiment": "maxuot"}, "there is no experiment 'maxuot'"),
        ({"reason": "{softmax/softmax/fgsm_eror} %"}, "no number 'fgsm_eror'"),
        ({"other_size": "large/maxout/fgsm_eror"}, "no number 'fgsm_eror'"),
        ({"controls": "a rival = large/maxout/fgsm_eror"}, "no number 'fgsm_eror'"),
    ],
)
def test_a_number_that_nothing_measures_is_an_error(changes: dict, words: str) -> None:
    """Catches a misspelt name that reads as "not run"."""
    assert paper.read_claim(claims_row()).number == "fgsm_error"
    with pytest.raises(ValueError, match=words):
        paper.read_claim(claims_row(**changes))


def test_what_a_remark_quotes_is_filled_from_the_runs() -> None:
    """Catches a remark whose number a later run has made untrue."""
    values = {"a/b/one": [0.1, 0.3], "a/b/two": [0.2512, 0.17, 0.168], "a/c d, 1 epoch/three": []}
    text = "{a/b/one} and {a/b/one:2} %; {a/b/two:each} %; {a/c d, 1 epoch/three}"
    filled = paper.fill(text, lambda *key: values["/".join(key)])
    assert filled == "20.0 and 20.00 %; 17, 17 and 25 %; (not run)"
    assert paper.fill("{a/b/one:each}", lambda *_: [0.5]) == "50"
    for r in ledger.ledger(ledger.shipped()):
        assert not set("{}") & set(r.remark) and "not run" not in r.remark, r.claim.id


def test_each_target_agrees_with_the_papers_printed_value() -> None:
    """Catches a number to compare with that is not the one printed beside it."""
    for claim in paper_claims().values():
        if claim.target is not None and "->" not in claim.paper_value:
            scale = 100 if claim.in_percent else 1
            assert claim.target * scale == pytest.approx(float(claim.paper_value)), claim.id


def row(id: str, *values: float, **changes) -> ledger.Row:
    claim = replace(paper_claims()[id], **changes)
    return ledger.Row(claim, seeds=tuple(range(len(values))), values=values)


AROUND_88 = (0.87, 0.88, 0.885, 0.875, 0.88)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (AROUND_88, "reproduced"),
        ((0.80, 0.81, 0.805, 0.80, 0.81), "number missed"),  # in the band, far in the odds
        ((0.70, 0.71, 0.70, 0.71, 0.70), "not reproduced"),
        ((0.74, 0.77, 0.75, 0.78, 0.74), "undecided"),  # the mean is in, its interval is not
        ((0.86, 0.90), "undecided"),  # t with one degree of freedom: 12.7 standard errors
        ((0.8800, 0.8802), "reproduced"),
        ((0.84, 0.91, 0.95, 0.85, 0.90), "number missed"),  # scatter meets no number
        ((0.88,), "one run, near"),
        ((0.80,), "one run, off"),
        ((0.70,), "one run, off"),
        ((), "not run"),
    ],
)
def test_the_verdict_follows_the_rule(values: tuple[float, ...], said: str) -> None:
    """Catches a verdict that forgets the band, the number, the interval, or how many runs."""
    assert row("S4-maxout-error", *values, low=0.75, high=None, target=0.894).verdict == said


def test_the_verdict_says_what_cannot_be_compared() -> None:
    """Catches a verdict on what is not the paper's, and one that hides that nothing was run."""
    claim = {"low": 0.75, "high": None, "not_comparable": "Another network."}
    assert row("S4-maxout-error", *AROUND_88, **claim).verdict == "not comparable"
    assert row("S4-maxout-error", 0.88, **claim).verdict == "not comparable"
    assert row("S4-maxout-error", **claim).verdict == "not run"
    assert row("S9-mpdbm").verdict == "out of scope"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ((), "reproduced"),
        ((0.89, 0.9, 0.895), "reproduced"),
        ((0.8, 0.81, 0.805), "number missed"),
        ((0.8, 0.9, 0.98), "number missed"),  # its mean is near, its interval is wide
        ((0.89,), "reproduced"),  # a run of it that was stopped after one seed
        ((0.8,), "number missed"),
    ],
)
def test_both_sizes_must_meet_a_number(other: tuple[float, ...], said: str) -> None:
    """Catches a number that is called reproduced by the size of network that happens to fit."""
    claim = row("S4-maxout-error", *AROUND_88, low=0.75, high=None, target=0.894)
    assert replace(claim, other_size=other).verdict == said
    shipped = {r.claim.id: r for r in ledger.ledger(ledger.shipped())}
    with_both = {id for id, r in shipped.items() if r.other_size}
    told = {id for id, r in shipped.items() if re.search("With 1,600|of that size", r.remark)}
    assert with_both == told


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ((), "reproduced"),  # it was not run
        ((0.80, 0.81, 0.805), "reproduced"),
        ((0.89, 0.9, 0.895), "not comparable"),
        ((0.80, 0.82, 0.85), "not comparable"),  # its interval reaches into what is near
        ((0.5, 0.999), "not comparable"),  # it covers all that is near
        ((0.89,), "not comparable"),
        ((0.80,), "reproduced"),
    ],
)
def test_a_number_that_a_control_meets_is_no_test(control: tuple[float, ...], said: str) -> None:
    """Catches a verdict on what other networks show as well, and a remark silent about them."""
    claim = row("S4-maxout-error", *AROUND_88, low=0.75, high=None, target=0.894)
    judged = replace(claim, controls={"a rival": control, "no rival": (0.5,)})
    assert judged.verdict == said
    assert bool(judged.rivals) == (said == "not comparable")
    assert all(words.startswith("a rival (") for words in judged.rivals)
    missed = row("S4-maxout-error", 0.80, 0.81, 0.805, low=0.75, high=None, target=0.894)
    assert replace(missed, controls={"a rival": control}).verdict == "number missed"


def test_a_verdict_without_its_controls_says_so() -> None:
    """Catches a row that one command reproduces, and the ledger does not."""
    alone = [r for r in ledger.shipped() if r.experiment == "softmax"]
    (told,) = [r for r in ledger.ledger(alone) if r.claim.id == "S4-softmax-error"]
    assert told.verdict == "reproduced" and "was not run here: an RBF network of" in told.remark
    with_them = {r.claim.id: r for r in ledger.ledger(ledger.shipped())}[told.claim.id]
    assert with_them.verdict == "not comparable" and "not run" not in with_them.remark
    alone = [r for r in ledger.shipped() if r.experiment == "maxout"]
    (sized,) = [r for r in ledger.ledger(alone) if r.claim.id == "S4-maxout-confidence"]
    assert sized.verdict == "reproduced" and "not run here: the other size." in sized.remark


def test_a_statement_without_a_number_needs_its_band_only() -> None:
    """Catches a comparison with a number that the paper does not give."""
    assert row("F4-line", 0.9990, 0.9991).verdict == "reproduced"
    assert row("F4-line", 0.8, 0.8).verdict == "not reproduced"
    assert row("F4-line", 0.999).verdict == "one run, near"


@pytest.mark.parametrize(
    ("share", "target", "is_near"),
    [
        (0.60, 0.50, True),  # odds of 1.5 and of 1
        (0.61, 0.50, False),
        (0.40, 0.50, True),
        (0.39, 0.50, False),
        (0.0149, 0.01, True),
        (0.0150, 0.01, False),
        (0.98, 0.99, False),  # twice the mistakes
        (0.985, 0.99, False),
        (0.9851, 0.99, True),
        (1.0, 0.999, True),  # a tenth of a point
        (1.0, 0.998, False),
        (0.0, 0.0, True),
        (0.001, 0.0, True),
        (0.002, 0.0, False),
    ],
)
def test_near_is_a_matter_of_the_odds(share: float, target: float, is_near: bool) -> None:
    """Catches a tolerance that is a tenth of 99.9 %, and one that is nothing at 1 %."""
    assert verdict.near(share, target) is is_near


def test_the_interval_is_students() -> None:
    """Catches two standard errors for five runs, and the wrong degrees of freedom."""
    low, high = verdict.interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (low, high) == pytest.approx((3 - 1.9633, 3 + 1.9633), abs=1e-3)  # 2.7764 * sqrt(0.5)
    low, high = verdict.interval([1.0, 3.0])
    assert (low, high) == pytest.approx((2 - 12.706, 2 + 12.706), abs=1e-3)


TWO_KINDS = (0.21, 0.41, 0.413, 0.415, 0.411)


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        (TWO_KINDS, [1, 4]),
        ((0.41, 0.18, 0.40, 0.19, 0.42), [2, 3]),
        ((0.21, 0.41, 0.413, 0.415), [4]),  # too few to tell
        ((0.21, 0.26, 0.31, 0.36, 0.45), [5]),  # scattered
        ((0.40, 0.41, 0.4101, 0.4102, 0.4103), [5]),  # a gap of no weight
        ((0.5, 0.5, 0.5, 0.5, 0.5), [5]),
        ((-0.01, 0.01, 0.0101, 0.0102, 0.0103), [5]),  # a difference has no odds
        ((0.21, 1.0, 1.0, 1.0, 1.0), [1, 4]),
    ],
)
def test_two_kinds_of_runs_are_told_apart(values: tuple[float, ...], sizes: list[int]) -> None:
    """Catches a mean that no run has, and kinds made out of scatter."""
    assert [len(part) for part in verdict.kinds(values)] == sizes


def test_a_row_of_two_kinds_is_judged_run_by_run() -> None:
    """Catches a spread between two kinds that passes for an error, and a number met by a mean."""
    claim = {"low": None, "high": 0.447, "target": 0.37}
    mixed = row("S6-at-fgsm", *TWO_KINDS, **claim)
    assert mixed.verdict == "number missed"
    assert row("S6-at-fgsm", *TWO_KINDS, **{**claim, "target": 0.41}).verdict == "number missed"
    assert row("S6-at-fgsm", *TWO_KINDS, **{**claim, "target": None}).verdict == "reproduced"
    assert row("S6-at-fgsm", *TWO_KINDS, **{**claim, "high": 0.412}).verdict == "not reproduced"
    near_on_both_sides = (0.36, 0.42, 0.421, 0.422, 0.4205)
    assert (
        row("S6-at-fgsm", *near_on_both_sides, **{**claim, "target": 0.39}).verdict
        == "number missed"
    )
    first, second = ledger.as_markdown([mixed]).splitlines()[2:]
    assert "| 21.00 % | 1 of 5 | number missed |" in first
    assert "| 41.23 ± 0.35 % | 4 of 5 |" in second and "number missed" not in second


def test_rows_of_the_same_networks_are_marked() -> None:
    """Catches rows that look like independent votes, and a network under two letters."""
    marks = {r.claim.id: set(r.networks.split()) for r in ledger.ledger(ledger.shipped())}
    assert marks["S4-maxout-error"] == marks["A-rubbish-maxout"]
    assert marks["S4-softmax-error"] == marks["A-rubbish-softmax"]
    assert len(marks["S4-maxout-error"]) == 1 and not marks["S3-linear-growth"]
    assert not marks["S6-control-sign-error"] & marks["S6-control-uniform-error"]
    assert marks["S8-agree-softmax"] == marks["S4-maxout-error"] | marks["S4-softmax-error"]
    assert marks["S6-transfer-orig-to-at"] == marks["S6-at-fgsm"] | marks["S4-maxout-error"]
    used = [
        recipe
        for claim in paper_claims().values()
        if claim.experiment
        for recipe in EXPERIMENTS[claim.experiment].networks_of(claim.of)
    ]
    digests = {trained.digest(recipe.as_data()) for recipe in used}
    assert len(digests) == len({recipe.name for recipe in used}), "two networks under one name"


def test_ours_is_printed_with_its_spread() -> None:
    """Catches a share that is not in per cent, and a spread that is rounded away."""
    assert row("S4-maxout-error", 0.88, 0.89, 0.9).ours == "89.0 ± 2.5"
    assert row("S9-ensemble-all", 0.9).ours.startswith("90.0")
    assert "nan" not in row("S9-ensemble-all", 0.9).ours


# ---------------------------------------------------------------------------------------------
# What ships.


def test_the_shipped_ledger_has_enough_seeds() -> None:
    """Catches a ledger with fewer rows, or with fewer seeds than its experiments promise."""
    rows = [r for r in ledger.ledger(ledger.shipped()) if r.n]
    assert len(rows) >= 30
    for r in rows:
        assert r.n == (EXPERIMENTS[r.claim.experiment].seeds or 5), r.claim.id


def test_the_shipped_runs_are_those_of_today() -> None:
    """Catches results that a later change of a recipe or of a number has made untrue."""
    assert [r.experiment for r in ledger.shipped() if not r.of_today] == []


def test_each_page_shows_the_shipped_ledger() -> None:
    """Catches a verdict, a band or a reason changed in one place and not in the others."""
    for path, text in ledger_texts(ledger.shipped()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: make ledger writes it anew"


@pytest.mark.parametrize("tool", sorted(p.stem for p in Path("tools/ledger").glob("*.py")))
def test_each_tool_of_the_ledger_finds_what_it_imports(tool: str) -> None:
    """Catches a tool that nobody has run since what it names was moved."""
    assert import_module(f"tools.ledger.{tool}").__doc__


def test_rows_that_differ_say_why() -> None:
    """Catches a row whose verdict is withheld, or not "reproduced", without a reason in short."""
    for r in ledger.ledger(ledger.shipped()):
        least = {"reproduced": 0, "not comparable": 6}.get(r.verdict, 1)
        assert len(r.remark.split()) >= least, r.claim.id
        assert r.remark.count(". ") <= 1, f"{r.claim.id}: two sentences at most"


def test_a_quick_run_pronounces_no_verdicts(tmp_path: Path) -> None:
    """Catches a verdict on few seeds, and a quick number outside its claim's band.

    One experiment stands for all; `make verify` runs the others.
    """
    answer = run("--quick", "--only", "growth", "--seeds", "1", "--out", str(tmp_path))
    assert answer.exit_code == 0, answer.output
    made = json.loads((tmp_path / "paper.json").read_text(encoding="utf-8"))
    measured = [r for r in made["rows"] if r["n"]]
    wanted = {claim.id for claim in paper_claims().values() if claim.experiment == "growth"}
    assert {r["id"] for r in measured} == wanted and wanted and made["quick"]
    assert [r["id"] for r in measured if not r["in_band"]] == []
    assert not any("verdict" in r for r in made["rows"])
    texts = [answer.output]
    texts += [(tmp_path / f"paper.{end}").read_text("utf-8") for end in ("md", "csv")]
    assert "quick run" in texts[0] and "uick run" in texts[1]
    for text in texts:
        assert not [word for word in ("reproduced", "number missed", "one run,") if word in text]


# ---------------------------------------------------------------------------------------------
# Recipes and networks.


def toy_split(n: int = 300) -> Split:
    generator = torch.Generator().manual_seed(0)
    return Split(torch.rand(n, 1, 28, 28, generator=generator), torch.arange(n) % 10)


TOY = Recipe("SoftmaxRegression", epochs=3, lr=0.1)


def test_a_recipe_that_says_nothing_new_keeps_its_name() -> None:
    """Catches old results that are thrown away because a recipe gained a field."""
    assert TOY.as_data() == {"model": "SoftmaxRegression", "epochs": 3, "lr": 0.1}
    for recipe in (TOY, replace(TOY, classes=(3, 7))):
        assert trained.Recipe.from_data(json.loads(json.dumps(recipe.as_data()))) == recipe
    assert trained.digest(TOY.as_data()) != trained.digest(replace(TOY, lr=0.2).as_data())


def test_a_network_comes_back_from_the_store(tmp_path: Path, monkeypatch) -> None:
    """Catches a second training of what is there, and weights that are not those of the first."""
    first = trained.trained(TOY, 0, toy_split(), store=tmp_path)
    monkeypatch.setattr(training, "fit", lambda *a, **k: pytest.fail("trained again"))
    second = trained.trained(TOY, 0, toy_split(), store=tmp_path)
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert first.epochs == second.epochs and len(first.epochs) == 3


def test_a_killed_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Catches a network that, interrupted, starts anew or ends otherwise."""
    whole = trained.trained(TOY, 0, toy_split(), store=tmp_path / "whole")
    shares = []

    def stop(share: float, words: str) -> None:
        shares.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pytest.warns(training.TrainingWarning):
        trained.trained(TOY, 0, toy_split(), store=tmp_path, report=stop)
    again: list[float] = []
    resumed = trained.trained(
        TOY, 0, toy_split(), store=tmp_path, report=lambda share, words: again.append(share)
    )
    assert again == pytest.approx([2 / 3])
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_early_stopping_looks_at_held_out_digits_only(tmp_path: Path) -> None:
    """Catches an epoch chosen on digits that the network was trained on."""
    data = toy_split()
    held = replace(TOY, examples=200, held_out=100, stop_on="FGSM error")
    clean = trained.trained(held, 0, data, store=tmp_path / "a")
    data.y[200:] = (data.y[200:] + 1) % 10
    other = trained.trained(held, 0, data, store=tmp_path / "b")
    assert [e["loss"] for e in clean.epochs] == [e["loss"] for e in other.epochs]
    assert [e["clean error"] for e in clean.epochs] != [e["clean error"] for e in other.epochs]


def test_classes_are_numbered_from_zero() -> None:
    """Catches 3 against 7 trained on all ten digits, or with the labels 3 and 7."""
    few = RECIPES["logistic"].only(toy_split())
    assert len(few.x) == 60 and few.y.unique().tolist() == [0, 1]
    assert torch.equal(few.x[0], toy_split().x[3])


def test_a_full_disk_costs_the_weights_and_not_the_network(tmp_path: Path, monkeypatch) -> None:
    """Catches a training that is lost because its weights cannot be kept."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trained, "save", full)
    told: list[str] = []
    made = trained.trained(
        TOY, 0, toy_split(), store=tmp_path, report=lambda share, words: told.append(words)
    )
    assert len(made.epochs) == 3 and "not kept" in told[-1]


def test_the_papers_optimiser_falls_and_gathers_momentum() -> None:
    """Catches a rate that does not reach zero, or a momentum that stays where it was."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer, schedule = training.falling_sgd([weight], 0.1, 10)
    seen = []
    for _ in range(10):
        seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        schedule.step()
    assert seen[0] == (0.1, 0.5)
    assert seen[5] == (pytest.approx(0.05), pytest.approx(0.6))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0)


def test_the_l1_penalty_is_on_the_first_layer(tmp_path: Path) -> None:
    """Catches a penalty that is left out, or lies on the wrong weights."""
    small = {"units": 4, "pieces": 2}
    decay = Recipe("Maxout", 1, 0.1, small, objective="L1 decay", penalty=0.5)
    model, split = trained.untrained(decay, 0).eval(), toy_split(20)
    with_it = trained.OBJECTIVES["L1 decay"](decay)(model, *split)
    expected = training.clean(model, *split) + 0.5 * model.layers[2].linear.weight.abs().sum()
    assert with_it.item() == pytest.approx(expected.item(), rel=1e-6)


# ---------------------------------------------------------------------------------------------
# Runs.


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> dict[str, Experiment]:
    """Three experiments that cost nothing, in the place of the real ones."""

    @measure("seed", "perhaps", perhaps=("perhaps",))
    def toy(run, *names) -> tuple[float, None]:
        return float(run.seed), None

    @measure("seed")
    def broken(run) -> float:
        raise FloatingPointError("the loss is nan")

    made = {
        e.name: e
        for e in [
            Experiment("two", {}, {"it": [(toy,)]}),
            Experiment("one", {}, {"it": [(toy,)]}, {"eps": 0.25}),
            Experiment("broken", {}, {"it": [(broken,)]}),
        ]
    }
    monkeypatch.setattr(runs, "EXPERIMENTS", made)
    return made


class Watched(ThreadPoolExecutor):
    """Two workers, and for each run that is begun the runs that have not ended."""

    def __init__(self) -> None:
        super().__init__(2)
        self.under_way: dict[Task, Future] = {}
        self.together: list[set[Task]] = []

    def submit(self, fn, task, *rest) -> Future:
        self.under_way = {t: f for t, f in self.under_way.items() if not f.done()}
        self.under_way[task] = super().submit(fn, task, *rest)
        self.together.append(set(self.under_way))
        return self.under_way[task]


def test_two_workers_do_not_train_the_same_network(toys, tmp_path: Path, monkeypatch) -> None:
    """Catches two runs side by side that need the same network, and runs that wait for nothing.

    The two seeds of "one" end only when both are under way.
    """
    both = threading.Barrier(2)
    meet = measure("seed")(lambda run: 0.0 * both.wait(timeout=60))
    monkeypatch.setitem(toys, "one", replace(toys["one"], parts={"it": [(meet,)]}))
    for name in ("one", "two"):
        monkeypatch.setitem(toys, name, replace(toys[name], networks={"it": TOY}))
    executor = Watched()
    todo = [Task("one", 0), Task("two", 0), Task("one", 1)]
    made = run_all(todo, Kept(tmp_path), Place(lambda: executor, HERE.tell, threads=1))
    assert not [r.failure for r in made if r.failure]
    assert executor.together[:2] == [{todo[0]}, {todo[0], todo[2]}]
    assert len(executor.together) == 3 and todo[0] not in executor.together[2]


def test_what_fills_no_row_is_shown(toys, tmp_path: Path) -> None:
    """Catches a run of some hours that ends with nothing on the screen."""
    answer = run("--only", "one", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path))
    lines = [line.split() for line in answer.output.splitlines()]
    assert any({"one", "1", "it", "seed", "1.0"} <= set(line) for line in lines), answer.output


def test_a_failure_costs_only_itself(toys, tmp_path: Path) -> None:
    """Catches a run that diverges and takes the others with it, or is kept as a result."""
    todo = [Task("broken", 0), Task("one", 0)]
    kept = Kept(tmp_path)
    made = run_all(todo, kept, HERE)
    broken, one = sorted(made, key=lambda r: r.experiment)
    assert "the loss is nan" in broken.failure and not broken.numbers
    assert one.numbers == {"it": {"seed": 0.0}}
    assert kept.load(todo[0]) is None and kept.load(todo[1]) == one


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "seed of it"),
        ((0.0, 1.0), "ValueError"),  # more numbers than it has declared
    ],
)
def test_what_no_claim_can_use_is_a_failure(toys, tmp_path: Path, monkeypatch, value, words):
    """Catches a NaN in the ledger, and numbers that no claim can name."""
    odd = measure("seed")(lambda run: value)
    monkeypatch.setitem(toys, "one", replace(toys["one"], parts={"it": [(odd,)]}))
    (made,) = run_all([Task("one", 0)], Kept(tmp_path), HERE)
    assert words in made.failure and not made.numbers


def test_data_that_cannot_be_had_leave_a_row_out(tmp_path: Path, monkeypatch) -> None:
    """Catches CIFAR-10's rows that fail the whole, or say nothing, where there is no network."""
    monkeypatch.setenv("ADVTUTOR_CACHE", str(tmp_path / "cache"))
    answer = run(
        "--only", "S4-cifar-error,growth", "--seeds", "1", "--jobs", "1", "--out", str(tmp_path)
    )
    assert answer.exit_code == 0, answer.output
    assert "left out" in answer.output and "CIFAR" in answer.output
    rows = json.loads((tmp_path / "paper.json").read_text(encoding="utf-8"))["rows"]
    (cifar,) = [r for r in rows if r["id"] == "S4-cifar-error"]
    assert cifar["verdict"] == "not run" and "CIFAR" in cifar["remark"]


def test_a_changed_recipe_does_not_reuse_old_results(toys, tmp_path: Path, monkeypatch) -> None:
    """Catches a number that is shown beside a recipe it does not come from."""
    results_of([Task("one", 0)], tmp_path)
    kept = Kept(tmp_path)
    assert kept.load(Task("one", 0))
    monkeypatch.setitem(toys, "one", replace(toys["one"], settings={"eps": 0.1}))
    assert kept.load(Task("one", 0)) is None


def test_a_changed_number_does_not_reuse_old_results(toys, tmp_path: Path, monkeypatch) -> None:
    """Catches runs that were kept before a number was added, and a damaged file that stops all."""
    results_of([Task("one", 0)], tmp_path)
    (file,) = (tmp_path / "runs").glob("*.json")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"seed": 0.0', '"sede": 0.0'), encoding="utf-8")
    assert Kept(tmp_path).load(Task("one", 0)) is None
    file.write_text(text, encoding="utf-8")
    assert Kept(tmp_path).load(Task("one", 0))
    file.write_text("{ half", encoding="utf-8")
    assert Kept(tmp_path).load(Task("one", 0)) is None


def test_a_disk_that_fills_is_told_and_stops_nothing(toys, tmp_path: Path, monkeypatch) -> None:
    """Catches runs that are lost because an earlier result could not be kept."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Kept, "save", full)
    told: list[str] = []
    place = Place(executors.Inline, lambda message: told.append(message[2]))
    made = run_all([Task("one", 0), Task("one", 1)], Kept(tmp_path), place)
    assert [r.numbers["it"]["seed"] for r in made] == [0.0, 1.0]
    assert any("No space left" in words for words in told)


def test_each_result_is_on_disk_before_the_next_run(toys, tmp_path: Path, monkeypatch) -> None:
    """Catches results that are kept only when everything has ended."""
    seen = []

    @measure("seed")
    def look(run) -> float:
        seen.append(len(list((tmp_path / "runs").glob("*.json"))))
        return 0.0

    monkeypatch.setitem(toys, "one", replace(toys["one"], parts={"it": [(look,)]}))
    results_of([Task("one", seed) for seed in range(3)], tmp_path)
    assert seen == [0, 1, 2]


def test_a_long_experiment_has_few_seeds() -> None:
    """Catches hours of work that nobody asked for."""
    made = tasks(list(EXPERIMENTS.values()), 5)
    assert sum(t.experiment == "maxout" for t in made) == 5
    assert sum(t.experiment == "ensemble" for t in made) == 1
    with pytest.raises(ReproduceError, match="at least 1"):
        tasks(list(EXPERIMENTS.values()), 0)


def test_seeds_begin_where_the_table_says() -> None:
    """Catches a row that counts a run from before the rule, and a plan that asks for one."""
    both = [EXPERIMENTS["RBF"], EXPERIMENTS["imagenet"]]
    made = [(t.experiment, t.seed) for t in tasks(both, 2)]
    assert made == [("RBF", 5), ("imagenet", 0), ("RBF", 6)]
    result = next(r for r in ledger.shipped() if r.experiment == "RBF")
    assert replace(result, seed=5).of_today and not replace(result, seed=4).of_today


# ---------------------------------------------------------------------------------------------
# Real processes, and a real Dask scheduler.

WITH_TESTS = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
WAITS = waiting(None, 3)[1:]
WAITED = {("waits", seed): {"it": {"seed": float(seed)}} for seed in (1, 2)}


def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    """Catches numbers that depend on where they were computed, and a silent run."""
    todo = [ShortTask("logistic", seed) for seed in range(2)]
    threads = torch.get_num_threads()
    try:
        inline = results_of(todo, tmp_path / "inline", HERE._replace(threads=1))
    finally:
        torch.set_num_threads(threads)
    heard: list[tuple[str, float, str]] = []
    with executors.processes(2, heard.append) as place:
        made = run_all(todo, Kept(tmp_path), place)
    assert numbers(made) == inline
    assert {r.threads for r in made} == {1}
    assert {name for name, _, _ in heard} == {task.name for task in todo}
    assert any(0 < share < 1 for _, share, _ in heard)


def when_both_are_under_way(folder: Path, kill: Callable[[], None]) -> Callable[..., None]:
    """A listener that kills when it has heard of two runs, and then lets runs end."""
    under_way: set[str] = set()

    def listen(message: executors.Message) -> None:
        under_way.add(message[0])
        if len(under_way) == 2 and not (folder / "go").exists():
            kill()
            (folder / "go").touch()

    return listen


def test_a_worker_process_that_dies_costs_only_its_run(tmp_path: Path) -> None:
    """Catches a killed process (out of memory, say) that ends the whole."""
    spared: set[int] = set()
    pools: list[Executor] = []

    def kill_one() -> None:
        at_work = {child.pid for child in multiprocessing.active_children()} - spared
        os.kill(at_work.pop(), signal.SIGKILL)

    with executors.processes(2, when_both_are_under_way(tmp_path, kill_one)) as place:
        spared |= {child.pid for child in multiprocessing.active_children()}

        def counted() -> Executor:
            pools.append(place.make_executor())
            return pools[-1]

        made = run_all(WAITS, Kept(tmp_path), place._replace(make_executor=counted))
    assert len(pools) == 2, "nobody was killed at work"
    assert numbers(made) == WAITED


@pytest.fixture
def cluster(tmp_path: Path):
    """A scheduler and two workers, each a process of its own, on loopback."""
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet["env"] = os.environ | {"PYTHONPATH": WITH_TESTS}
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    where = tmp_path / "scheduler.json"
    scheduler = ["scheduler", *here, "--port", "0", "--scheduler-file", str(where)]
    started = [subprocess.Popen([*dask, *scheduler], **quiet)]
    deadline = time.monotonic() + 60
    while not (where.exists() and where.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    address = json.loads(where.read_text(encoding="utf-8"))["address"]
    for i in range(2):
        worker = ["worker", address, *here, "--nthreads", "1", "--no-nanny"]
        folder = ["--local-directory", str(tmp_path / f"worker{i}")]
        started.append(subprocess.Popen([*dask, *worker, *folder], **quiet))
    yield address, started[1:]
    for process in started:
        process.kill()
        process.wait()


def test_a_dask_cluster_repeats_what_a_killed_worker_had(cluster, tmp_path: Path) -> None:
    """Catches a lost worker that takes its run with it."""
    address, workers = cluster
    listener = when_both_are_under_way(tmp_path, workers[0].kill)
    with executors.dask(address, 2, listener) as place:
        made = run_all(WAITS, Kept(tmp_path), place)
    assert workers[0].poll() is not None, "nobody was killed"
    assert numbers(made) == WAITED


def test_a_scheduler_that_does_not_answer_is_told_in_seconds(tmp_path: Path, monkeypatch) -> None:
    """Catches minutes of waiting for nobody, and a traceback."""
    monkeypatch.setattr(executors, "SECONDS_TO_ANSWER", 1)
    start = time.monotonic()
    answer = run("--only", "growth", "--scheduler", "tcp://127.0.0.1:9", "--out", str(tmp_path))
    assert answer.exit_code == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in " ".join(answer.output.split())
    assert time.monotonic() - start < 30


COMMAND = """
from advtutor.claims import command
from advtutor.course.cli import app
from short_run import waiting

command.tasks = waiting
app()
"""


def test_ctrl_c_keeps_what_has_finished_and_leaves_no_process(tmp_path: Path, monkeypatch) -> None:
    """Catches lost results, workers that go on, and another exit status than 130.

    The first of four runs ends, and the next two are under way until they are told to end.
    """
    arguments = ["--only", "growth", "--seeds", "4", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "reproduce", *arguments, "--jobs", "2"],
        env=os.environ | {"PYTHONPATH": WITH_TESTS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    deadline = time.monotonic() + 100
    wanted = ("runs/waits-*.json", "begun-1", "begun-2")
    while not all(map(list, map(tmp_path.glob, wanted))) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Stopped" in output and "Traceback" not in output
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.killpg(process.pid, 0)
            time.sleep(0.2)
    (tmp_path / "go").touch()
    monkeypatch.setattr(command, "tasks", waiting)
    monkeypatch.setitem(EXPERIMENTS, "waits", WAITS[0].definition)  # its kept runs count
    again = run(*arguments, "--jobs", "1")
    assert again.exit_code == 0
    assert "3 runs, 1 more are in" in " ".join(again.output.split())


def test_a_killed_command_leaves_no_process(tmp_path: Path) -> None:
    """Catches workers that train on for nobody."""
    arguments = ["reproduce", "--only", "growth", "--seeds", "4", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, "--jobs", "2"],
        env=os.environ | {"PYTHONPATH": WITH_TESTS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 100
    while not [*tmp_path.glob("begun-1")] and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.killpg(process.pid, 0)
            time.sleep(0.2)


# ---------------------------------------------------------------------------------------------
# Bad input.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "S6-at-fgms"], "S6-at-fgsm"),
        (["--only", "S9-mpdbm"], "not measured here: out of scope"),
        (["--seeds", "0"], "greater than or equal to 1"),
        (["--device", "cuda:77"], "cannot be used here"),
        (["--device", "toaster"], "cannot be used here"),
        (["--quick", "--only", "ensemble"], "leave --quick away"),
    ],
)
def test_bad_input_is_told_in_a_sentence(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Catches a traceback, and work that starts before the mistake is found."""
    answer = run(*arguments, "--out", str(tmp_path / "out"))
    assert answer.exit_code == 2
    assert words in " ".join(answer.output.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_none(tmp_path: Path) -> None:
    """Catches hours of work whose results have nowhere to go."""
    (tmp_path / "file").write_text("")
    answer = run("--only", "growth", "--out", str(tmp_path / "file"))
    assert answer.exit_code == 2 and "is a file" in answer.output
    answer = run("--only", "growth", "--out", "/proc/results")
    assert answer.exit_code == 2 and "name a folder that you may write to" in " ".join(
        answer.output.split()
    )


def test_a_run_writes_json_csv_and_markdown(tmp_path: Path) -> None:
    """Catches a ledger without its n, seeds, recipe, versions, or without a table for people."""
    arguments = ["--only", "S3-linear-growth", "--seeds", "2", "--jobs", "1"]
    answer = run(*arguments, "--out", str(tmp_path))
    assert answer.exit_code == 0, answer.output
    data = json.loads((tmp_path / "paper.json").read_text(encoding="utf-8"))
    (filled,) = [r for r in data["rows"] if r["n"]]
    assert filled["seeds"] == [5, 6] and filled["eps"] == 0.25
    assert min(filled["values"]) <= filled["mean"] <= max(filled["values"])
    kept = [runs.read(path) for path in (tmp_path / "runs").glob("*.json")]
    assert len(kept) == 2 and all(r.of_today for r in kept)
    assert kept[0].recipe["settings"] == {"eps": 0.25}
    assert kept[0].versions["torch"] == torch.__version__ and kept[0].versions["processor"]
    assert "S3-linear-growth,3," in (tmp_path / "paper.csv").read_text(encoding="utf-8")
    assert "reproduced" in (tmp_path / "paper.md").read_text(encoding="utf-8")


def test_the_ledger_takes_each_run_once_and_as_it_is_today() -> None:
    """Catches a seed that counts twice, runs of an old recipe or of an experiment that is gone,
    and n = 5 for one number because more seeds were once run."""
    shipped = ledger.shipped()
    result = next(r for r in shipped if r.experiment == "RBF")
    older = replace(result, recipe={**result.recipe, "settings": {"eps": 0.3}})
    gone = replace(result, experiment="renamed")
    assert of_today([older, gone, result]) == of_today([result, gone, older]) == [result]
    again = replace(result, seconds=1.5)  # a new run takes the place of the shipped one
    merged = of_today([*shipped, again])
    assert len(merged) == len(shipped) and again in merged and result not in merged
    (fixed,) = [r for r in shipped if r.experiment == "imagenet"]  # nothing in it is random
    assert [r.seed for r in of_today([replace(fixed, seed=seed) for seed in range(3)])] == [0]


@pytest.mark.parametrize("names", [["growth", "S6-at-fgms"], ["growth,S6-at-fgms"]])
def test_several_ids_may_follow_one_only(names: list[str], tmp_path: Path) -> None:
    """Catches a second id that is refused for its place, or passed over: here it is misspelt."""
    answer = run("--only", *names, "--out", str(tmp_path))
    assert answer.exit_code == 2 and "S6-at-fgsm" in answer.output


# ---------------------------------------------------------------------------------------------
# What is shown meanwhile.


def test_the_bars_follow_the_runs() -> None:
    """Catches a bar that stands still, one that stays, and a whole that counts runs for minutes."""
    todo = [Task("maxout", 0), Task("growth", 0)]
    cost = [task.definition.minutes for task in todo]
    assert cost[0] > 2 * cost[1]
    written = io.StringIO()
    watch = command._Watch(todo, Console(file=written, force_terminal=True, width=120))

    def shown() -> list[ProgressTask]:
        return [bar for bar in watch.tasks if bar.visible]

    (whole,) = shown()
    assert whole.total == pytest.approx(sum(cost))
    with watch:
        watch.hear((todo[0].name, 0.5, "epoch 7"))
        _, bar = shown()
        assert (bar.description, bar.percentage) == ("maxout, seed 0", 50)
        assert bar.fields["words"] == "epoch 7" and whole.completed == pytest.approx(cost[0] / 2)
        watch.end(todo[0], Result("maxout", 0, {}, seconds=61.0))
        assert shown() == [whole] and whole.completed == pytest.approx(cost[0])
        watch.hear((todo[0].name, 0.9, "late"))
        assert shown() == [whole] and whole.completed == pytest.approx(cost[0])
        watch.end(todo[1], Result("growth", 0, {}, failure="it diverged"))
        assert whole.finished
    lines = written.getvalue()
    assert "done  maxout, seed 0  61 s" in lines and "failed  growth, seed 0" in lines


@pytest.mark.parametrize(
    ("experiment", "measure", "quoted"),
    [
        ("linear student of the noise", "right", "still reads some ({} to {} %)"),
        ("as few, no steps", "right", "more than half of that ({} to {} % beside"),
        ("steps half as long", "right", "% beside {} to {} %)"),
        ("labels shifted by one", "read as the next class", "({} to {} % of the digits it reads"),
    ],
)
def test_notebook_06_quotes_what_ships(experiment: str, measure: str, quoted: str) -> None:
    """Catches a range in its prose that is not that of the shipped measurements."""
    assets = Path(advtutor.__file__).parent / "assets"
    with (assets / "bug_or_feature.csv").open(encoding="utf-8") as file:
        values = [
            round(100 * float(row["value"]))
            for row in csv.DictReader(file)
            if (row["experiment"], row["measure"]) == (experiment, measure)
        ]
    assert len(values) == 3
    text = read_source(source_path("06_bug_or_feature"))
    assert quoted.format(min(values), max(values)) in text


def test_notebook_08_quotes_one_training_that_ended_twice() -> None:
    """Catches a pair that ships no longer, or was not trained by one recipe with one seed."""
    places = {"shorter": "adversarial, as long", "sizes": "240 units, half as long"}
    found = {r.experiment: r for r in ledger.shipped() if r.experiment in places and r.seed == 0}
    networks = EXPERIMENTS["shorter"].networks, EXPERIMENTS["sizes"].networks
    assert (
        networks[0]["adversarial, as long"] == networks[1]["adversarial, 240 units, half as long"]
    )
    errors = [found[name].number(of, "fgsm_error") for name, of in places.items()]
    quoted = "of {:.1%} in one run and {:.1%} in the other".format(*errors).replace("%", " %")
    assert quoted in read_source(source_path("08_the_paper_in_numbers"))


def test_the_network_of_notebook_08_lies_outside_the_band_of_its_straightness() -> None:
    """Catches a remark on F4-straight that the shipped network has made untrue."""
    claim = paper_claims()["F4-straight"]
    assert "the network of notebook 08, section 3, of the shorter training, lies" in claim.reason
    run = SimpleNamespace(network=lambda name: pretrained("maxout"), test=mnist().test)
    assert 0.9 < section_8.straight(run, "maxout")["r2"] < claim.low
