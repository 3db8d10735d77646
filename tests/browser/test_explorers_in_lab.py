"""Every explorer in JupyterLab: moved by keyboard and by mouse, by its sentence and its picture."""

import base64
import io
import re

import in_lab
import numpy as np
import pytest
from in_lab import AXE, cell, changed, picture, sentence, serious_faults
from PIL import Image

from advtutor import plots
from advtutor.widgets.explorer import _STILL as STILL

SETUP = """
import torch
from advtutor import data, models, training, widgets
from advtutor.checks import defences
from advtutor.predictions import predict
digits = data.mnist()
x, y = digits.test.x[:40], digits.test.y[:40]
usual = models.MLP((100,))
training.fit(usual, digits.train.x[:20_000], digits.train.y[:20_000],
             objective=training.clean, epochs=1, lr=3e-3, progress=False)
hardened = defences.hardened()
"""
PHOTO = """
photo, label = data.photo("camera"), torch.tensor([data.imagenet_classes().index("tripod")])
widgets.photo_explorer(models.imagenet_classifier(), data.imagenet_classes(), photo, label)
"""
BROKEN = """
broken = models.SoftmaxRegression()
torch.nn.init.constant_(broken.linear.bias, float("nan"))
widgets.direction_explorer(broken, x, y)
"""
TWO_ENDS = """
import matplotlib.pyplot as plt
def draw(eps):
    if eps > 0.45:
        raise RuntimeError("beyond the data")
    figure = widgets.pictures.dimension_picture(784, max(eps, 0.001))
    plt.close(figure)
    return figure
widgets.Explorer(draw, eps=widgets.slider(0.1, 0.0, 0.5, 0.05, name="eps"))
"""
CELLS = {
    "setup": SETUP,
    "direction": "widgets.direction_explorer(usual, x, y)",
    "dimension": "widgets.dimension_explorer()",
    "stepper": "widgets.attack_stepper(usual, x, y)",
    "overfitting": "widgets.overfitting_explorer()",
    "photo": PHOTO,
    "defence": 'widgets.defence_explorer({"usual": usual, "hardened": hardened}, x, y)',
    "broken": BROKEN,
    "ends": TWO_ENDS,
    "number": 'predict("q", low=0, high=1, unit="%")',
    "question": 'predict("r", ["up", "down"])',
}
COUNT = """(place) => { window.__redraws = 0;
    const options = {subtree: true, childList: true, attributes: true, attributeFilter: ['src']};
    new MutationObserver(() => { window.__redraws += 1; }).observe(place, options); }"""
HURRY = """(slider, values) => { for (const value of values) {
    slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); } }"""
EXPLORERS = ["direction", "dimension", "stepper", "overfitting", "photo", "defence"]


@pytest.fixture(scope="module")
def page(server, new_page):
    in_lab.write(server.folder / "explorers.ipynb", *CELLS.values())
    page = new_page()
    in_lab.show(page, server, "explorers.ipynb")
    in_lab.run_all(page)
    return page


def box_of(page, name):
    return cell(page, list(CELLS).index(name)).locator(".jp-OutputArea-output").first


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_keyboard_moves_each_control(page, name):
    """Catches a control that keys do not move, a picture or a sentence that stays behind."""
    box = box_of(page, name)
    controls = box.locator("[type=range], select")
    assert controls.count() >= 1
    for control in controls.all():
        control.focus()
        key = "ArrowDown" if control.evaluate("e => e.tagName") == "SELECT" else "ArrowRight"
        moves = [key, "ArrowUp" if key == "ArrowDown" else "ArrowLeft"]
        first = changed(page, box, lambda k=moves[0]: page.keyboard.press(k))
        assert changed(page, box, lambda k=moves[1]: page.keyboard.press(k)) != first
    in_lab.assert_clean(page)


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_mouse_moves_each_control(page, name):
    """Catches a handle that cannot be dragged, and an end of a slider at which drawing fails."""
    box = box_of(page, name)
    for slider in box.locator("[type=range]").all():
        start = slider.evaluate("e => (e.value - e.min) / (e.max - e.min)")
        for share in [1.0, 0.0, 0.5, start] if start < 1 else [0.0, 0.5, 1.0]:
            if slider.evaluate("e => (e.value - e.min) / (e.max - e.min)") != share:
                changed(page, box, lambda s=slider, t=share: in_lab.drag(page, s, t))
    for choice in box.locator("select").all():
        values = choice.locator("option").all_inner_texts()
        start = choice.evaluate("e => e.selectedIndex")
        for index in [(start + 1) % len(values), start]:
            changed(page, box, lambda c=choice, i=index: c.select_option(index=i))
    in_lab.assert_clean(page)


