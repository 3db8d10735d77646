"""The explorers without a browser: the stored picture against what the page computes, in Node."""

import csv
import io
import re
from functools import partial
from importlib import resources

import in_node
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load
from torch import nn

from advtutor import attacks, live, models, widgets
from advtutor.claims.crafting import crafting_runs
from advtutor.data import mnist
from advtutor.evaluation import evaluate
from advtutor.widgets import base, defence, dimension, direction, drawing, eps, overfitting, stepper

REVIVE = """
    const revive = (_, value) =>
      value?.base64 === undefined ? value : new DataView(bytesOf(value.base64).buffer);
"""


@pytest.fixture(scope="module")
def network() -> nn.Module:
    model = models.ConvNet().eval()
    model.load_state_dict(load(live.networks()["usual"]))
    return model


@pytest.fixture(scope="module")
def digits():
    return tuple(part[:20] for part in mnist().test)


def made(name, model, digits):
    """The explorer of this name, some values of its controls, and its stills at these values."""
    x, y = digits
    one = lambda n: (x[n : n + 1], y[n : n + 1])  # noqa: E731
    if name == "eps":
        states = [{"digit": 0, "eps": 0.1}, {"digit": 8, "eps": 0.0}, {"digit": 3, "eps": 0.2}]
        stills = [eps.picture(model, *one(s["digit"]), s["eps"]) for s in states]
        return widgets.eps_explorer(model, x, y), states, stills
    if name == "direction":
        states = [{"digit": 0, "along": 0.0, "across": 0.0}]
        states.append({"digit": 4, "along": 0.3, "across": -0.12})
        stills = [
            direction.picture(model, *one(s["digit"]), s["along"], s["across"]) for s in states
        ]
        return widgets.direction_explorer(model, x, y), states, stills
    if name == "dimension":
        states = [{"n": 784, "eps": 0.25}, {"n": 1, "eps": 0.01}, {"n": 150_528, "eps": 0.5}]
        stills = [dimension.picture(s["n"], s["eps"]) for s in states]
        return widgets.dimension_explorer(), states, stills
    if name == "overfitting":
        runs, shown = crafting_runs(), ("FGSM", "transfer", "PGD")
        states = [{"seed": 0, "epoch": 12}, {"seed": 4, "epoch": 1}, {"seed": 2, "epoch": 5}]
        stills = [overfitting.picture(runs, shown, s["seed"], s["epoch"]) for s in states]
        return widgets.overfitting_explorer(runs), states, stills
    if name == "stepper":
        states = [{"digit": 0, "eps": 0.1, "step": step} for step in (12, 0)]
        states.append({"digit": 5, "eps": 0.2, "step": 3})
        stills = [stepper.picture(model, *one(s["digit"]), s["eps"], 12, s["step"]) for s in states]
        return widgets.attack_stepper(model, x, y), states, stills
    if name == "draw":
        both = {"usual": model, "other": models.SoftmaxRegression()}
        stills = [drawing.picture(both, one(n)[0]) for n in (0, 4)]
        return widgets.DrawDigit(both, x[:5]), [{"digit": 0}, {"digit": 4}], stills
    if name == "photo":
        photo = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        reader, names = models.SoftmaxRegression(3 * 64), list("abcdefghij")
        nn.init.normal_(reader.linear.weight, generator=torch.Generator().manual_seed(0))
        explorers = [
            widgets.photo_explorer(reader, names, photo, y[:1], size) for size in (0.007, 0.0)
        ]
        return explorers[0], [{"place": 7}, {"place": 0}], [e._figure for e in explorers]
    both = {"usual": model, "other": models.SoftmaxRegression()}
    explorer = widgets.defence_explorer(both, x, y)
    states = [
        {"digit": 0, "attack": "one step (FGSM)", "eps": 0.25},
        {"digit": 2, "attack": "20 steps (PGD)", "eps": 0.1},
        {"digit": 1, "attack": "noise", "eps": 0.28},
    ]
    curves = explorer.state["curves"]
    stills = [
        defence.picture(both, *one(s["digit"]), curves, s["attack"], s["eps"]) for s in states
    ]
    return explorer, states, stills


