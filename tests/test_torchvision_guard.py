"""The torchvision guard, by really importing in fresh processes; ruff knows who goes past it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from advtutor import _torchvision

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(_torchvision.__file__).parents[1]

# A torchvision that fails as the real one does beside a torch that it was not compiled for.
MISMATCHED = """
import torchvision.part
import torch
torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou_threshold: dets)
torch.library.register_fake("torchvision::qnms")(lambda dets, scores, iou_threshold: dets)
whole = True
"""
# One whose compiled library was loaded: it has declared its operators by itself.
WORKING = """
import torchvision.part
import torch
library = torch.library.Library("torchvision", "DEF")
library.define("roi_align(Tensor x) -> Tensor")
whole = True
"""
# Counts how often the package was imported.
PART = "import sys; sys.imports = getattr(sys, 'imports', 0) + 1"


def run(code: str, fake: Path | None = None) -> str:
    """What the code prints in a fresh process; a torchvision in `fake` hides the installed one."""
    path = [str(folder) for folder in (fake, PACKAGE, os.environ.get("PYTHONPATH")) if folder]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def fake(tmp_path):
    """A function that writes a torchvision with the given __init__ and returns its folder."""

    def write(init: str) -> Path:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "__init__.py").write_text(init)
        (tmp_path / "torchvision" / "part.py").write_text(PART)
        return tmp_path

    return write


def test_the_installed_torchvision_works_after_a_failed_import_by_somebody_else():
    """Catches a guard that mends half of it, or trips over what the failed import left behind."""
    printed = run(
        "import warnings; warnings.simplefilter('error')\n"
        "try:\n"
        "    import torchvision\n"
        "except RuntimeError:\n"
        "    pass\n"
        "from advtutor._torchvision import torchvision, operators_loaded\n"
        "import torch\n"
        "import torchvision.transforms.v2, torchvision.utils\n"
        "torchvision.transforms.v2.Resize(8)(torch.zeros(3, 16, 16))\n"
        "torchvision.utils.make_grid(torch.zeros(4, 3, 8, 8))\n"
        "torchvision.datasets.MNIST, torchvision.models.EfficientNet_B0_Weights\n"
        "boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])\n"
        "try:\n"
        "    torchvision.ops.nms(boxes, torch.ones(1), 0.5)\n"
        "    print(operators_loaded is True)\n"
        "except RuntimeError:\n"
        "    print(operators_loaded is False)\n"
    )
    assert printed == "True"


def test_mismatch_is_mended_by_a_fresh_import(fake):
    """Catches a guard that keeps half-imported modules, or lets the declarations die."""
    printed = run(
        "from advtutor._torchvision import torchvision, operators_loaded\n"
        "import gc, sys, torch\n"
        "gc.collect()\n"
        "operators = torch.ops.torchvision\n"
        "declared = [str(operators.nms.default), str(operators.qnms.default)]\n"
        "print(torchvision.whole, sys.imports, operators_loaded, *declared)",
        fake(MISMATCHED),
    )
    assert printed == "True 2 False torchvision.nms.default torchvision.qnms.default"


def test_working_torchvision_is_left_alone(fake):
    """Catches a guard that declares operators, or imports twice, where nothing is wrong."""
    printed = run(
        "from advtutor._torchvision import torchvision, operators_loaded\n"
        "import sys, torch\n"
        "declared = [hasattr(torch.ops.torchvision, name) for name in ('nms', 'qnms')]\n"
        "same = torchvision is sys.modules['torchvision']\n"
        "print(same, sys.imports, operators_loaded, *declared)",
        fake(WORKING),
    )
    assert printed == "True 1 True False False"


FAILURES = [
    "ImportError('libpng is missing')",
    "ModuleNotFoundError('No module named torchvision._C')",
    "RuntimeError('operator torchvision::roi_pool does not exist')",
    "RuntimeError('CUDA versions differ')",
]


def test_other_failures_pass_through(fake):
    """Catches a guard that swallows, rewords or retries a failure that it cannot mend."""
    printed = run(
        "import sys, torch\n"
        f"for sys.failure in [{', '.join(FAILURES)}]:\n"
        "    sys.imports = 0\n"
        "    for name in ('torchvision', 'torchvision.part', 'advtutor._torchvision'):\n"
        "        sys.modules.pop(name, None)\n"
        "    try:\n"
        "        import advtutor._torchvision\n"
        "    except Exception as error:\n"
        "        print(repr(error), sys.imports, hasattr(torch.ops.torchvision, 'nms'))",
        fake("import sys, torchvision.part\nraise sys.failure"),
    )
    assert printed.splitlines() == [f"{failure} 1 False" for failure in FAILURES]
