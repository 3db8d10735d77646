"""The learner's own folder: a copy of the notebooks, in which nothing they wrote is overwritten."""

import contextlib
import difflib
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import advtutor
from advtutor import checks
from advtutor._files import whole_file

IN_CLONE, ELSEWHERE = "my-course", "advtutor-course"
STATE = ".advtutor-course.json"
CHECKED = re.compile(r"^(\w+) = checks\.\1\(\1\)$", re.MULTILINE)  # an exercise's last line
LINK = re.compile(r"(?<=\]\()(?=\d\d_\w+\.ipynb\))")
PROGRESS_OFF = """\
# The answers in here are not yours: running them leaves your own progress as it is.
import os

os.environ["ADVTUTOR_PROGRESS"] = "off"
"""


class CourseError(Exception):
    """The course cannot be copied or opened; the text says why and what to do."""


def repository() -> Path | None:
    """The folder of the clone that this package lies in; None for a package installed as a wheel.

    A clone is known by the pyproject.toml beside the package.
    """
    root = Path(advtutor.__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else None


def notebooks() -> Path:
    """The folder of the notebooks that belong to this installation, `solutions/` in it.

    Raises CourseError where there are none.
    """
    root = repository()
    here = root or Path(advtutor.__file__).resolve().parent
    if (here / "notebooks" / "00_start_here.ipynb").is_file():
        return here / "notebooks"
    if root is None:
        raise CourseError(
            "there are no notebooks in this installation. Install it again: pip install "
            "--force-reinstall --no-deps advtutor"
        )
    raise CourseError(
        f"{here / 'notebooks'} lacks them. Bring them back: git checkout -- notebooks"
    )


def digest(source: str) -> str:
    """The SHA-256, in hexadecimal, of a notebook's source and of the answers to its exercises."""
    texts = [source, *(getattr(checks, name).answer for name in CHECKED.findall(source))]
    return hashlib.sha256("\n\n".join(texts).encode("utf-8")).hexdigest()


def usual_folder() -> Path:
    """Where a learner's notebooks lie if they name no folder: in the clone, or else here."""
    root = repository()
    return Path(ELSEWHERE) if root is None else root / IN_CLONE


def copy_into(folder: Path) -> list[str]:
    """Bring the notebooks of this version into `folder`, and say what was done, a line for each.

    A notebook that is not there is copied. One in which nothing was written makes way for a newer
    one, also under another number. One in which something was written stays, and the newer one is
    put beside it, under a name with its version. Raises CourseError where the folder cannot be
    written.
    """
    source = notebooks()
    if folder.resolve() == source:
        raise CourseError(f"{folder} holds the course's own notebooks. Name a folder of yours.")
    edited = _edited(source)
    with _copies(folder, source) as copies:
        for path in sorted([*source.glob("*.ipynb"), *source.glob("solutions/*.ipynb")]):
            key = path.relative_to(source).as_posix()
            copies.bring(key, path.read_bytes(), edited=key in edited)
    return copies.lines


def catch_up(wanted: str, folder: Path | None = None) -> tuple[Path, list[str]]:
    """Make a state in which the notebook `wanted` can start: "03", "3" or its whole name.

    Returns the notebook to open, and what was done, a line each.

    folder: the learner's; None looks in this folder, then takes the usual one. The course is copied
    into it as `copy_into` does, and the solved notebooks before `wanted` into its `catch-up/`.
    Raises CourseError where there is no such notebook or folder, or no way to write.
    """
    source = notebooks()
    solved = {path.stem: path for path in sorted(source.glob("solutions/*.ipynb"))}
    name = _choose(wanted, list(solved))
    folder = _learners_folder(folder, source)
    lines = copy_into(folder)
    start, earlier = folder / f"{name}.ipynb", [each for each in solved if each < name]
    with _copies(folder, source) as copies:
        if not _texts(start.read_bytes()):
            lines.append(f"{start} cannot be read as a notebook; it stays")
            start = copies.beside(start.name, "fresh", (source / start.name).read_bytes())
        for each in earlier:
            copies.bring(f"catch-up/{each}.ipynb", _as_answers(solved[each].read_bytes()))
    if earlier:
        span = " to ".join(sorted({earlier[0][:2], earlier[-1][:2]}))
        copies.lines.append(f"the answers of {span} lie in {folder / 'catch-up'}")
    return start, lines + copies.lines


class _Copies:
    """The copies in a learner's folder, and the record of what was written there.

    known: for each copy two sums of what was written last or offered, of its bytes and of the text
    in its cells. Version 0.1 kept the first only.
    """

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder, self.source = folder, source
        self.known, self.lines = _read_state(folder), list[str]()
        self.renewed = 0

    def bring(self, key: str, new: bytes, *, edited: bool = False) -> None:
        """Bring one notebook. One that is edited in the source is no version to compare with."""
        mine, was = self.folder / key, self.known.get(key, "").split()
        if not mine.exists():
            if was:
                self.lines.append(f"{key} was gone: copied again")
            self._leave_old_number(key)
            self._write(key, new)
            if edited:
                self.lines.append(f"{key} is copied with what was changed in {self.source}")
                del self.known[key]
        elif not edited and _sum(new) not in was:
            if self._untouched(key):
                self._write(key, new)
                self.renewed += 1
            elif _sums(new)[1] not in (_sums(mine.read_bytes())[1], *was):
                beside = self.beside(key, advtutor.__version__, new)
                self.lines.append(
                    f"{key} stays as you have it; that of this version is {beside.name}, beside it"
                )
            self.known[key] = " ".join(_sums(new))

    def beside(self, key: str, word: str, new: bytes) -> Path:
        """Write `new` beside a copy: name-word, or name-word-2, … where something is written."""
        stem = key.removesuffix(".ipynb")
        for end in ("", *map("-{}".format, range(2, 1000))):
            other = f"{stem}-{word}{end}.ipynb"
            path = self.folder / other
            if path.exists():
                there = path.read_bytes()
                offered = _sum(new) in self.known.get(other, "") and _texts(there)
                if offered or _sums(there) == _sums(new):
                    return path
                if not self._untouched(other):
                    continue
            self._write(other, new)
            return path
        raise CourseError(f"there are a thousand copies of {key} in {self.folder}; delete some")

    def _leave_old_number(self, key: str) -> None:
        """Where `key` lies under another number, of an earlier version: say so; drop it if it is
        untouched."""
        mine = self.folder / key
        for old in sorted(mine.parent.glob(f"[0-9][0-9]{mine.name[2:]}")):
            if (self.source / old.name).exists():
                continue
            other = old.relative_to(self.folder).as_posix()
            if self._untouched(other):
                old.unlink()
                self.lines.append(f"{other} is now {mine.name}")
            else:
                self.lines.append(
                    f"{other} stays as you have it; in this version it is {mine.name}, beside it"
                )
            self.known.pop(other, None)

    def _untouched(self, key: str) -> bool:
        """Whether the copy holds what was written there; outputs and metadata do not count."""
        was = self.known.get(key, "").split()
        return any(each in was for each in _sums((self.folder / key).read_bytes()))

    def _write(self, key: str, content: bytes) -> None:
        with whole_file(self.folder / key) as new:
            new.write_bytes(content)
        self.known[key] = " ".join(_sums(content))


@contextlib.contextmanager
def _copies(folder: Path, source: Path) -> Iterator[_Copies]:
    """Copies whose record is kept; CourseError where something cannot be written."""
    try:
        copies = _Copies(folder, source)
        yield copies
        if copies.renewed:
            count = "1 notebook" if copies.renewed == 1 else f"{copies.renewed} notebooks"
            copies.lines.append(
                f"{count} brought to version {advtutor.__version__}; nothing of yours was in them"
            )
        if copies.known != _read_state(folder):
            with whole_file(folder / STATE) as new:
                new.write_text(json.dumps(copies.known, indent=1), encoding="utf-8")
    except OSError as fault:
        raise CourseError(
            f"cannot write {fault.filename or folder}: {fault.strerror or fault}. Name a folder of "
            "your own, as in advtutor lab ~/course"
        ) from None


def _read_state(folder: Path) -> dict[str, str]:
    try:
        known = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return {str(key): str(sums) for key, sums in known.items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}  # then each notebook that differs counts as changed, which loses nothing


def _edited(source: Path) -> set[str]:
    """The notebooks of a clone that differ from what git has: somebody has worked in them."""
    command = ("git", "diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
    try:
        ran = subprocess.run(command, cwd=source, capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return set()  # no git, so no clone
    return set(ran.stdout.split("\0"))


def _sums(content: bytes) -> tuple[str, str]:
    """The sum of the bytes, and that of the texts: it stays when a notebook is run and saved."""
    return _sum(content), _sum(json.dumps(_texts(content) or content.hex()).encode())


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _texts(content: bytes) -> list[tuple[str, str]]:
    """The kind and the text of each cell that is not empty; none where it is no notebook.

    Lab adds an empty cell at the end, editors change line ends and blanks at the ends of lines.
    """
    try:
        cells = json.loads(content)["cells"]
        texts = [(str(cell["cell_type"]), "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError):
        return []
    lean = [(kind, "\n".join(map(str.rstrip, text.splitlines())).strip()) for kind, text in texts]
    return [(kind, text) for kind, text in lean if text]


def _as_answers(solved: bytes) -> bytes:
    """A solved notebook for catch-up/: it records no progress, and leads to the learner's own."""
    made = json.loads(solved)
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub("../", "".join(cell["source"]))
    off = {"cell_type": "code", "id": "progress-off", "metadata": {}, "outputs": []}
    made["cells"].insert(1, off | {"execution_count": None, "source": PROGRESS_OFF.rstrip()})
    return (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode()


def _choose(wanted: str, names: list[str]) -> str:
    """The name that "3", "03", or the name itself stands for; otherwise CourseError."""
    key = wanted.removesuffix(".ipynb")
    if key in names:
        return key
    if key.isdecimal():
        nearest = min(names, key=lambda name: abs(int(name[:2]) - int(key)))
        if int(nearest[:2]) == int(key):
            return nearest
    else:
        nearest = (difflib.get_close_matches(key, names, n=1, cutoff=0) or names)[0]
    raise CourseError(
        f"there is no notebook {wanted}. The nearest is {nearest}: advtutor catch-up {nearest[:2]}"
    )


def _learners_folder(given: Path | None, source: Path) -> Path:
    """The given folder, or this one, or the usual one; CourseError where there is none."""
    if given is not None:
        if not given.is_dir():
            raise CourseError(f"there is no folder {given}. Make it, or name another.")
        return given
    here = Path.cwd()
    if source not in (here, *here.parents) and any(here.glob("[0-9][0-9]_*.ipynb")):
        return here
    usual = usual_folder()
    if usual.is_dir() or repository() is not None:
        return usual
    raise CourseError(
        "there are no notebooks of the course in this folder. Go to the folder that holds them, or "
        "name it: advtutor catch-up 03 --notebooks DIR"
    )