@pytest.mark.parametrize("name", EXPLORERS)
def test_names_order_and_focus(page, name):
    """Catches a control without a name, one that Tab passes over, and focus that is not seen."""
    box = box_of(page, name)
    controls = box.locator("[type=range], select")
    page.keyboard.press("Shift")  # so that keys were used last
    controls.first.focus()
    for number, control in enumerate(controls.all()):
        if number:
            page.keyboard.press("Tab")
        assert control.evaluate("e => e === document.activeElement"), number
        look = "e => { const s = getComputedStyle(e); return s.outlineStyle + s.boxShadow; }"
        assert control.evaluate(look) != "nonenone", f"the focus of control {number} is not seen"
        name_of = "e => e.labels?.[0]?.textContent || e.getAttribute('aria-label') || ''"
        assert control.evaluate(name_of).strip(), f"control {number} has no name"


def test_axe_finds_nothing_serious(page):
    """Catches missing names, too little contrast, and roles that are none."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make browser-test installs it with npm")
    assert not serious_faults(page)


def test_a_broken_network_is_told_and_the_controls_live(page):
    """Catches a traceback in the page, and a control that is dead after a fault."""
    assert "returned NaN" in box_of(page, "broken").locator("[role=alert]").inner_text()
    box = box_of(page, "ends")
    slider = box.locator("[type=range]")
    slider.focus()
    page.keyboard.press("End")
    box.locator("[role=alert]").wait_for()
    assert "beyond the data" in box.inner_text()
    page.keyboard.press("Home")
    box.locator("img").wait_for()
    assert "eps 0.001," in sentence(box)
    in_lab.assert_clean(page)


def test_a_picture_follows_the_hand(page):
    """Catches a slider that is dumb until it is let go."""
    box = box_of(page, "direction")
    slider = box.locator("[type=range]").last
    slider.scroll_into_view_if_needed()
    rail = slider.bounding_box()
    page.mouse.move(rail["x"] + rail["width"] * 0.3, rail["y"] + rail["height"] / 2)
    changed(page, box, page.mouse.down)
    changed(page, box, lambda: page.mouse.move(rail["x"] + rail["width"] * 0.8, rail["y"] + 5))
    page.mouse.up()


def test_redraws_do_not_queue_up_behind_a_fast_hand(page):
    """Catches a picture that limps behind, value by value, when the hand has long stopped."""
    from playwright.sync_api import expect

    box = box_of(page, "ends")
    slider = box.locator("[type=range]")
    changed(page, box, lambda: slider.fill("0.4"))
    page.evaluate(COUNT, box.locator(".widget-html").element_handle())
    slider.evaluate(HURRY, [0.05 * (1 + i % 8) for i in range(80)] + [0.25])
    expect(box.locator("img")).to_have_attribute("alt", re.compile("eps 0.25,"))
    page.wait_for_timeout(1500)
    assert "eps 0.25," in sentence(box)
    assert 1 <= page.evaluate("() => window.__redraws") <= 8  # of 81


def test_two_widgets_on_one_page_are_two(page):
    """Catches a control that moves its neighbour's picture."""
    one, other = box_of(page, "direction"), box_of(page, "ends")
    before = sentence(other)
    one.locator("[type=range]").last.focus()
    changed(page, one, lambda: page.keyboard.press("ArrowRight"))
    assert sentence(other) == before


@pytest.mark.parametrize("name", EXPLORERS)
def test_zoomed_to_200_percent(page, name):
    """Catches a picture or a slider that leaves a screen of half the width."""
    page.set_viewport_size({"width": 640, "height": 450})
    try:
        box = box_of(page, name)
        for part in box.locator("img, .advtutor-control").all():
            part.scroll_into_view_if_needed()
            edges = part.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= 640, edges
        slider = box.locator("[type=range], select").first
        slider.focus()
        down = slider.evaluate("e => e.tagName") == "SELECT"
        changed(page, box, lambda: page.keyboard.press("ArrowDown" if down else "ArrowRight"))
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_widgets(page, theme):
    """Catches white letters on white: controls are told from the ground in both themes."""
    wanted = "JupyterLab " + theme.capitalize()
    page.evaluate(
        "name => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: name}); }",
        wanted,
    )
    is_light = str(theme == "light").lower()
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{is_light}'")
    if AXE.exists():
        assert not serious_faults(page)
    for name in EXPLORERS:
        box = box_of(page, name)
        label = box.locator("label").first
        letters = label.evaluate("e => getComputedStyle(e).color")
        dark = sum(map(float, letters[letters.index("(") + 1 : -1].split(",")[:3])) < 384
        assert dark == (theme == "light"), letters
        picture(box, f"{name}.png" if theme == "light" else f"{name}-dark.png")


