"""Sphinx's settings for the website. `make site` (tools/pages/website.py) lays out its pages."""

import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import advtutor  # noqa: E402
from tools.pages.formulas import mathml  # noqa: E402

project = "advtutor"
author = "the advtutor authors"
project_copyright = author
version = release = advtutor.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
nb_execution_mode = "off"
# A widget is shown as the picture or the text that is stored beside it.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_merge_streams = True
nb_render_markdown_format = "myst"  # with tables, as JupyterLab shows what a cell returns
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 4
myst_update_mathjax = False

html_theme = "pydata_sphinx_theme"
html_title = "advtutor"
html_static_path = [str(HERE / "site_static")]
html_css_files = ["advtutor.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("predictions.js", "paper.js")]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# Docstrings write code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True

# Formulas become MathML, which browsers show by themselves: no script, from nowhere.
html_math_renderer = "mathml"
logger = logging.getLogger(__name__)


def translated(tex: str, display: str) -> str:
    """The formula tex as MathML; one that cannot be translated is a warning, so `-W` stops."""
    found = mathml(tex, display)
    if found is None:
        logger.warning("no MathML for %r", tex)
    return found or ""


def visit_math(translator: nodes.NodeVisitor, node: nodes.math) -> None:
    """A formula in the text."""
    translator.body.append(translated(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_math_block(translator: nodes.NodeVisitor, node: nodes.math_block) -> None:
    """A formula on its own line, which scrolls by itself where the screen is narrow."""
    body = translated(node.astext(), "block")
    translator.body.append(f'<div class="formula" tabindex="0">{body}</div>')
    raise nodes.SkipNode


# A line of a class's docstring that tells one of its fields: "error `[S, V]`: the share of ...".
FIELDS = re.compile(r"(?P<names>[a-z]\w*(?:, [a-z]\w*)*)(?P<shape> `[^`]*`)?: (?P<text>.*)")
ERROR = re.compile(r"    (?P<error>\w+): (?P<text>.*)")
MARKUP = re.compile(r"[*|]|(?<=\w)_(?=\W|$)")


def mark_up(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list) -> None:
    """Fields as a list; what means something in reStructuredText, and nothing in ours, as it is."""
    inside, raises, before = False, False, ""
    for number, line in enumerate(lines):
        parts = re.split("(`[^`]*`)", line)
        text = "".join(p if p.startswith("`") else MARKUP.sub(r"\\\g<0>", p) for p in parts)
        if line == "Raises:":
            text, raises = "", True
        elif raises and (error := ERROR.fullmatch(line)):
            text = f":raises {error['error']}: {text[text.index(': ') + 2 :]}"
        raises = raises and bool(line)
        if what == "class":
            field = FIELDS.fullmatch(line) if inside or not before else None
            if field:
                names = ", ".join(f"`{one}`" for one in field["names"].split(", "))
                text = f"* {names}{field['shape'] or ''}: {text[text.index(': ') + 2 :]}"
                inside = True
            elif inside and line:
                text = "  " + text.strip()
            inside = inside and bool(line)
        before, lines[number] = line, text


def setup(app: Sphinx) -> None:
    """Hang the renderer of formulas and the docstrings' escapes into Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.connect("autodoc-process-docstring", mark_up)
