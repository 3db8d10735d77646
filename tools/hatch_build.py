"""The executed notebooks, put into the wheel; an editable installation reads those of the clone."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Notebooks(BuildHookInterface):
    """Adds notebooks/*.ipynb and notebooks/solutions/*.ipynb as advtutor/notebooks/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is built."""
        if version == "editable":
            return
        folder = Path(self.root, "notebooks")
        for path in [*folder.glob("*.ipynb"), *folder.glob("solutions/*.ipynb")]:
            place = Path("advtutor", "notebooks", path.relative_to(folder))
            build_data["force_include"][str(path)] = place.as_posix()
