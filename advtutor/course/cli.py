"""The command line: the course in Lab, its state, the exercises done, the paper reproduced."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from enum import StrEnum, auto
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import advtutor
from advtutor._say import say
from advtutor.course.audit import audit
from advtutor.course.grade import grade

app = typer.Typer(
    help="A course in notebooks on adversarial examples.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _complain(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(escape(text), highlight=False)


@contextlib.contextmanager
def _refusing(name: str, *faults: type[Exception], status: int = 1) -> Iterator[None]:
    """End with the fault's text and `status` instead of a traceback."""
    try:
        yield
    except faults as fault:
        _complain(f"advtutor {name}: {fault}")
        raise typer.Exit(status) from None


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path may hold what the output cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        os.getcwd()
    except FileNotFoundError:  # importing torch would end the process here
        _complain("advtutor: this folder is gone; change to one that exists, such as cd ~")
        raise typer.Exit(1) from None


@app.command()
def lab(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="A folder of yours, to copy the notebooks into. Without it: my-course in the "
            "clone, or else advtutor-course here.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The port; if it is taken, the next free one.")
    ] = 8888,
    browser: Annotated[
        bool | None,
        typer.Option(help="Open a browser.", show_default="where there is a display"),
    ] = None,
) -> None:
    """Open your notebooks in JupyterLab, on this machine only.

    Notebooks in which you have written something stay; a newer version is put beside them.
    """
    from advtutor.course.lab import serve
    from advtutor.course.workspace import CourseError

    with _refusing("lab", CourseError):
        serve(port, browser, folder)


@app.command()
def progress() -> None:
    """Say which exercises are done, notebook by notebook."""
    from advtutor.progress import EXERCISES, done, progress_file

    finished = done()
    for notebook, names in EXERCISES.items():
        marks = "  ".join(f"{'✓' if name in finished else '○'} {name}" for name in names)
        say(f"{notebook:<26} {marks}")
    path = progress_file()
    if path is None:
        say("kept nowhere: there is no home folder, or ADVTUTOR_PROGRESS is off")
    else:
        say(f"kept in {path}; it holds names and days, and no code")


@app.command(name="catch-up")
def catch_up(
    notebook: Annotated[str, typer.Argument(metavar="NN", help="The notebook to start, as in 03.")],
    notebooks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Your notebooks.", show_default="this folder, or that of `lab`"
        ),
    ] = None,
) -> None:
    """Start notebook NN without those before it: their answers at hand, your files untouched."""
    from advtutor.course.doctor import examine
    from advtutor.course.workspace import CourseError, catch_up

    with _refusing("catch-up", CourseError):
        start, lines = catch_up(notebook, notebooks)
    for line in lines:
        say(line)
    problems = [finding for finding in examine() if finding.state == "problem"]
    for finding in problems:
        _complain(f"advtutor catch-up: {finding.name}: {finding.found}. {finding.remedy}")
    if problems:
        raise typer.Exit(1)
    say(f"all that it needs loads; open {start}")


app.command()(grade)


@app.command()
def doctor() -> None:
    """Say what is installed and whether the course runs here; exit status 1 if it does not."""
    from advtutor.course.doctor import examine, print_report

    findings = examine()
    print_report(findings, Console())
    raise typer.Exit(int(any(finding.state == "problem" for finding in findings)))


@app.command()
def reproduce(
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Further claims or experiments.", show_default=False),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID...", help="A claim, an experiment, or several of them."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds.", show_default="5; quick: 2")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the short experiments: under three minutes.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where torch computes: cpu, cuda, mps.")] = "cpu",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, of one thread each.", show_default="one for a core"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help='A Dask scheduler, or "local" to start one here.'),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results are kept.")] = Path(
        "results"
    ),
) -> None:
    """Measure the paper's claims over several seeds and write the ledger.

    Finished runs are kept in DIR: the same call goes on where the last one stopped.
    """
    from advtutor.claims import command
    from advtutor.claims.executors import ExecutorError
    from advtutor.claims.runs import ReproduceError

    names = [
        name for group in [*(only or []), *(more or [])] for name in group.replace(",", " ").split()
    ]
    if jobs is None:
        jobs = command.cores() if device == "cpu" else 1
    try:
        with _refusing("reproduce", ReproduceError, ExecutorError, status=2):
            status = command.reproduce(
                only=names,
                seeds=seeds,
                quick=quick,
                device=device,
                jobs=jobs,
                scheduler=scheduler,
                out=out,
                console=Console(),
            )
    except KeyboardInterrupt:
        _complain(f"Stopped. What had finished is kept in {out}; the same call goes on from there.")
        raise typer.Exit(130) from None
    raise typer.Exit(status)


app.command()(audit)


class _Step(StrEnum):
    new, judge, board = auto(), auto(), auto()


@app.command()
def contest(
    step: Annotated[
        _Step,
        typer.Argument(
            help="new: write what to hand out; judge: score what the teams have handed in; board: "
            "write the page for the projector.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The contest's folder.")],
    eps: Annotated[float, typer.Option(help="new: how far a pixel may be moved.")] = 0.1,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            help="new: what the hidden network follows from; keep it secret.",
            show_default="drawn",
        ),
    ] = None,
) -> None:
    """Hold a contest in a class, offline: attack a hidden network, defend one of your own."""
    from advtutor import contest

    with _refusing("contest", contest.ContestError):
        if step == "new":
            contest.new(folder, eps, seed)
            say(f"hand out {folder / 'handout'}, and keep {folder / 'hidden'} to yourself")
        elif step == "judge":
            for name, table in contest.judge(folder).items():
                say(name)
                for each in table:
                    score = each.refused or f"{each.score:.1%}, {each.tie:.4f}"
                    say(f"{each.rank or '-':>4}  {each.team}: {score}")
        else:
            say(f"show {contest.board(folder)} in a browser, full screen")
