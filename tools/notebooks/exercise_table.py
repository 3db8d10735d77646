"""Write docs/exercises.md: each exercise, the mistakes its check knows, and what it says of them.

python -m tools.notebooks.exercise_table
"""

from pathlib import Path

from advtutor import checks
from advtutor.progress import EXERCISES

TABLE = Path(__file__).resolve().parents[2] / "docs" / "exercises.md"

HEAD = """# The exercises, and the mistakes their checks know

Written by `python -m tools.notebooks.exercise_table` from the checks themselves; a test compares.

A check runs an answer on fresh inputs and compares it with the course's own, however it is written.
Where it differs, it says which of these mistakes it is; of two mistakes, the more basic one. Before
that it looks at what concerns every exercise: a wrong type or shape, an error inside, an endless
loop, a forgotten return, a change of what was handed in. `tests/answers/` holds an answer for each
line below, which has to be told exactly this line, and right answers written in other ways, which
have to pass.

The three checks that begin with `break_` have no one right result to compare with. They run the
answer, an attack, against a defended network with stored weights, and judge it by what comes back:
how many digits the network misreads then, as it was handed over, against the true labels. An attack
that falls short is told how many it breaks, how many noise does, and how many a real break reaches.
"""


def table() -> str:
    """The page as Markdown, in the notebooks' order."""
    parts = [HEAD]
    for notebook, names in EXERCISES.items():
        parts.append(f"## {notebook}\n")
        for name in names:
            exercise = getattr(checks, name)
            parts.append(f"### `{exercise.call}`\n")
            parts.append("| mistake | what the check says |\n| --- | --- |")
            parts += [f"| {m} | {escaped(exercise.message(m))} |" for m in exercise.mistakes]
            parts.append("")
    return "\n".join(parts)


def escaped(text: str) -> str:
    """Text that stays in its cell and is shown as it is."""
    for sign in ("|", "*", "<", "_"):
        text = text.replace(sign, "\\" + sign)
    return text


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
    print(f"wrote {TABLE}")
