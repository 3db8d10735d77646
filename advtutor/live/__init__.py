"""The attacks in a browser: an engine in plain JavaScript, and networks handed over to it.

The engine (`engine/`) reads networks from safetensors bytes, computes logits and the gradient in
the input, and attacks, with nothing but the browser. It is one classic script, so that a page can
carry it from a disk, where browsers refuse modules and fetches.
"""

import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from advtutor import models

__all__ = ["UnknownLayer", "engine", "networks", "pack"]

_PARTS = ("layers", "network", "attacks", "weights")
_NETWORKS = ("usual", "hardened")


class UnknownLayer(ValueError):
    """A network with a layer that the engine cannot compute; `layer` is its class's name."""

    def __init__(self, layer: nn.Module, why: str) -> None:
        super().__init__(why)
        self.layer = type(layer).__name__


def engine() -> str:
    """The engine's source: functions and classes, for a script to use below it."""
    folder = files("advtutor").joinpath("live", "engine")
    return "\n".join(folder.joinpath(f"{part}.js").read_text("utf-8") for part in _PARTS)


def networks() -> dict[str, bytes]:
    """The networks of the website's first page, by name, as `pack` wrote them.

    Both are `models.ConvNet`: "usual" was trained on the digits as they are, "hardened" on examples
    of five steps of PGD at eps = 0.25. `tools/ledger/weights.py` makes them again.
    """
    folder = files("advtutor").joinpath("assets", "live")
    return {name: folder.joinpath(f"{name}.safetensors").read_bytes() for name in _NETWORKS}


def pack(model: nn.Module, shape: Sequence[int] = (1, 28, 28), *, half: bool = False) -> bytes:
    """`model` as safetensors bytes for the engine: its weights, and a description of its layers.

    `shape` is that of one example. The weights are float32, or float16 with `half=True`, under the
    names of the model's `state_dict`; dropout is packed as it is in eval mode.

    Raises UnknownLayer, naming the layer, where the engine cannot compute what the model does.
    """
    for module in model.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            why = f"{module!r} has a hook, which the browser's engine cannot run"
            raise UnknownLayer(module, why)
    names = {id(weight): name for name, weight in model.named_parameters()}
    layers = [_described(layer, names) for layer in _chain(model)]
    stored = {
        name: weight.detach().cpu().to(torch.float16 if half else torch.float32).contiguous()
        for name, weight in model.named_parameters()
    }
    metadata = {"layers": json.dumps(layers), "shape": json.dumps(list(shape))}
    return save(stored, metadata)


def _chain(model: nn.Module) -> Iterable[nn.Module]:
    """The layers of `model`, one after the other, containers opened."""
    if isinstance(model, nn.Sequential):
        for layer in model:
            yield from _chain(layer)
    elif isinstance(model, models.Network) and _answers_by_softmax(model):
        yield from _chain(model.layers)
    elif type(model) in (models.MaxoutLayer, models.ConvMaxoutLayer):
        yield from (model.linear, _Largest(model.pieces))
    else:
        yield model


def _answers_by_softmax(model: models.Network) -> bool:
    """Whether the network is its chain of layers and no more; an RBF network is not."""
    kind = type(model)
    return (
        kind.forward is models.Network.forward
        and kind.probabilities is models.Network.probabilities
    )


class _Largest(nn.Module):
    """What a maxout layer does after its linear functions."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces


def _described(layer: nn.Module, names: dict[int, str]) -> dict[str, Any]:
    """The engine's words for `layer`; `names` has those of the weights."""
    kind = type(layer)
    if kind in (nn.ReLU, nn.Dropout):
        return {"layer": kind.__name__}
    if kind is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
        return {"layer": "Flatten"}
    if kind is _Largest:
        return {"layer": "Maxout", "pieces": layer.pieces}
    if kind is models.Affine:
        return {"layer": "Affine", "mean": layer.mean, "scale": layer.scale}
    if kind is nn.Linear or (kind is nn.Conv2d and _is_plain(layer)):
        described = {"layer": kind.__name__, "weight": names[id(layer.weight)]}
        if layer.bias is not None:
            described["bias"] = names[id(layer.bias)]
        if kind is nn.Conv2d:
            described |= {"stride": layer.stride, "padding": layer.padding}
        return described
    raise UnknownLayer(
        layer,
        f"the browser's engine has no {layer!r}; it computes Linear, Conv2d (without dilation, "
        "groups or padding by name), ReLU, MaxoutLayer, ConvMaxoutLayer, Affine, Flatten, Dropout",
    )


def _is_plain(layer: nn.Conv2d) -> bool:
    """Whether the convolution has only a stride and a padding with zeros, both in numbers."""
    return (
        layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )
