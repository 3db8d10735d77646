"""What comes in is looked at in one place, and nothing that the caller owns is written to."""

import math
import threading
import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from advtutor import attacks, certify, linearity, models, training
from advtutor.attacks import AttackWarning
from advtutor.evaluation import (
    EvaluationWarning,
    attack_report,
    evaluate,
    predict,
    transfer_matrix,
)

GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(6, 1, 4, 4, generator=GENERATOR)
MODEL = models.MLP((8,), inputs=16, classes=3)
Y = MODEL(X).argmax(dim=1)
FGSM = partial(attacks.fgsm, eps=0.1)

ATTACKS = {
    "fgsm": FGSM,
    "bim": partial(attacks.bim, eps=0.1, steps=3),
    "pgd": partial(attacks.pgd, eps=0.1, steps=3),
    "pgd early stop": partial(attacks.pgd, eps=0.1, steps=3, restarts=2, early_stop=True),
    "square": partial(attacks.square, eps=0.1, queries=5),
    "worst_case": partial(attacks.worst_case, eps=0.1, steps=3, queries=5),
    "fooling_image": partial(attacks.fooling_image, eps=0.1),
    "minimal_epsilon": attacks.minimal_epsilon,
}


def settings(**changes):
    return {"objective": training.clean, "epochs": 1, "lr": 1e-2, "progress": False} | changes


def fit(model, x, y):
    """Trains another model than the one that the tests share."""
    model = models.MLP((8,), inputs=16, classes=3) if model is MODEL else model
    training.fit(model, x, y, **settings())


TAKING_DATA = ATTACKS | {
    "evaluate": evaluate,
    "evaluate under attack": lambda model, x, y: evaluate(model, x, y, FGSM),
    "transfer_matrix": lambda model, x, y: transfer_matrix({"a": model}, x, y, FGSM),
    "attack_report": lambda model, x, y: attack_report(model, x, y, eps=0.1, queries=2),
    "fit": fit,
    "certified": lambda model, x, y: certify.certified(model, x, y, 0.01),
    "certified_error": lambda model, x, y: certify.certified_error(model, x, y, 0.01),
    "margin_bounds": lambda model, x, y: certify.margin_bounds(model, x, y, 0.01),
    "first_order_gain": lambda model, x, y: linearity.first_order_gain(model, x, y, 0.1),
}
every_taker = pytest.mark.parametrize("take", TAKING_DATA.values(), ids=TAKING_DATA)


@every_taker
@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (Y.float(), TypeError, "^y is a torch.float32 tensor; give class numbers"),
        (Y == 0, TypeError, "^y is a torch.bool tensor; give class numbers"),
        (Y.int(), TypeError, "^y is a torch.int32 tensor"),
        (Y.tolist(), TypeError, r"^y is a list; give class numbers.*torch.as_tensor\(y\)"),
        (Y.numpy(), TypeError, r"^y is a ndarray; give class numbers"),
        (F.one_hot(Y, 3), ValueError, r"^y has the shape \(6, 3\).*y.argmax\(dim=1\)"),
        (Y[:5], ValueError, r"^y has the shape \(5,\), x has 6 examples; give one label for each"),
        (Y[0], ValueError, r"^y has the shape \(\)"),
        (Y.to("meta"), ValueError, "^y is on meta, x on cpu"),
        (Y - 3, ValueError, "^y has labels from -.* but the model has the classes 0 to 2"),
        (Y + 3, ValueError, "^y has labels from 3 to .* but the model has the classes 0 to 2"),
    ],
)
def test_labels_in_another_form(take, labels, error, words) -> None:
    """Catches labels that torch broadcasts or compares in silence, and torch's own words."""
    with pytest.raises(error, match=words):
        take(MODEL, X, labels)


@pytest.mark.parametrize("name", sorted(set(TAKING_DATA) - {"transfer_matrix"}))
def test_labels_in_a_column_are_refused(name) -> None:
    """Catches `[N, 1]`, which compares every label with every example."""
    with pytest.raises(ValueError, match=r"^y has the shape \(6, 1\).*y.squeeze\(1\)"):
        TAKING_DATA[name](MODEL, X, Y[:, None])


