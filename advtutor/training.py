"""Training: one loop, and the objectives it can follow."""

import copy
import hashlib
import math
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from tqdm.auto import tqdm

from advtutor import attacks
from advtutor._files import whole_file
from advtutor._say import TOLD
from advtutor.attacks import Clip, eval_mode
from advtutor.attacks.inputs import check_count, check_data, check_model
from advtutor.attacks.query import answer, values_around

Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
Validation = Callable[[nn.Module], Mapping[str, float]]
OnBatch = Callable[[int, float], object]
Optimizer = Callable[[list[nn.Parameter], float, int], tuple[torch.optim.Optimizer, LRScheduler]]


class TrainingWarning(UserWarning):
    """Training ended early; the message says with what."""


def clean(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The usual objective: mean cross-entropy on the images as they are. A scalar."""
    return F.cross_entropy(model(x), y)


@dataclass(frozen=True)
class Adversarial:
    """The paper's objective: `alpha*J(x, y) + (1 - alpha)*J(x + eps*sign(grad_x J(x, y)), y)`.

    The examples are made from the model of this very step, clipped to `clip`, and held constant
    while the weights are updated (paper, section 6, which does not clip: `clip=None`).
    """

    eps: float
    alpha: float = 0.5
    clip: Clip = (0.0, 1.0)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        loss = F.cross_entropy(model(x), y)
        (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
        loss_adv = F.cross_entropy(model(self._examples(x, gradient)), y)
        return self.alpha * loss + (1 - self.alpha) * loss_adv

    def backward(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The same, with the gradients added to the weights' `.grad` on the way.

        One backward pass through the clean loss serves both the weights and the images: that is
        a forward and a backward pass less than making the examples separately.
        """
        x = x.detach().requires_grad_()
        weights = [p for p in model.parameters() if p.requires_grad]
        loss = self.alpha * F.cross_entropy(model(x), y)
        loss.backward(inputs=[x, *weights])
        loss_adv = (1 - self.alpha) * F.cross_entropy(model(self._examples(x, x.grad)), y)
        loss_adv.backward(inputs=weights)
        return (loss + loss_adv).detach()

    def _examples(self, x: Tensor, gradient: Tensor) -> Tensor:
        return _clipped(x.detach() + self.eps * gradient.sign(), self.clip)


@dataclass(frozen=True)
class Noise:
    """The paper's control: as `Adversarial`, with random noise in the place of the step.

    `kind` is "sign" (each pixel moves by eps, up or down) or "uniform" (by a number from
    U(-eps, eps)) (paper, section 6).
    """

    eps: float
    kind: Literal["sign", "uniform"] = "sign"
    alpha: float = 0.5
    clip: Clip = (0.0, 1.0)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        noise = {"sign": attacks.sign_noise, "uniform": attacks.uniform_noise}[self.kind]
        x_noisy = noise(model, x, y, self.eps, clip=self.clip)
        loss = F.cross_entropy(model(x), y)
        return self.alpha * loss + (1 - self.alpha) * F.cross_entropy(model(x_noisy), y)


@dataclass
class RandomStart:
    """Fast training: the loss after one gradient-sign step from a random point of the ball.

    The step is 1.25 * eps long and ends inside the ball. Over the first `warm_up` of the training
    eps rises from zero, without which training at a large eps can fail from the start (Wong, Rice,
    Kolter, arXiv 2001.03994). `fit` sets `progress`.
    """

    eps: float
    warm_up: float = 0.3
    clip: Clip = (0.0, 1.0)
    progress: float = field(default=1.0, repr=False, compare=False)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        eps = self.eps * warmed(self.progress, self.warm_up)
        start = attacks.uniform_noise(model, x, y, eps, clip=self.clip).requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(start), y), start)
        step = (start.detach() + 1.25 * eps * gradient.sign() - x).clamp(-eps, eps)
        return F.cross_entropy(model(_clipped(x + step, self.clip)), y)


@dataclass
class PGD:
    """The loss after `steps` steps of projected gradient descent (Madry et al., arXiv 1706.06083).

    `warm_up` and `progress` as in `RandomStart`. The attack sees the model in eval mode.
    """

    eps: float
    steps: int = 5
    warm_up: float = 0.3
    clip: Clip = (0.0, 1.0)
    progress: float = field(default=1.0, repr=False, compare=False)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        eps = self.eps * warmed(self.progress, self.warm_up)
        x_adv = attacks.pgd(model, x, y, eps, steps=self.steps, clip=self.clip)
        return F.cross_entropy(model(x_adv), y)


