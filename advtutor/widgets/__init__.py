"""Pictures with controls: every widget is a plotting function whose arguments have sliders.

`pictures` holds the plotting functions, for those who want the static figure.
"""

from advtutor.widgets.controls import choice, slider, whole_slider
from advtutor.widgets.drawing import Canvas, DrawDigit, centred
from advtutor.widgets.eps import eps_explorer
from advtutor.widgets.explorer import Explorer
from advtutor.widgets.explorers import (
    attack_stepper,
    defence_explorer,
    dimension_explorer,
    direction_explorer,
    overfitting_explorer,
    photo_explorer,
)
from advtutor.widgets.observer import TrainingObserver
from advtutor.widgets.pictures import overfitting_runs

__all__ = [
    "Canvas",
    "DrawDigit",
    "Explorer",
    "TrainingObserver",
    "attack_stepper",
    "centred",
    "choice",
    "defence_explorer",
    "dimension_explorer",
    "direction_explorer",
    "eps_explorer",
    "overfitting_explorer",
    "overfitting_runs",
    "photo_explorer",
    "slider",
    "whole_slider",
]