def test_a_column_of_labels_with_as_many_models_as_examples() -> None:
    """Catches wrong errors in a matrix where `[N, 1]` happens to fit."""
    many = {str(i): models.MLP((8,), inputs=16, classes=3, seed=i) for i in range(6)}
    attack = FGSM
    first, second = (transfer_matrix(many, X, y, attack) for y in (Y, Y[:, None]))
    assert torch.equal(first.error, second.error)


@every_taker
@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        ((255 * X).byte(), TypeError, "^x is a torch.uint8 tensor"),
        (X.numpy(), TypeError, "^x is a ndarray; give a float tensor"),
        (
            torch.where(X > 0.9, math.nan, X),
            ValueError,
            "^x holds NaN or infinite pixels in",
        ),
        (torch.where(X > 0.9, math.inf, X), ValueError, "^x holds NaN or infinite pixels"),
        (X[:, 0, 0, 0], ValueError, r"^x has the shape \(6,\); give a batch"),
        (X.to("meta"), ValueError, "^x, or the model, is on the device meta"),
    ],
)
def test_images_that_are_none(take, images, error, words) -> None:
    """Catches NaN that is counted, and bytes that are taken for pixels in [0, 1]."""
    with pytest.raises(error, match=words):
        take(MODEL, images, Y)


@every_taker
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (MODEL.state_dict(), "^model is a OrderedDict of weights; .*load_state_dict"),
        ({"model": MODEL}, "^model is a dict of weights"),
        (models.MLP, r"^model is the class MLP; build one: MLP\(\)"),
        ((MODEL, 0.9), "^model is a tuple, which cannot be called"),
        (nn.ModuleList([MODEL]), "^model is a ModuleList, which cannot be called"),
        (None, "^model is a NoneType, which cannot be called"),
    ],
)
def test_models_that_are_none(take, model, words) -> None:
    """Catches what torch.load gave, handed on as it is."""
    with pytest.raises(TypeError, match=words):
        take(model, X, Y)


class Answers(nn.Module):
    """MODEL, with its answer in another form."""

    def __init__(self, change) -> None:
        super().__init__()
        self.inner, self.change = MODEL, change

    def forward(self, x: Tensor) -> object:
        return self.change(self.inner(x))


class WithLogits:
    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


# A certificate looks at layers, and refuses `Answers` for them before it asks for an answer.
ASKING = {name: take for name, take in TAKING_DATA.items() if "certified" not in name}
ASKING.pop("margin_bounds")


@pytest.mark.parametrize("take", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda z: (z,), TypeError, "^model returned a tuple; .*wrap it"),
        (lambda z: {"logits": z}, TypeError, "^model returned a dict; .*wrap it"),
        (WithLogits, TypeError, "^model returned a WithLogits; .*wrap it"),
        (lambda z: None, TypeError, "^model returned a NoneType"),
        (
            lambda z: z.argmax(dim=1),
            TypeError,
            "^model returned a torch.int64 tensor; .*not cl",
        ),
        (lambda z: z[:, :1], ValueError, r"^model returned the shape \(\d, 1\).*K >= 2"),
        (lambda z: z.mean(dim=0), ValueError, r"^model returned the shape \(3,\)"),
        (lambda z: z * math.nan, ValueError, "^model returned NaN for"),
        (lambda z: z / 0, ValueError, "^model returned infinite logits for|returned NaN for"),
    ],
)
def test_answers_that_are_no_logits(take, change, error, words) -> None:
    """Catches NaN logits that count as class 0, and torch's own words for a dict."""
    with pytest.raises(error, match=words):
        take(Answers(change), X, Y)


@pytest.mark.parametrize("take", ASKING.values(), ids=ASKING)
def test_weights_and_images_that_do_not_go_together(take) -> None:
    """Catches torch's words on a matrix product for pixels that came from NumPy, in float64."""
    with pytest.raises(TypeError, match=r"^x is torch.float64 on cpu, the .* are torch.float32"):
        take(MODEL, X.double(), Y)
    with pytest.raises(RuntimeError) as error:
        take(MODEL, X[..., :2], Y)
    assert "of the shape (" in error.value.__notes__[0]


def test_a_line_through_lists_and_arrays() -> None:
    """Catches an AttributeError for an image from NumPy, and for distances in a list."""
    line = linearity.logits_along_line(MODEL, X[0], X[0], [0.0, 0.5])
    torch.testing.assert_close(line[0], MODEL(X[:1])[0].detach())
    with pytest.raises(TypeError, match=r"^x is a ndarray; give a"):
        linearity.logits_along_line(MODEL, X[0].numpy(), X[0], torch.zeros(2))


