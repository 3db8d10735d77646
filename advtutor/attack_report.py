"""Whether an attack's result can be believed: the questions that a sound evaluation answers."""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import EllipsisType

import torch
from torch import Tensor, nn

from advtutor.attacks import Clip, eval_mode, fgsm, pgd, sign_noise, square
from advtutor.attacks.inputs import check_count, check_images, check_size
from advtutor.attacks.query import Guard, answer, modules_of
from advtutor.evaluation import (
    Report,
    SizedAttack,
    checked,
    evaluate,
    examples,
    sized,
    to_device_of,
)

SWITCHED = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)  # by train mode


@dataclass(frozen=True)
class Finding:
    """One question about an attack on a model, what was measured, and whether that is sound."""

    sound: bool
    question: str
    answer: str


@dataclass(frozen=True)
class AttackReport:
    """What `attack_report` found. Its `repr` is a list that can be read to the end."""

    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against the attack's result."""
        return all(finding.sound for finding in self.findings)

    def __repr__(self) -> str:
        width = max(len(finding.question) for finding in self.findings)
        lines = [
            f"{'✓' if f.sound else '✗'} {f.question:<{width}}  {f.answer}" for f in self.findings
        ]
        verdict = "nothing speaks against it" if self.sound else "do not believe it yet"
        return "\n".join([*lines, f"The attack on this model: {verdict}."])


def attack_report(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    attack: SizedAttack | None = None,
    *,
    eps: float,
    clip: Clip | EllipsisType = ...,
    queries: int = 200,
    batch_size: int = 512,
    seed: int = 0,
) -> AttackReport:
    """Say whether the result of `attack(model, x, y, eps)` on `model` can be believed.

    It asks what a sound evaluation shows (Carlini et al., arXiv 1902.06705): the model gives
    logits and stands in eval mode; eps = 0 changes nothing; examples stay in the ball and in
    `clip`; more eps breaks more, up to everything at the width of the range (for `clip=None` that
    of the images); the attack, PGD unless another is given, beats one step, noise of the same
    size, and a gradient-free attack of `queries` queries; no example stays unmoved because no
    gradient reached it. A few hundred examples are enough. Differences within two standard errors
    count as equal. Draws follow from `seed`; the caller's random state is left as it was.

    `clip`, for the attacks that it is compared with, is that of `attack` unless given: (-1, 1) for
    `partial(attacks.fgsm, clip=(-1, 1))`, and [0, 1] where it names none. Raises what `attack` and
    `evaluate` raise.
    """
    own = getattr(attack, "keywords", {}).get("clip", (0.0, 1.0))
    limits: Clip = own if isinstance(clip, EllipsisType) else clip
    eps, queries = check_size("eps", eps), check_count("queries", queries)
    checked(model, x, y, batch_size)
    x, y = to_device_of(model, check_images(x, limits), y)
    tried: SizedAttack = attack or partial(pgd, clip=limits)
    darkest, brightest = limits or (float(x.min()), float(x.max()))
    width = brightest - darkest
    some, alone = (x[:batch_size], y[:batch_size]), []

    def watched(model: nn.Module, x_given: Tensor, y_given: Tensor, size: float) -> Tensor:
        x_adv = tried(model, x_given, y_given, size)
        alone.append(torch.equal(x_given, some[0]) and torch.equal(y_given, some[1]))
        return x_adv

    def under(this: SizedAttack, size: float = eps) -> Report:
        return evaluate(model, x, y, partial(sized, this, size), batch_size=batch_size)

    loose = sum(m.training and isinstance(m, SWITCHED) for m in modules_of(model))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        with eval_mode(model):
            guard = Guard(model)
            with torch.no_grad():
                logits = answer(model, some[0].clone(), some[1])
            (x_adv, moves), (_, still) = (
                examples(partial(sized, watched, size), model, *some, guard) for size in (eps, 0.0)
            )
        clean, own = evaluate(model, x, y, batch_size=batch_size), under(tried)
        one_step, noise = (under(partial(a, clip=limits)) for a in (fgsm, sign_noise))
        blind = under(partial(square, queries=queries, clip=limits))
        sizes = sorted({eps / 2, eps, min(width, 2 * eps), width})
        errors = [clean.error, *(under(tried, size).error for size in sizes)]
    probable = logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 1e-3
    by, moved = float(still.max()), float(moves.max())
    low, high = limits or (-math.inf, math.inf)
    outside = max(0.0, low - float(x_adv.min()), float(x_adv.max()) - high)
    equal = 1 / own.n**0.5  # two standard errors of a share, at most
    grows = all(later >= earlier - equal for earlier, later in pairwise(errors))
    stuck = max(0, own.unmoved - round(clean.error * clean.n))  # what errs need not be moved
    against = f"error {own.error:.1%} against {{:.1%}}".format
    bound = own.error + equal  # of those that have to know less
    soft = "it returns probabilities: leave the softmax out" if probable else "yes"
    mode = f"{loose} layers in train mode: call model.eval()" if loose else "yes"
    found = {
        "returns logits": (not probable, soft),
        "stands in eval mode": (not loose, mode),
        "leaves the images alone": (all(alone), "yes" if all(alone) else "it changes them"),
        "eps = 0 changes nothing": (by == 0, f"moves pixels by up to {by:.3g}"),
        "stays in the ball": (moved <= eps + 1e-6, f"moves pixels by up to {moved:.6g}"),
        f"stays in [{low:g}, {high:g}]": (outside <= 1e-6, f"outside by up to {outside:.3g}"),
        "more eps breaks more": (grows, " → ".join(f"{e:.0%}" for e in errors)),
        f"eps = {width:g} breaks everything": (errors[-1] == 1, f"error {errors[-1]:.1%}"),
        "is no weaker than FGSM": (one_step.error <= bound, against(one_step.error)),
        "beats noise of its size": (noise.error < own.error, against(noise.error)),
        f"is no weaker than {queries} blind queries": (
            blind.error <= bound,
            against(blind.error),
        ),
        "moves every example": (stuck == 0, f"{stuck} of {own.n} left as they were"),
    }
    if limits is None:
        del found[f"stays in [{low:g}, {high:g}]"]
    return AttackReport(tuple(Finding(sound, q, text) for q, (sound, text) in found.items()))
