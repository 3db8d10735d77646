"""The website: built once, without a network, and looked through page by page."""

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from advtutor._say import TOLD
from advtutor.claims import ledger
from tools.pages.website import MODULES, SITE, alt_text, for_the_site, kept_links

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme")
# What a browser fetches by itself, and the attribute that says from where.
FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
FETCHED |= {"video": "src", "audio": "src", "embed": "src", "object": "data"}


@dataclass
class Page(HTMLParser):
    """What a page links to, fetches, and can be linked at."""

    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    formulas: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {name for key in ("id", "name") if (name := given.get(key))}
        if tag == "a" and (address := given.get("href")):
            self.links.append(address)
        if address := given.get(FETCHED.get(tag, "")):
            self.fetched.append(address)
        if tag == "img":
            self.images.append(given)
        self.formulas += tag == "math"


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def outside(address: str) -> bool:
    """Whether the address leaves the site; a picture inside the page does not."""
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme not in ("", "data")


def broken_links(pages: dict[Path, Page]) -> list[str]:
    """The links and fetched files that lead to no file, or to no place on its page."""
    broken = []
    for path, page in pages.items():
        for address in [*page.links, *page.fetched]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            place = unquote(parts.fragment)
            known = pages[target].ids if target in pages else set()
            if not target.is_file() or (place and target in pages and place not in known):
                broken.append(f"{path.name}: {address}")
    return broken


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the website, built as `make site` builds it: a warning is a failure."""
    missing = [name for name in NEEDED if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: make site installs it")
    folder = tmp_path_factory.mktemp("the site") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "tools.pages.website", "--output", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder.resolve()


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Each page of the site, read."""
    return {path: read(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_each_notebook_and_each_module_has_its_page(site: Path, pages: dict[Path, Page]) -> None:
    """Catches a notebook, a guide or a module that the site leaves out."""
    names = [path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")]
    guides = [path.stem for path in (ROOT / "docs").glob("*.md") if path.stem != "index"]
    assert len(names) >= 8
    wanted = {f"notebooks/{kind}{name}.html" for name in names for kind in ("", "solutions/")}
    wanted |= {f"docs/{name}.html" for name in guides}
    wanted |= {f"api/{name}.html" for name in MODULES}
    wanted |= {"index.html", "search.html", "CONTRIBUTING.html", "CHANGELOG.html"}
    assert wanted <= {path.relative_to(site).as_posix() for path in pages}


def test_the_search_knows_the_course(site: Path) -> None:
    """Catches a search that finds nothing: an index that is missing, or that skips notebooks."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    found = {index["docnames"][number] for number in index["terms"]["goldfish"]}
    assert {"notebooks/00_start_here", "notebooks/solutions/00_start_here"} <= found


def test_nothing_is_fetched_from_outside(site: Path, pages: dict[Path, Page]) -> None:
    """Catches a script, style, font or picture that a page takes from the network."""
    fetched = [f"{p.name}: {a}" for p, page in pages.items() for a in page.fetched if outside(a)]
    assert fetched == []
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        text = style.read_text(encoding="utf-8").replace(" ", "")
        for quote in ("", '"', "'"):
            assert f"url({quote}http" not in text and f"url({quote}//" not in text, style.name
        assert "@import" not in text or "http" not in text.partition("@import")[2][:40], style.name


def test_every_link_inside_leads_somewhere(pages: dict[Path, Page]) -> None:
    """Catches a link to a page, a file or a heading that is not there."""
    assert sum(len(page.links) for page in pages.values()) > 500
    assert broken_links(pages) == []


def test_every_picture_says_what_it_shows(pages: dict[Path, Page]) -> None:
    """Catches a figure whose alternative text was lost on the way from the notebook."""
    silent = [
        f"{path.name}: {image.get('src')}"
        for path, page in pages.items()
        for image in page.images
        if not (image.get("alt") or "").strip() or (image["alt"] or "").startswith("../")
    ]
    assert silent == []
    notebooks = [page for path, page in pages.items() if path.parent.name == "notebooks"]
    assert sum(len(page.images) for page in notebooks) >= 40


def test_tables_that_a_cell_makes_are_tables(site: Path) -> None:
    """Catches the ledger as one paragraph of strokes, and a row that is lost on the way."""
    text = (site / "notebooks" / "08_the_paper_in_numbers.html").read_text(encoding="utf-8")
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert len(tables) >= 6
    (shown,) = [table for table in tables if "S4-softmax-error" in table]
    rows = ledger.ledger(ledger.shipped())
    assert shown.count("<tr") == 1 + sum(len(row.kinds) for row in rows)
    assert "| — |" not in text


def test_formulas_are_mathml(site: Path, pages: dict[Path, Page]) -> None:
    """Catches formulas that are left as TeX for a script that never comes."""
    assert pages[site / "notebooks" / "01_linear_explanation.html"].formulas > 20
    raw = [p.name for p in pages if "\\(" in p.read_text(encoding="utf-8").replace("\\(#", "")]
    assert raw == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    """Catches a link check that has gone blind to a file, a folder or a heading."""
    page = tmp_path / "a.html"
    page.write_text(
        '<h1 id="here">x</h1><a href="#here">1</a><a href="a.html#here">2</a><a href="b.html">3</a>'
        '<a href="#there">4</a><a href="a.html#there">5</a><img src="c.png"><a href="folder/">6</a>'
        '<a href="https://example.org">7</a>'
    )
    (tmp_path / "folder").mkdir()
    found = broken_links({page: read(page)})
    gone = ("b.html", "#there", "a.html#there", "folder/", "c.png")
    assert found == [f"a.html: {address}" for address in gone]


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ({"data": {"image/png": "x"}, "metadata": {"image/png": {"alt": "a\nb"}}}, "a b"),
        ({"data": {"image/png": "x", TOLD: {"figure": "eps"}}, "metadata": {}}, "eps"),
        ({"data": {"image/png": "x", "text/plain": "<Axes>"}, "metadata": {}}, ""),
        ({"data": {"text/plain": "<Figure: eps>"}, "metadata": {}}, ""),
        ({"name": "stdout", "text": "x"}, ""),
    ],
)
def test_where_alternative_texts_come_from(output: dict[str, object], wanted: str) -> None:
    """Catches a picture without words that gets some, which would hide it from the check above."""
    assert alt_text(from_dict(output)) == wanted


def test_below_each_widget_a_line_says_how_to_move_it() -> None:
    """Catches a stored widget that a reader of the site drags at in vain."""
    widget = new_output("display_data", {"image/png": "x", TOLD: {"widget": "training"}})
    figure = new_output("display_data", {"image/png": "x", "text/plain": "<Figure: x>"})
    cells = [new_markdown_cell("# Title")]
    cells += [new_code_cell("x", outputs=[output]) for output in (widget, figure)]
    page = for_the_site(new_notebook(cells=cells), "00_start_here", solved=False)
    kinds = [cell.source if cell.cell_type == "markdown" else "code" for cell in page.cells]
    assert kinds[2] == "code" and kinds[4:] == ["code"]
    assert kinds[3] == "*To move what this picture shows, [run it yourself](../docs/ways_in.md).*"


def test_the_explorers_of_the_notebooks_live_on_their_pages(site: Path) -> None:
    """Catches a widget that is stored under another name than the site looks for."""
    kinds = {"eps", "direction", "dimension", "stepper", "defence", "photo", "draw", "overfitting"}
    for folder in ("notebooks", "notebooks/solutions"):
        texts = [path.read_text(encoding="utf-8") for path in (site / folder).glob("0*.html")]
        found = [kind for text in texts for kind in re.findall(r'data-kind="(\w+)"', text)]
        assert sorted(found) == sorted(kinds)
    for kind in kinds:
        assert (site / "_static" / f"widget-{kind}.js").stat().st_size > 100


def test_a_link_to_a_file_that_is_no_page_keeps_its_words() -> None:
    """Catches a page that leads to a file of the clone, and one whose other links were cut."""
    page = ROOT / "docs" / "a page that is not there.md"
    cut = "[the licence](../LICENSE), [README](../README.md#the-notebooks)"
    stays = "[ledger](ledger.md#x), [own](#own), [out](https://example.org), [lost](lost.md)"
    stays += ", ![picture](images/start.png), [00](../notebooks/00_start_here.ipynb)"
    assert kept_links(f"{cut}, {stays}", page) == f"the licence, README, {stays}"


def test_what_publishes_the_site_runs_here_too() -> None:
    """Catches a workflow that does by itself what no make target does."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pages.yml").read_text("utf-8"))
    (job,) = workflow["jobs"].values()
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        assert command.split()[0] == "make" and command.split()[1] in targets
    (uploaded,) = [step for step in job["steps"] if "upload" in step.get("uses", "")]
    assert ROOT / uploaded["with"]["path"] == SITE
