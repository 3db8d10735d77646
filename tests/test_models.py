"""The networks: what they compute, how they start, and how their confidence is read."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advtutor import attacks, models

X = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))
COLOUR = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
Y = torch.arange(6)


def small_conv_maxout(seed=0):
    return models.ConvMaxout((4, 6, 5), 8, seed=seed)


NETWORKS = {
    "softmax": models.SoftmaxRegression,
    "logistic": models.LogisticRegression,
    "mlp": models.MLP,
    "conv": models.ConvNet,
    "maxout": lambda seed=0: models.Maxout(20, 3, seed=seed),
    "rbf": models.RBF,
    "sigmoids": lambda seed=0: models.Sigmoids(models.MLP((8,), seed=seed)),
    "conv maxout": small_conv_maxout,
}
each_network = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)


def images(build):
    return COLOUR if build is small_conv_maxout else X


@each_network
def test_logits_are_finite_and_follow_from_the_seed(build):
    """Catches weights drawn outside the seed, a seed that changes nothing, and a wrong shape."""
    state = torch.random.get_rng_state()
    first, same, other = build(seed=1).eval(), build(seed=1).eval(), build(seed=2).eval()
    assert torch.equal(torch.random.get_rng_state(), state), "the caller's random state moved"
    x = images(build)
    logits = first(x)
    assert logits.shape == (6, 2 if isinstance(first, models.LogisticRegression) else 10)
    assert logits.isfinite().all()
    assert torch.equal(logits, same(x))
    assert not torch.equal(logits, other(x))


@each_network
def test_repr_ends_in_the_number_of_parameters(build):
    """Catches a repr that loses the count, or counts a part only."""
    model = build()
    assert repr(model).endswith(f"# {sum(p.numel() for p in model.parameters()):,} parameters")


@each_network
def test_float64_and_an_empty_batch(build):
    """Catches a constant tensor of a fixed dtype, and a reduction that needs an example."""
    model, x = build().double().eval(), images(build).double()
    assert model(x).dtype == torch.float64
    assert model(x[:0]).shape == model(x)[:0].shape


@each_network
def test_the_gradient_agrees_with_finite_differences(build):
    """Catches a detached part, or a formula whose gradient is not its own."""
    model = build().double().eval()
    x = images(build)[:2].double().requires_grad_()
    logits = model(x)
    mix = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(x)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).to(x)
    (gradient,) = torch.autograd.grad((logits * mix).sum(), x)
    step = 1e-6 * direction
    expected = ((model(x + step) - model(x - step)) * mix).sum() / 2e-6
    torch.testing.assert_close((gradient * direction).sum(), expected, rtol=1e-4, atol=1e-5)


def test_logistic_logits_differ_by_the_score():
    """Catches logits whose softmax is not the sigmoid of the score, and class 1 below zero."""
    model = models.LogisticRegression()
    score = model.score(X)
    torch.testing.assert_close(model(X).softmax(dim=1)[:, 1], score.sigmoid())
    assert torch.equal(model(X).argmax(dim=1), (score > 0).long())


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_mlp_has_the_hidden_layers_asked_for(hidden):
    """Catches a layer too many or too few, and a ReLU after the logits."""
    model = models.MLP(hidden, inputs=784, classes=4)
    sizes = [layer.out_features for layer in model.layers if isinstance(layer, nn.Linear)]
    assert sizes == [*hidden, 4]
    assert isinstance(model.layers[-1], nn.Linear)
    assert sum(isinstance(layer, nn.ReLU) for layer in model.layers) == len(hidden)


def test_maxout_layer_is_the_largest_of_its_linear_functions():
    """Catches pieces of different units mixed up, and a minimum or mean for the maximum."""
    layer = models.MaxoutLayer(6, units=4, pieces=3)
    x = torch.randn(5, 6)
    pieces = [
        F.linear(x, layer.linear.weight[4 * p : 4 * p + 4], layer.linear.bias[4 * p : 4 * p + 4])
        for p in range(3)
    ]
    torch.testing.assert_close(layer(x), torch.stack(pieces).max(dim=0).values)


def test_maxout_starts_from_the_recipe():
    """Catches torch's default initial weights, which are far larger, and a missing dropout."""
    model = models.Maxout()
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    assert [tuple(w.shape) for w in weights] == [(1200, 784), (1200, 240), (10, 240)]
    for weight in weights:
        assert 0.0045 < weight.abs().max() <= 0.005
    assert all((p == 0).all() for name, p in model.named_parameters() if name.endswith("bias"))
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.2, 0.5, 0.5]


def test_maxout_drops_in_training_only():
    """Catches dropout that is on while the model is measured, or off while it learns."""
    model = models.Maxout(20, 3)
    assert not torch.equal(model.train()(X), model(X))
    assert torch.equal(model.eval()(X), model(X))


