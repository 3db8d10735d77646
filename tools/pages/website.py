"""Build the website into build/site, from the executed notebooks, docs/ and the docstrings.

python -m tools.pages.website              no network is used; a warning stops it
python -m tools.pages.website --linkcheck  asks the network whether the links outside still stand

Nothing is executed: the notebooks are shown with the outputs that are stored in them.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from advtutor._say import TOLD
from advtutor.live import page
from advtutor.widgets import base
from tools.notebooks.source import NOTEBOOKS, ROOT
from tools.pages import widgets

SITE = ROOT / "build" / "site"
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>(?![a-z]+:|#)[^)#\s]+)[^)\s]*\)")
# The pages on the project that lie at the top of the clone.
TOP_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md")
# Where pages lie, and what lies there and is none.
PAGES_IN = (ROOT, ROOT / "docs", NOTEBOOKS, NOTEBOOKS / "solutions")
LEFT_OUT = ("README.md",)
IN_ORDER = (
    "In order; each stands on those before it. The solved ones are listed apart, so that you "
    "meet an exercise before its solution."
)
FILLED = "The same notebooks with their exercises filled and checked."
GUIDES = "How to run, grade and change the course, and what it has measured."
RIDDLE = "what came out is for you to find in what follows"
# Modules a reader may import, each in the words of its own docstring.
MODULES = (
    "data",
    "models",
    "attacks",
    "training",
    "evaluation",
    "linearity",
    "certify",
    "audit",
    "contest",
    "plots",
    "widgets",
    "live",
    "predictions",
    "claims",
    "progress",
)


def main(arguments: list[str] | None = None) -> int:
    """Build the site, or check its links; the exit status."""
    parser = argparse.ArgumentParser(description="Build the website.")
    parser.add_argument("--output", type=Path, default=SITE, help="the folder for the pages")
    parser.add_argument("--linkcheck", action="store_true", help="check the links to the network")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    output = options.output.resolve()
    pages = output.with_name(output.name + "-source")
    lay_out(pages)
    builder = "linkcheck" if options.linkcheck else "html"
    target = output.with_name(output.name + "-links") if options.linkcheck else output
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder]
    caches = ["-d", str(output.with_name(output.name + "-doctrees")), "-E"]
    status = subprocess.run(
        [*command, *caches, "-c", str(ROOT / "docs"), str(pages), str(target)]
    ).returncode
    if status:
        print("The site was not built, or not without a warning.", file=sys.stderr)
    elif options.linkcheck:
        print(f"Every link outside stands ({target / 'output.txt'}).")
    else:
        for name, text in {"attack.css": page.css(), "attack.js": page.script()}.items():
            (target / "_static" / name).write_text(text, encoding="utf-8")
        shutil.copy(ROOT / "docs" / "images" / "attack.png", target / "_static")  # without scripts
        widgets.files(target / "_static")
        print(f"Built in {time.monotonic() - started:.0f} s: {(target / 'index.html').as_uri()}")
    return status


def lay_out(pages: Path) -> None:
    """Fill the folder `pages` with what Sphinx reads, laid out as the clone is: links hold."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "images", pages / "docs" / "images")
    guides = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "index.md"]
    for path in [*guides, *map(ROOT.joinpath, TOP_PAGES)]:
        text = kept_links(path.read_text(encoding="utf-8"), path)
        (pages / path.relative_to(ROOT)).write_text(text, encoding="utf-8")
    names = [path.stem for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))]
    (pages / "index.md").write_text(first_page(names), encoding="utf-8")
    others = [path.stem for path in guides if path.stem != "ways_in"]
    for folder, (title, text, listed) in {
        "notebooks": ("The notebooks", IN_ORDER, [*names, "solutions/index"]),
        "notebooks/solutions": ("Solutions", FILLED, names),
        "docs": ("Guides", GUIDES, ["ways_in", *others, *(f"../{p[:-3]}" for p in TOP_PAGES)]),
        "api": ("The package", "What the notebooks import.", MODULES),
    }.items():
        (pages / folder).mkdir(parents=True, exist_ok=True)
        tree = "\n".join(["```{toctree}", ":maxdepth: 1", "", *listed, "```"])
        index = f"# {title}\n\n{text}\n\n{tree}\n"
        (pages / folder / "index.md").write_text(index, encoding="utf-8")
    for name in names:
        for folder in ("", "solutions"):
            place = Path(folder, f"{name}.ipynb")
            stored = nbformat.read(NOTEBOOKS / place, as_version=4)
            nbformat.write(for_the_site(stored, name, bool(folder)), pages / "notebooks" / place)
    for module in MODULES:
        name = f"advtutor.{module}"
        directive = f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n"
        directive += "   :exclude-members: set\n```\n"  # matplotlib's own, of every figure
        (pages / "api" / f"{module}.md").write_text(f"# `{name}`\n\n{directive}", encoding="utf-8")


def first_page(names: list[str]) -> str:
    """docs/index.md with the attack and the list of notebooks in their places."""
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    attack = '<link rel="stylesheet" href="_static/attack.css">\n' + page.html()
    attack += '<script src="_static/attack.js"></script>\n'
    cards = [card(name, NOTEBOOKS / f"{name}.ipynb") for name in names]
    listed = f'<ol class="course-notebooks">{"".join(cards)}</ol>'
    for place, content in {"the attack": attack, "the notebooks": listed}.items():
        text = text.replace(f"<!-- {place} -->", f"````{{raw}} html\n{content}\n````")
    return text.replace("<!-- the networks -->", page.table())


