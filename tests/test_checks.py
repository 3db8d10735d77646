"""The exercise checks: right answers pass however they are written, each mistake has its message.

`answers/NAME.py` holds the answers to one exercise. A function called `right…` has to pass,
`stub…` has not been attempted, and `wrong_FAULT__more` has to be told FAULT.
"""

import ast
import dataclasses
import functools
import importlib
import itertools
import random
import re
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterable
from random import choice
from typing import Any

import jupytext
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.random import randint as numpys_randint

from advtutor import attacks, certify, checks, models
from advtutor.checks import defences, differences, engine, sandbox, variations
from advtutor.checks.breaks import Break, Outcome
from advtutor.checks.engine import Verdict
from advtutor.checks.said import SAID
from advtutor.checks.variations import as_if
from advtutor.data import mnist
from advtutor.evaluation import transfer_matrix
from advtutor.exercises.fgsm import fgsm as right_fgsm
from tools.notebooks import exercise_table
from tools.notebooks.source import read_source, source_path

EXERCISES = {name: getattr(checks, name) for name in checks.__all__}
each_exercise = pytest.mark.parametrize("name", EXERCISES)


def answers(name: str, prefix: str) -> dict[str, Callable[..., Any]]:
    module = vars(importlib.import_module(f"answers.{name}"))
    return {key: value for key, value in module.items() if re.match(rf"{prefix}(_|$)", key)}


@functools.cache
def verdict_on(name: str, key: str) -> Verdict:
    """The verdict on one answer; several tests look at it."""
    return EXERCISES[name].judge(answers(name, ".*")[key])


def all_answers(prefix: str) -> list[Any]:
    return [
        pytest.param(name, key, id=f"{name}-{key}")
        for name in EXERCISES
        for key in answers(name, prefix)
    ]


