"""The paper's experiments: what their numbers mean, on models whose answer is known."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advtutor import data, models
from advtutor.claims import experiments
from advtutor.claims.experiments import EXPERIMENTS, Ensemble, Run
from advtutor.claims.trained import Trained
from advtutor.data import CIFAR10, Split


def a_run(**networks) -> Run:
    return Run(0, networks, Path("unused"))


class Sure(nn.Module):
    """Gives class 0 the probability `p`, whatever it sees."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rest = torch.full((len(x), 9), (1 - self.p) / 9)
        return torch.cat([torch.full((len(x), 1), self.p), rest], dim=1).log()

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.softmax(dim=1)


def test_rubbish_counts_what_is_taken_for_a_digit_with_more_than_half() -> None:
    """Catches a threshold that is not a half, and a mean over the pictures that were not taken."""
    taken = experiments._on_rubbish(Sure(0.9), a_run())
    assert taken == {
        "rubbish error": 1.0,
        "rubbish confidence": pytest.approx(0.9, abs=1e-5),
    }
    assert experiments._on_rubbish(Sure(0.4), a_run()) == {"rubbish error": 0.0}


def test_the_ensemble_averages_probabilities() -> None:
    """Catches a mean of logits, or a sum that is no probability."""
    members = [models.SoftmaxRegression(seed=seed) for seed in range(3)]
    x = torch.rand(5, 1, 28, 28)
    mean = torch.stack([m(x).softmax(dim=1) for m in members]).mean(dim=0)
    torch.testing.assert_close(Ensemble(members)(x).softmax(dim=1), mean)


def test_a_linear_model_is_straight_along_the_line() -> None:
    """Catches a line that bends by itself, or a class that counts as wrong when it is right."""
    torch.manual_seed(0)
    model = models.SoftmaxRegression()
    test = Split(torch.rand(4, 1, 28, 28), torch.tensor([0, 1, 2, 3]))
    seen = experiments._along_the_line(model, test, count=4)
    assert seen["R2 of the logits on either side"] == pytest.approx(1, abs=1e-6)
    assert seen["share with one wrong class from 5 to 10"] == 1.0

    class Loyal(nn.Module):  # whoever it attacks, it goes on seeing the true class
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * x.flatten(1)[:, :10] + torch.eye(10)[0] * 9

    loyal = Split(test.x, torch.zeros(4, dtype=torch.int64))
    with pytest.warns(UserWarning):  # no gradient arrives
        seen = experiments._along_the_line(Loyal(), loyal, count=4)
    assert seen["share with one wrong class from 5 to 10"] == 0.0


def test_concentration_is_that_of_the_strongest_tenth() -> None:
    """Catches a share of absolute in the place of squared weights, or a mean over all pixels."""
    spread, one_spot = torch.ones(2, 100), torch.zeros(2, 100)
    one_spot[:, 7] = 3.0
    assert experiments._concentration(spread) == pytest.approx(0.1)
    assert experiments._concentration(one_spot) == 1.0


def test_growth_knows_the_two_exponents() -> None:
    """Catches exponents that are exchanged, and an identity that does not hold."""
    numbers = experiments.growth(a_run())
    assert numbers["exponent of the aligned step"] == pytest.approx(1, abs=0.01)
    assert numbers["exponent of the random step"] == pytest.approx(0.5, abs=0.02)
    assert numbers["largest deviation from the identity"] < 1e-12


@pytest.mark.parametrize(
    "form", [models.RBF(20, 3), models.IsotropicRBF(20, 3), models.LowRankRBF(2, 20, 3)]
)
def test_each_form_of_the_rbf_network_is_a_bell(form: nn.Module) -> None:
    """Catches a form whose probability does not fall from its centre to nothing."""
    gaussians = form.layers[1]
    centre = gaussians.centres.detach()
    at, far = centre.reshape(3, 1, 4, 5), centre.reshape(3, 1, 4, 5) + 100
    with torch.no_grad():
        near = form.probabilities(form(at)).diagonal()
        away = form.probabilities(form(far))
    assert (near > 0.99).all() and (away < 1e-6).all()


def test_a_low_rank_form_computes_its_formula() -> None:
    """Catches a square that was multiplied out wrongly."""
    form = models.LowRankRBF(2, 20, 3)
    g = form.layers[1]
    x = torch.rand(4, 1, 4, 5)
    gap = x.flatten(1)[:, None] - g.centres  # [N, K, inputs]
    seen = torch.einsum("nki,kri->nkr", gap, g.factors)
    distance = g.log_width.exp() * gap.square().sum(dim=2) + seen.square().sum(dim=2)
    torch.testing.assert_close(form.probabilities(form(x)), (-distance).exp(), rtol=1e-4, atol=1e-5)


