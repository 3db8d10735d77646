"""Pack the four original MNIST files into the package.

python -m tools.ledger.pack_mnist SOURCE_DIR

SOURCE_DIR holds the uncompressed IDX files. Each is checked against its SHA-256 sum before anything
is written; the same compressor then always gives the same bytes.
"""

import argparse
import gzip
import hashlib
from pathlib import Path

from advtutor.data import MNIST_SHA256

ASSETS = Path(__file__).resolve().parents[2] / "advtutor" / "assets" / "mnist"


def read_originals(source: Path) -> dict[str, bytes]:
    """The content of the four files; SystemExit if one is missing or not the original."""
    originals = {}
    for name, expected in MNIST_SHA256.items():
        path = source / name
        if not path.is_file():
            raise SystemExit(f"{path} is missing: SOURCE_DIR must hold the four unpacked files")
        originals[name] = path.read_bytes()
        found = hashlib.sha256(originals[name]).hexdigest()
        if found != expected:
            raise SystemExit(f"{path} is not the original: SHA-256 {found}, expected {expected}")
    return originals


def pack(source: Path, target: Path = ASSETS) -> list[Path]:
    """Write the compressed files into `target` and return their paths."""
    originals = read_originals(source)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in originals.items():
        path = target / f"{name}.gz"
        # No time stamp and no file name inside, so that a second run changes nothing.
        path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
        written.append(path)
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pack the original MNIST files into the package.")
    parser.add_argument("source", type=Path, metavar="SOURCE_DIR")
    for path in pack(parser.parse_args().source):
        print(f"{path.stat().st_size:>10,} bytes  {path}")
