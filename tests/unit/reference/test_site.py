"""The site of docs/: built without a warning, whole, and loading nothing from outside."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from helpers.workflow import PROJECT

pytest.importorskip("sphinx")
pytest.importorskip("myst_parser")
pytest.importorskip("furo")

# Elements that load what they name as soon as the page is shown, and the attributes that name it.
LOADS = {
    **{"script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src",)},
    **{"link": ("href",), "object": ("data",), "embed": ("src",), "use": ("href",)},
}
OUTSIDE = re.compile(r"^(?:[a-z]+:)?//|^[a-z]+://", re.I)


class Page(HTMLParser):
    """What a page loads, where it links to, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.add(values.get("id", ""))
        self.loads += [values[name] for name in LOADS.get(tag, ()) if name in values]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does it."""
    folder = tmp_path_factory.mktemp("site")
    options = ["-E", "-W", "--keep-going", "-n", "-q", "-d", folder / "doctrees"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, PROJECT / "docs", folder / "html"],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_page_of_docs_is_there(site: Path) -> None:
    docs = PROJECT / "docs"
    sources = [p for kind in ("md", "ipynb") for p in docs.rglob(f"*.{kind}")]
    for source in sources:
        if "_build" not in source.parts:
            assert (site / source.relative_to(docs).with_suffix(".html")).is_file(), source


def test_nothing_is_loaded_from_outside(site: Path, pages: dict[Path, Page]) -> None:
    found = {
        path.name: [name for name in page.loads if OUTSIDE.search(name)]
        for path, page in pages.items()
    }
    assert {name: loads for name, loads in found.items() if loads} == {}
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(|@import)\s*['\"]?\s*(?:https?:)?//[^)]*", text) == [], path
    fonts = [p for kind in ("woff", "woff2", "ttf") for p in site.rglob(f"*.{kind}")]
    assert fonts == []  # those of the machine


def test_links_within_the_site_lead_to_a_page_and_an_anchor(
    site: Path, pages: dict[Path, Page]
) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or (
                parts.fragment and unquote(parts.fragment) not in pages[target].anchors
            ):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_search_has_its_index_beside_it(site: Path, pages: dict[Path, Page]) -> None:
    assert "searchindex.js" in pages[site / "search.html"].loads
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    assert "reference/commands" in index["docnames"]
    assert {"epsilon", "pac"} & index["terms"].keys()


def test_the_notebook_is_a_page_with_its_code(site: Path) -> None:
    text = (site / "notebooks/dose_response.html").read_text(encoding="utf-8")
    assert "dose_response" in text and text.count('class="highlight-python') > 3