def card(name: str, path: Path) -> str:
    """A link to the notebook: its number, its title and what it promises."""
    opening = nbformat.read(path, as_version=4).cells[0].source
    title, promise = re.search(r"# (.+)", opening), re.search(r"\*\*(.+)\*\*", opening)
    words = [html.escape(found[1]) if found else "" for found in (title, promise)]
    number = f'<span class="course-number">{name[:2]}</span>'
    return (
        f'<li><a href="notebooks/{name}.html">{number}'
        f"<strong>{words[0]}</strong><span>{words[1]}</span></a></li>"
    )


def kept_links(text: str, path: Path) -> str:
    """The page `path`; of a link to a file of the clone that is no page, only the words stay."""

    def kept(link: re.Match[str]) -> str:
        target = (path.parent / link["target"]).resolve()
        is_page = target.suffix in (".md", ".ipynb") and target.parent in PAGES_IN
        known = not target.is_file() or (is_page and target.name not in LEFT_OUT)
        return link[0] if known else link["text"]

    return LINK.sub(kept, text)


def for_the_site(notebook: NotebookNode, name: str, solved: bool) -> NotebookNode:
    """The notebook with alt texts where myst-nb looks for them, and ways to run and to compare."""
    up = "../../" if solved else "../"
    run_it = f"[run it yourself]({up}docs/ways_in.md)"
    twin = (
        f"[the notebook with blanks](../{name}.ipynb)"
        if solved
        else f"[the solved notebook](solutions/{name}.ipynb)"
    )
    what = "This is the solved notebook" if solved else "This notebook has blanks for you to fill"
    note = f"{what}, stored as it ran. You can answer its predictions here; to write and to change "
    note += f"code, {run_it}. See also {twin}."
    ask(notebook)
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            alts = [alt for output in cell.outputs if (alt := alt_text(output))]
            if alts:
                about = [output.get("metadata", {}).get("image/png", {}) for output in cell.outputs]
                widths = [image.get("width", 504) for image in about]
                image = {"alt": "; ".join(alts), "width": f"{max(widths)}px"}
                cell.metadata["mystnb"] = {"image": image}
        cells.append(cell)
        shown = list(filter(None, map(widget_kind, cell.get("outputs", []))))
        if shown:
            text = moving(shown[0], f"{up}_static/", run_it)
            cells.append(nbformat.v4.new_markdown_cell(text, id=f"{cell.id}-run"))
        elif len(cells) == 1:
            text = f":::{{note}}\n{note}\n:::"
            cells.append(nbformat.v4.new_markdown_cell(text, id="run-it"))
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(TOLD, None)  # read by now; the page shows the words
    notebook.cells = cells
    return notebook


def moving(kind: str, static: str, run_it: str) -> str:
    """In Markdown, the widget of this kind, or how to move it where the site has none."""
    if kind not in widgets.NETWORKS:
        return f"*To move what this picture shows, {run_it}.*"
    words = "Nothing has to be installed."
    if whose := widgets.whose(kind):
        words = f"Here it runs on {whose}, not on this notebook's own, which the picture above "
        words += f"shows; to move that one, {run_it}."
    made = base.place(kind, instead=not whose) + "\n" + widgets.scripts([kind], static)
    made += "\n<noscript><p>Scripts are off here, so it stands still.</p></noscript>"
    return f"````{{raw}} html\n{made}\n````\n\n*It moves: keys, mouse or finger. {words}*"


def ask(notebook: NotebookNode) -> None:
    """Make the predictions places for forms, which docs/site_static/predictions.js puts there."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    about = [
        (output, output.get("data", {}).get(TOLD, {}), output.get("metadata", {}).get(TOLD, {}))
        for output in outputs
    ]
    came_out = {told["prediction"]: here for _, told, here in about if "came out" in here}
    for output, told, here in about:
        name = told.get("prediction")
        if name is None:
            continue
        words = out = came_out[name]["came out"] or RIDDLE
        kept = {"compares": name} | ({"sealed": here["sealed"]} if "sealed" in here else {})
        if "offers" in told:
            words = output.data["text/plain"]
            asked = {**told, **here, "out": out, "measured": came_out[name]["measured"]}
            kept = {"asks": json.dumps(asked)}
        data = "".join(f' data-{key}="{html.escape(value)}"' for key, value in kept.items())
        output.data["text/html"] = (
            f'<div class="prediction"{data}><pre>{html.escape(words)}</pre></div>'
        )


def alt_text(output: NotebookNode) -> str:
    """The description of the output's picture on one line; '' where it has no picture."""
    data = output.get("data", {})
    if "image/png" not in data:
        return ""
    alt = output.metadata.get("image/png", {}).get("alt", "")
    alt = alt or data.get(TOLD, {}).get("figure", "")
    return " ".join(alt.split())


def widget_kind(output: NotebookNode) -> str:
    """The kind of the widget whose stored picture the output is; "" where it is none."""
    data = output.get("data", {})
    return data.get(TOLD, {}).get("widget", "") if "image/png" in data else ""


if __name__ == "__main__":
    sys.exit(main())
