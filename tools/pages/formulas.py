"""Formulas as MathML, which browsers show by themselves: no script, and no network."""

import html

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


def mathml(tex: str, display: str) -> str | None:
    """The formula tex as MathML, or None where latex2mathml does not know it."""
    try:
        return convert(tex.strip(), display=display)
    except Exception:  # the library raises what its tables raise: KeyError, IndexError, its own
        return None


def legible(tex: str, display: str) -> str:
    """The formula as MathML; one that cannot be translated stays legible as TeX."""
    return mathml(tex, display) or f"<code>{html.escape(tex)}</code>"


class OfflineRenderer(IPythonRenderer):
    """Markdown whose formulas need no script."""

    def block_math(self, body: str) -> str:
        """A formula on its own line."""
        return legible(body, "block")

    def inline_math(self, body: str) -> str:
        """A formula in the text."""
        return legible(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        """An environment such as align, outside dollar signs."""
        return legible(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def offline_markdown(source: str) -> str:
    """Markdown as HTML, formulas included: the filter in the place of nbconvert's own."""
    renderer = OfflineRenderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)
