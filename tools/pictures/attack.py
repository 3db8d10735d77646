"""Record README's moving picture of the website's first page, and a still of it.

python -m tools.pictures.attack      needs Chromium and build/site/ (make browser-test, make site)
"""

import io
import shutil

from PIL import Image

from tools.notebooks.source import ROOT
from tools.pages.website import SITE

IMAGES = ROOT / "docs" / "images"
SIZE, MARGIN = {"width": 1400, "height": 1000}, 12
# The slider's way: up until the usual network falls, on until the hardened one does.
WAY = [0.0] * 4 + [n / 100 for n in range(1, 16)] + [0.15] * 8 + [n / 100 for n in range(16, 31)]
WAY += [0.3] * 10
STILL = WAY.index(0.15)
MILLISECONDS = 120
READY = "() => document.getElementById('attack').dataset.state === 'ready'"


def frames() -> list[Image.Image]:
    """The attack at each place of the slider's way."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto((SITE / "index.html").as_uri())
        box, shots = page.locator("#attack").bounding_box(), {}
        clip = {key: box[key] - MARGIN for key in ("x", "y")}
        clip |= {key: box[key] + 2 * MARGIN for key in ("width", "height")}
        for eps in WAY:
            if eps not in shots:
                page.locator("#attack-eps").fill(str(eps))
                page.wait_for_timeout(100)
                page.wait_for_function(READY)
                page.locator("#attack-eps").blur()
                page.evaluate("scrollTo(0, 0)")
                shot = page.screenshot(clip=clip, full_page=True, animations="disabled")
                shots[eps] = Image.open(io.BytesIO(shot)).convert("RGB")
        browser.close()
    return [shots[eps] for eps in WAY]


def main() -> None:
    """Write docs/images/attack.webp and attack.png."""
    shots = frames()
    width = 960
    height = round(shots[0].height * width / shots[0].width)
    small = [shot.resize((width, height), Image.Resampling.LANCZOS) for shot in shots]
    moving, still = IMAGES / "attack.webp", IMAGES / "attack.png"
    small[0].save(
        moving, save_all=True, append_images=small[1:], duration=MILLISECONDS, loop=0, quality=45
    )
    colours = Image.Quantize.MEDIANCUT
    small[STILL].quantize(128, colours, dither=Image.Dither.NONE).save(still, optimize=True)
    for path in (moving, still):
        print(f"wrote {path.relative_to(ROOT)} ({path.stat().st_size / 1024:.0f} KB)")


if __name__ == "__main__":
    main()
