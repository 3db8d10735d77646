"""Explorers and predictions, without a browser."""

import io
import math
import time
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from advtutor import attacks, models, plots, predictions, training, widgets
from advtutor.data import mnist
from advtutor.predictions import predict
from advtutor.widgets import Canvas, DrawDigit, Explorer, centred, pictures, slider
from advtutor.widgets.controls import Button


def draw(eps):
    if eps > 0.9:
        raise ValueError("eps is <too> large")
    x = torch.zeros(1, 4, 4)
    return plots.step(x, x + eps, "before", f"after {eps:g}", eps=1.0, title="a step")


@pytest.fixture
def explorer():
    return Explorer(draw, eps=slider(0.1, 0.0, 1.0, 0.1, name="eps"))


def test_moving_a_slider_changes_the_picture_and_its_alt_text(explorer):
    """Catches a dead slider, and alt text that stays behind."""
    before = explorer.children[-1].value
    assert "after 0.1" in before
    explorer.children[0].value = 0.5
    after = explorer.children[-1].value
    assert "after 0.5" in after
    assert after.split("src=")[1] != before.split("src=")[1]


def test_a_picture_that_fails_says_why_and_the_slider_lives_on(explorer):
    """Catches a traceback in the page, unescaped text, and a control that is dead afterwards."""
    explorer.children[0].value = 1.0
    assert "eps is &lt;too&gt; large" in explorer.children[-1].value
    assert "<img" not in explorer.children[-1].value
    explorer.children[0].value = 0.3
    assert "after 0.3" in explorer.children[-1].value


def test_a_saved_notebook_carries_the_picture(explorer):
    """Catches a widget that shows nothing without a kernel, or a text that differs each time."""
    data, metadata = explorer._repr_mimebundle_()
    assert "after 0.1" in metadata["image/png"]["alt"]
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == "<Explorer: a step>"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_what_an_attack_warns_of_stands_under_the_picture(recwarn):
    """Catches warnings that fill the page beside the widget, and other ones that are lost."""

    def warned(eps):
        for kind in (attacks.AttackWarning, attacks.AttackWarning, UserWarning):
            warnings.warn(f"beware of {kind.__name__}", kind, stacklevel=2)
        return draw(eps)

    shown = Explorer(warned, eps=slider(0.1, 0.0, 1.0, 0.1, name="eps")).children[-1].value
    assert shown.startswith("<img") and shown.count("beware of AttackWarning") == 1
    assert [w.category for w in recwarn if "beware" in str(w.message)] == [UserWarning]


def test_two_explorers_do_not_disturb_each_other(explorer):
    """Catches state shared between widgets."""
    other = Explorer(draw, eps=slider(0.1, 0.0, 1.0, 0.1, name="eps"))
    other.children[0].value = 0.7
    assert "after 0.1" in explorer.children[-1].value


@pytest.fixture(autouse=True)
def no_answers():
    predictions._ANSWERS.clear()


def test_a_prediction_without_an_answer_is_no_gate(capsys):
    """Catches a comparison that fails, or differs, where nobody answered."""
    predict("q", ["up", "down"]).compare("up")
    assert capsys.readouterr().out.splitlines() == [
        "it came out: up",
        "you made no prediction: choose one above and run this cell again",
    ]


def test_a_choice_is_compared_and_kept_when_the_cell_runs_again(capsys):
    """Catches an answer lost on rerunning the cell that asks."""
    predict("q", ["up", "down"]).children[1].value = "down"
    again = predict("q", ["up", "down"])
    assert again.children[1].value == "down"
    again.compare("up")
    assert "you predicted: down" in capsys.readouterr().out
    again.compare("down")
    assert "(as it came out)" in capsys.readouterr().out


def test_a_changed_question_drops_the_old_answer():
    """Catches an answer that is none of the choices."""
    predict("q", ["up", "down"]).children[1].value = "down"
    assert predict("q", ["left", "right"]).value is None


