"""What the audit hands in: text, Markdown, or one HTML page that loads nothing else."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from advtutor.audit.measure import Measured
from advtutor.audit.words import WORDS, Finding

if TYPE_CHECKING:
    from advtutor import plots


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
        for each in self.measured:
            if each.name == name:
                return each
        raise KeyError(f"{name!r} was not measured; there are {[m.name for m in self.measured]}")

    def __repr__(self) -> str:
        lines = [f"{each.name:<20} {each}, n = {each.n}" for each in self.measured]
        for finding in self.findings:
            lines += [f"✗ {finding.name}: {finding.sentence}", f"  {finding.evidence}."]
            lines += [f"  {finding.remedy}"]
        if self.interrupted:
            lines.append("The audit was interrupted; this is what had been measured.")
        return "\n".join([*lines, self.verdict])

    @property
    def verdict(self) -> str:
        """One sentence on the whole."""
        if self.findings:
            return f"Do not believe these numbers yet: {', '.join(self.names)}."
        return "Nothing was found that makes these numbers worthless; they are lower bounds."

    def to_markdown(self) -> str:
        """The report as Markdown, without figures."""
        return _markdown(self)

    def to_html(self) -> str:
        """The report as one page; its figures are inside it, and it loads nothing else."""
        return _html(self)


def _title(report: AuditReport) -> str:
    return f"Audit of {report.settings.get('network', 'a network')}"


def _rows(report: AuditReport) -> Iterator[tuple[str, str, str, str]]:
    """(attack, what it knows, error, interval), by how much it knows."""
    known = {each.name: each for each in report.measured}
    for name, knows in WORDS["attacks"].items():
        if each := known.get(name):
            low, high = each.interval
            yield name, knows, f"{each.error:.1%}", f"{low:.1%} to {high:.1%}, n = {each.n}"


def _settings(report: AuditReport) -> list[tuple[str, str]]:
    mended = [("mended to go on", note) for note in report.notes]
    cut = [("interrupted", "what had been measured is kept")] if report.interrupted else []
    return [*report.settings.items(), *mended, *cut]


def _markdown(report: AuditReport) -> str:
    found = [
        f"- **{f.name}**: {f.sentence} *Evidence:* {f.evidence}. *What to do:* {f.remedy}"
        for f in report.findings
    ]
    lines = [f"# {_title(report)}", "", f"**{report.verdict}**", "", "## What was found", ""]
    lines += [*(found or ["Nothing."]), "", "## What was measured", ""]
    lines += ["| attack | what it knows | error | 95 % interval (Wilson) |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(report)]
    lines += ["", "## Settings", "", *(f"- {name}: {value}" for name, value in _settings(report))]
    limits = (f"- {line}" for line in WORDS["limits"]["lines"])
    return "\n".join([*lines, "", "## What this does not show", "", *limits]) + "\n"


def _html(report: AuditReport) -> str:
    findings = [
        f'<div class="finding"><h3>{f.name}</h3><p>{escape(f.sentence)}</p>'
        f"<p>Evidence: {escape(f.evidence)}.</p><p>What to do: {escape(f.remedy)}</p></div>"
        for f in report.findings
    ]
    bar = '<td><span class="bar"><span style="width:{}"></span></span></td>'
    rows = [
        f"<tr><td>{name}</td><td>{escape(knows)}</td><td>{error}</td><td>{reach}</td>"
        f"{bar.format(error)}</tr>"
        for name, knows, error, reach in _rows(report)
    ]
    settings = [f"<tr><th>{name}</th><td>{escape(v)}</td></tr>" for name, v in _settings(report)]
    page = files("advtutor").joinpath("assets/audit.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        title=escape(_title(report)),
        mood="sound" if report.sound else "",
        verdict=escape(report.verdict),
        findings="\n".join(findings) or "<p>Nothing.</p>",
        rows="\n".join(rows),
        figures="\n".join(_figure(*each) for each in _figures(report)),
        settings="\n".join(settings),
        limits="\n".join(f"<li>{escape(line)}</li>" for line in WORDS["limits"]["lines"]),
    )


def _figures(report: AuditReport) -> Iterator[tuple[str, "plots.Figure"]]:
    """Those that there is something to draw for, each after its caption's name."""
    from advtutor import plots  # matplotlib is slow to import, and only the page needs it

    if report.curve:
        yield (
            "curve",
            plots.curves(
                report.curve_eps,
                report.curve,
                xlabel="eps",
                ylabel="error",
                percent=True,
                log="x",
                title=f"error of {report.curve_n} pictures",
            ),
        )
    if report.examples and report.examples[0][0].dim() == 3:
        pictures = torch.stack([each[i] for i in (0, 1) for each in report.examples]).float()
        if pictures.shape[1] not in (1, 3):
            pictures = pictures.mean(dim=1, keepdim=True)
        low, high = report.clip
        words = [f"label {each[2]}" for each in report.examples]
        words += [f"read as {each[3]}" for each in report.examples]
        scaled, columns = (pictures - low) / (high - low), len(report.examples)
        yield "examples", plots.images(scaled, words, columns=columns, title="broken pictures")
    if report.surface is not None:
        yield (
            "surface",
            plots.surface(
                report.axis,
                report.axis,
                report.surface,
                xlabel="towards the broken picture",
                ylabel="along a coin's signs",
                zlabel="margin (above 0: misread)",
                title="the margin loss around one picture",
            ),
        )


def _figure(name: str, figure: "plots.Figure") -> str:
    data = base64.b64encode(figure.png()).decode()
    width, alt = figure.displayed[0], escape(figure.alt)
    picture = f'<img width="{width}" alt="{alt}" src="data:image/png;base64,{data}">'
    return f"<figure>{picture}<figcaption>{escape(WORDS['captions'][name])}</figcaption></figure>"
