"""Explorers and predictions, without a browser."""

import pytest
import torch

from advtutor import plots, predictions
from advtutor.predictions import predict
from advtutor.widgets import Explorer, slider


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