def test_a_number_is_compared_with_its_gap(capsys):
    """Catches a gap with the wrong sign or unit, and a measured number without the mark that
    keeps it out of strict comparisons."""
    question = predict("q", low=0, high=1, unit="%")
    question.compare(0.99, unit="%")
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "measured 99.0 %"
    assert "no prediction" in out
    question.children[1].value = 0.5
    question.compare(0.99, unit="%")
    assert "you predicted 50.0 %, off by -49.0 %" in capsys.readouterr().out


def test_a_prediction_reads_well_without_a_kernel():
    """Catches a question whose choices only a live widget shows."""
    assert repr(predict("q", ["up", "down"])) == "Your prediction: up / down"
    assert repr(predict("r", low=0, high=1, unit="%")) == (
        "Your prediction: a number from 0.0 % to 100.0 %"
    )


@pytest.mark.parametrize("bad", [{"choices": ["one"]}, {"choices": ["a", "a"]}, {"low": 1}, {}])
def test_bad_questions_are_refused(bad):
    """Catches a question that cannot be answered."""
    with pytest.raises(ValueError, match="give"):
        predict("q", **bad)


# ---------------------------------------------------------------------------------------------
# The explorers of the course.


@pytest.fixture(scope="module")
def digits():
    return mnist().test


@pytest.fixture(scope="module")
def network():
    train, model = mnist().train, models.MLP((50,))
    words = {"objective": training.clean, "epochs": 1, "lr": 3e-3, "progress": False}
    training.fit(model, train.x[:10_000], train.y[:10_000], **words)
    return model


def broken():
    model = models.SoftmaxRegression()
    torch.nn.init.constant_(model.linear.bias, math.nan)
    return model


def made(name, model, digits):
    x, y = digits.x[:20], digits.y[:20]
    photo = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    reader = models.SoftmaxRegression(3 * 64)
    return {
        "direction": lambda: widgets.direction_explorer(model, x, y),
        "dimension": lambda: widgets.dimension_explorer(),
        "stepper": lambda: widgets.attack_stepper(model, x, y),
        "overfitting": lambda: widgets.overfitting_explorer(),
        "photo": lambda: widgets.photo_explorer(reader, list("abcdefghij"), photo, y[:1]),
        "defence": lambda: widgets.defence_explorer({"one": model, "two": model}, x, y),
    }[name]()


NAMES = ["direction", "dimension", "stepper", "overfitting", "photo", "defence"]


def ends(control):
    if hasattr(control, "max"):
        return [control.min, control.max]
    return [value for _, value in control.options]


@pytest.mark.parametrize("name", NAMES)
def test_each_control_moves_picture_and_sentence_to_its_ends(name, network, digits):
    """Catches a dead control, a picture that ignores it, and an end at which drawing fails."""
    explorer = made(name, network, digits)
    for control in explorer.children[:-1]:
        start, seen = control.value, set()
        for value in ends(control):
            control.value = value
            html = explorer.children[-1].value
            assert html.startswith('<img alt="'), html[:200]
            seen.add(html)
        assert len(seen) == len(ends(control)), control.description
        assert len({html.split("width=")[0] for html in seen}) == len(seen), control.description
        control.value = start


@pytest.mark.parametrize("name", ["direction", "stepper", "defence"])
def test_a_broken_network_is_told_in_a_sentence(name, digits):
    """Catches a traceback in the page, or a picture of NaN, for a model that outputs NaN."""
    explorer = made(name, broken(), digits)
    assert "NaN" in explorer.children[-1].value
    assert "Traceback" not in explorer.children[-1].value
    data, metadata = explorer._repr_mimebundle_()
    assert data["text/plain"] == "<Explorer: no picture>" and metadata == {}


def test_what_is_drawn_is_not_drawn_again():
    """Catches redraws that queue up: the same value sent twice costs nothing."""
    drawn = []
    control = slider(0, 0, 1, 0.1, name="eps")
    explorer = Explorer(lambda eps: drawn.append(eps) or draw(eps), eps=control)
    explorer.children[0].value = 0.2
    explorer._on_change(None)
    assert drawn == [0.0, 0.2]


