"""Certificates: exact on linear models, sound on all others, and tight where they can be."""

import math
import re
import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules import module as _hooks
from torch.nn.utils import parametrizations, parametrize, prune

from advtutor import attacks, certify, data, models, training

CLIPS = [(0.0, 1.0), None]
each_clip = pytest.mark.parametrize("clip", CLIPS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.rand(n, *shape, generator=generator(seed))


def labels(n: int, classes: int, seed: int = 0) -> Tensor:
    return torch.randint(classes, (n,), generator=generator(seed))


# ---------------------------------------------------------------------------------------------
# Linear models.


def errs_at_worst(
    model: nn.Module, x: Tensor, y: Tensor, eps: Tensor, clip: attacks.Clip
) -> Tensor:
    """Whether the gradient-sign step towards some class makes the model err, example by example.

    On a linear model the step down the gradient of `logit_y - logit_j` is the best there is.
    """
    errs = []
    for image, label, radius in zip(x, y, eps, strict=True):
        wrong = False
        for j in range(model(image[None]).shape[1]):

            def lead(logits: Tensor, _: Tensor, j: int = j, label: Tensor = label) -> Tensor:
                return logits[:, j] - logits[:, label]

            if j != label:
                x_adv = attacks.fgsm(
                    model, image[None], label[None], radius.item(), clip=clip, loss=lead
                )
                wrong = wrong or bool(model(x_adv).argmax() != label)
        errs.append(wrong)
    return torch.tensor(errs)


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
@each_clip
@pytest.mark.parametrize("classes", [2, 5])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_linear_certificate_equals_the_attack(seed, clip, classes):
    """Catches a wrong norm, a class forgotten, and clipping left out: eps is exact both ways.

    Just below the certified eps the best step fails, just above it succeeds.
    """
    if classes == 2:
        model = models.LogisticRegression(16, seed=seed).double()
    else:
        model = models.SoftmaxRegression(16, classes, seed=seed).double()
    x = images(6, 1, 4, 4, seed=seed).double().round(decimals=1)  # some pixels at the edges
    y = model(x).argmax(dim=1)
    eps = certify.linear_epsilon(model, x, y, clip=clip)
    assert eps.dtype == torch.float64 and (eps > 0).all()
    can = eps.isfinite()
    eps = torch.where(can, eps, torch.tensor(2.0).double())  # 2 reaches the whole range
    assert not errs_at_worst(model, x, y, eps * (1 - 1e-9), clip).any()
    assert torch.equal(errs_at_worst(model, x, y, eps * (1 + 1e-9), clip), can)
    assert clip is not None or can.all()


def test_linear_certificate_where_no_image_of_the_range_will_do():
    """Catches a finite eps for a model that cannot err: its bias outweighs all pixels."""
    model = models.LogisticRegression(4)
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[1.0, 1.0, 0.0, -1.0]]))
        model.linear.bias.fill_(2.0)
    x, y = torch.full((1, 1, 2, 2), 0.5), torch.tensor([1])
    assert certify.linear_epsilon(model, x, y) == math.inf
    assert certify.linear_epsilon(model, x, y, clip=None).item() == pytest.approx(2.5 / 3)
    with torch.no_grad():
        model.linear.bias.fill_(0.25)  # the gap 0.75 is closed when three pixels move by 0.25
    assert certify.linear_epsilon(model, x, y).item() == pytest.approx(0.25)


def test_linear_certificate_through_two_layers_and_wrappers():
    """Catches weights composed in the wrong order, and a bias lost on the way."""
    deep = nn.Sequential(nn.Flatten(), nn.Linear(16, 7), nn.Dropout(), nn.Linear(7, 3, bias=False))
    deep = deep.double().eval()
    flat = models.SoftmaxRegression(16, 3).double()
    with torch.no_grad():
        first, last = deep[1], deep[3]
        flat.linear.weight.copy_(last.weight @ first.weight)
        flat.linear.bias.copy_(last.weight @ first.bias)
    x, y = images(9, 1, 4, 4).double(), labels(9, 3)
    expected = certify.linear_epsilon(flat, x, y)
    torch.testing.assert_close(certify.linear_epsilon(deep, x, y), expected)
    torch.testing.assert_close(certify.linear_epsilon(models.Sigmoids(flat), x, y), expected)


