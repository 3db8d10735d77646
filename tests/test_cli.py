"""The command line, and `make run`: what they say, what they return, and how they end."""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from rich.console import Console
from typer.testing import CliRunner

import advtutor
from advtutor import _torchvision, checks, data, models
from advtutor.course import doctor, lab, workspace
from advtutor.course.cli import app
from advtutor.course.doctor import Finding
from tools.notebooks.source import unexecuted
from tools.pages import formulas

ROOT = Path(__file__).resolve().parent.parent
PYTHON_3 = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def test_importing_the_package_imports_no_torch() -> None:
    """Catches an eager import, and a submodule that attribute access does not find."""
    code = (
        "import sys, advtutor; assert 'torch' not in sys.modules; "
        "assert callable(advtutor.attacks.fgsm); assert 'attacks' in dir(advtutor)\n"
        "try: advtutor.nothing\n"
        "except AttributeError as error: assert 'nothing' in str(error)\n"
        "else: raise SystemExit('no AttributeError')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_version_is_told() -> None:
    """Catches two versions: the package's own, and the one that --version prints."""
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.stdout.strip() == f"advtutor {advtutor.__version__}"


# ----------------------------------------------------------------------------------------- doctor


def states(check: Callable[[], Iterator[Finding]]) -> dict[str, str]:
    return {finding.name: finding.state for finding in check()}


def test_doctor_is_content_with_this_environment() -> None:
    """Catches a check that finds a problem where the course runs, and an exit status of 1 there."""
    shown = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["doctor"])
    assert shown.exit_code == 0, shown.stdout
    assert "The course runs here." in shown.stdout
    for word in ("Python", "torch", "jupyterlab", "device", "threads", "MNIST", "free disk"):
        assert word in shown.stdout


def test_doctor_returns_1_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a problem that does not reach the exit status, or comes without its remedy."""

    damaged = data.DataError("The file x.gz is damaged. Install it again.")
    monkeypatch.setattr(data, "mnist", refused(damaged))
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert "Install it again." in shown.stdout
    assert "does not run here: 1 problem" in shown.stdout


def test_doctor_survives_what_no_check_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a traceback out of doctor, say from a torch that cannot be imported."""

    def device() -> Iterator[Finding]:
        raise OSError("libtorch.so: cannot open shared object file")

    (finding,) = doctor._findings(device)
    assert finding.state == "problem" and "libtorch.so" in finding.found and finding.remedy


def test_doctor_names_missing_and_foreign_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a missing package without a problem, and a version outside the range unnoticed."""
    versions = {"torch": "1.13.0", "tqdm": "4.70.0", "rich": "2.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    wanted = [
        "torch>=2.6,<3",
        "tqdm>=4.66",
        "typer>=0.12",
        "rich>=13",
        "nbval>=0.11; extra == 'dev'",
        "ruff>=0.17; extra == 'dev'",
    ]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: wanted)
    monkeypatch.setattr(doctor.metadata, "version", version)
    expected = {"torch": "warning", "typer": "problem", "rich": "warning", "nbval": "ok"}
    assert states(doctor.packages) == expected
    assert "pip install 'typer>=0.12'" in [finding.remedy for finding in doctor.packages()]


def refused(error: Exception) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise error

    return refuse


@pytest.mark.parametrize(
    ("check", "module", "name", "value", "state"),
    [
        (doctor.python, doctor, "OLDEST_PYTHON", (9, 0), "problem"),
        (doctor.operators, _torchvision, "operators_loaded", True, "ok"),
        (doctor.operators, _torchvision, "operators_loaded", False, "warning"),
        (doctor.threads, torch, "get_num_threads", lambda: 1, "warning"),  # of four processors
        (doctor.threads, torch, "get_num_threads", lambda: 4, "ok"),
        (doctor.threads, torch, "get_num_threads", lambda: 8, "warning"),
        (doctor.classifier, models, "imagenet_classifier", refused(ImportError("x")), "problem"),
        (doctor.photo, data, "photo", refused(data.DataError("Install it again")), "problem"),
        (doctor.disk, doctor, "FREE_GIGABYTES", 1e9, "warning"),
        (doctor.disk, doctor, "FREE_GIGABYTES", 0, "ok"),
    ],
)
def test_doctor_knows_each_fault(
    check, module, name: str, value: object, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a fault that passes for sound, or is told as a reason not to run."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setattr(module, name, value)
    assert list(states(check).values()) == [state]


def test_doctor_warns_of_a_foreign_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Catches a kernel of another Python, in which the course is not installed."""
    assert states(doctor.kernel) == {"kernel": "ok"}
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

    foreign = KernelSpec(argv=[str(tmp_path / "python"), "-m", "ipykernel_launcher"])
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda *_: foreign)
    assert states(doctor.kernel) == {"kernel": "warning"}

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", refused(NoSuchKernel("python3")))
    assert states(doctor.kernel) == {"kernel": "problem"}


