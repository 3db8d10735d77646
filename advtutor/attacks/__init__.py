"""Attacks: functions that move images a little and make a model err.

Every attack takes `(model, x, y, eps)`: images `x` `[N, C, H, W]` inside `clip`, labels `y`
`[N]`, and the radius `eps` in the units of the pixels. It returns a detached tensor like `x`,
inside the ball of radius `eps` around `x` and inside `clip`, and leaves the model, the images and
the gradients of the weights as they were. `y` is the target if and only if `targeted=True`.
"""

from advtutor.attacks.gradient import bim, fgsm, fooling_image, pgd
from advtutor.attacks.inputs import AttackWarning, Clip
from advtutor.attacks.losses import Loss, cross_entropy, margin_loss
from advtutor.attacks.noise import gaussian_rubbish, sign_noise, uniform_noise
from advtutor.attacks.query import eval_mode
from advtutor.attacks.smallest import minimal_epsilon
from advtutor.attacks.square import square
from advtutor.attacks.worst_case import worst_case

__all__ = [
    "AttackWarning",
    "Clip",
    "Loss",
    "bim",
    "cross_entropy",
    "eval_mode",
    "fgsm",
    "fooling_image",
    "gaussian_rubbish",
    "margin_loss",
    "minimal_epsilon",
    "pgd",
    "sign_noise",
    "square",
    "uniform_noise",
    "worst_case",
]
