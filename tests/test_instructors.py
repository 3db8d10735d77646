"""The instructor's guide says what the notebooks say: sections, minutes, bands, checks, figures."""

import re
from collections import Counter

import nbformat
import pytest
from nbformat import NotebookNode

from advtutor._say import TOLD
from tools.notebooks.build import known_names
from tools.notebooks.source import ROOT, notebook_path

GUIDE = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
NAMES = {name[:2]: name for name in known_names()}
STORED = {
    number: nbformat.read(notebook_path(name, "solution"), as_version=4)
    for number, name in NAMES.items()
}
QUOTED = re.compile(r"((?:at least|at most|between) [^:|;]*?) \(`([\w.+-]+)`\)")
HEADING = re.compile(r"^## (\d+\. .+)$", re.MULTILINE)
each_notebook = pytest.mark.parametrize("number", sorted(NAMES))


def chapter(heading: str, level: str = "##") -> str:
    """The guide's text below a heading, up to the next one of its level or above."""
    found = re.search(
        rf"^{level} {heading}[^\n]*\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", GUIDE, re.M | re.S
    )
    assert found, f"the guide has no {heading}"
    return found[1]


def rows(text: str, columns: int) -> list[list[str]]:
    """The table rows of that many columns, without head and rule."""
    made = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines(text)]
    return [row for row in made if len(row) == columns and not set(row[0]) <= set("- ")]


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def sections(notebook: NotebookNode) -> dict[str, dict[str, str]]:
    """The claims of each section: {heading: {claim: band}}, from the stored outputs."""
    made: dict[str, dict[str, str]] = {"": {}}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for heading in HEADING.findall(cell.source):
                made[heading] = {}
        for output in cell.get("outputs", []):
            told = output.get("data", {}).get(TOLD, {})
            if "claim" in told:
                made[list(made)[-1]][told["claim"]] = told["band"]
    return made


# ------------------------------------------------------------------------------------------ routes


def plan(route: str) -> tuple[list[tuple[str, dict[int, int]]], int]:
    """The route's notebooks with {section: minutes}, and the minutes spent in the room."""
    visits, together = [], 0
    for row in rows(chapter(route, "###"), 3) + rows(chapter(route, "###"), 4):
        where, parts, minutes = row[-3:]
        if where == "notebook":
            continue
        spent = {int(n): int(m) for n, m in re.findall(r"(\d+): (\d+)", parts)}
        if spent:
            assert sum(spent.values()) == int(minutes), row
            assert re.sub(r"\d+: \d+(, )?", "", parts) == "", row
            visits.append((where[-2:], spent))
        if not where.startswith("at home"):
            together += int(minutes)
    return visits, together


@pytest.mark.parametrize("minutes", [50, 90, 180])
def test_the_minutes_of_a_route_add_up(minutes: int) -> None:
    """Catches a plan that is longer than its lesson, and a section that no notebook has."""
    visits, together = plan(f"{minutes} minutes")
    assert together == minutes
    for number, spent in visits:
        there = [int(heading.split(".")[0]) for heading in sections(STORED[number]) if heading]
        assert set(spent) <= set(there)


@pytest.mark.parametrize("minutes", [50, 90, 180])
def test_a_route_is_that_of_notebook_00(minutes: int) -> None:
    """Catches two routes for the same time: the lecturer's and the learner's."""
    text = "\n".join(cell.source for cell in STORED["00"].cells)
    line = next(line for line in text.splitlines() if line.startswith(f"| {minutes} minutes |"))
    line = line.replace("this one", "[00](x)")
    wanted = []
    for number, words in re.findall(
        r"\[(\d\d)\][^,\[]*?\([^)]*\)((?:, sections [\d to,and]*)?)", line
    ):
        count = len(sections(STORED[number])) - 1
        chosen: set[int] = set()
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", words):
            chosen |= set(range(int(first), int(last or first) + 1))
        wanted.append((number, chosen or set(range(1, count + 1))))
    assert len(wanted) >= 2
    assert [(number, set(spent)) for number, spent in plan(f"{minutes} minutes")[0]] == wanted


