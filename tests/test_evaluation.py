"""`evaluate` against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from advtutor.evaluation import Report, evaluate


class Reader(nn.Module):
    """Takes an image's two pixels for the logits of two classes."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, x):
        return self.scale * x.flatten(1)


# Classes read: 0, 0, 1, 1. With these labels the second and the fourth are wrong.
X = torch.tensor([[1.0, 0.0], [0.5, 0.25], [0.0, 1.0], [0.25, 0.5]]).reshape(4, 1, 1, 2)
Y = torch.tensor([0, 1, 1, 0])
SURE = [math.exp(4 * gap) / (1 + math.exp(4 * gap)) for gap in (1.0, 0.25, 1.0, 0.25)]


def swap_first(model, x, y):
    """Swaps the two pixels of the very first image, and leaves the others alone."""
    x = x.clone()
    if torch.equal(x[0], X[0]):
        x[0] = x[0].flip(-1)
    return x


def test_clean_numbers():
    """Catches an error over the wrong denominator, and a confidence over all examples."""
    report = evaluate(Reader(), X, Y)
    assert report.n == 4
    assert report.error == 0.5
    assert report.accuracy == 0.5
    assert report.success_rate == 0.0
    assert report.confidence_on_errors == pytest.approx(SURE[1])
    assert report.max_linf == 0.0
    assert report.unmoved == 4


def test_attacked_numbers():
    """Catches already-wrong images counted as successes, and a confidence over successes only."""
    report = evaluate(Reader(), X, Y, swap_first)
    assert report.error == 0.75
    assert report.success_rate == 0.5
    assert report.confidence_on_errors == pytest.approx((SURE[0] + 2 * SURE[1]) / 3)
    assert report.max_linf == 1.0
    assert report.unmoved == 3


def test_batches_make_no_difference():
    """Catches means of means over batches of unequal size."""
    whole = evaluate(Reader(), X, Y, swap_first)
    for batch_size in (1, 3):
        parts = evaluate(Reader(), X, Y, swap_first, batch_size=batch_size)
        assert parts.error == whole.error
        assert parts.confidence_on_errors == pytest.approx(whole.confidence_on_errors)


def test_no_errors_give_nan_and_not_a_division():
    """Catches a ZeroDivisionError on a perfect model, and on one that is wrong throughout."""
    assert math.isnan(evaluate(Reader(), X[:1], Y[:1]).confidence_on_errors)
    assert math.isnan(evaluate(Reader(), X[1:2], Y[1:2]).success_rate)


def test_dropout_is_off_and_the_mode_comes_back():
    """Catches predictions in train mode, and a model left in eval mode."""
    model = nn.Sequential(nn.Dropout(0.99), Reader()).train()
    model[1].eval()
    assert evaluate(model, X, torch.tensor([0, 0, 1, 1])).error == 0.0
    assert [m.training for m in model.modules()] == [True, True, False]


def test_gradients_are_not_recorded():
    """Catches a graph kept over all batches."""
    seen = []
    model = Reader()
    model.register_forward_hook(lambda m, args, out: seen.append(out.requires_grad))
    evaluate(model, X, Y)
    assert seen == [False]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((X[:0], Y[:0]), "0 examples"),
        ((X, Y[:3]), "one label for each"),
        ((X, Y, lambda m, x, y: x[:, :, :, :1]), "keep the shape"),
    ],
)
def test_refusals(arguments, words):
    """Catches silent nonsense for empty data, labels that do not fit, and attacks that cut."""
    with pytest.raises(ValueError, match=words):
        evaluate(Reader(), *arguments)


def test_batch_size_is_checked():
    """Catches an endless or empty loop."""
    with pytest.raises(ValueError, match="batch_size"):
        evaluate(Reader(), X, Y, batch_size=0)


def test_repr_reads_like_a_report():
    """Catches a repr that hides the number of examples or shows fractions as if per cent."""
    text = repr(Report(10_000, 0.117, 0.11, 0.65, 0.25, 3))
    assert "n=10000" in text
    assert "11.70%" in text
    assert "0.25" in text
