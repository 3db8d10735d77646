"""What the audit says: its findings, its attacks and its limits, in `assets/audit.toml`."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

WORDS: dict[str, Any] = tomllib.loads(
    files("advtutor").joinpath("assets/audit.toml").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Finding:
    """What makes the numbers worthless: its name and the evidence, with numbers."""

    name: str
    evidence: str

    @property
    def sentence(self) -> str:
        """What is wrong, in one plain sentence."""
        return WORDS["findings"][self.name]["sentence"]

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return WORDS["findings"][self.name]["remedy"]
