"""Measuring models: how often one errs, under which attack, and on whose examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from advtutor.attacks import eval_mode

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
    check_data(x, y, batch_size)
    wrong_before = wrong = fooled = unmoved = 0
    confidence = max_linf = 0.0
    for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
        x_batch, y_batch = to_device_of(model, x_batch, y_batch)
        x_adv = x_batch if attack is None else attack(model, x_batch, y_batch)
        if x_adv.shape != x_batch.shape:
            raise ValueError(
                f"the attack returned the shape {tuple(x_adv.shape)} for images of "
                f"{tuple(x_batch.shape)}; it must keep the shape"
            )
        probability, predicted = predict(model, x_adv)
        errs = predicted != y_batch
        erred = errs if attack is None else predict(model, x_batch)[1] != y_batch
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


@torch.no_grad()
def predict(model: nn.Module, x: Tensor, *, batch_size: int = 512) -> tuple[Tensor, Tensor]:
    """How sure `model` is of images `x` `[N, C, H, W]`, and their classes: two tensors `[N]`.

    The first is the largest of the model's own `probabilities(logits)` if it has them, and else of
    the softmax. The model predicts in eval mode and is left in the mode it was in.
    """
    probabilities = getattr(model, "probabilities", partial(torch.softmax, dim=1))
    with eval_mode(model):
        logits = torch.cat([model(part) for part in x.split(batch_size)])
    confidence, classes = probabilities(logits).max(dim=1)
    return confidence, classes


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
    return {e: evaluate(model, x, y, partial(sized, attack, e), batch_size=batch_size) for e in eps}


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
    check_data(x, y, batch_size)
    error, agreement = (torch.zeros(len(models), len(models)) for _ in range(2))
    for row, source in enumerate(models.values()):
        read: list[list[Tensor]] = [[] for _ in models]
        for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
            x_adv = attack(source, *to_device_of(source, x_batch, y_batch))
            for answers, victim in zip(read, models.values(), strict=True):
                answers.append(predict(victim, *to_device_of(victim, x_adv))[1].to(y.device))
        classes = torch.stack([torch.cat(answers) for answers in read])  # [V, N]
        wrong = classes != y
        both = wrong & wrong[row]
        same = both & (classes == classes[row])
        error[row] = wrong.float().mean(dim=1)
        agreement[row] = same.sum(dim=1) / both.sum(dim=1)  # 0 / 0 is NaN
    return Transfer(tuple(models), error, agreement)


def sized(attack: SizedAttack, eps: float, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return attack(model, x, y, eps)


def check_data(x: Tensor, y: Tensor, batch_size: int) -> None:
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"x has {len(x)} examples, y {len(y)}; give one label for each")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")


def to_device_of(model: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
    parameter = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    return tensors if parameter is None else tuple(t.to(parameter.device) for t in tensors)


def __getattr__(name: str) -> Any:
    """`attack_report` and its results: they can be imported from here, too."""
    if name in ("AttackReport", "Finding", "attack_report"):
        return getattr(import_module("advtutor.attack_report"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
