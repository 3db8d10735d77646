"""Make the trained networks of the package again, from their recipes.

python -m tools.ledger.weights              about 7 minutes on two cores
python -m tools.ledger.weights --store DIR  takes networks that `advtutor reproduce` left there
"""

import argparse
import hashlib
import json
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from tqdm import tqdm

import advtutor
from advtutor import attacks
from advtutor.claims.experiments.table import RECIPES
from advtutor.claims.trained import trained
from advtutor.claims.weights import FOLDER
from advtutor.data import mnist
from advtutor.evaluation import evaluate

NETWORKS = {
    "maxout": RECIPES["short"],
    "maxout-adversarial": RECIPES["short, adversarial, 24 epochs"],
}
SEED = 0
DEFAULT_STORE = Path("build/networks")


def main() -> None:
    """Train what is not in the store, and write the weights with their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="trained networks")
    store = parser.parse_args().store
    folder = Path(advtutor.__file__).parent / FOLDER
    folder.mkdir(exist_ok=True)
    digits, index = mnist(), {}
    fgsm = partial(attacks.fgsm, eps=0.25, clip=None)
    for name, recipe in tqdm(NETWORKS.items()):
        model = trained(recipe, SEED, digits.train, store=store).model.half()
        path = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
        model.float()
        attacked = evaluate(model, *digits.test, fgsm)
        index[name] = {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "seed": SEED,
            "recipe": recipe.as_data(),
            "measured": {
                "clean error": evaluate(model, *digits.test).error,
                "FGSM error": attacked.error,
                "FGSM confidence": round(attacked.confidence_on_errors, 4),
            },
            "n": attacked.n,
        }
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.manual_seed(SEED)
    main()