NAMES = ["eps", "direction", "dimension", "stepper", "defence", "overfitting", "photo", "draw"]


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_picture_says_what_the_page_says(tmp_path, network, digits, name):
    """Catches two answers to one question: the still's, by torch, and the engine's."""
    explorer, states, stills = made(name, network, digits)
    assert explorer._figure.alt == stills[0].alt
    assert_same(said(tmp_path, explorer, states), [still.alt for still in stills])


def test_the_runs_of_the_overfitting_explorer_are_those_of_the_file():
    """Catches runs of another way, seed or epoch, whose page and still would agree."""
    text = resources.files("advtutor").joinpath("assets/crafting.csv").read_text("utf-8")
    rows, runs = list(csv.DictReader(text.splitlines())), crafting_runs()
    for row in rows:
        run, at = runs[row["way"]][int(row["seed"])], int(row["epoch"]) - 1
        assert all(run[name][at] == float(row[name]) for name in ("clean", "FGSM", "PGD"))
    assert len(rows) == sum(len(run["PGD"]) for of_way in runs.values() for run in of_way) == 180


def test_one_seed_has_a_picture():
    """Catches curves of other seeds that are drawn where there are none."""
    alone = widgets.overfitting_explorer({"mine": [{"a": [0.5, 0.25]}]}, ["a"])
    assert alone._figure.alt == "Seed 0 after epoch 2: a 25% (mine)."


def test_the_stepper_opens_at_a_step(network, digits):
    """Catches a start that is shown as if it were a step."""
    explorer = widgets.attack_stepper(network, *digits, steps=6)
    assert explorer.state["start"]["step"] == 6 and explorer._figure.alt.startswith("Step 6 of 6")
    start = stepper.picture(network, *(part[:1] for part in digits), 0.1, 6, 0)
    assert start.alt.startswith("The start, a random point of the ball")


def test_the_path_stays_inside_the_walls(network, digits):
    """Catches steps that leave the ball or [0, 1], and a path that ends where it began."""
    x, y = (part[:1] for part in digits)
    points = stepper.path(network, x, y, 0.1, 6)
    assert points.shape == (7, 1, 28, 28)
    assert (points - x).abs().max() <= 0.1 + 1e-6 and points.min() >= 0 and points.max() <= 1
    losses = torch.nn.functional.cross_entropy(network(points), y.expand(7), reduction="none")
    assert losses[-1] > losses[0]


def test_a_plane_holds_what_the_network_reads(network, digits):
    """Catches rows taken for columns, and a centre that is not the digit."""
    x = digits[0][:1]
    u, v, t, classes = direction.plane(network, x, digits[1][:1], grid=5)
    for row, column in [(2, 2), (0, 4), (4, 1)]:
        point = x + t[column] * u + t[row] * v
        assert classes[row, column] == network(point).argmax()
    assert torch.equal(t[2], torch.tensor(0.0)) and v.abs().eq(1).all()


def test_the_page_reads_the_same_plane(tmp_path, network, digits):
    """Catches rows taken for columns in the page, and a plane that lies upside down."""
    x, y = (part[3:4] for part in digits)
    fine = base.exact(network)
    *_, wanted = direction.plane(fine, x.double(), y)
    explorer = widgets.direction_explorer(network, x, y)
    found = run(
        tmp_path,
        """(() => {
            const [network] = networksOf(given), subject = subjectOf(given, 0);
            const both = directionsOf(network, subject, floats(given.chance));
            return finished(readPlane(network, subject.x, both, []));
        })()""",
        explorer.state,
    )
    assert len(wanted.unique()) > 1 and not torch.equal(wanted, wanted.T)
    assert (torch.tensor(found).view_as(wanted) == wanted).double().mean() > 0.99


