"""Checks of the exercises: `fgsm = checks.fgsm(fgsm)` tells what your function gets wrong.

Each check takes the function, prints one line and returns the function if it is right, and the
course's own if it is not, so that the notebook goes on. `checks.fgsm.hint()` gives one hint more
each time, `checks.fgsm.solution()` shows the course's answer. There is one for each file in
`advtutor/exercises/`.
"""

from typing import TYPE_CHECKING

from advtutor import exercises

if TYPE_CHECKING:
    from advtutor.checks.engine import Exercise

__all__ = exercises.names()


def __getattr__(name: str) -> "Exercise":
    if name in __all__:
        return exercises.load(name)
    raise AttributeError(f"there is no check of {name!r}; there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
