"""Reads what a learner has written: the code alone, never its comments, docstrings or strings."""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

Function = Callable[..., Any]


@dataclass(frozen=True)
class Code:
    """The syntax trees of a function and of the functions beside it that it calls."""

    trees: tuple[ast.AST, ...]
    around: tuple[float, ...] = ()  # the numbers of the notebook that they read by name

    @classmethod
    def of(cls, function: Function) -> "Code":
        """The code of `function`; without trees where Python does not know its source."""
        function = innermost(function)
        around = getattr(function, "__globals__", {})
        found: dict[Any, ast.AST] = {}
        numbers: list[float] = []
        todo = [function]
        while todo:
            one = todo.pop()
            tree = tree_of(one)
            if tree is None or one in found:
                continue
            found[one] = tree
            names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
            own = {name.id for name in names if isinstance(name.ctx, ast.Store)}  # its variables
            own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
            named = [around.get(name.id) for name in names if name.id not in own]
            numbers += [value for value in named if _is_number(value)]
            todo += [
                other
                for other in map(innermost, named)
                if inspect.isfunction(other) and other.__globals__ is around
            ]
        return cls(tuple(found.values()), tuple(numbers))

    def nodes(self) -> Iterator[ast.AST]:
        """Every node of every tree."""
        for tree in self.trees:
            yield from ast.walk(tree)

    def calls(self, *names: str) -> list[ast.Call]:
        """The calls of functions or methods that are called one of `names`, also as `name_`."""
        calls = (node for node in self.nodes() if isinstance(node, ast.Call))
        return [call for call in calls if _last_name(call.func).rstrip("_") in names]

    def reads(self, place: int) -> bool:
        """Whether the function uses its argument number `place`."""
        nodes = list(ast.walk(self.trees[0])) if self.trees else []
        names = [node.arg for node in nodes if isinstance(node, ast.arg)]
        return len(names) > place and any(
            isinstance(node, ast.Name) and node.id == names[place] for node in nodes
        )

    @property
    def numbers(self) -> list[float]:
        """The numbers that are written in it, products and quotients too, or read by name."""
        values = filter(_is_number, map(_value, self.nodes()))
        return list(dict.fromkeys([*values, *self.around]))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(node: ast.AST) -> Any:
    """What a number or a product or quotient of two comes to; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left, right = _value(node.left), _value(node.right)
        if _is_number(left) and _is_number(right) and right:
            return left * right if isinstance(node.op, ast.Mult) else left / right
    return None


def calls(*names: str, mentioning: str = "") -> Callable[[Code], bool]:
    """Whether code calls one of `names`, with the variable `mentioning` among its arguments."""

    def applies(code: Code) -> bool:
        return any(
            not mentioning or mentioning in {getattr(n, "id", "") for n in ast.walk(call)}
            for call in code.calls(*names)
        )

    return applies


def is_stub(function: Function) -> bool:
    """Whether nobody has begun: a `...` in the place of a value or of a loop's body, or nothing.

    A `...` left standing in a function that returns something else makes no stub.
    """
    definition = tree_of(function)
    if not isinstance(definition, ast.FunctionDef):
        return definition is None and _compiles_to_nothing(function)
    nodes = list(ast.walk(definition))
    if any(map(_is_gap, nodes)) or _given(nodes, dots=True) - _given(nodes, dots=False):
        return True
    returns = any(isinstance(n, ast.Return) and n.value is not None for n in nodes)
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in nodes)
    return not returns and not yields and _says_nothing_else(definition)


def leftover(function: Function) -> int | None:
    """The line of the function, from 1, in which a `...` stands for nothing; None without one."""
    tree = tree_of(function)
    lines = [getattr(n, "lineno", 0) for n in ast.walk(tree) if _is_dots(n)] if tree else []
    return min(lines, default=None)


def tree_of(function: Function) -> ast.AST | None:
    """The definition of a function as a tree; of a lambda, the statement that it stands in."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(innermost(function))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return tree.body[0] if tree.body else None


def innermost(function: Any) -> Any:
    """What a `partial` or a decorated function was made of."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.unwrap(function) if callable(function) else function


def _last_name(node: ast.AST) -> str:
    """The name by which something is called: `clamp` of x.clamp, and of torch.clamp."""
    if isinstance(node, ast.Call):  # nn.CrossEntropyLoss()(logits, y)
        return _last_name(node.func)
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _is_dots(node: ast.AST) -> bool:
    """`...` as a statement of its own, given to a name or returned: `x[..., 0]` is none."""
    statements = ast.Expr | ast.Assign | ast.AnnAssign | ast.Return
    return isinstance(node, statements) and _is_ellipsis(node.value)


def _given(nodes: list[ast.AST], dots: bool) -> set[str]:
    """What is given `...`, or something else: names, and "return"."""
    names: set[str] = set()
    inside = {id(n) for node in nodes if _is_dots(node) for n in ast.walk(node)}
    for node in nodes:
        if isinstance(node, ast.Return) and _is_dots(node) == dots:
            names.add("return")
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and (id(node) in inside) == dots
        ):
            names.add(node.id)
    return names


def _is_gap(node: ast.AST) -> bool:
    """`...` alone in a loop, `with` or `def`.

    Below an `if` it says that there is nothing to do, as `pass` does.
    """
    if not isinstance(node, ast.For | ast.While | ast.With | ast.FunctionDef):
        return False
    return any(map(_is_dots, node.body)) and all(map(_is_empty, node.body))


def _says_nothing_else(definition: ast.FunctionDef) -> bool:
    body = definition.body
    return any(map(_is_dots, body)) or all(map(_is_empty, body))


def _is_ellipsis(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_empty(node: ast.AST) -> bool:
    """`pass`, `...`, a docstring, `raise NotImplementedError`, or an `if` with nothing else."""
    if isinstance(node, ast.If):
        return all(map(_is_empty, node.body + node.orelse))
    if isinstance(node, ast.Raise):
        return node.exc is not None and _last_name(node.exc) == "NotImplementedError"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value.value is ... or isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)


def _compiles_to_nothing(function: Function) -> bool:
    """For a function without source: does it compile to what an empty one compiles to?"""

    def empty() -> None: ...

    def documented() -> None:
        """Nothing."""

    code = getattr(function, "__code__", None)
    bodies = [empty.__code__.co_code, documented.__code__.co_code]
    return code is not None and code.co_code in bodies and not code.co_names
