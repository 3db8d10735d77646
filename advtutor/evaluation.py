"""Measuring models: how often one errs, under which attack, and on whose examples."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from advtutor.attacks import eval_mode, fgsm
from advtutor.attacks.inputs import (
    check_count,
    check_data,
    check_images,
    check_model,
    check_result,
    warn_caller,
)
from advtutor.attacks.query import Guard, answer, modules_of

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]
SizedAttack = Callable[[nn.Module, Tensor, Tensor, float], Tensor]


class EvaluationWarning(UserWarning):
    """A number was measured, but may not be the one that was meant."""


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
    measured. Attack and prediction meet the model in eval mode, and it is left as it was, with
    its numbers and gradients; the attack gets copies of the data. `x` and `y` may lie on another
    device than the model.

    Raises TypeError or ValueError if there is nothing to measure; for images that are no finite
    floats and labels that are no class numbers `[N]`; and if the attack or the model returns
    anything but finite numbers of the right shape.
    """
    x = checked(model, x, y, batch_size)
    wrong_before = wrong = fooled = unmoved = 0
    confidence = max_linf = 0.0
    with eval_mode(model):
        reader, guard = Reader(model), Guard(model)
        for x_batch, y_batch in batches(model, x, y, batch_size):
            x_adv = x_batch
            if attack is not None:
                x_adv, moved = examples(attack, model, x_batch, y_batch, guard)
                max_linf = max(max_linf, float(moved.max()))
                unmoved += int((moved == 0).sum())
            seen = reader(x_adv, y_batch, own=_is_fgsm(attack))
            errs = seen.classes != y_batch
            wrong += int(errs.sum())
            confidence += math.fsum(seen.confidence[errs].tolist())  # some devices lack float64
            if attack is not None:
                erred = reader.logits(x_batch).argmax(dim=1) != y_batch
                wrong_before += int(erred.sum())
                fooled += int((errs & ~erred).sum())
    if attack is None:
        wrong_before, unmoved = wrong, len(x)
    right_before = len(x) - wrong_before
    return Report(
        n=len(x),
        error=wrong / len(x),
        success_rate=fooled / right_before if right_before else float("nan"),
        confidence_on_errors=confidence / wrong if wrong else float("nan"),
        max_linf=max_linf,
        unmoved=unmoved,
    )


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

    `attack(model, x, y)` makes the examples, from images `x` `[N, C, H, W]` with true labels `y`
    `[N]` (a column `[N, 1]` is read as such). Raises as `evaluate`.
    """
    y = y.squeeze(1) if isinstance(y, Tensor) and y.dim() == 2 and y.shape[1] == 1 else y
    if not isinstance(models, Mapping):
        raise TypeError(f"models is a {type(models).__name__}; give a dict of names and models")
    for model in models.values():
        x = checked(model, x, y, batch_size)
    error, agreement = (torch.zeros(len(models), len(models)) for _ in range(2))
    with contextlib.ExitStack() as stack:
        for model in models.values():
            stack.enter_context(eval_mode(model))
        readers = [Reader(model) for model in models.values()]
        for row, source in enumerate(models.values()):
            read: list[list[Tensor]] = [[] for _ in models]
            guard = Guard(source)
            for x_batch, y_batch in batches(source, x, y, batch_size):
                x_adv, _ = examples(attack, source, x_batch, y_batch, guard)
                for answers, reader in zip(read, readers, strict=True):
                    logits = reader.logits(*to_device_of(reader.model, x_adv, y_batch))
                    answers.append(logits.argmax(dim=1).to(y.device))
            classes = torch.stack([torch.cat(answers) for answers in read])  # [V, N]
            wrong = classes != y
            both = wrong & wrong[row]
            same = both & (classes == classes[row])
            error[row] = wrong.float().mean(dim=1)
            agreement[row] = same.sum(dim=1) / both.sum(dim=1)  # 0 / 0 is NaN
    return Transfer(tuple(models), error, agreement)


# What a model says.


class Prediction(NamedTuple):
    """What a model says of N images; both tensors are `[N, K]`.

    The probabilities are the model's own `probabilities(logits)` if it has them, else the softmax.
    """

    logits: Tensor
    probabilities: Tensor

    @property
    def classes(self) -> Tensor:
        """The class with the largest logit: `[N]`."""
        return self.logits.argmax(dim=1)

    @property
    def confidence(self) -> Tensor:
        """The largest probability: `[N]`."""
        return self.probabilities.amax(dim=1)


def predict(model: nn.Module, x: Tensor, *, batch_size: int = 512) -> Prediction:
    """What `model` says of `x` `[N, ...]`, in eval mode and without gradients, where `x` lies.

    Raises TypeError or ValueError for images, or an answer, that are no finite numbers of the
    right shape.
    """
    check_model(model)
    x, batch_size = check_images(x, None), check_count("batch_size", batch_size)
    with eval_mode(model):
        reader = Reader(model)
        parts = [reader(*to_device_of(model, part)) for part in x.split(batch_size)]
    return Prediction(*(torch.cat(numbers).to(x.device) for numbers in zip(*parts, strict=True)))


class Reader:
    """Asks a model in eval mode for its prediction at copies of the images, without gradients."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._probabilities = getattr(_under_wrappers(model), "probabilities", None)
        inside = [m for m in modules_of(model) if callable(getattr(m, "probabilities", None))]
        self._inside: list[Any] = inside

    def __call__(self, x: Tensor, y: Tensor | None = None, *, own: bool = False) -> Prediction:
        """The prediction at `x`, where the model is; `y` must name some of its classes.

        `own` says that nobody else needs `x`: the model may get it itself.
        """
        logits = self.logits(x, y, own=own)
        with torch.no_grad():
            if callable(self._probabilities):
                return Prediction(logits, self._probabilities(logits))
            softmax = logits.softmax(dim=1)
            self._warn_unless_alike(logits, softmax)
            return Prediction(logits, softmax)

    def logits(self, x: Tensor, y: Tensor | None = None, *, own: bool = False) -> Tensor:
        """What the prediction at `x` rests on."""
        with torch.no_grad():
            return answer(self.model, x if own else x.clone(), y)

    def _warn_unless_alike(self, logits: Tensor, softmax: Tensor) -> None:
        """Warn if a module inside has probabilities of its own that are not the `softmax`."""
        for module in self._inside:
            own = module.probabilities(logits)
            if own.shape != softmax.shape or not torch.allclose(own, softmax):
                name = type(module).__name__
                warn_caller(
                    f"the model holds a {name}, which has its own probabilities, and has none "
                    "itself: its confidence is read off the softmax. If its logits are those of "
                    f"the {name}, give it a method probabilities(logits), too",
                    EvaluationWarning,
                )
                break


