"""The website's first page from the disk: the attack, by mouse, touch, pen and keys."""

import io
import os
import re
import shutil

import pytest
import torch
from in_lab import expect, serious
from PIL import Image
from safetensors.torch import load

from advtutor import attacks, live, models
from advtutor.data import mnist

NETWORKS = ("usual", "hardened")
READY = "() => document.getElementById('attack').dataset.state === 'ready'"
SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.62, 0.4), (0.5, 0.62), (0.45, 0.8)]  # shares of the side
SMALLEST_LETTERS = """() => {
    const sizes = [...document.querySelectorAll('#attack *')]
        .filter((e) => e.checkVisibility())
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => [parseFloat(getComputedStyle(e).fontSize), e.textContent]);
    return sizes.sort((a, b) => a[0] - b[0])[0]; }"""
# What leaves the screen, and words that leave the part of the page in which they stand.
SPILLS = """() => {
    const parts = '.attack-cell, .attack-subject, .attack-eps, .attack-foot, .attack';
    const wide = document.documentElement.clientWidth;
    const cut = (part, room) => part.left < room.left - 1 || part.right > room.right + 1;
    const shown = [...document.querySelectorAll('#attack *')].filter((e) => e.checkVisibility());
    return shown.filter((e) => {
        if (cut(e.getBoundingClientRect(), {left: 0, right: wide})) return true;
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) return false;
        const words = document.createRange();
        words.selectNodeContents(e);
        return cut(words.getBoundingClientRect(), e.closest(parts).getBoundingClientRect());
    }).map((e) => e.outerHTML.slice(0, 120)); }"""
END_OF_HEADLINE = """() => {
    const words = document.createRange();
    words.selectNodeContents(document.getElementById('attack-headline'));
    return words.getBoundingClientRect().bottom + scrollY; }"""
# How long the page's own work in a frame takes, and the twenty steps after it, in ms.
TIMES = """async () => {
    const slider = document.getElementById('attack-eps'), page = document.getElementById('attack');
    const frames = [], all = [];
    for (let i = 0; i < 12; i++) {
        const started = performance.now();
        slider.value = i % 2 ? 0.2 : 0.21;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        frames.push(await new Promise((done) =>
            requestAnimationFrame((frame) => done(performance.now() - frame))));
        while (page.dataset.state !== 'ready') await new Promise((done) => setTimeout(done));
        all.push(performance.now() - started);
    }
    return [Math.min(...frames), Math.min(...all)]; }"""


@pytest.fixture
def visit(browser, site):
    """Opens the first page; a request that leaves the disk or a script's error fails the test."""
    contexts, faults = [], []

    def opened(address: str = "", *, width=1400, motion=False, folder=site, sound=True, **settings):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            reduced_motion="no-preference" if motion else "reduce",
            **settings,
        )
        contexts.append(context)
        page = context.new_page()
        here = folder.as_uri()
        page.on("request", lambda r: None if r.url.startswith((here, "data:")) else note(r.url))
        if sound:
            page.on("pageerror", lambda error: note(str(error)))
            page.on("console", lambda said: note(said.text) if said.type == "error" else None)
        page.goto((folder / "index.html").as_uri() + address)
        if sound and not motion:
            page.wait_for_function(READY)
        return page

    def note(fault: str) -> None:
        faults.append(fault)

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def settled(page) -> None:
    page.wait_for_timeout(50)  # the frame that takes the change up
    page.wait_for_function(READY)


def headline(page) -> str:
    return " ".join(page.locator("#attack-headline").inner_text().split())


def detail(page) -> str:
    return page.locator("#attack-detail").inner_text()


def eps(page) -> float:
    return float(page.locator("#attack-eps-value").inner_text())


def cells(page) -> list[str]:
    """What each of the six cells shows, as it is said to those who do not see it."""
    pictures = page.locator(".attack-picture")
    return [pictures.nth(n).get_attribute("aria-label") for n in range(pictures.count())]


