"""Attacks against closed forms: on a linear model the worst case is known exactly."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from advtutor import attacks
from advtutor.models import LogisticRegression, SoftmaxRegression

properties = settings(max_examples=20, deadline=None, derandomize=True)


class Linear:
    """A random logistic model in float64, with images of both classes."""

    def __init__(self, seed: int, inputs: int = 20, n: int = 30) -> None:
        self.g = torch.Generator().manual_seed(seed)
        self.model = LogisticRegression(inputs, seed=seed).double()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=self.g))
        self.w = self.model.linear.weight.detach().flatten()
        self.x = torch.rand(n, 1, 1, inputs, generator=self.g, dtype=torch.float64)
        self.score = self.model.score(self.x).detach()
        self.labels = (self.score > 0).long()  # what the model says, so that nothing errs yet

    def sign(self, y: Tensor) -> Tensor:
        """The paper's y: -1 or +1."""
        return 2 * y - 1


linear_models = st.integers(0, 10**6).map(Linear)


@properties
@given(linear_models, st.sampled_from([0.0, 0.01, 0.25, 3.0]))
def test_fgsm_reaches_the_exact_worst_loss(case: Linear, eps: float) -> None:
    """Catches a wrong sign or size for one of the classes: the loss as printed in the paper's
    section 5 holds for y = +1 only."""
    y = torch.randint(0, 2, (len(case.x),), generator=case.g)
    x_adv = attacks.fgsm(case.model, case.x, y, eps, clip=None)
    loss = F.cross_entropy(case.model(x_adv), y, reduction="none").detach()
    worst = F.softplus(eps * case.w.abs().sum() - case.sign(y) * case.score)
    torch.testing.assert_close(loss, worst)


@properties
@given(linear_models, st.sampled_from([0.01, 0.25, 3.0]))
def test_l2_attack_reaches_the_exact_worst_loss(case: Linear, eps: float) -> None:
    """Catches an L2 step that is not along the gradient, or a ball of another radius."""
    y = torch.randint(0, 2, (len(case.x),), generator=case.g)
    x_adv = attacks.pgd(case.model, case.x, y, eps, norm="l2", clip=None, random_start=False)
    loss = F.cross_entropy(case.model(x_adv), y, reduction="none").detach()
    worst = F.softplus(eps * case.w.norm() - case.sign(y) * case.score)
    torch.testing.assert_close(loss, worst, rtol=1e-4, atol=1e-6)


@properties
@given(linear_models, st.sampled_from([1e-2, 1e-3, 1e-5]))
def test_smallest_eps_is_the_distance(case: Linear, tolerance: float) -> None:
    """Catches a search that ends above the boundary, or reports a radius below it."""
    exact = case.score.abs() / case.w.abs().sum()
    eps = attacks.minimal_epsilon(
        case.model, case.x, case.labels, eps_max=10.0, tolerance=tolerance, clip=None
    )
    assert (eps >= exact - 1e-12).all()
    assert (eps <= exact + tolerance).all()


@properties
@given(linear_models)
def test_no_smallest_eps_beyond_eps_max(case: Linear) -> None:
    """Catches a radius above the limit, and one that is missing below it."""
    exact = case.score.abs() / case.w.abs().sum()
    limit = float(exact.median())
    eps = attacks.minimal_epsilon(
        case.model, case.x, case.labels, eps_max=limit, tolerance=1e-4, clip=None
    )
    assert eps[exact > limit].isinf().all()
    assert (eps[exact < limit - 1e-4] <= limit).all()


