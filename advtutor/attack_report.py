"""Whether an attack's result can be believed: the questions that a sound evaluation answers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import EllipsisType

import torch
from torch import Tensor, nn

from advtutor import attacks
from advtutor.attacks import Clip, eval_mode
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
    attack = attack or partial(attacks.pgd, clip=limits)
    low, high = limits or (float(x.min()), float(x.max()))
    measure = partial(evaluate, model, x, y, batch_size=batch_size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        findings = [
            *_about_the_model(model, x[:batch_size], y[:batch_size]),
            *_about_the_examples(model, x[:batch_size], y[:batch_size], attack, eps, limits),
            *_about_the_errors(measure, attack, eps, limits, high - low, queries),
        ]
    return AttackReport(tuple(findings))


def _about_the_model(model: nn.Module, x: Tensor, y: Tensor) -> list[Finding]:
    with eval_mode(model), torch.no_grad():
        logits = answer(model, x.clone(), y)
    probable = logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 1e-3
    change = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    loose = sum(m.training and isinstance(m, change) for m in modules_of(model))
    soft = "it returns probabilities: leave the softmax out" if probable else "yes"
    mode = f"{loose} layers in train mode: call model.eval()" if loose else "yes"
    return [
        Finding(not probable, "returns logits", soft),
        Finding(not loose, "stands in eval mode", mode),
    ]


def _about_the_examples(
    model: nn.Module, x: Tensor, y: Tensor, attack: SizedAttack, eps: float, clip: Clip
) -> list[Finding]:
    untouched = True

    def watched(model: nn.Module, x_given: Tensor, y_given: Tensor, size: float) -> Tensor:
        nonlocal untouched
        x_adv = attack(model, x_given, y_given, size)
        untouched = untouched and torch.equal(x_given, x) and torch.equal(y_given, y)
        return x_adv

    with eval_mode(model):
        guard = Guard(model)
        (x_adv, moves), (_, still) = (
            examples(partial(sized, watched, size), model, x, y, guard) for size in (eps, 0.0)
        )
    by, moved = float(still.max()), float(moves.max())
    low, high = clip or (-math.inf, math.inf)
    outside = max(0.0, low - float(x_adv.min()), float(x_adv.max()) - high)
    words = f"outside by up to {outside:.3g}"
    findings = [
        Finding(untouched, "leaves the images alone", "yes" if untouched else "it changes them"),
        Finding(by == 0, "eps = 0 changes nothing", f"moves pixels by up to {by:.3g}"),
        Finding(moved <= eps + 1e-6, "stays in the ball", f"moves pixels by up to {moved:.6g}"),
        Finding(outside <= 1e-6, f"stays in [{low:g}, {high:g}]", words),
    ]
    return findings if clip else findings[:-1]


def _about_the_errors(
    measure: Callable[..., Report],
    attack: SizedAttack,
    eps: float,
    clip: Clip,
    width: float,
    queries: int,
) -> list[Finding]:
    def under(this: SizedAttack, size: float = eps) -> Report:
        return measure(partial(sized, this, size))

    clean, own, one_step = measure(), under(attack), under(partial(attacks.fgsm, clip=clip))
    noise = under(partial(attacks.sign_noise, clip=clip))
    blind = under(partial(attacks.square, queries=queries, clip=clip))
    sizes = sorted({eps / 2, eps, min(width, 2 * eps), width})
    errors = [clean.error, *(under(attack, size).error for size in sizes)]
    equal = 1 / own.n**0.5  # two standard errors of a share, at most
    grows = all(later >= earlier - equal for earlier, later in pairwise(errors))
    stuck = max(0, own.unmoved - round(clean.error * clean.n))  # what errs need not be moved

    blindly = f"is no weaker than {queries} blind queries"

    def against(other: Report) -> str:
        return f"error {own.error:.1%} against {other.error:.1%}"

    return [
        Finding(grows, "more eps breaks more", " → ".join(f"{e:.0%}" for e in errors)),
        Finding(errors[-1] == 1, f"eps = {width:g} breaks everything", f"error {errors[-1]:.1%}"),
        Finding(own.error >= one_step.error - equal, "is no weaker than FGSM", against(one_step)),
        Finding(own.error > noise.error, "beats noise of its size", against(noise)),
        Finding(own.error >= blind.error - equal, blindly, against(blind)),
        Finding(stuck == 0, "moves every example", f"{stuck} of {own.n} left as they were"),
    ]