def draw(page, places, pointer="mouse") -> None:
    """A stroke over the canvas, through `places`, in shares of its side."""
    box = page.locator("#attack-canvas").bounding_box()
    points = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in places]
    if pointer == "mouse":
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=6)
        page.mouse.up()
    elif pointer == "finger":
        finger, (first, *others) = page.context.new_cdp_session(page), points
        moves = [("touchStart", [first]), *(("touchMove", [each]) for each in others)]
        for kind, touched in [*moves, ("touchEnd", [])]:
            at = [{"x": x, "y": y} for x, y in touched]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    else:
        kinds = ["pointerdown", *["pointermove"] * (len(points) - 1), "pointerup"]
        page.evaluate(
            """([pointer, kinds, points]) => {
                const canvas = document.getElementById('attack-canvas');
                canvas.setPointerCapture = () => {};  // there is no such pointer to capture
                kinds.forEach((kind, i) => {
                    const [x, y] = points[Math.min(i, points.length - 1)];
                    canvas.dispatchEvent(new PointerEvent(kind, {pointerType: pointer,
                        pointerId: 7, clientX: x, clientY: y, bubbles: true})); }); }""",
            [pointer, kinds, points],
        )
    settled(page)


def test_it_fools_a_network_by_itself_and_a_hand_takes_over(visit) -> None:
    """Catches a page on which nothing happens, and one that goes on under the visitor's hand."""
    page = visit(motion=True)
    page.wait_for_function("() => document.getElementById('attack-eps-value').textContent > 0")
    page.get_by_text("The network sees a 3.").wait_for()
    page.wait_for_function(READY)
    assert eps(page) == 0.15 and page.evaluate("location.hash") == ""
    for said in ("headline", "detail"):  # read out from now on
        assert page.locator(f"#attack-{said}").get_attribute("aria-live") == "polite"
    page = visit(motion=True)
    page.locator("#attack-eps").focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(3000)
    assert eps(page) == 0


def test_the_first_screen_shows_both_networks_under_twenty_steps(visit) -> None:
    """Catches a hardened network that is shown under one step alone."""
    page = visit()
    assert headline(page) == "You see a 7. The network sees a 3."
    assert "It falls at 0.2" in detail(page)
    for name in NETWORKS:
        (cell,) = [each for each in cells(page) if each.startswith(f"{name} network, twenty")]
        assert ("fooled" in cell) == (name == "usual")
        box = page.get_by_label(cell).bounding_box()
        assert box["y"] + box["height"] < 900
    flags = page.locator(".attack-flag").all_inner_texts()
    assert [re.sub(r"[\d.]+", "#", flag) for flag in flags] == [
        "usual: fooled from #",
        "hardened: fooled from #",
    ]


def test_it_is_fast_enough(visit) -> None:
    """Catches a slider that limps: the best of twelve, since others work on this machine too."""
    page = visit()
    first = page.evaluate("performance.getEntriesByName('the first picture')[0].startTime")
    frame, everything = page.evaluate(TIMES)
    assert frame < 16
    if everything >= 150 and os.getloadavg()[0] > os.cpu_count():
        pytest.skip(f"this machine is busy: first picture {first:.0f}, twenty {everything:.0f} ms")
    assert everything < 150 and first < 2000, (everything, first)


def test_the_keyboard_reaches_and_moves_everything(visit) -> None:
    """Catches a control that Tab passes over or keys do not move, and focus that is not seen."""
    page = visit()
    page.locator("#attack-canvas").focus()
    order = []
    for _ in range(12):
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        look = "getComputedStyle(document.activeElement).outlineStyle"
        picked = page.evaluate("document.activeElement.name") == "attack-digit"
        assert picked or page.evaluate(look) != "none", order[-1]
        page.keyboard.press("Tab")
    wanted = ["attack-canvas", "", "attack-draw", "attack-undo", "attack-flag", "attack-eps"]
    wanted += ["attack-flag", "attack-toss", "attack-link", "attack-room"]
    assert [re.sub(" .*", "", name) for name in order[: len(wanted)]] == wanted

    page.locator("#attack-eps").focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert eps(page) == 0.155
    page.keyboard.press("Home")
    settled(page)
    assert headline(page) == "You see a 7. So does the network."
    page.locator(".attack-flag").last.focus()
    page.keyboard.press("Enter")
    settled(page)
    assert "falls" in detail(page) and 0.25 < eps(page) < 0.35
    page.locator(".attack-pick input:checked").focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert headline(page).startswith("You see an 8.")
    before = cells(page)
    page.locator("#attack-toss").focus()
    page.keyboard.press("Enter")
    settled(page)
    assert "seed=2" in page.evaluate("address => location.hash") or cells(page) != before


def test_a_digit_is_drawn_with_keys_and_taken_back(visit) -> None:
    """Catches a canvas that only a mouse can use."""
    page = visit()
    page.locator("#attack-draw").focus()
    page.keyboard.press("Enter")
    settled(page)
    assert headline(page) == "Nothing to read yet."
    assert page.evaluate("document.activeElement.id") == "attack-canvas"
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    assert page.locator("#attack-pen").inner_text() == "Pen down."
    for _ in range(17):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    settled(page)
    assert headline(page).startswith("It read a 1.")
    page.keyboard.press("Backspace")
    settled(page)
    assert headline(page) == "Nothing to read yet."
    page.keyboard.press("Backspace")
    settled(page)
    assert headline(page).startswith("You see a 7.")


