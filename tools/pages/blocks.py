"""A stored notebook as blocks, each with its HTML: slides and handouts are made of them."""

import argparse
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbconvert.filters.highlight import Highlight2HTML
from nbformat import NotebookNode

from advtutor._say import TOLD
from tools.notebooks.source import CHECKED, NOTEBOOKS, ROOT
from tools.pages.formulas import offline_markdown

# What a paragraph begins with, and what that makes it.
BEGINNINGS = {
    "# ": "title",
    "## ": "heading",
    "|": "table",
    "**Exercise.": "exercise",
    "**What it ": "shows",
}
PREDICTS = re.compile(r"^\w+ = (?:predictions\.)?predict\(")
# What a notebook shows while somebody works in it, and says nothing on paper or on a wall.
IDLE = {"bar", "training", "check", "progress"}
GAP = "    ..."
# Pygments' classes of token: keywords, names that are defined, strings, numbers, comments.
STYLE = """\
.highlight .k, .highlight .kn, .highlight .kc, .highlight .ow { color: #5a3b8c; font-weight: 600; }
.highlight .nf, .highlight .nc, .highlight .nd { color: #1f4e9c; }
.highlight .s1, .highlight .s2, .highlight .sa, .highlight .sd, .highlight .si { color: #8a3a10; }
.highlight .mi, .highlight .mf { color: #2c6e49; }
.highlight .c1 { color: #5c5c5c; font-style: italic; }
"""


@dataclass(frozen=True)
class Block:
    """One thing to show: what it is, its HTML, and the text that its size is guessed from.

    kind: one of `BEGINNINGS`' values, text, prediction, choices, code, said, or figure.
    """

    kind: str
    html: str
    text: str
    widget: str = ""  # its kind, where the block is a widget's stored picture


def chosen_notebooks(
    description: str, product: str, arguments: list[str] | None
) -> tuple[argparse.Namespace, list[Path]]:
    """The command line of a tool that makes a `product` of notebooks, and the notebooks named."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", metavar="NN", help="such as 03; otherwise all")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / product)
    chosen = parser.parse_args(arguments)
    paths = [
        path
        for path in sorted(chosen.notebooks.glob("[0-9][0-9]_*.ipynb"))
        if not chosen.names or path.name[:2] in chosen.names
    ]
    if not paths:
        parser.error(f"no such notebooks in {chosen.notebooks}")
    return chosen, paths


def blocks(path: Path) -> Iterator[Block]:
    """The blocks of a learner's notebook, in its order. What is idle on paper is left out."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            yield from _of_markdown(cell.source)
        elif not cell.source.startswith("progress.show("):
            if not PREDICTS.match(cell.source):
                yield code_block(cell.source)
            for output in cell.outputs:
                yield from _of_output(output)


def linked(page: str, suffix: str) -> str:
    """`page` with its links from notebook to notebook leading to their twins: 03.html and so on."""
    return re.sub(r'href="(\d\d)_[^":/]+\.ipynb(["#])', rf'href="\g<1>{suffix}\2', page)


def _of_markdown(source: str) -> Iterator[Block]:
    """One block for each paragraph, list, table, quotation, formula or heading."""
    for part in re.split(r"\n\s*\n", source.strip()):
        asks = "prediction" if "**Your prediction" in part else "text"
        kind = next((kind for sign, kind in BEGINNINGS.items() if part.startswith(sign)), asks)
        if kind == "heading":
            # Its words alone: "1. What …" by itself would be read as a list.
            words = re.sub(r"</?h2[^>]*>", "", offline_markdown(part)).strip()
            yield Block(kind, words, part.removeprefix("## "))
        else:
            yield Block(kind, offline_markdown(part), part)


def _choices(offers: list[str]) -> Block:
    """What a prediction may be: the choices, or a number from one end to the other."""
    items = "".join(f"<li>{html.escape(offer)}</li>" for offer in offers)
    return Block("choices", f'<ul class="choices">{items}</ul>', " / ".join(offers))


def code_block(source: str) -> Block:
    """Code in colours; the gap of an exercise is left blank, to write in."""
    colours = Highlight2HTML()
    if CHECKED.search(source) and GAP in source:
        before, _, after = source.partition(GAP)
        page = (
            colours(before.rstrip("\n"))
            + '<div class="gap" aria-label="space for your code"></div>'
            + colours(after.strip("\n"))
        )
        return Block("code", f'<div class="stub">{page}</div>', source)
    return Block("code", colours(source), source)


def _of_output(output: NotebookNode) -> Iterator[Block]:
    data, here = output.get("data", {}), output.get("metadata", {}).get(TOLD, {})
    told = {**data.get(TOLD, {}), **here}
    if IDLE & set(told):
        return
    if "offers" in told:
        yield _choices(told["offers"])
    elif "claim" in told:
        yield _claim(told)
    elif "prediction" in told:
        if (words := told["came out"]) is not None:
            yield Block("said", f"<pre>{html.escape(words)}</pre>", words)
    elif "image/png" in data:
        title = told.get("figure", "")
        seen = output.get("metadata", {}).get("image/png", {})
        alt, width = seen.get("alt", title), seen.get("width", 504)
        picture = "".join(data["image/png"].split())
        page = (
            f'<figure><img alt="{html.escape(alt)}" width="{width}" '
            f'src="data:image/png;base64,{picture}"></figure>'
        )
        yield Block("figure", page, title, told.get("widget", ""))
    elif "text/markdown" in data:
        text = data["text/markdown"]
        yield Block("table" if text.startswith("|") else "text", offline_markdown(text), text)
    else:
        text = (output.get("text", "") or data.get("text/plain", "")).strip("\n")
        if text:
            yield Block("said", f"<pre>{html.escape(text)}</pre>", text)


def _claim(told: dict[str, str]) -> Block:
    """A claim's statement, what was measured where the notebook was built, and its band."""
    statement, value, band = (html.escape(told[key]) for key in ("statement", "measured", "band"))
    paper = f" The paper: {html.escape(told['paper'])}." if told["paper"] else ""
    page = (
        f'<p class="claim">{statement}: <b>{value}</b> '
        f'<span class="band">Here {band}.{paper}</span></p>'
    )
    return Block("said", page, f"{statement}: {value} Here {band}.{paper}")
