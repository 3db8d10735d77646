"""The images of the course, as tensors: digits from the package, photos, and class names."""

import contextlib
import gzip
import hashlib
import os
import uuid
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from filelock import FileLock
from platformdirs import user_cache_dir
from torch import Tensor

__all__ = [
    "MNIST",
    "PHOTOS",
    "DataError",
    "FashionMNIST",
    "Split",
    "cache_dir",
    "fashion_mnist",
    "imagenet_classes",
    "mnist",
    "photo",
]

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the four original MNIST files, uncompressed."""

MNIST_MEGABYTES = 55
"""Disk that the four files take in the cache, in millions of bytes."""

PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
"""The names that `photo` knows."""

_PACKED = Path(__file__).with_name("assets") / "mnist"
_LOCK_SECONDS = 60


class DataError(RuntimeError):
    """Data that cannot be had; the message names the file, the cause and the remedy."""


class Split(NamedTuple):
    """Images x, float32 [N, C, H, W] in [0, 1], and their labels y, int64 [N]."""

    x: Tensor
    y: Tensor

    def __repr__(self) -> str:
        x, y = (f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for t in self)
        return f"Split(x={x}, y={y})"


class _TrainTest(NamedTuple):
    train: Split
    test: Split


class MNIST(_TrainTest):
    """60,000 handwritten digits to train on and 10,000 to test with, [N, 1, 28, 28]."""

    __slots__ = ()


class FashionMNIST(_TrainTest):
    """60,000 pieces of clothing to train on and 10,000 to test with, [N, 1, 28, 28]."""

    __slots__ = ()


def cache_dir() -> Path:
    """The folder for unpacked and downloaded data: $ADVTUTOR_CACHE, or the user's cache folder."""
    chosen = os.environ.get("ADVTUTOR_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(user_cache_dir("advtutor", appauthor=False))


def mnist() -> MNIST:
    """All of MNIST: `train.x` [60000, 1, 28, 28], `test.x` [10000, 1, 28, 28], labels 0 to 9.

    The digits travel inside the package. The first call unpacks them into `cache_dir()`, about
    55 MB; every call checks the unpacked files against their SHA-256 sums and mends those that are
    missing or damaged. No network is needed.

    Raises:
        DataError: a file of the package is damaged, or the cache cannot be written.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits,
    CC BY-SA 3.0.
    """
    from advtutor._torchvision import torchvision

    root = cache_dir()
    _unpack_mnist(root / "MNIST" / "raw")
    return MNIST(*(_split(torchvision.datasets.MNIST(root, train=t)) for t in (True, False)))


def fashion_mnist() -> FashionMNIST:
    """Fashion-MNIST, in MNIST's shapes; the first call downloads 31 MB into `cache_dir()`.

    Raises:
        DataError: the download failed, or the downloaded files cannot be read.

    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv 1708.07747, MIT licence.
    """
    return FashionMNIST(*_download("FashionMNIST"))


def photo(name: str, size: int = 224) -> Tensor:
    """A photo that comes with scikit-image, float32 [1, 3, size, size] in [0, 1].

    Its short side is resized to `size` pixels (bilinear, antialiased) and the middle is cut out; a
    grey photo has three equal channels.

    | name | what it shows | by, licence |
    |---|---|---|
    | astronaut | Eileen Collins | NASA, public domain |
    | camera | a man behind a camera on a tripod, grey | Lav Varshney, CC0 |
    | chelsea | a cat | Stéfan van der Walt, CC0 |
    | coffee | a cup of espresso | Rachel Michetti, CC0 |
    | rocket | the launch of a Falcon 9 | SpaceX, public domain |

    Raises:
        ValueError: an unknown name, or a size that is no positive integer.
        DataError: scikit-image is missing, or its photos are.
    """
    if name not in PHOTOS:
        raise ValueError(f"name={name!r} is no photo of the course: take one of {list(PHOTOS)}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size={size!r}: give the side in pixels, a positive integer such as 224")
    try:
        import skimage.data

        pixels = torch.tensor(getattr(skimage.data, name)())
    except (ImportError, OSError) as error:
        raise DataError(
            f"The photo {name!r} of scikit-image cannot be read: {error}. "
            "Install scikit-image again: pip install --force-reinstall scikit-image"
        ) from error
    x = pixels.permute(2, 0, 1) if pixels.ndim == 3 else pixels.expand(3, -1, -1)
    return _resize_and_crop(x.unsqueeze(0).float() / 255, size)


def imagenet_classes() -> list[str]:
    """The 1,000 class names of ImageNet, in the order of the logits; nothing is downloaded."""
    from advtutor._torchvision import torchvision

    return list(torchvision.models.EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])


