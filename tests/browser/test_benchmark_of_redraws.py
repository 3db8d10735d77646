"""The benchmark of a redraw measures the widgets as they are."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A process of its own: the benchmark starts a browser, and here one runs already.
ASK = """
import json, sys
sys.path.insert(0, "benchmarks")
import bench
from advtutor import models
print(json.dumps({row.name: row.seconds for row in bench.frames(models.ConvNet(), 1)}))
"""


def test_each_widget_of_the_benchmark_is_drawn_again() -> None:
    """Catches a benchmark that what it measures has left behind."""
    asked = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    seconds = json.loads(asked.stdout)
    assert list(seconds) == ["eps explorer", "steps of PGD", "dimension explorer"]
    assert all(value >= 0 for value in seconds.values())
