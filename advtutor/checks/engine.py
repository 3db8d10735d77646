"""An exercise check: it runs an answer, compares it with a reference and names the mistake.

Faults are looked for from the most basic to the least: an answer that has two is told the first.
"""

import ast
import contextlib
import inspect
import itertools
import linecache
import math
import operator
import re
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor import progress
from advtutor._say import say
from advtutor.checks.sandbox import TooLong, quiet, restored, seed_everything, time_limit
from advtutor.checks.stub import is_stub, source_of
from advtutor.checks.watch import changes, note

SECONDS = 10.0  # for all runs of one answer; a right one takes a fraction of one
RTOL, ATOL = 1e-4, 1e-6  # above the rounding of float32, far below any step of the exercises

Function = Callable[..., Any]
Edits = dict[str, str]  # what stands in the answer, and what is written in its place

# What torch says, and what it means for somebody who meets it for the first time.
MEANINGS = {
    "does not require grad": "call requires_grad_() on your copy of x before the model sees it",
    "One of the differentiated Tensors": "the gradient's input is not the tensor the model saw",
    "a leaf Variable that requires grad": "make a new tensor instead of changing one in place",
    "scalar outputs": "a gradient needs one number: reduce the loss over the batch",
    "second time": "backward() has been called on it already: compute the loss afresh",
    "Can't call numpy()": "stay with torch: nothing here needs NumPy",
}


@dataclass(frozen=True)
class Case:
    """One input: `build()` makes the arguments afresh, the same ones every time."""

    build: Callable[[], tuple[Any, ...]]
    batch: int


class Mistake:
    """A known way to get the exercise wrong, as edits of the answer.

    `ways` are the ways to make it, each with all its edits: {".clamp(0, 1)": ""} takes the clip
    out of the answer. What is replaced stands once in the answer's body. An edit may use what the
    exercise's file defines, torch and F. Where two mistakes give the same values, `source` tells
    them apart: a pattern in the learner's code.
    """

    def __init__(self, name: str, message: str, *ways: Edits, source: str | None = None) -> None:
        self.name, self.message, self.ways, self.source = name, message, ways, source


@dataclass(frozen=True)
class Verdict:
    """What a check found: its mark, the name of the fault ('' where there is none), its text."""

    mark: str
    fault: str
    text: str


@dataclass
class Run:
    """One call: the case it was made for, what went in, what came out, what it changed."""

    case: Case
    arguments: dict[str, Any]
    result: Any
    changed: dict[str, str]


class CheckedInside(BaseException):
    """A function under check has called a check."""


class _Found(Exception):
    """Ends the search: this is the fault."""

    def __init__(self, fault: str, text: str) -> None:
        super().__init__(text)
        self.fault, self.text = fault, text


