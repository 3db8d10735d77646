"""The training loop and its objectives."""

import functools
import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advtutor import attacks, models, training
from advtutor.training import fit

GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(96, 1, 4, 4, generator=GENERATOR)
Y = (X[:, 0, 0, 0] > 0.5).long()


def small(seed=0):
    return models.SoftmaxRegression(16, 2, seed=seed)


def settings(**changes):
    return {"objective": training.clean, "epochs": 2, "lr": 1e-2, "progress": False} | changes


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_it_learns():
    """Catches a loop that never steps, or steps uphill."""
    model = small()
    history = fit(model, X, Y, **settings(epochs=40, lr=0.1))
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert (model(X).argmax(dim=1) == Y).float().mean() > 0.9
    assert len(history.epochs) == 40
    assert not history.interrupted


def test_one_seed_one_result_and_the_callers_randomness_untouched():
    """Catches a loop that draws from the caller's random state, or ignores the seed."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, third = small(), small(), small()
    noise = training.Noise(0.1)
    fit(first, X, Y, **settings(objective=noise))
    assert torch.equal(torch.rand(3), expected)
    fit(second, X, Y, **settings(objective=noise))
    fit(third, X, Y, **settings(objective=noise, seed=1))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(third))


def test_every_example_once_an_epoch():
    """Catches a last batch dropped, or examples drawn with repetition."""
    seen = []

    def objective(model, x, y):
        seen.append(x)
        return training.clean(model, x, y)

    fit(small(), X, Y, **settings(objective=objective, epochs=1, batch_size=40))
    assert [len(batch) for batch in seen] == [40, 40, 16]
    rows = torch.cat(seen).flatten(1)
    assert torch.equal(rows.sort(dim=0).values, X.flatten(1).sort(dim=0).values)
    assert not torch.equal(rows, X.flatten(1))


def test_mean_loss_counts_examples_and_not_batches():
    """Catches a short last batch that counts as much as a whole one."""
    frozen = small()
    history = fit(frozen, X, Y, **settings(epochs=1, lr=1e-12, batch_size=90))
    assert history["loss"][0] == pytest.approx(F.cross_entropy(small()(X), Y).item(), rel=1e-5)


@pytest.mark.parametrize("clip", [(0.0, 1.0), None])
def test_the_papers_objective_by_hand(clip):
    """Catches alpha on the wrong term, a wrong sign, a missing clip, and a step that is learnt."""
    model, eps, alpha = small().double(), 0.3, 0.7
    x, y = X.double(), Y
    w = model.linear.weight.detach()
    # For two classes the gradient's sign is that of the other class's weights less the label's.
    step = eps * (w[1 - y] - w[y]).sign().reshape_as(x)
    x_adv = x + step if clip is None else (x + step).clamp(*clip)
    expected = alpha * F.cross_entropy(model(x), y) + (1 - alpha) * F.cross_entropy(model(x_adv), y)
    expected.backward()
    gradient = model.linear.weight.grad.clone()

    objective = training.Adversarial(eps, alpha, clip)
    model.zero_grad()
    loss = objective(model, x, y)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item())
    torch.testing.assert_close(model.linear.weight.grad, gradient)

    model.zero_grad()
    assert objective.backward(model, x, y).item() == pytest.approx(expected.item())
    torch.testing.assert_close(model.linear.weight.grad, gradient)


def test_the_quick_backward_saves_a_forward_and_a_backward_pass():
    """Catches a third forward pass creeping in."""
    passes = []
    model = small()
    model.register_forward_hook(lambda *_: passes.append(1))
    training.Adversarial(0.1).backward(model, X, Y)
    assert len(passes) == 2


def test_the_quick_backward_leaves_frozen_weights_alone():
    """Catches an error, or a gradient, for weights that are not trained."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 2))
    model[1].weight.requires_grad_(False)
    training.Adversarial(0.1).backward(model, X, Y)
    assert model[1].weight.grad is None
    assert model[3].weight.grad is not None


@pytest.mark.parametrize(
    "objective",
    [
        training.Noise(0.2, "sign"),
        training.Noise(0.2, "uniform"),
        training.RandomStart(0.2),
        training.PGD(0.2, steps=3),
        training.Adversarial(0.2),
    ],
)
def test_training_examples_stay_in_the_ball_and_in_range(objective):
    """Catches a step measured from the random start instead of the image, and a missing clip."""
    seen = []
    model = small()
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    objective(model, X, Y).backward()
    for x in seen:
        assert (x - X).abs().max() <= 0.2 + 1e-6
        assert x.min() >= 0
        assert x.max() <= 1
    assert (seen[-1] - X).abs().max() > 0.19


