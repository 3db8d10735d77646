"""The notebook pipeline: a small source becomes two executed notebooks; each rule can fail."""

import copy
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from advtutor import checks
from advtutor._say import TOLD
from tools.notebooks import build as tool
from tools.notebooks import rules
from tools.notebooks import source as sources

NAME = "01_small"
SOURCE = '''# %% [markdown]
# # A small notebook
#
# It goes on in [the next](02_next.ipynb) and [at home](../README.md).

# %%
from advtutor import checks

seen = []


def levels_to_eps(levels):
    """A ruler."""
    ...


levels_to_eps = checks.levels_to_eps(levels_to_eps)

# %% tags=["nbval-ignore-output"]
for word in ["cut", "in", "pieces"]:
    print(word, flush=True)
levels_to_eps(3)

# %%
import ipywidgets

ipywidgets.IntSlider()
'''


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of notebooks with one small source, built once."""
    notebooks = tmp_path_factory.mktemp("course") / "note books"  # a space, on purpose
    (notebooks / "source").mkdir(parents=True)
    sources.source_path(NAME, notebooks).write_text(SOURCE, encoding="utf-8")
    build(notebooks)
    return notebooks


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be spoilt."""
    return Path(shutil.copytree(built, tmp_path / "notebooks"))


def build(notebooks: Path, version: str = "1.0", everything: bool = False) -> list[Path]:
    return tool.build([NAME], notebooks, version, everything, show_bar=False)


def read(notebooks: Path, kind: sources.Kind) -> NotebookNode:
    return nbformat.read(sources.notebook_path(NAME, kind, notebooks), as_version=4)


@pytest.fixture
def learner(built: Path) -> NotebookNode:
    return read(built, "learner")


@pytest.fixture
def solution(built: Path) -> NotebookNode:
    return read(built, "solution")


# --- what the pipeline makes ---


def test_the_small_notebook_has_no_faults(built: Path) -> None:
    """Catches a rule that a sound notebook breaks, and a build that makes an unsound one."""
    assert tool.faults_of(NAME, built) == []


def test_the_learner_gets_the_stub(learner: NotebookNode) -> None:
    """Catches an answer in the learner's notebook."""
    assert '    """A ruler."""\n    ...\n' in learner.cells[1].source
    assert "255" not in learner.cells[1].source


def test_the_solution_is_the_answer_of_the_exercise(solution: NotebookNode) -> None:
    """Catches a solved notebook with another answer than `.solution()` prints."""
    assert '    """A ruler."""\n    return levels / 255\n' in solution.cells[1].source
    assert checks.levels_to_eps.answer.endswith("\n    return levels / 255")


