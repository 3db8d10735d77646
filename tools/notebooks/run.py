"""Run the learner's notebooks without a browser, and write them as pages into build/.

The pages need no network: formulas become MathML, which browsers show by themselves, and no script
is taken from anywhere. The notebooks themselves are only read.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbconvert.exporters.html import HTMLExporter
from nbformat import NotebookNode
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from tools.notebooks.execution import RunError, code_cells, execute
from tools.pages.formulas import offline_markdown

ROOT = Path(__file__).resolve().parents[2]
SECONDS_PER_CELL = 600


@dataclass(frozen=True)
class Run:
    """One notebook's run: how long it took, where its page lies, and what stopped it, if any."""

    name: str
    seconds: float
    page: Path
    failure: str = ""


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    notebooks: Annotated[Path, typer.Option(help="The folder of the notebooks.")] = (
        ROOT / "notebooks"
    ),
    output: Annotated[Path, typer.Option(help="The folder for the pages.")] = ROOT / "build",
) -> None:
    """Run every notebook from top to bottom; exit status 1 if one fails."""
    console = Console()
    paths = sorted(notebooks.glob("[0-9]*.ipynb"))
    if not paths:
        console.print(f"There are no notebooks in {notebooks}.")
        raise typer.Exit(1)
    output.mkdir(parents=True, exist_ok=True)
    runs = [run(path, output) for path in paths]
    print_report(runs, console)
    raise typer.Exit(int(any(one.failure for one in runs)))


def run(path: Path, output: Path) -> Run:
    """Execute the notebook at path in a fresh kernel and write its page, also if a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    started = time.monotonic()
    with tqdm(total=len(code_cells(notebook)), desc=path.stem, unit="cell") as bar:
        try:
            execute(notebook, path.parent, SECONDS_PER_CELL, bar.update)
            failure = ""
        except RunError as error:
            failure = str(error)
    seconds = time.monotonic() - started
    page = output / f"{path.stem}.html"
    page.write_text(page_of(notebook, path.stem), encoding="utf-8")
    return Run(path.stem, seconds, page, failure)


# nbconvert's page without the scripts that it would take from the network.
TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""


def page_of(notebook: NotebookNode, name: str) -> str:
    """The notebook as one HTML page that needs nothing but itself."""
    # Without a stored widget state, nbconvert shows the picture or text that a widget also carries.
    exporter = HTMLExporter(raw_template=TEMPLATE)
    exporter.register_filter("markdown2html", offline_markdown)
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
    # A link from one notebook to the next leads to the next page.
    return re.sub(r'(href="[^":/]+)\.ipynb(["#])', r"\1.html\2", page)


def print_report(runs: list[Run], console: Console) -> None:
    """Seconds per notebook, what failed, and where the pages lie."""
    table = Table("notebook", "seconds", "result", title="Notebooks", title_justify="left")
    table.columns[1].justify = "right"
    for one in runs:
        result = f"[bold red]failed[/] {escape(one.failure)}" if one.failure else "[green]ran[/]"
        table.add_row(one.name, f"{one.seconds:.1f}", result)
    table.add_section()
    table.add_row("together", f"{sum(one.seconds for one in runs):.1f}", "")
    console.print(table)
    console.print("Read them in a browser:")
    for one in runs:
        console.print(f"  {one.page.resolve().as_uri()}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    app()
