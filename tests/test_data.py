"""The data module: the digits wherever it runs, downloads without a network, photos."""

import functools
import gzip
import hashlib
import http.server
import io
import os
import socket
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advtutor import data

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(data.__file__).parents[1]
TRAIN_IMAGES = "train-images-idx3-ubyte"


@pytest.fixture(autouse=True)
def unpacked_each_time(monkeypatch):
    """The function itself, which conftest.py calls once for all the other tests."""
    monkeypatch.setattr(data, "mnist", data.mnist.__wrapped__)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own."""
    monkeypatch.setenv("ADVTUTOR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder for this test's temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@pytest.fixture
def no_network(monkeypatch):
    """Every attempt to reach another machine fails, as on a machine without a network."""

    def refuse(*_, **__):
        raise OSError("the network is cut")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_mnist_is_the_original(no_network):
    """Catches wrong files, a wrong scale, shape or dtype, and labels that left their images."""
    digits = data.mnist()
    for split, n, prefix in ((digits.train, 60_000, "train"), (digits.test, 10_000, "t10k")):
        assert split.x.shape == (n, 1, 28, 28)
        assert split.x.dtype == torch.float32
        assert split.x.is_contiguous()
        assert split.y.shape == (n,)
        assert split.y.dtype == torch.int64
        assert (split.x.min(), split.x.max()) == (0, 1)
        packed = [
            data._PACKED / f"{prefix}-{kind}.gz"
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        pixels, labels = (gzip.decompress(path.read_bytes()) for path in packed)
        assert (split.x * 255).round().byte().numpy().tobytes() == pixels[16:]
        assert split.y.byte().numpy().tobytes() == labels[8:]
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert digits.test.y.bincount().tolist() == counts
    assert digits.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_repr_shows_shapes_not_pixels():
    """Catches a repr that fills a notebook with numbers."""
    split = data.Split(torch.zeros(2, 1, 28, 28), torch.zeros(2, dtype=torch.int64))
    assert repr(data.MNIST(split, split)) == (
        "MNIST(train=Split(x=float32[2, 1, 28, 28], y=int64[2]), "
        "test=Split(x=float32[2, 1, 28, 28], y=int64[2]))"
    )


def test_mnist_leaves_nothing_and_reads_nothing_else(cache, temporary):
    """Catches 55 MB that stay, and the digits of a torchvision folder that nobody checked."""
    (cache / "MNIST" / "raw").mkdir(parents=True)
    (cache / "MNIST" / "processed").mkdir()
    for name in data.MNIST_SHA256:
        (cache / "MNIST" / "raw" / name).write_bytes(b"damaged")
    for name in ("training.pt", "test.pt"):  # what old versions of torchvision keep, and read first
        torch.save((torch.zeros(1, 28, 28), torch.zeros(1)), cache / "MNIST" / "processed" / name)
    before = sorted(cache.rglob("*"))
    assert data.mnist().test.y.bincount()[0] == 980
    assert sorted(cache.rglob("*")) == before
    assert list(temporary.iterdir()) == []


def gzip_of_other_content(packed: bytes) -> bytes:
    return gzip.compress(bytes(100))


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:100_000],
        lambda packed: packed[:100_000] + b"\x00\xff" + packed[100_002:],
        lambda packed: b"<html>" + packed,
        gzip_of_other_content,
        None,
    ],
    ids=["truncated", "altered", "no gzip", "other content", "missing"],
)
def test_damaged_package_file_is_a_clear_error(temporary, tmp_path, monkeypatch, damage):
    """Catches damage that reaches the learner's tensors, or ends in an obscure zlib error."""
    name = f"{TRAIN_IMAGES}.gz"
    if damage:
        (tmp_path / name).write_bytes(damage((data._PACKED / name).read_bytes()))
    monkeypatch.setattr(data, "_PACKED", tmp_path)
    with pytest.raises(data.DataError, match="Install advtutor again") as raised:
        data.mnist()
    assert str(tmp_path / name) in str(raised.value)
    assert list(temporary.iterdir()) == []