def test_another_answer_makes_the_notebooks_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a changed answer that the next build passes over."""
    before = sources.digest(SOURCE)
    monkeypatch.setitem(checks.levels_to_eps.__dict__, "answer", "def levels_to_eps(levels): 1")
    assert sources.digest(SOURCE) != before


def test_the_solution_says_so_first(learner: NotebookNode, solution: NotebookNode) -> None:
    """Catches two notebooks that a reader cannot tell apart."""
    assert learner.cells[0].source.startswith("# A small notebook\n")
    first, _, rest = solution.cells[0].source.partition("\n")
    assert first == "# A small notebook (solved)"
    assert f"(../{NAME}.ipynb)" in rest


def test_links_are_right_one_folder_down(solution: NotebookNode) -> None:
    """Catches links that lead nowhere from `solutions/`."""
    assert "(02_next.ipynb)" in solution.cells[0].source
    assert "(../../README.md)" in solution.cells[0].source


@pytest.mark.parametrize(
    ("link", "from_solutions"),
    [
        ("[a](02_b.ipynb#part)", "[a](02_b.ipynb#part)"),
        ("[a](solutions/02_b.ipynb)", "[a](02_b.ipynb)"),
        ("[a](../README.md)", "[a](../../README.md)"),
        ("![a](figures/a.png)", "![a](../figures/a.png)"),
        ("[a](https://arxiv.org/abs/1412.6572)", "[a](https://arxiv.org/abs/1412.6572)"),
        ("[a](#part)", "[a](#part)"),
    ],
)
def test_relinked(link: str, from_solutions: str) -> None:
    """Catches a kind of link that the move to `solutions/` breaks."""
    assert sources.relinked(link) == from_solutions


def test_outputs_are_normal(learner: NotebookNode) -> None:
    """Catches what would differ from run to run: cut streams, widget ids, times, versions."""
    pieces = learner.cells[2].outputs
    assert pieces[0].text == "cut\nin\npieces\n"
    assert learner.cells[3].outputs[0].data.keys() == {"text/plain"}
    assert learner.metadata.language_info == {"name": "python"}
    assert learner.metadata.kernelspec.name == "python3"
    assert [cell.get("execution_count") for cell in learner.cells] == [None, 1, 2, 3]
    assert all(set(cell.metadata) <= {"tags"} for cell in learner.cells)


def test_two_builds_are_equal(folder: Path) -> None:
    """Catches anything in a build that is not decided by the source."""

    def contents() -> list[NotebookNode]:
        both = [read(folder, kind) for kind in tool.KINDS]
        for notebook in both:
            del notebook.metadata.advtutor["seconds"]  # the one thing that is measured
        return both

    before = contents()
    build(folder, everything=True)
    assert contents() == before


# --- what it rebuilds ---


def test_nothing_is_built_twice(folder: Path) -> None:
    """Catches a build that ignores what is up to date."""
    assert build(folder) == []


@pytest.mark.parametrize("change", ["source", "version", "missing", "broken"])
def test_a_change_is_built(folder: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a stale notebook that is taken for current."""
    ran = []
    monkeypatch.setattr(tool, "execute", lambda made, *_: ran.append(made) or 1.0)
    path = sources.notebook_path(NAME, "learner", folder)
    if change == "source":
        sources.source_path(NAME, folder).write_text(SOURCE + "\n# %%\nseen\n", encoding="utf-8")
    elif change == "missing":
        path.unlink()
    elif change == "broken":
        path.write_text("{", encoding="utf-8")
    written = build(folder, version="2.0" if change == "version" else "1.0")
    assert len(ran) == len(written) == (2 if change in ("source", "version") else 1)


def test_windows_line_ends_are_no_change(folder: Path) -> None:
    """Catches a check-out with other line ends that makes every notebook look stale."""
    path = sources.source_path(NAME, folder)
    path.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    assert build(folder) == []


# --- what goes wrong ---


def test_an_error_names_notebook_cell_and_error_and_keeps_the_old_file(folder: Path) -> None:
    """Catches a half-built notebook written over a sound one, and an error without its place."""
    path = sources.notebook_path(NAME, "learner", folder)
    before = path.read_bytes()
    bad = SOURCE.replace("seen = []", "seen = missing_name")
    sources.source_path(NAME, folder).write_text(bad, encoding="utf-8")
    with pytest.raises(tool.BuildError, match=rf"{NAME} \(learner\), cell 1: NameError: .*missing"):
        build(folder)
    assert path.read_bytes() == before
    assert [file.name for file in folder.glob("*.ipynb*")] == [path.name]