@pytest.mark.parametrize("measure", [evaluate, predict, linearity.logits_along_line])
def test_the_clean_measurements_look_at_the_answer_too(measure) -> None:
    """Catches a model that answers NaN and has an accuracy."""
    more = {
        evaluate: (Y,),
        predict: (),
        linearity.logits_along_line: (X[0], torch.linspace(-1, 1, 3)),
    }[measure]
    x = X[:1] if measure is linearity.logits_along_line else X
    with pytest.raises(ValueError, match=r"^model returned NaN"):
        measure(Answers(lambda z: z * math.nan), x, *more)


@pytest.mark.parametrize(
    ("attack", "error", "words"),
    [
        (lambda m, x, y: None, TypeError, "^the attack returned a NoneType; it must return the im"),
        (lambda m, x, y: x.numpy(), TypeError, "^the attack returned a ndarray"),
        (lambda m, x, y: x.double(), TypeError, "^the attack returned torch.float64"),
        (lambda m, x, y: x[:, :, :2], ValueError, "it must keep the shape"),
        (
            lambda m, x, y: x + (x - x).norm() / (x - x).norm(),
            ValueError,
            "attack returned NaN .* 6 of 6",
        ),
    ],
)
@pytest.mark.parametrize("name", ["evaluate", "transfer_matrix", "attack_report"])
def test_attacks_that_return_no_images(name, attack, error, words) -> None:
    """Catches NaN images that break everything and have moved by 0."""
    measure = {
        "evaluate": lambda: evaluate(MODEL, X, Y, attack),
        "transfer_matrix": lambda: transfer_matrix({"a": MODEL}, X, Y, attack),
        "attack_report": lambda: attack_report(MODEL, X, Y, lambda *a: attack(*a[:3]), eps=0.1),
    }[name]
    with pytest.raises(error, match=words):
        measure()


# -- Nothing that the caller owns is written to --------------------------------------------------


def in_place(model, x, y):
    x += FGSM(model, x, y) - x
    y += 1
    return x


def with_backward(model, x, y):
    x = x.requires_grad_()
    F.cross_entropy(model(x), y).backward()
    model.train()
    return (x + 0.1 * x.grad.sign()).clamp(0, 1)


def retrains(model, x, y):
    model.requires_grad_(False)
    for parameter in model.parameters():
        parameter.data.mul_(-1)  # the version counter does not see it
    return x


def swaps(model, x, y):
    for parameter in model.parameters():
        parameter.data = -parameter.data  # the old numbers stay where they were
    return x


def by_numpy(model, x, y):
    x.numpy()[...] = 0  # no version counter sees it
    next(model.parameters()).detach().numpy()[...] = 0
    return torch.full_like(x, 0.5)


@pytest.mark.parametrize("attack", [in_place, with_backward, retrains, swaps, by_numpy])
@pytest.mark.parametrize("name", ["evaluate", "transfer_matrix", "attack_report"])
@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_an_attack_changes_nothing_of_the_callers(name, attack) -> None:
    """Catches a data set that is overwritten batch by batch, gradients left in the weights, a model
    that is judged with the weights that the attack gave it, and one left in train mode."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).eval()
    model[1].weight.grad = torch.full_like(model[1].weight, 7)
    model[3].bias.requires_grad_(False)
    x, y = X.clone(), model(X).argmax(dim=1)
    before = {name: number.clone() for name, number in model.state_dict().items()}
    labels = y.clone()
    if name == "evaluate":
        report = evaluate(model, x, y, attack, batch_size=4)
        if attack is not by_numpy:
            moved = 0 if attack in (retrains, swaps) else 0.1
            assert report.max_linf == pytest.approx(moved, abs=1e-6)
        if attack in (retrains, swaps):
            assert report.error == 0
    elif name == "transfer_matrix":
        transfer_matrix({"a": model, "b": MODEL}, x, y, attack)
    else:
        attack_report(model, x, y, lambda *a: attack(*a[:3]), eps=0.1, queries=3)
    assert torch.equal(x, X) and torch.equal(y, labels) and x.grad is None
    assert all(torch.equal(number, before[name]) for name, number in model.state_dict().items())
    assert (model[1].weight.grad == 7).all() and model[3].weight.grad is None
    assert [p.requires_grad for p in model.parameters()] == [True] * 5 + [False]
    assert not any(module.training for module in model.modules())


def test_a_model_in_train_mode_keeps_its_statistics_under_any_attack() -> None:
    """Catches running statistics that move with the examples of a learner's attack."""
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 3)).train()
    before = model[1].running_mean.clone()
    evaluate(model, X, Y, lambda m, x, y: x + 0 * m(x).sum())
    assert torch.equal(model[1].running_mean, before)
    assert all(module.training for module in model.modules())


