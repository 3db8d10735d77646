"""Predictions, and a training that is watched, without a browser."""

import math
import time

import pytest

from advtutor import models, predictions, training, widgets
from advtutor._say import TOLD
from advtutor.data import mnist
from advtutor.predictions import predict


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


@pytest.fixture(scope="module")
def digits():
    return mnist().test


def observer(digits, **changes):
    words = {"objective": training.clean, "epochs": 200, "lr": 1e-2} | changes
    watched = digits.x[:50], digits.y[:50]
    return widgets.TrainingObserver(
        models.SoftmaxRegression, digits.x[:1000], digits.y[:1000], watched, **words
    )


def test_the_curves_grow_and_the_button_stops(digits):
    """Catches a training that goes on after Stop, and buttons that are dead afterwards."""
    watch = observer(digits, epochs=100_000)
    watch.set_state({"starts": 1})  # what a press in the page sends
    assert watch.running and watch.status == "Training."
    for _ in range(100):
        if watch.curves["loss"]:
            break
        time.sleep(0.1)
    watch.set_state({"stops": 1})
    watch.wait(10)
    assert watch.history.interrupted and not watch.model.training
    assert "Stopped after" in watch.status and not watch.running
    assert len(set(map(len, watch.curves.values()))) == 1
    assert "the loss went from" in watch._repr_mimebundle_()[1]["image/png"]["alt"]


def test_a_training_that_ends_says_so_and_starts_again(digits):
    """Catches an observer that works once."""
    watch = observer(digits, epochs=1)
    for _ in range(2):
        watch.start()
        watch.wait(20)
        assert "Finished after 8 batches" in watch.status
        assert watch.curves["batches"] == [8]
    assert len(watch.history.epochs) == 1


def test_a_training_that_fails_is_told_in_a_sentence(digits):
    """Catches an error that dies in the thread without a word."""
    watch = observer(digits, objective=lambda model, x, y: math.nan)
    watch.start()
    watch.wait(20)
    assert "must return a scalar tensor" in watch.status and not watch.running


def test_without_a_kernel_a_training_shows_a_picture(digits):
    """Catches a saved page with an empty picture, and one that passes for a training just run."""
    data, metadata = observer(digits)._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"].startswith("After 469 batches the loss went from ")
    assert data[TOLD]["figure"].endswith("of notebook 03, measured elsewhere")
    assert data["text/plain"] == "<TrainingObserver: curves that grow while a network is trained>"
