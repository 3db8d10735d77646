"""Notes what a function was given, and tells afterwards what it changed."""

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


Before = dict[str, dict[str, Any]]  # of each tensor and each model, by its name


def note(arguments: dict[str, Any]) -> Before:
    """Note the state of each tensor and each model among the arguments, by their names."""
    watched = {k: v for k, v in arguments.items() if isinstance(v, Tensor | nn.Module)}
    return {name: _state(value) for name, value in watched.items()}


def _state(value: Tensor | nn.Module) -> dict[str, Any]:
    if isinstance(value, Tensor):
        return {"value": value.detach().clone(), "requires_grad": value.requires_grad}
    parameters = dict(value.named_parameters())
    grads = {key: one.grad for key, one in parameters.items()}
    return {
        "state": {key: one.clone() for key, one in value.state_dict().items()},
        "modes": [module.training for module in value.modules()],
        "grads": {key: None if one is None else one.clone() for key, one in grads.items()},
        "trainable": {key: one.requires_grad for key, one in parameters.items()},
    }


def changes(before: Before, arguments: dict[str, Any]) -> dict[str, str]:
    """What the call changed: the kind of change, with the name of the argument.

    Kinds: in-place, ran-in-training, ended-in-eval (the last pass, of a model that can tell),
    weights, param-grads, frozen, left-training (all of a model that came otherwise), mode-left (any
    other change of mode), requires-grad-left.
    """
    found: dict[str, str] = {}
    for name, old in before.items():
        value = arguments[name]
        if isinstance(value, nn.Module):
            found |= dict.fromkeys(_model_changes(old, value), name)
            continue
        if not _equal(value.detach(), old["value"]):
            found["in-place"] = name
        if value.requires_grad != old["requires_grad"]:
            found["requires-grad-left"] = name
    return found


def _model_changes(old: dict[str, Any], model: nn.Module) -> list[str]:
    new = _state(model)
    probes = [module for module in model.modules() if isinstance(module, Probe)]
    ran = [mode for probe in probes for mode in probe.modes]
    other_modes = old["modes"] != new["modes"]
    found = {
        "ran-in-training": not any(old["modes"]) and any(ran),
        "ended-in-eval": ran[-1:] == [False],
        "weights": not all(_equal(new["state"][key], one) for key, one in old["state"].items()),
        "param-grads": not all(_equal(new["grads"][key], one) for key, one in old["grads"].items()),
        "frozen": old["trainable"] != new["trainable"],
        "left-training": other_modes and all(new["modes"]),
        "mode-left": other_modes and not all(new["modes"]),
    }
    return [kind for kind, changed in found.items() if changed]


def _equal(new: Tensor | None, old: Tensor | None) -> bool:
    if new is None or old is None:
        return new is old
    return new.shape == old.shape and new.dtype == old.dtype and torch.equal(new, old)
