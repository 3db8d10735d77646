"""Figures: the data in them, and the sentence that describes them."""

import io

import pytest
import torch
from PIL import Image

from advtutor import plots

DIGITS = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def curves(**changes):
    series = {"FGSM": [0.01, 0.5, 0.99], "noise": [0.01, 0.01, 0.03]}
    words = {"xlabel": "eps", "ylabel": "error", "percent": True} | changes
    return plots.curves([0.0, 0.1, 0.25], series, **words)


def test_curves_hold_the_numbers_they_were_given():
    """Catches a figure that shows something else than its data."""
    (axis,) = curves().axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.get_lines()}
    assert lines["FGSM"] == [[0.0, 0.01], [0.1, 0.5], [0.25, 0.99]]
    assert lines["noise"] == [[0.0, 0.01], [0.1, 0.01], [0.25, 0.03]]


def test_a_band_holds_the_spread_over_seeds():
    """Catches a band around the wrong line, of the wrong width, or one that the sentence omits."""
    lines = {"FGSM": [0.1, 0.9], "noise": [0.1, 0.2]}
    words = {"xlabel": "eps", "ylabel": "error", "percent": True}
    figure = plots.curves([0, 0.25], lines, spread={"FGSM": [0.02, 0.05]}, **words)
    (band,) = figure.axes[0].collections
    corners = {(round(a, 3), round(b, 3)) for a, b in band.get_paths()[0].vertices}
    assert {(0.0, 0.08), (0.0, 0.12), (0.25, 0.85), (0.25, 0.95)} <= corners
    assert "FGSM from 10% at 0 to 90% at 0.25, within 5%; noise" in figure.alt
    for wrong in ({"FGSM": [0.1]}, {"PGD": [0.1, 0.1]}):
        with pytest.raises(ValueError, match="spread"):
            plots.curves([0, 0.25], lines, spread=wrong, **words)


def test_curves_are_told_apart_without_colours():
    """Catches lines that differ in nothing but their colour."""
    (axis,) = curves().axes
    first, second = axis.get_lines()
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()


def test_the_sentence_comes_from_the_data():
    """Catches alt text that says nothing, or says it of other data."""
    alt = curves().alt
    assert alt == (
        "error over eps: FGSM from 1% at 0 to 99% at 0.25; noise from 1% at 0 to 3% at 0.25."
    )
    assert "orange where positive" in plots.weights(DIGITS[:, 0], ["a", "b", "c"]).alt


def test_a_cell_receives_png_a_stable_text_and_the_sentence():
    """Catches a text that differs between machines (strict nbval compares it), or lost alt text."""
    figure = curves(title="error against eps")
    data, metadata = figure._repr_mimebundle_()
    assert data["text/plain"] == "<Figure: error against eps>"
    assert metadata["image/png"]["alt"] == figure.alt
    picture = Image.open(io.BytesIO(data["image/png"]))
    shown = metadata["image/png"]
    assert (picture.width, picture.height) == (2 * shown["width"], 2 * shown["height"])
    assert shown["width"] <= 7 * 72
    assert picture.mode == "P"
    assert len(data["image/png"]) < 45_000


def test_the_picture_carries_its_title():
    """Catches a title that is known to the code only, and one that does not fit."""
    plain, titled = curves(title=""), curves(title="error against eps")
    tops = [
        Image.open(io.BytesIO(f.png())).convert("L").crop((0, 0, 1008, 40)) for f in (plain, titled)
    ]
    assert tops[0].getextrema() == (255, 255)
    assert tops[1].getextrema()[0] < 60
    long = Image.open(io.BytesIO(curves(title="a title of many words " * 4).png())).convert("L")
    assert long.crop((long.width - 8, 0, long.width, 40)).getextrema() == (255, 255)


def test_the_same_data_give_the_same_bytes():
    """Catches notebooks that change in git without a reason."""
    assert curves().png() == curves().png()


def test_the_step_is_shown_on_a_symmetric_scale():
    """Catches a map on which 'nothing moved' is not white, or that stretches small steps."""
    moved = (DIGITS[0] + 0.1).clamp(0, 1)
    figure = plots.step(DIGITS[0], moved, "7", "3", eps=0.25)
    middle = figure.axes[1].get_images()[0]
    assert middle.get_clim() == (-0.25, 0.25)
    torch.testing.assert_close(torch.tensor(middle.get_array()), (moved - DIGITS[0])[0])
    assert "at most 0.25" in figure.alt


def test_the_step_of_a_colour_image_keeps_its_three_colours():
    """Catches a mean over the channels, in which steps of opposite sign cancel."""
    x = torch.full((3, 2, 2), 0.5)
    x_adv = x.clone()
    x_adv[1] -= 0.2
    x_adv[2] += 0.1
    shown = plots.step(x, x_adv, "a", "b", eps=0.2).axes[1].get_images()[0].get_array()
    torch.testing.assert_close(torch.tensor(shown[0, 0]), torch.tensor([0.5, 0.0, 0.75]))