def _split(dataset: Any) -> Split:
    """What a torchvision data set holds: bytes [N, H, W], and labels."""
    # Dividing in place is several times faster than dividing the bytes.
    return Split(dataset.data.unsqueeze(1).float().div_(255), dataset.targets)


def _resize_and_crop(x: Tensor, size: int) -> Tensor:
    height, width = x.shape[-2:]
    short = min(height, width)
    height, width = round(height * size / short), round(width * size / short)
    x = torch.nn.functional.interpolate(x, (height, width), mode="bilinear", antialias=True)
    top, left = (height - size) // 2, (width - size) // 2
    # The weights of the filter may sum to a little more than one.
    return x[..., top : top + size, left : left + size].clamp(0, 1).contiguous()


def _unpack_mnist(folder: Path) -> None:
    """Make `folder` hold the four sound files, and write nothing if it does already."""
    if not _damaged(folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # One process at a time: the next one finds the work done, and nobody else's temporary
        # file can be among the leftovers.
        with FileLock(folder.with_name("raw.lock"), timeout=_LOCK_SECONDS):
            for leftover in folder.glob(".*.part"):
                leftover.unlink()
            for name in _damaged(folder):
                _write_whole(folder / name, _unpacked(name))
    except OSError as error:
        raise DataError(
            f"Cannot unpack MNIST into {folder}: {error}. It needs {MNIST_MEGABYTES} MB of free "
            "space in a folder that you may write to: make room there, or set the environment "
            "variable ADVTUTOR_CACHE to another folder."
        ) from error


def _damaged(folder: Path) -> list[str]:
    """The names of the files in `folder` that are missing or not the original."""
    return [name for name, sha256 in MNIST_SHA256.items() if _sha256(folder / name) != sha256]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _unpacked(name: str) -> bytes:
    """The original bytes of one MNIST file, from the compressed one in the package."""
    packed = _PACKED / f"{name}.gz"
    try:
        content = gzip.decompress(packed.read_bytes())
        cause = "its content is not the original's"
    except (OSError, EOFError, zlib.error) as error:
        content, cause = b"", str(error)
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256[name]:
        raise DataError(
            f"The package's file {packed} is damaged or missing: {cause}. Install advtutor again; "
            "in a clone, `git checkout -- advtutor/assets` brings the file back."
        )
    return content


def _write_whole(target: Path, content: bytes) -> None:
    """Write a file that is there with all of its content or not at all."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _download(name: str) -> Iterable[Split]:
    """The train and test split of a data set that torchvision downloads into the cache."""
    from advtutor._torchvision import torchvision

    dataset, root = getattr(torchvision.datasets, name), cache_dir()
    try:
        return [_split(dataset(root, train=train, download=True)) for train in (True, False)]
    # A download that broke off earlier shows in whatever the parser meets first.
    except Exception as error:
        cause = " ".join(str(error).split())
        raise DataError(
            f"Cannot get {name} into {root}: {cause}. The first call needs a network; if there is "
            f"one, an earlier download may have broken off: delete the files of {name} in that "
            "folder and call again. The digits of mnist() need no network."
        ) from error
