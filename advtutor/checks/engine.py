"""An exercise check: it runs an answer, compares it with a reference and names the mistake.

Faults are looked for from the most basic to the least: an answer that has two is told the first.
`observe` runs the answer; `decide` looks at what it did and forms the verdict, elsewhere if told.
"""

import ast
import contextlib
import functools
import inspect
import itertools
import linecache
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor import progress
from advtutor._say import say, tell
from advtutor.checks.code import Code, innermost, is_stub, leftover
from advtutor.checks.differences import (
    Compared,
    compared_in,
    difference,
    same,
    simple_rule,
    tensors,
)
from advtutor.checks.said import SAID
from advtutor.checks.sandbox import OwnDraws, TooLong, own_draws, quiet, restored, time_limit
from advtutor.checks.variations import as_if
from advtutor.checks.watch import changes, note

SECONDS = 10.0  # for all runs of one answer; a right one takes a fraction of one

CALLS_CHECKS = "it calls a check itself; call the check below it, once"
OFF_THE_GRAPH = (
    "the result is right, but its gradient in {name} is not: no .item(), .detach() or no_grad() "
    "on the way from one to the other"
)
GOES_ON = " (the notebook goes on with the course's own function)"

Function = Callable[..., Any]
# A known mistake, as edits of the answer: {".clamp(0, 1)": ""} takes the clip out of it. What is
# replaced stands once in the answer's body; what replaces it may use what the exercise's file
# defines, torch and F. A mistake that is made in several ways has a list of them.
Edits = dict[str, str]

# What torch says, and what it means for somebody who meets it for the first time.
MEANINGS = {
    "must match the size of tensor": "these shapes do not go together: is a sum or a mean missing, "
    "where one number is due? v[:, None] makes a column of a vector v; to go with [N, C, H, W], "
    "one number for each example has to be v[:, None, None, None]",
    "shapes cannot be multiplied": "in a @ b the last size of a is the first of b: examples are "
    "rows, so a layer is x @ weight.T",
    "size mismatch, got input": "in a @ b the last size of a is the first of b: examples are "
    "rows, so a layer is x @ weight.T",
    "is invalid for input of size": "a check's pictures are not of MNIST's size: flatten(1) takes "
    "any",
    "inconsistent tensor size": "@ of two vectors adds up; v[:, None] makes a column of a vector "
    "v, and a column times a row gives a matrix",
    "One of the differentiated Tensors": "the gradient's input is not the tensor the model saw",
    "a leaf Variable that requires grad": "make a new tensor instead of changing one in place",
    "scalar outputs": "a gradient needs one number: reduce the loss over the batch",
    "second time": "backward() or autograd.grad has used up its graph: compute the loss afresh",
    "Boolean value of Tensor": "element by element it is & and |, torch.where, and clamp or "
    "torch.maximum for max",
    "division by zero": "what is due where there is nothing to divide by?",
    "Can't call numpy()": "stay with torch: nothing here needs NumPy",
    "'tuple' object has no attribute": "torch.autograd.grad returns a tuple: take its entry, [0]",
}


@dataclass(frozen=True)
class Case:
    """One input: `build()` makes the arguments afresh, the same ones every time.

    make: makes them, from random numbers that this seed leads to.
    """

    make: Callable[[], tuple[Any, ...]]
    batch: int
    seed: int = 0

    def build(self) -> tuple[Any, ...]:
        """The arguments of one call."""
        with OwnDraws(self.seed):
            return self.make()

    def changed(self, place: int, change: Callable[[Any], Any]) -> "Case":
        """The same input with its argument number `place` changed."""

        def make() -> tuple[Any, ...]:
            values = list(self.make())
            values[place] = change(values[place])
            return tuple(values)

        return replace(self, make=make)


def cases(make: Callable[..., tuple[Any, ...]], *rows: tuple[Any, ...]) -> list[Case]:
    """An input for each row: its seed, its batch, and what else `make(batch, …)` is to get."""
    return [Case(functools.partial(make, *row[1:]), row[1], row[0]) for row in rows]