def test_the_photo_explorer_reads_what_fgsm_makes():
    """Catches readings of other pictures than those of the gradient-sign step."""
    photo = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    reader, y = models.SoftmaxRegression(3 * 64), torch.tensor([3])
    state = widgets.photo_explorer(reader, list("abcdefghij"), photo, y).state
    for place in (0, 7, 30):
        x_adv = attacks.fgsm(reader, photo, y, place / 1000)
        sure, k = reader(x_adv).softmax(dim=1)[0].max(dim=0)
        reading = state["readings"][place]
        assert reading["name"] == "abcdefghij"[k] and reading["eps"] == place / 1000
        assert reading["sure"] == pytest.approx(sure.item(), abs=1e-4)


def test_the_curves_are_the_errors_of_the_models(network, digits):
    """Catches curves of another attack, model or radius."""
    x, y = digits
    curves = defence.error_curves({"usual": network}, x, y)
    assert list(curves) == ["one step (FGSM)", "20 steps (PGD)", "noise"]
    wanted = evaluate(network, x, y, partial(attacks.fgsm, eps=0.15)).error
    assert curves["one step (FGSM)"][0][3] == wanted
    assert curves["noise"][0][0] == evaluate(network, x, y).error


@pytest.mark.parametrize(
    "wrong",
    [
        lambda model, x, y: widgets.dimension_explorer(5),
        lambda model, x, y: widgets.defence_explorer({}, x, y),
        lambda model, x, y: widgets.overfitting_explorer({"a": [{"b": [0, 1]}, {"b": [0]}]}, ["b"]),
        lambda model, x, y: widgets.photo_explorer(model, "ab", x[:1], y[:1], eps=0.0005),
    ],
)
def test_what_the_controls_do_not_offer_is_refused(network, digits, wrong):
    """Catches a widget that opens at a place where its control cannot be."""
    with pytest.raises(ValueError, match=r"choose one of|give one to four|give each way as many"):
        wrong(network, *digits)


def said(folder, widget, values):
    """What `widget` says in the page at each of these `values` of its controls."""
    return run(
        folder,
        "given.values.map((some) => WIDGETS[given.kind].words(given.state, some))",
        {"kind": widget.kind, "state": widget.state, "values": values},
    )


def run(folder, expression, given):
    """The value of an `expression` of `given`, in the widgets' script."""
    script = f"{base.script()}{REVIVE}const answer = (given) => {expression};"
    return in_node.run(folder, script, given, default=base._in_letters)


def assert_same(found, wanted, within=0.6):
    """Sentences with the same words and numbers; percentages may differ by rounding."""
    number = re.compile(r"-?\d[\d,]*\.?\d*")
    for one, other in zip(found, wanted, strict=True):
        assert number.sub("#", one.replace(" %", "%")) == number.sub("#", other), (one, other)
        numbers = ([float(n.replace(",", "")) for n in number.findall(s)] for s in (one, other))
        assert list(next(numbers)) == pytest.approx(next(numbers), abs=within), (one, other)


