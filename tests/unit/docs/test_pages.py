"""README is short, the index lists every page, links lead somewhere, and names of code are real."""

import re

import pytest
from helpers.code_blocks import pages
from helpers.workflow import PROJECT
from markdown_it import MarkdownIt
from unit.shared.test_layers import ROOMS

DOCS = PROJECT / "docs"
LINK = re.compile(r'(?:\]\(|src=")(?!\w+:)([^)"#\s]+)')


def test_the_readme_has_under_800_words() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").split()) < 800


def test_the_index_has_a_line_for_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    linked = re.findall(r"^- \[.*?\]\((.*?\.md)\): ", index, re.MULTILINE)
    there = {page.removeprefix("docs/") for page in pages() if page.startswith("docs/")}
    there -= {"index.md"}
    assert sorted(linked) == sorted(there)


def test_the_site_has_every_page_of_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = [
        token.content.splitlines()
        for token in MarkdownIt("commonmark").parse(index)
        if token.info == "{toctree}"
    ]
    entries = [line for lines in trees for line in lines if line and not line.startswith(":")]
    in_trees = {p.relative_to(DOCS).as_posix() for e in entries for p in DOCS.glob(f"{e}.md")}
    assert set(re.findall(r"\]\((.*?\.md)\)", index)) == in_trees


@pytest.mark.parametrize("page", [*pages(), "CHANGELOG.md"])
def test_relative_links_lead_to_files(page: str) -> None:
    path = PROJECT / page
    links = set(LINK.findall(path.read_text(encoding="utf-8")))
    assert not [link for link in links if not (path.parent / link).exists()]


def architecture() -> str:
    return (DOCS / "architecture.md").read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_the_packages_of_the_architecture_are_those_of_the_layers() -> None:
    """In their order; a row has no package of another layer."""
    rows = re.findall(r"^\| (`.*?) \|", section(architecture(), "The packages"), re.MULTILINE)
    names = [{name.rstrip("/") for name in re.findall(r"`(.*?)`", row)} for row in rows]
    assert names == ROOMS


def test_the_rules_and_modules_of_the_architecture_are_real() -> None:
    text = architecture()
    ways = section(text, "The way of one image") + section(text, "The way of one epsilon")
    rules = "".join(p.read_text() for p in PROJECT.glob("workflow/rules/*.smk"))
    steps = re.findall(r"^\| \d+\. .*?\| (.*?) \| (.*?) \|", ways, re.MULTILINE)
    assert len(steps) > 10
    for named, modules in steps:
        for rule in re.findall(r"`(\w+)`", named):
            assert re.search(rf"rule {rule}:", rules) or rule == "attack", rule
        for module in re.findall(r"`([\w.]+)`", modules):
            assert is_module(module), module
    for name in re.findall(r"`((?:study|attack|analysis|plots|report)\.[\w.]+)`", ways):
        assert is_module(name) or is_module(name.rpartition(".")[0]), name


def is_module(name: str) -> bool:
    path = PROJECT.joinpath("src/pgdose", *name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()
