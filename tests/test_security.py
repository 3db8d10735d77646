"""What the code must never do: load a pickle, run what was downloaded, call a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("advtutor", "tools", "notebooks/source", "benchmarks")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNNERS = {"eval", "exec", "os.system", "os.popen", "torch.hub.load"}
DOWNLOADS = {"urlretrieve", "load_state_dict_from_url", "download_url_to_file"}
SUM = "md5"  # what torchvision's download_url compares the file with


def faults(tree: ast.AST) -> Iterator[str]:
    """Each place of a program that loads a pickle, runs text as code, or fetches a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.partition(".")[0] in UNPICKLERS or name in DOWNLOADS:
                    yield f"line {node.lineno}: imports {name}"
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            if name == "torch.load" and options.get("weights_only") != "True":
                yield f"line {node.lineno}: torch.load without weights_only=True"
            if options.get("allow_pickle") == "True":
                yield f"line {node.lineno}: allow_pickle=True"
            if options.get("shell", "False") != "False":
                yield f"line {node.lineno}: calls a shell"
            if name.endswith("download_url") and SUM not in options and len(node.args) < 4:
                yield f"line {node.lineno}: a download whose sum is not checked"
            if name in RUNNERS or name.rpartition(".")[2] in DOWNLOADS:
                yield f"line {node.lineno}: calls {name}"


# What runs text as code: the course's own answers with a mistake edited in.
ALLOWED = {
    "advtutor/checks/engine.py": "calls exec",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_pickle_is_loaded_and_nothing_downloaded_is_run(path: Path) -> None:
    """Catches each of the ways in."""
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix())
    found = faults(ast.parse(path.read_text(encoding="utf-8")))
    assert [fault for fault in found if allowed is None or not fault.endswith(allowed)] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run('ls', shell=True)",
        "os.system('ls')",
        "eval(text)",
        "torch.hub.load('somebody/something', 'model')",
        "urllib.request.urlretrieve(url, path)",
        "download_url(url, folder, name)",
        "from torch.hub import load_state_dict_from_url",
    ],
)
def test_the_walk_sees_each_way_in(code: str) -> None:
    """Catches a walk that passes over everything."""
    assert list(faults(ast.parse(code)))
