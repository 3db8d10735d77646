"""Write docs/images/architecture.svg: how data flows from the sources to what a reader sees.

python -m tools.pictures.architecture
"""

from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
WIDTH, HEIGHT = 960, 470
BOX, TALL = 208, 58
ALT = (
    "Three columns. What people write: notebooks/source, the package with its checks, its assets. "
    "What is computed: the executed notebooks, and the runs of the paper's experiments. "
    "What is shown: JupyterLab and the website from the notebooks; the nbgrader course from their "
    "sources; the ledger from the runs; the table of exercises from the checks."
)
# name: column, top, title, words
BOXES = {
    "source": (0, 60, "notebooks/source/*.py", "text, code, solutions"),
    "package": (0, 190, "advtutor/", "attacks, models, checks, ..."),
    "assets": (0, 320, "advtutor/assets/", "digits, weights, claims.csv"),
    "notebooks": (1, 100, "notebooks/**/*.ipynb", "executed; with blanks, solved"),
    "runs": (1, 320, "results/runs/", "one file for each run and seed"),
    "lab": (2, 120, "JupyterLab", "the learner's own run"),
    "site": (2, 195, "build/site/", "the website"),
    "grading": (2, 45, "build/nbgrader/", "a course that grades"),
    "table": (2, 270, "docs/exercises.md", "each check's mistakes"),
    "ledger": (2, 345, "docs/ledger.md", "README, assets/paper.json"),
}
# from, to, the command over the arrow, and how far along the arrow it stands
ARROWS = (
    ("source", "notebooks", "make notebooks", 0.5),
    ("package", "notebooks", "imported", 0.5),
    ("assets", "package", "", 0.5),
    ("package", "runs", "advtutor reproduce", 0.5),
    ("package", "table", "exercise_table.py", 0.72),
    ("notebooks", "lab", "make lab", 0.5),
    ("notebooks", "site", "make site", 0.5),
    ("source", "grading", "make release", 0.5),
    ("runs", "ledger", "make ledger", 0.5),
)
HEADINGS = ("what people write", "what is computed", "what is shown")
STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;fill:#1b2733}"
    ".t{font-size:15px;font-weight:bold}.w{font-size:13px}.h{font-size:16px;font-style:italic}"
    ".c{font-size:13px;fill:#0b5a73;paint-order:stroke;stroke:#fff;stroke-width:5px}"
)


def left(column: int) -> int:
    """Where the boxes of a column begin."""
    return 24 + column * 352


def arrow(start: str, end: str, words: str, along: float) -> str:
    """A straight arrow from the right of one box to the left of another, or straight up."""
    (column, top, *_), (other, height, *_) = BOXES[start], BOXES[end]
    if column == other:
        x = left(column) + BOX / 2
        points = (x, top, x, height + TALL + 7)
    else:
        points = (left(column) + BOX, top + TALL / 2, left(other) - 7, height + TALL / 2)
    x1, y1, x2, y2 = points
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" marker-end="url(#head)"/>'
    x, y = x1 + along * (x2 - x1), y1 + along * (y2 - y1) - 5
    label = f'<text class="c" x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{escape(words)}</text>'
    return line + (label if words else "")


def box(name: str) -> str:
    """A box with its title and its words."""
    column, top, title, words = BOXES[name]
    x = left(column)
    return (
        f'<rect x="{x}" y="{top}" width="{BOX}" height="{TALL}" rx="6"/>'
        f'<text class="t" x="{x + 10}" y="{top + 24}">{escape(title)}</text>'
        f'<text class="w" x="{x + 10}" y="{top + 44}">{escape(words)}</text>'
    )


def picture() -> str:
    """The picture as SVG, on white of its own, so that it is legible on a dark page too."""
    headings = (
        f'<text class="h" x="{left(i)}" y="28">{words}</text>' for i, words in enumerate(HEADINGS)
    )
    test = (
        f'<rect x="24" y="420" width="{left(2) + BOX - 24}" height="34" rx="6" '
        'style="fill:#fff4dc;stroke:#9a6a00"/>'
        '<text class="t" x="34" y="442">make test</text>'
        '<text class="w" x="120" y="442">runs every notebook again, compares each stored output, '
        "and tries every check on wrong answers; no network</text>"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'width="{WIDTH}" height="{HEIGHT}">',
        f"<title>How data flows</title><desc>{escape(ALT)}</desc><style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#44566b"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *headings,
        '<g fill="#eaf2f6" stroke="#44566b">',
        *(f"<g>{box(name)}</g>".replace("<text ", '<text stroke="none" ') for name in BOXES),
        "</g>",
        '<g stroke="#44566b" stroke-width="1.5">',
        *(arrow(*one) for one in ARROWS),
        "</g>",
        test,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