class InPlace(nn.Module):
    """MODEL on doubled images, doubled in place or not."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.inner, self.how = MODEL, how

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "plain":
            x = 2 * x
        elif self.how == "in place":
            x = x.mul_(2)
        elif self.how == "hidden":
            x.data.mul_(2)
        else:
            with torch.no_grad():
                x.mul_(2)
        return self.inner(x)


@pytest.mark.parametrize("how", ["in place", "hidden", "without gradients"])
@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_models_that_work_in_place(name, how) -> None:
    """Catches images that the model overwrites, the caller's or the attack's own: those that are
    doubled in place give the same examples as those that are doubled outside."""
    found = []
    for kind in ("plain", how):
        torch.manual_seed(0)
        x = X.clone()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AttackWarning)
            found.append(ATTACKS[name](InPlace(kind), x, Y))
        assert torch.equal(x, X)
    if how == "in place" or name == "square":
        assert torch.equal(*found)
    else:  # the gradient misses the factor 2, which only its sign ignores
        torch.testing.assert_close(*found, atol=0.2 + 1e-6, rtol=0)


@pytest.mark.parametrize("how", ["in place", "hidden", "without gradients"])
def test_measuring_models_that_work_in_place(how) -> None:
    """Catches a data set that is normalised again each time that it is measured."""
    x, model = X.clone(), InPlace(how)
    plain = InPlace("plain")
    assert evaluate(model, x, Y, batch_size=2) == evaluate(plain, x, Y, batch_size=2)
    assert torch.equal(predict(model, x).logits, predict(plain, x).logits)
    linearity.first_order_gain(model, x, Y, 0.1)
    transfer_matrix({"a": model, "b": plain}, x, Y, lambda m, x, y: x)
    assert torch.equal(x, X)


def test_looking_whether_a_model_writes_draws_nothing() -> None:
    """Catches a model with noise of its own that answers otherwise than when it is called."""

    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return MODEL(x + torch.rand_like(x))

    torch.manual_seed(0)
    alone = Noisy()(X)
    torch.manual_seed(0)
    assert torch.equal(predict(Noisy(), X).logits, alone)


def test_a_model_that_knows_one_size_of_batch() -> None:
    """Catches a look with fewer images that ends the measurement."""

    class Six(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return MODEL(x.reshape(6, 1, 4, 4).mul_(2))

    x = X.clone()
    assert evaluate(Six(), x, Y) == evaluate(InPlace("plain"), x, Y)
    assert torch.equal(x, X)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_pixels_whose_sum_is_too_large_are_finite(dtype) -> None:
    """Catches finite images that are refused because they were added up."""
    x = torch.full((6, 1, 4, 4), torch.finfo(dtype).max / 2, dtype=dtype)
    constant = nn.Sequential(nn.Flatten(), nn.Hardtanh(), nn.Linear(16, 3)).to(dtype)
    for attack in (None, lambda m, x, y: -x):
        assert evaluate(constant, x, Y, attack).n == 6
        with pytest.raises(ValueError, match="NaN or infinite"):
            evaluate(constant, x.where(x > x.max(), x * 4), Y, attack)


def test_an_attack_that_hands_out_images_of_the_callers() -> None:
    """Catches stored examples that the model overwrites while it is measured on them."""
    stored = X.clone()
    evaluate(InPlace("in place"), X.clone(), Y, lambda m, x, y: stored)
    assert torch.equal(stored, X)


def test_a_model_that_spoils_its_own_gradient() -> None:
    """Catches torch's words where torch itself must refuse."""

    class Spoilt(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            z = x.flatten(1)[:, :3].sigmoid()
            z.mul_(2)
            return z

    with pytest.raises(RuntimeError, match=r"^the model works in place on numbers.*y.clone\(\)"):
        FGSM(Spoilt(), X, Y)


# -- Ranges, gradients, shapes -------------------------------------------------------------------


@pytest.mark.parametrize("name", [*sorted(set(ATTACKS) - {"fooling_image"}), "sign_noise"])
def test_rounding_at_the_edge_of_the_range_is_let_in_and_cut_off(name) -> None:
    """Catches a refusal of what undoing a normalisation gives, and examples out of range."""
    attack = ATTACKS.get(name, partial(attacks.sign_noise, eps=0.1))
    for scale in (1.0, 255.0):
        x = scale * X.clone()
        x[0, 0, 0, 0], x[1, 0, 0, 0] = -3e-8 * scale, scale * (1 + 3e-7)
        given = x.clone()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AttackWarning)
            x_adv = attack(MODEL, x, Y, clip=(0.0, scale))
        assert torch.equal(x, given)
        if x_adv.dim() > 1:
            assert x_adv.min() >= 0 and x_adv.max() <= scale
        x[0, 0, 0, 0] = -1e-4 * scale
        with pytest.raises(ValueError, match="outside clip"):
            attack(MODEL, x, Y, clip=(0.0, scale))