def test_a_failed_write_keeps_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a write that is not at one stroke."""
    path = sources.notebook_path(NAME, "learner", folder)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        tool.write(nbformat.read(path, as_version=4), path)
    assert path.read_bytes() == before
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "stands where no levels_to_eps is defined"),
        ("levels_to_eps = 3", "stands where no levels_to_eps is defined"),
        ("def levels_to_eps(n):\n    ...", "'def levels_to_eps.n.:' is answered by"),
        ("def levels_to_eps(levels):\n    return levels / 255", "is no stub"),
        ("def levels_to_eps(levels):\n    one = 1\n    ...", "is no stub"),
        ("### BEGIN SOLUTION", "stands in advtutor/exercises/"),
    ],
)
def test_a_stub_that_no_answer_fits_is_refused(code: str, reason: str) -> None:
    """Catches an answer that drifts from its stub, and one that is written a second time."""
    check = "levels_to_eps = checks.levels_to_eps(levels_to_eps)"
    text = f"# %% [markdown]\n# # Title\n\n# %%\n{code}\n\n\n{check}\n"
    with pytest.raises(sources.SourceError, match=f"demo, cell 1: .*{reason}"):
        sources.unexecuted(text, "demo", "learner", "1.0")


def test_a_source_without_a_title_is_refused() -> None:
    """Catches a notebook whose solved version could not say that it is one."""
    with pytest.raises(sources.SourceError, match="# Title"):
        sources.unexecuted("# %%\n1\n", "demo", "learner", "1.0")


# --- each rule, seen failing ---

Spoil = Callable[[NotebookNode], None]


def with_output(**output: object) -> Spoil:
    return lambda nb: nb.cells[2].outputs.append(NotebookNode(output))


def with_data(mime: str, content: object) -> Spoil:
    data = NotebookNode({mime: content})
    return with_output(output_type="display_data", data=data, metadata={})


def stream(name: str, text: str) -> Spoil:
    return with_output(output_type="stream", name=name, text=text)


def checked(mark: str) -> Spoil:
    return with_data(TOLD, {"check": "levels_to_eps", "mark": mark})


def in_cell(index: int, **values: object) -> Spoil:
    return lambda nb: nb.cells[index].update(values)


def in_stamp(**values: object) -> Spoil:
    return lambda nb: nb.metadata.advtutor.update(values)


BAD = {
    "edited code": (in_cell(2, source="print(1)"), "its source is not what its source makes"),
    "edited text": (in_cell(0, source="# Else"), "cell 0: its source is not"),
    "another type": (in_cell(2, cell_type="markdown"), "its cell_type is not"),
    "another id": (in_cell(2, id="x"), "its id is not"),
    "a cell less": (lambda nb: nb.cells.pop(), "its source makes 4"),
    "tag dropped": (in_cell(2, metadata=NotebookNode()), "its tags are not those"),
    "old source": (in_stamp(source_sha256="0"), "source_sha256"),
    "wrong kind": (in_stamp(kind="other"), "its kind is 'other'"),
    "no stamp": (lambda nb: nb.metadata.pop("advtutor"), "its kind is None"),
    "never run": (in_cell(2, execution_count=None), "its count is None, not 2"),
    "run twice": (in_cell(2, execution_count=7), "its count is 7, not 2"),
    "times kept": (in_cell(2, metadata=NotebookNode(execution={"t": 1})), "when it was run"),
    "widgets kept": (lambda nb: nb.metadata.update(widgets={}), "state of widgets"),
    "misspelt tag": (
        in_cell(2, metadata=NotebookNode(tags=["nbval-ignore-outputs"])),
        "unknown tag 'nbval-ignore-outputs'",
    ),
    "tag in a comment": (in_cell(2, source="# NBVAL_SKIP\n1"), "use a tag"),
    "slow": (in_stamp(seconds=61), "computes for 61 s"),
    "unmeasured": (lambda nb: nb.metadata.advtutor.pop("seconds"), "does not record"),
    "long cell": (in_cell(2, source="1\n" * 25 + "1"), "26 lines"),
    "error": (
        with_output(output_type="error", ename="NameError", evalue="x", traceback=[]),
        "NameError: x",
    ),
    "warning": (stream("stderr", "UserWarning: no"), "on stderr: UserWarning"),
    "svg": (with_data("image/svg+xml", "<svg/>"), "an SVG"),
    "widget": (with_data("application/vnd.jupyter.widget-view+json", "x"), "view of a widget"),
    "own folder": (stream("stdout", f"{sources.ROOT}/data"), "a folder of the machine"),
    "failed check": (
        checked("✗"),
        "check of levels_to_eps says ✗, not ○",
    ),
    "passed stub": (
        checked("✓"),
        "check of levels_to_eps says ✓, not ○",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_notebook_is_found(fault: str, learner: NotebookNode) -> None:
    """Catches a rule that cannot fail."""
    spoil, message = BAD[fault]
    bad = copy.deepcopy(learner)
    spoil(bad)
    found = rules.all_faults(bad, SOURCE, NAME, "learner", size=1000)
    assert any(message in line for line in found), found


def test_an_unattempted_check_in_a_solution_is_found(solution: NotebookNode) -> None:
    """Catches a solved notebook in which an exercise was left open."""
    checked("○")(solution)
    assert rules.mark_faults(solution, "solution")


def test_a_large_notebook_is_found(learner: NotebookNode) -> None:
    """Catches a notebook that would swell the repository."""
    assert rules.budget_faults(learner, 600 * 1024) == []
    assert "601 KB" in rules.budget_faults(learner, 601 * 1024)[0]


def test_a_drifted_stub_is_found(learner: NotebookNode, solution: NotebookNode) -> None:
    """Catches a stub whose given lines the solution no longer has, or has in another order."""
    assert rules.pair_faults(learner, solution) == []
    learner.cells[1].source = learner.cells[1].source.replace("seen = []", "seen = [1]")
    assert "seen = [1]" in rules.pair_faults(learner, solution)[0]
    learner.cells[1].source = "\n".join(reversed(solution.cells[1].source.split("\n")))
    assert rules.pair_faults(learner, solution)


def test_a_check_missing_in_one_of_the_pair_is_found(
    learner: NotebookNode, solution: NotebookNode
) -> None:
    """Catches a check that only one of the two notebooks runs."""
    solution.cells[1].outputs = []
    assert "checks of ['levels_to_eps'], and of []" in rules.pair_faults(learner, solution)[-1]


def test_a_broken_link_is_found(learner: NotebookNode, tmp_path: Path) -> None:
    """Catches a link to a file that is not there."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (tmp_path / "README.md").touch()
    assert rules.link_faults(learner, notebooks) == [
        "cell 0: a link to 02_next.ipynb, which is not there"
    ]


