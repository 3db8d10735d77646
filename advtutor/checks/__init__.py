"""Checks of the exercises: `fgsm = checks.fgsm(fgsm)` tells what your function gets wrong.

Each check takes the function, prints one line and returns the function if it is right, and the
course's own if it is not, so that the notebook goes on. `checks.fgsm.hint()` gives one hint more
each time, `checks.fgsm.solution()` shows the course's answer. There is one for each file in
`advtutor/exercises/`, found there by its name: exercises import the checks, no check an exercise.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from advtutor.progress import EXERCISES

if TYPE_CHECKING:
    from advtutor.checks.engine import Exercise

__all__ = sorted(name for names in EXERCISES.values() for name in names)


def __getattr__(name: str) -> "Exercise":
    if name not in __all__:
        raise AttributeError(f"there is no check of {name!r}; there are {', '.join(__all__)}")
    exercise: Exercise = import_module(f"advtutor.exercises.{name}").EXERCISE
    return exercise


def __dir__() -> list[str]:
    return __all__
