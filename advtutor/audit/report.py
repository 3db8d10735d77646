"""What the audit hands in: text, Markdown, or one HTML page that loads nothing else."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jinja2
import torch
from torch import Tensor

from advtutor.audit.measure import Measured
from advtutor.audit.subject import ASSETS, WORDS

if TYPE_CHECKING:
    from advtutor import plots


def page(name: str, **values: object) -> str:
    """The template `assets/NAME` with `values` in its places; in HTML they are no markup."""
    house = jinja2.Environment(
        autoescape=name.endswith(".html"), trim_blocks=True, keep_trailing_newline=True
    )
    return house.from_string(ASSETS.joinpath(name).read_text(encoding="utf-8")).render(values)


@dataclass(frozen=True)
class Finding:
    """What makes the numbers worthless: the evidence has the numbers, the remedy what to do."""

    name: str
    evidence: str
    sentence: str
    remedy: str


@dataclass
class AuditReport:
    """What `audit` measured and found; its `repr` can be read to the end.

    measured: the error of the clean pictures, under each attack, and of the worst case.
    curve: for each attack, the errors `[len(curve_eps)]` on `curve_n` pictures.
    examples: up to six pictures that were broken, `(picture, attacked, label, answer)`.
    surface: the margin (above 0: misread) around the first of them, `[21, 21]`, in steps of `axis`.
    """

    findings: tuple[Finding, ...] = ()
    measured: tuple[Measured, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    curve_eps: list[float] = field(default_factory=list)
    curve_n: int = 0
    curve: dict[str, list[float]] = field(default_factory=dict)
    examples: list[tuple[Tensor, Tensor, int, int]] = field(default_factory=list)
    surface: Tensor | None = None
    axis: list[float] = field(default_factory=list)
    clip: tuple[float, float] = (0.0, 1.0)
    interrupted: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def names(self) -> list[str]:
        """The names of what was found."""
        return [finding.name for finding in self.findings]

    def __getitem__(self, name: str) -> Measured:
        """The measurement called `name`; KeyError with the names there are."""
        known = {each.name: each for each in self.measured}
        if name not in known:
            raise KeyError(f"{name!r} was not measured; there are {list(known)}")
        return known[name]

    def __repr__(self) -> str:
        return self._page("audit.txt").rstrip("\n")

    @property
    def verdict(self) -> str:
        """One sentence on the whole."""
        if self.findings:
            return f"Do not believe these numbers yet: {', '.join(self.names)}."
        return "Nothing was found that makes these numbers worthless; they are lower bounds."

    def to_markdown(self) -> str:
        """The report as Markdown, without figures."""
        return self._page("audit.md")

    def to_html(self) -> str:
        """The report as one page; its figures are inside it, and it loads nothing else."""
        pictures = [
            (base64.b64encode(figure.png()).decode(), figure, WORDS["figures"][name]["caption"])
            for name, figure in self._figures()
        ]
        return self._page("audit.html", figures=pictures)

    def _page(self, name: str, **more: object) -> str:
        """`assets/NAME` with the report in its places; its rows go by how much an attack knows."""
        rows = [(each, WORDS["attacks"][each.name]) for each in self.measured]
        settings = [*self.settings.items(), *(("mended to go on", note) for note in self.notes)]
        if self.interrupted:
            settings.append(("interrupted", "what had been measured is kept"))
        return page(name, report=self, rows=rows, settings=settings, words=WORDS, **more)

    def _figures(self) -> Iterator[tuple[str, "plots.Figure"]]:
        """Those that there is something to draw for, each after its caption's name."""
        from advtutor import plots  # matplotlib is slow to import, and only the page needs it

        labels = {name: figure["labels"] for name, figure in WORDS["figures"].items()}
        if self.curve:
            title = f"error of {self.curve_n} pictures"
            yield "curve", plots.curves(self.curve_eps, self.curve, title=title, **labels["curve"])
        if self.examples and self.examples[0][0].dim() == 3:
            before, after, classes, read = zip(*self.examples, strict=True)
            pictures = torch.stack([*before, *after]).float()
            if pictures.shape[1] not in (1, 3):
                pictures = pictures.mean(dim=1, keepdim=True)
            low, high = self.clip
            words = [f"label {each}" for each in classes] + [f"read as {each}" for each in read]
            scaled, columns = (pictures - low) / (high - low), len(classes)
            yield "examples", plots.images(scaled, words, columns=columns, **labels["examples"])
        if self.surface is not None:
            around = plots.surface(self.axis, self.axis, self.surface, **labels["surface"])
            yield "surface", around