def warmed(progress: float, warm_up: float) -> float:
    """What rises from 0 to 1 over the first `warm_up` of the training and stays there."""
    return min(1.0, progress / warm_up) if warm_up > 0 else 1.0


def _clipped(x: Tensor, clip: Clip) -> Tensor:
    return x if clip is None else x.clamp(*clip)


def one_cycle_adam(
    parameters: list[nn.Parameter], lr: float, steps: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Adam with a learning rate that rises to `lr` and falls to zero over `steps` (one cycle)."""
    fused = parameters[0].device.type in ("cpu", "cuda")
    optimizer = torch.optim.Adam(parameters, lr=lr, fused=fused)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)


def falling_sgd(
    parameters: list[nn.Parameter], lr: float, steps: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """SGD whose learning rate falls from `lr` to zero while its momentum rises from 0.5 to 0.7.

    The two ends of the momentum are pylearn2's for the maxout network of MNIST (Goodfellow et al.,
    Maxout Networks, arXiv 1302.4389), the paper's network.
    """
    fused = parameters[0].device.type in ("cpu", "cuda")
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.5, fused=fused)
    return optimizer, _Falling(optimizer, steps)


class _Falling(LRScheduler):
    def __init__(self, optimizer: torch.optim.Optimizer, steps: int) -> None:
        self.steps = steps
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        done = min(1.0, self.last_epoch / self.steps)
        for group in self.optimizer.param_groups:
            group["momentum"] = 0.5 + 0.2 * done
        return [lr * (1 - done) for lr in self.base_lrs]


@dataclass
class History:
    """What happened in each epoch: `history["loss"]` is a list with one number an epoch.

    `loss` is the mean objective over the epoch's batches; the other names are those that the
    `validation` function gave. `interrupted` says whether training was stopped from outside.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    def __getitem__(self, name: str) -> list[float]:
        if self.epochs and name not in self.epochs[0]:
            raise KeyError(f"{name!r} was not measured; there are {', '.join(self.epochs[0])}")
        return [epoch[name] for epoch in self.epochs]

    def __repr__(self) -> str:
        last = ", ".join(f"{k} ≈ {v:.4g}" for k, v in (self.epochs or [{}])[-1].items()) or "-"
        end = ", interrupted" if self.interrupted else ""
        return f"History({len(self.epochs)} epochs{end}; last: {last})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {TOLD: {"training": len(self.epochs)}, "text/plain": repr(self)}


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    objective: Objective,
    epochs: int,
    batch_size: int = 128,
    lr: float,
    optimizer: Optimizer = one_cycle_adam,
    seed: int = 0,
    progress: bool | Callable[[float], None] = True,
    validation: Validation | None = None,
    keep_best: str | None = None,
    checkpoint: Path | str | None = None,
    on_batch: OnBatch | None = None,
) -> History:
    """Train `model` in place on images `x` `[N, C, H, W]` and labels `y` `[N]`.

    `objective(model, x, y)` returns the scalar to minimise on a batch: `clean`, an `Adversarial`,
    or your own function. `optimizer(parameters, lr, steps)` returns an optimiser and its schedule:
    `one_cycle_adam`, `falling_sgd` (the paper's network) or your own. A model with a method
    `constrain()` has it called after each step.
    `progress` shows a bar, or is a function that is told the share that is done before each epoch.
    `validation(model)` is called after each epoch and returns named numbers for the history. The
    batches and everything random in the objective follow from `seed`; the caller's random state is
    left as it was. The model trains on the device it is on, and ends in eval mode.

    `keep_best` names a number of the validation: the model ends with the weights of the epoch in
    which it was lowest; with an adversarial error this is the early stopping of the paper's section
    6. `checkpoint` is a file that receives the state after each epoch; called again with the same
    settings, training goes on from there and ends as if it had never stopped. It knows data,
    numbers, the layers of the model, and an objective by its code and the values that it reads.

    `on_batch(done, loss)` is called after each batch, with the number of batches done and the
    objective on this one. If it returns true, training stops there, and the history says
    `interrupted`: a way to stop it from another thread, say by a button.

    Interrupt it (Ctrl-C, or Lab's stop button) and it returns what it has, with a warning: the
    model is usable and the history says `interrupted`.

    Raises ValueError for data that do not fit, settings out of range, or a checkpoint of another
    run; FloatingPointError if the loss is no longer finite.
    """
    x = _check(model, x, y, epochs, batch_size, lr)
    if keep_best and not validation:
        raise ValueError("keep_best needs a validation, and names its number")
    settings = {}
    if checkpoint is not None:
        settings = {
            "model": repr(model),
            "objective": _told(objective, set()),
            "optimizer": _told(optimizer, set()),
            "images and labels": _sum(x) + _sum(y),
            "numbers": f"{epochs=} {batch_size=} {lr=} {seed=} {keep_best=}",
        }
    start = time.perf_counter()
    run = _Run(model, epochs * math.ceil(len(x) / batch_size), lr, optimizer, on_batch)
    x, y = x.to(run.device), y.to(run.device)
    told = progress if callable(progress) else lambda share: None
    bar = tqdm(total=run.steps, disable=progress is not True, unit="batch")
    with torch.random.fork_rng(devices=[run.device] if run.on_cuda else []), bar:
        _try_out(model, x, y, batch_size)
        torch.manual_seed(seed)
        if checkpoint is not None:
            run.load(Path(checkpoint), settings)
            bar.update(run.schedule.last_epoch)
        epoch = len(run.history.epochs)
        try:
            while epoch < epochs:
                told(epoch / epochs)
                epoch += 1
                bar.set_description(f"epoch {epoch} of {epochs}")
                loss = run.epoch(objective, x, y, batch_size, bar)
                if not math.isfinite(loss):
                    raise FloatingPointError(
                        f"the loss is {loss} in epoch {epoch}: training diverged; lower lr and "
                        "start anew"
                    )
                run.history.epochs.append(
                    {"loss": loss, **(validation(model) if validation else {})}
                )
                run.remember(keep_best)
                bar.set_postfix(run.history.epochs[-1])
                if checkpoint is not None:
                    run.save(Path(checkpoint), settings)
        except _Stopped:
            run.history.interrupted = True
        except KeyboardInterrupt:
            run.history.interrupted = True
            warnings.warn(
                f"training was interrupted in epoch {epoch} of {epochs}; "
                "the model keeps what it has learnt so far",
                TrainingWarning,
                stacklevel=2,
            )
        finally:
            model.eval()
            run.optimizer.zero_grad()
    if run.best:
        model.load_state_dict(run.best)
    run.history.seconds = time.perf_counter() - start
    return run.history