def test_the_brighter_network_sees_less_light_in_training_only() -> None:
    """Catches pixels that are made up for, hidden units that are not, and another first network."""
    brighter, usual = models.BrighterMaxout(8, 3), models.Maxout(8, 3)
    x = torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(brighter.eval()(x), usual.eval()(x), rtol=1e-5, atol=0)
        torch.manual_seed(0)
        dimmer = brighter.train()(x)
        torch.manual_seed(0)
        torch.testing.assert_close(dimmer, usual.train()(0.8 * x), rtol=1e-3, atol=0)
    pixels = brighter.layers[1]
    assert pixels(torch.ones(1000)).unique().tolist() == [0.0, 1.0]


def test_the_brighter_rows_are_measured_one_by_one(tmp_path: Path) -> None:
    """Catches rows that are measured on another network, or sigmoids under a softmax's loss."""
    small = {"units": 8, "pieces": 2}
    recipes = {
        name: replace(recipe, epochs=1, examples=500, options={**recipe.options, **small})
        for name, recipe in EXPERIMENTS["brighter"].networks.items()
    }
    run = Run(0, recipes, tmp_path)
    numbers = experiments.brighter(run)
    sigmoids = experiments._errors(run.network("sigmoids"), run.test, models.binary_cross_entropy)
    assert {key: numbers[f"{key}, sigmoids"] for key in sigmoids} == sigmoids
    sign = experiments._errors(run.network("sign noise"), run.test)
    assert numbers["FGSM confidence, sign noise"] == sign["FGSM confidence"]
    assert len(numbers) >= 5 * 6


def test_what_is_told_after_a_longer_training_is_of_the_longer_one(monkeypatch) -> None:
    """Catches the confidences or the agreement of the shorter training under the longer's name."""
    networks = EXPERIMENTS["longer"].networks | EXPERIMENTS["logistic"].networks
    monkeypatch.setattr(Run, "network", lambda run, name: networks[name])
    monkeypatch.setattr(experiments, "_errors", lambda of, *_: {"epochs": of.epochs})
    monkeypatch.setattr(experiments, "_on_rubbish", lambda *_: {})
    monkeypatch.setattr(
        experiments, "_transfer", lambda a, b, _: {"from, to": (a.epochs, b.epochs)}
    )
    monkeypatch.setattr(experiments, "_agreement", lambda of, run: {"agreement": of.epochs})
    monkeypatch.setattr(experiments, "evaluate", lambda of, *_: Namespace(error=of.epochs))
    assert experiments.longer(a_run(**EXPERIMENTS["longer"].networks)) == {
        "epochs, maxout": 48,
        "epochs, adversarial": 60,
        "epochs, sign noise": 48,
        "epochs, uniform noise": 48,
        "from, to": (48, 60),
        "agreement": 48,
    }
    logistic = experiments.logistic(a_run(**EXPERIMENTS["logistic"].networks))
    assert logistic == {"epochs": 10, "clean error, 40 epochs": 40}


def test_agreement_is_counted_among_what_both_misread(monkeypatch) -> None:
    """Catches a share of all digits, or of what one of the two misreads, and forms exchanged."""
    y = torch.zeros(8, dtype=torch.int64)
    classes = {
        "maxout": torch.tensor([1, 1, 1, 1, 1, 2, 0, 0]),
        "RBF, 1 epoch": torch.tensor([1, 1, 2, 2, 0, 0, 1, 0]),
        "RBF": torch.tensor([1, 0, 0, 0, 0, 2, 0, 0]),
    }
    error = {"RBF, 1 epoch": 0.1, "RBF": 0.2}

    def fgsm(loss=None):
        return lambda *_: "made for maxout" if loss is None else loss

    def evaluate(name: str, x: Tensor, y: Tensor, made=None) -> Namespace:
        own = made and made() is models.binary_cross_entropy
        return Namespace(
            error=error[name] + (0.5 if own else 0), confidence_on_errors=10 * error[name]
        )

    monkeypatch.setattr(Run, "network", lambda run, name: name)
    monkeypatch.setattr(Run, "test", Split(torch.zeros(8, 1), y))
    monkeypatch.setattr(experiments, "_fgsm", fgsm)
    monkeypatch.setattr(experiments, "_classes", lambda name, of: classes[name])
    monkeypatch.setattr(experiments, "evaluate", evaluate)
    assert experiments.rbf_forms(a_run(**dict.fromkeys(classes))) == {
        "clean error, 1 epoch": 0.1,
        "FGSM error, 1 epoch": 0.6,
        "FGSM confidence, 1 epoch": 1,
        "maxout's examples misread, 1 epoch": pytest.approx(4 / 6),
        "maxout's class seen, 1 epoch": pytest.approx(2 / 6),
        "maxout's class seen, both wrong, 1 epoch": 2 / 4,
        "clean error": 0.2,
        "FGSM error": 0.7,
        "FGSM confidence": 2,
        "maxout's examples misread": pytest.approx(2 / 6),
        "maxout's class seen": pytest.approx(2 / 6),
        "maxout's class seen, both wrong": 1,
    }