def fault_of(key: str) -> str:
    """'wrong_no_sign__unclipped' is told the fault 'no-sign'."""
    return key.removeprefix("wrong_").split("__")[0].replace("_", "-")


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer need not cost ten seconds here; a right one may meet a busy machine."""
    monkeypatch.setattr(engine, "SECONDS", 5.0)


def edits_of(exercise: engine.Exercise) -> list[str]:
    """Its mistakes that are edits of the answer: a break has symptoms instead."""
    return [] if isinstance(exercise, Break) else [*exercise.mistakes]


def copy_of(function: types.FunctionType) -> types.FunctionType:
    """The same function as another object, as when a learner has typed it in."""
    return types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )


# --- right answers, stubs, wrong answers ---


@each_exercise
def test_a_mistake_made_in_the_answer_is_told_by_its_name(name: str) -> None:
    """Catches an edit that makes no mistake, or another one than its message says."""
    exercise = EXERCISES[name]
    for mistake in edits_of(exercise):
        for way in exercise.ways(mistake):
            verdict = exercise.judge(exercise.edited(way))
            assert verdict == Verdict("✗", mistake, exercise.message(mistake))


# Two mistakes that give the same values on any input, and are told apart by the code.
SAME_VALUES = {
    ("bim", "probability", "minus"): "log p grows where p grows: their gradients have one sign",
    ("fgsm", "probability", "minus"): "log p grows where p grows: their gradients have one sign",
    ("fgsm", "ball-only", "no-clip"): "a step of eps never leaves the ball that it is clamped to",
    ("margin_bound", "own-class", "never-below-0"): "the lead of y over itself is 0",
    ("margin_loss", "cut-at-zero", "label-among-rivals"): "max(rival, own) - own, written twice",
    ("adversarial_step", "cleared-too-late", "no-update"): "a step without gradients moves nothing",
}


@pytest.mark.parametrize("name", [name for name in EXERCISES if not name.startswith("break_")])
def test_the_inputs_tell_every_mistake_from_every_other(name: str) -> None:
    """Catches inputs on which two mistakes, or a mistake and the answer, look the same."""
    exercise = EXERCISES[name]

    def gives(function: Callable[..., Any]) -> list[Any]:
        return [exercise.seen(exercise._run(function, case)) for case in exercise.cases]

    with sandbox.restored(), sandbox.quiet():
        given = [("the answer", gives(exercise.reference))]
        given += [
            (m, gives(exercise.edited(w))) for m in exercise.mistakes for w in exercise.ways(m)
        ]
    alike = {
        (name, one, other)
        for (one, values), (other, others) in itertools.combinations(given, 2)
        if one != other and engine.same(values, others)
    }
    assert alike == {pair for pair in SAME_VALUES if pair[0] == name}


@each_exercise
def test_the_inputs_are_not_the_notebooks(name: str) -> None:
    """Catches a number of the notebook, written into an answer, that passes for the argument."""
    exercise = EXERCISES[name]
    code = jupytext.reads(read_source(source_path(exercise.notebook)), fmt="py:percent").cells
    tree = ast.parse("\n".join(c.source for c in code if c.cell_type == "code"))
    written = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)} - {True, False}
    batches = [case.batch for case in exercise.cases if case.batch > 1]
    scalars = [v for c in exercise.cases for v in c.build() if type(v) is float]
    assert not written & {*scalars, *(b for b in batches if b > 9)}


def test_edits_that_get_in_each_others_way_make_no_function() -> None:
    """Catches a pair of mistakes of which only one is made, or that is no Python."""
    clip = {".clamp(0, 1)": ""}
    assert checks.fgsm.edited(clip, clip) is None
    assert checks.fgsm.edited({"return (": "return (("}) is None
    with pytest.raises(ValueError, match="no-clip, ball-only do not fit together"):
        checks.fgsm.made_by("no-clip", "ball-only")


@pytest.mark.parametrize(("name", "key"), all_answers("right"))
def test_right_answers_pass(name: str, key: str) -> None:
    """Catches a check that looks at how an answer is written instead of what it does."""
    assert verdict_on(name, key) == Verdict(
        "✓", "", f"right on all {len(EXERCISES[name].cases)} inputs it was tried on"
    )


@pytest.mark.parametrize(("name", "key"), all_answers("stub"))
def test_a_stub_is_not_attempted(name: str, key: str) -> None:
    """Catches an open exercise that counts as a wrong answer, or as a right one."""
    assert verdict_on(name, key) == Verdict("○", "stub", "not attempted yet")


@pytest.mark.parametrize(("name", "key"), all_answers("wrong"))
def test_each_mistake_is_told_by_its_name(name: str, key: str) -> None:
    """Catches a mistake that passes, or is taken for another one."""
    verdict = verdict_on(name, key)
    assert (verdict.mark, verdict.fault) == ("✗", fault_of(key)), verdict.text


@each_exercise
def test_there_are_enough_answers(name: str) -> None:
    """Catches a check that nobody has tried to fool: a stub, three right, each mistake wrong."""
    known = EXERCISES[name].mistakes.keys()
    assert len(known) >= 6
    assert len(answers(name, "right")) >= 3
    assert answers(name, "stub")
    assert known <= {fault_of(key) for key in answers(name, "wrong")}


@each_exercise
def test_no_two_mistakes_share_a_message(name: str) -> None:
    """Catches two mistakes that a learner cannot tell apart by what the check says."""
    exercise = EXERCISES[name]
    said = [exercise.message(mistake) for mistake in exercise.mistakes]
    said += [text for fault, text in exercise.says.items() if fault not in exercise.mistakes]
    assert len(set(said)) == len(said)


@each_exercise
def test_what_an_exercise_says_it_can_say(name: str) -> None:
    """Catches a message under a misspelt name, which no learner would ever read."""
    exercise = EXERCISES[name]
    general = {"random", "type", "shape", "detached", "param-grads", "mode-left", "nan"}
    assert exercise.says.keys() | exercise.when.keys() <= exercise.mistakes.keys() | general
    assert all(SAID[fault] != text for fault, text in exercise.says.items() if fault in SAID)


@each_exercise
def test_what_the_wrong_answers_are_told_differs(name: str) -> None:
    """Catches a fault whose text is that of another one, or spills over several lines."""
    told: dict[str, set[str]] = {}
    for key in answers(name, "wrong"):
        text = verdict_on(name, key).text
        assert "\n" not in text and len(text) < 300
        told.setdefault(text, set()).add(fault_of(key))
    assert all(len(faults) == 1 for faults in told.values()), told


# What is said of answers that are wrong in no known way: an exercise, an edit of its answer, words.
SAID_IN_GENERAL = [
    (
        "bim",
        {"step_size *": "step_size / 255 *"},
        "right result with step_size / 255 in the place of",
    ),
    (
        "adversarial_loss",
        {"eps * grad": "alpha * grad", "alpha * loss + (1 - alpha)": "eps * loss + (1 - eps)"},
        "the right result with alpha and eps exchanged",
    ),
    ("l1_decay_loss", {"+ b)": "- b)"}, "the right result with -b in the place of b"),
    ("l1_decay_loss", {"-y": "-(2 * y - 1)"}, "the right result with 2 * y - 1 in the place of y"),
    ("fgsm", {"model(x), y": "-model(x), y"}, "with -model(x) in the place of model(x)"),
    ("targeted_fgsm", {".clamp(0, 1)": ".clamp(0, 1).round()"}, "with .round() behind it: leave"),
    ("ensemble_fgsm", {".clamp(0, 1)": ".clamp(max=1)"}, "the right result is .relu() of this one"),
    ("levels_to_eps", {"levels / 255": "1 - levels / 255"}, "1 minus what it should be"),
    (
        "levels_to_eps",
        {"levels / 255": "min(levels / 255, 0.1)"},
        "no value is above 0.1, where more",
    ),
    (
        "interval_relu",
        {"lower.clamp(min=0)": "lower.clamp(min=1)"},
        "first tensor is wrong: no value is",
    ),
    ("mean_cosine", {").sum(dim=1) /": ").mean(dim=1) /"}, "every value is 1 / g[0].numel() times"),
    ("estimated_gradient", {"(2 * h)": "h ** 2"}, "every value is 2 / h times what it should be"),
    ("linear_radius", {"w.abs().sum()": "w.abs().sum().sqrt()"}, "another number for each input"),
    ("worst_case_linear", {"w.sign()": "w.roll(1).sign()"}, " % of the values have the wrong sign"),
    ("margin_bound", {"amax(dim=1)": "argmax(dim=1).float()"}, "these are whole numbers: places"),
    (
        "linear_radius",
        {"margin.clamp(min=0)": "(1 + margin).mean().expand(len(x))"},
        "all examples get the same",
    ),
    (
        "interval_linear",
        {"middle - reach, middle": "(middle - reach).flip(1), middle"},
        "another order",
    ),
    ("targeted_step", {"norm(dim=1)": "std(dim=1)"}, "step from x has the right direction, but 6"),
    (
        "linear_radius",
        {"margin.clamp(min=0)": "margin.clamp(min=0.01)"},
        "everywhere but where 0 is due",
    ),
    (
        "margin_bound",
        {"amax(dim=1)": "logsumexp(dim=1)"},
        "100 % of the values are off: the first at",
    ),
]


@pytest.mark.parametrize(("name", "edits", "words"), SAID_IN_GENERAL)
def test_what_is_said_of_an_answer_that_is_wrong_in_no_known_way(
    name: str, edits: dict[str, str], words: str
) -> None:
    """Catches a learner who is told no more than how many values are off."""
    verdict = EXERCISES[name].judge(EXERCISES[name].edited(edits))
    assert verdict.fault == "values" and words in verdict.text, verdict


def test_a_change_of_an_argument_is_told_only_where_it_explains_every_input() -> None:
    """Catches an explanation that fits the first input by chance."""
    inputs = [lambda n=n: {"a": n, "b": 3.0} for n in (2.0, 5.0)]

    def due(arguments: dict[str, float]) -> float:
        return arguments["a"] * arguments["b"]

    assert as_if(due, inputs, [12.0, 30.0]) == "2 * a in the place of a"
    assert as_if(due, inputs, [9.0, 9.0]) == "b in the place of a"
    assert as_if(due, inputs, [12.0, 31.0]) is None


ROWS = [
    *((variations.NUMBERS, words, 0.3) for words in variations.NUMBERS),
    *((variations.WHOLE_NUMBERS, words, 7) for words in variations.WHOLE_NUMBERS),
    *((variations.TENSORS, words, torch.linspace(-1.5, 2, 6)) for words in variations.TENSORS),
    *((variations.MODELS, words, torch.nn.Linear(3, 2)) for words in variations.MODELS),
    *((differences.STEPS, words, torch.linspace(0.1, 2, 6)) for words in differences.STEPS),
]


@pytest.mark.parametrize(("table", "words", "value"), ROWS)
def test_the_words_of_a_change_are_code_that_makes_it(
    table: dict[str, Any], words: str, value: Any
) -> None:
    """Catches a diagnosis that says something else than what was tried."""
    code = words.removesuffix(" for all").replace("{0}", "v")
    if table is differences.STEPS:
        code = f"v.{words}" if words != "softplus()" else "F.softplus(v)"
    x = torch.linspace(-1, 1, 12).reshape(4, 3)
    said, made = eval(code, {"v": value, "x": x, "F": F}), table[words](value)
    made = torch.as_tensor(made(x) if isinstance(value, torch.nn.Module) else made)
    assert torch.equal(torch.as_tensor(said).to(made).expand_as(made), made)


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (0 * F.softplus(torch.linspace(-1, 1, 5)), "every value is 0"),
        (-F.softplus(torch.linspace(-1, 1, 5)), "every value has the wrong sign"),
        (3 * F.softplus(torch.linspace(-1, 1, 5)), "every value is 3 times what it should be"),
        (F.softplus(torch.linspace(-1, 1, 5)) + 2, "every value is too large by 2"),
        (F.softplus(torch.linspace(-1, 1, 5)) - 2, "every value is too small by 2"),
        (
            F.softplus(torch.linspace(-1, 1, 5)) + torch.linspace(-1, 1, 5),
            "the result is too large by b: leave it out",
        ),
        (
            F.softplus(torch.linspace(-1, 1, 5)) - torch.linspace(-1, 1, 5),
            "the result is too small by b: add it",
        ),
        (F.softplus(torch.linspace(-1, 1, 5)) ** 3, None),
    ],
)
def test_what_all_results_have_in_common_is_said(ours: torch.Tensor, words: str | None) -> None:
    """Catches a factor, a shift or an argument too many that is told as numbers, or made up."""
    b = torch.linspace(-1, 1, 5)
    assert differences.simple_rule([(ours, F.softplus(b), {"b": b})]) == words


# --- the inputs are fit to decide ---


def mean_of(models: Iterable[Callable[..., torch.Tensor]]) -> Callable[..., torch.Tensor]:
    return lambda x: torch.stack([model(x) for model in models]).mean(dim=0)


def test_signs_are_not_decided_by_rounding() -> None:
    """Catches a gradient that nearly vanishes at an input or along the path of the repeated step:
    its sign could differ between machines."""
    places = [case.build()[:3] for case in checks.fgsm.cases]
    for several, x, y, _ in (case.build() for case in checks.ensemble_fgsm.cases):
        places.append((mean_of(several), x, y))
    for case in checks.bim.cases:
        model, x, y, eps, step_size, steps = case.build()
        for step in range(steps):
            places.append((model, checks.bim.reference(model, x, y, eps, step_size, step), y))
    for model, x, y in places:
        at = x.detach().requires_grad_()
        grad = torch.autograd.grad(F.cross_entropy(model(at), y), at)[0]
        assert (grad.abs().min() / grad.abs().max()).item() > 1e-5


@each_exercise
def test_inputs_are_the_same_every_time(name: str) -> None:
    """Catches an input that depends on what ran before: verdicts would differ between runs."""
    for case in EXERCISES[name].cases:
        first = [v for v in case.build() if isinstance(v, torch.Tensor)]
        torch.rand(7)
        again = [v for v in case.build() if isinstance(v, torch.Tensor)]
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    if first:  # an exercise on batches
        assert {case.batch == 1 for case in EXERCISES[name].cases} == {True, False}


def test_inputs_hold_what_mistakes_need() -> None:
    """Catches inputs on which no clip, a wrong label or a frozen layer would not show."""
    built = [case.build() for case in checks.fgsm.cases]
    assert all((x == 0).any() and (x == 1).any() for _, x, _, _ in built)
    assert any((model(x).argmax(1) != y).any() for model, x, y, _ in built)
    assert any(not all(p.requires_grad for p in model.parameters()) for model, *_ in built)
    assert any(p.grad is not None for model, *_ in built for p in model.parameters())


# --- the references are the package's own ---


def packages_radius(w: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> Any:
    model = models.LogisticRegression(len(w))
    with torch.no_grad():
        model.linear.weight[0], model.linear.bias[0] = w, b
    return certify.linear_epsilon(model, x[:, None, None], (y > 0).long(), clip=None).float()


PACKAGES: dict[str, Callable[..., Any]] = {
    "fgsm": attacks.fgsm,
    "bim": lambda model, x, y, eps, size, steps: attacks.bim(
        model, x, y, eps, step_size=size, steps=steps
    ),
    "ensemble_fgsm": lambda models, *rest: attacks.fgsm(mean_of(models), *rest),
    "margin_loss": attacks.margin_loss,
    "interval_linear": certify.interval_linear,
    "linear_radius": packages_radius,
}


@pytest.mark.parametrize("name", PACKAGES)
def test_the_reference_is_the_packages(name: str) -> None:
    """Catches two versions of one attack, loss or certificate in the course."""
    for case in EXERCISES[name].cases:
        ours, theirs = EXERCISES[name].reference(*case.build()), PACKAGES[name](*case.build())
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_the_worst_case_is_the_worst() -> None:
    """Catches a reference that some other step in the box beats."""
    for case in checks.worst_case_linear.cases:
        w, y, eps = case.build()
        margin = y * (checks.worst_case_linear.reference(w, y, eps) @ w)
        assert torch.allclose(margin, -eps * w.abs().sum().expand_as(margin), rtol=1e-5)


def test_agreement_is_the_packages() -> None:
    """Catches two meanings of agreement: that of the exercise, and that of the matrix."""
    torch.manual_seed(0)
    models = {k: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 4)) for k in "ab"}
    x, y = torch.rand(40, 1, 3, 3), torch.randint(4, (40,))
    matrix = transfer_matrix(models, x, y, lambda model, x, y: x).agreement
    read_a, read_b = (model(x).argmax(dim=1) for model in models.values())
    assert checks.agreement.reference(read_a, read_b, y) == pytest.approx(matrix[0, 1].item())


def test_the_margin_bound_is_the_packages() -> None:
    """Catches two versions of one bound in the course."""
    for case in checks.margin_bound.cases:
        weight, bias, lower, upper, y = case.build()
        box = certify.Interval(lower, upper)
        last = torch.nn.Linear(weight.shape[1], len(weight))
        last.weight.data, last.bias.data = weight, bias
        leads = certify._advantages([last], box, y)
        theirs = leads.scatter(1, y[:, None], -torch.inf).amax(dim=1)
        ours = checks.margin_bound.reference(weight, bias, lower, upper, y)
        torch.testing.assert_close(ours, theirs)


def test_relu_inputs_hold_every_kind_of_unit() -> None:
    """Catches inputs on which a unit that is off, on or between would not show."""
    for case in checks.interval_relu.cases:
        lower, upper = case.build()
        kinds = [upper < 0, lower > 1, (lower < 0) & (upper > 0)]
        assert all(kind.any() for kind in kinds)
        assert (lower + upper)[kinds[2]].sign().unique().numel() == 2


# --- breaking a defence ---

BREAKS = ["break_sure", "break_staircase", "break_hardened"]
each_break = pytest.mark.parametrize("name", BREAKS)


@each_break
def test_a_real_break_is_far_from_what_is_none(name: str) -> None:
    """Catches a level that rounding, or the luck of a draw, could decide on another machine."""
    exercise = EXERCISES[name]
    for case in (case for case in exercise.cases if case.batch > 1):
        n = case.batch
        for seed in range(5):
            real = Outcome.of(exercise._run(exercise.reference, case, seed))
            assert real.share >= case.level + 1 / n, f"{real.share:.0%} of {n}"
        for attack in (attacks.fgsm, attacks.bim, attacks.pgd, attacks.sign_noise):
            with sandbox.quiet():
                none = Outcome.of(exercise._run(attack, case))
            assert none.share <= case.level - 0.25, f"{attack.__name__}: {none.share:.0%} of {n}"


@each_break
def test_a_weak_break_is_told_how_far_it_gets(name: str) -> None:
    """Catches a verdict without the numbers that would tell the learner how far there is to go."""
    weak = next(key for key in answers(name, "wrong_weak"))
    far = r"\. No pixel moves by more than 0\.0\d+" if name != "break_staircase" else ""
    assert re.fullmatch(
        r"at eps = [\d.]+ it breaks \d+ of 30 digits\. Noise of the same size breaks \d+; "
        rf"a real break reaches \d+ or more{far}",
        verdict_on(name, weak).text,
    )


@each_break
def test_the_attacked_digits_are_read_rightly(name: str) -> None:
    """Catches a share of broken digits that counts those which were misread anyway."""
    for case in EXERCISES[name].cases:
        model, x, y, _ = case.build()
        assert (model(x).argmax(dim=1) == y).all() and not model.training
        assert x.min() >= 0 and x.max() <= 1 and x.shape[1:] == (1, 28, 28)


@each_break
def test_a_break_by_luck_of_one_digit_is_none(name: str) -> None:
    """Catches an attack that is judged by some of its pictures only."""
    exercise = EXERCISES[name]

    def first_only(model, x, y, eps):  # type: ignore[no-untyped-def]
        x_adv = x.clone()
        x_adv[:1] = exercise.reference(model, x[:1], y[:1], eps)
        return x_adv

    assert exercise.judge(first_only).fault == "untouched"


@each_break
def test_a_defence_cannot_be_talked_out_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a verdict by a network whose very class the answer has overwritten."""

    def rewriting(model, x, y, eps):  # type: ignore[no-untyped-def]
        kind, inner = type(model), type(model).forward
        monkeypatch.setattr(kind, "forward", lambda self, z: inner(self, z).roll(1, dims=1))
        return x.clone()

    assert EXERCISES[name].judge(rewriting).fault == "defence-changed"


