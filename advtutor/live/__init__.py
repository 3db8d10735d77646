"""The attacks in a browser: an engine in plain JavaScript, and networks handed over to it.

The engine (`engine/`) reads networks from safetensors bytes, computes logits and the gradient in
the input, and attacks, with nothing but the browser. It is one classic script, so that a page can
carry it from a disk, where browsers refuse modules and fetches.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from advtutor.models import Affine, ConvMaxoutLayer, MaxoutLayer, Network

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
    layers = list(_described(model, names))
    stored = {
        name: weight.detach().cpu().to(torch.float16 if half else torch.float32).contiguous()
        for name, weight in model.named_parameters()
    }
    metadata = {"layers": json.dumps(layers), "shape": json.dumps(list(shape))}
    return save(stored, metadata)


def _described(layer: nn.Module, names: dict[int, str]) -> Iterator[dict[str, Any]]:
    """The engine's words for `layer`, one after the other; `names` has those of the weights."""
    kind = type(layer)
    if isinstance(layer, nn.Sequential):
        for part in layer:
            yield from _described(part, names)
    elif isinstance(layer, Network) and all(
        getattr(kind, own) is getattr(Network, own) for own in ("forward", "probabilities")
    ):  # its chain of layers and no more; an RBF network is not
        yield from _described(layer.layers, names)
    elif kind in (MaxoutLayer, ConvMaxoutLayer):
        yield from _described(layer.linear, names)
        yield {"layer": "Maxout", "pieces": layer.pieces}
    elif kind in (nn.ReLU, nn.Dropout):
        yield {"layer": kind.__name__}
    elif kind is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
        yield {"layer": "Flatten"}
    elif kind is Affine:
        yield {"layer": "Affine", "mean": layer.mean, "scale": layer.scale}
    elif kind is nn.Linear or (
        kind is nn.Conv2d
        and (layer.dilation, layer.groups, layer.padding_mode) == ((1, 1), 1, "zeros")
        and not isinstance(layer.padding, str)
    ):
        described = {"layer": kind.__name__, "weight": names[id(layer.weight)]}
        if layer.bias is not None:
            described["bias"] = names[id(layer.bias)]
        if kind is nn.Conv2d:
            described |= {"stride": layer.stride, "padding": layer.padding}
        yield described
    else:
        raise UnknownLayer(
            layer,
            f"the browser's engine has no {layer!r}; it computes Linear, Conv2d (without dilation, "
            "groups or padding by name), ReLU, MaxoutLayer, ConvMaxoutLayer, Affine, Flatten, "
            "Dropout",
        )
