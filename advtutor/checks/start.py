"""The exercise on units of eps: `levels_to_eps`."""

from collections.abc import Callable

from advtutor.checks.engine import Case, Exercise, Mistake


def levels_to_eps(levels: float) -> float:
    """eps in units of [0, 1] for a change of `levels` grey levels in a file of 0 to 255."""
    return levels / 255


def levels_recipe(
    convert: Callable[[float], float] = lambda levels: levels / 255,
) -> Callable[[float], float]:
    """`levels_to_eps` with its one part in the open."""
    return lambda levels: convert(levels)


MISTAKES = [
    Mistake(
        "unchanged",
        "this is still a number of grey levels: white is 255 in a file, and 1 here",
        {"convert": lambda levels: levels},
    ),
    Mistake(
        "multiplied",
        "this goes the other way, from [0, 1] to grey levels: divide in the place of multiplying",
        {"convert": lambda levels: levels * 255},
    ),
    Mistake(
        "divided-by-256",
        "256 is how many values there are; from black, 0, to white, 255, it is one step less",
        {"convert": lambda levels: levels / 256},
    ),
    Mistake(
        "whole-numbers",
        "whole-number division cuts the fraction off: use / and not //",
        {"convert": lambda levels: levels // 255},
    ),
    Mistake(
        "upside-down",
        "the fraction stands on its head: more levels are a larger eps",
        {"convert": lambda levels: 255 / levels},
    ),
    Mistake(
        "both-ways",
        "this is the whole range from levels below to levels above; eps is one side of it",
        {"convert": lambda levels: 2 * levels / 255},
    ),
    Mistake(
        "this-networks-units",
        "128 is what this network divides by inside; eps is measured outside it, in [0, 1]",
        {"convert": lambda levels: levels / 128},
    ),
    Mistake(
        "per-cent",
        "this is in per cent: white is 1 here and not 100",
        {"convert": lambda levels: 100 * levels / 255},
    ),
]

LEVELS_TO_EPS = Exercise(
    reference=levels_to_eps,
    recipe=levels_recipe,
    cases=[Case(lambda: (2,), batch=1), Case(lambda: (8,), batch=1), Case(lambda: (77,), batch=1)],
    mistakes=MISTAKES,
    hints=(
        "Black is 0 in both units. What is white in a file, and what is it here?",
        "All 255 steps together are 1. What is one of them?",
        "One step is 1 / 255, so `levels` of them are levels / 255.",
    ),
)
