"""The paper's experiments: what their numbers mean, on models whose answer is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advtutor import attacks, data, models
from advtutor.claims import paper_claims
from advtutor.claims.experiments import (
    EXPERIMENTS,
    Run,
    digits,
    section_3,
    section_5,
    section_6,
    section_7,
    section_8,
)
from advtutor.claims.experiments.section_9 import Ensemble
from advtutor.claims.experiments.table import TABLE
from advtutor.claims.trained import Recipe, Trained
from advtutor.data import CIFAR10, Split


class Given(Run):
    """A run whose networks are given, and not trained; of 40 digits unless told."""

    given: Mapping[str, nn.Module]
    digits: Split | None = None

    def network(self, name: str, seed: int | None = None) -> nn.Module:
        return self.given[name]

    @property
    def test(self) -> Split:
        return self.digits or Split(*(part[:40] for part in data.mnist().test))


def a_run(networks: Mapping[str, nn.Module], digits: Split | None = None) -> Given:
    """A run with these networks, on these digits."""
    recipes = {
        name: Recipe(type(model).__name__, 1, 0.1, objective="yes or no" if _sure(model) else "")
        for name, model in networks.items()
    }
    run = Given(0, recipes, Path("unused"))
    object.__setattr__(run, "given", networks)
    object.__setattr__(run, "digits", digits)
    return run


def _sure(model: nn.Module) -> bool:
    return isinstance(model, models.Sigmoids | models.RBF)


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
    run = a_run({"sure": Sure(0.9), "not_sure": Sure(0.4)})
    assert digits.rubbish(run, "sure") == {
        "rubbish_error": 1.0,
        "rubbish_confidence": pytest.approx(0.9, abs=1e-5),
    }
    assert digits.rubbish(run, "not_sure") == {"rubbish_error": 0.0}


def test_each_network_is_attacked_by_way_of_its_own_loss() -> None:
    """Catches sigmoids under a softmax's loss, and a network measured under another's name."""
    inner = models.MLP((16,), seed=1)
    run = a_run({"plain": inner, "sigmoids": models.Sigmoids(inner)})
    found = {name: digits.errors(run, name) for name in run.given}
    own = attacks.fgsm(
        run.given["sigmoids"], *run.test, 0.25, clip=None, loss=models.binary_cross_entropy
    )
    theirs = attacks.fgsm(inner, *run.test, 0.25, clip=None)
    assert not torch.equal(own, theirs)
    for name, made in (("plain", theirs), ("sigmoids", own)):
        wrong = inner(made).argmax(dim=1) != run.test.y
        assert found[name]["fgsm_error"] == pytest.approx(wrong.float().mean().item())
    clipped = (inner(theirs.clamp(0, 1)).argmax(dim=1) != run.test.y).float().mean()
    assert found["plain"]["clipped_fgsm_error"] == pytest.approx(clipped.item())
    clean = (inner(run.test.x).argmax(dim=1) != run.test.y).float().mean()
    assert found["plain"]["clean_error"] == pytest.approx(clean.item())


def test_the_ensemble_averages_probabilities() -> None:
    """Catches a mean of logits, or a sum that is no probability."""
    members = [models.SoftmaxRegression(seed=seed) for seed in range(3)]
    x = torch.rand(5, 1, 28, 28)
    mean = torch.stack([m(x).softmax(dim=1) for m in members]).mean(dim=0)
    torch.testing.assert_close(Ensemble(members)(x).softmax(dim=1), mean)


def test_a_wrong_class_that_stays_is_counted() -> None:
    """Catches a line that bends by itself, or a class that counts as wrong when it is right."""
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    run = a_run({"linear": models.SoftmaxRegression()}, Split(x, torch.tensor([0, 1, 2, 3])))
    assert section_8.line(run, "linear") == {"one_wrong_class": 1.0}

    class Loyal(nn.Module):  # whoever it attacks, it goes on seeing the true class
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * x.flatten(1)[:, :10] + torch.eye(10)[0] * 9

    run = a_run({"loyal": Loyal()}, Split(x, torch.zeros(4, dtype=torch.int64)))
    with pytest.warns(UserWarning):  # no gradient arrives
        assert section_8.line(run, "loyal") == {"one_wrong_class": 0.0}


def test_straightness_tells_a_line_from_a_curve() -> None:
    """Catches a row that cannot fail: what bends within the step is not straight."""
    test = Split(torch.rand(4, 1, 28, 28), torch.tensor([0, 1, 2, 3]))
    linear = models.SoftmaxRegression()
    found = section_8.straight(a_run({"linear": linear}, test), "linear")
    assert found["r2"] == pytest.approx(1, abs=1e-4)

    class Bent(nn.Module):  # turns back in the middle of the step
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = linear(x)
            return logits - 8 * (x - test.x[:1]).square().mean(dim=(1, 2, 3))[:, None] * 30

    one = Split(test.x[:1], test.y[:1])
    assert section_8.straight(a_run({"bent": Bent()}, one), "bent")["r2"] < 0.95


def test_concentration_is_that_of_the_strongest_tenth() -> None:
    """Catches a share of absolute in the place of squared weights, or a mean over all pixels."""
    spread, one_spot = torch.ones(2, 100), torch.zeros(2, 100)
    one_spot[:, 7] = 3.0
    assert section_6.in_a_tenth(spread) == pytest.approx(0.1)
    assert section_6.in_a_tenth(one_spot) == 1.0


def test_growth_knows_the_two_exponents() -> None:
    """Catches exponents that are exchanged, and an identity that does not hold."""
    units = section_3.growth(a_run({}))
    assert units["aligned_exponent"] == pytest.approx(1, abs=0.01)
    assert units["random_exponent"] == pytest.approx(0.5, abs=0.02)
    assert units["deviation"] < 1e-12


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
    assert form(at).isfinite().all() and (near > 0.99).all() and (away < 1e-6).all()


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
        torch.testing.assert_close(brighter.eval()(x), usual.eval()(x), rtol=1e-5, atol=1e-9)
        torch.manual_seed(0)
        dimmer = brighter.train()(x)
        torch.manual_seed(0)
        torch.testing.assert_close(dimmer, usual.train()(0.8 * x), rtol=1e-3, atol=1e-9)
    pixels = brighter.layers[1]
    assert pixels(torch.ones(1000)).unique().tolist() == [0.0, 1.0]


class Reads(nn.Module):
    """Gives the digits of a run the classes that it was told, whatever is done to them.

    It has a gradient, and knows a digit by its first pixel, far from all that an attack moves.
    """

    def __init__(self, classes: list[int]) -> None:
        super().__init__()
        self.classes = torch.tensor(classes)
        self.slope = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        at = (x[:, 0, 0, 0] / 100).round().long()
        logits = 9 * nn.functional.one_hot(self.classes[at], 10).float()
        return logits + 1e-6 * x.flatten(1).sum(dim=1, keepdim=True) * torch.arange(10)


def known(networks: Mapping[str, list[int]]) -> Given:
    """A run on digits that are all a 0, and are known by their first pixel."""
    x = torch.zeros(8, 1, 28, 28)
    x[:, 0, 0, 0] = 100 * torch.arange(8)
    readers = {name: Reads(read) for name, read in networks.items()}
    return a_run(readers, Split(x, torch.zeros(8, dtype=torch.int64)))


MAXOUT = [1, 1, 1, 1, 1, 2, 0, 0]  # errs on six of eight


def test_agreement_is_counted_among_what_both_misread() -> None:
    """Catches a share of all digits, or of what one of the two misreads, and names exchanged."""
    softmax, rbf = [1, 1, 2, 2, 0, 0, 1, 0], [1, 0, 2, 0, 0, 2, 1, 0]
    agreement = EXPERIMENTS["agreement"]
    found = agreement.measure(known({"maxout": MAXOUT, "softmax": softmax, "RBF": rbf}))
    assert [*found["softmax"].values()] == [pytest.approx(2 / 6), 2 / 4]
    assert [*found["RBF"].values()] == [pytest.approx(2 / 6), pytest.approx(2 / 3)]
    assert [*found["softmax and RBF"].values()] == [1.0, 1.0]
    other = agreement.measure(known({"maxout": MAXOUT, "softmax": softmax, "RBF": [3] * 8}))
    assert other["softmax and RBF"]["made_for_maxout"] == 0.0


def test_the_forms_of_the_rbf_network_are_read_one_by_one() -> None:
    """Catches a share of all digits, or of what one of the two misreads, and forms exchanged."""
    networks = {"maxout": MAXOUT, "RBF, 1 epoch": [1, 1, 2, 2, 0, 0, 1, 0], "RBF": [1] + 7 * [0]}
    parts = {name: EXPERIMENTS["RBF-forms"].parts[name] for name in ("RBF, 1 epoch", "RBF")}
    found = replace(EXPERIMENTS["RBF-forms"], parts=parts).measure(known(networks))
    names = ("misread", "maxouts_class", "maxouts_class_both_wrong", "clean_error")
    early, usual = ([found[form][name] for name in names] for form in parts)
    assert early == [pytest.approx(4 / 6), pytest.approx(2 / 6), 2 / 4, 5 / 8]
    assert usual == [pytest.approx(1 / 6), pytest.approx(1 / 6), 1.0, 1 / 8]


def test_the_forms_own_examples_climb_ten_answers() -> None:
    """Catches a form attacked by way of the softmax that it does not have."""
    rbf = models.RBF(seed=3)
    run = a_run({"maxout": models.MLP((8,)), "RBF": rbf})
    own = attacks.fgsm(rbf, *run.test, 0.25, clip=None, loss=models.binary_cross_entropy)
    wrong = (rbf(own).argmax(dim=1) != run.test.y).float().mean().item()
    assert section_7.form(run, "maxout", "RBF")["fgsm_error"] == pytest.approx(wrong)


def test_a_transfer_is_the_error_of_the_one_that_reads() -> None:
    """Catches the two directions exchanged, and an error of the one that is attacked."""
    test = Split(torch.rand(8, 1, 28, 28), torch.ones(8, dtype=torch.int64))
    always_wrong, always_right = Sure(0.9), models.SoftmaxRegression()
    with torch.no_grad():
        always_right.linear.bias[1] = 1e6
    run = a_run({"usual": always_wrong, "hardened": always_right}, test)
    with pytest.warns(UserWarning):  # no gradient arrives
        passed = section_6.transfer(run, "usual", "hardened")
    assert passed == {"made_for_usual_read_by_hardened": 0, "made_for_hardened_read_by_usual": 1}


def test_what_is_added_is_hardened_minus_usual() -> None:
    """Catches a difference the wrong way round, and the usual network's errors as the other's."""
    usual, hardened = models.MLP((16,), seed=0), models.MLP((16,), seed=1)
    run = a_run({"maxout": usual, "adversarial": hardened})
    x, y = run.test
    clean = [(model(x).argmax(dim=1) != y).float().mean().item() for model in (usual, hardened)]
    assert clean[0] != clean[1]
    found = EXPERIMENTS["maxout-adversarial"].measure(run)
    assert found["both"]["clean_error_added"] == pytest.approx(clean[1] - clean[0])
    one_step = digits.errors(run, "adversarial")["fgsm_error"]
    assert found["adversarial"]["fgsm_error"] == one_step
    weights = EXPERIMENTS["weights"].measure(run)["both"]
    added = weights["hardened"] - weights["usual"]
    assert weights["added"] == pytest.approx(added) and added
    assert weights["usual"] == section_6.in_a_tenth(usual.layers[1].weight.detach())
    assert EXPERIMENTS["PGD"].measure(run)["adversarial"]["pgd_error"] >= one_step


def test_the_shorter_trainings_compare_equal_lengths() -> None:
    """Catches a gain in clean error that is the longer training's."""
    names = EXPERIMENTS["shorter"].networks
    networks = {name: models.MLP((16,), seed=i) for i, name in enumerate(names)}
    run = a_run(networks)
    x, y = run.test
    clean = {n: (m(x).argmax(dim=1) != y).float().mean().item() for n, m in networks.items()}
    found = EXPERIMENTS["shorter"].measure(run)
    added = clean["adversarial, as long"] - clean["maxout"]
    assert added != clean["adversarial"] - clean["maxout"]
    assert found["both"]["clean_error_added"] == pytest.approx(added)
    assert found["sign noise"]["clean_error"] == pytest.approx(clean["sign noise"])
    assert EXPERIMENTS["shorter"].gave(found)