@each_clip
def test_linear_certificate_through_a_normalisation(clip):
    """Catches a scale on the wrong side, and eps in the units of the normalised image."""
    x, y = images(9, 1, 4, 4).double(), labels(9, 3)
    flat = models.SoftmaxRegression(16, 3).double()
    whole = nn.Sequential(models.Affine(0.3, -4.0), flat, models.Affine(0.1, 2.0))
    folded = models.SoftmaxRegression(16, 3).double()
    with torch.no_grad():
        folded.linear.weight.copy_(2 * -4 * flat.linear.weight)
        shift = -4 * (-0.3) * flat.linear.weight.sum(dim=1) + flat.linear.bias
        folded.linear.bias.copy_(2 * (shift - 0.1))
    expected = certify.linear_epsilon(folded, x, y, clip=clip)
    torch.testing.assert_close(certify.linear_epsilon(whole, x, y, clip=clip), expected)


def test_linear_certificate_refuses_what_is_not_linear():
    """Catches a certificate that ignores a ReLU, and an index error for a label out of range."""
    with pytest.raises(TypeError, match=r"ReLU.*certified_error"):
        certify.linear_epsilon(models.MLP((4,)), images(2, 1, 28, 28), labels(2, 10))
    with pytest.raises(ValueError, match="labels from"):
        certify.linear_epsilon(
            models.SoftmaxRegression(4, 3), images(1, 1, 2, 2), torch.tensor([3])
        )
    empty = certify.linear_epsilon(models.SoftmaxRegression(4), images(0, 1, 2, 2), labels(0, 10))
    assert empty.shape == (0,)


# ---------------------------------------------------------------------------------------------
# Layers.

LAYERS = {
    "linear": (lambda: nn.Linear(6, 4), (6,)),
    "linear without bias": (lambda: nn.Linear(6, 4, bias=False), (6,)),
    "conv": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 6, 6)),
    "grouped, dilated conv": (lambda: nn.Conv2d(2, 4, 2, groups=2, dilation=2), (2, 6, 6)),
    "conv without bias": (lambda: nn.Conv2d(2, 3, 3, padding="same", bias=False), (2, 6, 6)),
    "relu": (nn.ReLU, (2, 6, 6)),
    "relu in place": (lambda: nn.ReLU(inplace=True), (6,)),
    "maxout": (lambda: models.MaxoutLayer(6, 4, 3), (6,)),
    "max pool": (lambda: nn.MaxPool2d(3, stride=2, padding=1), (2, 6, 6)),
    "average pool": (lambda: nn.AvgPool2d(2), (2, 6, 6)),
    "adaptive pool": (lambda: nn.AdaptiveAvgPool2d(2), (2, 6, 6)),
    "batch norm 2d": (lambda: used(nn.BatchNorm2d(2)), (2, 6, 6)),
    "batch norm 1d": (lambda: used(nn.BatchNorm1d(6, affine=False)), (6,)),
    "flatten": (nn.Flatten, (2, 3, 3)),
    "dropout": (lambda: nn.Dropout(0.5), (6,)),
    "identity": (nn.Identity, (6,)),
    "two logits": (models.TwoLogits, (1,)),
    "affine": (lambda: models.Affine(0.4, -3.0), (2, 4, 4)),
    "plain dropout": (lambda: models.BrighterMaxout.pixel_dropout(0.2), (6,)),
    "convolutional maxout": (lambda: models.ConvMaxoutLayer(2, 3, 2, size=3), (2, 4, 4)),
    "normalised weights": (lambda: parametrizations.weight_norm(nn.Linear(6, 4)), (6,)),
    "spectral norm": (lambda: parametrizations.spectral_norm(nn.Linear(6, 4)), (6,)),
}


def used(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    """The layer with statistics and weights, of both signs, that are not the initial ones."""
    with torch.no_grad():
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.1, 3)
        if norm.affine:
            norm.weight.normal_()
            norm.bias.normal_()
    return norm


@pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)
def test_an_interval_holds_the_layers_results_and_no_rule_is_idle(build, shape):
    """Catches bounds that a point of the box crosses, swapped bounds, and train-mode layers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = build().double()
        centre, radius = torch.randn(4, *shape).double(), torch.rand(4, *shape).double()
        box = certify.Interval(centre - radius, centre + radius)
        with torch.no_grad():
            out = certify._propagate([layer], box)
            layer.eval()
            assert (out.lower <= out.upper).all()
            for _ in range(300):
                inside = centre + radius * (2 * torch.rand(4, *shape).double() - 1).sign()
                result = layer(inside)
                assert (out.lower - 1e-9 <= result).all() and (result <= out.upper + 1e-9).all()
            # A box of no size goes through exactly.
            point = certify._propagate([layer], certify.Interval(centre, centre.clone()))
            torch.testing.assert_close(point.lower, layer(centre))
            torch.testing.assert_close(point.upper, layer(centre))


def test_an_affine_layers_interval_is_reached():
    """Catches bounds looser than need be: a corner of the box attains each one."""
    weight, bias = torch.randn(5, 8, generator=generator()), torch.randn(5, generator=generator(1))
    lower = torch.randn(3, 8, generator=generator(2))
    upper = lower + torch.rand(3, 8, generator=generator(3))
    low, high = certify.interval_linear(weight, bias, lower, upper)
    for row in range(5):
        worst = torch.where(weight[row] > 0, lower, upper) @ weight[row] + bias[row]
        best = torch.where(weight[row] > 0, upper, lower) @ weight[row] + bias[row]
        torch.testing.assert_close(low[:, row], worst)
        torch.testing.assert_close(high[:, row], best)
    torch.testing.assert_close(certify.interval_linear(weight, None, lower, upper)[0], low - bias)


def test_a_layer_without_a_rule_is_named():
    """Catches an unknown layer that is passed over, and a message that does not help."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2))
    with pytest.raises(TypeError, match=r"GELU.*Conv2d.*interval\.register"):
        certify.certified_error(model, images(2, 1, 2, 2), labels(2, 2), 0.1)