class _Stopped(Exception):
    """`on_batch` asked for the end."""


class _Run:
    """The state of one training: what has to be kept to go on with it."""

    def __init__(
        self,
        model: nn.Module,
        steps: int,
        lr: float,
        optimizer: Optimizer,
        on_batch: OnBatch | None,
    ) -> None:
        self.model, self.steps, self.on_batch = model, steps, on_batch
        self.device = next(model.parameters()).device
        self.on_cuda = self.device.type == "cuda"
        self.optimizer, self.schedule = optimizer(list(model.parameters()), lr, steps)
        self.history = History()
        self.best: dict[str, Tensor] = {}

    def epoch(self, objective: Objective, x: Tensor, y: Tensor, size: int, bar: tqdm) -> float:
        """Train once through the data, in a new order; the mean objective."""
        self.model.train()
        total = torch.zeros((), device=self.device)
        for rows in torch.randperm(len(x)).to(self.device).split(size):
            if hasattr(objective, "progress"):
                objective.progress = self.schedule.last_epoch / self.steps
            self.optimizer.zero_grad()
            loss = _backward(objective, self.model, x[rows], y[rows])
            total += loss * len(rows)
            self.optimizer.step()
            self.schedule.step()
            if hasattr(self.model, "constrain"):
                self.model.constrain()
            bar.update()
            if self.on_batch and self.on_batch(self.schedule.last_epoch, loss.item()):
                raise _Stopped
        self.model.eval()
        return total.item() / len(x)

    def remember(self, name: str | None) -> None:
        """Keep the weights if `name` has just been lower than ever."""
        values = self.history[name] if name else []
        if values and values.index(min(values)) == len(values) - 1:
            self.best = {key: value.clone() for key, value in self.model.state_dict().items()}

    def save(self, path: Path, settings: dict[str, str]) -> None:
        """Write the state whole; a disk that fails costs the file and not the training."""
        state = {
            "settings": settings,
            "epochs": self.history.epochs,
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.last_epoch,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.on_cuda else None,
        }
        try:
            with whole_file(path) as new:
                torch.save(state, new)
        except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError
            warnings.warn(
                f"the checkpoint {path} could not be written ({error}); training goes on",
                TrainingWarning,
                stacklevel=3,
            )

    def load(self, path: Path, settings: dict[str, str]) -> None:
        """Go on from the state at `path`, if there is one."""
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            stored = dict(state["settings"])
        except Exception as error:
            raise ValueError(f"checkpoint {path} cannot be read ({error}); delete it") from error
        if stored != settings:
            other = [name for name in settings if stored.get(name) != settings[name]]
            raise ValueError(
                f"checkpoint {path} belongs to a training with other settings "
                f"({', '.join(other)}); name another file, or delete it"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.last_epoch = state["schedule"]
        self.history.epochs, self.best = state["epochs"], state["best"]
        torch.set_rng_state(state["random"].cpu())
        if self.on_cuda:
            torch.cuda.set_rng_state(state["random_cuda"].cpu(), self.device)


def _told(value: object, seen: set[int]) -> str:
    """What tells an objective from another: its code, and the values that it holds and reads."""
    if hasattr(value, "__array__"):
        return _sum(torch.as_tensor(value))
    held = _held(value)
    if held is None:
        return re.sub(r" at 0x\w+", "", repr(value))
    if id(value) in seen:
        return "…"
    seen.add(id(value))
    return f"{type(value).__name__}({' '.join(_told(one, seen) for one in held)})"


def _held(value: Any) -> list[Any] | None:
    """What a value is made of; None where its own words say all."""
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_consts]
    if isinstance(value, FunctionType):
        around = values_around(value)
        return [value.__code__, *around] if around else [value.__module__, value.__qualname__]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, Mapping):
        return [*value.items()]
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, list | tuple):
        return [*value]
    if isinstance(value, nn.Module | type | ModuleType) or not hasattr(value, "__dict__"):
        return None
    own = {name: one for name, one in vars(value).items() if name != "progress"}  # `fit` sets it
    return [type(value), vars(type(value)).get("__call__"), own]