def _under_wrappers(model: nn.Module) -> nn.Module:
    """The module whose output is the model's, if the model has no probabilities of its own."""
    while not hasattr(model, "probabilities"):
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(model, nn.Sequential) and len(model):
            model = model[-1]
        else:
            break
    return model


# What every measurement begins with, and how it runs an attack.


def checked(model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> Tensor:
    """`x`, detached; TypeError or ValueError for what cannot be measured."""
    check_model(model)
    check_count("batch_size", batch_size)
    return check_data(x, y)


def batches(
    model: nn.Module, x: Tensor, y: Tensor, batch_size: int
) -> Iterator[tuple[Tensor, ...]]:
    """Images and labels in batches, where the model is."""
    device = _device_of(model, x)
    for part in zip(x.split(batch_size), y.split(batch_size), strict=True):
        yield tuple(tensor.to(device) for tensor in part)


def examples(
    attack: Attack, model: nn.Module, x: Tensor, y: Tensor, guard: Guard
) -> tuple[Tensor, Tensor]:
    """What `attack` makes of copies of `x` and `y`, and how far the furthest pixel of each moved.

    `guard` keeps the model as it was; the caller holds it in eval mode. Raises as `evaluate`.
    """
    with guard.on():
        x_adv = attack(model, x if _is_fgsm(attack) else x.clone(), y.clone())
    moved = check_result(x_adv, x)
    return x_adv.detach(), moved


def _is_fgsm(attack: object) -> bool:
    """Whether it is FGSM, which shows the model a copy of its own and returns a new tensor."""
    while isinstance(attack, partial):
        attack = attack.func
    return attack is fgsm


def sized(attack: SizedAttack, eps: float, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """`attack` of the size `eps`, as an `Attack`."""
    return attack(model, x, y, eps)


def to_device_of(model: nn.Module, x: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
    """The tensors where the model's weights are; without weights, where `x` is."""
    device = _device_of(model, x)
    return tuple(tensor.to(device) for tensor in (x, *more))


def _device_of(model: nn.Module, x: Tensor) -> torch.device:
    weights = (p for module in modules_of(model) for p in module.parameters())
    return next(weights, x).device


def __getattr__(name: str) -> Any:
    """`attack_report` and its results: they can be imported from here, too."""
    if name in ("AttackReport", "Finding", "attack_report"):
        return getattr(import_module("advtutor.attack_report"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