@dataclass(frozen=True)
class Verdict:
    """What a check found: its mark, the name of the fault ('' where there is none), its text."""

    mark: str
    fault: str
    text: str


@dataclass
class Run:
    """One call: the case it was made for, what went in, what came out, what it changed.

    `seen` is what has to agree with the reference, `again` the result of a second call.
    """

    case: Case
    arguments: dict[str, Any]
    result: Any
    changed: dict[str, str]
    seen: Any = None
    again: Any = None


# Told of each check: the exercise, its runs as far as they went, the verdict.
watchers: list[Callable[[str, list[Run], Verdict], None]] = []


class CheckedInside(BaseException):
    """A function under check has called a check."""


class Found(Exception):
    """Ends a search for faults: this is one."""

    def __init__(self, fault: str, text: str) -> None:
        super().__init__(text)
        self.fault, self.text = fault, text


@dataclass(repr=False)
class Exercise:
    """One exercise: call it with an answer, and it says what it thinks of it in one line.

    `reference` is the course's own answer, the `number`-th of its `notebook`; its text is the one
    that the solved notebook shows. `cases` are the inputs. `mistakes` are the known ones by their
    names, the most basic first; `says` has what the learner is told of them, where `SAID` has it
    not, and may replace the text of a general fault. Where two mistakes give the same values,
    `when` tells them apart by the learner's code. `look` takes (result, arguments) and returns what
    has to agree with the reference, where that is more than the result. `differentiable` names the
    arguments in which the result's gradient has to agree too. `batched` names those that hold one
    entry for each example, where an example's result depends on its own entries only. `otherwise`
    takes the runs of an answer that is wrong in no known way, and those of the reference, and may
    still find (fault, text). `may_change` names the changes of its arguments (`watch.changes`) that
    are meant. `trains` says that the model has to be in train mode when it is last asked, and may
    be left in it. `patience` multiplies the time an answer may take.
    """

    reference: Function
    notebook: str
    number: int
    cases: Sequence[Case]
    mistakes: Mapping[str, Any]  # Edits, or a list of them; a Break has symptoms
    hints: tuple[str, str, str]
    look: Callable[[Any, dict[str, Any]], Any] | None = None
    differentiable: tuple[str, ...] = ()
    batched: tuple[str, ...] = ()
    otherwise: Callable[[list[Run], list[Run]], tuple[str, str] | None] | None = None
    says: dict[str, str] = field(default_factory=dict)
    when: dict[str, Callable[[Code], bool]] = field(default_factory=dict)
    may_change: frozenset[str] = frozenset()
    trains: bool = False
    patience: float = 1.0
    _hints_given: int = 0
    _kept: dict[Any, Any] = field(default_factory=dict)  # what mistakes give, by edits and case

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.reference.__name__

    @property
    def call(self) -> str:
        """How the function is called: 'fgsm(model, x, y, eps)'."""
        return f"{self.name}({', '.join(inspect.signature(self.reference).parameters)})"

    @functools.cached_property
    def answer(self) -> str:
        """The source of the course's own answer."""
        return inspect.getsource(self.reference).rstrip()

    @functools.cached_property
    def body(self) -> str:
        """What stands below the first line of the answer, each line with its `\\n`."""
        first = _definition_in(self.answer).body[0]
        return "".join(f"{line}\n" for line in self.answer.split("\n")[first.lineno - 1 :])

    def ways(self, mistake: str) -> list[Edits]:
        """The ways to make a mistake, each with all its edits."""
        ways = self.mistakes[mistake]
        return ways if isinstance(ways, list) else [ways]

    def message(self, mistake: str) -> str:
        """What the learner is told of a mistake."""
        return self.says[mistake] if mistake in self.says else SAID[mistake]

    def may_be(self, mistake: str, code: Code | None) -> bool:
        """Whether an answer with this code can hold a mistake."""
        when = self.when.get(mistake)
        return when is None or (code is not None and when(code))

    def made_by(self, *mistakes: str) -> Function:
        """The answer with these mistakes made in it, the first way of each."""
        made = self.edited(*(self.ways(name)[0] for name in mistakes))
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
        right = self._told(function, GOES_ON if function is not self.reference else "")
        return function if right else self.reference

    def tell(self, function: Function) -> None:
        """Print the line on `function` and leave it where it is: what is handed in is graded."""
        self._told(function, "")

    def _told(self, function: Function, otherwise: str) -> bool:
        verdict = self.judge(function)
        right = verdict.mark == "✓"
        tell(
            f"{verdict.mark} {self.name}: {verdict.text}{'' if right else otherwise}",
            {"check": self.name, "mark": verdict.mark},
        )
        if right:
            progress.record(self.name)
        return right

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
        runs: list[Run] = []

        def search() -> None:
            runs.extend(self.observe(function))
            self.decide(runs, function)

        verdict = self.verdict(search, function)
        for watch in watchers:
            watch(self.name, runs, verdict)
        line = leftover(function) if verdict.fault != "stub" else None
        if line is None:
            return verdict
        more = f"; the `...` in its line {line} is left over, and can go"
        return Verdict(verdict.mark, verdict.fault, verdict.text + more)

    def verdict(self, search: Callable[[], None], function: Any = None) -> Verdict:
        """What a search for faults ends in, with everything put back that `function` can change."""
        if _turn.held_here():
            raise CheckedInside
        try:
            with _turn.taken(), restored(function), quiet():
                search()
        except Found as found:
            mark = "○" if found.fault in ("stub", "busy") else "✗"
            return Verdict(mark, found.fault, found.text)
        except CheckedInside:
            return Verdict("✗", "calls-checks", CALLS_CHECKS)
        except Exception as error:  # ours: it must not cost the learner the notebook
            text = f"the check itself broke, which is no fault of yours: {_last_line(error)}"
            return Verdict("✗", "internal", text)
        return Verdict("✓", "", f"right on all {len(self.cases)} inputs it was tried on")

    # --- the search, the most basic first ---

    def observe(self, function: Any) -> list[Run]:
        """Run an answer on every input. Raises Found where that already shows a fault."""
        self._is_a_function(function)
        self._has_been_attempted(function)
        self._takes_the_arguments(function)
        runs = self._runs(function)
        self.have_the_right_form(runs, self.wanted)
        self._ran_as_handed_over(runs)
        with self._named_errors(function), time_limit(self._seconds):
            self.look_closer(function, runs)
        return runs

    def look_closer(self, function: Function, runs: list[Run]) -> None:
        """Note what has to agree with the reference, and call the function a second time."""
        for run in runs:
            run.again = self._run(function, run.case, seed=12345).result
            run.seen = self.seen(run)

    def decide(self, runs: list[Run], function: Function | None = None) -> None:
        """Compare what an answer did with the reference. Raises Found where there is a fault.

        function: the answer, where it may be run again to find out more.
        """
        wanted = self.wanted
        self.have_the_right_form(runs, wanted)
        self._ran_as_handed_over(runs)
        self.compare(runs, wanted, function)
        if any("tensor" in run.changed for run in runs):
            self.fail("type", "it returns a tensor; return a number, as .item() gives it")
        self._leaves_things_alone(runs, wanted)

    def fail(self, fault: str, text: str) -> NoReturn:
        """End the search with this fault, in the exercise's own words where it has some."""
        raise Found(fault, self.says.get(fault, text))

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
        for right in self.wanted:
            try:
                signature.bind(*right.arguments.values())
            except TypeError:
                called = f"{self.name}({', '.join(right.arguments)})"
                self.fail("arity", f"it is called as {called}, and yours takes {signature}")

    @functools.cached_property
    def wanted(self) -> list[Run]:
        """What the answers are compared with, the same every time."""
        runs = [self._run(self.reference, case) for case in self.cases]
        for run in runs:
            run.seen = self.seen(run)
        return runs

    def _runs(self, function: Function) -> list[Run]:
        runs: list[Run] = []
        with self._named_errors(function, runs), time_limit(self._seconds):
            for case in self.cases:
                runs.append(self._run(function, case))
        return runs

    def _run(self, function: Function, case: Case, seed: int = 0) -> Run:
        arguments = self.arguments(case)
        before = note(arguments)
        torch.set_grad_enabled(True)  # the run before may have left it off
        with own_draws(seed + 1):
            result = function(*arguments.values())
        changed = changes(before, arguments)
        if not torch.is_grad_enabled():
            changed["grad-off"] = "torch"
        return Run(case, arguments, result, changed)

    def arguments(self, case: Case) -> dict[str, Any]:
        """A case's arguments, made afresh, by their names."""
        names = inspect.signature(self.reference).parameters
        return dict(zip(names, case.build(), strict=False))

    @contextlib.contextmanager
    def _named_errors(self, function: Function, runs: Sequence[Run] = ()) -> Iterator[None]:
        """Turn whatever an answer throws into a fault; `runs` are those that went well before."""
        try:
            yield
        except Found:
            raise
        except TooLong:
            why = "is there an endless loop?"
            if _turn.refused:
                why = "is there an endless loop, or does it wait for a check that it calls itself?"
            self.fail("endless", f"still running after {self._seconds:g} s: {why}")
        except CheckedInside:
            self.fail("calls-checks", CALLS_CHECKS)
        except (Exception, SystemExit, GeneratorExit) as error:
            only = self._only_with(len(runs)) + _where(error, function)
            meaning = _meaning(str(error), Code.of(function))
            self.fail("raises", f"it stops{only} with {_last_line(error)}{meaning}")

    def _only_with(self, index: int) -> str:
        """' with a batch of 1', where it is the first of that size that stops."""
        batches = [case.batch for case in self.cases[: index + 1]]
        alone = 0 < index < len(self.cases) and batches[-1] == 1 and 1 not in batches[:-1]
        return " with a batch of 1" if alone else ""

    def have_the_right_form(self, runs: list[Run], wanted: list[Run]) -> None:
        """Types, shapes and the like. A tensor with one number passes for the number at first."""
        nothing = [run.result is None for run in runs]
        if any(nothing):
            where = "" if all(nothing) else f" for {sum(nothing)} of {len(runs)} inputs"
            self.fail("nothing", f"it returns nothing{where}: does it end in return?")
        for run, right in zip(runs, wanted, strict=True):
            number = isinstance(right.result, float | int)
            if number and isinstance(run.result, Tensor) and run.result.dim() == 0:
                run.result, run.changed["tensor"] = run.result.item(), "result"
            self._has_the_right_form(run.result, right.result)

    def _has_the_right_form(self, result: Any, right: Any) -> None:
        if isinstance(right, tuple):
            if not isinstance(result, tuple | list) or len(result) != len(right):
                self.fail("type", f"it returns {_kind(result)}; return {len(right)} tensors")
            for one, right_one in zip(result, right, strict=True):
                self._has_the_right_form(one, right_one)
        elif isinstance(right, Tensor):
            self._is_such_a_tensor(result, right)
        elif isinstance(result, bool) or not isinstance(result, float | int):
            self.fail("type", f"it returns {_kind(result)}; return one number, as .item() gives it")

    def _is_such_a_tensor(self, result: Any, right: Tensor) -> None:
        if not isinstance(result, Tensor):
            self.fail("type", f"it returns {_kind(result)}; return a torch tensor")
        if result.shape != right.shape:
            some = result.dim() and right.dim() and result.shape[1:] == right.shape[1:]
            each = f": one for each of the {len(right)} examples" if some else ""
            due = f"it returns the shape {list(result.shape)} where {list(right.shape)} is due"
            self.fail("shape", due + each)
        if result.dtype != right.dtype:
            self.fail("dtype", f"it returns {result.dtype} where {right.dtype} went in")
        if right.requires_grad and not result.requires_grad:
            self.fail(
                "detached",
                "the result has no gradient any more: no .item(), .detach() or no_grad() around it",
            )

    def _ran_as_handed_over(self, runs: list[Run]) -> None:
        if not self.trains and any("ran-in-training" in run.changed for run in runs):
            self.fail(
                "train-mode",
                "it runs the model in train mode, with dropout on and batch norm learning; "
                "the model comes in eval mode: leave it there",
            )

    def compare(self, runs: list[Run], wanted: list[Run], function: Function | None) -> None:
        """Raise, through `fail`, where the results are not what they should be."""
        if not all(same(_number(run.result), _number(run.again)) for run in runs):
            self.fail("random", "two calls with the same input give different results")
        agrees = [same(run.seen, right.seen) for run, right in zip(runs, wanted, strict=True)]
        if all(agrees):
            return
        finite = [_is_finite(run, right) for run, right in zip(runs, wanted, strict=True)]
        rest = list(itertools.compress(runs, finite))
        code = Code.of(function) if function else None
        changed = [run.changed["in-place"] for run in runs if "in-place" in run.changed]
        wrong = not all(itertools.compress(agrees, finite))
        if wrong and (mistake := self._known_mistake(code, rest)):
            copy = "it changes the {0} it was given (work on a copy, {0}.clone()), and "
            first = copy.format(changed[0]) if changed else ""
            raise Found(mistake, first + self.message(mistake))
        if changed:
            self.fail(
                "in-place",
                f"it changes the {changed[0]} it was given, and goes on with the changed one: work "
                f"on a copy, {changed[0]}.clone(), or write out = {changed[0]} + …",
            )
        if len(rest) < len(runs):
            first = runs[finite.index(False)].result
            number = isinstance(first, float | int)
            text = (
                "the result holds NaN or infinity: is it divided by zero, or left over from a mask?"
            )
            self.fail("nan", f"it returns {first}" if number else text)
        if function and code:
            with self._named_errors(function), time_limit(self._seconds):
                self._uses_its_arguments(function, code, runs, wanted)
                self._treats_each_example_by_itself(function, runs, wanted)
        if any("frozen" in run.changed for run in runs):
            self._leaves_things_alone(runs, wanted)
        pairs = zip(runs, wanted, strict=True)
        found, place = compared_in([(run.seen, due.seen, run.arguments) for run, due in pairs])
        if place:
            name = "the model's weights" if place == "model" else place
            self.fail("gradient", OFF_THE_GRAPH.format(name=name))
        if rule := simple_rule(found) or self._another_input(found):
            self.fail("values", rule)
        if self.otherwise and (other := self.otherwise(runs, wanted)):
            raise Found(*other)
        self.fail("values", difference(found))

    def _another_input(self, found: list[Compared]) -> str | None:
        """Say for which other input the results would be right, where there is one."""

        def due(arguments: dict[str, Any]) -> Any:
            with own_draws(1):
                result = self.reference(*arguments.values())
            return self.look(result, arguments) if self.look else result

        def arguments(case: Case) -> dict[str, Any]:
            bound = inspect.signature(self.reference).bind(*case.build())
            bound.apply_defaults()
            return bound.arguments

        inputs = [functools.partial(arguments, case) for case in self.cases]
        words = as_if(due, inputs, [given for given, _, _ in found])
        return f"this is the right result with {words}" if words else None

    def seen(self, run: Run) -> Any:
        """What of a run has to agree with the reference: a result, or results by their names."""
        result = self.look(run.result, run.arguments) if self.look else run.result
        if not self.differentiable:
            return result
        weighed = result * torch.linspace(1, 2, result.numel()).reshape(result.shape)
        return {"": result.detach()} | {
            name: _gradients(weighed.sum(), run.arguments[name]) for name in self.differentiable
        }

    def _known_mistake(self, code: Code | None, runs: list[Run]) -> str | None:
        """The mistake that gives these values; with two at once, the more basic of them."""
        fitting = [name for name in self.mistakes if self.may_be(name, code)]
        pairs = itertools.combinations(fitting, 2)
        for together in itertools.chain(((one,) for one in fitting), pairs):
            for ways in itertools.product(*map(self.ways, together)):
                if all(same(self._seen_after(ways, run.case), run.seen) for run in runs):
                    return together[0]
        return None

    def _uses_its_arguments(
        self, function: Function, code: Code, runs: list[Run], wanted: list[Run]
    ) -> None:
        """Name an argument that changes nothing, and the number that stands in its place."""
        for place, name in enumerate(inspect.signature(self.reference).parameters):
            ours = [run for run in runs if type(run.arguments.get(name)) in (int, float)]
            if not ours:
                continue
            others = [run.case.changed(place, lambda value: 2 * value) for run in ours]
            moves = any(
                not same(self._seen(self.reference, other), right.seen)
                for other, right in zip(others, wanted, strict=False)
            )
            if not moves or any(
                not same(self._seen(function, other), run.seen)
                for other, run in zip(others, ours, strict=True)
            ):
                continue
            for number in code.numbers:
                fits = isinstance(number, int) or isinstance(ours[0].arguments[name], float)
                if number in (0, 1) or not fits:  # 0 and 1 are shapes and dimensions, mostly
                    continue
                fixed = [run.case.changed(place, _always(number)) for run in ours]
                if all(
                    same(self._seen(self.reference, case), run.seen)
                    for case, run in zip(fixed, ours, strict=True)
                ):
                    self.fail(
                        "fixed-number",
                        f"{number:g} is written into it, and another {name} changes nothing: use "
                        f"{name} in its place",
                    )
            if code.reads(place):
                continue
            self.fail(
                "argument-ignored",
                f"its result is the same whatever {name} is: {name} has to be used",
            )

    def _treats_each_example_by_itself(
        self, function: Function, runs: list[Run], wanted: list[Run]
    ) -> None:
        """Say that only a single example, or only several, come out right once it has shown."""
        for run, right in zip(runs, wanted, strict=True):
            count, whole_is_right = run.case.batch, same(run.result, right.result)
            if not self.batched or count == 1:
                continue
            alone = [self._alone(function, run.case, i) for i in range(count)]
            single_is_right = all(same(one, _row(right.result, i)) for i, one in enumerate(alone))
            if single_is_right and not whole_is_right:
                self.fail(
                    "one-only",
                    f"right for each of {count} examples by itself, wrong for all {count} at once",
                )
            if whole_is_right and not single_is_right:
                self.fail(
                    "several-only",
                    f"right for {count} examples at once, wrong for one of them by itself",
                )

    def _alone(self, function: Function, case: Case, row: int) -> Any:
        """The result for one example of a case, handed over as a batch of one."""
        for place, name in enumerate(inspect.signature(self.reference).parameters):
            if name in self.batched:
                case = case.changed(place, lambda value: value[row : row + 1].clone())
        return self._run(function, replace(case, batch=1)).result

    def _seen(self, function: Function, case: Case) -> Any:
        return self.seen(self._run(function, case))

    def _seen_after(self, ways: Sequence[Edits], case: Case) -> Any:
        """What the answer with these edits gives; kept, since each wrong answer asks again."""
        key = (*map(id, ways), id(case))
        if key not in self._kept:
            self._kept[key] = None
            with contextlib.suppress(Exception):  # two mistakes at once may be no function any more
                if made := self.edited(*ways):
                    self._kept[key] = self._seen(made, case)
        return self._kept[key]

    def _leaves_things_alone(self, runs: list[Run], wanted: list[Run]) -> None:
        changed: dict[str, str] = {}
        for run in runs:
            changed |= {kind: n for kind, n in run.changed.items() if kind not in self.may_change}
        if self.trains and "ended-in-eval" in changed:
            self.fail(
                "eval-mode",
                "the update is right, but a model that comes in eval mode is trained in it, where "
                "dropout is off and batch norm learns nothing: begin with model.train()",
            )
        if not self.trains and "left-training" in changed:
            changed["mode-left"] = changed["left-training"]
        for kind, text in LEFT_BEHIND.items():
            if kind in changed:
                self.fail(kind, text.format(name=changed[kind]))
        for run, right in zip(runs, wanted, strict=True):
            for one, right_one in zip(tensors(run.result), tensors(right.result), strict=True):
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


