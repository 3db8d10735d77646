"""Whether an attack's result can be believed: the questions that a sound evaluation answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from advtutor import attacks
from advtutor.attacks import eval_mode
from advtutor.evaluation import Report, SizedAttack, check_data, evaluate, sized, to_device_of


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
    attack: SizedAttack = attacks.pgd,
    *,
    eps: float,
    queries: int = 200,
    batch_size: int = 512,
    seed: int = 0,
) -> AttackReport:
    """Say whether the result of `attack(model, x, y, eps)` on `model` can be believed.

    It asks what a sound evaluation shows (Carlini et al., arXiv 1902.06705): the model gives
    logits and stands in eval mode; eps = 0 changes nothing; examples stay in the ball and in
    [0, 1]; more eps breaks more, up to everything; the attack beats one step, noise of the same
    size, and a gradient-free attack of `queries` queries; no example stays unmoved because no
    gradient reached it. A few hundred examples are enough. Differences within two standard errors
    count as equal. Draws follow from `seed`; the caller's random state is left as it was.

    Raises what `attack` raises, and ValueError if there is nothing to measure.
    """
    check_data(x, y, batch_size)
    x, y = to_device_of(model, x, y)
    measure = partial(evaluate, model, x, y, batch_size=batch_size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        findings = [
            *_about_the_model(model, x[:batch_size]),
            *_about_the_examples(model, x[:batch_size], y[:batch_size], attack, eps),
            *_about_the_errors(measure, attack, eps, queries),
        ]
    return AttackReport(tuple(findings))


def _about_the_model(model: nn.Module, x: Tensor) -> list[Finding]:
    with eval_mode(model), torch.no_grad():
        logits = model(x)
    probable = logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 1e-3
    modules = model.modules() if isinstance(model, nn.Module) else ()
    loose = sum(m.training and isinstance(m, _CHANGE_IN_EVAL) for m in modules)
    return [
        Finding(
            not probable,
            "returns logits",
            "it returns probabilities: leave the softmax out" if probable else "yes",
        ),
        Finding(
            not loose,
            "stands in eval mode",
            f"{loose} layers in train mode: call model.eval()" if loose else "yes",
        ),
    ]


def _about_the_examples(
    model: nn.Module, x: Tensor, y: Tensor, attack: SizedAttack, eps: float
) -> list[Finding]:
    before = x.clone()
    x_adv, still = attack(model, x, y, eps), attack(model, x, y, 0.0)
    untouched = torch.equal(x, before)
    by = float((still - before).abs().max())
    moved = float((x_adv - before).abs().max())
    outside = max(0.0, -float(x_adv.min()), float(x_adv.max()) - 1)
    return [
        Finding(untouched, "leaves the images alone", "yes" if untouched else "it changes them"),
        Finding(by == 0, "eps = 0 changes nothing", f"moves pixels by up to {by:.3g}"),
        Finding(moved <= eps + 1e-6, "stays in the ball", f"moves pixels by up to {moved:.6g}"),
        Finding(outside <= 1e-6, "stays in [0, 1]", f"outside by up to {outside:.3g}"),
    ]


def _about_the_errors(
    measure: Callable[..., Report], attack: SizedAttack, eps: float, queries: int
) -> list[Finding]:
    def under(this: SizedAttack, size: float = eps) -> Report:
        return measure(partial(sized, this, size))

    clean, own, one_step = measure(), under(attack), under(attacks.fgsm)
    noise, blind = under(attacks.sign_noise), under(partial(attacks.square, queries=queries))
    sizes = sorted({eps / 2, eps, min(1.0, 2 * eps), 1.0})
    errors = [clean.error, *(under(attack, size).error for size in sizes)]
    equal = 1 / own.n**0.5  # two standard errors of a share, at most
    grows = all(later >= earlier - equal for earlier, later in pairwise(errors))
    stuck = max(0, own.unmoved - round(clean.error * clean.n))  # what errs need not be moved

    def against(other: Report) -> str:
        return f"error {own.error:.1%} against {other.error:.1%}"

    return [
        Finding(grows, "more eps breaks more", " → ".join(f"{e:.0%}" for e in errors)),
        Finding(errors[-1] == 1, "eps = 1 breaks everything", f"error {errors[-1]:.1%}"),
        Finding(own.error >= one_step.error - equal, "is no weaker than FGSM", against(one_step)),
        Finding(own.error > noise.error, "beats noise of its size", against(noise)),
        Finding(
            own.error >= blind.error - equal,
            f"is no weaker than {queries} blind queries",
            against(blind),
        ),
        Finding(stuck == 0, "moves every example", f"{stuck} of {own.n} left as they were"),
    ]


_CHANGE_IN_EVAL = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
