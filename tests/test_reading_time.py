"""The minutes that a notebook promises are those that it takes, by the formula of its parts."""

import pytest

from tools.notebooks.build import known_names
from tools.notebooks.reading_time import measured, reading

LONGEST = 60  # minutes, of any notebook

EXERCISE = """def worst_case_loss(w, b, x, y, eps):
    ...


worst_case_loss = checks.worst_case_loss(worst_case_loss)
"""


def source(promise: int, words: int = 0, lines: int = 0, exercises: int = 0, guesses: int = 0):
    """A notebook with so much in it, beside the words and lines that every part brings."""
    cells = [f"# %% [markdown]\n# # Title\n#\n# *{promise} minutes. {'word ' * words}*\n"]
    cells += ["# %%\n" + "x = 1\n\n" * lines]
    cells += [f"# %%\n{EXERCISE}"] * exercises
    cells += ['# %%\nguess = predict("name", low=0, high=1)\n'] * guesses
    return "\n".join(cells)


def minutes(seconds: float = 0, **parts: int) -> float:
    return measured(source(10, **parts), "made", seconds).minutes


def test_each_part_takes_the_minutes_that_the_formula_gives_it() -> None:
    """Catches a part that is not counted, is counted twice, or at another rate."""
    nothing = minutes()
    assert minutes(words=360) - nothing == pytest.approx(2)
    assert minutes(lines=24) - nothing == pytest.approx(2)
    assert minutes(exercises=1) - nothing == pytest.approx(6 + 3 / 12)
    assert minutes(guesses=3) - nothing == pytest.approx(3 + 3 / 12)
    assert minutes(seconds=90) - nothing == pytest.approx(1.5)


@pytest.mark.parametrize(("promise", "agrees"), [(8, False), (9, True), (11, True), (12, False)])
def test_promise_and_sum_agree_within_fifteen_per_cent(promise: int, agrees: bool) -> None:
    """Catches a tolerance that is another one, or looks at one side only."""
    one = measured(source(promise, lines=12), "made", seconds=0)
    one = measured(source(promise, lines=12), "made", seconds=60 * (10 - one.minutes))
    assert one.minutes == pytest.approx(10)
    assert one.agrees == agrees


def test_a_notebook_has_to_promise_something() -> None:
    """Catches a first cell without minutes, which would agree with nothing and everything."""
    with pytest.raises(ValueError, match="promises no minutes"):
        measured(source(10).replace("10 minutes", "A while"), "made", seconds=0)


@pytest.mark.parametrize("name", known_names())
def test_a_notebook_takes_the_minutes_that_it_promises(name: str) -> None:
    """Catches a notebook that has grown beyond its promise, or beyond an hour."""
    one = reading(name)
    assert one.agrees, f"{name} promises {one.promise} minutes and takes {one.minutes:.0f}"
    assert one.minutes <= LONGEST, f"{name} takes {one.minutes:.1f} minutes"
