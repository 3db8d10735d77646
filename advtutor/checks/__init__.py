"""Checks of the exercises: `fgsm = checks.fgsm(fgsm)` tells what your function gets wrong.

Each check takes the function, prints one line and returns the function if it is right, and the
course's own if it is not, so that the notebook goes on. `checks.fgsm.hint()` gives one hint more
each time, `checks.fgsm.solution()` shows the course's answer.
"""

from advtutor.checks.bounds import INTERVAL_LINEAR as interval_linear
from advtutor.checks.bounds import INTERVAL_RELU as interval_relu
from advtutor.checks.bounds import LINEAR_RADIUS as linear_radius
from advtutor.checks.bounds import MARGIN_BOUND as margin_bound
from advtutor.checks.breaking import ESTIMATED_GRADIENT as estimated_gradient
from advtutor.checks.breaking import MARGIN_LOSS as margin_loss
from advtutor.checks.breaks import BREAK_HARDENED as break_hardened
from advtutor.checks.breaks import BREAK_STAIRCASE as break_staircase
from advtutor.checks.breaks import BREAK_SURE as break_sure
from advtutor.checks.crafting import BIM as bim
from advtutor.checks.crafting import FGSM as fgsm
from advtutor.checks.crafting import PROJECT_LINF as project_linf
from advtutor.checks.linear import L1_DECAY_LOSS as l1_decay_loss
from advtutor.checks.linear import SHELL_SHARE as shell_share
from advtutor.checks.linear import WORST_CASE_LINEAR as worst_case_linear
from advtutor.checks.linear import WORST_CASE_LOSS as worst_case_loss
from advtutor.checks.start import LEVELS_TO_EPS as levels_to_eps
from advtutor.checks.training import ADVERSARIAL_LOSS as adversarial_loss
from advtutor.checks.training import ADVERSARIAL_STEP as adversarial_step
from advtutor.checks.transfer import AGREEMENT as agreement
from advtutor.checks.transfer import COSINE as mean_cosine
from advtutor.checks.transfer import ENSEMBLE as ensemble_fgsm

__all__ = [
    "adversarial_loss",
    "adversarial_step",
    "agreement",
    "bim",
    "break_hardened",
    "break_staircase",
    "break_sure",
    "ensemble_fgsm",
    "estimated_gradient",
    "fgsm",
    "interval_linear",
    "interval_relu",
    "l1_decay_loss",
    "levels_to_eps",
    "linear_radius",
    "margin_bound",
    "margin_loss",
    "mean_cosine",
    "project_linf",
    "shell_share",
    "worst_case_linear",
    "worst_case_loss",
]
