"""The checks against mutants: the course's own answers, each with one small thing changed.

A mutant that passes counts if it computes something else than the answer it was made from, on
inputs that the check does not use. Of all that count, the checks have to catch nearly all.
"""

import ast
import contextlib
import copy
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import torch

from advtutor import checks
from advtutor.checks import engine
from advtutor.checks.breaks import Break
from advtutor.checks.engine import Exercise
from advtutor.checks.sandbox import quiet, restored, time_limit

EXERCISES = {name: getattr(checks, name) for name in checks.__all__}
CAUGHT = 0.95
OTHER_SEEDS = 5

OPERATORS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.MatMult: [],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Lt: [ast.GtE],
    ast.Gt: [ast.LtE],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
METHODS = {"any": "all", "mean": "sum", "sum": "mean", "amax": "amin", "abs": "neg", "sign": "abs"}


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in one node's place: another operator, constant, method, argument order."""
    if isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), []):
            yield ast.BinOp(node.left, other(), node.right)
        if isinstance(node.op, ast.Sub | ast.Div | ast.Pow | ast.MatMult):
            yield ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        for other in OPERATORS[type(node.ops[0])]:
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for value in (node.value + 1, -node.value, 2 * node.value, 0):
            if value != node.value:
                yield ast.Constant(value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        for i in range(len(node.args) - 1):
            turned = [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]]
            yield ast.Call(node.func, turned, node.keywords)
    elif isinstance(node, ast.Attribute) and node.attr in METHODS:
        yield ast.Attribute(node.value, METHODS[node.attr], node.ctx)
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
        yield ast.Tuple(node.elts[::-1], node.ctx)


class Replacer(ast.NodeTransformer):
    """Puts `new` where `old` stands."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def mutants(exercise: Exercise) -> list[tuple[str, Callable[..., Any]]]:
    """(source, function) for each single change of the reference's body."""
    source = textwrap.dedent(inspect.getsource(exercise.reference))
    found, known = [], {ast.unparse(ast.parse(source))}
    count = sum(1 for _ in ast.walk(ast.parse(source)))
    for place in range(count):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[place]
        if not any(node is part for step in tree.body[0].body for part in ast.walk(step)):
            continue  # the signature
        for new in variants(node):
            changed = Replacer(node, new).visit(copy.copy(tree))
            text = ast.unparse(ast.fix_missing_locations(changed))
            tree = ast.parse(source)  # the replacer works in place
            node = list(ast.walk(tree))[place]
            if text not in known:
                known.add(text)
                found.append((text, function_from(text, exercise)))
    return found


def function_from(text: str, exercise: Exercise) -> Callable[..., Any]:
    namespace = dict(exercise.reference.__globals__)
    exec(compile(text, "<mutant>", "exec", dont_inherit=True), namespace)
    return namespace[exercise.reference.__name__]


def behaviour(exercise: Exercise, function: Callable[..., Any]) -> Iterator[tuple[Any, ...]]:
    """What a function returns, changes or raises on inputs that the check does not use."""
    small_first = sorted(exercise.cases, key=lambda case: case.batch)
    # A break is seen by what becomes of all its digits: one seed says as much.
    for offset in range(1000, 1000 + (1 if isinstance(exercise, Break) else OTHER_SEEDS)):
        for case in small_first:
            case = dataclasses.replace(case, seed=case.seed + offset)
            with restored(), quiet():
                try:
                    with time_limit(5.0 * exercise.patience):
                        run = exercise._run(function, case)
                    value = exercise.seen(run)
                    form = [(t.dtype, t.requires_grad) for t in engine.tensors(run.result)]
                    found = ("returns", value, form, sorted(run.changed))
                except (Exception, engine.TooLong) as error:
                    found = ("raises", type(error).__name__)
            yield found  # one by one: the first difference is enough


def same(one: Iterable[Any], other: Iterable[Any]) -> bool:
    for a, b in zip(one, other, strict=True):
        if a[0] != b[0]:
            return False
        if a[0] == "returns":
            with contextlib.suppress(Exception):
                if a[2:] == b[2:] and engine.same(a[1], b[1]):
                    continue
            return False
    return True


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless mutant need not cost ten seconds."""
    monkeypatch.setattr(engine, "SECONDS", 5.0)


@pytest.mark.parametrize("name", EXERCISES)
def test_nearly_all_mutants_are_caught(name: str) -> None:
    """Catches a check whose inputs do not tell a right answer from one with a single slip."""
    exercise = EXERCISES[name]
    if not isinstance(exercise, Break):  # elsewhere a known mistake has a name, and the same mark
        exercise = dataclasses.replace(exercise, mistakes={}, otherwise=None)
    assert exercise.wanted  # what torch loads at its first use is not the answer's time
    usual = list(behaviour(exercise, exercise.reference))
    assert same(usual, behaviour(exercise, exercise.reference)), "the reference has to repeat"
    counted, survivors = 0, []
    # Half a second for each mutant of a break, whose verdict is a share of digits: every other one.
    for text, mutant in mutants(exercise)[:: 2 if isinstance(exercise, Break) else 1]:
        verdict = exercise.judge(mutant)
        assert verdict.fault != "internal", verdict.text
        survives = verdict.mark == "✓"
        if survives and same(usual, behaviour(exercise, mutant)):
            continue
        counted += 1
        if survives:
            survivors.append(text)
    assert counted, "no mutant does anything else: there is nothing to say"
    share = 1 - len(survivors) / counted
    assert share >= CAUGHT, f"{share:.0%} of {counted} caught; not these:\n" + "\n".join(survivors)


def test_a_blind_check_is_found_out() -> None:
    """Catches a mutation test that no check can fail: here the inputs hide the offset."""
    cases = [engine.Case(zeros_for_bounds, batch) for batch in (2, 1)]
    blind = dataclasses.replace(checks.interval_linear, cases=cases)
    passing = [text for text, mutant in mutants(blind) if blind.judge(mutant).mark == "✓"]
    assert len(passing) > 3


def zeros_for_bounds() -> tuple[torch.Tensor, ...]:
    return torch.zeros(3, 4), torch.zeros(3), torch.zeros(2, 4), torch.zeros(2, 4)
