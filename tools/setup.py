"""Make .venv and keep it current: what every `make` target runs first.

Standard library only, in old syntax: a Python that is too old must get as far as saying so.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional

OLDEST = (3, 11)
STAMP = "advtutor-stamp.json"
# What a target needs besides `dev`: extras of pyproject.toml, and what is said while they come.
EXTRAS = {
    "peers": ("peers,grading", "what the attacks are compared with, and nbgrader"),
    "browser": ("browser", "what drives the browser and looks at its pages"),
    "site": ("site", "what builds the website"),
    "release": ("release", "what tries a release"),
}
NO_DEPENDENCIES = {"peers": "benchmarks/peers.txt"}  # whose own pins do not go with the course's
LOG = "advtutor-setup.log"
# What pip, venv or an OSError say, and what to do; each in a sentence.
REMEDIES = (
    (
        "No space left|Errno 28|Disk quota exceeded",
        "the disk is full ({free:.1f} GB are free at {root}); make room, or let pip unpack "
        "elsewhere with TMPDIR=/some/other/disk, and run make again.",
    ),
    (
        "Errno 13|Errno 30|Permission denied|Read-only file system",
        "cannot write in {root}; copy the course into a folder of your own and run make there.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the package index's certificate is not trusted here; where a proxy rewrites traffic, "
        "name its certificate with PIP_CERT=/path/to/cert.pem and run make again.",
    ),
    (
        "NewConnectionError|Failed to establish a new connection|name resolution|Max retries "
        "exceeded|Connection refused|Connection broken|ConnectTimeout|Read timed out|Network is "
        "unreachable",
        "the package index cannot be reached; connect to the network (or set pip's proxy or "
        "index) and run make again. Only the set-up needs it.",
    ),
    (
        r"(?:No matching distribution found for|The user requested \(constraint\)) *(?P<what>.*\S)",
        "the package index has no {what} for Python {python} on this machine; name another "
        "Python, as in make lab PYTHON=python3.11",
    ),
)


class SetupError(Exception):
    """A fault that the reader can mend; its text says how."""


def main(arguments: Optional[List[str]] = None) -> int:
    """Set up the clone in which this file lies; the exit status."""
    parser = argparse.ArgumentParser(description="Make .venv, or find it current.")
    parser.add_argument(
        "--use-this-python",
        action="store_true",
        help="make .venv again if another Python version made it",
    )
    for name, (_, words) in EXTRAS.items():
        parser.add_argument("--" + name, action="store_true", help="also install " + words)
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parent.parent
    try:
        set_up(root, options.use_this_python)
        if options.browser:
            look_for_chromium()
        for name in EXTRAS:
            if getattr(options, name):
                add(root, name)
    except SetupError as fault:
        print(f"set-up: {fault}", file=sys.stderr)
        return 1
    except OSError as fault:
        print(f"set-up: {remedy(str(fault), root)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up: interrupted; the next make goes on with it.", file=sys.stderr)
        return 130
    return 0


def set_up(root: Path, use_this_python: bool) -> None:
    """Bring root/.venv to what pyproject.toml and constraints.txt ask for; nothing if it is."""
    venv = root / ".venv"
    if is_current(root, use_this_python):
        return
    with only_one(root):
        if is_current(root, use_this_python):  # the other set-up has done it
            return
        stamp = read_stamp(venv)
        if stamp and runs(venv, stamp, use_this_python):
            if stamp["root"] != str(root):
                print("The course has moved: mending the paths in .venv.")
                mend_paths(root)
                write_stamp(root, stamp["inputs"], stamp["python"])
            if stamp["inputs"] != inputs_of(root):
                print("pyproject.toml or constraints.txt has changed: bringing .venv up to date.")
                # From here on the environment is neither the old one nor the new one.
                write_stamp(root, "", stamp["python"])
                install(root)
                write_stamp(root, inputs_of(root), stamp["python"])
        else:
            make_venv(root)
            install(root)
            write_stamp(root, inputs_of(root), version(sys.version_info[:2]))


def is_current(root: Path, use_this_python: bool) -> bool:
    """Whether nothing is to be done. Reads two files and starts one bare Python: 20 ms."""
    stamp = read_stamp(root / ".venv")
    return (
        bool(stamp)
        and stamp["root"] == str(root)
        and stamp["inputs"] == inputs_of(root)
        and runs(root / ".venv", stamp, use_this_python)
    )


def runs(venv: Path, stamp: Dict[str, str], use_this_python: bool) -> bool:
    """Whether the Python of venv starts, and is the version that its packages are made for."""
    if use_this_python and stamp["python"] != version(sys.version_info[:2]):
        return False
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.check_output(
            [python_of(venv), "-I", "-S", "-c", question], stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return answer.decode().strip() == stamp["python"]


def make_venv(root: Path) -> None:
    """Create root/.venv; an unfinished or broken one is replaced."""
    if sys.version_info < OLDEST:
        raise SetupError(
            f"the course needs Python {version(OLDEST)} or newer, and {sys.executable} is Python "
            f"{version(sys.version_info[:3])}; name a newer one, as in make lab PYTHON=python3.11"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = f"python{version(sys.version_info[:2])}-venv"
        raise SetupError(
            "this Python cannot make virtual environments; install its venv module and run make "
            f"again (Debian and Ubuntu: sudo apt install {package})."
        ) from None
    if (root / ".venv").exists():
        print("Replacing .venv, which is unfinished or belongs to another Python.")
    print("Setting up the course in .venv. This happens once, needs the network, and takes some")
    print("minutes and about 2 GB of disk (up to 8 GB where torch comes with CUDA).", flush=True)
    # A Python that runs inside a virtual environment, perhaps this one, hands over to its base.
    base = getattr(sys, "_base_executable", None) or sys.executable
    run([base, "-m", "venv", "--clear", ".venv"], root)


def install(root: Path) -> None:
    """Install the course and everything it needs into root/.venv, as pinned in constraints.txt."""
    started = time.time()
    run([*pip(root), "-e", ".[dev]", "-c", "constraints.txt"], root, watch=Progress())
    print(f"Set up in {time.time() - started:.0f} s.", flush=True)


def add(root: Path, name: str) -> None:
    """Install the extras of that name, and what can be no extra, unless they are there."""
    extras, words = EXTRAS[name]
    note, wanted = root / ".venv" / ("advtutor-" + name), inputs_of(root)
    further = NO_DEPENDENCIES.get(name)
    if further:
        wanted += (root / further).read_text(encoding="utf-8")
    with only_one(root):
        if note.exists() and note.read_text(encoding="utf-8") == wanted:
            return
        print(f"Installing {words}.", flush=True)
        run([*pip(root), "-e", f".[{extras}]", "-c", "constraints.txt"], root, watch=Progress())
        if further:
            run([*pip(root), "--no-deps", "-r", further], root, watch=Progress())
        note.write_text(wanted, encoding="utf-8")


def look_for_chromium() -> None:
    """SetupError where there is no browser for the tests."""
    if not any(map(shutil.which, ("chromium", "chromium-browser"))):
        raise SetupError(
            "the browser tests need Chromium; install it and run make again "
            "(Debian and Ubuntu: sudo apt-get install chromium)."
        )


class Progress:
    """Tells pip's news in few words: a running line on a terminal, large downloads elsewhere."""

    def __init__(self) -> None:
        self.packages = 0
        self.terminal = sys.stdout.isatty()

    def __call__(self, line: str) -> None:
        line = line.strip()
        if line.startswith("Collecting "):
            self.packages += 1
            if self.terminal:
                self._show(f"package {self.packages}: {line.split()[1]}")
        elif line.startswith("Downloading ") and (self.terminal or "MB)" in line or "GB)" in line):
            self._show(line)
        elif line.startswith("Installing collected packages"):
            self._show("installing packages ({}), a minute or two".format(line.count(",") + 1))
            if self.terminal:
                print(flush=True)

    def _show(self, text: str) -> None:
        if self.terminal:
            width = shutil.get_terminal_size().columns - 3
            print("\r  " + text[:width].ljust(width), end="", flush=True)
        else:
            print("  " + text, flush=True)


