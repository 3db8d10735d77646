"""Attacks against those of other libraries, on trained networks (the extra `peers`)."""

import os
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load
from torch import Tensor, nn

from advtutor import attacks, data, live
from advtutor.checks import defences
from advtutor.models import ConvNet

if os.environ.get("ADVTUTOR_PEERS") == "required":  # in CI nothing is skipped
    import foolbox
    import torchattacks
else:
    foolbox = pytest.importorskip("foolbox", reason="not installed: make peers")
    torchattacks = pytest.importorskip("torchattacks", reason="not installed: make peers")


@pytest.fixture(scope="module")
def digits() -> data.MNIST:
    return data.mnist()


@pytest.fixture(scope="module")
def undefended() -> nn.Module:
    return defences.network("usual")


@pytest.fixture(scope="module")
def fgsm_trained() -> nn.Module:
    return defences.network("hardened")


@pytest.fixture(scope="module")
def pgd_trained() -> nn.Module:
    model = ConvNet()
    model.load_state_dict(load(live.networks()["hardened"]))
    return model.eval()


class Saturated(nn.Module):
    """Logits so large that cross-entropy has no gradient left."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return 400 * self.model(x)


class Rounded(Saturated):
    """Pixels in eight steps: a layer whose derivative is zero wherever it has one."""

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x * 8).round() / 8)


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(dim=1) != y).float().mean())


@pytest.mark.parametrize("eps", [0.1, 0.25])
def test_fgsm_is_theirs_bit_for_bit(undefended: nn.Module, digits: data.MNIST, eps: float) -> None:
    """Catches any other rounding, clipping or sign than the well-known libraries'."""
    x, y = digits.test.x[:512], digits.test.y[:512]
    ours = attacks.fgsm(undefended, x, y, eps)
    assert torch.equal(ours, torchattacks.FGSM(undefended, eps=eps)(x, y))
    fmodel = foolbox.PyTorchModel(undefended, bounds=(0, 1), device="cpu")
    fast_gradient = foolbox.attacks.LinfFastGradientAttack()
    assert torch.equal(ours, fast_gradient(fmodel, x, y, epsilons=eps)[1])


def test_pgd_breaks_as_many_as_theirs(undefended: nn.Module, digits: data.MNIST) -> None:
    """Catches one step less, or a ball or a step of another size, than asked for."""
    x, y = digits.test.x[:500], digits.test.y[:500]
    settings = {"steps": 7, "random_start": False}
    ours = attacks.pgd(undefended, x, y, 0.1, step_size=0.02, **settings)
    theirs = torchattacks.PGD(undefended, eps=0.1, alpha=0.02, **settings)(x, y)
    assert 0.4 < error(undefended, ours, y) < 0.95
    assert abs(error(undefended, ours, y) - error(undefended, theirs, y)) <= 0.002 + 1e-6


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
@pytest.mark.parametrize(
    ("name", "wrap", "eps", "n"),
    [
        ("fgsm_trained", lambda model: model, 0.15, 25),
        ("pgd_trained", lambda model: model, 0.3, 40),
        ("undefended", Saturated, 0.08, 25),
        ("undefended", Rounded, 0.15, 40),
    ],
    ids=["trained by FGSM", "trained by PGD", "saturated logits", "no derivative"],
)
def test_worst_case_finds_what_autoattack_finds(
    request: pytest.FixtureRequest,
    digits: data.MNIST,
    name: str,
    wrap: Callable[[nn.Module], nn.Module],
    eps: float,
    n: int,
) -> None:
    """Catches an ensemble that a masked gradient deceives, and one that stops too early."""
    model = wrap(request.getfixturevalue(name))
    x, y = digits.test.x[:n], digits.test.y[:n]
    g = torch.Generator().manual_seed(0)
    ours = error(model, attacks.worst_case(model, x, y, eps, generator=g), y)
    theirs = error(model, torchattacks.AutoAttack(model, eps=eps, seed=0)(x, y), y)
    assert theirs > 0.05
    by_chance = 1 if wrap is Rounded else 0  # there both search at random
    assert ours >= theirs - (by_chance + 0.5) / n
