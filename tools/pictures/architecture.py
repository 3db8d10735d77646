"""The rooms of the package and who imports whom, read by ruff and drawn by graphviz's `dot`.

python -m tools.pictures.architecture      writes docs/images/architecture.svg; needs graphviz
"""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "advtutor"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
# The floors from the ground up. A room imports from its own floor and from those below.
FLOORS = (
    ("_threads", "_torchvision", "_files", "_say", "progress"),
    ("data", "models"),
    ("attacks",),
    ("training", "evaluation"),
    ("attack_report", "linearity", "certify"),
    ("plots",),
    ("exercises", "checks", "claims", "widgets", "predictions", "audit", "contest", "live"),
    ("course", "__main__"),
)
STYLE = (
    'graph [ranksep=0.45, nodesep=0.3, fontname="Helvetica", bgcolor=white, margin=0]; '
    'node [shape=box, style="rounded,filled", fillcolor="#eaf2f6", color="#44566b", '
    'fontname="Helvetica", fontsize=13]; edge [color="#44566b", arrowsize=0.7];'
)


def module_imports(package: Path = PACKAGE) -> dict[str, set[str]]:
    """For each module of the package, by its dotted name, the package's own that it imports."""
    command = [sys.executable, "-m", "ruff", "analyze", "graph", "--quiet", package.name]
    graph = json.loads(subprocess.check_output(command, cwd=package.parent))
    found = {_name(path): {_name(other) for other in others} for path, others in graph.items()}
    return {name: others - {name} for name, others in found.items()}


def rooms(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same for rooms: the modules and packages that lie directly in the package."""
    found: dict[str, set[str]] = {}
    for name, others in imports.items():
        if room := _room(name):
            found.setdefault(room, set()).update(filter(None, map(_room, others)))
    return {room: others - {room} for room, others in found.items()}


def public(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without the rooms that nobody enters by name."""
    hidden = {room for room in graph if room.startswith("_")}
    return {room: others - hidden for room, others in graph.items() if room not in hidden}


def arrows(graph: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The graph's arrows, without one that a longer way says too: what a picture has to draw."""

    def reached(room: str) -> set[str]:
        found, new = set(), {room}
        while new:
            new = set().union(*(graph[one] for one in new)) - found
            found |= new
        return found

    return {
        (room, other)
        for room, others in graph.items()
        for other in others
        if not any(other in reached(way) and room not in reached(way) for way in others - {other})
    }


def drawn(picture: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The rooms and the arrows that an SVG of `dot` shows."""
    titles = re.findall(r'class="(?:node|edge)">\s*<title>(.*?)</title>', picture)
    parts = [tuple(html.unescape(title).split("->")) for title in titles]
    return {part[0] for part in parts if len(part) == 1}, {p for p in parts if len(p) == 2}


def as_dot(graph: dict[str, set[str]]) -> str:
    """The graph in dot's language, a row for each floor."""
    rows = [[room for room in floor if room in graph] for floor in FLOORS]
    lines = [f"  {{rank=same; {' '.join(row)}}}" for row in rows if row]
    lines += [f"  {room} -> {other}" for room, other in sorted(arrows(graph))]
    return "\n".join(["digraph advtutor {", f"  {STYLE}", *lines, "}"])


def _name(path: str) -> str:
    """The dotted name of the module at path."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


def _room(name: str) -> str | None:
    """The room that a module lies in; None for the package's own `__init__`."""
    return name.split(".")[1] if "." in name else None


def main() -> None:
    """Draw the picture anew."""
    graph = as_dot(public(rooms(module_imports())))
    svg = subprocess.run(
        ["dot", "-Tsvg"], input=graph, stdout=subprocess.PIPE, text=True, check=True
    )
    PICTURE.write_text(svg.stdout, encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
