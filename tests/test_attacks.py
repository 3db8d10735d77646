"""Attacks: what each does on cases small enough to foresee, what it refuses, what it warns of."""

import math
import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from advtutor import attacks
from advtutor.attacks import AttackWarning, fgsm, pgd

Attack = Callable[..., Tensor]

WITH_LABELS: dict[str, Attack] = {
    "fgsm": fgsm,
    "bim": attacks.bim,
    "pgd": pgd,
    "square": partial(attacks.square, queries=3),
    "worst_case": partial(attacks.worst_case, steps=2, queries=3),
    "fooling_image": partial(attacks.fooling_image, clip=(0.0, 1.0)),
    "minimal_epsilon": lambda model, x, y, eps, **more: attacks.minimal_epsilon(
        model, x, y, eps_max=eps, **more
    ),
}
EVERY = WITH_LABELS | {"sign_noise": attacks.sign_noise, "uniform_noise": attacks.uniform_noise}
every_attack = pytest.mark.parametrize("attack", EVERY.values(), ids=EVERY)


class Slopes(nn.Module):
    """Logits that are linear in the flattened image; counts the examples it is asked about.

    They lie around -5, so that nobody takes them for probabilities.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        return x.flatten(1) @ self.weight.T - 5


class Steps(Slopes):
    """The same behind a layer without a derivative."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x * 8).round() / 8)


@pytest.fixture
def model() -> Slopes:
    """Two classes, two pixels: class 0 where the first pixel is the brighter one."""
    return Slopes(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))


def pixels(*rows: tuple[float, float]) -> Tensor:
    return torch.tensor(rows).reshape(-1, 1, 1, 2)


def labels(*classes: int) -> Tensor:
    return torch.tensor(classes)


# -- What each does ----------------------------------------------------------------------------


def test_fgsm_steps_up_the_loss_by_eps_and_clips(model: Slopes) -> None:
    """Catches a step down the loss, a step of another size, a missing clip."""
    x_adv = fgsm(model, pixels((0.9, 0.5), (0.05, 0.0)), labels(0, 0), 0.1)
    torch.testing.assert_close(x_adv, pixels((0.8, 0.6), (0.0, 0.1)))


def test_own_loss_is_climbed(model: Slopes) -> None:
    """Catches a `loss` argument that is taken and never used."""
    x_adv = fgsm(model, pixels((0.5, 0.5)), labels(0), 0.1, loss=lambda z, y: z[:, 0] + 2 * z[:, 1])
    torch.testing.assert_close(x_adv, pixels((0.6, 0.6)))


def test_bim_takes_steps_of_its_size(model: Slopes) -> None:
    """Catches a step_size that is ignored, and one step too few or too many."""
    x_adv = attacks.bim(model, pixels((0.9, 0.1)), labels(0), 0.5, step_size=0.1, steps=3)
    torch.testing.assert_close(x_adv, pixels((0.6, 0.4)))


def test_bim_of_one_step_is_fgsm(model: Slopes) -> None:
    """Catches a default step that does not begin with eps."""
    x, y = pixels((0.9, 0.3), (0.2, 0.6)), labels(0, 1)
    assert torch.equal(attacks.bim(model, x, y, 0.1, steps=1), fgsm(model, x, y, 0.1))


def test_early_stop_leaves_what_is_broken_alone(model: Slopes) -> None:
    """Catches an early stop that goes on moving, or goes on computing, what the model errs on."""
    x = pixels((0.9, 0.1), (0.2, 0.4), (0.5, 0.35))
    y = labels(0, 0, 0)
    bim = partial(attacks.bim, model, x, y, 0.3, step_size=0.1, steps=10)
    x_adv = bim(early_stop=True)
    assert torch.equal(x_adv[1], x[1])  # the model erred on it from the start
    torch.testing.assert_close(x_adv[[2]], pixels((0.4, 0.45)))  # one step was enough
    torch.testing.assert_close(x_adv[[0]], pixels((0.6, 0.4)))  # no number of steps is
    model.asked = 0
    bim()
    all_steps, model.asked = model.asked, 0
    bim(early_stop=True)
    assert all_steps == 30 and model.asked < 20