def test_warm_up_raises_eps_from_zero():
    """Catches an eps at full size from the start, where such training fails."""
    seen, objective = [], training.RandomStart(0.2, warm_up=0.5)
    model = small()
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    for progress, eps in [(0.0, 0.0), (0.25, 0.1), (0.5, 0.2), (1.0, 0.2)]:
        objective.progress = progress
        objective(model, X, Y)
        assert (seen[-1] - X).abs().max() == pytest.approx(eps, abs=0.01)


def test_fit_tells_objectives_how_far_it_is():
    """Catches a warm-up that never ends, or never begins."""

    class Watching:
        progress = 1.0

        def __init__(self):
            self.seen = []

        def __call__(self, model, x, y):
            self.seen.append(self.progress)
            return training.clean(model, x, y)

    objective = Watching()
    fit(small(), X, Y, **settings(objective=objective, batch_size=48))
    assert objective.seen == [0.0, 0.25, 0.5, 0.75]


def test_an_interrupted_run_returns_what_it_has():
    """Catches a Ctrl-C that loses the history or leaves the model half set."""
    calls = []

    def objective(model, x, y):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return training.clean(model, x, y)

    model = small()
    before = weights(model)
    with pytest.warns(training.TrainingWarning, match="interrupted in epoch 3 of 9"):
        history = fit(model, X, Y, **settings(objective=objective, epochs=9, batch_size=32))
    assert history.interrupted
    assert len(history["loss"]) == 2
    assert "interrupted" in repr(history)
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert not torch.equal(weights(model), before)
    assert model(X).isfinite().all()


def test_validation_is_recorded_each_epoch():
    """Catches measurements lost, or taken in train mode."""
    modes = []

    def validation(model):
        modes.append(model.training)
        return {"error": float(len(modes))}

    history = fit(small(), X, Y, **settings(validation=validation))
    assert history["error"] == [1.0, 2.0]
    assert modes == [False, False]
    with pytest.raises(KeyError, match="'eror' was not measured; there are loss, error"):
        history["eror"]


def test_a_diverging_run_says_so():
    """Catches an hour of training on NaN."""

    def objective(model, x, y):
        return training.clean(model, x, y) * float("nan")

    with pytest.raises(FloatingPointError, match="lower lr"):
        fit(small(), X, Y, **settings(objective=objective))


@pytest.mark.parametrize(
    "objective",
    [
        lambda model, x, y: None,
        lambda model, x, y: training.clean(model, x, y).item(),
        lambda model, x, y: training.clean(model, x, y).detach(),
        lambda model, x, y: F.cross_entropy(model(x), y, reduction="none"),
    ],
)
def test_an_objective_that_cannot_be_trained_is_refused(objective):
    """Catches torch's own words for a forgotten return, a float, a detached or a vector loss."""
    with pytest.raises(ValueError, match="must return a scalar tensor"):
        fit(small(), X, Y, **settings(objective=objective))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": float("nan")}, "lr is nan"),
    ],
)
def test_settings_out_of_range_are_refused(changes, words):
    """Catches settings with which nothing is trained."""
    with pytest.raises(ValueError, match=words):
        fit(small(), X, Y, **settings(**changes))


# --- early stopping, checkpoints, constraints ---


def falls_then_rises(values):
    """A validation that returns `values` one after the other, and the weights it saw."""
    left, seen = list(values), []

    def validation(model):
        seen.append(weights(model))
        return {"error": left.pop(0)}

    return validation, seen


def test_the_best_epochs_weights_are_kept():
    """Catches early stopping that returns the last weights, or the first of equals' successors."""
    validation, seen = falls_then_rises([0.5, 0.2, 0.2, 0.4])
    model = small()
    history = fit(model, X, Y, **settings(epochs=4, validation=validation, keep_best="error"))
    assert len(history["error"]) == 4
    assert torch.equal(weights(model), seen[1])


def test_early_stopping_needs_something_to_watch():
    """Catches a number to keep the best of that nobody measures, an error of the first epoch."""
    with pytest.raises(ValueError, match="needs a validation"):
        fit(small(), X, Y, **settings(keep_best="error"))


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path):
    """Catches lost optimiser moments, a learning rate or random numbers that start over."""
    noise = training.Noise(0.1)
    whole, parts = small(), small()
    expected = fit(whole, X, Y, **settings(objective=noise, epochs=4))

    def kill(done, loss):
        if done == 3:
            raise SystemExit

    file = tmp_path / "run.pt"
    with pytest.raises(SystemExit):
        fit(parts, X, Y, **settings(objective=noise, epochs=4, checkpoint=file, on_batch=kill))
    again = small(seed=9)
    history = fit(again, X, Y, **settings(objective=noise, epochs=4, checkpoint=file))
    assert torch.equal(weights(again), weights(whole))
    assert history.epochs == expected.epochs
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_a_finished_training_is_not_repeated(tmp_path):
    """Catches a checkpoint after which the epochs are trained once more."""
    first, second = small(), small(seed=9)
    changes = {"checkpoint": tmp_path / "run.pt"}
    fit(first, X, Y, **settings(**changes))
    history = fit(second, X, Y, **settings(**changes))
    assert torch.equal(weights(first), weights(second))
    assert len(history.epochs) == 2


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    """Catches the results of other settings passed off as these."""
    file = tmp_path / "run.pt"
    fit(small(), X, Y, **settings(checkpoint=file))
    with pytest.raises(ValueError, match="other settings"):
        fit(small(), X, Y, **settings(lr=2e-2, checkpoint=file))
    file.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="cannot be read"):
        fit(small(), X, Y, **settings(checkpoint=file))


