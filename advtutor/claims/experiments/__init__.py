"""The experiments behind the paper's numbers, by its sections; a new file is named here."""

from advtutor.claims.experiments import (
    appendix_a,
    section_3,
    section_4,
    section_5,
    section_6,
    section_7,
    section_8,
    section_9,
    varied,
)
from advtutor.claims.experiments.base import Experiment, Run

__all__ = ["EXPERIMENTS", "Experiment", "Run"]

_SECTIONS = (
    section_3,
    section_4,
    section_5,
    section_6,
    section_7,
    section_8,
    section_9,
    appendix_a,
    varied,
)
EXPERIMENTS: dict[str, Experiment] = {e.name: e for part in _SECTIONS for e in part.EXPERIMENTS}