def test_restarts_keep_the_first_success() -> None:
    """Catches a restart that attacks, and may lose, what an earlier one broke."""

    class Trap(nn.Module):
        """Without a derivative, so that only the random start counts: wrong in the left half."""

        def forward(self, x: Tensor) -> Tensor:
            right = (x.flatten(1)[:, :1] > 0.5).float()
            return torch.cat([right, 1 - right], dim=1)

    x, y = torch.full((2000, 1, 1, 1), 0.5 + 1e-6), torch.zeros(2000, dtype=torch.int64)

    def share_broken(restarts: int) -> float:
        g = torch.Generator().manual_seed(0)
        with pytest.warns(AttackWarning):
            x_adv = pgd(Trap(), x, y, 0.1, steps=1, restarts=restarts, generator=g)
        return float((Trap()(x_adv).argmax(1) != y).float().mean())

    assert share_broken(1) == pytest.approx(0.5, abs=0.05)
    assert share_broken(3) == pytest.approx(0.875, abs=0.05)


@pytest.mark.filterwarnings("ignore:the gradient is exactly zero")
def test_weak_gradient_pixels_do_not_turn_into_nan() -> None:
    """Catches NaN from a gradient of 0/0 that spreads into the images."""

    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            z = x.flatten(1)
            return torch.stack([z.sum(1), (z * 0).sqrt().sum(1)], dim=1)

    x = pixels((0.5, 0.2))
    for norm in ("linf", "l2"):
        x_adv = pgd(Root(), x, labels(0), 0.1, norm=norm, steps=2, random_start=False)
        assert x_adv.isfinite().all()