def test_each_row_of_the_shorter_trainings_is_the_same_number() -> None:
    """Catches a shorter training's number beside a row that measures another one."""
    for of, id in ((of, id) for of, *ids in TABLE["rows_of_shorter"] for id in ids):
        claim = paper_claims()[id]
        EXPERIMENTS["shorter"].check(of, claim.number)
        theirs, ours = (
            EXPERIMENTS[name].networks_of(each)
            for name, each in (("shorter", of), (claim.experiment, claim.of))
        )
        assert {r.objective for r in theirs} == {r.objective for r in ours}, id


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        ("60 units", (12, 24)),
        ("480 units", (12, 24)),
        ("480 units, half as long", (6, 12)),
        ("1600 units, half as long", (6, 12)),
    ],
)
def test_a_size_is_two_networks_of_it(size: str, lengths: tuple[int, int]) -> None:
    """Catches a pair of two sizes or lengths, and the two networks exchanged."""
    usual, hardened = EXPERIMENTS["sizes"].networks_of(size)
    assert (usual.objective, hardened.objective) == ("clean", "adversarial")
    assert (usual.epochs, hardened.epochs) == lengths
    units = int(size.split()[0])
    assert usual.options["units"] == hardened.options["units"] == units


def test_every_row_of_240_units_follows_the_recipe() -> None:
    """Catches a row measured on a shorter training, or on rescaled pixels."""
    lengths = {}
    for claim in paper_claims().values():
        if claim.experiment:
            for recipe in EXPERIMENTS[claim.experiment].networks_of(claim.of):
                if recipe.options.get("units") == 240:
                    assert recipe.model == "BrighterMaxout", claim.id
                    lengths.setdefault(recipe.objective, set()).add(recipe.epochs)
    assert lengths.pop("adversarial") == {60}
    assert set(lengths) == {"clean", "sign noise", "uniform noise", "yes or no", "L1 decay"}
    assert set.union(*lengths.values()) == {48}