def test_a_plane_holds_what_the_network_reads(network, digits):
    """Catches rows taken for columns, and a centre that is not the digit."""
    plane = pictures.plane(network, digits.x[:1], digits.y[:1], grid=5)
    for row, column in [(2, 2), (0, 4), (4, 1)]:
        point = plane.x + plane.t[column] * plane.u + plane.t[row] * plane.v
        assert plane.classes[row, column] == network(point).argmax()
    assert torch.equal(plane.t[2], torch.tensor(0.0)) and plane.v.abs().eq(1).all()


def test_the_path_stays_inside_the_walls(network, digits):
    """Catches steps that leave the ball or [0, 1], and a path that ends where it began."""
    x, y = digits.x[:1], digits.y[:1]
    points = pictures.path(network, x, y, 0.1, steps=6)
    assert points.shape == (7, 1, 28, 28)
    assert (points - x).abs().max() <= 0.1 + 1e-6 and points.min() >= 0 and points.max() <= 1
    losses = torch.nn.functional.cross_entropy(network(points), y.expand(7), reduction="none")
    assert losses[-1] > losses[0]


def test_the_shipped_curves_are_whole():
    """Catches a step without its curve, and accuracies that are none."""
    runs = pictures.overfitting_runs()
    assert sorted({r.step for r in runs}) == list(pictures.OVERFITTING_STEPS)
    assert all(0 <= v <= 1 for r in runs for v in (r.clean, r.fgsm, r.pgd))
    assert all(r.pgd <= r.fgsm + 0.02 <= r.clean + 0.04 for r in runs)
    with pytest.raises(ValueError, match="these were measured"):
        pictures.overfitting_picture(0.3)


def test_dimensions_grow_as_the_paper_says():
    """Catches the two rates exchanged."""
    alt = pictures.dimension_picture(784, 0.25).alt
    assert "by 156, signs from a coin by 5.59: 28 times" in alt


# ---------------------------------------------------------------------------------------------
# Watching a training.


def observer(digits, **changes):
    words = {"objective": training.clean, "epochs": 200, "lr": 1e-2} | changes
    watched = digits.x[:50], digits.y[:50]
    return widgets.TrainingObserver(
        models.SoftmaxRegression, digits.x[:1000], digits.y[:1000], watched, **words
    )


def test_the_curves_grow_and_the_button_stops(digits):
    """Catches a training that goes on after Stop, and buttons that are dead afterwards."""
    watch = observer(digits, epochs=100_000)
    start, stop = watch.children[0].children[:2]
    empty = watch.children[1].value
    start.click()
    assert start.disabled and not stop.disabled
    for _ in range(100):
        if watch.children[1].value != empty:
            break
        time.sleep(0.1)
    stop.click()
    watch.wait(10)
    assert watch.history.interrupted and not watch.model.training
    assert "Stopped after" in watch.children[0].children[2].value
    assert "the loss went from" in watch.children[1].value
    assert not start.disabled and stop.disabled


def test_a_button_acts_once_for_each_press_and_not_while_disabled():
    """Catches a button that acts twice, or that a disabled one can still press."""
    pressed, button = [], Button(description="Go")
    button.on_click(lambda: pressed.append(1))
    button.set_state({"clicks": 1, "sent": 1})  # what a press in the page sends
    assert len(pressed) == 1 and button.heard == 1
    button.click()
    button.disabled = True
    button.click()
    assert len(pressed) == 2


def test_a_training_that_ends_says_so_and_starts_again(digits):
    """Catches an observer that works once."""
    watch = observer(digits, epochs=1)
    for _ in range(2):
        watch.start()
        watch.wait(20)
        assert "Finished after 8 batches" in watch.children[0].children[2].value
    assert len(watch.history.epochs) == 1


def test_a_training_that_fails_is_told_in_a_sentence(digits):
    """Catches an error that dies in the thread without a word."""
    watch = observer(digits, objective=lambda model, x, y: math.nan)
    watch.start()
    watch.wait(20)
    assert "must return a scalar tensor" in watch.children[1].value
    assert not watch.children[0].children[0].disabled