def _sum(numbers: Tensor) -> str:
    flat = numbers.detach().cpu().flatten().contiguous()
    return hashlib.sha256(flat.view(torch.uint8).numpy()).hexdigest()


def _backward(objective: Objective, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Leave the objective's gradients in the weights and return its value."""
    if hasattr(objective, "backward"):
        return objective.backward(model, x, y)
    loss = objective(model, x, y)
    if not isinstance(loss, Tensor) or loss.dim() != 0 or not loss.requires_grad:
        raise ValueError(
            f"objective returned {loss!r}; it must return a scalar tensor that depends on the "
            "model's weights (no .item(), no .detach())"
        )
    loss.backward()
    return loss.detach()


def _check(
    model: nn.Module, x: Tensor, y: Tensor, epochs: int, batch_size: int, lr: float
) -> Tensor:
    check_model(model)
    if not isinstance(model, nn.Module) or not any(p.requires_grad for p in model.parameters()):
        raise TypeError(
            f"model is a {type(model).__name__} without weights that could be trained; give an "
            "nn.Module with parameters"
        )
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)
    if not (lr > 0 and math.isfinite(lr)):
        raise ValueError(f"lr is {lr}; give a positive learning rate, e.g. 3e-3")
    return check_data(x, y)


@torch.no_grad()
def _try_out(model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> None:
    """ValueError or TypeError, before anything is trained, for what would fail on the way."""
    with eval_mode(model):
        answer(model, x[:2].clone(), y)
    norms = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
    if norms and len(x) % batch_size == 1 % batch_size:
        try:
            copy.deepcopy(model).train()(x[:1].clone())
        except ValueError as error:  # a BatchNorm's
            raise ValueError(
                f"with batch_size={batch_size} the last of {len(x)} examples is a batch of its "
                "own, of which a BatchNorm cannot take a deviation; choose another batch_size"
            ) from error