def test_no_room_for_temporary_files_is_a_clear_error(temporary):
    """Catches a bare OSError that says neither how much room nor what to set."""
    temporary.rmdir()
    with pytest.raises(data.DataError, match=r"55 MB.*TMPDIR") as raised:
        data.mnist()
    assert str(temporary) in str(raised.value)
    assert isinstance(raised.value, RuntimeError)
    shown = "\n".join(raised.value._render_traceback_())  # what IPython shows
    assert shown == f"DataError: {raised.value}"


def test_a_full_disk_leaves_nothing_behind(temporary):
    """Catches half a file after a full disk, here a limit on the size of a file."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, limits[1]))
    try:
        with pytest.raises(data.DataError, match=r"too large.*55 MB"):
            data.mnist()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(temporary.iterdir()) == []


def test_cache_dir_follows_the_variable(monkeypatch, tmp_path):
    """Catches a variable that is ignored, taken literally with its ~, or honoured when empty."""
    monkeypatch.setenv("ADVTUTOR_CACHE", str(tmp_path))
    assert data.cache_dir() == tmp_path
    monkeypatch.setenv("ADVTUTOR_CACHE", "~/digits")
    assert data.cache_dir() == Path.home() / "digits"
    monkeypatch.setenv("ADVTUTOR_CACHE", "")
    assert "advtutor" in str(data.cache_dir())


def test_no_home_for_the_cache_is_a_clear_error(monkeypatch):
    """Catches a folder called ~ in the working directory, and a RuntimeError of pathlib's."""
    monkeypatch.delenv("ADVTUTOR_CACHE", raising=False)
    for found in ("~/.cache/advtutor", RuntimeError("no home")):  # older platformdirs, and newer

        def user_cache_dir(*_, found=found, **__):
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(data, "user_cache_dir", user_cache_dir)
        with pytest.raises(data.DataError, match="Set the environment variable ADVTUTOR_CACHE"):
            data.cifar10()


CIFAR_FOLDER, CIFAR_ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"
CIFAR_NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


@pytest.fixture
def cifar(monkeypatch):
    """The six files of a CIFAR-10 with three images in each, in the binary version's format."""
    records = np.random.default_rng(0).integers(0, 256, (6, 3, 3073), dtype=np.uint8)
    records[..., 0] = np.arange(18).reshape(6, 3) % 10
    return {name: r.tobytes() for name, r in zip(CIFAR_NAMES, records, strict=True)}


