"""Runs the course's scripts for the browser in Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NODE = shutil.which("node")


def run(
    folder: Path, script: str, given: object, default: Callable[[Any], object] | None = None
) -> Any:
    """The value of `answer` after `script`, which finds `given`; by way of files in `folder`."""
    if NODE is None:
        if os.environ.get("ADVTUTOR_NODE") == "required":  # in CI nothing is skipped
            pytest.fail("there is no Node: install nodejs")
        pytest.skip("there is no Node to run the browser's scripts in: install nodejs")
    text = f"""{script}
        require("node:fs").writeFileSync(process.argv[3], JSON.stringify(answer(
            JSON.parse(require("node:fs").readFileSync(process.argv[2], "utf8"), revive))));
    """
    files = [folder / name for name in ("script.js", "given.json", "found.json")]
    files[0].write_text(text, encoding="utf-8")
    files[1].write_text(json.dumps(given, default=default), encoding="utf-8")
    ran = subprocess.run([NODE, *files], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(files[2].read_text(encoding="utf-8"))
