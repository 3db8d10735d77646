"""The explorers in JupyterLab: keys, mouse, a busy kernel, both themes, a saved notebook."""

import base64
import io

import in_lab
import numpy as np
import pytest
from in_lab import cell, expect, picture, sentence, serious_faults
from PIL import Image

from advtutor import plots
from advtutor.widgets.base import _STILL as STILL

SETUP = """
import torch
from safetensors.torch import load
from advtutor import data, live, models, widgets
from advtutor.predictions import predict
x, y = data.mnist().test.x[:40], data.mnist().test.y[:40]
usual, hardened = models.ConvNet(), models.ConvNet()
usual.load_state_dict(load(live.networks()["usual"]))
hardened.load_state_dict(load(live.networks()["hardened"]))
"""
UNKNOWN = """
widgets.eps_explorer(torch.nn.Sequential(usual, torch.nn.Tanh()), x, y)
"""
BROKEN = """
broken = models.SoftmaxRegression()
torch.nn.init.constant_(broken.linear.bias, float("nan"))
widgets.eps_explorer(broken, x, y)
"""
PHOTO = """
photo, label = data.photo("camera"), torch.tensor([data.imagenet_classes().index("tripod")])
widgets.photo_explorer(models.imagenet_classifier(), data.imagenet_classes(), photo, label)
"""
OVERFITTING = """
from advtutor.claims.crafting import crafting_runs
widgets.overfitting_explorer(crafting_runs())
"""
EXPLORERS = {
    "eps": "widgets.eps_explorer(usual, x, y)",
    "direction": "widgets.direction_explorer(usual, x, y)",
    "dimension": "widgets.dimension_explorer()",
    "stepper": "widgets.attack_stepper(usual, x, y)",
    "overfitting": OVERFITTING,
    "photo": PHOTO,
    "defence": 'widgets.defence_explorer({"usual": usual, "hardened": hardened}, x, y)',
}
CELLS = {
    "setup": SETUP,
    **EXPLORERS,
    "again": EXPLORERS["eps"],
    "unknown": UNKNOWN,
    "broken": BROKEN,
    "busy": "import time; time.sleep(15)",
    "number": 'predict("q", low=0, high=1, unit="%")',
    "question": 'predict("r", ["up", "down"])',
}
PICTURES = """(root) => [...root.querySelectorAll('canvas')].map((e) => e.toDataURL()).join()
    + [...root.querySelectorAll('svg')].map((e) => e.outerHTML).join()"""


@pytest.fixture(scope="module")
def page(server, new_page):
    book = {**CELLS, "busy": "None"}
    in_lab.write(server.folder / "explorers.ipynb", *book.values())
    page = new_page()
    page.sent = []
    page.on("websocket", lambda s: s.on("framesent", lambda frame: page.sent.append(frame)))
    in_lab.show(page, server, "explorers.ipynb")
    in_lab.run_all(page)
    return page


def box_of(page, name):
    return cell(page, list(CELLS).index(name)).locator(".jp-OutputArea-output").first


def look(box):
    """What a widget shows when it has come to rest: its sentence and its pictures."""
    root = box.locator(".advtutor-widget")
    box.page.wait_for_timeout(60)  # a frame has begun
    expect(root).to_have_attribute("data-state", "ready")
    return root.locator(".words").inner_text(), root.evaluate(PICTURES)


def moved(box, act):
    """Do `act`: the sentence and the pictures become others; the new ones."""
    before = look(box)
    act()
    after = look(box)
    assert after[0] != before[0], after[0]
    if not box.locator(".photo").count():  # of its steps two may round to the same grey levels
        assert after[1] != before[1], after[0]
    return after


def press(page, control, back=False):
    is_list = control.evaluate("e => e.tagName") == "SELECT"
    keys = ["ArrowDown", "ArrowUp"] if is_list else ["ArrowRight", "ArrowLeft"]
    control.focus()
    if control.evaluate("e => e.tagName === 'INPUT' && e.value === e.max"):
        back = not back
    page.keyboard.press(keys[back])


@pytest.mark.parametrize("name", EXPLORERS)
def test_keys_move_each_control_and_the_kernel_is_asked_nothing(page, name):
    """Catches a control that keys do not move, what stays behind, and a message to the kernel."""
    box = box_of(page, name)
    controls = box.locator("[type=range], select")
    assert controls.count() >= 1
    start = look(box)
    page.sent.clear()
    for control in controls.all():
        value = control.input_value()
        moved(box, lambda c=control: press(page, c))
        assert control.input_value() != value
        moved(box, lambda c=control: press(page, c, back=True))
        control.evaluate(
            """(e, value) => { e.value = value;
            e.dispatchEvent(new Event('input', {bubbles: true})); }""",
            value,
        )
        assert look(box) == start
    assert not [frame for frame in page.sent if b"comm" in bytes(str(frame), "utf-8")]
    in_lab.assert_clean(page)


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_mouse_moves_each_control_to_its_ends(page, name):
    """Catches a handle that cannot be dragged, and an end of a slider at which drawing fails."""
    box = box_of(page, name)
    for slider in box.locator("[type=range]").all():
        start = slider.evaluate("e => (e.value - e.min) / (e.max - e.min)")
        for share in [1.0, 0.0, 0.5, start]:
            if slider.evaluate("e => (e.value - e.min) / (e.max - e.min)") != share:
                moved(box, lambda s=slider, t=share: in_lab.drag(page, s, t))
    assert not box.locator("[role=alert]").count()
    in_lab.assert_clean(page)


