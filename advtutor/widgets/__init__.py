"""Pictures that move in the page, without asking the kernel; networks run on `advtutor.live`.

The photo's readings and the curves over epochs come from the kernel once; a watched training stays
there.

Each widget is one file in Python, which draws the picture that is stored, and one in JavaScript.
"""

from advtutor.widgets.base import Explorer
from advtutor.widgets.defence import defence_explorer
from advtutor.widgets.dimension import dimension_explorer
from advtutor.widgets.direction import direction_explorer
from advtutor.widgets.drawing import DrawDigit
from advtutor.widgets.eps import eps_explorer
from advtutor.widgets.observer import TrainingObserver
from advtutor.widgets.overfitting import overfitting_explorer
from advtutor.widgets.photo import photo_explorer
from advtutor.widgets.stepper import attack_stepper

__all__ = [
    "DrawDigit",
    "Explorer",
    "TrainingObserver",
    "attack_stepper",
    "defence_explorer",
    "dimension_explorer",
    "direction_explorer",
    "eps_explorer",
    "overfitting_explorer",
    "photo_explorer",
]
