"""How long a notebook takes a reader who does every exercise, beside what it promises.

python -m tools.notebooks.reading_time [NAME ...]

The sum: a minute for 180 words of prose, for 12 lines of code, and for a prediction, six for an
exercise, and the computing, as the stored notebook records it.
"""

import argparse
import re
from dataclasses import dataclass

import nbformat

from tools.notebooks.source import CHECKED, notebook_path, read_source, source_path, unexecuted

WORDS, LINES, EXERCISE, PREDICTION = 180, 12, 6, 1  # words, lines a minute; minutes each
TOLERANCE = 0.15
PROMISE = re.compile(r"^\*(\d+) minutes\.", re.MULTILINE)
ASKS = re.compile(r"\bpredict\(")


@dataclass(frozen=True)
class Reading:
    """What a notebook asks of its reader, and the minutes that its first cell promises."""

    promise: int
    words: int
    lines: int
    exercises: int
    predictions: int
    seconds: float

    @property
    def minutes(self) -> float:
        """The sum of its parts, in minutes."""
        return (
            self.words / WORDS
            + self.lines / LINES
            + EXERCISE * self.exercises
            + PREDICTION * self.predictions
            + self.seconds / 60
        )

    @property
    def agrees(self) -> bool:
        """Whether promise and sum differ by at most 15 % of the sum."""
        return abs(self.promise - self.minutes) <= TOLERANCE * self.minutes


def measured(source: str, name: str, seconds: float) -> Reading:
    """The reading of the notebook `name` with this source text, which computes for `seconds`.

    Raises ValueError where its first cell promises no minutes.
    """
    cells = unexecuted(source, name, "learner", version="").cells
    promise = PROMISE.search(cells[0].source)
    if promise is None:
        raise ValueError(f"{name}: its first cell promises no minutes, as '*40 minutes.' does")
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return Reading(
        promise=int(promise[1]),
        words=sum(len(text.split()) for text in prose),
        lines=sum(bool(line.strip()) for text in code for line in text.split("\n")),
        exercises=len(CHECKED.findall(source)),
        predictions=sum(len(ASKS.findall(text)) for text in code),
        seconds=seconds,
    )


def reading(name: str) -> Reading:
    """The reading of a notebook of the course, its seconds from the stored notebook."""
    stored = nbformat.read(notebook_path(name, "learner"), as_version=4)
    seconds = stored.metadata.get("advtutor", {}).get("seconds", 0)
    return measured(read_source(source_path(name)), name, seconds)


def main() -> None:
    from tools.notebooks.build import known_names

    parser = argparse.ArgumentParser(description="Print each notebook's minutes.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 01_linear_explanation")
    print("promised    sum   words  lines  exercises  predictions  seconds")
    for name in parser.parse_args().names or known_names():
        one = reading(name)
        print(
            f"{one.promise:8d}  {one.minutes:5.1f}  {one.words:6d}  {one.lines:5d}  "
            f"{one.exercises:9d}  {one.predictions:11d}  {one.seconds:7.0f}   "
            f"{'  ' if one.agrees else '✗ '}{name}"
        )


if __name__ == "__main__":
    main()