def test_images_stand_under_their_titles():
    """Catches images and titles out of step, and a range that is stretched per image."""
    figure = plots.images(DIGITS, ["one", "two", "three"], columns=2)
    shown = [axis for axis in figure.axes if axis.get_images()]
    assert [axis.get_title() for axis in shown] == ["one", "two", "three"]
    assert all(axis.get_images()[0].get_clim() == (0, 1) for axis in shown)
    assert "one; two; three" in figure.alt
    with pytest.raises(ValueError, match="titles has 2 entries for 3 images"):
        plots.images(DIGITS, ["one", "two"])


def test_no_window_is_left_open():
    """Catches figures registered with pyplot, which a notebook would show twice."""
    import matplotlib.pyplot as plt

    curves()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("words", ["FGSM", "adversarial training, clean", "word " * 10])
@pytest.mark.parametrize("ends", [[0.2, 0.2, 0.2, 0.2], [0.0, 0.99, 1.0, 0.5]])
def test_each_line_is_named_at_its_end(words, ends):
    """Catches names that are cut off at the figure's edge, or that cover one another."""
    series = {f"{words} {i}": [0.1, end] for i, end in enumerate(ends)}
    figure = plots.curves([0, 1], series, xlabel="eps", ylabel="error", percent=True)
    figure.draw_without_rendering()
    (axis,) = figure.axes
    boxes = [text.get_window_extent() for text in axis.texts]
    assert [t.get_text().replace("\n", " ") for t in axis.texts] == [n.strip() for n in series]
    for i, box in enumerate(boxes):
        assert box.x0 > axis.bbox.x1 and box.x1 <= figure.bbox.x1 + 1
        assert all(not box.shrunk(1, 0.8).overlaps(other.shrunk(1, 0.8)) for other in boxes[:i])


def test_names_move_no_further_than_they_must():
    """Catches a name pushed away by names below it: three that meet keep their mean."""
    ends = {"a": 0.28, "b": 0.29, "c": 0.3, "free": 0.8}
    series = {name: [0.1, end] for name, end in ends.items()}
    figure = plots.curves([0, 1], series, xlabel="eps", ylabel="error", percent=True)
    (axis,) = figure.axes
    places = {t.get_text(): t.get_position()[1] for t in axis.texts}
    wanted = {name: axis.transLimits.transform((1, end))[1] for name, end in ends.items()}
    assert places["free"] == pytest.approx(wanted["free"], abs=0.005)
    middle = sum(places[name] for name in "abc") / 3
    assert middle == pytest.approx(sum(wanted[name] for name in "abc") / 3, abs=0.005)
    assert places["a"] < places["b"] < places["c"]


def test_a_model_keeps_its_colour_and_an_attack_its_dash():
    """Catches one network drawn blue in one figure and orange in the next."""
    one = plots.curves([0, 1], {"hardened, one step": [0, 1]}, xlabel="eps", ylabel="error")
    two = plots.curves(
        [0, 1],
        {"usual, one step": [0, 1], "hardened, 20 steps": [0, 1]},
        xlabel="eps",
        ylabel="error",
    )
    (first,), (usual, second) = one.axes[0].get_lines(), two.axes[0].get_lines()
    assert first.get_color() == second.get_color() != usual.get_color()
    assert first.get_linestyle() == usual.get_linestyle() != second.get_linestyle()


def test_the_value_at_a_mark_is_written():
    """Catches a value written for another place than the marked one."""
    figure = curves(mark=0.1)
    figure.png()
    assert {text.get_text() for text in figure.axes[0].texts} >= {"50%", "1%"}


def test_lines_of_one_colour_that_meet_at_a_mark_share_a_value():
    """Catches a value that stands beside another line than its own."""
    lines = {"usual, ten steps": [0, 0.72], "usual, PGD": [0, 0.73], "usual, one step": [0, 0.58]}
    figure = plots.curves([0, 1], lines, xlabel="eps", ylabel="error", percent=True, mark=1)
    written = {text.get_text() for text in figure.axes[0].texts}
    assert {"73%", "58%"} <= written and "72%" not in written


@pytest.mark.parametrize("way", [1, -1])
def test_a_value_at_a_mark_stands_on_no_line(way):
    """Catches a value that a neighbouring curve runs through."""
    rows = {"usual, PGD": [0.02, 0.43, 0.73, 0.96], "usual, one step": [0.02, 0.34, 0.58, 0.91]}
    lines = {name: row[::way] for name, row in rows.items()}
    figure = plots.curves(
        [0, 1, 2, 3], lines, xlabel="eps", ylabel="error", percent=True, mark=1 if way < 0 else 2
    )
    (axis,) = figure.axes
    figure.draw_without_rendering()
    curves_ = [line.get_transform().transform_path(line.get_path()) for line in axis.lines[:2]]
    values = [text for text in axis.texts if text.get_text() in ("73%", "58%")]
    assert len(values) == 2
    for text in values:
        box = text.get_window_extent()
        assert not any(curve.intersects_bbox(box, filled=False) for curve in curves_)