def run(command: List[str], root: Path, watch: Optional[Progress] = None) -> None:
    """Run command in root and pass its lines to watch; a failure becomes a SetupError."""
    lines = []  # type: List[str]
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        command,
        cwd=str(root),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        universal_newlines=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if watch:
                watch(line)
    if process.returncode:
        if watch and watch.terminal:
            print()
        output = "".join(lines)
        with contextlib.suppress(OSError):
            (root / ".venv" / LOG).write_text(output, encoding="utf-8")
        raise SetupError(remedy(output, root))


def remedy(output: str, root: Path) -> str:
    """One sentence on what went wrong in output (of pip, venv or an OSError), and what to do."""
    about = {"root": root, "python": version(sys.version_info[:2])}
    for sign, advice in REMEDIES:
        found = re.search(sign, output)
        if found:
            free = shutil.disk_usage(str(root)).free / 1e9
            return advice.format(free=free, **about, **found.groupdict())
    tail = "\n".join(output.splitlines()[-12:])
    return "the installation failed; run make again, or read {}. Its last lines:\n{}".format(
        Path(".venv", LOG), tail
    )


def mend_paths(root: Path) -> None:
    """Make the .venv of a clone that was moved or copied right again, without pip or a network."""
    venv = root / ".venv"
    run([python_of(venv), "-m", "venv", "--without-pip", ".venv"], root)  # the activate scripts
    for script in (venv / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            mend_script(script)
    for packages in venv.glob("lib/python*/site-packages"):
        # What pip's editable install leaves: a path file, and a note of where it came from.
        for path_file in packages.glob("*advtutor*.pth"):
            path_file.write_text(str(root) + "\n", encoding="utf-8")
        for note in packages.glob("advtutor-*.dist-info/direct_url.json"):
            url = {"dir_info": {"editable": True}, "url": root.as_uri()}
            note.write_text(json.dumps(url), encoding="utf-8")


def mend_script(script: Path) -> None:
    """Point the first line of a console script to the Python beside it."""
    old = rb"(?P<old>[^\n\"]*/\.venv/bin/python[^\n/\"]*)"
    plain = re.compile(rb"#!" + old + rb"\n")
    # The form that pip writes where the path is too long for the system, or holds a space.
    shell = re.compile(rb"#!/bin/sh\n'''exec' \"?" + old + rb"\"? \"\$0\" \"\$@\"\n' '''\n")
    content = script.read_bytes()
    found = plain.match(content) or shell.match(content)
    if not found:
        return
    name = found.group("old").rsplit(b"/", 1)[1]
    python = os.fsencode(str(script.parent)) + b"/" + name.strip()
    if b" " in python or len(python) > 120:
        head = b"#!/bin/sh\n'''exec' \"" + python + b'" "$0" "$@"\n\' \'\'\'\n'
    else:
        head = b"#!" + python + b"\n"
    script.write_bytes(head + content[found.end() :])


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Let one set-up work at a time; a second one waits, say `make test` beside `make lab`."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with (root / "pyproject.toml").open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another make is setting up .venv: waiting for it.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def inputs_of(root: Path) -> str:
    """A digest of the two files that say what .venv holds."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def read_stamp(venv: Path) -> Dict[str, str]:
    """The note that the last finished set-up left: inputs, python, root; empty if there is none."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
        return {key: str(stamp[key]) for key in ("inputs", "python", "root")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_stamp(root: Path, inputs: str, python: str) -> None:
    """Note what root/.venv holds; written last, so that an unfinished one has no stamp."""
    stamp = {"inputs": inputs, "python": python, "root": str(root)}
    (root / ".venv" / STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def pip(root: Path) -> List[str]:
    """The command that installs into root/.venv."""
    return [python_of(root / ".venv"), "-m", "pip", "install", "--disable-pip-version-check"]


def python_of(venv: Path) -> str:
    """The path of the environment's Python."""
    return str(venv / "bin" / "python")


def version(numbers: tuple) -> str:
    """(3, 11) as '3.11'."""
    return ".".join(str(number) for number in numbers)


if __name__ == "__main__":
    sys.exit(main())
