"""Run the learner's notebooks without a browser, and write them as pages into build/.

The pages need no network: formulas become MathML, which browsers show by themselves, and no script
is taken from anywhere. The notebooks themselves are only read.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbconvert.exporters.html import HTMLExporter
from nbformat import NotebookNode
from tqdm import tqdm

from tools.notebooks.execution import RunError, code_cells, execute
from tools.notebooks.source import NOTEBOOKS, ROOT
from tools.pages.formulas import offline_markdown

SECONDS_PER_CELL = 600
# nbconvert's page without the scripts that it would take from the network.
TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""


def run(path: Path, page: Path) -> str:
    """Execute the notebook at `path` in a fresh kernel and write its page; what failed, if any."""
    notebook, failure = nbformat.read(path, as_version=4), ""
    with tqdm(total=len(code_cells(notebook)), desc=path.stem, unit="cell") as bar:
        try:
            execute(notebook, path.parent, SECONDS_PER_CELL, bar.update)
        except RunError as error:
            failure = str(error)
    page.write_text(page_of(notebook, path.stem), encoding="utf-8")
    return failure


def page_of(notebook: NotebookNode, name: str) -> str:
    """The notebook as one HTML page that needs nothing but itself."""
    # Without a stored widget state, nbconvert shows the picture or text that a widget also carries.
    exporter = HTMLExporter(raw_template=TEMPLATE)
    exporter.register_filter("markdown2html", offline_markdown)
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
    # A link from one notebook to the next leads to the next page.
    return re.sub(r'(href="[^":/]+)\.ipynb(["#])', r"\1.html\2", page)


def main() -> int:
    """Run every notebook from top to bottom; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(description="Run the notebooks, and write them as pages.")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS)
    parser.add_argument("--output", type=Path, default=ROOT / "build")
    chosen = parser.parse_args()
    paths = sorted(chosen.notebooks.glob("[0-9]*.ipynb"))
    if not paths:
        parser.error(f"there are no notebooks in {chosen.notebooks}")
    chosen.output.mkdir(parents=True, exist_ok=True)
    pages = {path: (chosen.output / f"{path.stem}.html").resolve() for path in paths}
    failures = {path: run(path, page) for path, page in pages.items()}
    print("\nRead them in a browser:")
    for path, page in pages.items():
        print(f"  {page.as_uri()}" + (f"\n    FAILED: {failures[path]}" if failures[path] else ""))
    return int(any(failures.values()))


if __name__ == "__main__":
    sys.exit(main())