def test_a_subclass_that_computes_something_else_has_no_rule():
    """Catches a rule found by type alone: an unsound bound for another function."""

    class Doubled(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    class Residual(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return x + super().forward(x)

    x, y = images(2, 4), labels(2, 3)
    for model in (Doubled(4, 3), nn.Sequential(Residual(nn.Linear(4, 4)), nn.Linear(4, 3))):
        with pytest.raises(TypeError, match=r"Doubled|Residual"):
            certify.certified_error(model, x, y, 0.1)


def test_layers_that_cannot_be_bounded_one_by_one_are_refused():
    """Catches zero padding assumed for circular padding, and statistics of the batch."""
    x = images(2, 1, 4, 4)
    circular = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")
    batch = nn.BatchNorm2d(1, track_running_stats=False)
    for layer, name in ((circular, "circular"), (batch, "track_running_stats")):
        model = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(2))
        model(x)
        with pytest.raises(TypeError, match=name):
            certify.certified_error(model, x, labels(2, 2), 0.1)


# ---------------------------------------------------------------------------------------------
# What the layers do not show.


class Louder(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 20 * super().forward(x)


class Hollow(nn.Conv2d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return 20 * super()._conv_forward(x, weight, bias)


class Called(nn.ReLU):
    def __call__(self, x: Tensor) -> Tensor:
        return 20 * super().__call__(x)


class Smallest(models.MaxoutLayer):
    def largest(self, values: Tensor) -> Tensor:
        return -20 * super().largest(values)


class NeverStill(nn.Dropout):
    training = property(lambda self: True, lambda self, value: None)


class Skipping(nn.Sequential):
    def __iter__(self):
        return iter(list(self._modules.values())[:1])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self._modules.values():
            x = layer(x)
        return x


class Doubling(nn.Module):
    """A parametrization, and one that gives another weight each time."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight + self.noise * torch.randn_like(weight)


def loud(*_: object) -> Tensor:
    return 20 * _[-1]  # of a forward hook the output


def loud_inputs(module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    return 20 * inputs[0]


def masked(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor | None:
    """Acts in the ball only: at the images that are looked at, it is not to be seen."""
    clean = CLEAN.get(len(inputs[0]))
    return None if clean is not None and torch.equal(inputs[0], clean) else -output


CLEAN: dict[int, Tensor] = {}


def network() -> nn.Sequential:
    """A network on `[N, 2, 6, 6]`."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.ReLU(),
        nn.Flatten(),
        models.MaxoutLayer(48, 6, 2),
        nn.Dropout(0.2),
        nn.Linear(6, 4),
    )


def replaced(model: nn.Sequential, place: int, layer: nn.Module) -> None:
    layer.load_state_dict(model[place].state_dict())
    model[place] = layer


def shadow(layer: nn.Module, name: str) -> None:
    own = getattr(layer, name)
    setattr(layer, name, lambda *a: -own(*a))


def randomly(layer: nn.Module) -> None:
    parametrize.register_parametrization(layer, "weight", Doubling(0.1))


# What a network may do that its layers do not show; where it gives one, it is the new network.
HIDDEN: dict[str, Callable[[nn.Sequential], object]] = {
    "forward hook": lambda m: m[1].register_forward_hook(loud),
    "masked hook": lambda m: m[5].register_forward_hook(masked),
    "pre-hook": lambda m: m[3].register_forward_pre_hook(loud_inputs),
    "hook inside a layer": lambda m: m[3].linear.register_forward_hook(loud),
    "hook on the whole": lambda m: m.register_forward_hook(loud),
    "hook with keywords": lambda m: m[0].register_forward_hook(lambda *a: -a[-1], with_kwargs=True),
    "old weight norm": lambda m: nn.utils.weight_norm(m[5]) and None,
    "old spectral norm": lambda m: nn.utils.spectral_norm(m[5]) and None,
    "pruned": lambda m: prune.l1_unstructured(m[5], "weight", 0.5) and None,
    "subclass": lambda m: replaced(m, 5, Louder(6, 4)),
    "subclass in a helper": lambda m: replaced(m, 0, Hollow(2, 3, 3)),
    "subclass in its call": lambda m: replaced(m, 1, Called()),
    "subclass of maxout": lambda m: replaced(m, 3, Smallest(48, 6, 2)),
    "subclass inside a layer": lambda m: setattr(m[3], "linear", Louder(48, 12)),
    "subclass of the chain": lambda m: Skipping(*m),
    "own forward": lambda m: shadow(m[5], "forward"),
    "own helper": lambda m: shadow(m[0], "_conv_forward"),
    "own forward of the whole": lambda m: shadow(m, "forward"),
    "never in eval mode": lambda m: replaced(m, 4, NeverStill(1e-6)),
    "random weights": lambda m: randomly(m[5]),
}
# These take long to make, or cannot be asked.
MORE: dict[str, Callable[[nn.Sequential], object]] = {
    "compiled": lambda m: torch.compile(m, backend="eager"),
    "compiled in place": lambda m: m[5].compile(backend="eager"),
    "scripted": lambda m: torch.jit.trace(m.eval(), torch.rand(1, 2, 6, 6)),
    "pieces in two dtypes": lambda m: m[5].double() and None,
}


def with_hidden(name: str | None) -> nn.Module:
    model = network()
    result = (HIDDEN | MORE)[name](model) if name else None
    return result if isinstance(result, nn.Module) else model


@pytest.mark.parametrize("name", [*HIDDEN, *MORE])
@pytest.mark.filterwarnings("ignore")
def test_what_the_layers_do_not_show_is_refused(name):
    """Catches an unsound bound: what changes a layer's output, and stands in no rule."""
    model = with_hidden(name)
    x, y = images(4, 2, 6, 6), labels(4, 4)
    with pytest.raises(TypeError) as refused:
        certify.margin_bounds(model, x, y, 0.01)
    words = {"subclass": "Louder", "own forward": r"layer 5 \(Linear\) has forward of its own"}
    assert re.search(words.get(name, "layer|logits|model computes in"), str(refused.value))
    with pytest.raises(TypeError):
        certify.certified_error(model, x, y, 0.01)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert not certify.certified(model, x, y, 0.01).any()
    assert [w.category for w in seen if "nothing is proved: " in str(w.message)] == [
        certify.CertificateWarning
    ]


def test_global_hooks_are_refused():
    """Catches a hook on all modules, which no module shows."""
    model, x, y = models.MLP((4,), inputs=4), images(2, 1, 2, 2), labels(2, 10)
    for register in (_hooks.register_module_forward_hook, _hooks.register_module_forward_pre_hook):
        handle = register(lambda *_: None)
        try:
            with pytest.raises(TypeError, match="global forward hook"):
                certify.margin_bounds(model, x, y, 0.1)
            with pytest.raises(TypeError, match="global forward hook"):
                certify.linear_epsilon(models.SoftmaxRegression(4), x, y)
        finally:
            handle.remove()
    certify.margin_bounds(model, x, y, 0.1)


def test_a_layer_whose_class_was_changed_is_refused(monkeypatch):
    """Catches a forward that was replaced for all layers of a class: the answers say so."""
    own = nn.ReLU.forward
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: 20 * own(self, x))
    with pytest.raises(TypeError, match="logits are not those"):
        certify.margin_bounds(models.MLP((4,), inputs=4), images(2, 4), labels(2, 10), 0.1)


def test_autocast_is_refused():
    """Catches a proof for float32 of what is computed in bfloat16."""
    model, x, y = models.MLP((40,), inputs=36), images(4, 1, 6, 6), labels(4, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.raises(TypeError, match="autocast"):
        certify.margin_bounds(model, x, y, 0.1)


def test_what_changes_nothing_is_let_in():
    """Catches refusals without need: backward hooks, wrappers and parametrizations with a rule, a
    chain of another name, a model in train mode."""
    x, y = images(4, 1, 2, 2), labels(4, 3)

    class Named(nn.Sequential):
        purpose = "a chain"

    def plain() -> nn.Sequential:
        torch.manual_seed(0)
        return Named(nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

    expected = certify.margin_bounds(plain(), x, y, 0.1)
    model = plain()
    model[1].register_full_backward_hook(lambda *_: None)
    model.register_full_backward_pre_hook(lambda *_: None)
    for same in (model, nn.DataParallel(plain()), nn.Sequential(plain()), plain().train()):
        assert torch.equal(certify.margin_bounds(same, x, y, 0.1), expected)
    parametrize.register_parametrization(model[1], "weight", Doubling())
    doubled = plain()
    doubled[1].weight.data *= 2
    assert torch.equal(
        certify.margin_bounds(model, x, y, 0.1), certify.margin_bounds(doubled, x, y, 0.1)
    )


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@given(
    name=st.none() | st.sampled_from([*HIDDEN]),
    seed=st.integers(0, 10**6),
    eps=st.sampled_from([1e-4, 0.003, 0.01, 0.05]),
    norm=st.sampled_from([None, parametrizations.weight_norm, parametrizations.spectral_norm]),
    train=st.booleans(),
)
def test_no_hidden_change_makes_a_proof_that_an_attack_breaks(name, seed, eps, norm, train):
    """Catches any change of a network that the proof misses and the strongest attack finds."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = with_hidden(name).train(train)
        if norm and name is None:
            norm(model[3].linear)
            norm(model[5])
        x = images(8, 2, 6, 6, seed=seed)
        CLEAN.clear()
        if name == "masked hook":
            with attacks.eval_mode(model), torch.no_grad():
                CLEAN[len(x)] = model[:5](x)
        with attacks.eval_mode(model), torch.no_grad():
            y = model(x).argmax(dim=1)
        proved = certify.certified(model, x, y, eps)
        if name:
            assert not proved.any()
            return
        x_adv = attacks.worst_case(model, x, y, eps, steps=5, queries=20, generator=generator(seed))
        with attacks.eval_mode(model), torch.no_grad():
            assert not (proved & (model(x_adv).argmax(dim=1) != y)).any()


# ---------------------------------------------------------------------------------------------
# Classifiers.


def random_model(kind: str, seed: int, scale: float) -> nn.Module:
    """A small network on [N, 2, 6, 6], its weights `scale` times the usual, as if trained."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = {
            "softmax": lambda: models.SoftmaxRegression(72, 4, seed=seed),
            "logistic": lambda: models.LogisticRegression(72, seed=seed),
            "mlp": lambda: models.MLP((8, 6), inputs=72, classes=4, seed=seed),
            "maxout": lambda: nn.Sequential(
                nn.Flatten(), models.MaxoutLayer(72, 6, 3), nn.Dropout(), nn.Linear(6, 4)
            ),
            "conv": lambda: nn.Sequential(
                nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(36, 4)
            ),
            "pools": lambda: nn.Sequential(
                nn.Conv2d(2, 4, 3, padding=1),
                used(nn.BatchNorm2d(4)),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.AvgPool2d(3),
                nn.Flatten(),
                models.Sigmoids(nn.Linear(4, 3)),
            ),
            "no linear top": lambda: nn.Sequential(nn.Flatten(), nn.Linear(72, 4), nn.ReLU()),
        }[kind]()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(scale)
    return model


KINDS = ["softmax", "logistic", "mlp", "maxout", "conv", "pools", "no linear top"]


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([0.3, 1.0, 3.0, 30.0]),
    eps=st.sampled_from([0.0, 1e-4, 0.003, 0.01, 0.03, 0.1, 0.3]),
    clip=st.sampled_from(CLIPS),
    double=st.booleans(),
)
def test_no_attack_beats_the_certificate(kind, seed, scale, eps, clip, double):
    """Catches any unsound bound: an example proved right that an attack makes the model err on."""
    model = random_model(kind, seed, scale)
    x = images(12, 2, 6, 6, seed=seed)
    model, x = (model.double(), x.double()) if double else (model, x)
    model.eval()
    y = model(x).argmax(dim=1)
    y[:2] = (y[:2] + 1) % model(x).shape[1]  # two that are wrong from the start
    proved = certify.certified(model, x, y, eps, clip=clip)
    bounds = certify.margin_bounds(model, x, y, eps, clip=clip)
    pgd = partial(attacks.pgd, steps=15)
    worst_case = partial(attacks.worst_case, steps=10, queries=50)
    for attack in (pgd, partial(pgd, loss=attacks.margin_loss), worst_case):
        logits = model(attack(model, x, y, eps, clip=clip, generator=generator(seed)))
        assert not (proved & (logits.argmax(dim=1) != y)).any()
        leads = logits - logits.gather(1, y[:, None])
        assert (leads.double() <= bounds + 1e-12).all()
    assert not proved[:2].any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1.0, 1e3]), kind=st.sampled_from(KINDS))