def test_decay_adds_what_the_least_of_it_adds() -> None:
    """Catches the wrong coefficient, and a difference the wrong way round."""
    names = ("L1 0.0025", "L1 0.00025", "L1 0.000025", "maxout")
    run = a_run({name: models.MLP((16,), seed=i) for i, name in enumerate(names, 2)})
    object.__setattr__(run, "train", run.test)
    found = EXPERIMENTS["L1-decay"].measure(run)
    least, none = (found[name]["clean_error"] for name in names[2:])
    assert least != none and found["least decay"]["added_error"] == pytest.approx(least - none)


def test_least_squares_reads_the_two_classes_by_a_line() -> None:
    """Catches other digits among them, a line through 0, and the share that is right."""
    y = torch.tensor([3, 7]).repeat(20)
    light = 10.0 + (y == 7) + torch.linspace(-0.2, 0.2, 40)  # a seven is lighter; 0 is far away
    x = light[:, None, None, None].expand(40, 1, 28, 28) / 20
    others = Split(torch.cat([x, 1 - x]), torch.cat([y, torch.full((40,), 5)]))
    turned = Split(x, torch.cat([y[:30], 10 - y[30:]]))  # the last ten bear the other's label
    run = a_run({}, turned)
    run.networks["logistic"] = Recipe("LogisticRegression", 1, 0.1, classes=(3, 7))
    object.__setattr__(run, "train", others)
    assert section_5.least_squares(run, "logistic") == {"clean_error": 0.25}