@pytest.mark.parametrize("name", EXPLORERS)
def test_names_order_and_focus(page, name):
    """Catches a control without a name, one that Tab passes over, and focus that is not seen."""
    box = box_of(page, name)
    controls = box.locator("[type=range], select, button, canvas[tabindex]")
    page.keyboard.press("Shift")  # so that keys were used last
    controls.first.focus()
    for number, control in enumerate(controls.all()):
        if number:
            page.keyboard.press("Tab")
        assert control.evaluate("e => e === document.activeElement"), number
        assert control.evaluate("e => getComputedStyle(e).outlineStyle") != "none", number
        name_of = "e => e.labels?.[0]?.textContent || e.ariaLabel || e.textContent"
        assert control.evaluate(name_of).strip(), f"control {number} has no name"
    for shown in box.locator("canvas, svg").all():
        assert shown.get_attribute("aria-label"), "a picture without words"


def test_it_follows_the_hand_while_a_cell_runs(page):
    """Catches a widget that waits for the kernel."""
    number = list(CELLS).index("busy")
    busy = cell(page, number)
    busy.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(CELLS["busy"])
    page.keyboard.press("Control+Enter")
    expect(busy.locator(".jp-InputPrompt")).to_contain_text("*")
    box = box_of(page, "eps")
    moved(box, lambda: press(page, box.locator("[type=range]").last))
    expect(busy.locator(".jp-InputPrompt")).to_contain_text("*")
    page.wait_for_function(in_lab.READY)


def test_two_widgets_on_one_page_are_two(page):
    """Catches a control that moves its neighbour's picture."""
    one, other = box_of(page, "eps"), box_of(page, "again")
    before = look(other)
    moved(one, lambda: press(page, one.locator("[type=range]").last))
    assert look(other) == before


def test_what_cannot_be_shown_is_told(page):
    """Catches an empty place, and controls that are dead, for networks that the page cannot run."""
    unknown, broken = box_of(page, "unknown"), box_of(page, "broken")
    assert "Digit 7" in sentence(unknown)
    told = "A still picture: the engine in the browser has no layer Tanh."
    assert unknown.locator("[role=note]").inner_text() == told
    assert "NaN" in broken.locator("[role=note]").inner_text()
    for box in (unknown, broken):
        assert not box.locator("input").count()


@pytest.mark.parametrize("name", EXPLORERS)
def test_zoomed_to_200_percent(page, name):
    """Catches a picture or a slider that leaves a screen of half the width."""
    page.set_viewport_size({"width": 640, "height": 450})
    try:
        box = box_of(page, name)
        for part in box.locator("canvas, svg, input, select, button").all():
            part.scroll_into_view_if_needed()
            edges = part.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= 640, edges
        moved(box, lambda: press(page, box.locator("[type=range], select").first))
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_widgets(page, theme):
    """Catches white letters on white: words are told from the ground in both themes."""
    page.evaluate(
        "name => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: name}); }",
        "JupyterLab " + theme.capitalize(),
    )
    is_light = str(theme == "light").lower()
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{is_light}'")
    assert not serious_faults(page)
    for name in EXPLORERS:
        box = box_of(page, name)
        letters = box.locator("label").first.evaluate("e => getComputedStyle(e).color")
        dark = sum(map(float, letters[letters.index("(") + 1 : -1].split(",")[:3])) < 384
        assert dark == (theme == "light"), letters
        if name == "eps" and theme == "light":  # README shows it where an attack succeeds
            moved(box, lambda: box.locator("[type=range]").last.fill("0.2"))  # noqa: B023
        picture(box, f"{name}.png" if theme == "light" else f"{name}-dark.png")


def test_saved_and_opened_again_it_moves(server, page):
    """Catches a page that forgets its widgets when it is opened again."""
    in_lab.command(page, "docmanager:save")
    in_lab.show(page, server, "explorers.ipynb")
    for name in EXPLORERS:
        box = box_of(page, name)
        box.locator(".advtutor-widget").wait_for()
        moved(box, lambda b=box: press(page, b.locator("[type=range], select").last))
    in_lab.assert_clean(page)


def test_a_restarted_kernel_leaves_it_alive(page):
    """Catches a widget that dies with the kernel that made it."""
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    page.wait_for_timeout(1000)
    page.wait_for_function(in_lab.READY)
    box = box_of(page, "eps")
    moved(box, lambda: press(page, box.locator("[type=range]").last))
    in_lab.assert_clean(page)


def ends(png):
    """Where the line that a still picture ends with is dark: `[20, 420]`."""
    shown = Image.open(io.BytesIO(png)).convert("L")
    return np.asarray(shown.crop((0, shown.height - 20, 420, shown.height))) < 160


def test_without_a_widget_manager_there_is_a_still_picture_and_a_line(server, new_page):
    """Catches an empty place, or a bare name, in a JupyterLab that cannot show widgets."""
    in_lab.write(server.folder / "without.ipynb", SETUP, *EXPLORERS.values())
    settings = server.config / "labconfig" / "page_config.json"
    settings.write_text('{"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": true}}')
    try:
        page = new_page()
        in_lab.show(page, server, "without.ipynb")
        in_lab.run_all(page)
        for number in range(1, 1 + len(EXPLORERS)):
            box = cell(page, number).locator(".jp-OutputArea-output").first
            box.locator("img").wait_for()
            assert not box.locator(".advtutor-widget").count()
            data = base64.b64decode(in_lab.source(box).split(",")[1])
            wanted = ends(plots.Figure((6, 2)).png(note=STILL))
            assert (ends(data) != wanted).mean() < wanted.mean() / 10
    finally:
        settings.unlink()
