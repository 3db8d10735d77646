"""The networks behind the paper's numbers: each follows from a recipe and a seed, and is kept."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
import torch
from filelock import FileLock
from safetensors.torch import save_file
from torch import Tensor, nn

from advtutor import attacks, models, training
from advtutor._files import whole_file
from advtutor.data import Split
from advtutor.evaluation import evaluate

Report = Callable[[float, str], None]  # the share that is done, and what is being done


@dataclass(frozen=True)
class Recipe:
    """How a network is made, as plain data: equal recipes give equal networks.

    model: the name of a class of `advtutor.models`; `options` are its arguments.
    objective: a key of `OBJECTIVES`, which takes `eps` and `penalty` from here.
    examples: on how many of the training images it is trained; `held_out` more, from the end of
        them, choose the epoch (early stopping on the error named in `stop_on`).
    data: the function of `advtutor.data` that gives the images.
    classes: the digits it tells apart, which become the classes 0, 1, …; all of them if None.
    """

    model: str
    epochs: int
    lr: float
    options: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "clean"
    optimizer: str = "falling_sgd"
    batch_size: int = 100
    eps: float = 0.25
    penalty: float = 0.0
    examples: int = 60_000
    held_out: int = 0
    stop_on: str | None = None
    classes: tuple[int, ...] | None = None
    data: str = "mnist"

    def as_data(self) -> dict[str, Any]:
        """What makes it differ from a recipe that says nothing: plain data."""
        defaults = {f.name: f.default for f in fields(self)}
        return {k: v for k, v in asdict(self).items() if v != defaults[k] and v != {}}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Recipe":
        """The recipe that `as_data` wrote, also after its way through a JSON file."""
        classes = data.get("classes")
        return cls(**{**data, "classes": None if classes is None else tuple(classes)})

    @property
    def name(self) -> str:
        """What a reader calls its network; two recipes of the ledger do not share a name."""
        kind = {"clean": "", "yes or no": "independent classes"}.get(self.objective, self.objective)
        units = f"{self.options['units']} units" if "units" in self.options else ""
        penalty = f" {self.penalty:g}" if self.penalty else ""
        length = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        return ", ".join(filter(None, [self.model, units, f"{kind}{penalty}", length]))

    @property
    def loss(self) -> attacks.Loss | None:
        """What an attack on its network climbs; None is the cross-entropy."""
        return models.binary_cross_entropy if self.objective == "yes or no" else None

    def only(self, split: Split) -> Split:
        """The images of its classes, numbered from 0; all of them if it names none."""
        if self.classes is None:
            return split
        numbers = torch.full((int(split.y.max()) + 1,), -1)
        numbers[list(self.classes)] = torch.arange(len(self.classes))
        y = numbers[split.y]
        return Split(split.x[y >= 0], y[y >= 0])


def digest(data: Any) -> str:
    """Twelve letters that stand for plain data."""
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _yes_or_no(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return models.binary_cross_entropy(model(x), y).mean()


def _l1_decay(penalty: float, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy plus `penalty` times the absolute first-layer weights (paper, section 5)."""
    first = next(m for m in model.modules() if isinstance(m, nn.Linear))
    return training.clean(model, x, y) + penalty * first.weight.abs().sum()


# The paper does not clip: nor do its objectives here.
OBJECTIVES: dict[str, Callable[[Recipe], training.Objective]] = {
    "clean": lambda recipe: training.clean,
    "adversarial": lambda recipe: training.Adversarial(recipe.eps, clip=None),
    "sign noise": lambda recipe: training.Noise(recipe.eps, "sign", clip=None),
    "uniform noise": lambda recipe: training.Noise(recipe.eps, "uniform", clip=None),
    "yes or no": lambda recipe: _yes_or_no,
    "L1 decay": lambda recipe: partial(_l1_decay, recipe.penalty),
}


@dataclass(frozen=True)
class Trained:
    """A network in eval mode, and what was measured after each epoch of its training."""

    model: nn.Module
    epochs: list[dict[str, float]]


def untrained(recipe: Recipe, seed: int) -> nn.Module:
    """The network of `recipe` with its initial weights."""
    options = dict(recipe.options)
    sigmoids = options.pop("sigmoids", False)
    kind = getattr(models, recipe.model)
    model = kind(seed=seed, **options)
    return models.Sigmoids(model) if sigmoids else model


def trained(
    recipe: Recipe,
    seed: int,
    data: Split,
    *,
    store: Path,
    device: str = "cpu",
    report: Report = lambda share, words: None,
) -> Trained:
    """The network of `recipe` and `seed`: from the folder `store` if it is there, else trained.

    The state is kept there after each epoch, so that a training that was killed goes on, and the
    finished weights stay for the next that asks. A second process that asks at the same time
    waits for the first.
    """
    name = f"{recipe.model.lower()}-{digest(recipe.as_data())}-{seed}"
    weights, checkpoint = store / f"{name}.safetensors", store / f"{name}.pt"
    model = untrained(recipe, seed).to(device).eval()
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / f"{name}.lock"):
        if not weights.exists():
            history = _train(model, recipe, seed, data, checkpoint, report)
            try:
                save(model, weights, {"epochs": json.dumps(history)})
                checkpoint.unlink(missing_ok=True)
            except OSError as error:
                report(1.0, f"trained, but not kept: {error}")
            return Trained(model, history)
        metadata = load(model, weights)
    return Trained(model, json.loads(metadata["epochs"]))


def _train(
    model: nn.Module, recipe: Recipe, seed: int, data: Split, checkpoint: Path, report: Report
) -> list[dict[str, float]]:
    data = recipe.only(data)
    held_out = Split(*(part[len(part) - recipe.held_out :] for part in data))

    def errors(model: nn.Module) -> dict[str, float]:
        if not recipe.held_out:
            return {}
        fgsm = partial(attacks.fgsm, eps=recipe.eps, clip=None)
        return {
            "clean error": evaluate(model, *held_out).error,
            "FGSM error": evaluate(model, *held_out, fgsm).error,
        }

    history = training.fit(
        model,
        *(part[: recipe.examples] for part in data),
        objective=OBJECTIVES[recipe.objective](recipe),
        optimizer=getattr(training, recipe.optimizer),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        lr=recipe.lr,
        seed=seed,
        progress=lambda share: report(share, f"epoch {1 + int(share * recipe.epochs)}"),
        validation=errors,
        keep_best=recipe.stop_on,
        checkpoint=checkpoint,
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return history.epochs


def save(model: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a network's weights as safetensors: the whole file, or none.

    Raises OSError if the disk does not take it.
    """
    state = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    try:
        with whole_file(path) as new:
            save_file(state, new, metadata=dict(metadata))
    except safetensors.SafetensorError as error:
        raise OSError(str(error)) from error


def load(model: nn.Module, path: Path) -> dict[str, str]:
    """Put the weights of a safetensors file into `model`; the file's metadata."""
    with safetensors.safe_open(path, framework="pt") as file:
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        return file.metadata()
