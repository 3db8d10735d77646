"""Pictures with controls: every widget is a plotting function whose arguments have sliders.

`pictures` holds the plotting functions, for those who want the static figure.
"""

from advtutor.widgets.explorer import Explorer, choice, slider, whole_slider
from advtutor.widgets.explorers import (
    attack_stepper,
    defence_explorer,
    dimension_explorer,
    direction_explorer,
    eps_explorer,
    overfitting_explorer,
    photo_explorer,
)

__all__ = [
    "Explorer",
    "attack_stepper",
    "choice",
    "defence_explorer",
    "dimension_explorer",
    "direction_explorer",
    "eps_explorer",
    "overfitting_explorer",
    "photo_explorer",
    "slider",
    "whole_slider",
]