def test_signed_pictures_carry_a_key():
    """Catches orange and purple that nobody explains."""
    step = plots.step(DIGITS[0], DIGITS[1], "7", "3", eps=0.25)
    weights = plots.weights(DIGITS[:, 0], ["a", "b", "c"])
    words = [[text.get_text() for text in f.legends[0].get_texts()] for f in (step, weights)]
    assert words[0] == ["darker by 0.25", "unchanged", "lighter by 0.25"]
    assert words[1] == ["most negative", "0", "most positive"]


def test_whole_numbers_have_whole_ticks():
    """Catches an epoch number 1.25."""
    figure = plots.curves([1, 2, 3], {"a": [0.1, 0.2, 0.3]}, xlabel="epoch", ylabel="error")
    assert all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())


def test_a_histogram_counts_what_it_was_given():
    """Catches values that are lost, apart from the infinite ones, and series on unequal bins."""
    radii = torch.tensor([0.1, 0.1, 0.2, torch.inf])
    figure = plots.histogram({"a": radii, "b": [0.1, 0.3]}, xlabel="eps", bins=2, title="radii")
    (axis,) = figure.axes
    heights = {patch.get_label(): patch.get_xy()[:, 1].max() for patch in axis.patches}
    assert heights == {"a": 2, "b": 1}
    assert figure.alt == (
        "radii, by eps: a from 0.1 to 0.2, half of them below 0.1; "
        "b from 0.1 to 0.3, half of them below 0.1."
    )


def test_a_matrix_shows_each_number_in_its_place():
    """Catches rows taken for columns, fractions that are not percentages, NaN drawn as a number."""
    values = torch.tensor([[0.0, 0.25, 1.0], [0.5, torch.nan, 0.75]])
    words = {"xlabel": "reads", "ylabel": "made for", "percent": True, "title": "transfer"}
    figure = plots.matrix(values, ["A", "B"], ["p", "q", "r"], **words)
    (axis,) = figure.axes
    shown = {text.get_position(): text.get_text() for text in axis.texts}
    assert shown == {(0, 0): "0", (1, 0): "25", (2, 0): "100", (0, 1): "50", (2, 1): "75"}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["A", "B"]
    assert figure.alt == "transfer: from 0% (A, p) to 100% (A, r)."
    with pytest.raises(ValueError, match="3 rows and 3 columns"):
        plots.matrix(values, ["A", "B", "C"], ["p", "q", "r"], **words)


def test_a_matrix_keeps_its_words_apart():
    """Catches the name of an axis that stands in the names of its rows or columns."""
    names = ["a network with a long name", "PGD training"]
    words = {"xlabel": "attacked by", "ylabel": "trained with", "percent": True}
    figure = plots.matrix(torch.tensor([[0.1, 0.9], [0.2, 0.3]]), names, names, **words)
    figure.draw_without_rendering()
    (axis,) = figure.axes
    for line in (axis.xaxis, axis.yaxis):
        label = line.label.get_window_extent()
        for tick in line.get_ticklabels():
            place = tick.get_window_extent()
            assert not place.overlaps(label), tick.get_text()
            assert figure.bbox.x0 <= place.x0 and place.x1 <= figure.bbox.x1


def test_a_surface_says_where_it_is_largest():
    """Catches the two directions of the plane exchanged."""
    values = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 9.0]])
    words = {"xlabel": "x", "ylabel": "y", "zlabel": "loss"}
    figure = plots.surface([0.0, 1.0, 2.0], [5.0, 6.0], values, **words)
    assert figure.alt == "loss from 0 to 9, largest at x 2, y 6."
    assert figure.axes[0].get_xlim() == (0, 2) and figure.axes[0].get_ylim()[1] == 6


def test_the_ledger_draws_each_number_where_it_lies() -> None:
    """Catches a paper's number drawn as ours, rows out of order, and a gap that is unsaid."""
    figure = plots.ledger(
        ["a", "b", "c"], [0.9, 0.5, 0.1], [0.8, 0.5, 0.4], [0.01, float("nan"), 0]
    )
    (axis,) = figure.axes
    (rings,) = axis.collections[-1:]
    assert rings.get_offsets().tolist() == [[0.9, 0], [0.5, 1], [0.1, 2]]
    dots = next(line for line in axis.lines if line.get_marker() == "o")
    assert [list(map(float, values)) for values in dots.get_data()] == [[0.8, 0.5, 0.4], [0, 1, 2]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first row on top"
    assert "furthest apart is c, 10.0% in the paper and 40.0% here" in figure.alt
    with pytest.raises(ValueError, match="differ in length"):
        plots.ledger(["a"], [0.9, 0.5], [0.8], [0.01])