# --- what nbval does not compare ---


def sanitised(text: str) -> str:
    config = (sources.ROOT / "tests" / "nbval_sanitize.cfg").read_text(encoding="ascii")
    for pattern, replacement in get_sanitize_patterns(config):
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("measured 11.7 %", "measured 9 %"),
        ("error\nmeasured  a 1.0  b 2\n", "error\nmeasured  a 10.0 b 3\n"),
        ("a   ≈ 9.1 % | b", "a  ≈ 11.7 % | b"),
        ("<td>≈ 1,024.5</td>", "<td>≈ -3e-05</td>"),
        ("training:   0%|   | 0/3 [00:00<?, ?it/s]", "training:   0%|   | 0/3 [00:09<?, ?it/s]"),
        ("(a progress bar runs here)", "  0%|          | 0/970 [00:00<?, ?batch/s]"),
        ("3/3 [00:01<00:00, 12.1it/s]", "3/3 [00:02<00:01, 2s/it]"),
        ("<f at 0x7f3a01b2>", "<f at 0x10ffe3a4c>"),
        ("took 3.1 s", "took 12 s"),
    ],
)
def test_what_varies_between_machines_is_not_compared(here: str, there: str) -> None:
    """Catches a sanitiser that lets a number of one machine fail the notebook on another."""
    assert sanitised(here) == sanitised(there)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("11.7 %", "11.8 %"),
        ("✓ claim a: holds\nmeasured 1", "✗ claim a: holds\nmeasured 1"),
        ("it is measured 1", "it is measured 2"),
        ("measured 1\n2", "measured 1\n3"),
        ("≈ 3 of 10", "≈ 3 of 20"),
        ("0x1f", "0x2f"),
    ],
)
def test_everything_else_is_compared(here: str, there: str) -> None:
    """Catches a sanitiser so broad that a wrong output passes."""
    assert sanitised(here) != sanitised(there)