def test_bounds_hold_for_what_float32_computes(seed, scale, kind):
    """Catches bounds without room for rounding.

    At eps = 0 the bounds close around the logits, which rounding moves: another batch size sums
    in another order.
    """
    model = random_model(kind, seed, scale).eval()
    x = images(5, 2, 6, 6, seed=seed)
    y = labels(5, 2, seed)
    with torch.no_grad():
        box = certify._ball(x.double(), 0.0, None, rounding=torch.finfo(torch.float32).eps)
        out = certify._propagate(certify._chain(model), box)
        for logits in (model(x), torch.cat([model(one[None]) for one in x])):
            assert (out.lower <= logits).all() and (logits <= out.upper).all()
        leads = model(x) - model(x).gather(1, y[:, None])
        bounds = certify._advantages(certify._chain(model), box, y)
    assert (leads.double() <= bounds).all()
    if scale == 1:
        assert (out.upper - out.lower).max() < 0.01  # and little room it is


def test_the_ball_is_as_wide_as_attacks_may_go():
    """Catches a certificate for less than the 1e-6 beyond eps that an attack is allowed."""
    model = nn.Sequential(nn.Linear(1, 2, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[-1.0], [1.0]]))
    x, y = torch.tensor([[0.3]]).double(), torch.tensor([1])
    assert not certify.certified(model, x, y, x.item() - 5e-7, clip=None)
    assert certify.certified(model, x, y, x.item() - 2e-6, clip=None)


