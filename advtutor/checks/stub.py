"""Tells an exercise that nobody has begun, without running it."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def is_stub(function: Callable[..., Any]) -> bool:
    """Whether the body still holds a lone `...`, or nothing beyond a docstring and `pass`."""
    definition = _definition(function)
    if definition is None:
        return _compiles_to_nothing(function)
    if any(_is_gap(node) for node in ast.walk(definition)):
        return True
    return all(isinstance(node, ast.Pass) or _is_docstring(node) for node in definition.body)


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function, or '' where Python does not know it."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def _definition(function: Callable[..., Any]) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(source_of(function)))
    except (SyntaxError, ValueError):  # a lambda in the middle of something, for one
        return None
    return tree.body[0] if tree.body and isinstance(tree.body[0], ast.FunctionDef) else None


def _is_gap(node: ast.AST) -> bool:
    """`...` as a statement, or as what is assigned or returned; `x[..., 0]` is no gap."""
    return (
        isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return)
        and isinstance(node.value, ast.Constant)
        and node.value.value is ...
    )


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _compiles_to_nothing(function: Callable[..., Any]) -> bool:
    """For a function without source: does it compile to what an empty one compiles to?"""

    def empty() -> None: ...

    def documented() -> None:
        """Nothing."""

    code = getattr(function, "__code__", None)
    bodies = [empty.__code__.co_code, documented.__code__.co_code]
    return code is not None and code.co_code in bodies and not code.co_names
