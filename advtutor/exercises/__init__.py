"""The exercises, a file each: the answer, its inputs, its hints, its mistakes and their messages.

A file in this folder is an exercise: it defines the answer, a function of the file's own name, and
`EXERCISE`, which says of which notebook it is and what its check knows. Nothing else lists it.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advtutor.checks.engine import Exercise


def names() -> list[str]:
    """The names of all exercises, from a to z; `progress.EXERCISES` has them by notebook."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> "Exercise":
    """The exercise called `name`, which is one of `names()`."""
    exercise: Exercise = importlib.import_module(f"{__name__}.{name}").EXERCISE
    return exercise
