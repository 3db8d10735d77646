"""The one place that imports torchvision, also beside a torch it was not compiled for.

torchvision declares its operators in a compiled library. The library of a CUDA build does not load
beside a CPU build of torch, and then `import torchvision` dies, because it describes the operator
`torchvision::nms` to torch without anybody having declared it. Data sets, transforms, models and
utilities need no compiled operator, so this module declares the two that are missed and imports
again. It does so on that failure only: every other one reaches you as it is.
"""

import sys

import torch

__all__ = ["operators_loaded", "torchvision"]

_FAILURE = "operator torchvision::nms does not exist"
_MISSING = ("nms", "qnms")
_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _declare_operators() -> torch.library.Library:
    """The library that declares the missed operators; they vanish with it, so keep it alive."""
    library = torch.library.Library("torchvision", "DEF")
    for name in _MISSING:
        library.define(name + _ARGUMENTS)
    return library


def _forget_half_import() -> None:
    """Drop what the failed import left behind, so that the next one starts afresh."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


try:
    import torchvision
except RuntimeError as error:
    if _FAILURE not in str(error):
        raise
    _forget_half_import()
    _library = _declare_operators()
    import torchvision

# roi_align is never declared above: where it is known, torchvision's own library was loaded.
operators_loaded: bool = hasattr(torch.ops.torchvision, "roi_align")
"""Whether torchvision's compiled operators can be used; the course needs none of them."""