def test_gradient_of_which_all_pixels_share_one_number() -> None:
    """Catches a sign taken in place: torch keeps the gradient of a sum as one repeated number."""

    class Sums(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            total = x.sum(dim=(1, 2, 3))
            return torch.stack([total, -total], dim=1)

    x = pixels((0.5, 0.25))
    for attack in (fgsm, partial(pgd, random_start=False, steps=2)):
        torch.testing.assert_close(attack(Sums(), x, labels(0), 0.125), x - 0.125)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_loss_is_taken_in_float32(dtype: torch.dtype) -> None:
    """Catches a probability near 1 that half precision rounds to 1, so that a pixel stays."""
    model = Slopes(torch.tensor([[12.0, 0.0], [0.0, 12.0]])).to(dtype)
    x_adv = fgsm(model, pixels((0.875, 0.125)).to(dtype), labels(0), 0.125)
    assert torch.equal(x_adv, pixels((0.75, 0.25)).to(dtype))


def test_sign_noise_moves_every_pixel_by_eps() -> None:
    """Catches a coin that can land on its edge, which half precision makes likely."""
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.full((50, 1, 28, 28), 0.5, dtype=dtype)
        step = attacks.sign_noise(None, x, None, 0.25) - x
        assert (step.abs() == 0.25).all()
        assert step.double().mean().abs() < 0.01


def test_uniform_noise_fills_the_ball_evenly() -> None:
    """Catches normal noise, or noise of another width."""
    x = torch.full((50, 1, 28, 28), 0.5)
    g = torch.Generator().manual_seed(0)
    step = (attacks.uniform_noise(None, x, None, 0.25, generator=g) - x).flatten()
    quarters = torch.histc(step, bins=4, min=-0.25, max=0.25) / len(step)
    torch.testing.assert_close(quarters, torch.full((4,), 0.25), atol=0.01, rtol=0)


def test_square_paints_the_edge_of_the_ball(model: Slopes) -> None:
    """Catches candidates inside the ball: the worst case of these models is at its corners."""
    x, y = pixels((0.9, 0.5)), labels(0)
    x_adv = attacks.square(model, x, y, 0.1, queries=50, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(x_adv, pixels((0.8, 0.6)))


def test_square_asks_no_more_than_its_queries(model: Slopes) -> None:
    """Catches a query that is not counted, and queries for what is broken already."""
    x, y = pixels((0.9, 0.1)).expand(10, -1, -1, -1), labels(*[0] * 10)
    for queries in (1, 2, 7):
        model.asked = 0
        attacks.square(model, x, y, 0.1, queries=queries)
        assert model.asked == 10 * queries
    model.asked = 0
    attacks.square(model, x, 1 - y, 0.1, queries=7)
    assert model.asked == 10
    model.asked = 0
    x = pixels((0.9, 0.1), (0.51, 0.5))  # the second falls soon
    attacks.square(model, x, labels(0, 0), 0.1, queries=60)
    assert 60 < model.asked < 100


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_worst_case_breaks_all_that_fgsm_breaks() -> None:
    """Catches an ensemble that loses an earlier success to a later attack's failure."""
    g = torch.Generator().manual_seed(0)
    model = Slopes(torch.randn(4, 36, generator=g))
    x = torch.rand(300, 1, 6, 6, generator=g)
    y = model(x).argmax(1)
    by_fgsm = model(fgsm(model, x, y, 0.05)).argmax(1) != y
    by_all = model(attacks.worst_case(model, x, y, 0.05, queries=10)).argmax(1) != y
    assert 0.1 < by_fgsm.float().mean() < 0.9
    assert (by_all >= by_fgsm).all()


class Saturated(Slopes):
    def forward(self, x: Tensor) -> Tensor:
        return 1e4 * super().forward(x)


@pytest.mark.parametrize("mask", [Saturated, Steps])
def test_worst_case_sees_through_a_masked_gradient(mask: type[Slopes]) -> None:
    """Catches an ensemble whose members are blind to the same thing."""
    g = torch.Generator().manual_seed(0)
    model = mask(torch.randn(4, 36, generator=g))
    x = torch.rand(100, 1, 6, 6, generator=g)
    y = model(x).argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it has other means, and warns of nothing
        x_adv = attacks.worst_case(model, x, y, 0.3, generator=g)
    assert (model(x_adv).argmax(1) != y).float().mean() > 0.95


def test_worst_case_averages_a_model_that_answers_at_random() -> None:
    """Catches success by luck: an answer that is wrong once and right on the average."""

    class Noisy(Slopes):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 0.3 * torch.randn(len(x), 2)

    torch.manual_seed(0)
    model = Noisy(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    x, y = pixels((0.8, 0.2)).expand(200, -1, -1, -1), labels(*[0] * 200)
    with pytest.warns(AttackWarning, match="answers differently each time"):
        x_adv = attacks.worst_case(model, x, y, 0.03, steps=5, queries=5)
    # No point of the ball is wrong on the average, so that the last attack, whose points lie at
    # the edge, still works on all of them. One single answer in ten is wrong.
    torch.testing.assert_close((x_adv - x).abs(), torch.full_like(x, 0.03))


def test_minimal_epsilon_on_two_pixels(model: Slopes) -> None:
    """Catches a radius where the model errs already, one beyond eps_max, one that clipping
    makes impossible to reach."""
    x, y = pixels((0.9, 0.5), (0.2, 0.6), (1.0, 0.0), (0.3, 0.1)), labels(0, 0, 0, 0)
    eps = attacks.minimal_epsilon(model, x, y, eps_max=0.4)
    torch.testing.assert_close(eps, torch.tensor([0.2, 0, math.inf, 0.1]), rtol=0, atol=1e-3)
    # One pixel cannot become brighter, so the other has to do it all.
    eps = attacks.minimal_epsilon(model, pixels((0.6, 0.3)), labels(0), clip=(0.3, 0.6))
    torch.testing.assert_close(eps, torch.tensor([0.15]), rtol=0, atol=1e-3)
    eps = attacks.minimal_epsilon(model, pixels((1.0, 0.7)), labels(0), clip=(0.0, 1.0))
    torch.testing.assert_close(eps, torch.tensor([0.15]), rtol=0, atol=1e-3)


def test_minimal_epsilon_on_a_curve() -> None:
    """Catches a search whose last steps are longer than its tolerance: here the first-order
    estimate leads far beyond the boundary, or stops well before it."""

    class Curve(nn.Module):
        def __init__(self, power: float) -> None:
            super().__init__()
            self.power = power

        def forward(self, x: Tensor) -> Tensor:
            score = x.flatten(1).sum(1) ** self.power - 0.5**self.power
            return torch.stack([-score, score], dim=1)

    x = torch.tensor([0.1, 0.2, 0.43]).reshape(-1, 1, 1, 1)
    for power in (0.3, 4.0):
        for tolerance in (1e-2, 1e-3):
            eps = attacks.minimal_epsilon(Curve(power), x, labels(0, 0, 0), tolerance=tolerance)
            exact = torch.tensor([0.4, 0.3, 0.07])
            assert (eps >= exact - 1e-6).all() and (eps <= exact + tolerance).all()


@pytest.mark.filterwarnings("ignore:the gradient is exactly zero")
@pytest.mark.parametrize("x", [0.1, 0.9])
def test_they_see_past_a_gradient_that_is_zero_at_the_image(x: float) -> None:
    """Catches a search that only ever starts at the image."""

    class Flat(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            score = ((x.flatten(1).mean(1) - 0.5).abs() - 0.1).clamp(max=0.1)
            return torch.stack([score, -score], dim=1)

    images, y = torch.full((1, 1, 2, 2), x), labels(0)
    eps = attacks.minimal_epsilon(Flat(), images, y, eps_max=0.38)
    torch.testing.assert_close(eps, torch.tensor([0.3]), rtol=0, atol=1e-3)
    assert Flat()(attacks.worst_case(Flat(), images, y, 0.35, queries=1)).argmax(1) == 1


def test_minimal_epsilon_without_a_gradient() -> None:
    """Catches a radius of 0, or NaN, where no gradient says anything."""
    model = Steps(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    with pytest.warns(AttackWarning, match="exactly zero for 1 of 1"):
        eps = attacks.minimal_epsilon(model, pixels((0.9, 0.5)), labels(0))
    assert eps.item() == math.inf


def test_gaussian_rubbish_is_standard_normal() -> None:
    """Catches rubbish clipped to [0, 1], which is another experiment than the paper's."""
    g = torch.Generator().manual_seed(0)
    x = attacks.gaussian_rubbish(200, (1, 28, 28), generator=g)
    assert x.shape == (200, 1, 28, 28)
    assert x.mean().abs() < 0.01 and (x.std() - 1).abs() < 0.01
    g.manual_seed(0)
    assert torch.equal(attacks.gaussian_rubbish(200, generator=g), x)
    assert attacks.gaussian_rubbish(0).shape == (0, 1, 28, 28)
    with pytest.raises(ValueError, match=r"n is -1; it must be at least 0"):
        attacks.gaussian_rubbish(-1)


def test_fooling_image_is_one_step_towards_the_class(model: Slopes) -> None:
    """Catches a step away from it, a clip, and a refusal of what is taken for the class already."""
    x = pixels((2.0, -1.0))
    torch.testing.assert_close(attacks.fooling_image(model, x, labels(1), 0.5), pixels((1.5, -0.5)))
    torch.testing.assert_close(attacks.fooling_image(model, x, labels(0), 0.5), pixels((2.5, -1.5)))


# -- What they refuse --------------------------------------------------------------------------

ONE, GOOD = pixels((0.9, 0.5)), labels(0)


# test_gate.py has what all refuse that are given a model or labels.


@every_attack
@pytest.mark.parametrize(
    ("x", "clip", "error", "message"),
    [
        (pixels((0.9, 1.2)), (0, 1), ValueError, r"^x has pixels from 0.9 to 1.2, outside clip="),
        (pixels((-0.1, 0.2)), (0, 1), ValueError, r"^x has pixels from -0.1 to 0.2.*normalisat"),
        (ONE, (1.0, 0.0), ValueError, r"^clip is \(1.0, 0.0\); give \(lowest, highest\)"),
        (ONE, (0.0,), ValueError, r"^clip is \(0.0,\); give"),
    ],
)
def test_refuses_bad_images(
    attack: Attack,
    x: object,
    clip: attacks.Clip,
    error: type[Exception],
    message: str,
    model: Slopes,
) -> None:
    """Catches images outside the range that move by up to 1, NaN that spreads, and bytes."""
    with pytest.raises(error, match=message):
        attack(model, x, GOOD, 0.1, clip=clip)


def test_images_at_the_edge_of_a_range_that_the_dtype_rounds(model: Slopes) -> None:
    """Catches a refusal of 0.1, which as a float32 is a little larger than 0.1."""
    fgsm(model, pixels((0.1, 0.0)), GOOD, 0.05, clip=(0.0, 0.1))


@every_attack
@pytest.mark.parametrize("eps", [-0.1, math.nan, math.inf])
def test_refuses_a_bad_radius(attack: Attack, eps: float, model: Slopes) -> None:
    """Catches a negative eps, which would turn the attack into help."""
    with pytest.raises(ValueError, match=rf"^eps(_max)? is {eps}; it must be a finite number"):
        attack(model, ONE, GOOD, eps)


@every_attack
@pytest.mark.parametrize("eps", ["8/255", None, torch.tensor([0.1, 0.2])])
def test_refuses_a_radius_that_is_no_number(attack: Attack, eps: object, model: Slopes) -> None:
    """Catches a message that does not say which argument was meant."""
    with pytest.raises(TypeError, match=r"^eps(_max)? is .*; it must be one number"):
        attack(model, ONE, GOOD, eps)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"steps": 0}, ValueError, "^steps is 0; it must be at least 1"),
        ({"steps": 1.5}, TypeError, "^steps is 1.5; it must be a whole number"),
        ({"restarts": 0}, ValueError, "^restarts is 0; it must be at least 1"),
        ({"restarts": 2, "random_start": False}, ValueError, "^restarts is 2.*random_start=True"),
        ({"step_size": -1.0}, ValueError, "^step_size is -1.0; it must be a finite number"),
        ({"norm": "l1"}, ValueError, "^norm is 'l1'; choose one of 'linf', 'l2'"),
    ],
)
def test_pgd_refuses_bad_settings(
    more: dict[str, object], error: type[Exception], message: str, model: Slopes
) -> None:
    """Catches `steps=0`, which returns clean images, and a target that is the true class."""
    with pytest.raises(error, match=message):
        pgd(model, ONE, GOOD, 0.1, **more)


@pytest.mark.parametrize(
    ("attack", "name"),
    [(attacks.square, "queries"), (attacks.worst_case, "queries"), (attacks.worst_case, "steps")],
)
def test_others_refuse_zero_counts(attack: Attack, name: str, model: Slopes) -> None:
    """Catches a search that does not search."""
    with pytest.raises(ValueError, match=f"^{name} is 0; it must be at least 1"):
        attack(model, ONE, GOOD, 0.1, **{name: 0})


def test_minimal_epsilon_refuses_no_tolerance(model: Slopes) -> None:
    """Catches a search that cannot end where it should."""
    with pytest.raises(ValueError, match=r"^tolerance is 0; give the accuracy"):
        attacks.minimal_epsilon(model, ONE, GOOD, tolerance=0)


# -- What they warn of -------------------------------------------------------------------------

WARNING: dict[str, Attack] = {
    "fgsm": fgsm,
    "bim": attacks.bim,
    "pgd": pgd,
    "fooling_image": attacks.fooling_image,
    "minimal_epsilon": WITH_LABELS["minimal_epsilon"],
}


@pytest.mark.parametrize("attack", WARNING.values(), ids=WARNING)
def test_warns_of_probabilities(attack: Attack, model: Slopes) -> None:
    """Catches a softmax inside the model, taken twice in silence, and a warning that points into
    the library instead of at the line that called it."""
    with pytest.warns(AttackWarning, match="look like probabilities, not logits") as caught:
        attack(lambda x: model(x).softmax(1), ONE, GOOD, 0.1)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("attack", WARNING.values(), ids=WARNING)
def test_warns_of_zero_gradients(attack: Attack) -> None:
    """Catches images left untouched in silence, and a wrong count of them."""
    model = Steps(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    x, y = pixels((0.9, 0.5), (0.5, 0.9), (0.9, 0.1)), labels(1, 0, 1)
    if attack is not attacks.fooling_image:
        y = 1 - y
    with pytest.warns(AttackWarning, match="exactly zero for 3 of 3 examples") as caught:
        attack(model, x, y, 0.1)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("early_stop", [False, True])
def test_counts_only_what_could_not_be_moved_and_had_to_be(early_stop: bool) -> None:
    """Catches a count of examples that the model errs on anyway."""
    model = Steps(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    x, y = pixels((0.9, 0.5), (0.5, 0.9), (0.9, 0.1)), labels(0, 0, 0)
    with pytest.warns(AttackWarning, match="exactly zero for 2 of 3 examples"):
        attacks.bim(model, x, y, 0.1, early_stop=early_stop)


def test_warns_once_for_all_restarts() -> None:
    """Catches a warning for each restart."""
    model = Steps(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    with pytest.warns(AttackWarning) as caught:
        pgd(model, pixels((0.9, 0.1)), labels(0), 0.05, restarts=5, steps=1)
    assert len(caught) == 1


@pytest.mark.parametrize("attack", EVERY.values(), ids=EVERY)
def test_is_silent_where_all_is_well(
    attack: Attack, model: Slopes, capfd: pytest.CaptureFixture[str]
) -> None:
    """Catches a warning that cries wolf, and anything printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attack(model, pixels((0.9, 0.5), (0.2, 0.4)), labels(0, 1), 0.1)
    assert capfd.readouterr() == ("", "")
