"""The trained networks of the package: each is the one that its figures speak of."""

import hashlib
from functools import partial
from pathlib import Path

import pytest

import advtutor
from advtutor import attacks
from advtutor.claims.weights import FOLDER, pretrained, shipped_networks
from advtutor.data import mnist
from advtutor.evaluation import evaluate

ASSETS = Path(advtutor.__file__).parent / FOLDER


@pytest.mark.parametrize("name", list(shipped_networks()))
def test_a_shipped_network_measures_as_it_says(name: str) -> None:
    """Catches weights that are not those of the figures beside them, or a changed architecture."""
    network, model, test = shipped_networks()[name], pretrained(name), mnist().test
    assert hashlib.sha256((ASSETS / network.file).read_bytes()).hexdigest() == network.sha256
    attacked = evaluate(model, *test, partial(attacks.fgsm, eps=0.25, clip=None))
    assert network.n == attacked.n == 10_000
    assert evaluate(model, *test).error == pytest.approx(
        network.measured["clean error"], abs=0.0005
    )
    assert attacked.error == pytest.approx(network.measured["FGSM error"], abs=0.002)
    assert attacked.confidence_on_errors == pytest.approx(
        network.measured["FGSM confidence"], abs=0.002
    )


def test_the_weights_are_small_enough() -> None:
    """Catches a package that grows past what a class downloads."""
    folder = ASSETS.parent
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) < 12e6


def test_an_unknown_network_is_refused() -> None:
    """Catches a missing file in the place of a message that names what there is."""
    with pytest.raises(ValueError, match="maxout-adversarial"):
        pretrained("maxuot")
