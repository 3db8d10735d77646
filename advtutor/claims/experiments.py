"""The experiments behind the paper's numbers: each measures what a group of claims needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advtutor import attacks, data, linearity, models
from advtutor.claims import recipes
from advtutor.claims.trained import Recipe, Report, Trained, trained
from advtutor.data import Split
from advtutor.evaluation import evaluate

EPS = 0.25  # of every digit experiment, unclipped as in the paper
RUBBISH = 10_000  # pictures of Gaussian noise

Numbers = dict[str, float]


@dataclass(frozen=True)
class Run:
    """One experiment with one seed, on one machine: what a measuring function is given."""

    seed: int
    networks: Mapping[str, Recipe]
    store: Path
    device: str = "cpu"
    report: Report = lambda share, words: None

    @cached_property
    def _mnist(self) -> data.MNIST:
        return data.mnist()

    @cached_property
    def cifar_test(self) -> Split:
        """The 10,000 test images of CIFAR-10, on the run's device."""
        return Split(*(part.to(self.device) for part in data.cifar10().test))

    @cached_property
    def test(self) -> Split:
        """The 10,000 test digits, on the run's device."""
        return Split(*(part.to(self.device) for part in self._mnist.test))

    @cached_property
    def train(self) -> Split:
        """The 60,000 training digits, on the run's device."""
        return Split(*(part.to(self.device) for part in self._mnist.train))

    def trained(self, name: str, seed: int | None = None) -> Trained:
        """The network called `name` in this experiment, of this run's seed unless told."""
        share = len(self.networks)
        done = list(self.networks).index(name) / share

        def report(part: float, words: str) -> None:
            self.report(done + part / share, f"{name}, {words}")

        recipe = self.networks[name]
        seed = self.seed if seed is None else seed
        train = self._mnist.train if recipe.data == "mnist" else data.cifar10().train
        return trained(recipe, seed, train, store=self.store, device=self.device, report=report)

    def network(self, name: str, seed: int | None = None) -> nn.Module:
        """The model of `trained`."""
        return self.trained(name, seed).model

    def generator(self) -> torch.Generator:
        """A source of random numbers that follows from the seed, on the run's device."""
        return torch.Generator(self.device).manual_seed(self.seed)


@dataclass(frozen=True)
class Experiment:
    """A measuring function, the networks that it needs, and what it costs.

    needs: other experiments whose networks it uses too, so that they had better run first.
    minutes: of one run on one core of two, when nothing it needs is there yet.
    quick: the networks in which a quick run differs; None if a quick run leaves it out.
    """

    name: str
    measure: Callable[[Run], Numbers]
    networks: Mapping[str, Recipe] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    minutes: float = 0.2
    seeds: int | None = None  # at most so many: where a run takes hours, or nothing is random
    quick: Mapping[str, Recipe] | None = None

    def recipe(self, *, quick: bool = False) -> dict[str, Any]:
        """All that its numbers follow from, besides the seed and the code: plain data."""
        networks = {**self.networks, **(self.quick or {})} if quick else self.networks
        return {
            "experiment": self.name,
            "settings": dict(self.settings),
            "networks": {name: recipe.as_data() for name, recipe in networks.items()},
        }


# ---------------------------------------------------------------------------------------------
# What is measured in more than one of them.


def _fgsm(clip: attacks.Clip = None, loss: attacks.Loss | None = None) -> Callable[..., Tensor]:
    return partial(attacks.fgsm, eps=EPS, clip=clip, loss=loss)


def _errors(model: nn.Module, test: Split, loss: attacks.Loss | None = None) -> Numbers:
    """Errors and confidences on clean digits and after one step, clipped and not."""
    clean = evaluate(model, *test)
    paper = evaluate(model, *test, _fgsm(loss=loss))
    clipped = evaluate(model, *test, _fgsm(clip=(0.0, 1.0), loss=loss))
    return {
        "clean error": clean.error,
        "FGSM error": paper.error,
        "FGSM confidence": paper.confidence_on_errors,
        "clipped FGSM error": clipped.error,
        "clipped FGSM confidence": clipped.confidence_on_errors,
    }


@torch.no_grad()
def _on_rubbish(model: nn.Module, run: Run) -> Numbers:
    """How often Gaussian noise is taken for a digit with more than half of the probability."""
    rubbish = attacks.gaussian_rubbish(RUBBISH, generator=run.generator())
    sure = torch.cat([model.probabilities(model(part)).amax(dim=1) for part in rubbish.split(1000)])
    taken = sure > 0.5
    confidence = {"rubbish confidence": sure[taken].mean().item()} if taken.any() else {}
    return {"rubbish error": taken.float().mean().item(), **confidence}


