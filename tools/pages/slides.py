"""Slides of each notebook, as build/slides/NN.html: made from the stored notebooks, never run.

The widgets move on them as on the website. They are shown by reveal.js, which npm fetches once and
which is copied beside them: showing them needs no network, and building them again needs none.
"""

import ast
import html
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from advtutor.widgets import base
from tools.notebooks.source import CHECKED, ROOT
from tools.pages import widgets
from tools.pages.blocks import (
    STYLE,
    Block,
    blocks,
    chosen_notebooks,
    code_block,
    linked,
)
from tools.pages.formulas import offline_markdown

TEMPLATES = ROOT / "tools" / "pages" / "templates"
ROOM = 560  # pixels of a slide of 720 below its heading
WIDE = 84  # letters of text on a line
ROWS = 6  # of a table
FILES = ("reveal.js", "reveal.css", "reset.css")


@dataclass
class Slide:
    """One slide: the heading of its section, and its blocks from top to bottom."""

    heading: str
    blocks: list[Block] = field(default_factory=list)
    height: int = 0


def slides(notebook: list[Block]) -> list[Slide]:
    """Slides in the notebook's order: a question, a prediction, a figure begins a new one."""
    made = [Slide("")]
    for block in (part for each in notebook for part in in_parts(each)):
        if block.kind in ("code", "said") and not made[-1].heading:
            continue  # the imports, above the first section
        last = made[-1]
        height = guess(block)
        if block.kind == "heading":
            made.append(Slide(block.html))
            continue
        before = last.blocks[-1].kind if last.blocks else None
        alone = "table" in (block.kind, before)  # a figure is anyway: it takes all of the room
        if block.kind == "table" and before == "table":
            alone = last.height + height > ROOM
        begins = block.kind in ("prediction", "exercise") and before not in (None, block.kind)
        begins |= block.kind == "shows" and before not in (None, "shows")
        ends = before == "choices" or (before == "shows" and block.kind not in ("shows", "text"))
        if last.blocks and (alone or begins or ends or last.height + height > ROOM):
            made.append(Slide(last.heading))
        made[-1].blocks.append(block)
        made[-1].height += height
    return [slide for slide in made if slide.blocks]


def in_parts(block: Block) -> list[Block]:
    """A long table as several, each with its head; code without what its output shows anyway."""
    if block.kind == "code" and not CHECKED.search(block.text):
        kept = essence(block.text)
        return [code_block(kept)] if kept else []
    if block.kind == "table":
        table, _, below = block.text.strip().partition("\n\n")
        first, line, *rows = table.split("\n")
        parts = ["\n".join([first, line, *rows[i : i + ROWS]]) for i in range(0, len(rows), ROWS)]
        texts = [("table", part) for part in parts] + ([("text", below)] if below else [])
        return [Block(kind, offline_markdown(text), text) for kind, text in texts]
    return [block]


def essence(code: str) -> str:
    """`code` without its top-level claims, plots and prints: slides show what came of them."""
    lines = code.split("\n")
    for node in reversed(ast.parse(code).body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            shown = called in ("claim", "print", "Markdown") or called.startswith("plots.")
            if shown or called.endswith(".compare"):
                del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n")


def guess(block: Block) -> int:
    """About how many pixels the block is high; the page's own script corrects what is off."""
    lines = block.text.split("\n")
    if block.kind == "code":
        return 24 * len(lines) + 30
    if block.kind == "said":
        return sum(28 * (1 + len(line) // 105) for line in lines) + 16
    if block.kind == "figure":
        return ROOM
    if block.kind == "table":
        return sum(40 + 28 * (len(line) // 120) for line in lines)
    if block.text.startswith("$$"):
        return 110
    return sum(40 * (1 + len(line) // WIDE) for line in lines) + 20


def page_of(name: str, notebook: list[Block]) -> str:
    """The slides of one notebook as a page."""
    sections = []
    for slide in slides(notebook):
        kinds = " ".join(sorted({block.kind for block in slide.blocks}))
        inside = "\n".join(
            moving(block)
            if block.widget in widgets.NETWORKS
            else f'<div class="block {block.kind}">{block.html}</div>'
            for block in slide.blocks
        )
        heading = f"<h2>{slide.heading}</h2>" if slide.heading else ""
        sections.append(f'<section class="{kinds}">{heading}\n{inside}\n</section>')
    template = (TEMPLATES / "slides.html").read_text(encoding="utf-8")
    page = template.replace("TITLE", html.escape(name)).replace("PYGMENTS", STYLE)
    page = page.replace("WIDGETS", widgets.scripts(kinds_of(notebook)))
    return linked(page.replace("SECTIONS", "\n".join(sections)), ".html")


def kinds_of(notebook: list[Block]) -> list[str]:
    """The kinds of the widgets that move on the notebook's slides."""
    return [block.widget for block in notebook if block.widget in widgets.NETWORKS]


def moving(block: Block) -> str:
    """A widget in the place of its stored picture, which stays where scripts do not run."""
    whose = widgets.whose(block.widget)
    note = f"On {whose}, not on the notebook's own. " if whose else ""
    note = f'<p class="whose">{note}Esc gives the keys back to the slides.</p>'
    widget = base.place(block.widget, instead=True)
    return (
        f'<div class="cell_output block figure">{block.html}</div>'
        f'<div class="moving" data-prevent-swipe>{widget}{note}</div>'
    )


def fetch(target: Path) -> None:
    """reveal.js, the very version that package.json names, beside the slides; once is enough.

    Ends the program with a sentence where there is no npm, or no network the first time.
    """
    wanted = json.loads((TEMPLATES / "package.json").read_text("utf-8"))["dependencies"][
        "reveal.js"
    ]
    note = target / "version.txt"
    if note.is_file() and note.read_text("utf-8") == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("no slides: there is no npm to fetch reveal.js with. Install Node.js: nodejs.org")
    with tempfile.TemporaryDirectory() as folder:
        for path in TEMPLATES.glob("package*.json"):
            shutil.copy(path, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        got = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if got.returncode:
            said = (got.stderr.strip().splitlines() or ["no reason given"])[0]
            sys.exit(
                f"no slides: npm could not fetch reveal.js {wanted}: {said}. "
                "The first time needs a network; later ones do not."
            )
        package = Path(folder, "node_modules", "reveal.js")
        target.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(package / "dist" / name, target / name)
        shutil.copy(package / "LICENSE", target / "LICENSE")
        note.write_text(wanted, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    chosen, paths = chosen_notebooks("Slides of each notebook.", "slides", arguments)
    fetch(chosen.output / "reveal.js")
    made = {path: list(blocks(path)) for path in paths}
    kinds = {kind: None for notebook in made.values() for kind in kinds_of(notebook)}
    widgets.files(chosen.output, kinds)
    for path, notebook in made.items():
        page = chosen.output / f"{path.name[:2]}.html"
        page.write_text(page_of(path.stem, notebook), encoding="utf-8")
        print(f"wrote {page}")


if __name__ == "__main__":
    main()
