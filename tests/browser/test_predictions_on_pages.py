"""The predictions on the website's pages, from the disk: answered, compared, kept nowhere."""

import base64
import json

import nbformat
import pytest
from in_lab import AXE, expect

from advtutor._say import TOLD
from tools.notebooks.source import NOTEBOOKS

KEPT = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


@pytest.fixture
def visit(browser, site):
    """Opens a notebook's page; a request that leaves the disk or an error fails the test."""
    pages, faults = [], []

    def opened(notebook, width=900, **settings):
        page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
        here = (site.as_uri(), "data:")
        page.on("request", lambda r: None if r.url.startswith(here) else faults.append(r.url))
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto((site / "notebooks" / f"{notebook}.html").as_uri())
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert faults == []


def outputs(notebook):
    """What a stored notebook asks: `{name: (offers, what came out in words, as data, riddle?)}`."""
    asked, out = {}, {}
    for cell in nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells:
        for output in cell.get("outputs", []):
            told = output.get("data", {}).get(TOLD, {})
            if "offers" in told:
                asked[told["prediction"]] = told["offers"]
            elif "prediction" in told:
                here = output.metadata[TOLD]
                kept = json.loads(base64.b64decode(here["sealed"])) if "sealed" in here else here
                out[told["prediction"]] = kept["came out"], kept["measured"], "sealed" in here
    return {name: (offers, *out[name]) for name, offers in asked.items()}


def asked(page, name):
    return page.locator(f'.prediction[data-asks*=\'"prediction": "{name}"\']')


def compared(page, name):
    return page.locator(f'.prediction[data-compares="{name}"]')


def lines(place):
    return place.inner_text().strip().split("\n")


@pytest.mark.parametrize("notebook", sorted(p.stem for p in NOTEBOOKS.glob("[0-9]*.ipynb")))
@pytest.mark.parametrize("folder", ["", "solutions/"])
def test_each_prediction_takes_an_answer(visit, folder, notebook):
    """Catches a prediction without a form, and one that compares with another's number."""
    page, wanted = visit(folder + notebook), outputs(notebook)
    found = page.locator(".prediction form")
    assert found.count() == len(wanted) > 0
    for name, (offers, out, measured, riddle) in wanted.items():
        place = asked(page, name)
        assert out not in page.locator("body").inner_text() or not riddle
        assert out not in place.inner_text()
        expect(place.get_by_role("status")).to_be_empty()
        if len(offers) > 1:
            assert place.locator("label").all_inner_texts() == offers
            place.get_by_label(offers[0], exact=True).check()
        else:
            place.get_by_role("spinbutton").fill(
                place.get_by_role("spinbutton").get_attribute("max")
            )
        place.get_by_role("button", name="Compare").click()
        reply = lines(place.get_by_role("status"))
        found_later = "what came out is for you to find in what follows"
        assert reply[0] == (found_later if riddle else out)
        assert reply[1].startswith("you predicted")
        same = " (as it came out)" if riddle and offers[0] == measured else ""
        assert lines(compared(page, name)) == [out, reply[1] + same]


def test_numbers_are_compared_as_in_the_notebook(visit):
    """Catches a gap that is not the difference, and an answer outside that counts as one."""
    page = visit("00_start_here")
    (name, (_, out, measured, _)) = next(iter(outputs("00_start_here").items()))
    number, reply = (
        asked(page, name).get_by_role("spinbutton"),
        asked(page, name).get_by_role("status"),
    )
    for typed in ("", "101", "-1"):
        number.fill(typed)
        page.keyboard.press("Enter")
        assert lines(reply) == ["Give a number from 0.0 % to 100.0 %."]
        assert number.get_attribute("aria-invalid") == "true"
        assert lines(compared(page, name)) == [out]
    for typed in ("40", "12.5", f"{100 * measured:.1f}"):
        number.fill(typed)
        page.keyboard.press("Enter")
        value = float(typed)
        words = f"you predicted {value:.1f} %, off by {value - 100 * measured:.1f} %"
        assert lines(reply) == [out, words]
        assert number.get_attribute("aria-invalid") == "false"


def test_choices_are_answered_with_keys(visit):
    """Catches a choice that keys do not reach, and a right answer that is not called so."""
    page = visit("01_linear_explanation")
    kept = page.evaluate(KEPT)
    offers, out, measured, _ = outputs("01_linear_explanation")["growth"]
    place = asked(page, "growth")
    place.get_by_role("button").press("Enter")
    assert lines(place.get_by_role("status")) == ["Choose one first."]
    assert page.evaluate("document.activeElement.value") == offers[0]
    page.keyboard.press("Space")
    for choice in offers:
        page.keyboard.press("Enter")
        same = " (as it came out)" if choice == measured else ""
        assert lines(place.get_by_role("status")) == [out, f"you predicted: {choice}{same}"]
        page.keyboard.press("ArrowDown")
    assert page.evaluate(KEPT) == kept


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_fits_and_axe_finds_nothing_serious(visit, width, theme):
    """Catches a form that leaves a phone's screen, and names or contrast that are missing."""
    for notebook in ("01_linear_explanation", "03_adversarial_training"):
        page = visit(notebook, width, color_scheme=theme)
        for place in page.locator(".prediction form").all():
            place.get_by_role("button").click()
            edges = place.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= width
        if not AXE.exists():
            pytest.skip("axe-core is not installed: make browser-test installs it with npm")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run('.prediction')")["violations"]
        serious = [f for f in found if f["impact"] in ("serious", "critical")]
        assert not serious, json.dumps(serious)[:2000]


def test_without_scripts_the_words_of_the_notebook_stay(visit):
    """Catches an empty place where scripts are off."""
    page = visit("00_start_here", java_script_enabled=False)
    (name, (_, out, _, _)) = next(iter(outputs("00_start_here").items()))
    assert lines(asked(page, name)) == ["Your prediction: a number from 0.0 % to 100.0 %"]
    assert lines(compared(page, name)) == [out]
