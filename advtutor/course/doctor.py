"""Whether the course runs on this machine, finding by finding, each fault with its remedy."""

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import advtutor

State = Literal["ok", "warning", "problem"]

OLDEST_PYTHON = (3, 11)
ALWAYS_SHOWN = ("torch", "torchvision", "jupyterlab", "ipywidgets", "matplotlib", "nbval")
FREE_GIGABYTES = 1.0
COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its state, what was found, and what to do about it.

    A warning is worth knowing; with a problem, the course or a part of it does not run.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """All findings, in the order in which they are to be read. Never raises."""
    checks = (
        *(python, packages, device, threads, operators, digits, classifier, photo, weights, disk),
        *(kernel, notebooks),
    )
    return [finding for check in checks for finding in _findings(check)]


def print_report(findings: list[Finding], console: Console) -> None:
    """The findings as a table, then what to do, then whether the course runs here."""
    table = Table(title=f"advtutor {advtutor.__version__}", title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found", overflow="fold")
    remedies = []
    for finding in findings:
        name, state = escape(finding.name), f"[{COLOURS[finding.state]}]{finding.state}[/]"
        table.add_row(name, state, escape(finding.found))
        if finding.state != "ok":
            remedies.append(f"{state} {name}: {escape(finding.remedy)}")
    console.print(table)
    for remedy in remedies:
        console.print(remedy, highlight=False)
    problems = sum(finding.state == "problem" for finding in findings)
    if problems:
        count = "1 problem" if problems == 1 else f"{problems} problems"
        console.print(f"[bold red]The course does not run here: {count}.[/]")
    else:
        console.print("[green]The course runs here.[/]")


def _findings(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `check` finds; a fault that it did not expect is a problem, and no traceback."""
    try:
        yield from check()
    except Exception as fault:
        text = f"{type(fault).__name__}: {fault}"
        yield Finding(check.__name__, "problem", text, _install_again())


def python() -> Iterator[Finding]:
    """The Python that runs, and where it lies."""
    found = f"{platform.python_version()}, {sys.executable}"
    remedy = "Install Python 3.11 or newer, then: make lab PYTHON=python3.12"
    yield Finding("Python", "problem" if sys.version_info < OLDEST_PYTHON else "ok", found, remedy)


def packages() -> Iterator[Finding]:
    """The course's packages: the main ones in any case, the others where something is amiss."""
    try:
        required = metadata.requires("advtutor") or []
    except metadata.PackageNotFoundError:
        remedy = "Install the course where it lies: pip install -e ."
        yield Finding("advtutor", "warning", "not installed, only found on the path", remedy)
        required = list(ALWAYS_SHOWN)
    for requirement in map(Requirement, required):
        name, wanted = requirement.name, requirement.specifier
        remedy, for_tests = f"pip install '{name}{wanted}'", name == "nbval"
        if requirement.marker is not None and not for_tests:  # of an extra
            continue
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "not installed" + ("; only the tests need it" if for_tests else "")
            yield Finding(name, "ok" if for_tests else "problem", found, remedy)
            continue
        if not wanted.contains(installed, prereleases=True):
            found = f"{installed}, and the course is made for {wanted}"
            yield Finding(name, "warning", found, remedy)
        elif name in ALWAYS_SHOWN:
            yield Finding(name, "ok", installed)


def device() -> Iterator[Finding]:
    """What torch can compute on."""
    import torch

    found = "CPU; the course is made for it"
    if torch.cuda.is_available():
        found = f"CUDA: {torch.cuda.get_device_name()}"
    elif torch.backends.mps.is_available():
        found = "Apple GPU (MPS)"
    yield Finding("device", "ok", found)


def threads() -> Iterator[Finding]:
    """How many threads torch takes, of how many processors this process may use."""
    import torch

    from advtutor.claims.command import cores

    used, available, remedy = torch.get_num_threads(), cores(), ""
    if used == 1 and available > 1:
        remedy = "torch uses one thread: unset OMP_NUM_THREADS to halve the waiting."
    elif used > available:
        remedy = f"More threads than processors slow each other: set OMP_NUM_THREADS={available}"
    found = f"{used} of torch, on {available} processors"
    yield Finding("threads", "warning" if remedy else "ok", found, remedy)


def operators() -> Iterator[Finding]:
    """Whether torchvision's compiled operators fit the torch beside it."""
    from advtutor._torchvision import operators_loaded as loaded

    remedy = (
        "torch and torchvision are of different builds, say one for CPU and one for CUDA. The "
        "course does without the operators. Your own detection models need them: then install "
        "torch and torchvision together, from one index."
    )
    found = "loaded" if loaded else "not loaded"
    yield Finding("torchvision's operators", "ok" if loaded else "warning", found, remedy)


def digits() -> Iterator[Finding]:
    """Whether MNIST is there and sound, and can be unpacked here."""
    from advtutor.data import mnist

    words = "{:,} and {:,} digits, checked"
    yield _asset("MNIST", lambda: words.format(*(len(part.y) for part in mnist())), "not usable")


def classifier() -> Iterator[Finding]:
    """Whether the ImageNet network of notebook 00 can be had, without a network."""
    from advtutor.models import imagenet_classifier

    def describe() -> str:
        count = sum(parameter.numel() for parameter in imagenet_classifier().parameters())
        return f"{count / 1e6:.2f} million weights"

    yield _asset("ImageNet classifier", describe)


def photo() -> Iterator[Finding]:
    """Whether the photo of notebook 00 can be had."""
    from advtutor.data import photo

    size = "'camera', {} x {} pixels"
    yield _asset("photos", lambda: size.format(*photo("camera").shape[-2:]))


def _asset(name: str, describe: Callable[[], str], missing: str = "not there") -> Finding:
    from advtutor.data import DataError

    try:
        return Finding(name, "ok", describe())
    except (DataError, ImportError) as fault:
        return Finding(name, "problem", missing, str(fault))


def weights() -> Iterator[Finding]:
    """Whether the trained networks that come with the package can be read."""
    from safetensors import safe_open

    paths = sorted((Path(advtutor.__file__).parent / "assets").rglob("*.safetensors"))
    for path in paths:
        try:
            with safe_open(path, "pt") as file:
                file.keys()
        except Exception as fault:
            yield Finding("trained networks", "problem", f"{path}: {fault}", _install_again())
            return
    yield Finding("trained networks", "ok", f"{len(paths)} files")


def disk() -> Iterator[Finding]:
    """The room for temporary files, and here for what the notebooks write."""
    places = (tempfile.gettempdir(), os.getcwd())
    free, folder = min((shutil.disk_usage(place).free / 1e9, place) for place in places)
    remedy = f"Make room: below {FREE_GIGABYTES:.0f} GB, unpacking and saving may fail."
    found = f"{free:.1f} GB at {folder}"
    yield Finding("free disk", "warning" if free < FREE_GIGABYTES else "ok", found, remedy)


def kernel() -> Iterator[Finding]:
    """Whether the notebooks' kernel, python3, is the Python that has the course."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    except NoSuchKernel:
        remedy = "pip install --force-reinstall ipykernel"
        yield Finding("kernel", "problem", "there is no kernel 'python3'", remedy)
        return
    # A bare `python` stands for the Python that Jupyter itself runs in.
    if command.is_absolute() and command.parent.resolve() != Path(sys.executable).parent.resolve():
        remedy = (
            f"The kernel 'python3' starts {command}, which is not the course's Python. Remove that "
            "kernel (jupyter kernelspec remove python3), or choose another in the notebook."
        )
        yield Finding("kernel", "warning", str(command), remedy)
    else:
        yield Finding("kernel", "ok", "python3 is this Python")


def notebooks() -> Iterator[Finding]:
    """Whether the notebooks beside the package belong to its version and to their source."""
    from advtutor.course import workspace

    try:
        folder = workspace.notebooks()
    except workspace.CourseError as fault:
        yield Finding("notebooks", "problem", "none", f"{fault}"[0].upper() + f"{fault}"[1:])
        return
    paths = sorted(folder.glob("[0-9]*.ipynb"))
    strange = [text for path in paths for text in _strangeness(path)]
    remedy = (
        "`make notebooks` builds them afresh from notebooks/source; save your own answers "
        "elsewhere first."
    )
    found = "; ".join(strange) or f"{len(paths)}, all of version {advtutor.__version__}"
    yield Finding("notebooks", "warning" if strange else "ok", found, remedy)


def _strangeness(path: Path) -> Iterator[str]:
    """What is wrong with one notebook's stamp."""
    from advtutor.course.workspace import digest

    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))["metadata"]["advtutor"]
        version, built_from = stamp["version"], stamp["source_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        yield f"{path.name} cannot be read, or was not built by this course"
        return
    if version != advtutor.__version__:
        yield f"{path.name} is of version {version}"
    source = path.parent / "source" / f"{path.stem}.py"
    if source.is_file() and digest(source.read_text(encoding="utf-8")) != built_from:
        yield f"{path.name} is older than its source"


def _install_again() -> str:
    """How to mend an installation, in the words of the way it was made."""
    if Path(sys.prefix).name == ".venv":
        return "Delete .venv and run `make lab` again; if it stays, report it with this table."
    return "Install the course again, in a fresh environment; README.md shows the ways."