def test_saved_and_opened_again_it_reads_well(server, page):
    """Catches a saved page that shows nothing, or a picture without its sentence."""
    page.evaluate(
        "() => { window.jupyterapp.commands.execute('apputils:change-theme', "
        "{theme: 'JupyterLab Light'}); }"
    )
    in_lab.command(page, "docmanager:save")
    in_lab.show(page, server, "explorers.ipynb")
    for name in EXPLORERS:
        assert len(sentence(box_of(page, name))) > 40
    in_lab.assert_clean(page)


def test_a_restarted_kernel_is_told_beside_the_control(server, new_page):
    """Catches a traceback, an empty place or a mute control where the kernel is another one."""
    from playwright.sync_api import expect

    cells = [
        "from advtutor import data, models, widgets\ndigits = data.mnist()",
        "widgets.dimension_explorer()",
        'widgets.DrawDigit({"untrained": models.SoftmaxRegression()}, digits.test.x[:2])',
        "few = digits.test.x[:50], digits.test.y[:50]\n"
        "widgets.TrainingObserver(models.SoftmaxRegression, *few, few, epochs=1, lr=0.1)",
    ]
    in_lab.write(server.folder / "restarted.ipynb", *cells)
    page = new_page()
    in_lab.show(page, server, "restarted.ipynb")
    in_lab.run_all(page)
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    page.wait_for_timeout(1000)
    page.wait_for_function(in_lab.READY)
    slider, drawing, training = (
        cell(page, number).locator(".jp-OutputArea-output").first for number in (1, 2, 3)
    )
    assert len(sentence(slider)) > 40
    slider.locator("[type=range]").focus()
    page.keyboard.press("ArrowRight")
    drawing.get_by_role("button", name="Clear").click()
    drawing.get_by_role("button", name="Attack it").click()
    training.get_by_role("button", name="Start training").click()
    for box, told in zip((slider, drawing, training), (1, 2, 1), strict=True):
        expect(box.get_by_text("run this cell again")).to_have_count(told)
    in_lab.assert_clean(page)
    in_lab.run_all(page)
    for number in (1, 2):
        box = cell(page, number).locator(".jp-OutputArea-output").first
        control = box.locator("[type=range]" if number == 1 else "select").first
        control.focus()
        page.keyboard.press("ArrowRight" if number == 1 else "ArrowDown")
    page.wait_for_timeout(4500)
    assert not page.get_by_text("run this cell again").count()


def ends(png):
    """Where the line that a still picture ends with is dark: `[20, 420]`."""
    shown = Image.open(io.BytesIO(png)).convert("L")
    return np.asarray(shown.crop((0, shown.height - 20, 420, shown.height))) < 160


def test_without_a_widget_manager_there_is_a_still_picture_and_a_line(server, new_page):
    """Catches an empty place, or a bare name, in a JupyterLab that cannot show widgets."""
    cells = [
        "from advtutor import data, models, widgets",
        "widgets.dimension_explorer()",
        'widgets.DrawDigit({"untrained": models.SoftmaxRegression()}, data.mnist().test.x[:2])',
    ]
    in_lab.write(server.folder / "without.ipynb", *cells)
    settings = server.config / "labconfig" / "page_config.json"
    settings.write_text('{"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": true}}')
    try:
        page = new_page()
        in_lab.show(page, server, "without.ipynb")
        in_lab.run_all(page)
        for number in (1, 2):
            box = cell(page, number).locator(".jp-OutputArea-output").first
            box.locator("img").wait_for()
            assert not box.locator(".jupyter-widgets").count()
            data = base64.b64decode(in_lab.source(box).split(",")[1])
            wanted = ends(plots.Figure((6, 2)).png(note=STILL))
            assert (ends(data) != wanted).mean() < wanted.mean() / 10
    finally:
        settings.unlink()
