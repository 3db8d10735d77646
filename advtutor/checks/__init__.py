"""Checks of the exercises: `fgsm = checks.fgsm(fgsm)` tells what your function gets wrong.

Each check takes the function, prints one line and returns the function if it is right, and the
course's own if it is not, so that the notebook goes on. `checks.fgsm.hint()` gives one hint more
each time, `checks.fgsm.solution()` shows the course's answer.
"""

from advtutor.checks.bounds import INTERVAL_LINEAR as interval_linear
from advtutor.checks.bounds import INTERVAL_RELU as interval_relu
from advtutor.checks.bounds import LINEAR_RADIUS as linear_radius
from advtutor.checks.bounds import MARGIN_BOUND as margin_bound
from advtutor.checks.crafting import BIM as bim
from advtutor.checks.crafting import FGSM as fgsm
from advtutor.checks.crafting import PROJECT_LINF as project_linf
from advtutor.checks.linear import WORST_CASE_LINEAR as worst_case_linear
from advtutor.checks.start import LEVELS_TO_EPS as levels_to_eps
from advtutor.checks.training import ADVERSARIAL_LOSS as adversarial_loss
from advtutor.checks.training import ADVERSARIAL_STEP as adversarial_step

__all__ = [
    "adversarial_loss",
    "adversarial_step",
    "bim",
    "fgsm",
    "interval_linear",
    "interval_relu",
    "levels_to_eps",
    "linear_radius",
    "margin_bound",
    "project_linf",
    "worst_case_linear",
]