class Log(nn.Module):
    """A logarithm under `where`, whose gradient at 0 is NaN."""

    def forward(self, x: Tensor) -> Tensor:
        return MODEL(torch.where(x > 0, x.log(), torch.zeros_like(x)))


@pytest.mark.parametrize("attack", [FGSM, partial(attacks.bim, eps=0.1), attacks.minimal_epsilon])
def test_gradients_of_nan_are_not_called_zero(attack) -> None:
    """Catches a warning that nothing can move, where all pixels but one do."""
    x = X.clone()
    x[:4, 0, 0, 0] = 0
    with pytest.warns(AttackWarning, match="gradient is NaN in 4 of 96 pixels, in 4 of 6") as seen:
        attack(Log(), x, Log()(x).argmax(dim=1))
    assert not any("exactly zero" in str(warning.message) for warning in seen)


@pytest.mark.parametrize("shape", [(6, 20), (6, 1, 20), (1, 3, 20), (2, 3, 4, 5, 5), (3, 2, 6)])
@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_other_shapes_than_pictures(shape) -> None:
    """Catches a search that knows pictures only: rows of a table, signals, clips."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 3))
    y = model(x).argmax(dim=1)
    for name, attack in ATTACKS.items():
        result = attack(model, x, y)
        if name != "minimal_epsilon":
            assert result.shape == x.shape
            assert (result - x).abs().max() <= 0.1 + 1e-6
    strong = attacks.square(model, x, y, 1.0, queries=200, generator=GENERATOR)
    assert (model(strong).argmax(dim=1) != y).any()
    assert attack_report(model, x, y, eps=1e-3, queries=5).findings
    line = linearity.logits_along_line(model, x[:1], x[:1], torch.linspace(-1, 1, 5))
    assert line.shape == (5, 3)


def test_the_target_may_be_there_already() -> None:
    """Catches an evaluation that ends at the one image that is read as its target already."""
    y = Y.clone()
    y[3] = (Y[3] + 2) % 3  # misread, as the class that the attack aims at

    def aim(model, x, y):
        return attacks.fgsm(model, x, (y + 1) % 3, 0.1, targeted=True)

    whole = evaluate(MODEL, X, y, aim)
    with pytest.warns(AttackWarning, match="y is what the model predicts already"):
        assert evaluate(MODEL, X, y, aim, batch_size=1).error == whole.error
    for attack in (attacks.fgsm, attacks.bim, attacks.pgd):
        with pytest.warns(AttackWarning, match="not the true class"):
            attack(MODEL, X, Y, 0.1, targeted=True)


# -- Threads, devices, wrappers ------------------------------------------------------------------


def test_threads_that_attack_a_model_in_train_mode() -> None:
    """Catches a thread that puts the model back into train mode under the others."""
    seen = []

    class Spy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(self.training)
            return x

    model = nn.Sequential(Spy(), MODEL, nn.Dropout(0.0)).train()
    frozen = model[2].eval()
    work = [threading.Thread(target=attacks.pgd, args=(model, X, Y, 0.1)) for _ in range(4)]
    [thread.start() for thread in work]
    [thread.join() for thread in work]
    assert len(seen) == 160 and not any(seen)
    assert model.training and model[0].training and not frozen.training
    MODEL.eval()


def test_parts_of_a_model_in_two_threads() -> None:
    """Catches a lock for each model, where a member is attacked while its ensemble is measured."""
    member = nn.Dropout(0.5)
    both = nn.Sequential(member)
    outer, inner = attacks.eval_mode(both), attacks.eval_mode(member)
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert both.training and not member.training
    inner.__exit__(None, None, None)
    assert member.training


class Called:
    """An object that asks one of several models."""

    def __init__(self, model) -> None:
        self.models = {"first": model}

    def __call__(self, x):
        return self.models["first"](x)


def through_a_helper(model):
    def scores(x):
        return model(x)

    def answer(x):
        return scores(x)

    return answer


def through_a_global(model):
    namespace = {"net": model}
    exec("def answer(x):\n    return net(x)", namespace)
    return namespace["answer"]


WRAPS = [
    lambda m: m.forward,
    lambda m: partial(m),
    lambda m: m.__call__,
    lambda m: lambda x: m(x),
    lambda m: lambda x, net=m: net(x),
    through_a_helper,
    through_a_global,
    Called,
    lambda m: Called(m).__call__,
]


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_method_of_a_model_is_asked_in_eval_mode(wrap) -> None:
    """Catches dropout that stays on because the model came as its forward, or in a function."""
    modes = []

    class Spy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            modes.append(self.training)
            return MODEL(x)

    model = Spy().train()
    evaluate(wrap(model), X, Y, FGSM)
    assert modes and not any(modes) and model.training


def test_a_model_in_a_function_keeps_its_weights_and_says_whose_probabilities_it_has_not() -> None:
    """Catches weights that an attack changes behind a lambda, and a confidence changed silently."""
    model = models.RBF(16, 3)
    before = {key: value.clone() for key, value in model.state_dict().items()}

    def meddling(_, x, y):
        for parameter in model.parameters():
            parameter.data.zero_()
        return x

    with pytest.warns(EvaluationWarning, match="holds a RBF, which has its own probabilities"):
        evaluate(lambda x: model(x), X, (Y + 1) % 3, meddling)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_function_that_holds_much_else_is_looked_through_in_time() -> None:
    """Catches a search for modules that goes through a data set, or round in circles."""
    ring: list = [MODEL]
    ring.append(ring)
    data = list(range(1_000_000))

    def answer(x):
        assert len(data) and ring
        return ring[0](x)

    assert MODEL in attacks.query.modules_of(answer)


WITH_A_LOSS = {
    "fgsm": FGSM,
    "bim": partial(attacks.bim, eps=0.1, steps=2),
    "pgd": partial(attacks.pgd, eps=0.1, steps=2, norm="l2"),
    "first_order_gain": partial(linearity.first_order_gain, eps=0.1),
}
every_climb = pytest.mark.parametrize("climb", WITH_A_LOSS.values(), ids=WITH_A_LOSS)


@every_climb
@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        ("margin", TypeError, "^loss is 'margin'; give a function of the logits"),
        (lambda z, y: None, TypeError, "^loss returned a NoneType; it must return a float tensor"),
        (lambda z, y: F.cross_entropy(z, y).item(), TypeError, "^loss returned a float; it must"),
        (lambda z, y: z.argmax(dim=1), TypeError, "^loss returned a torch.int64 tensor; it must"),
        (lambda z, y: z, ValueError, r"^loss returned the shape \(6, 3\) for 6 examples.*\[6\]"),
        (lambda z, y: z[:, :1], ValueError, r"^loss returned the shape \(6, 1\) for 6 examples"),
        (lambda z, y: z[0], ValueError, r"^loss returned the shape \(3,\) for 6 examples"),
        (lambda z, y: z.detach().amax(1), ValueError, "^loss returned numbers that no longer dep"),
    ],
)
def test_what_a_loss_returns_is_looked_at_in_one_wording(climb, loss, error, words) -> None:
    """Catches torch's own words, and a sum of something else that is climbed without a word."""
    with pytest.raises(error, match=words):
        climb(MODEL, X, Y, loss=loss)


