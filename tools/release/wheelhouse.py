"""Everything for an installation with no network, in one folder: for a USB stick.

python -m tools.release.wheelhouse          collect it in build/wheelhouse/
python -m tools.release.wheelhouse --check  install from it into a fresh environment, with no index
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "wheelhouse"
HOW_TO = """\
advtutor without a network
==========================

For {system}, {machine}, Python {python}: other machines need a folder that was made on one of them.

Copy this folder from the stick to the disk, open a terminal in it, and run

    python3 -m venv course
    course/bin/python -m pip install --no-index --find-links wheels advtutor
    course/bin/advtutor doctor
    course/bin/advtutor lab notebooks

On Windows the programs are in course\\Scripts. Nothing of this asks a network for anything.
The last command copies the notebooks into the folder `notebooks` and opens them in JupyterLab.
"""


def collect() -> None:
    """Build the course's wheel and one of everything that it needs, as pinned; say what it took."""
    started = time.monotonic()
    new = FOLDER.with_name("wheelhouse.new")
    shutil.rmtree(new, ignore_errors=True)
    (new / "wheels").mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run([*pip, "-w", new / "wheels", "-c", "constraints.txt", "."], cwd=ROOT, check=True)
    text = HOW_TO.format(
        system={"darwin": "macOS", "win32": "Windows"}.get(sys.platform, "Linux"),
        machine=os.uname().machine if hasattr(os, "uname") else "64 bits",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    (new / "INSTALL.txt").write_text(text, encoding="utf-8")
    shutil.rmtree(FOLDER, ignore_errors=True)
    new.rename(FOLDER)
    files = list((FOLDER / "wheels").iterdir())
    size = sum(path.stat().st_size for path in files) / 1e6
    seconds = time.monotonic() - started
    print(f"{FOLDER.relative_to(ROOT)}: {len(files)} wheels, {size:.0f} MB, in {seconds:.0f} s.")
    print("Its INSTALL.txt says how to install from it. make wheelhouse-check tries that.")


def check() -> None:
    """Install as INSTALL.txt says, in a folder that is deleted again, with no index to ask."""
    if not FOLDER.is_dir():
        sys.exit("There is no build/wheelhouse yet: make wheelhouse collects it.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        # No pip setting of this machine may help: neither an index nor a cache.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
        environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "ADVTUTOR_CACHE": f"{place}/cache"}

        def run(*command: str | Path) -> None:
            subprocess.run(command, cwd=place, env=environment, check=True)

        base = getattr(sys, "_base_executable", None) or sys.executable
        run(base, "-m", "venv", "course")
        programs = Path(place, "course", "Scripts" if os.name == "nt" else "bin")
        install = ("-m", "pip", "install", "--quiet", "--no-index", "--find-links")
        run(programs / "python", *install, FOLDER / "wheels", "advtutor")
        seconds = time.monotonic() - started
        run(programs / "advtutor", "doctor")
        copying = "from pathlib import Path; from advtutor.course.workspace import copy_into; "
        run(programs / "python", "-c", f"{copying}copy_into(Path('notebooks'))")
        found = len(list(Path(place, "notebooks").rglob("*.ipynb")))
    ours = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/solutions/*.ipynb")]
    if found != len(ours):
        sys.exit(f"{found} notebooks came out of the wheel, not {len(ours)}.")
    print(f"Installed from build/wheelhouse with no index in {seconds:.0f} s; {found} notebooks.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="install from what was collected")
    try:
        check() if parser.parse_args().check else collect()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{failed.cmd[0]} ended with status {failed.returncode}; its messages are above.")