class _Turn:
    """One check at a time: it moves the process's output, seeds and clock."""

    def __init__(self) -> None:
        self._lock, self._holder = threading.Lock(), 0
        self.refused = False  # whether a check has waited in vain for the one that runs

    def held_here(self) -> bool:
        """Whether this thread is checking already."""
        return self._holder == threading.get_ident()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for other threads; not for long, since it may be their answers that call us."""
        if not self._lock.acquire(timeout=SECONDS / 4):
            self.refused = True
            raise Found(
                "busy", "not checked, since another check is running: run it again after that one"
            )
        self._holder, self.refused = threading.get_ident(), False
        try:
            yield
        finally:
            self._holder = 0
            self._lock.release()


_turn = _Turn()


def _definition_in(source: str) -> ast.FunctionDef:
    definition = ast.parse(textwrap.dedent(source)).body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition


def _number(value: Any) -> Any:
    """A tensor that holds one number as that number, anything else as it is."""
    return value.item() if isinstance(value, Tensor) and value.dim() == 0 else value


def _is_finite(run: Run, right: Run) -> bool:
    """Whether a result holds no NaN and no infinity where none is due."""
    pairs = zip(tensors(run.result), tensors(right.result), strict=True)
    return all((one.isfinite() | ~due.isfinite()).all() for one, due in pairs)


def _always(number: float) -> Callable[[Any], float]:
    return lambda _: number


def _row(value: Any, row: int) -> Any:
    """What of a batch's result belongs to one example."""
    if isinstance(value, tuple | list):
        return [_row(one, row) for one in value]
    return value[row : row + 1]


