"""`advtutor audit`: the audit of a network in a file, in a process of its own."""

import json
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def audit(
    context: typer.Context,
    network: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py[:NAME]",
            help="A file that makes the network, and what it is called there: a torch.nn.Module, "
            "or a class or function that builds one. Without NAME: model, or the only one.",
        ),
    ],
    images: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER|FILE.npz",
            help="Pictures of one size: a folder for each class, or arrays x and y.",
        ),
    ],
    eps: Annotated[str, typer.Option(help="In the units of the pixels, as in 8/255 or 0.1.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the report goes.")] = Path(
        "audit"
    ),
    budget: Annotated[
        float,
        typer.Option(min=0.01, help="1: under two minutes for a small network; others scale it."),
    ] = 1.0,
    norm: Annotated[str, typer.Option(help="linf or l2.")] = "linf",
    clip: Annotated[str, typer.Option(help="The lowest and highest pixel.")] = "0,1",
    weights: Annotated[
        Path | None, typer.Option(help="A state_dict: .safetensors, or of torch.save.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help="How many pictures, drawn by seed.")] = 500,
    seed: Annotated[int, typer.Option(help="What the draws follow from.")] = 0,
    minutes: Annotated[float, typer.Option(help="Stop after this many minutes.")] = 30.0,
) -> None:
    """Say what can be believed of a network's robustness, on a page to hand in.

    FILE.py is run: give only files that you would run. Exit status: 0 nothing found, 1 something
    found, 2 not audited.
    """
    try:
        low, high = (float(Fraction(part.strip())) for part in clip.split(","))
        size = float(Fraction(eps.replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        text = f"eps {eps!r} or clip {clip!r} is no number; write them as in 8/255 and 0,1"
        raise typer.BadParameter(text) from None
    task = {**context.params, "eps": size, "clip": (low, high)}
    del task["minutes"]
    process = subprocess.Popen(
        [sys.executable, "-m", "advtutor.audit", json.dumps(task, default=str)],
        stdin=subprocess.DEVNULL,
    )
    interrupted = False
    while (status := process.poll()) is None:
        try:
            process.wait(60 * minutes)
        except subprocess.TimeoutExpired:
            process.kill()
            _refuse(f"stopped after {minutes:g} minutes; raise --minutes, or lower --budget")
        except KeyboardInterrupt:  # the other process has got it too, and writes what it has
            if interrupted:
                process.kill()
            interrupted = True
    if status not in (0, 1, 2):
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        _refuse(f"{network} ended the process ({how}) before the audit was done")
    raise typer.Exit(status)


def _refuse(text: str) -> NoReturn:
    typer.echo(f"advtutor audit: {text}", err=True)
    raise typer.Exit(2)
