"""A digit is drawn with the mouse and with keys, and a training is watched and stopped."""

import re
from itertools import pairwise

import in_lab
import pytest
from in_lab import cell, expect, picture, serious_faults

SETUP = """
from safetensors.torch import load
from advtutor import data, live, models, training, widgets
digits = data.mnist()
usual, hardened = models.ConvNet(), models.ConvNet()
usual.load_state_dict(load(live.networks()["usual"]))
hardened.load_state_dict(load(live.networks()["hardened"]))
"""
TRAIN = """
watch = widgets.TrainingObserver(
    models.SoftmaxRegression, *(part[:15_000] for part in digits.train),
    (digits.test.x[:200], digits.test.y[:200]),
    objective=training.clean, epochs=100_000, lr=3e-3)
watch
"""
CELLS = [
    SETUP,
    'widgets.DrawDigit({"usual": usual, "hardened": hardened}, digits.test.x[:5])',
    TRAIN,
    "print('the kernel hears:', 6 * 7)",
]
SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.62, 0.4), (0.5, 0.62), (0.45, 0.8)]  # shares of the side
ONE = [(0.5, 0.2), (0.5, 0.8)]


@pytest.fixture(scope="module")
def page(server, new_page):
    in_lab.write(server.folder / "drawing.ipynb", *CELLS)
    page = new_page()
    in_lab.show(page, server, "drawing.ipynb")
    in_lab.run_all(page)
    return page


@pytest.fixture
def board(page):
    """The drawing area, cleared."""
    box = cell(page, 1).locator(".jp-OutputArea-output").first
    box.get_by_role("button", name="Clear").click()
    expect(words(box)).to_contain_text("Draw a digit")
    return box


def words(box):
    """What the widget says under its pictures."""
    return box.locator(".advtutor-widget > .words")


def between(places, steps):
    """`places` and the points on the lines between them."""
    yield places[0]
    for (a, b), (c, d) in pairwise(places):
        for step in range(1, steps + 1):
            share = step / steps
            yield a + share * (c - a), b + share * (d - b)


def draw(page, board, places):
    """Draw a line through `places` with the mouse."""
    area = board.locator(".paper")
    area.scroll_into_view_if_needed()
    edges = area.bounding_box()
    points = [
        (edges["x"] + a * edges["width"], edges["y"] + b * edges["height"]) for a, b in places
    ]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


BOTH = re.compile("^usual reads 7.* hardened reads 7")


def test_a_digit_drawn_with_the_mouse_is_read(page, board):
    """Catches a canvas whose pixels lie on their side, or are white on black."""
    draw(page, board, SEVEN)
    expect(words(board)).to_have_text(BOTH)
    in_lab.assert_clean(page)
    picture(board, "drawing.png")


@pytest.mark.parametrize("kind", ["touch", "pen"])
def test_a_digit_drawn_with_a_finger_or_a_pen_is_read(page, board, kind):
    """Catches a canvas that scrolls away under a finger, or that only a mouse can use."""
    area = board.locator(".paper")
    area.scroll_into_view_if_needed()
    edges = area.bounding_box()
    points = [
        {"x": edges["x"] + a * edges["width"], "y": edges["y"] + b * edges["height"]}
        for a, b in between(SEVEN, 6)
    ]
    browser = page.context.new_cdp_session(page)
    if kind == "touch":
        browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for number, point in enumerate(points):
            step = "touchMove" if number else "touchStart"
            browser.send("Input.dispatchTouchEvent", {"type": step, "touchPoints": [point]})
        browser.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        browser.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    else:
        pen = {"pointerType": "pen", "button": "left", "buttons": 1, "clickCount": 1}
        steps = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for step, point in zip(steps, points, strict=True):
            browser.send("Input.dispatchMouseEvent", {"type": step, **point, **pen})
        browser.send("Input.dispatchMouseEvent", {"type": "mouseReleased", **points[-1], **pen})
    expect(words(board)).to_have_text(BOTH)
    assert area.bounding_box() == edges  # nothing was scrolled


def test_it_is_attacked_by_one_button_and_follows_eps(page, board):
    """Catches a button that does nothing, and an attack without its smallest eps."""
    draw(page, board, SEVEN)
    expect(words(board)).to_have_text(BOTH)
    board.get_by_role("button", name="Attack it").click()
    expect(words(board)).to_have_text(re.compile("(attacked: .*smallest eps 0.*){2}"))
    picture(board, "drawing-attacked.png")
    board.locator("[type=range]").focus()
    page.keyboard.press("Home")
    expect(words(board)).to_have_text(re.compile("(attacked: 7.*){2}The attack's eps is 0.00."))
    draw(page, board, [(0.5, 0.5), (0.52, 0.5)])
    expect(words(board)).not_to_contain_text("attacked")


