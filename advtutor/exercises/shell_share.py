"""The exercise on high dimension: which share of a ball lies in its outermost shell?"""

from advtutor.checks.engine import Case, Exercise, Mistake


def shell_share(n, thickness):
    return 1 - (1 - thickness) ** n


EXERCISE = Exercise(
    shell_share,
    notebook="01_linear_explanation",
    number=1,
    cases=[
        Case(lambda: (2, 0.42), batch=1),
        Case(lambda: (5, 0.17), batch=1),
        Case(lambda: (300, 0.013), batch=1),
    ],
    mistakes=[
        Mistake(
            "core",
            "this is the share of the core, inside the shell: the shell is the rest of the ball",
            {"1 - (1": "(1"},
        ),
        Mistake(
            "no-power",
            "the dimension plays no part: shrinking every one of the n directions shrinks the "
            "volume n times over",
            {" ** n": ""},
        ),
        Mistake(
            "thickness-to-the-n",
            "the core's radius is 1 - thickness, and the power belongs on that, not on the "
            "thickness itself",
            {"1 - (1 - thickness)": "thickness"},
        ),
        Mistake(
            "rest-of-thickness-to-the-n",
            "this takes a ball of radius `thickness` out of the middle: the core reaches to "
            "1 - thickness",
            {"(1 - thickness)": "thickness"},
        ),
        Mistake(
            "surface",
            "n - 1 is the dimension of the surface: a volume in n dimensions goes with the power n",
            {"** n": "** (n - 1)"},
        ),
        Mistake(
            "always-three",
            "this is right in three dimensions only: the power is n",
            {"** n": "** 3"},
        ),
        Mistake(
            "first-order",
            "n * thickness is right for a very thin shell only, and grows beyond the whole ball: "
            "take the core's exact volume away from 1",
            {"1 - (1 - thickness) ** n": "n * thickness"},
        ),
        Mistake(
            "per-cent",
            "this is in per cent: the whole ball is 1 here and not 100",
            {"1 - (1": "100 - 100 * (1"},
        ),
    ],
    hints=(
        "The core is a ball, too: of radius 1 - thickness, where the whole ball has radius 1.",
        "Shrink a body to the part r of its length in each of n directions. What is left of its "
        "volume?",
        "The core has the share (1 - thickness)**n of the volume. The shell is what is left.",
    ),
)
