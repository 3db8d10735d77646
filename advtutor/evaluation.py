"""Measuring models and attacks: how often a model errs, and whether an attack can be believed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from advtutor import attacks
from advtutor.attacks import measuring

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]
SizedAttack = Callable[[nn.Module, Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured. All shares are fractions between 0 and 1.

    n: how many examples were looked at.
    error: the share of all examples on which the model errs under the attack; the paper's "error".
    success_rate: the share of the examples that the model first classified rightly and errs on
        under the attack; NaN where there were none.
    confidence_on_errors: the mean of the largest probability over the examples the model errs on;
        the paper's "average confidence"; NaN where there are no errors. Probabilities are the
        model's own `probabilities(logits)` if it has them, and else the softmax.
    max_linf: the furthest that any pixel was moved.
    unmoved: how many examples the attack gave back exactly as they were.
    """

    n: int
    error: float
    success_rate: float
    confidence_on_errors: float
    max_linf: float
    unmoved: int

    @property
    def accuracy(self) -> float:
        """The share of all examples that the model still classifies rightly: `1 - error`."""
        return 1 - self.error

    def __repr__(self) -> str:
        return (
            f"Report(n={self.n}: error {self.error:.2%}, "
            f"confidence on errors {self.confidence_on_errors:.1%}, "
            f"success rate {self.success_rate:.2%}, "
            f"moved by at most {self.max_linf:.4g}, unmoved {self.unmoved})"
        )


def evaluate(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    attack: Attack | None = None,
    *,
    batch_size: int = 512,
) -> Report:
    """Measure `model` on images `x` `[N, C, H, W]` with true labels `y` `[N]`.

    `attack(model, x, y)` makes the examples, batch by batch; without one the clean images are
    measured. The model predicts in eval mode and is left in the mode it was in. `x` and `y` may
    lie on another device than the model.

    Raises ValueError if there is nothing to measure, if `x` and `y` differ in length, or if the
    attack returns another shape than it was given.
    """
    _check(x, y, batch_size)
    wrong_before = wrong = fooled = unmoved = 0
    confidence = max_linf = 0.0
    for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
        x_batch, y_batch = _to_device_of(model, x_batch, y_batch)
        x_adv = x_batch if attack is None else attack(model, x_batch, y_batch)
        if x_adv.shape != x_batch.shape:
            raise ValueError(
                f"the attack returned the shape {tuple(x_adv.shape)} for images of "
                f"{tuple(x_batch.shape)}; it must keep the shape"
            )
        probability, predicted = _predict(model, x_adv)
        errs = predicted != y_batch
        erred = errs if attack is None else _predict(model, x_batch)[1] != y_batch
        moved = (x_adv - x_batch).abs().flatten(1).amax(dim=1)

        wrong_before += int(erred.sum())
        wrong += int(errs.sum())
        fooled += int((errs & ~erred).sum())
        confidence += float(probability[errs].double().sum())
        max_linf = max(max_linf, float(moved.max()))
        unmoved += int((moved == 0).sum())
    right_before = len(x) - wrong_before
    return Report(
        n=len(x),
        error=wrong / len(x),
        success_rate=fooled / right_before if right_before else float("nan"),
        confidence_on_errors=confidence / wrong if wrong else float("nan"),
        max_linf=max_linf,
        unmoved=unmoved,
    )


def robustness_curve(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    attack: SizedAttack,
    eps: Sequence[float],
    *,
    batch_size: int = 512,
) -> dict[float, Report]:
    """`evaluate` under `attack(model, x, y, eps)` for each of several `eps`, in their order."""
    return {
        e: evaluate(model, x, y, partial(_sized, attack, e), batch_size=batch_size) for e in eps
    }


@dataclass(frozen=True)
class Transfer:
    """What `transfer_matrix` measured; rows are the models attacked, columns those that read.

    error `[S, V]`: the share of all examples, made for the row's model, that the column's misreads.
    agreement `[S, V]`: of the examples that both misread, the share on which both see the same
        wrong class; NaN where there are none (paper, section 8).
    """

    names: tuple[str, ...]
    error: Tensor
    agreement: Tensor


def transfer_matrix(
    models: Mapping[str, nn.Module],
    x: Tensor,
    y: Tensor,
    attack: Attack,
    *,
    batch_size: int = 512,
) -> Transfer:
    """Make examples for each of `models` and show them to all of them.

    `attack(model, x, y)` makes the examples, from images `x` `[N, C, H, W]` with true labels `y`.
    """
    _check(x, y, batch_size)
    error, agreement = (torch.zeros(len(models), len(models)) for _ in range(2))
    for row, source in enumerate(models.values()):
        read: list[list[Tensor]] = [[] for _ in models]
        for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
            x_adv = attack(source, *_to_device_of(source, x_batch, y_batch))
            for answers, victim in zip(read, models.values(), strict=True):
                answers.append(_predict(victim, *_to_device_of(victim, x_adv))[1].to(y.device))
        classes = torch.stack([torch.cat(answers) for answers in read])  # [V, N]
        wrong = classes != y
        both = wrong & wrong[row]
        same = both & (classes == classes[row])
        error[row] = wrong.float().mean(dim=1)
        agreement[row] = same.sum(dim=1) / both.sum(dim=1)  # 0 / 0 is NaN
    return Transfer(tuple(models), error, agreement)


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
    _check(x, y, batch_size)
    x, y = _to_device_of(model, x, y)
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
    with measuring(model), torch.no_grad():
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
        return measure(partial(_sized, this, size))

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


def _sized(attack: SizedAttack, eps: float, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return attack(model, x, y, eps)


@torch.no_grad()
def _predict(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest probability and its class, each `[N]`."""
    with measuring(model):
        logits = model(x)
    probabilities = getattr(model, "probabilities", partial(torch.softmax, dim=1))
    return probabilities(logits).max(dim=1)


def _check(x: Tensor, y: Tensor, batch_size: int) -> None:
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"x has {len(x)} examples, y {len(y)}; give one label for each")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")


def _to_device_of(model: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
    parameter = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    return tensors if parameter is None else tuple(t.to(parameter.device) for t in tensors)
