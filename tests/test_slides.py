"""Slides and handouts: complete, legible, and in need of no network."""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from advtutor._say import TOLD
from tools.notebooks.build import known_names
from tools.notebooks.source import ROOT, notebook_path
from tools.pages import handouts as make_handouts
from tools.pages import slides as make_slides
from tools.pages.blocks import Block, blocks

NAMES = known_names()
CHROMIUM = next((found for name in make_handouts.BROWSERS if (found := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
# What make_slides fetched earlier; the tests themselves have no network.
REVEAL = ROOT / "build" / "slides" / "reveal.js"
needs_reveal = pytest.mark.skipif(
    not (REVEAL / "reveal.js").is_file(), reason="run `make slides` once, with a network"
)


@functools.cache
def page_of(maker: ModuleType, name: str) -> str:
    """A notebook's page; several tests look at it."""
    return maker.page_of(name, list(blocks(notebook_path(name, "learner"))))


def slides_of(name: str) -> list[make_slides.Slide]:
    return make_slides.slides(list(blocks(notebook_path(name, "learner"))))


@pytest.mark.parametrize("name", NAMES)
def test_the_slides_hold_every_section_and_figure(name: str) -> None:
    """Catches a section, a figure, an exercise or a prediction that got lost between slides."""
    notebook = nbformat.read(notebook_path(name, "learner"), as_version=4)
    page = page_of(make_slides, name)
    figures = [
        o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    assert page.count('<img alt="') == len(figures)
    told = [o.get("data", {}).get(TOLD, {}) for c in notebook.cells for o in c.get("outputs", [])]
    assert page.count('<p class="claim">') == sum("claim" in one for one in told)
    assert page.count('class="gap"') == sum("= checks." in c.source for c in notebook.cells)
    asked = [
        o for c in notebook.cells for o in c.get("outputs", []) if "Your prediction: " in str(o)
    ]
    assert page.count('<ul class="choices">') == len(asked)
    for cell in notebook.cells:
        for heading in re.findall(r"^## (.+)$", cell.source, re.MULTILINE):
            assert f"<h2>{heading.split('$')[0].split(chr(39))[0]}" in page


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_stands_on_the_slide_of_its_question(name: str) -> None:
    """Catches a measurement below the choices that it decides, and a figure not alone."""
    for slide in slides_of(name):
        kinds = [block.kind for block in slide.blocks]
        if "choices" in kinds:
            assert kinds[-1] == "choices"
        if "figure" in kinds:
            assert kinds == ["figure"]


def test_a_long_table_goes_on_with_its_head() -> None:
    """Catches a lost row, a head without rows, and a text below that is taken for a row."""
    head, rows = ["| a | b |", "| --- | --- |"], [f"| {i} | x |" for i in range(12)]
    for below in ("", "What the letters mean."):
        text = "\n".join([*head, *rows, "", below])
        parts = make_slides.in_parts(Block("table", "", text))
        tables = [part.text.split("\n") for part in parts if part.kind == "table"]
        assert all(table[:2] == head and len(table) > 2 for table in tables)
        assert [row for table in tables for row in table[2:]] == rows
        assert [part.text for part in parts if part.kind == "text"] == [below] * bool(below)


def test_slides_show_no_plumbing_and_keep_the_exercises() -> None:
    """Catches claims and plots on a slide as code, and a stub that loses its check."""
    code = (
        "a = 1\nclaim(\n  'x',\n  a,\n)\nprint(f'measured {a}')\nplots.curves(a)\nguess.compare(a)"
    )
    assert make_slides.essence(code) == "a = 1"
    page = page_of(make_slides, NAMES[2])
    assert "checks" in page and "you made no prediction" not in page
    assert "a progress bar runs here" not in page and "not attempted yet" not in page


@pytest.mark.parametrize("maker", [make_slides, make_handouts], ids=["slides", "handouts"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_takes_nothing_from_the_network(maker, name: str) -> None:
    """Catches a script, style or font of a CDN, and a formula that needs a script to be read."""
    page = page_of(maker, name)
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "@import" not in page and "url(" not in page
    assert r"\nabla" not in page and "$$" not in page
    if name[:2] in ("01", "02", "03"):
        assert "<math" in page


@needs_chromium
@needs_reveal
@pytest.mark.parametrize("name", NAMES)
def test_nothing_sticks_out_of_a_slide(name: str, tmp_path: Path) -> None:
    """Catches a slide that is cut off at the bottom or at the right, at 1280 by 720."""
    shutil.copytree(REVEAL, tmp_path / "reveal.js")
    page = tmp_path / "page.html"
    page.write_text(page_of(make_slides, name), "utf-8")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        CHROMIUM,
        "--headless",
        "--disable-gpu",
        *as_root,
        f"--user-data-dir={tmp_path / 'p'}",
    ]
    command += ["--window-size=1280,720", "--virtual-time-budget=4000", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    sizes = re.findall(r'data-size="([\d.]+)" data-bottom="(\d+)" data-right="(-?\d+)"', shown)
    assert len(sizes) == len(slides_of(name))
    for number, (size, bottom, right) in enumerate(sizes, start=1):
        where = f"slide {number} of {name}"
        assert 0 < int(bottom) <= 712 and int(right) <= 1260, where
        assert float(size) >= 0.68, f"{where} is set very small"
    assert 'class="reveal' in shown and "ready" in shown


def test_no_npm_and_no_network_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a traceback where the fetching fails, and half a reveal.js that counts as fetched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"Install Node\.js"):
        make_slides.main(["00", "--output", str(tmp_path / "slides")])
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho npm error network >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(SystemExit, match=r"npm error network.*needs a network"):
        make_slides.main(["00", "--output", str(tmp_path / "slides")])
    assert not (tmp_path / "slides" / "reveal.js" / "version.txt").exists()


def test_reveal_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a second build that needs the network again, and an old version that stays."""
    (tmp_path / "version.txt").write_text("5.2.1")
    monkeypatch.setenv("PATH", "")
    make_slides.fetch(tmp_path)
    (tmp_path / "version.txt").write_text("4.0.0")
    with pytest.raises(SystemExit):
        make_slides.fetch(tmp_path)


@needs_chromium
def test_a_handout_is_an_a4_pdf(tmp_path: Path) -> None:
    """Catches letter paper, an empty page, and a name that the browser does not take."""
    folder = tmp_path / "hand outs"
    make_handouts.main(["00", "--output", str(folder)])
    pdf = (folder / "00.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert 3 <= len(boxes) <= 8
    assert all((round(float(w)), round(float(h))) == (595, 842) for w, h in boxes)
    assert [path.name for path in folder.iterdir()] == ["00.pdf"]


def test_a_figure_is_never_cut() -> None:
    """Catches a style that lets a figure run over the end of a page."""
    template = make_handouts.TEMPLATE.read_text(encoding="utf-8")
    assert ".figure { break-inside: avoid;" in template
    assert "max-height: 120mm" in template  # less than a page, or it would have to be cut


def test_no_browser_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a traceback where there is no Chromium, or not where it was said to be."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for named in ("", str(tmp_path / "missing")):
        monkeypatch.setenv("CHROMIUM", named)
        with pytest.raises(SystemExit, match="apt install chromium"):
            make_handouts.main(["00", "--output", str(tmp_path / "out")])
