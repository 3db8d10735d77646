"""The measures of linearity, against closed forms and models whose answers are known."""

import math

import pytest
import torch
from torch import nn

from advtutor import attacks, linearity, models

X = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
Y = torch.arange(5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_aligned_change_is_what_the_step_does():
    """Catches the 2-norm in place of the 1-norm, and a step that some other step beats."""
    weight = torch.randn(4, 50, generator=generator(), dtype=torch.float64)
    change = linearity.aligned_change(weight, 0.3)
    for row, expected in zip(weight, change, strict=True):
        assert (row @ (0.3 * row.sign())).item() == pytest.approx(expected.item())


def test_growth_is_n_against_the_square_root_of_n():
    """Catches a random step that is aligned, a missing eps, and mixed-up fields."""
    n, eps = [16, 64, 256, 1024], 0.25
    growth = linearity.activation_growth(n, eps, generator=generator())
    assert growth.n.tolist() == n
    for size, aligned, random in zip(n, growth.aligned, growth.random, strict=True):
        assert aligned.item() == pytest.approx(eps * size * math.sqrt(2 / math.pi), rel=0.05)
        assert random.item() == pytest.approx(eps * math.sqrt(size), rel=0.15)
    assert growth.exponents == pytest.approx((1.0, 0.5), abs=0.05)


def test_logits_along_a_line_one_by_one():
    """Catches a clip, distances in the wrong order or batch, and dropout left on."""
    model = models.Maxout(20, 3).train()
    direction = torch.randn(1, 28, 28, generator=generator())
    distances = torch.linspace(-10, 10, 7)
    logits = linearity.logits_along_line(model, X[0], direction, distances, batch_size=3)
    assert model.training and all(layer.training for layer in model.layers)
    assert not logits.requires_grad
    model.eval()
    for distance, row in zip(distances, logits, strict=True):
        torch.testing.assert_close(row, model((X[0] + distance * direction)[None])[0])
    same = linearity.logits_along_line(model, X[:1], direction[None], distances)
    torch.testing.assert_close(same, logits)


def test_logits_along_a_line_refuse_a_batch():
    """Catches a batch of images that broadcasts against the distances without a word."""
    with pytest.raises(ValueError, match=r"x\[:1\]"):
        linearity.logits_along_line(models.MLP((3,)), X, X, torch.zeros(5))
    with pytest.raises(ValueError, match="vector of distances"):
        linearity.logits_along_line(models.MLP((3,)), X[0], X[0], torch.tensor(1.0))


def test_straightness_of_a_straight_line_and_of_a_constant():
    """Catches a NaN where nothing varies, a swapped slope and intercept, and r2 other than 1."""
    t = torch.linspace(-3, 5, 20)
    fit = linearity.straightness(t, torch.stack([2 * t - 1, torch.full_like(t, 7.0)], dim=1))
    torch.testing.assert_close(fit.slope, torch.tensor([2.0, 0.0]).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(fit.intercept, torch.tensor([-1.0, 7.0]).double())
    torch.testing.assert_close(fit.r2, torch.ones(2).double())
    torch.testing.assert_close(fit.deviation, torch.zeros(2).double(), atol=1e-6, rtol=0)


def test_straightness_of_a_kink_and_a_parabola():
    """Catches a measure that calls a kink straight, and a window that is not looked through."""
    t = torch.linspace(-1, 1, 201, dtype=torch.float64)
    values = torch.stack([t.abs(), t**2], dim=1)
    whole = linearity.straightness(t, values)
    torch.testing.assert_close(whole.slope, torch.zeros(2).double(), atol=1e-12, rtol=0)
    assert (whole.r2.abs() < 1e-12).all()
    assert whole.deviation[0].item() == pytest.approx(0.5, abs=0.01)
    half = linearity.straightness(t, values, window=(-1e-9, 1.0))
    assert half.r2[0].item() == pytest.approx(1)
    # A parabola on [0, 1]: the best line is t - 1/6, its r2 is 15/16.
    assert half.slope[1].item() == pytest.approx(1)
    assert half.r2[1].item() == pytest.approx(15 / 16, abs=0.01)
    assert half.deviation[1].item() == pytest.approx(1 / 6, abs=0.01)


def test_straightness_refuses_two_points():
    """Catches the praise of a line through two points."""
    t = torch.tensor([0.0, 1.0, 2.0, 2.0])
    with pytest.raises(ValueError, match="three"):
        linearity.straightness(t, t[:, None], window=(0.5, 3.0))


def logit_difference(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return logits[:, 0] - logits[:, 1]


def test_first_order_gain_is_exact_for_a_linear_loss():
    """Catches a wrong norm, a sign, a mean over the batch, and a difference the wrong way round."""
    model = models.LogisticRegression().double()
    gain = linearity.first_order_gain(model, X.double(), Y % 2, 0.1, loss=logit_difference)
    expected = (0.1 * model.linear.weight.abs().sum()).detach().expand(5)
    torch.testing.assert_close(gain.predicted, expected)
    torch.testing.assert_close(gain.true, expected)


def test_first_order_gain_with_a_clip_counts_the_shortened_step():
    """Catches a prediction for pixels that the clip has stopped."""
    model = models.LogisticRegression().double()
    x = torch.zeros_like(X).double()
    gain = linearity.first_order_gain(model, x, Y % 2, 0.1, clip=(0.0, 1.0), loss=logit_difference)
    upwards = (-model.linear.weight.detach()).clamp(min=0).sum()
    torch.testing.assert_close(gain.predicted, (0.1 * upwards).expand(5))
    torch.testing.assert_close(gain.true, gain.predicted)


def test_first_order_gain_agrees_with_the_attack_and_fades_with_eps():
    """Catches a step other than FGSM's, and a prediction that does not hold for a tiny eps."""
    model = models.MLP((16,)).double().train()
    x = X.double()
    small, large = (linearity.first_order_gain(model, x, Y, eps) for eps in (1e-5, 1.0))
    torch.testing.assert_close(small.true, small.predicted, rtol=1e-3, atol=0)
    assert ((large.true - large.predicted).abs() > 0.05 * large.predicted).any()
    x_adv = attacks.fgsm(model, x, Y, 1.0, clip=None)
    expected = attacks.cross_entropy(model(x_adv), Y) - attacks.cross_entropy(model(x), Y)
    torch.testing.assert_close(large.true, expected.detach())
    assert not large.true.requires_grad and model.training
    assert all(p.grad is None for p in model.parameters())


def test_first_order_gain_works_without_gradients_switched_on():
    """Catches `does not require grad` under no_grad and inference_mode."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
    expected = linearity.first_order_gain(model, X, Y % 3, 0.1).true
    with torch.no_grad():
        torch.testing.assert_close(linearity.first_order_gain(model, X, Y % 3, 0.1).true, expected)
    with torch.inference_mode():
        torch.testing.assert_close(linearity.first_order_gain(model, X, Y % 3, 0.1).true, expected)