def penalised(strength):
    return lambda model, x, y: (
        training.clean(model, x, y) + strength * weights(model).square().sum()
    )


class Penalty:
    """An objective that is an object; `fit` sets its `progress`, which is no setting."""

    def __init__(self, strength):
        self.strength, self.progress = strength, 1.0

    def __call__(self, model, x, y):
        return penalised(self.strength)(model, x, y)


def through_a_lambda(strength):
    return lambda model, x, y: (lambda z: strength * F.cross_entropy(z, y))(model(x))


def with_default(model, x, y, strength=0.1):
    return penalised(strength)(model, x, y)


def with_another_default(model, x, y, strength=0.2):
    return penalised(strength)(model, x, y)


with_another_default.__qualname__ = with_default.__qualname__


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ({"objective": penalised(0.1)}, {"objective": penalised(0.2)}, "objective"),
        ({"objective": Penalty(0.1)}, {"objective": Penalty(0.2)}, "objective"),
        ({"objective": with_default}, {"objective": with_another_default}, "objective"),
        (
            {"objective": functools.partial(with_default, strength=torch.tensor(0.1))},
            {"objective": functools.partial(with_default, strength=torch.tensor(0.2))},
            "objective",
        ),
        (
            {"objective": lambda model, x, y: training.clean(model, x, y)},
            {"objective": lambda model, x, y: training.clean(model, 1 - x, y)},
            "objective",
        ),
        ({"objective": through_a_lambda(1)}, {"objective": through_a_lambda(2)}, "objective"),
        ({"objective": training.Noise(0.1)}, {"objective": training.Noise(0.2)}, "objective"),
        ({"x": X}, {"x": 1 - X}, "images and labels"),
        ({"y": Y}, {"y": 1 - Y}, "images and labels"),
        ({"hidden": (4,)}, {"hidden": (5,)}, "model"),
        ({"seed": 0}, {"seed": 1}, "numbers"),
        ({"optimizer": training.one_cycle_adam}, {"optimizer": training.falling_sgd}, "optimizer"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, first, second, what):
    """Catches an edited function of the same name, a value that a function has from around it, and
    other data of the same shape: the old weights would come back without a word."""

    def train(hidden=(), x=X, y=Y, **changes):
        model = models.MLP(hidden, inputs=16, classes=2)
        fit(model, x, y, **settings(checkpoint=tmp_path / "run.pt", **changes))

    train(**first)
    train(**first)
    with pytest.raises(ValueError, match=rf"other settings \({what}\)"):
        train(**second)


SCALE, WEIGHTS = [1.0], torch.ones(5000)


def with_globals(model, x, y):
    return SCALE[0] * WEIGHTS.mean() * F.cross_entropy(model(x), y)


def of_noise(model, x, y):
    return F.cross_entropy(model(attacks.sign_noise(model, x, y, 0.1)), y)


def of_attacks(model, x, y):
    return F.cross_entropy(model(attacks.fgsm(model, x, y, 0.1)), y)


of_attacks.__qualname__ = of_noise.__qualname__


def through(objective):
    return lambda model, x, y: objective(model, x, y)


def bound(objective):
    return types.MethodType(lambda self, *batch: self.objective(*batch), Holder(objective))


class Holder:
    def __init__(self, objective):
        self.objective = objective