@pytest.mark.parametrize("pointer", ["mouse", "finger", "pen"])
def test_a_digit_is_drawn_by_hand(visit, pointer) -> None:
    """Catches a stroke that is lost or scrolls the page, and a drawing that no link holds."""
    phone = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2.75, "width": 393}
    page = visit(**(phone if pointer == "finger" else {}))
    draw(page, SEVEN, pointer)
    assert headline(page).startswith("It read a 7.")
    assert page.evaluate("scrollY") == 0
    page.wait_for_function("() => location.hash.includes('drawing=')")
    address, seen = page.evaluate("location.hash"), cells(page)
    other = visit(address)
    assert cells(other) == seen and headline(other) == headline(page)


def test_an_empty_and_a_black_canvas_are_told(visit) -> None:
    """Catches a network that is asked about nothing, and a page that hangs on it."""
    page = visit()
    page.locator("#attack-draw").click()
    settled(page)
    assert "Draw a digit" in detail(page)
    lines = [(0.02 if n % 2 == m else 0.98, n / 24) for n in range(25) for m in (0, 1)]
    draw(page, lines, "touch")
    assert "more ink than paper" in detail(page)
    page.locator(".attack-pick input").first.check()
    settled(page)
    assert headline(page).startswith("You see a 0.")


@pytest.mark.parametrize("width", [320, 360, 768, 1000, 1190, 1400])
def test_nothing_shifts_under_the_hand(visit, width) -> None:
    """Catches what moves away when the words above it change, and room that is left empty."""
    page = visit(width=width)

    def places():
        scrolled, parts = page.evaluate("scrollY"), (".attack-canvas", ".attack-networks")
        return [round(page.locator(part).bounding_box()["y"] + scrolled) for part in parts]

    first = places()
    assert first[0] - page.evaluate(END_OF_HEADLINE) < 40
    for digit, value in [(7, 0), (1, 0.1), (5, 0.3), (8, 0.25), (8, 0.5)]:
        page.locator(".attack-pick input").nth(digit).check()
        page.locator("#attack-eps").fill(str(value))
        settled(page)
        assert places() == first, (digit, value, headline(page), detail(page))
    draw(page, SEVEN, "touch")
    assert places() == first, detail(page)
    page.locator("#attack-draw").click()
    settled(page)
    assert places() == first, detail(page)


def test_back_and_forward(visit) -> None:
    """Catches a finding that cannot be gone back to."""
    page = visit()
    for value in ("0.05", "0.3"):
        page.locator("#attack-eps").fill(value)
        page.wait_for_function(f"() => location.hash.includes('eps={value}')")
    page.locator(".attack-pick input").nth(2).check()
    page.wait_for_function("() => location.hash.includes('digit=1&')")
    settled(page)
    there = headline(page)
    for step, digit, wanted in [
        ("back", 7, 0.3),
        ("back", 7, 0.05),
        ("back", 7, 0.15),
        ("forward", 7, 0.05),
    ]:
        page.evaluate(f"history.{step}()")
        page.wait_for_function(f"() => document.getElementById('attack-eps').value == {wanted}")
        settled(page)
        assert headline(page).startswith(f"You see a {digit}.")
    page.evaluate("history.go(2)")
    page.wait_for_function("() => location.hash.includes('digit=1&')")
    settled(page)
    assert headline(page) == there
    page.evaluate("location.hash = '#two-commands'")  # as the link past the menu does
    settled(page)
    assert headline(page) == there and eps(page) == 0.3


@pytest.mark.parametrize(
    "address", ["#digit=99999&eps=abc", "#drawing=xyz", "#drawing=0(784", "#eps=7&seed=-1", "#x"]
)
def test_a_wrong_address_is_no_fault(visit, address) -> None:
    """Catches a page that a mistyped link stops."""
    assert headline(visit(address)).startswith("You see a 7.")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1400])
def test_axe_finds_nothing_serious(visit, width, theme) -> None:
    """Catches names that are missing, and contrast that is too low."""
    assert not serious(visit(width=width, color_scheme=theme), ".bd-article")


