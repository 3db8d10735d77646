"""The widgets on the slides, from the disk: they move, keep their keys, and ask for nothing."""

import shutil

import pytest
from in_lab import expect, serious

from tools.notebooks.source import ROOT
from tools.pages import slides

REVEAL = ROOT / "build" / "slides" / "reveal.js"  # what `make slides` fetched earlier
KINDS = {"00": ["photo", "draw"], "01": ["dimension", "direction"], "02": ["eps", "stepper"]}
KINDS["04"] = ["defence"]
SWIPE = """(target) => {
    const finger = {pointerType: 'touch', pointerId: 5, bubbles: true, clientY: 300};
    const at = (x) => ({...finger, clientX: x});
    target.dispatchEvent(new PointerEvent('pointerdown', at(900)));
    for (const x of [800, 600, 400]) target.dispatchEvent(new PointerEvent('pointermove', at(x)));
    target.dispatchEvent(new PointerEvent('pointerup', at(400))); }"""


@pytest.fixture(scope="module")
def decks(browser, tmp_path_factory):
    """The slides of the notebooks with widgets, as `make slides` makes them."""
    if not (REVEAL / "reveal.js").is_file():
        pytest.skip("run `make slides` once, with a network")
    folder = tmp_path_factory.mktemp("the slides")
    shutil.copytree(REVEAL, folder / "reveal.js")
    slides.main([*KINDS, "--output", str(folder)])
    return folder


@pytest.fixture
def deck(browser, decks):
    """Opens a deck; a request that leaves the folder or a script's error fails the test."""
    pages, faults = [], []

    def opened(number):
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto((decks / f"{number}.html").as_uri())
        page.wait_for_function("() => window.Reveal?.isReady()")
        pages.append(page)
        return page

    yield opened
    here = (decks.as_uri(), "data:")
    faults += [url for page in pages for url in page.asked if not url.startswith(here)]
    for page in pages:
        page.close()
    assert faults == []


def turned_to(page, kind):
    """The widget of this kind, after its slide has been turned to."""
    widget = page.locator(f'.advtutor-widget[data-kind="{kind}"]')
    widget.evaluate("e => Reveal.slide(Reveal.getIndices(e.closest('section')).h)")
    expect(widget).to_be_visible()
    expect(widget).to_have_attribute("data-state", "ready")
    return widget


def place(page):
    return page.evaluate("Reveal.getIndices().h")


@pytest.mark.parametrize("number", KINDS)
def test_the_widgets_move_and_the_slide_stays(deck, number):
    """Catches a slide with a dead picture, and keys of a control that turn the slide."""
    page = deck(number)
    for kind in KINDS[number]:
        widget = turned_to(page, kind)
        here, words = place(page), widget.locator("> .words")
        expect(page.locator("section.present .cell_output")).to_be_hidden()
        if kind == "draw":
            widget.get_by_role("button", name="Attack it").press("Enter")
        expect(words).not_to_be_empty()
        before = words.inner_text()
        slider = widget.locator("[type=range]").last
        for key in ("Home", "ArrowRight", "ArrowUp", "PageUp"):
            slider.press(key)
        expect(words).not_to_have_text(before)
        for control in widget.locator("select, button, canvas[tabindex]").all():
            for key in ("n", "ArrowLeft", "ArrowRight", "Space", "Home"):
                control.press(key)
        slider.evaluate(SWIPE)
        assert place(page) == here
        slider.focus()
        for key in ("Escape", "ArrowLeft"):
            page.keyboard.press(key)
        assert place(page) == here - 1


@pytest.mark.parametrize("number", KINDS)
def test_the_widgets_fit_their_slides(deck, number):
    """Catches a widget that is cut off, words over words, and names that are missing."""
    page = deck(number)
    for kind in KINDS[number]:
        widget = turned_to(page, kind)
        slide = page.locator("section.present")
        assert float(slide.get_attribute("data-size")) >= 0.9, kind
        for part in widget.locator("canvas, svg, input, select, button, p, figcaption").all():
            if part.is_visible() and (edges := part.bounding_box()):
                assert edges["x"] >= 0 and edges["x"] + edges["width"] <= 1280, part.inner_html()
                assert edges["y"] >= 0 and edges["y"] + edges["height"] <= 712, part.inner_html()
        assert not serious(page, "section.present .moving")


def test_a_deck_carries_each_network_once(deck, decks):
    """Catches weights that each widget brings along by itself."""
    page = deck("02")
    names = [url.rpartition("/")[2] for url in page.asked]
    assert names.count("network-usual.js") == 1 and "network-hardened.js" not in names
    assert names.count("widget-eps.js") == names.count("widget-stepper.js") == 1
    weights = (decks / "network-usual.js").stat().st_size
    for kind in ("eps", "stepper"):
        assert (decks / f"widget-{kind}.js").stat().st_size < weights / 4