@dataclass(repr=False)
class Exercise:
    """One exercise: call it with an answer, and it says what it thinks of it in one line.

    `reference` is the course's own answer, the `number`-th of its `notebook`; its text is the one
    that the solved notebook shows. `cases` are the inputs, `mistakes` the known ones, the most
    basic first. `look` takes (result, arguments) and returns what has to agree with the reference,
    where that is more than the result. `otherwise` takes the runs of an answer that is wrong in no
    known way, and those of the reference, and may still find (fault, text). `says` replaces the
    text of a general fault. `may_change` names the changes of its arguments (`watch.changes`) that
    are meant. `patience` multiplies the time an answer may take.
    """

    reference: Function
    notebook: str
    number: int
    cases: Sequence[Case]
    mistakes: Sequence[Any]  # of Mistake here; other kinds of exercises have their own
    hints: tuple[str, str, str]
    look: Callable[[Any, dict[str, Any]], Any] | None = None
    otherwise: Callable[[list[Run], list[Run]], tuple[str, str] | None] | None = None
    says: dict[str, str] = field(default_factory=dict)
    may_change: frozenset[str] = frozenset()
    patience: float = 1.0
    _hints_given: int = 0

    _running = False  # one flag for all exercises: a check inside a check is seen by the outer one

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.reference.__name__

    @property
    def call(self) -> str:
        """How the function is called: 'fgsm(model, x, y, eps)'."""
        return f"{self.name}({', '.join(inspect.signature(self.reference).parameters)})"

    @cached_property
    def answer(self) -> str:
        """The source of the course's own answer."""
        return inspect.getsource(self.reference).rstrip()

    @cached_property
    def body(self) -> str:
        """What stands below the first line of the answer, each line with its `\\n`."""
        first = _definition_in(self.answer).body[0]
        return "".join(f"{line}\n" for line in self.answer.split("\n")[first.lineno - 1 :])

    def made_by(self, *mistakes: str) -> Function:
        """The answer with these mistakes made in it, the first way of each."""
        ways = {mistake.name: mistake.ways[0] for mistake in self.mistakes}
        made = self.edited(*(ways[name] for name in mistakes))
        if made is None:
            raise ValueError(f"{self.name}: the edits of {', '.join(mistakes)} do not fit together")
        return made

    def edited(self, *ways: Edits) -> Function | None:
        """The answer after these edits, one by one; None where one no longer has its place."""
        body = self.body
        for old, new in (edit for way in ways for edit in way.items()):
            if body.count(old) != 1:
                return None
            body = body.replace(old, new)
        head = self.answer[: self.answer.index(self.body.rstrip("\n"))]
        text, file = head + body, f"<{self.name} with a mistake>"
        linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
        namespace = {"torch": torch, "F": F} | self.reference.__globals__
        try:
            exec(compile(text, file, "exec"), namespace)
        except SyntaxError:
            return None
        made: Function = namespace[self.name]
        return made

    @property
    def _seconds(self) -> float:
        return self.patience * SECONDS

    def __repr__(self) -> str:
        return f"<check of {self.call}; also .hint() and .solution()>"

    def __call__(self, function: Function) -> Function:
        """Print one line on `function`; return it if it is right, and else the course's own."""
        verdict = self.judge(function)
        say(f"{verdict.mark} {self.name}: {verdict.text}")
        if verdict.mark != "✓":
            return self.reference
        progress.record(self.name)
        return function

    def hint(self) -> None:
        """Print the next of three hints; the last one stays."""
        self._hints_given = min(self._hints_given + 1, len(self.hints))
        say(f"hint {self._hints_given} of {len(self.hints)}: {self.hints[self._hints_given - 1]}")

    def solution(self) -> None:
        """Print the course's own answer."""
        say(self.answer)

    def judge(self, function: Any) -> Verdict:
        """The verdict on `function`, without a word; whatever it does, the notebook is as before.

        Only KeyboardInterrupt, the learner's own stop button, passes through.
        """
        try:
            with _one_at_a_time(), restored(), quiet():
                self._find_fault(function)
        except _Found as found:
            mark = "○" if found.fault == "stub" else "✗"
            return Verdict(mark, found.fault, found.text)
        except Exception as error:  # ours: it must not cost the learner the notebook
            text = f"the check itself broke, which is no fault of yours: {_last_line(error)}"
            return Verdict("✗", "internal", text)
        return Verdict("✓", "", f"right on all {len(self.cases)} inputs it was tried on")

    # --- the search, the most basic first ---

    def _find_fault(self, function: Any) -> None:
        self._is_a_function(function)
        self._has_been_attempted(function)
        self._takes_the_arguments(function)
        wanted = self.reference_runs()
        runs = self._runs(function)
        for run, right in zip(runs, wanted, strict=True):
            self._has_the_right_form(run.result, right.result)
        self._ran_as_handed_over(runs)
        self.compare(function, runs, wanted)
        self._leaves_things_alone(runs, wanted)

    def fail(self, fault: str, text: str) -> None:
        raise _Found(fault, self.says.get(fault, text))

    def _is_a_function(self, function: Any) -> None:
        if function is None:
            self.fail(
                "none", f"this is None, no function: run the cell that defines {self.name} again"
            )
        if inspect.isclass(function):
            self.fail("class", f"this is a class; write a function, def {self.call}:")
        if not callable(function):
            kind = type(function).__name__
            self.fail("not-callable", f"this is no function but a value of type {kind}")

    def _has_been_attempted(self, function: Function) -> None:
        if function is self.reference:
            self.fail(
                "stub",
                "not attempted yet (this is the course's own; run the cell that defines yours)",
            )
        if is_stub(function):
            self.fail("stub", "not attempted yet")

    def _takes_the_arguments(self, function: Function) -> None:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # a builtin that does not tell
            return
        for case in self.cases:
            arguments = case.build()
            try:
                signature.bind(*arguments)
            except TypeError:
                names = list(inspect.signature(self.reference).parameters)[: len(arguments)]
                called = f"{self.name}({', '.join(names)})"
                self.fail("arity", f"it is called as {called}, and yours takes {signature}")

    def reference_runs(self) -> list[Run]:
        """What the answers are compared with."""
        return [self._run(self.reference, case) for case in self.cases]

    def _runs(self, function: Function) -> list[Run]:
        runs: list[Run] = []
        with self._named_errors(function, runs), time_limit(self._seconds):
            for case in self.cases:
                runs.append(self._run(function, case))
        return runs

    def _run(self, function: Function, case: Case, seed: int = 0) -> Run:
        seed_everything(seed)
        values = case.build()
        names = inspect.signature(self.reference).parameters
        arguments = dict(zip(names, values, strict=False))
        before = note(arguments)
        seed_everything(seed + 1)
        torch.set_grad_enabled(True)  # the run before may have left it off
        result = function(*values)
        changed = changes(before, arguments)
        if not torch.is_grad_enabled():
            changed["grad-off"] = "torch"
        return Run(case, arguments, result, changed)

    @contextlib.contextmanager
    def _named_errors(self, function: Function, runs: Sequence[Run] = ()) -> Iterator[None]:
        """Turn whatever an answer throws into a fault; `runs` are those that went well before."""
        try:
            yield
        except TooLong:
            self.fail(
                "endless", f"still running after {self._seconds:g} s: is there an endless loop?"
            )
        except CheckedInside:
            self.fail("calls-checks", "it calls a check itself; call the check below it, once")
        except (Exception, SystemExit, GeneratorExit) as error:
            only = self._only_with(len(runs)) + _where(error, function)
            self.fail("raises", f"it stops{only} with {_last_line(error)}{_meaning(error)}")

    def _only_with(self, index: int) -> str:
        """' with a batch of 1', where the cases before this one had other batches."""
        before = {case.batch for case in self.cases[:index]}
        if not 0 < index < len(self.cases) or self.cases[index].batch in before:
            return ""
        return f" with a batch of {self.cases[index].batch}"

    def _has_the_right_form(self, result: Any, right: Any) -> None:
        if result is None:
            self.fail("nothing", "it returns nothing: does it end in return?")
        if isinstance(right, tuple):
            if not isinstance(result, tuple | list) or len(result) != len(right):
                self.fail("type", f"it returns {_kind(result)}; return {len(right)} tensors")
            for one, right_one in zip(result, right, strict=True):
                self._has_the_right_form(one, right_one)
        elif isinstance(right, Tensor):
            self._is_such_a_tensor(result, right)
        elif isinstance(result, bool) or not isinstance(result, float | int):
            self.fail("type", f"it returns {_kind(result)}; return a number, as .item() gives it")
        elif not math.isfinite(result) and math.isfinite(right):
            self.fail("nan", f"it returns {result}")

    def _is_such_a_tensor(self, result: Any, right: Tensor) -> None:
        if not isinstance(result, Tensor):
            self.fail("type", f"it returns {_kind(result)}; return a torch tensor")
        if result.shape != right.shape:
            self.fail(
                "shape",
                f"it returns the shape {list(result.shape)} where {list(right.shape)} is due",
            )
        if result.dtype != right.dtype:
            self.fail("dtype", f"it returns {result.dtype} where {right.dtype} went in")
        if not result.isfinite().all():
            self.fail("nan", "the result holds NaN or infinity: what is divided by zero?")
        if right.requires_grad and not result.requires_grad:
            self.fail(
                "detached",
                "the result has no gradient any more: no .item(), .detach() or no_grad() around it",
            )

    def _ran_as_handed_over(self, runs: list[Run]) -> None:
        if any("ran-in-training" in run.changed for run in runs):
            self.fail(
                "train-mode",
                "it runs the model in train mode, with dropout on and batch norm learning; "
                "the model comes in eval mode: leave it there",
            )

    def compare(self, function: Function, runs: list[Run], wanted: list[Run]) -> None:
        """Raise, through `fail`, where the results are not what they should be."""
        self._is_not_random(function, runs)
        self._has_the_right_values(function, runs, wanted)

    def _is_not_random(self, function: Function, runs: list[Run]) -> None:
        with self._named_errors(function), time_limit(self._seconds):
            again = [self._run(function, case, seed=12345) for case in self.cases]
        if not all(_same(run.result, other.result) for run, other in zip(runs, again, strict=True)):
            self.fail("random", "two calls with the same input give different results")

    def _has_the_right_values(self, function: Function, runs: list[Run], wanted: list[Run]) -> None:
        seen, right = self._looked(function, runs), self._looked(self.reference, wanted)
        agrees = [_same(one, other) for one, other in zip(seen, right, strict=True)]
        if all(agrees):
            return
        if mistake := self._known_mistake(function, seen):
            raise _Found(mistake.name, mistake.message)
        single = [case.batch == 1 for case in self.cases]
        if any(agrees) and agrees == single:
            self.fail("one-only", "right for a single image, wrong for a batch of several")
        if any(agrees) and not any(map(operator.eq, agrees, single)):
            self.fail("several-only", "right for several images, wrong for a batch of one")
        if self.otherwise and (found := self.otherwise(runs, wanted)):
            raise _Found(*found)
        first = agrees.index(False)
        self.fail("values", _difference(seen[first], right[first]))

    def _looked(self, function: Function, runs: list[Run]) -> list[Any]:
        with self._named_errors(function):
            return [self.seen(run) for run in runs]

    def seen(self, run: Run) -> Any:
        """What of a run has to agree with the reference."""
        return self.look(run.result, run.arguments) if self.look else run.result

    def _known_mistake(self, function: Function, seen: list[Any]) -> Mistake | None:
        """The mistake that gives these values; with two at once, the more basic of them."""
        text = source_of(function)
        fitting = [m for m in self.mistakes if m.source is None or re.search(m.source, text)]
        pairs = itertools.combinations(fitting, 2)
        for together in itertools.chain(((one,) for one in fitting), pairs):
            for ways in itertools.product(*(one.ways for one in together)):
                made = self.edited(*ways)
                if made is not None and self._gives(made, seen):
                    return together[0]
        return None

    def _gives(self, wrong: Function, seen: list[Any]) -> bool:
        """Whether `wrong` gives what was seen, on every case."""
        try:
            return all(
                _same(self.seen(self._run(wrong, case)), value)
                for case, value in zip(self.cases, seen, strict=True)
            )
        except Exception:  # two mistakes at once may be no function any more
            return False

    def _leaves_things_alone(self, runs: list[Run], wanted: list[Run]) -> None:
        changed: dict[str, str] = {}
        for run in runs:
            changed |= {kind: n for kind, n in run.changed.items() if kind not in self.may_change}
        for kind, text in LEFT_BEHIND.items():
            if kind in changed:
                self.fail(kind, text.format(name=changed[kind]))
        for run, right in zip(runs, wanted, strict=True):
            for one, right_one in zip(_tensors(run.result), _tensors(right.result), strict=True):
                if one.requires_grad and not right_one.requires_grad:
                    self.fail(
                        "attached",
                        "the values are right, but the result still hangs on the graph that made "
                        "it: end with .detach()",
                    )