def test_it_fits_every_width(visit) -> None:
    """Catches a page that scrolls sideways, and words that are cut off or run into others."""
    page = visit("#digit=61&eps=0.300")
    for width in (320, 360, 600, 630, 730, 740, 768, 1000, 1180, 1190, 1300, 1320, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not page.evaluate(SPILLS), width


def test_in_the_systems_own_colours_and_on_paper_the_bars_stay(visit) -> None:
    """Catches what is drawn as a background, which either leaves out."""
    page = visit(forced_colors="active")
    column = page.locator(".attack-network").last.locator(".attack-column.is-read").last
    track = page.locator("#attack-eps")
    shots = [Image.open(io.BytesIO(part.screenshot())).convert("RGB") for part in (column, track)]
    paper = shots[1].getpixel((5, shots[1].height - 1))
    for shot in shots:
        assert shot.getpixel((shot.width // 3, round(0.48 * shot.height))) != paper
    for part in (column.locator("i").last, track):
        assert part.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"


def test_the_dark_page_is_printed_in_dark_letters(visit) -> None:
    """Catches pale letters on white paper."""
    page = visit(color_scheme="dark")
    page.evaluate("""addEventListener('beforeprint', () => {
        window.printed = getComputedStyle(document.getElementById('attack-headline')).color; })""")
    page.pdf()
    assert sum(map(int, re.findall(r"\d+", page.evaluate("window.printed"))[:3])) < 384
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_without_scripts_there_is_a_picture(browser, site) -> None:
    """Catches a page that says for ever that it begins."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    picture = page.locator("#attack noscript img")
    assert picture.bounding_box()["height"] > 200 and "reads a 7" in picture.get_attribute("alt")
    assert not page.locator("#attack-detail").is_visible()
    assert page.locator("#attack noscript p").is_visible()
    context.close()


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (1024, 768)])
def test_full_screen_is_read_from_the_last_row(visit, size) -> None:
    """Catches small print in the classroom, a part that is cut off, a way out that is missing."""
    page = visit("#digit=110&eps=0.300&full=1")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    settled(page)
    smallest, words = page.evaluate(SMALLEST_LETTERS)
    assert smallest >= size[1] / 32, words
    parts = ".attack-picture, #attack-eps, h2, #attack-headline, #attack-room"
    for part in page.locator(f".attack.is-full :is({parts})").all():
        box = part.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], part.inner_html()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], part.inner_html()
    assert "reads 2" in page.locator(".attack-network").last.inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('#attack')")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.hash.includes('full')")
    assert page.locator(".attack.is-full").count() == 0
    page.get_by_role("button", name="Full screen").press("Enter")
    page.locator(".attack.is-full").wait_for()
    page.get_by_role("button", name="Leave full screen").press("Enter")
    page.wait_for_function(
        "() => !document.fullscreenElement && !document.querySelector('[inert]')"
    )


def test_nothing_moves_by_itself_where_that_is_asked_for(visit) -> None:
    """Catches motion in spite of the system's setting."""
    page = visit()
    assert eps(page) == 0.15
    look = "getComputedStyle(document.querySelector('.attack-bar')).transitionDuration"
    assert page.evaluate(look) in ("0s", "0.001s")


@pytest.mark.parametrize("fault", ["weights", "half", "gone"])
def test_a_damaged_file_is_told(visit, site, tmp_path, fault) -> None:
    """Catches a page that waits for ever, and one that attacks with half of its weights."""
    broken = tmp_path / "site"
    shutil.copytree(site, broken, ignore=shutil.ignore_patterns("*.ipynb", "notebooks", "_images"))
    script = broken / "_static" / "attack.js"
    text = script.read_text(encoding="utf-8")
    if fault == "weights":
        middle = text.index('"bytes": "') + 200_000
        script.write_text(
            text[:middle] + ("AAAA" if text[middle] != "A" else "BBBB") + text[middle + 4 :]
        )
    elif fault == "half":
        script.write_text(text[: len(text) // 2])
    else:
        script.unlink()
    page = visit(folder=broken, sound=False)
    alert = page.locator("#attack-alert")
    alert.wait_for()
    assert "cannot start" in alert.inner_text() and "make site" in alert.inner_text()
    assert not page.locator(".attack-subject").is_visible()
    assert page.get_by_role("heading", name="The notebooks").is_visible()


def test_scripting_gives_what_torch_gives(visit) -> None:
    """Catches a function of window.advtutor that is missing, or that answers otherwise."""
    page, (x, y) = visit(), (part[:1] for part in mnist().test)
    pixels, label = x.flatten().tolist(), y.item()
    assert page.evaluate("advtutor.networks()") == list(NETWORKS)
    for name in NETWORKS:
        model = models.ConvNet()
        model.load_state_dict(load(live.networks()[name]))
        open_ = x.clone().requires_grad_()
        logits = model(open_)
        (gradient,) = torch.autograd.grad(attacks.cross_entropy(logits, y).sum(), open_)
        call = "([call, ...given]) => advtutor[call](...given)"
        found = torch.tensor(page.evaluate(call, ["logits", name, pixels]))
        assert torch.allclose(found, logits[0].detach(), rtol=1e-4, atol=1e-4)
        found = torch.tensor(page.evaluate(call, ["gradient", name, pixels, label]))
        assert (found - gradient.flatten()).abs().max() < 1e-3 * gradient.abs().max()
        for attack, *settings in [("fgsm",), ("pgd", 5)]:
            found = page.evaluate(call, [attack, name, pixels, label, 0.1, *settings])
            moved = (torch.tensor(found) - x.flatten()).abs()
            assert len(found) == 784 and 0.09 < moved.max() < 0.1 + 1e-6
    noise = torch.tensor(page.evaluate(call, ["noise", pixels, 0.1, 3]))
    assert 0.09 < (noise - x.flatten()).abs().max() < 0.1 + 1e-6
    for wrong, words in [
        (["logits", "nobody", pixels], "no network nobody"),
        (["logits", "usual", pixels[:3]], "give 784"),
        (["fgsm", "usual", pixels, 11, 0.1], "a digit from 0 to 9"),
        (["fgsm", "usual", pixels, 1, -0.1], "eps is -0.1"),
        (["noise", [2] * 784, 0.1, 3], "in [0, 1]"),
    ]:
        refuse = f"(given) => {{ try {{ ({call})(given); }} catch (e) {{ return e.message; }} }}"
        assert words in page.evaluate(refuse, wrong)


def test_what_the_page_says_of_its_digits_is_so(visit) -> None:
    """Catches the sentence on eps 0.3 where networks were trained anew."""
    page, digits = visit(), mnist().test
    numbers = [
        int(each.get_attribute("value")) for each in page.locator(".attack-pick input").all()
    ]
    model = models.ConvNet()
    model.load_state_dict(load(live.networks()["hardened"]))
    x, y = digits.x[numbers], digits.y[numbers]
    one = model(attacks.fgsm(model, x, y, 0.3)).argmax(dim=1) != y
    climbed = attacks.pgd(model, x, y, 0.3, steps=20, random_start=False, early_stop=True)
    twenty = model(climbed).argmax(dim=1) != y
    assert sorted(y.tolist()) == sorted(3 * list(range(10)))
    assert (twenty & ~one).float().mean() > 0.6


@pytest.mark.parametrize(
    ("notebook", "kinds"),
    [
        ("00_start_here", ["photo", "draw"]),
        ("01_linear_explanation", ["dimension", "direction"]),
        ("solutions/02_gradient_sign_crafting", ["eps", "stepper"]),
        ("04_does_the_defence_hold", ["overfitting", "defence"]),
    ],
)
def test_the_widgets_of_a_notebook_move_on_its_page(browser, site, notebook, kinds) -> None:
    """Catches a widget that needs a kernel or a server, that keys do not move, or without names."""
    asked, faults, page = [], [], browser.new_page(viewport={"width": 700, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto((site / "notebooks" / f"{notebook}.html").as_uri())
    widgets = page.locator(".advtutor-widget")
    assert [widget.get_attribute("data-kind") for widget in widgets.all()] == kinds
    names = [widget.get_attribute("aria-label") for widget in widgets.all()]
    assert len(set(names)) == len(kinds) and None not in names  # two may have a slider "eps"
    for widget in widgets.all():
        slider, words = widget.locator("[type=range]").last, widget.locator("> .words")
        if widget.get_attribute("data-kind") == "draw":
            unmoved = words.inner_text()
            widget.get_by_role("button", name="Attack it").click()
            expect(words).not_to_have_text(unmoved)
        expect(words).not_to_be_empty()
        before = words.inner_text()
        slider.focus()
        page.keyboard.press("Home")
        expect(words).not_to_have_text(before)
    for width in (700, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    if "photo" in kinds:  # its three pictures stay side by side
        shown = widgets.first.locator(".photo").all()
        assert len({each.bounding_box()["y"] for each in shown}) == 1 < len(shown)
    assert not serious(page, ".advtutor-widget")
    assert not faults
    assert not [url for url in asked if not url.startswith((site.as_uri(), "data:"))]
    page.close()