# ---------------------------------------------------------------------------------------------
# Drawing.


def test_a_digit_of_mnist_stays_where_it_is(digits):
    """Catches a centre of mass that is off by half a pixel, or a scale that is not 20 pixels."""
    moved = torch.stack([(centred(x[0])[0] - x).abs().mean() for x in digits.x[:100]])
    assert (moved < 0.01).float().mean() > 0.7


def test_a_small_digit_in_a_corner_is_made_like_mnists(digits):
    """Catches a drawing that is only read where it is large and in the middle."""
    small = torch.zeros(28, 28)
    small[1:11, 2:12] = torch.nn.functional.avg_pool2d(digits.x[:1, :, 4:24, 4:24], 2)[0, 0]
    x = centred(small)
    rows = (x[0, 0] > 0.1).any(dim=1).nonzero()
    assert x.shape == (1, 1, 28, 28) and rows.max() - rows.min() + 1 == 20
    assert x.min() >= 0 and x.max() <= 1


def drawing(network, digits):
    return DrawDigit({"usual": network, "other": network}, digits.x[:3])


def ink(x):
    return bytes((255 * x).round().to(torch.uint8).flatten().tolist())


def test_what_is_drawn_is_read_and_attacked(network, digits):
    """Catches predictions that stay behind, and an attack that is not shown."""
    board = drawing(network, digits)
    assert "Draw something first" in board.children[-1].value
    board.canvas.pixels = ink(digits.x[0])
    assert "usual reads 7" in board.children[-1].value
    assert "attacked" not in board.children[-1].value
    board._attack.click()
    assert "attacked: " in board.children[-1].value
    assert "smallest eps 0." in board.children[-1].value


@pytest.mark.parametrize(
    ("pixels", "words"),
    [(bytes(784), "something first"), (bytes([255] * 784), "more ink"), (b"abc", "as a whole")],
)
def test_bad_drawings_are_a_sentence(network, digits, pixels, words):
    """Catches an empty or a black canvas that is read as a digit, also by the button."""
    board = drawing(network, digits)
    board.canvas.pixels = ink(digits.x[0])
    board.canvas.pixels = pixels
    assert words in board.children[-1].value
    board._attack.click()
    assert words in board.children[-1].value


def test_a_sample_goes_to_the_page(network, digits):
    """Catches samples that need a pointer."""
    board = drawing(network, digits)
    board._sample.value = 1
    assert bytes(board.canvas.sample) == ink(digits.x[1])


def test_canvas_and_controls_ask_for_nothing_outside():
    """Catches a script or a style from elsewhere."""
    for widget in (Canvas(), Button()):
        assert "function render" in widget._esm and ".advtutor-silence" in widget._css
        assert "http" not in widget._esm + widget._css


def test_without_a_kernel_canvas_and_observer_show_a_picture(network, digits):
    """Catches a saved page with an empty place, and a picture without its sentence."""
    board, watch = drawing(network, digits), observer(digits)
    for widget, words in [(board, "usual reads 7"), (watch, "no training has run")]:
        data, metadata = widget._repr_mimebundle_()
        assert data["image/png"].startswith(b"\x89PNG")
        assert words in metadata["image/png"]["alt"]
        assert "A still picture" in metadata["image/png"]["alt"]


def test_a_still_picture_says_how_to_move_it():
    """Catches a reader who drags at a picture, and a line that covers the picture."""
    figure = pictures.dimension_picture(784, 0.25)
    bare, noted = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=int)
        for png in (figure.png(), figure.png(note="x" * 40))
    )
    assert noted.shape[0] > bare.shape[0]
    assert (abs(noted[: len(bare)] - bare) > 24).mean() < 0.01  # covers nothing
    line = noted[len(bare) :]
    assert (line < 200).sum() > 100  # letters
    assert (line[:2] > 200).all() and (line[-2:] > 200).all()  # whole letters