def test_constrain_shortens_long_rows_only():
    """Catches a limit on the wrong axis, a limit on biases, and rows shortened without need."""
    model = models.Maxout(8, 2)
    with torch.no_grad():
        weight = model.layers[2].linear.weight
        weight.mul_(10)  # still short
        weight[3] = 1.0  # of length 28
        model.layers[-1].bias.fill_(9.0)
    before = weight.clone()
    models.Sigmoids(model).constrain()
    assert weight[3].norm().item() == pytest.approx(1.9365, abs=1e-4)
    torch.testing.assert_close(weight[3], torch.full_like(weight[3], 1.9365 / 28))
    others = torch.arange(16) != 3
    assert torch.equal(weight[others], before[others])
    assert (model.layers[-1].bias == 9).all()
    assert weight.requires_grad and weight.grad_fn is None


def test_conv_maxout_learns_from_every_weight():
    """Catches weights outside the graph, dropout that is off, and an input that nobody shifts."""
    model = small_conv_maxout()
    assert not torch.equal(model.train()(COLOUR), model(COLOUR))
    F.cross_entropy(model.eval()(COLOUR), Y).backward()
    assert all(p.grad.abs().max() > 0 for p in model.parameters())
    assert "Affine(mean=0.473, scale=2.0)" in repr(model)


def test_conv_maxout_halves_the_papers_eps():
    """Catches a scale that is not the documented one: 0.1 in the paper is 0.05 in pixels."""
    normalise = small_conv_maxout().layers[0]
    torch.testing.assert_close(normalise(COLOUR + 0.05) - normalise(COLOUR), COLOUR * 0 + 0.1)
    torch.testing.assert_close(normalise(torch.full((1,), 0.473)), torch.zeros(1))


def test_conv_maxout_layer_is_the_largest_of_its_convolutions():
    """Catches pieces of different units mixed up, and an image that shrinks."""
    layer = models.ConvMaxoutLayer(3, units=4, pieces=2)
    values = layer.linear(COLOUR)
    torch.testing.assert_close(layer(COLOUR), torch.maximum(values[:, :4], values[:, 4:]))
    assert layer(COLOUR).shape == (6, 4, 32, 32)


def test_conv_maxout_constrains_each_kernel():
    """Catches a layer left out, a limit on the wrong axis, and short kernels that are changed."""
    model = small_conv_maxout()
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    assert [w.ndim for w in weights] == [4, 4, 4, 2, 2]
    with torch.no_grad():
        for weight in weights:
            weight.fill_(1e-3)
            weight[1] = 1.0
    model.constrain()
    for weight, length in zip(weights, (0.9, *[1.9365] * 4), strict=True):
        assert weight[1].norm().item() == pytest.approx(length, abs=1e-4)
        assert (weight[0] == 1e-3).all()


def test_rbf_probabilities_are_the_gaussians():
    """Catches a slip in the squares multiplied out, and log-odds that belong to another p."""
    model = models.RBF().double()
    with torch.no_grad():
        model.layers[1].log_weights.normal_(-6, 1)  # p of every size
    x = X.double()
    bells = model.layers[1]
    difference = x.flatten(1)[:, None] - bells.centres
    expected = (-(bells.log_weights.exp() * difference.square()).sum(dim=2)).exp()
    torch.testing.assert_close(model.probabilities(model(x)), expected)


def test_binary_cross_entropy_by_hand():
    """Catches a mean where a sum belongs, a sign, and labels off by one."""
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]], dtype=torch.float64)
    y = torch.tensor([1, 2])
    p = logits.sigmoid()
    first = -((1 - p[0, 0]).log() + p[0, 1].log() + (1 - p[0, 2]).log())
    expected = torch.stack([first, -3 * torch.tensor(0.5).double().log()])
    torch.testing.assert_close(models.binary_cross_entropy(logits, y), expected)


def test_binary_cross_entropy_fits_an_attack():
    """Catches a shape or a sign that does not fit `loss=`: the attack must raise this loss."""
    model = models.Sigmoids(models.MLP((16,)))
    x_adv = attacks.fgsm(model, X, Y, 0.05, loss=models.binary_cross_entropy)
    before, after = (models.binary_cross_entropy(model(x), Y) for x in (X, x_adv))
    assert before.shape == (6,)
    assert (after > before).all()


def test_sigmoids_change_the_reading_and_not_the_logits():
    """Catches a wrapper that alters the model, and probabilities that still sum to 1."""
    inner = models.MLP((8,))
    model = models.Sigmoids(inner)
    logits = model(X)
    assert torch.equal(logits, inner(X))
    assert torch.equal(model.probabilities(logits), logits.sigmoid())
    torch.testing.assert_close(inner.probabilities(logits).sum(dim=1), torch.ones(6))
    model.constrain()  # an inner model without the method is left alone
