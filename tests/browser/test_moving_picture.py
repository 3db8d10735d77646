"""README's moving picture of the first page, and its still, which make screenshots keeps."""

import io
import os

import pytest
from PIL import Image

from tools.notebooks.source import ROOT

MARGIN, WIDTH, MILLISECONDS = 12, 960, 120
# The slider's way: up until the usual network falls, on until the hardened one does.
WAY = [0.0] * 4 + [n / 100 for n in range(1, 16)] + [0.15] * 8 + [n / 100 for n in range(16, 31)]
WAY += [0.3] * 10
READY = "() => document.getElementById('attack').dataset.state === 'ready'"


@pytest.fixture(scope="module")
def shots(browser, site):
    """The attack at each place of the slider's way, with what is said there."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
    page.goto((site / "index.html").as_uri())
    page.wait_for_function(READY)
    box, made = page.locator("#attack").bounding_box(), {}
    clip = {key: box[key] - MARGIN for key in ("x", "y")}
    clip |= {key: box[key] + 2 * MARGIN for key in ("width", "height")}
    for eps in dict.fromkeys(WAY):
        page.locator("#attack-eps").fill(str(eps))
        page.wait_for_timeout(100)
        page.wait_for_function(READY)
        page.locator("#attack-eps").blur()
        shot = page.screenshot(clip=clip, full_page=True, animations="disabled")
        picture = Image.open(io.BytesIO(shot)).convert("RGB")
        size = (WIDTH, round(picture.height * WIDTH / picture.width))
        small = picture.resize(size, Image.Resampling.LANCZOS)
        made[eps] = small, page.locator("#attack-headline").inner_text()
    page.close()
    return made


def test_the_moving_picture_shows_both_networks_fall(shots, tmp_path) -> None:
    """Catches a recording in which nothing moves, and one that is too heavy for README."""
    assert "So does the network" in shots[0.0][1] and "sees a 3" in shots[0.15][1]
    images = [shots[eps][0] for eps in WAY]
    folder = ROOT / "docs" / "images" if os.environ.get("ADVTUTOR_SCREENSHOTS") else tmp_path
    moving, still = folder / "attack.webp", folder / "attack.png"
    images[0].save(
        moving, save_all=True, append_images=images[1:], duration=MILLISECONDS, loop=0, quality=45
    )
    colours = Image.Quantize.MEDIANCUT
    shots[0.15][0].quantize(128, colours, dither=Image.Dither.NONE).save(still, optimize=True)
    assert moving.stat().st_size < 1_000_000 and still.stat().st_size < 200_000
    with Image.open(moving) as film:
        assert film.n_frames > 25