def _gradients(value: Tensor, argument: Any) -> tuple[Tensor, ...]:
    """The gradients of a number in a tensor, or in the trainable parameters of a model."""
    inputs = [argument] if isinstance(argument, Tensor) else [*argument.parameters()]
    inputs = [one for one in inputs if one.requires_grad]
    found = torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True)
    return tuple(
        torch.zeros_like(one) if gradient is None else gradient
        for one, gradient in zip(inputs, found, strict=True)
    )


def _kind(value: Any) -> str:
    """What a value is, in the learner's words."""
    kind = type(value)
    if kind.__module__ == "numpy":
        return "a NumPy array" if kind.__name__ == "ndarray" else f"NumPy's {kind.__name__}"
    if isinstance(value, tuple | list):
        return f"a {kind.__name__} of {len(value)}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    return f"a value of type {kind.__name__}"


def _last_line(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 160 else text[:159] + "…"


def _where(error: BaseException, function: Function) -> str:
    """The innermost line of the learner's own code: ' at `loss.backward()`'."""
    file = getattr(getattr(innermost(function), "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if frame.filename == file and frame.line]
    return f" at `{lines[-1]}`" if lines else ""


def _meaning(error: str, code: Code) -> str:
    if "does not require grad" in error:
        if code.calls("no_grad", "inference_mode", "set_grad_enabled"):
            return " (under no_grad() no gradient is recorded: compute the loss outside of it)"
        if any(getattr(n, "attr", "").startswith("requires_grad") for n in code.nodes()):
            return " (no .detach() or .item() on the way from the copy of x to the loss)"
        return " (call requires_grad_() on your copy of x before the model sees it)"
    return next((f" ({meaning})" for words, meaning in MEANINGS.items() if words in error), "")
