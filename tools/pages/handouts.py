"""Handouts: each learner's notebook as a PDF on A4, build/handouts/NN.pdf, printed by Chromium.

Exercises are left blank, to be filled in with a pen. Nothing is run, and no network is needed.
"""

import html
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.notebooks.source import ROOT
from tools.pages.blocks import STYLE, Block, blocks, chosen_notebooks, linked

TEMPLATE = ROOT / "tools" / "pages" / "templates" / "handout.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120


def browser() -> str:
    """The Chromium or Chrome to print with: CHROMIUM in the environment, or one on the path.

    Ends the program with a sentence where there is none.
    """
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else BROWSERS:
        if found := shutil.which(name):
            return found
    sys.exit(
        "no handouts: there is no Chromium to print with. Install it (Debian, Ubuntu: apt install "
        "chromium), or name one: CHROMIUM=/path/to/chrome make handouts"
    )


def page_of(name: str, notebook: list[Block]) -> str:
    """The notebook as one page to print; its style keeps figures and short cells in one piece."""
    parts = []
    for block in notebook:
        if block.text.startswith("Next: "):
            continue  # paper has no links, and the line would have a page of its own
        inside = f"<h2>{block.html}</h2>" if block.kind == "heading" else block.html
        parts.append(f'<div class="block {block.kind}">{inside}</div>')
    template = TEMPLATE.read_text(encoding="utf-8")
    page = template.replace("TITLE", html.escape(name)).replace("PYGMENTS", STYLE)
    return linked(page.replace("BLOCKS", "\n".join(parts)), ".pdf")


def print_pdf(page: str, target: Path, chromium: str) -> None:
    """Print the page to target, or end the program where the browser does not do it."""
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        # Chromium's sandbox cannot be set up by root; the page printed here is our own.
        as_root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
        command = [
            *(chromium, "--headless", "--disable-gpu", "--no-pdf-header-footer", *as_root),
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={printed}",
            source.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            sys.exit(f"no handouts: {chromium} had not printed after {SECONDS} s")
        if not printed.is_file():
            last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            sys.exit(f"no handouts: {chromium} printed nothing: {last[0]}")
        shutil.move(printed, target)


def main(arguments: list[str] | None = None) -> None:
    chosen, paths = chosen_notebooks("Each notebook as a PDF.", "handouts", arguments)
    chromium = browser()
    chosen.output.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = chosen.output / f"{path.name[:2]}.pdf"
        print_pdf(page_of(path.stem, list(blocks(path))), target, chromium)
        print(f"wrote {target}")


if __name__ == "__main__":
    main()