@pytest.fixture
def pack_cifar(monkeypatch):
    """Write the files as an archive whose sum is then the expected one."""

    def pack(path: Path, files: dict, *others: tarfile.TarInfo) -> None:
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(f"{CIFAR_FOLDER}/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            for other in others:
                tar.addfile(other)
        monkeypatch.setattr(data, "CIFAR10_MD5", hashlib.md5(path.read_bytes()).hexdigest())

    return pack


@pytest.fixture
def served(tmp_path, monkeypatch, cifar, pack_cifar):
    """The archive is to be had from a web server of this test's own."""
    pack_cifar(tmp_path / CIFAR_ARCHIVE, cifar)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{CIFAR_ARCHIVE}"
        monkeypatch.setattr(data, "CIFAR10_URL", address)
        yield tmp_path / CIFAR_ARCHIVE
        server.shutdown()


def left_in(cache: Path) -> set[str]:
    """All files in the cache but locks."""
    files = (p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock")
    return {str(p.relative_to(cache)) for p in files}


def assert_cifar(files: dict) -> None:
    """What is read holds every byte, pixel by pixel, in the order of the files."""
    images = data.cifar10()
    for split, names in ((images.train, CIFAR_NAMES[:5]), (images.test, CIFAR_NAMES[5:])):
        records = [b[i : i + 3073] for b in map(files.get, names) for i in range(0, 9219, 3073)]
        assert split.y.tolist() == [record[0] for record in records]
        assert split.y.dtype == torch.int64
        assert split.x.shape == (len(records), 3, 32, 32)
        assert split.x.dtype == torch.float32
        for x, record in zip(split.x, records, strict=True):
            for channel, row, column in ((0, 0, 1), (1, 2, 0), (2, 31, 30)):
                byte = record[1 + channel * 1024 + row * 32 + column]
                assert x[channel, row, column].item() == pytest.approx(byte / 255)


def test_cifar10_is_read_from_the_archive(cache, no_network, cifar, pack_cifar):
    """Catches mixed channels, rows taken for columns, splits in the wrong order, and members that
    are not ours on the disk."""
    pack_cifar(cache / CIFAR_ARCHIVE, cifar, tarfile.TarInfo("../evil.bin"))
    assert_cifar(cifar)
    assert left_in(cache) == {CIFAR_ARCHIVE}
    assert not (cache.parent / "evil.bin").exists()


def test_cifar10_is_downloaded_once(cache, cifar, served):
    """Catches a download at every call, and what a killed one left staying for good."""
    (cache / f".0.part-{CIFAR_ARCHIVE}").write_bytes(b"half")
    assert_cifar(cifar)
    assert left_in(cache) == {CIFAR_ARCHIVE}
    served.unlink()
    assert_cifar(cifar)


def test_cifar10_download_with_a_wrong_sum_leaves_nothing(cache, served, monkeypatch):
    """Catches a download that is not checked, or stays where the next call would find it."""
    monkeypatch.setattr(data, "CIFAR10_MD5", "0" * 32)
    with pytest.raises(data.DataError, match=r"corrupted.*put it there"):
        data.cifar10()
    assert left_in(cache) == set()


def test_cifar10_without_a_network_is_a_clear_error(cache, no_network):
    """Catches a long traceback where one sentence says what to bring and where to put it."""
    with pytest.raises(data.DataError, match=r"network is cut.*bring https://.*MD5 c32a") as raised:
        data.cifar10()
    assert str(cache) in str(raised.value)
    assert left_in(cache) == set()


def test_cifar10_archive_with_a_wrong_sum_is_refused(cache, no_network, cifar, pack_cifar):
    """Catches an archive that broke off and is trusted for its name."""
    pack_cifar(cache / CIFAR_ARCHIVE, cifar)
    whole = (cache / CIFAR_ARCHIVE).read_bytes()
    (cache / CIFAR_ARCHIVE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(data.DataError, match=r"is damaged, its MD5 sum is not.*deleted first"):
        data.cifar10()
    assert left_in(cache) == {CIFAR_ARCHIVE}


CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def copy(cache, monkeypatch):
    """A JPEG copy with a picture for each class: of that class's grey, with a red corner."""
    monkeypatch.setattr(data, "_CIFAR10_COUNTS", {"train": 10, "test": 10})
    for split in "train", "test":
        for number, name in enumerate(CLASSES):
            pixels = np.full((32, 32, 3), 20 * number, dtype=np.uint8)
            pixels[:16, 16:] = 255, 0, 0
            folder = cache / "CIFAR-10-images" / split / name
            folder.mkdir(parents=True)
            Image.fromarray(pixels).save(folder / "0000.jpg", quality=95)
    return cache / "CIFAR-10-images"


def test_a_jpeg_copy_of_cifar10_is_read_as_the_original_is_numbered(copy):
    """Catches classes in another order, mixed channels, and rows taken for columns."""
    for split in data.cifar10_jpeg():
        assert split.y.tolist() == list(range(10)) and split.x.shape == (10, 3, 32, 32)
        grey = torch.arange(10)[:, None] * 20 / 255
        assert (split.x[:, :, 28, 4] - grey).abs().max() < 0.05
        assert (split.x[:, :, 4, 28] - torch.tensor([1.0, 0, 0])).abs().max() < 0.15


def test_a_jpeg_copy_that_is_not_whole_is_refused(copy):
    """Catches results on some of the pictures."""
    (copy / "train" / "frog" / "0000.jpg").rename(copy / "frog.jpg")
    with pytest.raises(data.DataError, match=r"JPEG copy.*Clone https://"):
        data.cifar10_jpeg()
    (copy / "frog.jpg").rename(copy / "train" / "frog" / "0000.jpg")
    (copy / "test" / "cat" / "0000.jpg").write_bytes(b"no picture")
    with pytest.raises(data.DataError, match=r"JPEG copy.*Clone https://"):
        data.cifar10_jpeg()


def test_a_jpeg_copy_never_passes_for_the_original(copy, no_network):
    """Catches results of the copy under the original's name, also if it is packed as that is."""
    with pytest.raises(data.DataError, match="Cannot get CIFAR-10"):
        data.cifar10()
    split = data.cifar10_jpeg().train
    pixels = (split.x * 255).round().byte().flatten(1)
    records = torch.cat([split.y.byte()[:, None], pixels], dim=1).numpy().tobytes()
    with tarfile.open(copy.parent / CIFAR_ARCHIVE, "w:gz") as tar:
        for name in CIFAR_NAMES:
            member = tarfile.TarInfo(f"{CIFAR_FOLDER}/{name}")
            member.size = len(records)
            tar.addfile(member, io.BytesIO(records))
    with pytest.raises(data.DataError, match="its MD5 sum is not"):
        data.cifar10()


def test_cifar10_that_breaks_off_while_writing_leaves_no_half_file(cache, served, monkeypatch):
    """Catches half a file under the real name, or a temporary one that stays."""

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(data.DataError, match=r"no space left.*170 MB"):
        data.cifar10()
    assert left_in(cache) == set()


@pytest.mark.parametrize("name", data.PHOTOS)
@pytest.mark.parametrize("size", [224, 97])
def test_photo_has_the_promised_form(no_network, name, size):
    """Catches a grey photo with one channel, a stretched or uncut one, and bytes as pixels."""
    x = data.photo(name, size)
    assert x.shape == (1, 3, size, size)
    assert x.dtype == torch.float32
    assert 0 <= x.min() < 0.2
    assert 0.7 < x.max() <= 1
    assert torch.equal(x[:, 0], x[:, 1]) == (name == "camera")


def test_photo_is_cut_from_the_middle():
    """Catches a crop from a corner, and height taken for width."""
    import skimage.data

    coffee = torch.tensor(skimage.data.coffee())
    expected = coffee[:, 100:500].permute(2, 0, 1) / 255
    assert torch.allclose(data.photo("coffee", 400)[0], expected, atol=1e-6)


def test_photo_is_resized_with_antialiasing():
    """Catches a resize that skips pixels; Pillow's bilinear filter is the oracle."""
    import skimage.data

    small = np.asarray(Image.fromarray(skimage.data.camera()).resize((64, 64), Image.BILINEAR))
    assert abs(data.photo("camera", 64)[0, 0].numpy() * 255 - small).max() < 1.5


def test_unknown_photo_offers_the_known_ones():
    """Catches an AttributeError of scikit-image's, or a call of any function it has."""
    with pytest.raises(ValueError, match=r"name='download_all'.*'camera', 'chelsea', 'coffee'"):
        data.photo("download_all")


@pytest.mark.parametrize("size", [0, -3, 2.5, "224", True])
def test_photo_refuses_a_bad_size(size):
    """Catches an obscure error of the resizing function."""
    with pytest.raises(ValueError, match=r"size=.*positive integer"):
        data.photo("camera", size)


def test_photo_without_scikit_image_says_what_to_install(monkeypatch):
    """Catches a bare ImportError."""
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(data.DataError, match="pip install --force-reinstall scikit-image"):
        data.photo("camera")


def test_imagenet_classes_are_in_order(no_network):
    """Catches sorted names, and names of another weights file."""
    names = data.imagenet_classes()
    assert len(names) == 1000
    some = {0: "tench", 593: "harmonica", 872: "tripod", 967: "espresso", 999: "toilet tissue"}
    assert {i: names[i] for i in some} == some
