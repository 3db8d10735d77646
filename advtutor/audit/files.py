"""The network and the pictures, read from files that may be broken, wrong or hostile."""

import importlib.util
import sys
import traceback
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from advtutor.audit.subject import one_line, refusal, refusing

PIXELS, BYTES = 50_000_000, 2_000_000_000  # the largest picture; all arrays of an .npz together
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}


def network(path: Path, name: str = "", weights: Path | None = None) -> nn.Module:
    """What `name` is or builds in the Python file at `path`, with `weights` if there are any.

    Without a name it is `model`, or the only network in the file. The file is run: do so in a
    process of its own. AuditError says in a sentence what is wrong.
    """
    defined = _run(path)
    networks = [each for each, value in defined.items() if _is_network(value)]
    alone = "model" not in defined and len(networks) == 1
    name = name or (networks[0] if alone else "model")
    if name not in defined:
        raise refusal("name", path=path, name=name, names=", ".join(networks) or "no network")
    chosen = defined[name]
    if not isinstance(chosen, nn.Module) and callable(chosen):
        with refusing(f"{name}() in {path} does not build"):
            chosen = chosen()
    if not isinstance(chosen, nn.Module):
        raise refusal("kind", path=path, name=name, kind=type(chosen).__name__)
    if weights is not None:
        hint = "give a state_dict of this network, in safetensors or from torch.save"
        with refusing(f"the weights {weights} cannot be loaded; {hint}"):
            safe = weights.suffix == ".safetensors"
            state = load_file(weights) if safe else torch.load(weights, "cpu", weights_only=True)
            chosen.load_state_dict(state)
    return chosen


def _is_network(value: object) -> bool:
    """Whether it is a network, or a class of networks that the audited file defines."""
    if isinstance(value, type):
        return issubclass(value, nn.Module) and value.__module__ == "audited"
    return isinstance(value, nn.Module)


def _run(path: Path) -> dict[str, Any]:
    """The names that the Python file at `path` defines."""
    spec = importlib.util.spec_from_file_location("audited", path.resolve())
    if spec is None or spec.loader is None or not path.is_file():
        raise refusal("file", path=path)
    module = sys.modules["audited"] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        came_through = traceback.extract_tb(error.__traceback__)
        lines = [step.lineno for step in came_through if step.filename == str(path.resolve())]
        line = getattr(error, "lineno", None) or (lines or [0])[-1]
        raise refusal("run", path=path, line=line, fault=one_line(error)) from error
    return vars(module)


def pictures(path: Path, limit: int, seed: int) -> tuple[Tensor, Tensor]:
    """Up to `limit` pictures `[N, C, H, W]` and their labels `[N]`, drawn by `seed`.

    `path` is an .npz with the arrays x and y, or a folder with a folder of pictures for each
    class. Bytes are divided by 255. Classes count in the order of the folders' names, or are
    those names where all are whole numbers.
    """
    if not path.exists():
        raise refusal("nowhere", path=path)
    generator = torch.Generator().manual_seed(seed)
    if path.is_file():
        x, y = _arrays(path)
        rows = torch.randperm(len(x), generator=generator)[:limit]
        return x[rows], y[rows]
    classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    numbered = all(p.name.isdecimal() for p in classes)
    found = [
        (file, int(folder.name) if numbered else i)
        for i, folder in enumerate(classes)
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise refusal("no-pictures", path=path)
    chosen = [found[i] for i in torch.randperm(len(found), generator=generator)[:limit].tolist()]
    read = [_picture(file) for file, _ in chosen]
    if any(len(each) == 3 for each in read):
        read = [each.expand(3, -1, -1) for each in read]
    for (file, _), each in zip(chosen, read, strict=True):
        if each.shape != read[0].shape:
            size, other = (f"{p.shape[2]} x {p.shape[1]} pixels" for p in (each, read[0]))
            raise refusal("sizes", file=file, size=size, first=chosen[0][0].name, other=other)
    return torch.stack(read), torch.tensor([label for _, label in chosen])


def _picture(file: Path) -> Tensor:
    """One picture, `[1, H, W]` if it is grey and else `[3, H, W]`, in [0, 1]."""
    with refusing(f"{file} is no picture that can be read"), Image.open(file) as opened:
        width, height = opened.size
        if width * height > PIXELS:
            raise refusal("large", file=file, width=width, height=height, most=PIXELS)
        deep = opened.mode.startswith("I")
        mode = opened.mode if deep else "L" if opened.mode in ("1", "L", "LA") else "RGB"
        pixels = torch.from_numpy(np.array(opened.convert(mode)).astype("float32"))
    pixels = pixels / (65535 if deep else 255)
    return pixels[None] if pixels.dim() == 2 else pixels.permute(2, 0, 1)


def _arrays(path: Path) -> tuple[Tensor, Tensor]:
    x, y = map(torch.from_numpy, arrays(path, "x", "y", limit=BYTES))
    if x.dim() == 3:
        x = x[:, None]
    elif x.dim() == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.permute(0, 3, 1, 2)
    return (x.float() / 255 if x.dtype == torch.uint8 else x.float()), y


def arrays(path: Path, *names: str, limit: int) -> list[np.ndarray]:
    """The arrays `names` of an .npz that unpacks to `limit` bytes at most; no pickle is read."""
    with refusing(f"{path} is no .npz that can be read"):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > limit:
            raise refusal("bytes", path=path, size=size, most=limit)
        with np.load(path, allow_pickle=False) as found:
            if not set(names) <= set(found.files):
                holds = ", ".join(found.files) or "nothing"
                raise refusal("arrays", path=path, found=holds, wanted=" and ".join(names))
            return [found[name] for name in names]