def test_a_saved_notebook_carries_the_picture(network, digits):
    """Catches a widget that shows nothing without a kernel, or a text that differs each time."""
    data, metadata = widgets.eps_explorer(network, *digits)._repr_mimebundle_()
    assert "Digit 7 at eps 0.10" in metadata["image/png"]["alt"]
    assert metadata["image/png"]["alt"].endswith("run the cell to move it.")
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == "<Explorer: a digit under three changes, eps = 0.1>"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_an_unknown_layer_leaves_the_picture_and_is_named(digits):
    """Catches controls that move nothing, and a network that is computed without its layer."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Tanh())
    explorer = widgets.eps_explorer(model, *digits)
    data, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" not in data
    assert data["image/png"].startswith(b"\x89PNG")
    assert "Digit 7 at eps 0.10" in metadata["image/png"]["alt"]
    assert data["text/html"].startswith('<img alt="Digit 7 at eps 0.10')
    assert data["text/html"].endswith("the engine in the browser has no layer Tanh.</p>")
    assert not explorer.state.get("networks")


def test_a_broken_network_is_told_in_a_sentence(digits):
    """Catches a traceback, or a picture of NaN, for a model that outputs NaN."""
    model = models.SoftmaxRegression()
    nn.init.constant_(model.linear.bias, float("nan"))
    data, metadata = widgets.eps_explorer(model, *digits)._repr_mimebundle_()
    assert "NaN" in data["text/html"] and "<img" not in data["text/html"]
    assert "image/png" not in data
    assert data["text/plain"] == "<Explorer: no picture>" and metadata == {}


def test_the_learners_network_stays_as_it_was(network, digits):
    """Catches a network that is left in float64, in another mode, or with other weights."""
    model = models.ConvNet().train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    widgets.eps_explorer(model, *digits)
    assert model.training
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float32 and torch.equal(weight, before[name])


def test_the_page_asks_for_nothing_outside():
    """Catches a script or a style from elsewhere."""
    source = (base.script() + base.css() + base.mount()).replace("http://www.w3.org/2000/svg", "")
    assert "http" not in source and "import(" not in source and "fetch(" not in source


def test_a_still_picture_says_how_to_move_it():
    """Catches a reader who drags at a picture, and a line that covers the picture."""
    figure = dimension.picture(784, 0.25)
    bare, noted = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=int)
        for png in (figure.png(), figure.png(note="x" * 40))
    )
    assert noted.shape[0] > bare.shape[0]
    assert (abs(noted[: len(bare)] - bare) > 24).mean() < 0.01  # covers nothing
    line = noted[len(bare) :]
    assert (line < 200).sum() > 100  # letters
    assert (line[:2] > 200).all() and (line[-2:] > 200).all()  # whole letters


def centred(ink):
    """A drawing `[28, 28]` as MNIST's digits are (LeCun, Cortes, Burges), by torch.

    The ink's bounding box is scaled until it fits 20 x 20 pixels, its proportions kept, and moved
    until its centre of mass is at pixel (14, 14).
    """
    rows, columns = ((ink > 0.1).any(dim=d).nonzero()[:, 0] for d in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    size = [max(1, round(side * 20 / max(cut.shape))) for side in cut.shape]
    small = nn.functional.interpolate(cut[None, None], size, mode="bilinear", antialias=True)[0, 0]
    share = small.clamp(0, 1) / small.clamp(0, 1).sum()
    middle = [float((share.sum(dim=1 - d) * torch.arange(size[d])).sum()) for d in (0, 1)]
    top, left = (min(max(round(14 - middle[d]), 0), 28 - size[d]) for d in (0, 1))
    x = torch.zeros(28, 28)
    x[top : top + size[0], left : left + size[1]] = small.clamp(0, 1)
    return x


def test_a_drawing_is_centred_as_mnists_digits_are(tmp_path, digits):
    """Catches a centre of mass that is off by half a pixel, and a scale that is not 20 pixels."""
    small = torch.zeros(28, 28)
    small[1:11, 2:12] = nn.functional.avg_pool2d(digits[0][:1, :, 4:24, 4:24], 2)[0, 0]
    inks = [*digits[0][:, 0], small]
    found = run(
        tmp_path,
        "given.map((ink) => Array.from(centred(Float32Array.from(ink))))",
        [ink.flatten().tolist() for ink in inks],
    )
    found = torch.tensor(found).view(-1, 28, 28)
    wanted = torch.stack([centred(ink) for ink in inks])
    assert (found - wanted).abs().max() < 0.02
    assert (
        (found[:-1] - torch.stack(inks[:-1])).abs().mean(dim=(1, 2)) < 0.01
    ).float().mean() > 0.7
    rows = (found[-1] > 0.1).any(dim=1).nonzero()
    assert rows.max() - rows.min() + 1 == 20


def test_nothing_and_a_sheet_full_of_ink_are_sentences(tmp_path):
    """Catches an empty or a black canvas that is read as a digit."""
    said = run(
        tmp_path,
        "given.map((level) => { try { return String(centred(new Float32Array(784).fill(level))); }"
        " catch (fault) { return fault.message; } })",
        [0, 1],
    )
    assert "Draw a digit" in said[0] and "more ink than paper" in said[1]