def test_each_size_is_measured_between_its_own_two_networks(tmp_path: Path, monkeypatch) -> None:
    """Catches a pair of two sizes, and a number under the name of another size."""
    networks = EXPERIMENTS["sizes"].networks
    monkeypatch.setattr(Run, "network", lambda run, name: networks[name])
    monkeypatch.setattr(experiments, "evaluate", lambda recipe, *_: Namespace(error=recipe.epochs))
    monkeypatch.setattr(
        experiments,
        "_transfer",
        lambda *pair: {"pair": [(of.objective, of.options["units"], of.epochs) for of in pair[:2]]},
    )
    numbers = experiments.sizes(Run(0, networks, tmp_path))
    assert numbers == {
        f"{key}, {units} units{remark}": value
        for sizes, epochs, remark in (
            ((60, 120, 480), 24, ""),
            ((240, 480, 1600), 12, ", half as long"),
        )
        for units in sizes
        for key, value in {
            "FGSM error": epochs,
            "pair": [("clean", units, epochs / 2), ("adversarial", units, epochs)],
        }.items()
    }


def test_a_transfer_is_the_error_of_the_one_that_reads() -> None:
    """Catches the two directions exchanged, and an error of the one that is attacked."""
    test = Split(torch.rand(8, 1, 28, 28), torch.ones(8, dtype=torch.int64))
    always_wrong, always_right = Sure(0.9), models.SoftmaxRegression()
    with torch.no_grad():
        always_right.linear.bias[1] = 1e6
    with pytest.warns(UserWarning):  # no gradient arrives
        passed = experiments._transfer(always_wrong, always_right, test)
    assert passed == {
        "error on examples made for the usual network": 0.0,
        "usual network's error on its examples": 1.0,
    }


@pytest.mark.parametrize(
    ("length", "shown"), [(6, [1, 2, 3, 4, 5, 6]), (14, [2, 4, 6, 8, 10, 12, 14])]
)
def test_the_best_epoch_is_counted_from_one(length: int, shown: list[int], monkeypatch) -> None:
    """Catches an epoch too early, one of training in the place of held-out error, and a gap."""
    error = [abs(epoch - 5) / 10 for epoch in range(1, length + 1)]  # least after the fifth
    epochs = [{"loss": -e, "FGSM error": e, "clean error": e / 10} for e in error]
    monkeypatch.setattr(Run, "trained", lambda run, name: Trained(nn.Identity(), epochs))
    numbers = experiments.stopped(a_run())
    assert (numbers["best epoch"], numbers["epochs"]) == (5, length)
    assert numbers["held-out FGSM error"] == 0
    for kind, part in (("FGSM", 10), ("clean", 100)):
        of = {n: numbers.pop(f"held-out {kind} error after {n}") for n in shown}
        assert of == {n: pytest.approx(abs(n - 5) / part) for n in shown}
    assert len(numbers) == 3


def test_cifars_rows_are_measured_where_its_images_are(tmp_path: Path, monkeypatch) -> None:
    """Catches an experiment that was written and never ran: here on images that are made up."""
    generator = torch.Generator().manual_seed(0)
    images = Split(torch.rand(40, 3, 32, 32, generator=generator), torch.arange(40) % 10)
    monkeypatch.setattr(data, "cifar10", lambda: CIFAR10(images, images))
    small = {"channels": (4, 4, 4), "units": 8}
    real = EXPERIMENTS["cifar"]
    recipe = replace(real.networks["conv"], epochs=1, options=small)
    numbers = real.measure(Run(0, {"conv": recipe}, tmp_path))
    assert set(numbers) >= {
        "clean error",
        "FGSM error",
        "FGSM confidence",
        "rubbish error",
        "fooling success",
    }
    assert numbers["fooling success"] > 0.1, "one step towards a class reaches no class"