def test_undo_and_clear(page, board):
    """Catches an undo that takes back too much, and a cleared drawing that is still read."""
    draw(page, board, ONE)
    expect(words(board)).to_contain_text("usual reads")
    one = words(board).inner_text()
    draw(page, board, [(0.2, 0.3), (0.8, 0.3), (0.8, 0.6)])
    expect(words(board)).not_to_have_text(one)
    board.get_by_role("button", name="Undo").click()
    expect(words(board)).to_have_text(one)
    board.get_by_role("button", name="Clear").click()
    board.get_by_role("button", name="Attack it").click()
    expect(words(board)).to_contain_text("Draw a digit")
    expect(board.locator(".rows")).to_be_hidden()
    in_lab.assert_clean(page)


def test_a_digit_drawn_with_keys_is_read(page, board):
    """Catches a canvas that only a pointer can use."""
    board.locator(".paper").focus()
    for key, times in [("ArrowUp", 8), (" ", 1), ("ArrowDown", 17), (" ", 1)]:
        for _ in range(times):
            page.keyboard.press(key)
    expect(words(board)).to_contain_text("usual reads 1")
    assert board.locator(".paper").evaluate("e => e === document.activeElement")
    page.keyboard.press("Backspace")
    expect(words(board)).to_contain_text("Draw a digit")


def test_a_sample_digit_is_taken_without_a_pointer(page, board):
    """Catches samples that do not reach the networks."""
    board.locator("select").focus()
    for digit in "72":
        page.keyboard.press("ArrowDown")
        expect(words(board)).to_contain_text(f"usual reads {digit}")
    page.keyboard.press("Home")
    expect(words(board)).to_contain_text("Draw a digit")


def test_zoomed_to_200_percent(page, board):
    """Catches a canvas, a button or a picture that leaves a screen of half the width."""
    page.set_viewport_size({"width": 640, "height": 450})
    try:
        draw(page, board, SEVEN)
        for part in board.locator("canvas, button, input, select").all():
            part.scroll_into_view_if_needed()
            edges = part.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= 640, edges
        expect(words(board)).to_contain_text("usual reads 7")
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_canvas_filled_with_ink_is_a_sentence(page, board):
    """Catches an attack on ink without a digit."""
    rows = [
        (x, 0.03 + 0.05 * row) for row in range(20) for x in ((0.02, 0.98)[:: 1 - 2 * (row % 2)])
    ]
    draw(page, board, rows)
    expect(words(board)).to_contain_text("more ink than paper")
    in_lab.assert_clean(page)


def test_axe_finds_nothing_serious(page):
    """Catches a canvas without a name, and buttons with too little contrast."""
    assert not serious_faults(page)


def test_the_stop_button_stops_the_training(page):
    """Catches curves that stand still, a kernel that is deaf while it trains, a dead button."""
    box = cell(page, 2).locator(".jp-OutputArea-output").first
    start, stop = (
        box.get_by_role("button", name=n, exact=True) for n in ("Start training", "Stop")
    )
    loss, errors = (box.locator("svg").nth(n) for n in (0, 1))
    expect(loss).to_have_attribute("aria-label", "loss: none yet")
    start.click()
    expect(loss).to_have_attribute("aria-label", re.compile(r"loss: [\d.]+ to [\d.]+"))
    first = errors.get_attribute("aria-label")
    expect(errors).not_to_have_attribute("aria-label", first)
    stop.focus()
    page.keyboard.press("Enter")
    box.get_by_text("Stopped after").wait_for()
    picture(box, "training.png")
    before = loss.get_attribute("aria-label")
    page.wait_for_timeout(1500)
    assert loss.get_attribute("aria-label") == before
    start.click()
    expect(loss).not_to_have_attribute("aria-label", before)
    stop.click()
    box.get_by_text("Stopped after").wait_for()
    in_lab.assert_clean(page)


def test_saved_and_opened_again_it_shows_what_it_was(server, page):
    """Catches an empty place where the canvas was, and curves that are lost."""
    in_lab.command(page, "docmanager:save")
    in_lab.show(page, server, "drawing.ipynb")
    board, training = (cell(page, n).locator(".jp-OutputArea-output").first for n in (1, 2))
    expect(words(board)).to_contain_text("usual reads 7")
    expect(training.locator("svg").first).to_have_attribute("aria-label", re.compile("loss: .* to"))
    in_lab.assert_clean(page)


def test_after_a_restart_the_training_says_that_nobody_hears(page):
    """Catches a mute button where the kernel is another one."""
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    page.wait_for_timeout(1000)
    page.wait_for_function(in_lab.READY)
    box = cell(page, 2).locator(".jp-OutputArea-output").first
    box.get_by_role("button", name="Start training").click()
    box.get_by_text("run this cell again").wait_for()
    in_lab.assert_clean(page)