def test_one_loss_for_the_whole_batch_leads_the_same_way() -> None:
    """Catches a mean that is refused where it does no harm, or taken where each is needed."""
    for attack in (FGSM, WITH_A_LOSS["bim"]):
        assert torch.equal(attack(MODEL, X, Y, loss=F.cross_entropy), attack(MODEL, X, Y))
    with pytest.raises(ValueError, match=r"^loss returned the shape \(\) for 6 examples"):
        linearity.first_order_gain(MODEL, X, Y, 0.1, loss=F.cross_entropy)


class NoFloat64(TorchFunctionMode):
    """Refuses float64, as Apple's GPUs do."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return result


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_devices_without_float64() -> None:
    """Catches float64 where the model and its images are."""
    with NoFloat64():
        assert evaluate(MODEL, X, (Y + 1) % 3).error == 1
        transfer_matrix({"a": MODEL}, X, Y, FGSM)
        attack_report(MODEL, X, Y, eps=0.1, queries=2)
        predict(MODEL, X)
        for attack in ATTACKS.values():
            attack(MODEL, X, Y)
        linearity.first_order_gain(MODEL, X, Y, 0.1)
        linearity.logits_along_line(MODEL, X[0], X[0], torch.linspace(-1, 1, 3))
        fit(MODEL, X, Y)


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        lambda model: nn.Sequential(nn.Identity(), model),
        lambda model: nn.DataParallel(nn.Sequential(nn.Sequential(model))),
    ],
)
def test_a_wrapped_model_keeps_its_probabilities(wrap) -> None:
    """Catches the softmax over outputs that are independent, because something stands around."""
    rbf = models.RBF(16, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report, own = (evaluate(m, X, (Y + 1) % 3) for m in (wrap(rbf), rbf))
    assert report == own
    softmax = rbf(X).softmax(dim=1).amax(dim=1)[predict(rbf, X).classes != (Y + 1) % 3].mean()
    assert own.confidence_on_errors != pytest.approx(softmax.item(), abs=0.01)


def test_probabilities_that_a_wrapper_hides_are_named() -> None:
    """Catches a confidence that is silently the softmax's, and a warning where it should be."""
    rbf = Wrapped(models.RBF(16, 3))
    with pytest.warns(EvaluationWarning, match=r"holds a RBF.*probabilities\(logits\)") as seen:
        evaluate(rbf, X, Y)
    assert {warning.filename for warning in seen} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(Wrapped(MODEL), X, Y)