@each_break
def test_pictures_of_the_training_set_are_no_break(name: str) -> None:
    """Catches a theft that is only noticed where the pictures come from the test set."""
    train = mnist().train

    def stolen(model, x, y, eps):  # type: ignore[no-untyped-def]
        return torch.stack([train.x[(train.y != label).nonzero()[0, 0]] for label in y])

    assert EXERCISES[name].judge(stolen).fault == "other-digits"


def test_the_defences_are_those_of_the_notebook() -> None:
    """Catches a check that defends otherwise than the notebook does."""
    source = read_source(source_path("04_does_the_defence_hold"))
    cells = [cell.source for cell in jupytext.reads(source, fmt="py:percent").cells]
    shown: dict[str, Any] = {"torch": torch}
    for name in ("Sure", "Staircase"):
        cell = next(cell for cell in cells if f"class {name}(" in cell)
        exec(cell[cell.index("class ") :].split("\n\n\n")[0], shown)
    x = torch.rand(5, 1, 28, 28)
    inner = defences.network("usual")
    for name in ("Sure", "Staircase"):
        ours, theirs = getattr(defences, name)(inner), shown[name](inner)
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)


def test_the_stored_networks_are_what_they_are_said_to_be() -> None:
    """Catches weights of another network, or a hardened one whose gradients are not masked."""
    x, y = (each[1000:1300] for each in mnist().test)

    def error(name: str, attack: Callable[..., torch.Tensor]) -> float:
        model = defences.network(name)
        return (model(attack(model, x, y)).argmax(dim=1) != y).float().mean().item()

    def pgd(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return attacks.pgd(model, x, y, 0.25, steps=20, generator=generator)

    fgsm = functools.partial(attacks.fgsm, eps=0.25)
    assert max(error(name, lambda model, x, y: x) for name in ("usual", "hardened")) < 0.06
    assert error("usual", fgsm) > 0.95
    assert error("hardened", fgsm) < 0.2 and error("hardened", pgd) > 0.9


# --- what it prints and returns ---


def test_a_right_answer_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a notebook that goes on with the course's function though the learner's is right."""
    mine = copy_of(right_fgsm)
    assert checks.fgsm(mine) is mine
    assert capsys.readouterr().out == "✓ fgsm: right on all 4 inputs it was tried on\n"


@pytest.mark.parametrize("key", ["stub", "wrong_minus", "wrong_raises"])
def test_otherwise_the_courses_own_comes_back(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a notebook that stops, or goes on with a wrong function."""
    assert checks.fgsm(vars(importlib.import_module("answers.fgsm"))[key]) is right_fgsm
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 and re.match(r"[○✗] fgsm: ", lines[0])
    assert lines[0].endswith("(the notebook goes on with the course's own function)")


def test_telling_leaves_the_answer_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches an assignment whose line says that another function than the learner's is used."""
    assert checks.fgsm.tell(answers("fgsm", "wrong_minus")["wrong_minus"]) is None
    line = capsys.readouterr().out
    assert line.startswith("✗ fgsm: the step goes down the loss") and "goes on" not in line


def test_the_courses_own_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a ✓ for running the line of the check twice over an open exercise."""
    assert checks.fgsm(right_fgsm) is right_fgsm
    assert capsys.readouterr().out.startswith("○ fgsm: not attempted yet (")


def test_hints_go_one_step_further(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches hints that come all at once, or end in an error."""
    exercise = dataclasses.replace(checks.fgsm, hints=("think", "look", "copy"))
    for _ in range(4):
        exercise.hint()
    assert capsys.readouterr().out.splitlines() == [
        "hint 1 of 3: think",
        "hint 2 of 3: look",
        "hint 3 of 3: copy",
        "hint 3 of 3: copy",
    ]


@each_exercise
def test_the_solution_is_one_that_passes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a shown solution that cannot be typed in, or is not the one that is used."""
    exercise = EXERCISES[name]
    exercise.solution()
    shown = capsys.readouterr().out
    namespace = {
        "torch": torch,
        "F": F,
        "nn": torch.nn,
        "Tensor": torch.Tensor,
        "attacks": attacks,
        "adversarial_loss": checks.adversarial_loss.reference,
        "margin_loss": checks.margin_loss.reference,
        "estimated_gradient": checks.estimated_gradient.reference,
    }
    exec(shown, namespace)
    verdict = exercise.judge(namespace[name])
    assert verdict.mark == "✓", verdict.text


@each_exercise
def test_the_call_is_shown_as_the_notebook_writes_it(name: str) -> None:
    """Catches a check that tells another way to call the function than its notebook defines."""
    source = read_source(source_path(EXERCISES[name].notebook))
    defined = re.search(rf"^def {name}\((.*)\):$", source, re.MULTILINE)
    assert defined is not None
    names = ", ".join(part.partition("=")[0] for part in defined[1].split(", "))
    assert EXERCISES[name].call == f"{name}({names})"
    assert repr(EXERCISES[name]).startswith(f"<check of {name}(")


# --- bad input ---


@pytest.mark.parametrize(
    ("given", "fault", "words"),
    [
        (None, "none", "run the cell that defines fgsm"),
        (torch.nn.Linear, "class", "write a function, def fgsm(model, x, y, eps):"),
        (3, "not-callable", "a value of type int"),
        (lambda x: x, "arity", "called as fgsm(model, x, y, eps), and yours takes (x)"),
        (lambda *a: 1 / 0, "raises", "ZeroDivisionError: division by zero"),
        (lambda m, x, y, eps: checks.fgsm(right_fgsm), "calls-checks", "calls a check itself"),
        (lambda m, x, y, eps: checks.bim.judge(right_fgsm), "calls-checks", "calls a check"),
    ],
)
def test_bad_input_gets_one_clear_line(given: object, fault: str, words: str) -> None:
    """Catches a check that raises, or says something that helps nobody."""
    verdict = checks.fgsm.judge(given)
    assert (verdict.mark, verdict.fault) == ("✗", fault)
    assert words in verdict.text
    assert checks.fgsm.judge(copy_of(right_fgsm)).mark == "✓"  # and the next one works


def test_an_error_is_told_with_its_line_and_its_meaning() -> None:
    """Catches an exception without the place to look at."""
    text = checks.fgsm.judge(answers("fgsm", "wrong")["wrong_raises"]).text
    assert "at `grad = torch.autograd.grad(loss, x)[0]`" in text
    assert "RuntimeError: " in text and "requires_grad_()" in text


def by_rows(w, y, eps):  # type: ignore[no-untyped-def]
    return -eps * y * w.sign()


def by_a_product(w, y, eps):  # type: ignore[no-untyped-def]
    return -eps * y @ w.sign()


def by_columns(W, bias, lower, upper):  # type: ignore[no-untyped-def]
    return W @ lower + bias, W @ upper + bias


def of_mnists_size(model, x, y, eps):  # type: ignore[no-untyped-def]
    return x.reshape(-1, 784).clamp(0, 1).reshape(x.shape)


def by_width(loss, x, directions, h):  # type: ignore[no-untyped-def]
    return (loss(x + h * directions[0]) - loss(x)) / h * directions[0]


def not_recorded(models, x, y, eps):  # type: ignore[no-untyped-def]
    x = x.clone().requires_grad_()
    with torch.no_grad():
        logits = sum(model(x) for model in models)
    F.cross_entropy(logits, y).backward()


@torch.no_grad()
def not_recorded_at_all(models, x, y, eps):  # type: ignore[no-untyped-def]
    x = x.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(models[0](x), y), x)


def cut_off_the_graph(models, x, y, eps):  # type: ignore[no-untyped-def]
    x = x.clone()
    x.requires_grad = True
    logits = torch.stack([model(x).detach() for model in models]).mean(0)
    return torch.autograd.grad(F.cross_entropy(logits, y), x)


def not_asked_for(models, x, y, eps):  # type: ignore[no-untyped-def]
    x = x.clone()
    return torch.autograd.grad(F.cross_entropy(models[0](x), y), x)


@pytest.mark.parametrize(
    ("name", "function", "line", "words"),
    [
        ("worst_case_linear", by_rows, "return -eps * y * w.sign()", "v[:, None] makes a column"),
        ("worst_case_linear", by_a_product, "return -eps * y @", "v[:, None] makes a column"),
        ("estimated_gradient", by_width, "return (loss(", "has to be v[:, None, None, None]"),
        ("interval_linear", by_columns, "return W @ lower", "examples are rows, so a layer is x @"),
        ("fgsm", of_mnists_size, "return x.reshape(-1, 784)", "flatten(1) takes any"),
        ("ensemble_fgsm", not_recorded, "F.cross_entropy(logits, y).b", "(under no_grad() no grad"),
        ("ensemble_fgsm", not_recorded_at_all, "return torch.autograd", "(under no_grad() no grad"),
        ("ensemble_fgsm", cut_off_the_graph, "return torch.", "(no .detach() or .item() on the"),
        ("ensemble_fgsm", not_asked_for, "return torch.", "(call requires_grad_() on your copy"),
    ],
)
def test_torchs_words_are_explained_for_what_the_code_does(
    name: str, function: Callable[..., Any], line: str, words: str
) -> None:
    """Catches an error of torch's that is left alone, or explained by what is there already."""
    text = EXERCISES[name].judge(function).text
    assert f"at `{line}" in text and words in text


@pytest.mark.parametrize("key", ["the_fewer", "all_misread"])
def test_another_share_is_told_with_the_numbers_of_an_input(key: str) -> None:
    """Catches a share of something else that is told in decimals alone, or as a known one."""
    text = verdict_on("agreement", f"wrong_values__{key}").text
    assert re.fullmatch(
        r"of (\d+) examples both misread (\d+), and (\d+) of these as the same class: "
        r"\3 / \2 = 0\.\d+ is due, and 0\.\d+ comes out",
        text,
    )


def test_a_function_that_fails_for_one_image_is_told_so() -> None:
    """Catches an error that only a batch of one causes, told without the batch."""

    def squeezes(model, x, y, eps):  # type: ignore[no-untyped-def]
        if x.squeeze().dim() != x[:, 0].dim():
            raise IndexError("too few dimensions")
        return right_fgsm(model, x, y, eps)

    assert "stops with a batch of 1 at" in checks.fgsm.judge(squeezes).text


def test_lost_examples_are_told_how_many_are_due() -> None:
    """Catches a shape that is right but for the number of examples, told as a shape alone."""
    text = checks.fgsm.judge(lambda model, x, y, eps: x[1:]).text
    assert re.search(r"the shape \[\d+, .* is due: one for each of the \d+ examples", text)


def test_the_stop_button_still_stops() -> None:
    """Catches a check that swallows the learner's own interrupt."""

    def interrupted(model, x, y, eps):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.fgsm.judge(interrupted)
    assert checks.fgsm.judge(copy_of(right_fgsm)).mark == "✓"


def test_a_broken_check_does_not_stop_the_notebook() -> None:
    """Catches an error of the check's own that reaches the learner as a traceback."""
    broken = dataclasses.replace(checks.fgsm, cases=[None])  # type: ignore[list-item]
    assert broken.judge(copy_of(right_fgsm)).fault == "internal"


# --- endless answers ---


def endless(model, x, y, eps):  # type: ignore[no-untyped-def]
    while True:
        pass


def endless_and_deaf(model, x, y, eps):  # type: ignore[no-untyped-def]
    while True:
        try:
            sum(range(1000))
        except Exception:
            continue


@pytest.mark.parametrize("answer", [endless, endless_and_deaf])
@pytest.mark.parametrize("way", ["main thread", "other thread", "no signals"])
def test_an_endless_answer_is_stopped(
    answer: Callable[..., Any], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a kernel that hangs: on Linux, in a thread, and where there are no signals."""
    monkeypatch.setattr(engine, "SECONDS", 0.2)
    if way == "no signals":
        monkeypatch.delattr(sandbox.signal, "setitimer", raising=False)
    said: list[Verdict] = []
    if way == "other thread":
        thread = threading.Thread(target=lambda: said.append(checks.fgsm.judge(answer)))
        thread.start()
        thread.join(timeout=60)
    else:
        said.append(checks.fgsm.judge(answer))
    assert [verdict.fault for verdict in said] == ["endless"]
    assert said[0].text == "still running after 0.2 s: is there an endless loop?"
    assert sum(range(100_000)) == 4_999_950_000  # nothing goes off afterwards


# --- what it leaves behind ---


def meddling(model, x, y, eps):  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    print("looking around")
    print("and complaining", file=sys.stderr)
    raise ValueError("enough")


@pytest.mark.parametrize("key", ["meddling", "right_by_delta", "wrong_random", "wrong_values"])
def test_the_notebook_is_as_before(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a check after which the same notebook draws other random numbers, or worse."""
    answer = meddling if key == "meddling" else vars(importlib.import_module("answers.fgsm"))[key]
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    expected = (torch.rand(3).tolist(), random.random(), np.random.rand())
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    with torch.no_grad():
        checks.fgsm(answer)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert (torch.rand(3).tolist(), random.random(), np.random.rand()) == expected
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1 and captured.err == ""


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_where_no_gradients_are_recorded(mode: Callable[[], Any]) -> None:
    """Catches a right answer that fails because the cell runs under no_grad."""
    with mode():
        assert checks.fgsm.judge(copy_of(right_fgsm)).mark == "✓"


def test_it_works_with_another_default_dtype() -> None:
    """Catches a right answer that fails because the notebook works in float64."""
    torch.set_default_dtype(torch.float64)
    try:
        assert checks.fgsm.judge(copy_of(right_fgsm)).mark == "✓"
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


# --- stubs, seen without running them ---


def test_a_stub_is_not_run() -> None:
    """Catches a stub whose given lines have effects before anybody has begun."""
    ran = []

    def begun(model, x, y, eps):  # type: ignore[no-untyped-def]
        ran.append(1)
        ...

    assert checks.fgsm.judge(begun).fault == "stub"
    assert ran == []


@pytest.mark.parametrize("body", ["...", "'doc'\n    ...", "pass", "'doc'"])
def test_a_stub_without_source_is_seen(body: str) -> None:
    """Catches a stub that Python has no source for, as after `exec`."""
    namespace: dict[str, Any] = {}
    exec(f"def fgsm(model, x, y, eps):\n    {body}", namespace)
    assert checks.fgsm.judge(namespace["fgsm"]).fault == "stub"


def left_below(model, x, y, eps):  # type: ignore[no-untyped-def]
    return right_fgsm(model, x, y, eps)
    ...


def left_above(model, x, y, eps):  # type: ignore[no-untyped-def]
    ...
    return (x + eps * model(x).mean()).clamp(0, 1)


def left_in_an_if(model, x, y, eps):  # type: ignore[no-untyped-def]
    if eps == 0:
        ...
    elif eps < 0:
        raise ValueError("eps is negative")
    return right_fgsm(model, x, y, eps)


def begun_in_an_if(model, x, y, eps):  # type: ignore[no-untyped-def]
    if eps == 0:
        ...


def left_in_a_name(model, x, y, eps):  # type: ignore[no-untyped-def]
    x_adv = ...
    x_adv = right_fgsm(model, x, y, eps)
    return x_adv


def left_in_a_return(model, x, y, eps):  # type: ignore[no-untyped-def]
    return right_fgsm(model, x, y, eps)
    return ...


def begun_in_a_name(model, x, y, eps):  # type: ignore[no-untyped-def]
    gradient = ...
    return x + eps * gradient.sign()


@pytest.mark.parametrize(
    ("function", "mark", "line"),
    [
        (left_in_an_if, "✓", 3),
        (left_below, "✓", 3),
        (left_in_a_name, "✓", 2),
        (left_in_a_return, "✓", 3),
        (left_above, "✗", 2),
    ],
)
def test_a_leftover_placeholder_is_named_and_the_answer_judged(
    function: Callable[..., Any], mark: str, line: int
) -> None:
    """Catches a finished answer taken for an open one because `...` still stands in it."""
    verdict = checks.fgsm.judge(function)
    assert verdict.mark == mark
    assert verdict.text.endswith(f"the `...` in its line {line} is left over, and can go")


def test_a_placeholder_that_nothing_replaces_is_an_open_answer() -> None:
    """Catches an answer that was not attempted and is told an error of Python's."""
    for begun in (begun_in_an_if, begun_in_a_name):
        assert checks.fgsm.judge(begun).fault == "stub"


def test_two_threads_can_check_at_once() -> None:
    """Catches a check that takes another thread's check for one of its own answer's."""
    said: list[Verdict] = []
    threads = [
        threading.Thread(target=lambda: said.append(checks.levels_to_eps.judge(lambda n: n / 255)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [verdict.mark for verdict in said] == ["✓"] * 4


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_an_answer_whose_thread_calls_a_check_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a check and an answer's thread that wait for each other for ever."""
    monkeypatch.setattr(engine, "SECONDS", 1.0)
    said: list[Verdict] = []

    def waits(model, x, y, eps):  # type: ignore[no-untyped-def]
        in_a_thread(lambda: said.append(checks.levels_to_eps.judge(lambda n: n / 255)))
        return x

    in_a_thread(lambda: said.append(checks.fgsm.judge(waits)))
    assert {verdict.fault for verdict in said[:-1]} == {"busy"}
    assert said[-1].fault == "endless" and "a check that it calls itself?" in said[-1].text


def test_a_check_that_has_to_wait_for_long_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback, or a cell that hangs, while another thread's check runs."""
    with engine._turn.taken():
        in_a_thread(lambda: checks.levels_to_eps(lambda n: n / 255))
    assert capsys.readouterr().out == (
        "○ levels_to_eps: not checked, since another check is running: run it again after that one"
        f"{engine.GOES_ON}\n"
    )


@pytest.mark.parametrize("older", [False, True])
def test_own_draws_are_those_of_the_seed(older: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an operation that draws from the shared generator, in this torch or an older one."""
    if older:
        monkeypatch.setattr(sandbox, "_with_a_generator", lambda func: None)
    x = torch.full((3, 4), 0.5)

    def draws() -> list[torch.Tensor]:
        made = [torch.rand(3), torch.randn(2, 2), torch.randint(2, 5, (3,)), torch.randperm(7)]
        made += [torch.rand_like(x), torch.randn_like(x), torch.randint_like(x, 4)]
        made += [torch.empty(3).uniform_(), torch.normal(x, 1.0), torch.bernoulli(x)]
        made += [torch.multinomial(torch.ones(5), 3), F.dropout(x), torch.empty(3).exponential_()]
        return [*made, torch.nn.Linear(3, 2).weight, torch.nn.Conv2d(1, 2, 3).weight]

    torch.manual_seed(5)
    expected = draws()
    torch.manual_seed(9)
    before = torch.get_rng_state()
    with sandbox.OwnDraws(5):
        found = draws()
    assert all(map(torch.equal, found, expected))
    assert torch.equal(torch.get_rng_state(), before)


def drawing(model, x, y, eps):  # type: ignore[no-untyped-def]
    torch.manual_seed(random.randrange(3) + np.random.randint(3))
    return right_fgsm(model, x + 0 * torch.rand_like(F.dropout(x)), y, eps)


def drawing_by_name(model, x, y, eps):  # type: ignore[no-untyped-def]
    torch.manual_seed(choice(range(3)) + numpys_randint(3))
    return drawing(model, x, y, eps)


helper = types.ModuleType("helper")
exec("from random import choice\n\ndef pick(): return choice(range(3))", vars(helper))
pick = helper.pick


def drawing_elsewhere(model, x, y, eps):  # type: ignore[no-untyped-def]
    return right_fgsm(model, x + 0 * (pick() + helper.pick()), y, eps)


@pytest.mark.parametrize(
    "answer",
    [
        copy_of(right_fgsm),
        drawing,
        drawing_by_name,
        functools.partial(drawing_by_name),
        drawing_elsewhere,
    ],
)
def test_another_thread_draws_what_it_would_without_a_check(answer: Callable[..., Any]) -> None:
    """Catches a check that reseeds or winds back what a training in another thread draws from."""

    def numbers() -> tuple[float, ...]:
        return torch.rand(()).item(), random.random(), np.random.rand()

    def seed() -> None:
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)

    drawn, over = [], threading.Event()

    def draw() -> None:
        while not over.wait(0.0005):
            drawn.append(numbers())

    seed()
    thread = threading.Thread(target=draw)
    thread.start()
    try:
        said = [checks.fgsm.judge(answer) for _ in range(5)]
    finally:
        over.set()
        thread.join()
    drawn.append(numbers())
    seed()
    assert len(drawn) > 10 and drawn == [numbers() for _ in drawn]
    assert {verdict.mark for verdict in said} == {"✓"}


def test_what_another_thread_prints_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches lines of a training in another thread that a check swallows."""
    asked, answered = threading.Event(), threading.Event()

    def training() -> None:
        asked.wait(60)
        print("epoch 1")
        answered.set()

    def loud(levels):  # type: ignore[no-untyped-def]
        print("looking around")
        asked.set()
        answered.wait(60)
        return levels / 255

    thread = threading.Thread(target=training)
    thread.start()
    checks.levels_to_eps(loud)
    thread.join()
    assert capsys.readouterr().out == (
        "epoch 1\n✓ levels_to_eps: right on all 3 inputs it was tried on\n"
    )


def loss(model, x, y):  # type: ignore[no-untyped-def]
    return F.cross_entropy(model(x).softmax(dim=1), y)


def downhill(model, x, y, eps):  # type: ignore[no-untyped-def]
    copy = x.clone().requires_grad_()
    loss = F.cross_entropy(model(copy), y)
    return (x - eps * torch.autograd.grad(loss, copy)[0].sign()).clamp(0, 1)


def test_a_variable_is_not_taken_for_a_function_of_its_name() -> None:
    """Catches a diagnosis by the code of a function that the answer never calls."""
    assert checks.fgsm.judge(downhill).fault == "minus"


def test_dots_in_an_index_are_no_stub() -> None:
    """Catches a right answer taken for an open one because it indexes with dots."""

    def indexes(model, x, y, eps):  # type: ignore[no-untyped-def]
        return right_fgsm(model, x[..., :], y, eps)

    assert checks.fgsm.judge(indexes).mark == "✓"


# --- in a notebook ---


def test_in_a_kernel(tmp_path: Any) -> None:
    """Catches what only a kernel shows: sources of cells, displays, signals, the kernel's life."""
    nbclient = pytest.importorskip("nbclient")
    import nbformat
    from jupyter_client.manager import AsyncKernelManager

    from tools.notebooks.execution import ThisPython

    cells = [
        "from advtutor import checks\nfrom advtutor.checks import engine\nengine.SECONDS = 0.5",
        "def fgsm(model, x, y, eps):\n    ...\n\nfgsm = checks.fgsm(fgsm)",
        "def fgsm(model, x, y, eps):\n    while True:\n        pass\n\nfgsm = checks.fgsm(fgsm)",
        "from IPython.display import display\nfrom tqdm.auto import tqdm\n"
        "def fgsm(model, x, y, eps):\n    display(1)\n    list(tqdm([1]))\n    return x.wrong\n\n"
        "fgsm = checks.fgsm(fgsm)",
        "checks.fgsm.hint()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    nbclient.NotebookClient(
        notebook, km=manager, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [
        [output.get("text") or output.data["text/plain"] for output in cell.outputs]
        for cell in notebook.cells
    ]
    assert outputs[:3] == [
        [],
        [f"○ fgsm: not attempted yet{engine.GOES_ON}"],
        [f"✗ fgsm: still running after 0.5 s: is there an endless loop?{engine.GOES_ON}"],
    ]
    assert outputs[3] == [
        "✗ fgsm: it stops at `return x.wrong` with AttributeError: "
        f"'Tensor' object has no attribute 'wrong'{engine.GOES_ON}"
    ]
    assert outputs[4][0].startswith("hint 1 of 3: ")


def test_importing_the_checks_stays_cheap() -> None:
    """Catches an import of something heavy that the checks do not need."""
    code = (
        "import advtutor.checks, sys; print([m for m in ('torchvision', 'matplotlib', 'IPython', "
    )
    code += "'ipywidgets', 'skimage') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_in_the_docs_is_current() -> None:
    """Catches a mistake or a message that the docs do not know."""
    assert exercise_table.TABLE.read_text(encoding="utf-8") == exercise_table.table(), (
        "run python -m tools.notebooks.exercise_table"
    )