def write_stamped(path: Path, version: str, source: str) -> None:
    digest = hashlib.sha256(source.encode()).hexdigest()
    stamp = {"version": version, "source_sha256": digest}
    path.write_text(json.dumps({"metadata": {"advtutor": stamp}, "cells": []}))


def test_doctor_knows_whose_notebooks_these_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches notebooks of another version, of an edited source, unreadable ones, and none."""
    notebooks = tmp_path / "notebooks"
    (notebooks / "source").mkdir(parents=True)
    monkeypatch.setattr(workspace, "repository", lambda: tmp_path)
    assert states(doctor.notebooks) == {"notebooks": "problem"}

    (notebooks / "source" / "00_start_here.py").write_text("# %%\n1\n")
    write_stamped(notebooks / "00_start_here.ipynb", advtutor.__version__, "# %%\n1\n")
    assert states(doctor.notebooks) == {"notebooks": "ok"}

    for damage in ("version", "source", "no JSON"):
        if damage == "version":
            write_stamped(notebooks / "00_start_here.ipynb", "0.0.1", "# %%\n1\n")
        elif damage == "source":
            write_stamped(notebooks / "00_start_here.ipynb", advtutor.__version__, "# %%\n2\n")
        else:
            (notebooks / "00_start_here.ipynb").write_text("<<<<<<< HEAD")
        assert states(doctor.notebooks) == {"notebooks": "warning"}, damage

    monkeypatch.setattr(workspace, "repository", lambda: None)
    assert states(doctor.notebooks) == {"notebooks": "problem"}, "a wheel that lacks them"


def test_doctor_is_content_with_a_notebook_that_holds_exercises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches a digest other than the build's, which takes in the exercises' answers."""
    monkeypatch.setattr(workspace, "repository", lambda: tmp_path)
    head = checks.fgsm.answer.split("\n")[0]
    source = f"# %% [markdown]\n# # Start\n\n# %%\n{head}\n    ...\n\n\nfgsm = checks.fgsm(fgsm)\n"
    notebooks = tmp_path / "notebooks"
    (notebooks / "source").mkdir(parents=True)
    (notebooks / "source" / "00_start_here.py").write_text(source)
    made = unexecuted(source, "00_start_here", "learner", advtutor.__version__)
    nbformat.write(made, notebooks / "00_start_here.ipynb")
    assert states(doctor.notebooks) == {"notebooks": "ok"}


def test_the_report_takes_brackets_literally() -> None:
    """Catches a path or message with [brackets] that vanishes as markup."""
    console = Console(record=True, width=120, file=io.StringIO())
    finding = Finding("MNIST", "problem", "[/x] is gone", "pip install 'advtutor[dev]'")
    doctor.print_report([finding], console)
    text = console.export_text()
    assert "[/x] is gone" in text and "advtutor[dev]" in text


# -------------------------------------------------------------------------------------------- lab


@pytest.mark.parametrize("port", ["0", "70000", "abc"])
def test_an_impossible_port_is_refused(port: str) -> None:
    """Catches a port that no socket can have reaching the server."""
    refused = CliRunner().invoke(app, ["lab", "--port", port])
    assert refused.exit_code == 2 and "--port" in refused.output


@pytest.mark.parametrize(("root", "advice"), [(None, "pip install"), ("here", "git checkout")])
def test_without_notebooks_lab_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: str | None, advice: str
) -> None:
    """Catches an empty JupyterLab, or a traceback, where there are no notebooks."""
    monkeypatch.setattr(workspace, "repository", lambda: tmp_path / root if root else None)
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["lab"])
    assert refused.exit_code == 1 and advice in " ".join(refused.output.split())


def test_a_browser_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a text browser that takes over the terminal on a machine without a display."""
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not lab.has_browser()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert lab.has_browser()


def get(url: str, token: str) -> tuple[int, str]:
    """What the server answers; it prints its address a moment before it listens."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(100):
        try:
            with direct.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, ""
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(url)


