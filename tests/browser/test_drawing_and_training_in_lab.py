"""A digit is drawn with the mouse and with keys, and a training is watched and stopped."""

from itertools import pairwise

import in_lab
import pytest
from in_lab import AXE, cell, changed, picture, sentence, serious_faults

SETUP = """
import torch
from advtutor import data, models, training, widgets
torch.manual_seed(0)
digits = data.mnist()
train = digits.train.x[:15_000], digits.train.y[:15_000]
usual, robust = models.ConvNet(), models.ConvNet()
words = {"epochs": 1, "lr": 3e-3, "progress": False}
training.fit(usual, *train, objective=training.clean, **words)
training.fit(robust, *train, objective=training.Adversarial(0.15), **words)
"""
TRAIN = """
watch = widgets.TrainingObserver(
    models.SoftmaxRegression, *train, (digits.test.x[:200], digits.test.y[:200]),
    objective=training.clean, epochs=100_000, lr=3e-3)
watch
"""
CELLS = [
    SETUP,
    'board = widgets.DrawDigit({"usual": usual, "robust": robust}, digits.test.x[:5])\nboard',
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
    box.get_by_text("Draw something first").wait_for()
    return box


def between(places, steps):
    """`places` and the points on the lines between them."""
    yield places[0]
    for (a, b), (c, d) in pairwise(places):
        for step in range(1, steps + 1):
            share = step / steps
            yield a + share * (c - a), b + share * (d - b)


def draw(page, board, places):
    """Draw a line through `places` with the mouse."""
    area = board.locator("canvas")
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


def test_a_digit_drawn_with_the_mouse_is_read(page, board):
    """Catches a canvas whose pixels do not arrive, lie on their side, or are white on black."""
    draw(page, board, SEVEN)
    board.locator("img").wait_for()
    page.wait_for_timeout(1000)
    assert "usual reads 7" in sentence(board) and "robust reads 7" in sentence(board)
    in_lab.assert_clean(page)
    picture(board, "drawing.png")


@pytest.mark.parametrize("kind", ["touch", "pen"])
def test_a_digit_drawn_with_a_finger_or_a_pen_is_read(page, board, kind):
    """Catches a canvas that scrolls away under a finger, or that only a mouse can use."""
    area = board.locator("canvas")
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
        words = {"pointerType": "pen", "button": "left", "buttons": 1, "clickCount": 1}
        steps = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for step, point in zip(steps, points, strict=True):
            browser.send("Input.dispatchMouseEvent", {"type": step, **point, **words})
        browser.send("Input.dispatchMouseEvent", {"type": "mouseReleased", **points[-1], **words})
    board.locator("img").wait_for()
    page.wait_for_timeout(1000)
    assert area.bounding_box() == edges  # nothing was scrolled
    assert "usual reads 7" in sentence(board) and "robust reads 7" in sentence(board)


def test_it_is_attacked_by_one_button(page, board):
    """Catches a button that does nothing, and an attack without its smallest eps."""
    draw(page, board, SEVEN)
    board.locator("img").wait_for()
    page.wait_for_timeout(1000)
    words = changed(page, board, board.get_by_role("button", name="Attack it").click)
    assert words.count("smallest eps") == 2 and words.count("attacked: ") == 2
    picture(board, "drawing-attacked.png")


def test_undo_and_clear(page, board):
    """Catches an undo that takes back too much, and a cleared drawing that is still read."""
    draw(page, board, ONE)
    board.locator("img").wait_for()
    page.wait_for_timeout(800)
    one = sentence(board)
    changed(page, board, lambda: draw(page, board, [(0.2, 0.3), (0.8, 0.3), (0.8, 0.6)]))
    page.wait_for_timeout(800)
    board.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(800)
    assert sentence(board) == one
    board.get_by_role("button", name="Clear").click()
    board.get_by_text("Draw something first").wait_for()
    board.get_by_role("button", name="Attack it").click()
    page.wait_for_timeout(500)
    assert board.get_by_text("Draw something first").count() == 1
    in_lab.assert_clean(page)


def test_a_digit_drawn_with_keys_is_read(page, board):
    """Catches a canvas that only a pointer can use."""
    board.locator("canvas").focus()
    for key, times in [("ArrowUp", 8), (" ", 1), ("ArrowDown", 17), (" ", 1)]:
        for _ in range(times):
            page.keyboard.press(key)
    board.locator("img").wait_for()
    page.wait_for_timeout(1000)
    assert "usual reads 1" in sentence(board)
    assert board.locator("canvas").evaluate("e => e === document.activeElement")
    page.keyboard.press("Backspace")
    board.get_by_text("Draw something first").wait_for()


def test_a_sample_digit_is_taken_without_a_pointer(page, board):
    """Catches samples that do not reach the page, or do not come back from it."""
    board.locator("select").focus()
    page.keyboard.press("ArrowDown")
    board.locator("img").wait_for()
    page.wait_for_timeout(800)
    assert "usual reads 7" in sentence(board)
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(1000)
    assert "usual reads 2" in sentence(board)
    page.keyboard.press("Home")


def test_zoomed_to_200_percent(page, board):
    """Catches a canvas, a button or a picture that leaves a screen of half the width."""
    page.set_viewport_size({"width": 640, "height": 450})
    try:
        draw(page, board, SEVEN)
        board.locator("img").wait_for()
        for part in board.locator("canvas, button, img, .advtutor-control").all():
            part.scroll_into_view_if_needed()
            edges = part.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= 640, edges
        page.wait_for_timeout(800)
        assert "usual reads 7" in sentence(board)
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_canvas_filled_with_ink_is_a_sentence(page, board):
    """Catches an attack on ink without a digit."""
    rows = [
        (x, 0.03 + 0.05 * row) for row in range(20) for x in ((0.02, 0.98)[:: 1 - 2 * (row % 2)])
    ]
    draw(page, board, rows)
    board.get_by_text("more ink than paper").wait_for()
    in_lab.assert_clean(page)


def test_axe_finds_nothing_serious(page):
    """Catches a canvas without a name, and buttons with too little contrast."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make browser-test installs it with npm")
    assert not serious_faults(page)


def test_the_stop_button_stops_the_training(page):
    """Catches curves that stand still, a kernel that is deaf while it trains, a dead button."""
    box = cell(page, 2).locator(".jp-OutputArea-output").first
    start, stop = (
        box.get_by_role("button", name=n, exact=True) for n in ("Start training", "Stop")
    )
    changed(page, box, start.click)
    changed(page, box, lambda: page.wait_for_timeout(600))
    stop.focus()
    page.keyboard.press("Enter")
    box.get_by_text("Stopped after").wait_for()
    assert "the loss went from" in sentence(box)
    picture(box, "training.png")
    before = sentence(box)
    page.wait_for_timeout(1500)
    assert sentence(box) == before
    changed(page, box, start.click)
    stop.click()
    box.get_by_text("Stopped after").wait_for()
    in_lab.assert_clean(page)


def test_saved_and_opened_again_it_shows_what_it_was(server, page):
    """Catches an empty place where the canvas was, and curves that are lost."""
    box = cell(page, 1).locator(".jp-OutputArea-output").first
    box.get_by_role("button", name="Clear").click()
    draw(page, box, SEVEN)
    box.locator("img").wait_for()
    in_lab.command(page, "docmanager:save")
    in_lab.show(page, server, "drawing.ipynb")
    for number in (1, 2):
        shown = cell(page, number).locator(".jp-OutputArea-output").first
        shown.locator("img").first.wait_for()
        assert len(sentence(shown)) > 30
    in_lab.assert_clean(page)
