"""Notes what a function was given, and tells afterwards what it changed."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


class Probe(nn.Module):
    """A layer that does nothing but note in which mode the network runs."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training)
        return x


@dataclass
class _TensorBefore:
    value: Tensor
    requires_grad: bool


@dataclass
class _ModelBefore:
    state: dict[str, Tensor]
    modes: list[bool]
    grads: dict[str, Tensor | None]
    trainable: dict[str, bool]


@dataclass
class Before:
    """The arguments of a call as they were before it."""

    tensors: dict[str, _TensorBefore] = field(default_factory=dict)
    models: dict[str, _ModelBefore] = field(default_factory=dict)


def note(arguments: dict[str, Any]) -> Before:
    """Note the state of each tensor and each model among the arguments, by their names."""
    before = Before()
    for name, value in arguments.items():
        if isinstance(value, Tensor):
            before.tensors[name] = _TensorBefore(value.detach().clone(), value.requires_grad)
        elif isinstance(value, nn.Module):
            before.models[name] = _ModelBefore(
                state={key: one.clone() for key, one in value.state_dict().items()},
                modes=[module.training for module in value.modules()],
                grads={
                    key: None if one.grad is None else one.grad.clone()
                    for key, one in value.named_parameters()
                },
                trainable={key: one.requires_grad for key, one in value.named_parameters()},
            )
    return before


def changes(before: Before, arguments: dict[str, Any]) -> dict[str, str]:
    """What the call changed: the kind of change, with the name of the argument.

    Kinds: in-place, ran-in-training, ended-in-eval (the last pass, of a model that can tell),
    weights, param-grads, frozen, left-training (all of a model that came otherwise), mode-left (any
    other change of mode), requires-grad-left.
    """
    found: dict[str, str] = {}
    for name, old in before.tensors.items():
        tensor = arguments[name]
        if not _equal(tensor.detach(), old.value):
            found["in-place"] = name
        if tensor.requires_grad != old.requires_grad:
            found["requires-grad-left"] = name
    for name, old_model in before.models.items():
        found |= dict.fromkeys(_model_changes(old_model, arguments[name]), name)
    return found


def _model_changes(old: _ModelBefore, model: nn.Module) -> list[str]:
    parameters = dict(model.named_parameters())
    modules = list(model.modules())
    ran = [mode for module in modules if isinstance(module, Probe) for mode in module.modes]
    modes = [module.training for module in modules]
    found = {
        "ran-in-training": not any(old.modes) and any(ran),
        "ended-in-eval": ran[-1:] == [False],
        "weights": any(not _equal(model.state_dict()[key], one) for key, one in old.state.items()),
        "param-grads": any(not _equal(parameters[key].grad, one) for key, one in old.grads.items()),
        "frozen": any(parameters[key].requires_grad != one for key, one in old.trainable.items()),
        "left-training": old.modes != modes and all(modes),
        "mode-left": old.modes != modes and not all(modes),
    }
    return [kind for kind, changed in found.items() if changed]


def _equal(new: Tensor | None, old: Tensor | None) -> bool:
    if new is None or old is None:
        return new is old
    return new.shape == old.shape and new.dtype == old.dtype and torch.equal(new, old)