@pytest.mark.parametrize("wrap", [lambda f: f, through, functools.partial, bound])
def test_a_checkpoint_knows_an_edited_objective_however_it_is_handed_over(tmp_path, wrap):
    """Catches another attack called in the same place, and one that another function calls."""
    for _ in range(2):
        fit(small(), X, Y, **settings(objective=wrap(of_noise), checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match="objective"):
        fit(small(), X, Y, **settings(objective=wrap(of_attacks), checkpoint=tmp_path / "run.pt"))


@pytest.mark.parametrize("values", [SCALE, WEIGHTS])
def test_a_checkpoint_knows_the_values_that_an_objective_reads(tmp_path, values):
    """Catches a global that was changed between two runs of a cell, also within a large tensor."""
    changes = {"objective": with_globals, "checkpoint": tmp_path / "run.pt"}
    fit(small(), X, Y, **settings(**changes))
    values[len(values) // 2] = 2.0
    with pytest.raises(ValueError, match="objective"):
        fit(small(), X, Y, **settings(**changes))


def test_the_model_and_the_progress_are_no_settings(tmp_path):
    """Catches a run that cannot go on because training changed what its objective holds."""
    model = small()

    class Own(Penalty):
        def __call__(self, _, x, y):
            return super().__call__(model, x, y)

    changes = {"objective": Own(0.1), "checkpoint": tmp_path / "run.pt"}
    fit(model, X, Y, **settings(**changes))
    assert changes["objective"].progress < 1
    fit(model, X, Y, **settings(**changes))


def test_an_objective_that_is_made_again_is_the_same(tmp_path):
    """Catches settings that say where a function lies: in another process it lies elsewhere."""
    for _ in range(2):
        fit(small(), X, Y, **settings(objective=penalised(0.1), checkpoint=tmp_path / "run.pt"))


class Picky(nn.Linear):
    """It cannot be copied, and wants two examples for a reason of its own."""

    def __deepcopy__(self, memo):
        raise RuntimeError("no copy")

    def forward(self, x):
        if self.training and len(x) < 2:
            raise ValueError("give two")
        return super().forward(x.flatten(1))


def test_a_last_batch_of_one_concerns_a_batch_norm_alone():
    """Catches another layer's fault that is laid on a BatchNorm, and a model that is not copied."""
    with pytest.raises(ValueError, match="give two"):
        fit(Picky(16, 2), X[:33], Y[:33], **settings(batch_size=16))
    fit(Picky(16, 2), X[:34], Y[:34], **settings(batch_size=16))


@pytest.mark.parametrize("size", [1, 19, 95])
def test_batch_norm_and_a_last_batch_of_one(size):
    """Catches torch's words in the middle of an epoch, and a refusal where there is no need."""
    flat = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    before = weights(flat)
    with pytest.raises(ValueError, match=r"^with batch_size=.* BatchNorm .*another batch_size"):
        fit(flat, X, Y, **settings(batch_size=size))
    assert torch.equal(weights(flat), before)
    wide = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(16, 2))
    fit(wide, X, Y, **settings(batch_size=size, epochs=1))
    fit(flat, X, Y, **settings(batch_size=48, epochs=1))


@pytest.mark.parametrize("model", [lambda x: x.flatten(1), nn.Flatten(), nn.Identity()])
def test_a_model_without_weights_is_refused(model):
    """Catches a StopIteration for what cannot be trained."""
    with pytest.raises(TypeError, match="without weights that could be trained"):
        fit(model, X, Y, **settings())


def test_a_checkpoint_that_cannot_be_written_does_not_cost_the_training(tmp_path):
    """Catches an hour lost to a full disk."""
    (tmp_path / "none").write_text("a file, where a folder would have to be")
    with pytest.warns(training.TrainingWarning, match="could not be written"):
        history = fit(small(), X, Y, **settings(checkpoint=tmp_path / "none" / "run.pt"))
    assert len(history.epochs) == 2


def test_constraints_hold_after_every_step():
    """Catches weights of a maxout network that outgrow their bound."""
    norms = []

    class Constrained(models.SoftmaxRegression):
        def constrain(self):
            with torch.no_grad():
                self.linear.weight.renorm_(p=2, dim=0, maxnorm=0.1)
            norms.append(self.linear.weight.norm(dim=1).max().item())

    model = Constrained(16, 2)
    fit(model, X, Y, **settings(epochs=1, batch_size=32))
    assert len(norms) == 3
    assert model.linear.weight.norm(dim=1).max() <= 0.1 + 1e-6


def test_a_batch_can_stop_the_training():
    """Catches a stop that waits for the end of the epoch, and a model left in train mode."""
    model, seen = models.SoftmaxRegression(), []

    def third(done, loss):
        seen.append((done, loss))
        return done == 3

    x, y = torch.rand(64, 1, 28, 28), torch.arange(64) % 10
    words = {"epochs": 2, "batch_size": 8, "lr": 1e-2, "progress": False}
    history = training.fit(model, x, y, objective=training.clean, on_batch=third, **words)
    assert [done for done, _ in seen] == [1, 2, 3] and all(loss > 0 for _, loss in seen)
    assert history.interrupted and not history.epochs and not model.training
    whole = training.fit(model, x, y, objective=training.clean, on_batch=lambda *_: None, **words)
    assert not whole.interrupted and len(whole.epochs) == 2
