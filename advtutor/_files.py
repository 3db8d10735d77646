"""Files of the user's: where they may lie, and how they are written whole."""

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to instead of `path`. It becomes `path` when the block ends without a fault.

    So `path` holds all of its new content or what it held before, whoever reads or writes it
    meanwhile. Its folder is made. The name ends as that of `path` does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{uuid.uuid4().hex}.part-{path.name}")
    try:
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def users_path(variable: str, find: Callable[[], str]) -> Path | None:
    """The folder that an environment variable names, or else `find` of platformdirs.

    None without a home: a user id without an entry has none, as in some containers, unless HOME
    names one.
    """
    chosen = os.environ.get(variable)
    try:
        folder = Path(chosen).expanduser() if chosen else Path(find())
    except RuntimeError:
        return None
    return folder if chosen or folder.is_absolute() else None  # older platformdirs leave a "~"