LEFT_BEHIND = {
    "in-place": "the result is right, but your function changes the {name} it was given: work on "
    "a copy, {name}.clone(), or write out = {name} + … instead of {name} += …",
    "weights": "the result is right, but your function changes the weights of the {name}",
    "mode-left": "the result is right, but your function leaves the {name} in another mode "
    "(train or eval) than it came in",
    "param-grads": "the result is right, but the gradients stored in the parameters of the {name} "
    "have changed; backward() fills them, torch.autograd.grad(loss, x) does not",
    "grad-off": "the result is right, but your function leaves the recording of gradients switched "
    "off, and the next one fails: write with torch.no_grad(): around the lines that need it",
    "frozen": "the result is right, but your function changes requires_grad of the parameters of "
    "the {name}: a frozen layer has to stay frozen, and the others trainable",
    "requires-grad-left": "the result is right, but the {name} it was given now requires a "
    "gradient: take {name}.clone() or {name}.detach() first, and call requires_grad_() on that",
}


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    if Exercise._running:
        raise CheckedInside
    Exercise._running = True
    try:
        yield
    finally:
        Exercise._running = False


def _definition_in(source: str) -> ast.FunctionDef:
    definition = ast.parse(textwrap.dedent(source)).body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition


def _same(one: Any, other: Any) -> bool:
    """Equal up to rounding; tensors, numbers, and tuples, lists and dicts of them."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.allclose(
            one.detach(), other.detach().to(one.dtype), rtol=RTOL, atol=ATOL
        )
    if isinstance(one, float | int):
        if math.isnan(one) or math.isnan(other):  # NaN where NaN is due
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=RTOL, abs_tol=ATOL)
    return one is other


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, tuple | list):
        return [tensor for one in value for tensor in _tensors(one)]
    if isinstance(value, float | int):
        value = torch.tensor(float(value))
    return [value] if isinstance(value, Tensor) else []


def _kind(value: Any) -> str:
    """What a value is, in the learner's words."""
    kind = type(value)
    if kind.__module__ == "numpy":
        return "a NumPy array" if kind.__name__ == "ndarray" else f"NumPy's {kind.__name__}"
    if isinstance(value, tuple | list):
        return f"a {kind.__name__} of {len(value)}"
    return "a tensor" if isinstance(value, Tensor) else f"a value of type {kind.__name__}"


def _last_line(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 160 else text[:159] + "…"


def _where(error: BaseException, function: Function) -> str:
    """The innermost line of the learner's own code: ' at `loss.backward()`'."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if frame.filename == file and frame.line]
    return f" at `{lines[-1]}`" if lines else ""


def _meaning(error: BaseException) -> str:
    for words, meaning in MEANINGS.items():
        if words in str(error):
            return f" ({meaning})"
    return ""


def _difference(seen: Any, right: Any) -> str:
    """Where a result first differs, in numbers."""
    for one, right_one in zip(_tensors(seen), _tensors(right), strict=True):
        wrong = ~torch.isclose(one.detach(), right_one.detach(), rtol=RTOL, atol=ATOL)
        if wrong.any():
            share = 100 * wrong.float().mean().item()
            place = wrong.nonzero()[0].tolist()
            at = f" at {place}" if place else ""
            is_now, should_be = (tensor[tuple(place)].item() for tensor in (one, right_one))
            return (
                f"{share:.0f} % of the values are off: the first{at} is {is_now:.4f}, "
                f"and should be {should_be:.4f}"
            )
    return "the result differs from the course's own"
