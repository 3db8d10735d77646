"""`evaluate` against numbers worked out by hand."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from advtutor import attacks, models, training
from advtutor.evaluation import (
    Report,
    attack_report,
    evaluate,
    predict,
    transfer_matrix,
)


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
    assert seen and not any(seen)


def test_nothing_cannot_be_measured():
    """Catches an error of nothing."""
    with pytest.raises(ValueError, match="0 examples"):
        evaluate(Reader(), X[:0], Y[:0])


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


# --- curves, transfer, and whether an attack can be believed ---

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(60, 1, 6, 6, generator=GENERATOR)
LABELS = ((IMAGES.flatten(1) - 0.5) @ torch.randn(36, 3, generator=GENERATOR)).argmax(dim=1)


@pytest.fixture(scope="module")
def learnt():
    model = models.SoftmaxRegression(36, 3)
    settings = {"objective": training.clean, "epochs": 60, "lr": 0.05, "progress": False}
    training.fit(model, IMAGES, LABELS, **settings)
    return model


def test_confidence_is_read_as_the_model_reads_it():
    """Catches a softmax over independent yes-or-no outputs, which never says 'I do not know'."""
    model = models.RBF(2, 2)
    x = torch.full((1, 1, 1, 2), 9.0)
    assert model(x).softmax(dim=1).max() >= 0.5
    wrong = 1 - model(x).argmax(dim=1)
    assert evaluate(model, x, wrong).confidence_on_errors < 0.1


def test_transfer_by_hand():
    """Catches rows and columns swapped, and agreement over all examples instead of joint errors."""

    class Fixed(nn.Module):
        def __init__(self, answers, changed):
            super().__init__()
            self.answers, self.changed = answers, changed

        def forward(self, x):
            answers = self.changed if x[0, 0, 0, 0] == 1 else self.answers
            return nn.functional.one_hot(torch.tensor(answers), 3).float()

    first, second = Fixed([0, 0, 0, 0], [1, 1, 0, 0]), Fixed([0, 0, 0, 0], [1, 2, 2, 0])
    x, y = torch.zeros(4, 1, 1, 1), torch.zeros(4, dtype=torch.int64)

    def attack(model, x, y):
        return torch.ones_like(x) if model is first else x

    measured = transfer_matrix({"first": first, "second": second}, x, y, attack)
    assert measured.names == ("first", "second")
    assert measured.error.tolist() == [[0.5, 0.75], [0.0, 0.0]]
    assert measured.agreement[0].tolist() == [1.0, 0.5]
    assert measured.agreement[1].isnan().all()


def soundness(report):
    return {finding.question: finding.sound for finding in report.findings}


def test_a_sound_attack_is_believed(learnt):
    """Catches a report that doubts everything."""
    report = attack_report(learnt, IMAGES, LABELS, partial(attacks.pgd, steps=10), eps=0.05)
    assert report.sound, repr(report)
    assert "nothing speaks against it" in repr(report)
    assert repr(report).count("✓") == len(report.findings)


fgsm = attacks.fgsm
BROKEN = {
    "is no weaker than FGSM": attacks.sign_noise,
    "beats noise of its size": attacks.sign_noise,
    "eps = 1 breaks everything": attacks.sign_noise,
    "more eps breaks more": lambda m, x, y, eps: fgsm(m, x, y, eps if eps < 0.25 else 0.0),
    "stays in [0, 1]": lambda m, x, y, eps: fgsm(m, x, y, eps, clip=None),
    "stays in the ball": lambda m, x, y, eps: fgsm(m, x, y, min(1.0, 1.5 * eps)),
    "leaves the images alone": lambda m, x, y, eps: x.copy_(fgsm(m, x, y, eps)),
    "eps = 0 changes nothing": lambda m, x, y, eps: (fgsm(m, x, y, eps) + 1e-3).clamp(0, 1),
    "moves every example": lambda m, x, y, eps: torch.cat([fgsm(m, x[::2], y[::2], eps), x[1::2]]),
}


@pytest.mark.parametrize("question", BROKEN)
def test_a_broken_attack_is_found_out(learnt, question):
    """Catches a report that lets this defect of an attack pass."""
    report = attack_report(learnt, IMAGES.clone(), LABELS, BROKEN[question], eps=0.2)
    assert not soundness(report)[question], repr(report)
    assert "do not believe it yet" in repr(report)


class Masked(nn.Module):
    """Reads the logits off saturated, so that no gradient of the cross-entropy arrives."""

    def __init__(self, model, change):
        super().__init__()
        self.model, self.change = model, change

    def forward(self, x):
        return self.change(self.model(x))


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_masked_gradients_are_found_out(learnt):
    """Catches trust in an attack that a gradient-free one beats, or that leaves examples."""
    masked = Masked(learnt, lambda logits: 4000 * logits)
    found = soundness(attack_report(masked, IMAGES, LABELS, attacks.bim, eps=0.2))
    assert not found["is no weaker than 200 blind queries"]
    assert not found["moves every example"]


@pytest.mark.filterwarnings("ignore::advtutor.attacks.AttackWarning")
def test_probabilities_and_train_mode_are_found_out(learnt):
    """Catches a model handed over with a softmax on top, or with dropout still on."""
    soft = Masked(learnt, lambda logits: logits.softmax(dim=1))
    assert not soundness(attack_report(soft, IMAGES, LABELS, attacks.bim, eps=0.1))[
        "returns logits"
    ]
    dropping = nn.Sequential(nn.Dropout(0.5), learnt).train()
    found = soundness(attack_report(dropping, IMAGES, LABELS, attacks.bim, eps=0.1))
    assert not found["stands in eval mode"]
    dropping.eval()
    found = soundness(attack_report(dropping, IMAGES, LABELS, attacks.bim, eps=0.1))
    assert found["stands in eval mode"]


def test_a_report_leaves_the_callers_randomness_alone(learnt):
    """Catches a report after which everything random comes out differently."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = attack_report(learnt, IMAGES, LABELS, eps=0.1, queries=20)
    assert torch.equal(torch.rand(2), expected)
    assert first == attack_report(learnt, IMAGES, LABELS, eps=0.1, queries=20)


@pytest.mark.parametrize("writes", ["in large batches", "from the third call on"])
def test_a_model_that_writes_to_some_images_only_changes_none_of_yours(writes):
    """Catches a model that is trusted with your images because it left the first ones alone."""

    class Writer(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if len(x) > 2 if writes == "in large batches" else self.calls > 2:
                x.mul_(0.5)
            return x.flatten(1)[:, :2]

    x, y = torch.rand(12, 1, 2, 2), torch.zeros(12, dtype=torch.int64)
    before = x.clone()
    evaluate(Writer(), x, y, batch_size=3)
    evaluate(Writer(), x, y, lambda model, images, labels: x[: len(images)], batch_size=3)
    predict(Writer(), x, batch_size=3)
    assert torch.equal(x, before)
