"""The exercise on units of eps: how large is a change of so many grey levels in [0, 1]?"""

from advtutor.checks.engine import Case, Exercise, Mistake


def levels_to_eps(levels):
    return levels / 255


EXERCISE = Exercise(
    levels_to_eps,
    notebook="00_start_here",
    number=1,
    cases=[Case(lambda: (3,), batch=1), Case(lambda: (11,), batch=1), Case(lambda: (77,), batch=1)],
    mistakes=[
        Mistake(
            "unchanged",
            "this is still a number of grey levels: white is 255 in a file, and 1 here",
            {" / 255": ""},
        ),
        Mistake(
            "multiplied",
            "this goes the other way, from [0, 1] to grey levels: divide instead of multiplying",
            {"/": "*"},
        ),
        Mistake(
            "divided-by-256",
            "256 is how many values there are; from black, 0, to white, 255, it is one step less",
            {"255": "256"},
        ),
        Mistake(
            "whole-numbers",
            "whole-number division cuts the fraction off: use / and not //",
            {"/": "//"},
        ),
        Mistake(
            "upside-down",
            "the fraction stands on its head: more levels are a larger eps",
            {"levels / 255": "255 / levels"},
        ),
        Mistake(
            "both-ways",
            "this is the whole range from levels below to levels above; eps is one side of it",
            {"levels": "2 * levels"},
        ),
        Mistake(
            "this-networks-units",
            "128 is what this network divides by inside; eps is measured outside it, in [0, 1]",
            {"255": "128"},
        ),
        Mistake(
            "per-cent",
            "this is in per cent: white is 1 here and not 100",
            {"levels": "100 * levels"},
        ),
    ],
    hints=(
        "Black is 0 in both units. What is white in a file, and what is it here?",
        "All 255 steps together are 1. What is one of them?",
        "One step is 1 / 255, so `levels` of them are levels / 255.",
    ),
)
