"""The wheel: built, installed into a clean environment, and used from outside the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = len(list((ROOT / "notebooks" / "source").glob("*.py")))

MAIN_PATH = """
import sys
from pathlib import Path

import torch

import advtutor
from advtutor import attacks, data, models
from advtutor.course.workspace import copy_into

assert Path(advtutor.__file__).is_relative_to(sys.prefix), advtutor.__file__
digits = data.mnist()
assert digits.train.x.shape == (60_000, 1, 28, 28)
x, y = digits.test.x[:8], digits.test.y[:8]
x_adv = attacks.fgsm(models.SoftmaxRegression(), x, y, eps=0.25)
assert 0 < (x_adv - x).abs().max() <= 0.25 + 1e-6
copy_into(Path("mine"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_course_and_nothing_else(wheel: Path) -> None:
    """Catches a wheel without its data or licence, or with the tests in it."""
    names = zipfile.ZipFile(wheel).namelist()
    info = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    assert {name.partition("/")[0] for name in names} == {"advtutor", info}
    inside = {name for name in names if name.startswith("advtutor/")}
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "advtutor").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    notebooks = {
        f"advtutor/notebooks/{path.relative_to(ROOT / 'notebooks').as_posix()}"
        for kind in ("*.ipynb", "solutions/*.ipynb")
        for path in (ROOT / "notebooks").glob(kind)
    }
    assert len(notebooks) == 2 * SOURCES
    assert inside == here | notebooks
    assert sum(name.endswith("-ubyte.gz") for name in names) == 4
    assert "advtutor/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Catches a file that only the checkout has, and a path that leads back into it."""
    venv = tmp_path / "a clean place"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    # torch and the others come from here: only the course itself is installed, without a network.
    libraries = Path(sysconfig.get_path("purelib"))
    own = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    installed = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", wheel],
        capture_output=True,
        text=True,
    )
    assert installed.returncode == 0, installed.stderr
    # Not a .pth: site would follow the .pth files over there, also the one back to the checkout.
    (own / "libraries.pth").write_text(f"import sys; sys.path.append({str(libraries)!r})\n")

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["ADVTUTOR_CACHE"] = str(tmp_path / "cache")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True
        )

    used = run("-c", MAIN_PATH)
    assert used.returncode == 0, used.stderr
    examined = run("-m", "advtutor", "doctor")
    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert f"{SOURCES}, all of version" in " ".join(examined.stdout.split())
    folder = ROOT / "notebooks"
    shipped = [*folder.glob("*.ipynb"), *folder.glob("solutions/*.ipynb")]
    assert len(shipped) == 2 * SOURCES
    for path in shipped:
        mine = elsewhere / "mine" / path.relative_to(folder)
        assert mine.read_bytes() == path.read_bytes()
    assert shutil.which("advtutor", path=str(python.parent))