def test_the_best_epoch_is_counted_from_one(monkeypatch) -> None:
    """Catches an epoch too early, and one of training in the place of held-out error."""
    error = [abs(epoch - 5) / 10 for epoch in range(1, 15)]  # least after the fifth
    epochs = [{"loss": -e, "FGSM error": e, "clean error": e / 10} for e in error]
    monkeypatch.setattr(Run, "trained", lambda run, name: Trained(nn.Identity(), epochs))
    run = Run(0, {"maxout": Recipe("Maxout", 1, 0.1)}, Path("unused"))
    found = section_6.stopping(run, "maxout")
    assert (found["best_epoch"], found["best_fgsm_error"], found["epochs"]) == (5, 0, 14)
    assert found["after"][4] == 5 and found["fgsm_error"] == error
    assert found["clean_error"] == [e / 10 for e in error]


def test_cifars_rows_are_measured_where_its_images_are(tmp_path: Path, monkeypatch) -> None:
    """Catches a copy's rows that are measured on the original, and the other way round."""
    generator = torch.Generator().manual_seed(0)
    images = Split(torch.rand(40, 3, 32, 32, generator=generator), torch.arange(40) % 10)
    monkeypatch.setattr(data, "cifar10_jpeg", lambda: CIFAR10(images, images))
    assert EXPERIMENTS["cifar"].networks["conv"].data == "cifar10"
    copy = EXPERIMENTS["cifar-jpeg"]
    recipe = replace(copy.networks["conv"], epochs=1, options={"channels": (4, 4, 4), "units": 8})
    numbers = copy.measure(Run(0, {"conv": recipe}, tmp_path))
    assert numbers["conv"]["fooling_success"] > 0.1, "one step towards a class reaches no class"


@pytest.mark.parametrize("name", ["maxout", "brighter", "maxout-adversarial", "agreement", "RBF"])
def test_an_experiment_gives_what_it_announces(name: str, tmp_path: Path) -> None:
    """Catches numbers whose names no claim can know; on small networks, hardly trained."""
    experiment = EXPERIMENTS[name]
    small = {
        key: replace(recipe, epochs=1, examples=200, options={**recipe.options, **SMALL})
        if "axout" in recipe.model
        else replace(recipe, epochs=1, examples=200)
        for key, recipe in experiment.networks.items()
    }
    numbers = experiment.measure(FewDigits(0, small, tmp_path))
    assert experiment.gave(numbers)


SMALL = {"units": 8, "pieces": 2}


class FewDigits(Run):
    """A run that measures on 40 digits."""

    digits = None
    test = Given.test