@torch.no_grad()
def _classes(model: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([model(part).argmax(dim=1) for part in x.split(1000)])


def _share(of: Tensor, among: Tensor) -> float:
    return of[among].float().mean().item()


# ---------------------------------------------------------------------------------------------
# Sections 3 to 5: linear models.


def growth(run: Run) -> Numbers:
    """How an activation moves as its inputs grow in number (section 3)."""
    units = linearity.activation_growth([49, 196, 784, 3136], EPS, generator=run.generator())
    aligned, random = units.exponents
    weight = torch.randn(1000, 784, dtype=torch.float64, generator=run.generator())
    promised = linearity.aligned_change(weight, EPS)
    moved = (weight * (EPS * weight.sign())).sum(dim=1)
    return {
        "exponent of the aligned step": aligned,
        "exponent of the random step": random,
        "largest deviation from the identity": float((moved / promised - 1).abs().max()),
    }


def softmax(run: Run) -> Numbers:
    """Softmax regression under one step and on rubbish, and how both depend on its training."""
    numbers: Numbers = {}
    for name in run.networks:
        model = run.network(name)
        of = name.removeprefix("softmax")  # ", 1 epoch" and the like
        measured = {**_errors(model, run.test), **_on_rubbish(model, run)}
        numbers |= {f"{key}{of}": value for key, value in measured.items()}
    return numbers


def logistic(run: Run) -> Numbers:
    """Logistic regression, 3 against 7 (section 5, Figure 2), and after a longer training."""
    test = run.networks["logistic"].only(run.test)
    after = evaluate(run.network("logistic, 40 epochs"), *test).error
    return {**_errors(run.network("logistic"), test), "clean error, 40 epochs": after}


def l1_decay(run: Run) -> Numbers:
    """Maxout networks with L1 decay on the first layer (section 5)."""
    numbers: Numbers = {}
    for name in run.networks:
        model = run.network(name)
        numbers[f"training error, {name}"] = evaluate(model, *run.train).error
        numbers[f"clean error, {name}"] = evaluate(model, *run.test).error
    return numbers


def imagenet(run: Run) -> Numbers:
    """A photo, one step of 0.007, and noise of the same size (section 4, Figure 1)."""
    model, photo = models.imagenet_classifier().to(run.device), data.photo("camera").to(run.device)
    with torch.no_grad():
        right = model(photo).argmax(dim=1)
        before = model(photo).softmax(dim=1).amax().item()
        after = model(attacks.fgsm(model, photo, right, 0.007)).softmax(dim=1)
        noisy = attacks.sign_noise(None, photo, None, 0.007, generator=run.generator())
        kept = model(noisy).argmax(dim=1) == right
    wrong = after.clone()
    wrong[0, right] = 0
    return {
        "confidence before": before,
        "confidence in the wrong class": wrong.amax().item(),
        "right under noise": kept.float().mean().item(),
    }


# ---------------------------------------------------------------------------------------------
# Sections 4 and 6: the maxout network, as it is and trained on its examples.


def maxout(run: Run) -> Numbers:
    """The undefended maxout network: one step, rubbish, the line, and who agrees with it."""
    model = run.network("maxout")
    return {
        **_errors(model, run.test),
        **_on_rubbish(model, run),
        **_along_the_line(model, run.test),
        **_agreement(model, run),
    }


def _along_the_line(model: nn.Module, test: Split, count: int = 200) -> Numbers:
    """Figure 4: the logits from -10 to 10 along the gradient's sign, for `count` digits."""
    distances = torch.linspace(-10, 10, 201)
    x, y = test.x[:count], test.y[:count]
    direction = attacks.fgsm(model, x, y, 1.0, clip=None) - x
    stays, straight = [], []
    for image, step, label in zip(x, direction, y, strict=True):
        logits = linearity.logits_along_line(model, image, step, distances)
        far = logits[distances >= 5].argmax(dim=1)
        stays.append(bool((far == far[0]).all() and far[0] != label))
        for window in ((-10, -1), (1, 10)):
            straight.append(linearity.straightness(distances, logits, window=window).r2)
    return {
        "share with one wrong class from 5 to 10": sum(stays) / count,
        "R2 of the logits on either side": torch.stack(straight).median().item(),
    }


def _agreement(model: nn.Module, run: Run) -> Numbers:
    """Section 8: which class softmax regression and RBF see in maxout's examples."""
    x, y = run.test
    softmax, rbf = run.network("softmax"), run.network("RBF")
    made_for_maxout, made_for_softmax = _fgsm()(model, x, y), _fgsm()(softmax, x, y)
    seen = {
        "maxout": _classes(model, made_for_maxout),
        "softmax": _classes(softmax, made_for_maxout),
        "RBF": _classes(rbf, made_for_maxout),
    }
    wrong = {name: classes != y for name, classes in seen.items()}

    def same(a: str, b: str, among: Tensor) -> float:
        return _share(seen[a] == seen[b], among)

    own, other = _classes(softmax, made_for_softmax), _classes(rbf, made_for_softmax)
    return {
        "softmax sees maxout's class": same("softmax", "maxout", wrong["maxout"]),
        "RBF sees maxout's class": same("RBF", "maxout", wrong["maxout"]),
        "the same, both wrong: softmax": same(
            "softmax", "maxout", wrong["maxout"] & wrong["softmax"]
        ),
        "the same, both wrong: RBF": same("RBF", "maxout", wrong["maxout"] & wrong["RBF"]),
        "RBF sees softmax's class, both wrong": same(
            "RBF", "softmax", wrong["RBF"] & wrong["softmax"]
        ),
        "the same, made for softmax": _share(own == other, (own != y) & (other != y)),
    }


def maxout_adversarial(run: Run) -> Numbers:
    """The maxout network trained on its own examples, beside the one that was not (section 6).

    The clean errors are compared between networks that were trained for the same time.
    """
    usual, as_long, adversarial = (run.network(name) for name in run.networks)
    x, y = run.test
    before = evaluate(usual, x, y).error
    concentrated = [_concentration(_first_layer(model)) for model in (usual, adversarial)]
    pgd = partial(attacks.pgd, eps=EPS, clip=None, early_stop=True, generator=run.generator())
    short = _errors(as_long, run.test)
    return {
        **_errors(adversarial, run.test),
        **{f"{name}, as long": value for name, value in short.items()},
        "clean error without": before,
        "clean error gained": short["clean error"] - before,
        "FGSM error without": evaluate(usual, x, y, _fgsm()).error,
        "PGD error, 1000 digits": evaluate(adversarial, x[:1000], y[:1000], pgd).error,
        **_transfer(usual, adversarial, run.test),
        "concentration without": concentrated[0],
        "concentration": concentrated[1],
        "concentration gained": concentrated[1] - concentrated[0],
    }


def _transfer(usual: nn.Module, adversarial: nn.Module, test: Split) -> Numbers:
    """The errors of each of the two networks on the examples that are made for the other."""

    def through(source: nn.Module, victim: nn.Module) -> float:
        return evaluate(victim, *test, lambda _, x, y: _fgsm()(source, x, y)).error

    return {
        "error on examples made for the usual network": through(usual, adversarial),
        "usual network's error on its examples": through(adversarial, usual),
    }


def _first_layer(model: nn.Module) -> Tensor:
    return next(m for m in model.modules() if isinstance(m, nn.Linear)).weight.detach()


def _concentration(weight: Tensor) -> float:
    """The part of the squared weights in the strongest tenth of the pixels; median over units."""
    energy = weight.square().sort(dim=1, descending=True).values
    tenth = weight.shape[1] // 10
    return (energy[:, :tenth].sum(dim=1) / energy.sum(dim=1)).median().item()


def one_network(run: Run) -> Numbers:
    """Errors of the only network of an experiment."""
    (name,) = run.networks
    return _errors(run.network(name), run.test)


def sigmoids(run: Run) -> Numbers:
    """A maxout network with ten sigmoids in the place of the softmax, on rubbish (appendix A)."""
    model = run.network("sigmoids")
    return {
        **_errors(model, run.test, models.binary_cross_entropy),
        **_on_rubbish(model, run),
    }


def brighter(run: Run) -> Numbers:
    """The maxout rows again, with networks trained in a dimmer light (`BrighterMaxout`)."""
    numbers: Numbers = {}
    for name in (n for n in run.networks if n in recipes.BRIGHTER):
        model = run.network(name)
        loss = models.binary_cross_entropy if name == "sigmoids" else None
        measured = {**_errors(model, run.test, loss), **_on_rubbish(model, run)}
        numbers |= {f"{key}, {name}": value for key, value in measured.items()}
    return numbers | _transfer(run.network("maxout"), run.network("adversarial"), run.test)


def longer(run: Run) -> Numbers:
    """The same after longer trainings, and section 8 with the network that it leaves."""
    return {**brighter(run), **_agreement(run.network("maxout"), run)}


def sizes(run: Run) -> Numbers:
    """Whether examples pass from one network to the other as easily at another size (section 6)."""
    numbers: Numbers = {}
    for name in run.networks:
        kind, units = name.split(", ", 1)
        if kind == "adversarial":
            usual, adversarial = run.network(f"maxout, {units}"), run.network(name)
            fgsm_error = evaluate(adversarial, *run.test, _fgsm()).error
            measured = {"FGSM error": fgsm_error, **_transfer(usual, adversarial, run.test)}
            numbers |= {f"{key}, {units}": value for key, value in measured.items()}
    return numbers


def stopped(run: Run) -> Numbers:
    """For how many epochs adversarial training goes on to help on held-out digits (section 6)."""
    epochs = run.trained("adversarial, 50,000 digits").epochs
    error = [epoch["FGSM error"] for epoch in epochs]
    step = max(1, len(epochs) // 7)
    shown = range(step, len(epochs) + 1, step)
    return {
        "best epoch": 1.0 + error.index(min(error)),
        "held-out FGSM error": min(error),
        "epochs": float(len(epochs)),
        **{f"held-out FGSM error after {n}": error[n - 1] for n in shown},
        **{f"held-out clean error after {n}": epochs[n - 1]["clean error"] for n in shown},
    }


# ---------------------------------------------------------------------------------------------
# Sections 7 and 9: RBF networks, and ensembles.


def rbf(run: Run) -> Numbers:
    """The shallow RBF network (section 7)."""
    model = run.network("RBF")
    return {
        **_errors(model, run.test, models.binary_cross_entropy),
        "clean confidence": _confidence(model, run.test.x),
        **_on_rubbish(model, run),
    }


def rbf_forms(run: Run) -> Numbers:
    """What the paper leaves open of that network, on its examples and maxout's (sections 7, 8)."""
    maxout, (x, y) = run.network("maxout"), run.test
    made_for_maxout = _fgsm()(maxout, x, y)
    theirs = _classes(maxout, made_for_maxout)
    fooled = theirs != y
    numbers: Numbers = {}
    for name in (n for n in run.networks if n != "maxout"):
        model, of = run.network(name), name.removeprefix("RBF")
        own = evaluate(model, x, y, _fgsm(loss=models.binary_cross_entropy))
        seen = _classes(model, made_for_maxout)
        measured = {
            "clean error": evaluate(model, x, y).error,
            "FGSM error": own.error,
            "FGSM confidence": own.confidence_on_errors,
            "maxout's examples misread": _share(seen != y, fooled),
            "maxout's class seen": _share(seen == theirs, fooled),
            "maxout's class seen, both wrong": _share(seen == theirs, fooled & (seen != y)),
        }
        numbers |= {f"{key}{of}": value for key, value in measured.items()}
    return numbers


@torch.no_grad()
def _confidence(model: nn.Module, x: Tensor) -> float:
    return (
        torch.cat([model.probabilities(model(p)).amax(dim=1) for p in x.split(1000)]).mean().item()
    )


class Ensemble(nn.Module):
    """The mean of the probabilities of several networks, as logits."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([m(x).log_softmax(dim=1) for m in self.members]).logsumexp(dim=0)


def ensemble(run: Run) -> Numbers:
    """Twelve maxout networks, attacked whole and through one of them (section 9)."""
    size = 12
    members = [run.network("maxout", size * run.seed + i) for i in range(size)]
    whole, (x, y) = Ensemble(members).eval(), run.test
    through_one = [
        evaluate(whole, x, y, lambda _, x, y, m=m: _fgsm()(m, x, y)).error  # type: ignore[misc]
        for m in members
    ]
    return {
        "clean error": evaluate(whole, x, y).error,
        "error, made for all": evaluate(whole, x, y, _fgsm()).error,
        "error, made for one": sum(through_one) / size,
        "least of the members": min(through_one),
        "most of the members": max(through_one),
    }


# ---------------------------------------------------------------------------------------------
# CIFAR-10, where it can be had.


def cifar(run: Run) -> Numbers:
    """A convolutional maxout network on CIFAR-10 (section 4 and appendix A), not clipped.

    The paper's eps and its Gaussian noise are in the units of its preprocessed pictures, whose
    scale `models.ConvMaxout` documents.
    """
    model, test = run.network("conv"), run.cifar_test
    affine = model.layers[0]
    scale = 1 / affine.scale
    step = partial(attacks.fgsm, eps=0.1 * scale, clip=None)
    report = evaluate(model, *test, step)
    noise = torch.randn(1000, 3, 32, 32, generator=run.generator(), device=run.device)
    rubbish = affine.mean + scale * noise
    sure = model.probabilities(_logits(model, rubbish)).amax(dim=1)
    fooled = []
    for target in range(10):
        y = torch.full((len(rubbish),), target, device=run.device)
        made = attacks.fooling_image(model, rubbish, y, 0.1 * scale)
        fooled.append(_logits(model, made).argmax(dim=1) == y)
    return {
        "clean error": evaluate(model, *test).error,
        "FGSM error": report.error,
        "FGSM confidence": report.confidence_on_errors,
        "rubbish error": (sure > 0.5).float().mean().item(),
        "fooling success": torch.cat(fooled).float().mean().item(),
    }


@torch.no_grad()
def _logits(model: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([model(part) for part in x.split(1000)])


# ---------------------------------------------------------------------------------------------

_R = recipes
_SHALLOW = {"softmax": _R.SOFTMAX, "RBF": _R.RBF}
_CLIP = {"eps": EPS, "clip": None}

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in [
        Experiment("growth", growth, settings={"eps": EPS}, quick={}),
        Experiment(
            "imagenet", imagenet, settings={"eps": 0.007, "clip": [0, 1]}, seeds=1, quick={}
        ),
        Experiment("logistic", logistic, _R.LOGISTIC_LENGTHS, _CLIP, quick={}),
        Experiment("softmax", softmax, _R.SOFTMAX_LENGTHS, _CLIP, minutes=0.5, quick={}),
        Experiment("RBF", rbf, {"RBF": _R.RBF}, _CLIP, quick={}),
        Experiment("maxout", maxout, {"maxout": _R.MAXOUT, **_SHALLOW}, _CLIP, minutes=3),
        Experiment(
            "maxout-adversarial",
            maxout_adversarial,
            {
                "maxout": _R.MAXOUT,
                "adversarial, as long": _R.MAXOUT_ADVERSARIAL,
                "adversarial": _R.MAXOUT_LONGER,
            },
            _CLIP,
            needs=("maxout",),
            minutes=9,
        ),
        Experiment(
            "maxout-sign-noise", one_network, {"maxout": _R.MAXOUT_SIGN_NOISE}, _CLIP, minutes=4
        ),
        Experiment(
            "maxout-uniform-noise",
            one_network,
            {"maxout": _R.MAXOUT_UNIFORM_NOISE},
            _CLIP,
            minutes=4,
        ),
        Experiment("maxout-sigmoids", sigmoids, {"sigmoids": _R.MAXOUT_SIGMOIDS}, _CLIP, minutes=3),
        Experiment(
            "L1-decay",
            l1_decay,
            {
                "L1 0.0025": _R.MAXOUT_L1,
                "L1 0.00025": _R.MAXOUT_LESS_L1,
                "L1 0.000025": _R.MAXOUT_LEAST_L1,
                "no decay": _R.MAXOUT_SHORT,
            },
            minutes=3,
        ),
        Experiment(
            "stopping",
            stopped,
            {"adversarial, 50,000 digits": _R.MAXOUT_STOPPED},
            _CLIP,
            minutes=10,
            seeds=1,
        ),
        Experiment("retrained", one_network, {"maxout": _R.MAXOUT_RETRAINED}, _CLIP, minutes=7),
        Experiment("brighter", brighter, _R.BRIGHTER, _CLIP, minutes=12, seeds=3),
        Experiment("longer", longer, {**_R.LONGER, **_SHALLOW}, _CLIP, minutes=40, seeds=3),
        Experiment(
            "RBF-forms",
            rbf_forms,
            {"maxout": _R.LONGER["maxout"], **_R.RBF_FORMS},
            _CLIP,
            needs=("longer",),
            minutes=2,
            seeds=3,
        ),
        Experiment("sizes", sizes, _R.SIZES, _CLIP, minutes=95, seeds=1),
        Experiment(
            "ensemble",
            ensemble,
            {"maxout": _R.MAXOUT},
            {**_CLIP, "members": 12},
            needs=("maxout",),
            minutes=24,
            seeds=1,
        ),
        Experiment("large", one_network, {"maxout": _R.LARGE}, _CLIP, minutes=14, seeds=1),
        Experiment(
            "large-adversarial",
            one_network,
            {"maxout": _R.LARGE_ADVERSARIAL},
            _CLIP,
            minutes=24,
            seeds=1,
        ),
        Experiment(
            "large-stopping",
            stopped,
            {"adversarial, 50,000 digits": _R.LARGE_STOPPED},
            _CLIP,
            minutes=22,
            seeds=1,
        ),
        Experiment(
            "cifar",
            cifar,
            {"conv": _R.CIFAR},
            {"eps": 0.1, "clip": None},
            minutes=240,
            seeds=1,
        ),
    ]
}