@pytest.mark.parametrize("clip", [(-1.0, 1.0), (0.0, 255.0), None])
@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_a_report_in_another_range(clip) -> None:
    """Catches a report that knows [0, 1] only."""
    low, high = clip or (-1.0, 1.0)
    x, eps = low + (high - low) * X, 0.1 * (high - low)
    y = MODEL(x).argmax(dim=1)
    own = attack_report(MODEL, x, y, partial(attacks.pgd, clip=clip), eps=eps, queries=5)
    given = attack_report(MODEL, x, y, clip=clip, eps=eps, queries=5)
    assert own == given
    found = {finding.question: finding.sound for finding in given.findings}
    if clip is None:
        assert not any("stays in [" in question for question in found)
    else:
        assert found[f"stays in [{low:g}, {high:g}]"]
        assert f"eps = {high - low:g} breaks everything" in found

        def outside(model, x, y, eps):
            return attacks.pgd(model, x, y, eps, clip=None)

        strayed = attack_report(MODEL, x, y, outside, clip=clip, eps=eps, queries=5)
        found = {finding.question: finding.sound for finding in strayed.findings}
        assert not found[f"stays in [{low:g}, {high:g}]"]


def test_predict_reads_what_evaluate_measures() -> None:
    """Catches train mode, gradients, another order, and a class read off saturated sigmoids."""
    model = nn.Sequential(nn.Dropout(0.5), MODEL).train()
    seen = predict(model, X, batch_size=4)
    assert torch.equal(seen.logits, MODEL(X)) and not seen.logits.requires_grad
    assert torch.equal(seen.classes, Y)
    torch.testing.assert_close(seen.confidence, MODEL(X).softmax(dim=1).amax(dim=1))
    sure = models.Sigmoids(nn.Sequential(nn.Flatten()))
    x = torch.tensor([[20.0, 30.0], [40.0, 30.0]])
    assert predict(sure, x).classes.tolist() == [1, 0]
    assert evaluate(sure, x, torch.tensor([1, 0])).error == 0
    MODEL.eval()


def test_a_list_of_models_is_refused() -> None:
    """Catches a matrix whose rows have no names."""
    with pytest.raises(TypeError, match="models is a list; give a dict"):
        transfer_matrix([MODEL], X, Y, FGSM)