def heed_interrupts() -> None:
    """Give Ctrl-C its meaning back: a shell's background job ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name != "posix", reason="ends the server with signals")
def test_lab_serves_the_learners_folder_and_ends_cleanly(tmp_path: Path) -> None:
    """Catches a wrong address or folder, a server without a token, and one that outlives Ctrl-C.

    It runs as behind make: with a terminal to read from, in which nobody sees a question.
    """
    clone = tmp_path / "the clone"
    (clone / "notebooks").mkdir(parents=True)
    (clone / "pyproject.toml").touch()
    shutil.copytree(
        ROOT / "advtutor", clone / "advtutor", ignore=shutil.ignore_patterns("mnist", "__pycache__")
    )
    nbformat.write(new_notebook(metadata=PYTHON_3), clone / "notebooks" / "00_start_here.ipynb")
    environment = os.environ | {
        "PYTHONPATH": str(clone),
        "HOME": str(tmp_path),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "JUPYTER_TOKEN"):
        environment.pop(name, None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        terminal, stdin = os.openpty()
        server = subprocess.Popen(
            [sys.executable, "-m", "advtutor", "lab", "--port", str(port)],
            cwd=tmp_path,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
        try:
            said, found = "", None
            while not found:
                line = server.stdout.readline() if server.stdout else ""
                assert line, said
                said += line
                found = re.search(r"http://127\.0\.0\.1:(\d+)/(\S+)\?token=(\w+)", line)
            assert f"Your notebooks are in {clone / 'my-course'}." in said
            address, token = f"http://127.0.0.1:{found[1]}", found[3]
            assert found[2] == "lab/tree/00_start_here.ipynb"
            assert int(found[1]) != port

            content = f"{address}/api/contents/00_start_here.ipynb"
            assert get(content, token)[0] == 200
            assert get(content, "wrong")[0] == 403
            assert get(f"{address}/{found[2]}", token)[0] == 200
            plugin = "@jupyterlab/apputils-extension:notification"
            news = json.loads(get(f"{address}/lab/api/settings/{plugin}", token)[1])
            assert news["schema"]["properties"]["fetchNews"]["default"] == "false"
            assert (clone / "my-course" / "00_start_here.ipynb").exists()
        finally:
            os.killpg(server.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
            said += server.communicate(timeout=20)[0]
            os.close(terminal)
            os.close(stdin)
    assert server.returncode == 0, said
    assert "Traceback" not in said, said
    assert "Shut down this Jupyter server" not in said, "a question that nobody sees"
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):
        os.killpg(server.pid, 0)


# -------------------------------------------------------------------------------------- make run


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """The folder with three notebooks' pages, and what `tools/notebooks/run.py` said."""
    folder = tmp_path_factory.mktemp("make run") / "notebooks"
    folder.mkdir()
    prose = (
        "Then $x' = x + \\epsilon\\,\\mathrm{sign}(\\nabla_x J)$ and "
        "$$\\tilde J = \\alpha J + (1 - \\alpha)\\,J(\\theta, x')$$ [next](01_fails.ipynb)"
    )
    skipped = new_code_cell("raise RuntimeError('for Colab only')")
    skipped.metadata["tags"] = ["nbval-skip"]
    cells = {
        "00_runs": [new_markdown_cell(prose), skipped, new_code_cell("print(6 * 7)")],
        "01_fails": [new_code_cell("1 + 1"), new_code_cell("1 / 0"), new_code_cell("3")],
        "02_dies": [new_code_cell("import os; os._exit(1)")],
        "note": [new_code_cell("this is no notebook of the course")],
    }
    for name, content in cells.items():
        notebook = new_notebook(metadata=PYTHON_3, cells=content)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = [sys.executable, "-m", "tools.notebooks.run"]
    ran = subprocess.run(
        [*command, "--notebooks", folder, "--output", folder.parent / "pages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "120"},
    )
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    return folder.parent / "pages", ran


def test_make_run_goes_on_after_a_failure(
    pages: tuple[Path, subprocess.CompletedProcess],
) -> None:
    """Catches one failing notebook that hides the others, or an exit status of 0."""
    folder, ran = pages
    assert ran.returncode == 1
    assert "cell 2: ZeroDivisionError: division by zero" in ran.stdout
    assert "cell 1: the kernel died" in ran.stdout
    assert "Traceback" not in ran.stderr
    assert "RuntimeError" not in ran.stdout
    assert sorted(path.name for path in folder.iterdir()) == [
        "00_runs.html",
        "01_fails.html",
        "02_dies.html",
    ]
    assert (folder / "00_runs.html").as_uri() in ran.stdout
    assert "42" in (folder / "00_runs.html").read_text()
    assert "division by zero" in (folder / "01_fails.html").read_text()


def test_the_pages_need_no_network(pages: tuple[Path, subprocess.CompletedProcess]) -> None:
    """Catches a script or style from the network, and formulas that need one to be read."""
    for page in pages[0].iterdir():
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r'(src|href)="(https?:)?//', text)
    text = (pages[0] / "00_runs.html").read_text(encoding="utf-8")
    assert text.count("<math") == 2 and r"\nabla" not in text
    assert 'href="01_fails.html"' in text


def test_a_formula_that_cannot_be_translated_stays_legible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a page lost, or a formula swallowed, for a command that the library lacks."""
    monkeypatch.setattr(formulas, "convert", lambda *_, **__: {}["\\unknown"])
    assert formulas.legible("a < b", "inline") == "<code>a &lt; b</code>"
