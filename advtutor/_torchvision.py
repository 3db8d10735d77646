"""The one place that imports torchvision, also beside a torch it was not compiled for.

A CUDA build's compiled library does not load beside a CPU build of torch. Then `import torchvision`
dies, because it describes operators that nothing has declared. Data sets, transforms, models and
utilities need no compiled operator: on that failure only, declare the two and import again.
"""

import sys

import torch

__all__ = ["operators_loaded", "torchvision"]

try:
    import torchvision
except RuntimeError as error:
    if "operator torchvision::nms does not exist" not in str(error):
        raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left behind
    _library = torch.library.Library("torchvision", "DEF")  # what it declares lives as long as it
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

# roi_align is never declared above: where it is known, torchvision's own library was loaded.
operators_loaded: bool = hasattr(torch.ops.torchvision, "roi_align")
"""Whether torchvision's compiled operators can be used; the course needs none of them."""