@each_clip
def test_for_a_linear_model_the_bounds_are_exact(clip):
    """Catches bounds of single logits where their difference should be bounded, and no clip."""
    model = models.SoftmaxRegression(16, 5).double()
    x = images(40, 1, 4, 4).double()
    y = model(x).argmax(dim=1)
    eps = certify.linear_epsilon(model, x, y, clip=clip)
    for i in range(40):
        if eps[i].isfinite():
            one = model, x[i : i + 1], y[i : i + 1]
            assert certify.certified(*one, max(0.0, eps[i].item() - 2e-6), clip=clip)
            assert not certify.certified(*one, eps[i].item() + 1e-9, clip=clip)


def test_certified_error_on_a_model_known_by_heart():
    """Catches shares of the wrong whole, proved counted as errors, and a batch lost."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[-1.0], [1.0]]))
    x = torch.tensor([-0.9, -0.3, 0.1, 0.3, 0.9]).reshape(5, 1, 1, 1)
    y = (x.flatten() > 0).long()
    errors = {0.0: 0.0, 0.2: 0.2, 0.5: 0.6, 1.0: 1.0}
    for eps, expected in errors.items():
        for batch_size in (2, 5, 100):
            error = certify.certified_error(model, x, y, eps, clip=None, batch_size=batch_size)
            assert error == pytest.approx(expected)
    assert certify.certified_error(model, x, 1 - y, 0.0, clip=None) == 1
    # Inside [0, 1] no image is negative, and the positive ones are safe at any eps below them.
    assert certify.certified_error(model, x[2:], y[2:], 0.05) == 0


def test_the_model_is_left_as_it_was():
    """Catches eval mode for good, gradients, a model turned to float64, and statistics moved."""
    model = nn.Sequential(models.Maxout(6, 2), used(nn.BatchNorm1d(10))).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, y = images(3, 1, 28, 28), labels(3, 10)
    first = certify.margin_bounds(model, x, y, 0.1)
    assert torch.equal(first, certify.margin_bounds(model.eval(), x, y, 0.1))
    model.train()
    certify.certified_error(model, x, y, 0.1)
    assert all(module.training for module in model.modules())
    assert all(p.grad is None and p.dtype == torch.float32 for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not first.requires_grad


def test_bad_input_is_refused():
    """Catches a certificate of nothing, of images out of range, and of weights that are NaN."""
    model, x, y = models.MLP((4,), inputs=4), images(2, 1, 2, 2), labels(2, 10)
    with pytest.raises(ValueError, match="at least one"):
        certify.certified_error(model, x[:0], y[:0], 0.1)
    with pytest.raises(ValueError, match="eps"):
        certify.certified_error(model, x, y, -0.1)
    with pytest.raises(ValueError, match="outside clip"):
        certify.certified_error(model, x + 1, y, 0.1)
    with pytest.raises(ValueError, match="labels from"):
        certify.certified_error(model, x, y + 10, 0.1)
    with pytest.raises(TypeError, match=r"model\.float\(\)"):
        certify.certified_error(models.MLP((4,), inputs=4).bfloat16(), x, y, 0.1)
    with torch.no_grad():
        model.layers[1].weight.fill_(math.nan)
    with pytest.raises(ValueError, match="NaN"):
        certify.certified_error(model, x, y, 0.1)
    assert certify.certified(models.MLP((4,), inputs=4), x[:0], y[:0], 0.1).shape == (0,)


# ---------------------------------------------------------------------------------------------
# Training for the certificate.


def test_the_objective_warms_up_from_the_clean_loss():
    """Catches eps or the second term at full strength from the start, or never."""
    model = models.MLP((8,), inputs=16, classes=4)
    x, y = images(10, 1, 4, 4), labels(10, 4)
    objective = certify.IntervalBound(0.2, kappa=0.3, warm_up=0.5)
    clean = training.clean(model, x, y)
    worst = nn.functional.cross_entropy(certify.margin_bounds(model, x, y, 0.2).float(), y)
    half = nn.functional.cross_entropy(certify.margin_bounds(model, x, y, 0.1).float(), y)
    expected = {0.0: clean, 0.25: 0.65 * clean + 0.35 * half, 0.5: 0.3 * clean + 0.7 * worst}
    expected[1.0] = expected[0.5]
    for progress, value in expected.items():
        objective.progress = progress
        loss = objective(model, x, y)
        assert loss.item() == pytest.approx(value.item(), rel=1e-3)
    assert worst > clean
    loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters() if p.dim() > 1)


def test_training_for_the_certificate_earns_it():
    """Catches an objective that does not lower the certified error, or loses the digits for it,
    and a certified error below the error that `worst_case` finds."""
    digits = data.mnist()
    x, y = (part[:4000] for part in digits.train)
    x_test, y_test = (part[:500] for part in digits.test)
    errors = {}
    for name, objective in (("clean", training.clean), ("bound", certify.IntervalBound(0.1))):
        model = models.MLP((50,))
        training.fit(model, x, y, objective=objective, epochs=6, lr=5e-3, progress=False)
        attacked = attacks.worst_case(model, x_test, y_test, 0.05, steps=5, queries=20)
        errors[name] = certify.certified_error(model, x_test, y_test, 0.05)
        assert errors[name] >= (model(attacked).argmax(dim=1) != y_test).float().mean().item()
    assert errors["clean"] > 0.9
    assert errors["bound"] < 0.5