def test_the_weeks_hold_the_course() -> None:
    """Catches a section that is taught in no week, or in two, and a week that is too long."""
    visits, _ = plan("Seven weeks")
    taught = Counter((number, section) for number, spent in visits for section in spent)
    wanted = {
        (number, int(heading.split(".")[0]))
        for number, notebook in STORED.items()
        for heading in sections(notebook)
        if heading
    }
    assert set(taught) == wanted and set(taught.values()) == {1}
    weeks: Counter[str] = Counter()
    for week, where, _, minutes in rows(chapter("Seven weeks", "###"), 4)[1:]:
        if not where.startswith("at home"):
            weeks[week] += int(minutes)
    assert weeks == {str(week): 90 for week in range(1, 8)}


@each_notebook
def test_a_whole_notebook_takes_the_minutes_that_it_names(number: str) -> None:
    """Catches a plan that gives a notebook other minutes than the notebook itself."""
    says = re.search(r"\*(\d+) minutes\.", STORED[number].cells[0].source)
    assert says
    spent = sum(sum(part.values()) for name, part in plan("Seven weeks")[0] if name == number)
    assert spent == int(says[1])


# --------------------------------------------------------------------------------------- chapters


@each_notebook
def test_a_misconception_names_a_section_that_refutes_it(number: str) -> None:
    """Catches a heading that was reworded, and a claim that stands in another section."""
    there = sections(STORED[number])
    told = [row for row in rows(chapter(number), 3) if row[0].startswith('"')]
    assert len(told) >= 3
    for _, heading, measured in told:
        assert heading in there, heading
        assert set(re.findall(r"`([\w.+-]+)`\)", measured)) <= set(there[heading]), heading


@each_notebook
def test_each_number_is_the_band_of_a_claim(number: str) -> None:
    """Catches a number that no cell checks, and a band that has moved on."""
    bands = {key: band for part in sections(STORED[number]).values() for key, band in part.items()}
    text = chapter(number)
    quoted = QUOTED.findall(text)
    assert len(quoted) == len(re.findall(r"\(`[\w.+-]+`\)", text))
    assert quoted, f"{number} quotes no claim"
    for band, key in quoted:
        assert bands[key] == band, key


@each_notebook
def test_where_they_get_stuck_is_what_the_check_says(number: str) -> None:
    """Catches a mistake that no check knows, and a message that reads otherwise by now."""
    known = (ROOT / "docs" / "exercises.md").read_text(encoding="utf-8")
    own = known.partition(f"## {NAMES[number]}\n")[2].partition("\n## ")[0]
    told = [row for row in rows(chapter(number), 3) if row[0].startswith("`")]
    for exercise, mistake, said in told:
        part = own.partition(f"### {exercise[:-1]}(")[2].partition("\n### ")[0]
        assert f"\n| {mistake} | {said} |\n" in part, (exercise, mistake)
    exercises = set(re.findall(r"^### `(\w+)\(", own, re.MULTILINE))
    assert {row[0].strip("`") for row in told} == exercises


@each_notebook
def test_the_fallback_shows_a_figure_that_is_stored(number: str) -> None:
    """Catches a picture that the lecturer looks for in vain."""
    fallback = chapter(number).partition("**When time runs out.**")[2]
    titles = re.findall(r'"([^"]+)"', fallback)
    drawn = {
        output.get("data", {}).get("text/plain")
        for cell in STORED[number].cells
        for output in cell.get("outputs", [])
    }
    assert titles
    for title in titles:
        assert f"<Figure: {title}>" in drawn, title


@each_notebook
def test_each_chapter_is_whole(number: str) -> None:
    """Catches a notebook without questions, or a question without its answer."""
    text = chapter(number)
    for part in ("The point.", "Misconceptions.", "Questions to ask.", "When time runs out."):
        assert f"**{part}**" in text
    asked = re.findall(r"^- \*.+?[?.]\* (.*)$", text, re.MULTILINE)
    assert len(asked) >= 3 and all(len(answer) > 30 for answer in asked)


def test_readme_leads_here() -> None:
    """Catches a page that nobody finds."""
    assert "docs/instructors.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_each_rubric_has_three_levels() -> None:
    """Catches an assessment without its rubric."""
    tasks = re.split(r"^### ", chapter("Assessment"), flags=re.MULTILINE)[1:]
    assert len(tasks) >= 3
    for task in tasks:
        assert "| not yet | pass | very good |" in task
        assert all(all(cell for cell in row[1:]) for row in rows(task, 4))
