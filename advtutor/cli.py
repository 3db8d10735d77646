"""The command line: open the course, say whether it runs, and which exercises are done."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import advtutor

app = typer.Typer(
    help="A course in notebooks on adversarial examples.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"advtutor {advtutor.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def lab(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The first port to try; a taken one moves on.")
    ] = 8888,
    browser: Annotated[
        bool | None,
        typer.Option(help="Open a browser.", show_default="where there is a display"),
    ] = None,
) -> None:
    """Open the course in JupyterLab, on this machine only."""
    from advtutor.lab import LabError, serve

    try:
        raise typer.Exit(serve(port, browser))
    except LabError as fault:
        Console(stderr=True).print(f"advtutor lab: {escape(str(fault))}", highlight=False)
        raise typer.Exit(1) from None


@app.command()
def progress() -> None:
    """Say which exercises are done, notebook by notebook."""
    from advtutor.progress import EXERCISES, done, progress_file

    finished = done()
    for notebook, names in EXERCISES.items():
        marks = "  ".join(f"{'✓' if name in finished else '○'} {name}" for name in names)
        typer.echo(f"{notebook:<26} {marks}")
    kept = progress_file() or "nowhere, because ADVTUTOR_PROGRESS is off"
    typer.echo(f"kept in {kept}; it holds names and days, and no code")


@app.command()
def doctor() -> None:
    """Say what is installed and whether the course runs here; exit status 1 if it does not."""
    from advtutor.doctor import examine, print_report

    findings = examine()
    print_report(findings, Console())
    raise typer.Exit(int(any(finding.state == "problem" for finding in findings)))
