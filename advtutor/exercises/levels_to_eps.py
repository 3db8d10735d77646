"""The exercise on units of eps: how large is a change of so many grey levels in [0, 1]?"""

from advtutor.checks.engine import Exercise, cases


def levels_to_eps(levels):
    return levels / 255


EXERCISE = Exercise(
    levels_to_eps,
    notebook="00_start_here",
    number=1,
    cases=cases(lambda batch, levels: (levels,), (0, 1, 3), (0, 1, 11), (0, 1, 77)),
    mistakes={
        "unchanged": {" / 255": ""},
        "multiplied": {"/": "*"},
        "divided-by-256": {"255": "256"},
        "whole-numbers": {"/": "//"},
        "upside-down": {"levels / 255": "255 / levels"},
        "both-ways": {"levels": "2 * levels"},
        "this-networks-units": {"255": "128"},
        "per-cent": {"levels": "100 * levels"},
    },
    says={
        "unchanged": "this is still a number of grey levels: white is 255 in a file, and 1 here",
        "multiplied": "this goes the other way, from [0, 1] to grey levels: divide instead of "
        "multiplying",
        "divided-by-256": "256 is how many values there are; from black, 0, to white, 255, it is "
        "one step less",
        "whole-numbers": "whole-number division cuts the fraction off: use / and not //",
        "upside-down": "the fraction stands on its head: more levels are a larger eps",
        "both-ways": "this is the whole range from levels below to levels above; eps is one side "
        "of it",
        "this-networks-units": "128 is what this network divides by inside; eps is measured "
        "outside it, in [0, 1]",
        "per-cent": "this is in per cent: white is 1 here and not 100",
    },
    hints=(
        "Black is 0 in both units. What is white in a file, and what is it here?",
        "All 255 steps together are 1. What is one of them?",
        "One step is 1 / 255, so `levels` of them are levels / 255.",
    ),
)