@properties
@given(linear_models, st.sampled_from(["linf", "l2"]), st.booleans(), st.booleans())
def test_a_quarter_beyond_the_boundary_flips_everything(
    case: Linear, norm: str, early_stop: bool, random_start: bool
) -> None:
    """Catches an iterative attack that does not reach the edge of its ball, and one that reaches
    beyond it."""
    length = case.w.abs().sum() if norm == "linf" else case.w.norm()
    for i in range(3):
        x, y = case.x[[i]], case.labels[[i]]
        exact = float(case.score[i].abs() / length)
        attack = partial(
            attacks.pgd,
            norm=norm,
            clip=None,
            early_stop=early_stop,
            random_start=random_start,
            generator=case.g if random_start else None,
        )
        beyond = attack(case.model, x, y, 1.25 * exact)
        assert case.model(beyond).argmax(1) != y
        short_of = attack(case.model, x, y, 0.999 * exact)
        assert case.model(short_of).argmax(1) == y


@properties
@given(linear_models, st.sampled_from([attacks.square, attacks.worst_case]))
def test_others_flip_everything_a_quarter_beyond(
    case: Linear, attack: Callable[..., Tensor]
) -> None:
    """Catches a search that stops short of a corner of the ball."""
    exact = case.score.abs() / case.w.abs().sum()
    eps = 1.25 * float(exact.max())
    x_adv = attack(case.model, case.x, case.labels, eps, clip=None, generator=case.g)
    assert (case.model(x_adv).argmax(1) != case.labels).all()
    assert (x_adv - case.x).abs().max() <= eps + 1e-6


def test_targeted_fgsm_is_exact_against_each_class() -> None:
    """Catches a targeted step that is FGSM's turned round: the gradient is that of the target."""
    model = SoftmaxRegression(20, 4, seed=0).double()
    x = torch.rand(10, 1, 1, 20, dtype=torch.float64)
    y = model(x).argmin(dim=1)
    z, weight = model(x).detach(), model.linear.weight.detach()
    pull = z.softmax(1) @ weight - weight[y]  # the gradient of cross-entropy
    x_adv = attacks.fgsm(model, x, y, 0.1, targeted=True, clip=None)
    torch.testing.assert_close(x_adv.flatten(1), x.flatten(1) - 0.1 * pull.sign())


@pytest.mark.filterwarnings("ignore:the gradient is exactly zero")
@pytest.mark.parametrize("dimensions", [1, 2, 3, 20])
def test_start_is_uniform_in_the_l2_ball(dimensions: int) -> None:
    """Catches a radius drawn evenly, which crowds the centre: in d dimensions (r / eps)**d is
    what is even. (Several libraries draw the radius.)"""
    n = 4000
    x = torch.zeros(n, 1, 1, dimensions)
    y = torch.zeros(n, dtype=torch.int64)
    start = attacks.pgd(
        lambda x: torch.stack([x.flatten(1).sum(1), x.flatten(1).sum(1)], dim=1),
        x,
        y,
        2.0,
        norm="l2",
        step_size=0.0,
        steps=1,
        clip=None,
        generator=torch.Generator().manual_seed(0),
    )
    radius = start.flatten(1).norm(dim=1)
    assert_uniform((radius / 2) ** dimensions)
    # And all directions are alike: each coordinate is as often above 0 as below.
    above = (start.flatten(1) > 0).double().mean(dim=0)
    torch.testing.assert_close(above, torch.full_like(above, 0.5), rtol=0, atol=0.04)


def test_start_is_uniform_in_the_linf_ball() -> None:
    """Catches a start at the corners or in the middle."""
    x, y = torch.full((100, 1, 1, 40), 0.5), torch.zeros(100, dtype=torch.int64)
    start = attacks.pgd(
        lambda x: x.flatten(1)[:, :2],
        x,
        y,
        0.25,
        step_size=0.0,
        steps=1,
        generator=torch.Generator().manual_seed(0),
    )
    assert_uniform(((start - x) / 0.5 + 0.5).flatten())


def assert_uniform(values: Tensor) -> None:
    """Kolmogorov and Smirnov's test for U(0, 1), at a level of one in a thousand."""
    values = values.double().sort().values
    n = len(values)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    gap = max((steps[1:] - values).max(), (values - steps[:-1]).max())
    assert gap < 1.95 / math.sqrt(n)
