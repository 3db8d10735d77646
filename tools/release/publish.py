"""Say where the course can be had: in pyproject.toml and CITATION.cff, and as README's badges.

python -m tools.release.publish https://github.com/OWNER/NAME

Afterwards `make notebooks` gives each notebook a first cell that installs the course in Colab.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git|/)?")
FIRST = "notebooks/00_start_here.ipynb"
BEGIN, END = "<!-- badges: begin -->", "<!-- badges: end -->"


def badges(repository: str) -> str:
    """Buttons that open the first notebook of `repository`, OWNER/NAME, in Binder and Colab."""
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{FIRST}"
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{FIRST}"
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"({colab})"
    )


def published(address: str, root: Path = ROOT) -> dict[Path, str]:
    """What three files of `root` have to hold; SystemExit for a wrong address."""
    match = ADDRESS.fullmatch(address)
    if match is None:
        sys.exit(f"{address!r} is no address like https://github.com/OWNER/NAME")
    repository = match[1]
    project, readme = root / "pyproject.toml", root / "README.md"
    text = project.read_text(encoding="utf-8")
    text = re.sub(r"\[project\.urls\]\nSource = .*\n\n", "", text)
    urls = f'[project.urls]\nSource = "https://github.com/{repository}"\n\n'
    text = text.replace("[project.optional-dependencies]", f"{urls}[project.optional-dependencies]")
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    citation = root / "CITATION.cff"
    cited = re.sub(r"repository-code: .*\n", "", citation.read_text(encoding="utf-8"))
    line = f'repository-code: "https://github.com/{repository}"\n'
    return {
        project: text,
        readme: f"{before}{BEGIN}\n{badges(repository)}\n{END}{after}",
        citation: re.sub(r"(?m)^version: ", f"{line}version: ", cited),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    for path, text in published(parser.parse_args().address).items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.name}")
    print("Now: make notebooks, which takes some ten minutes.")
