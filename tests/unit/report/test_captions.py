"""Captions of figures: said once, for the page and for Snakemake's report."""

import pytest
from docutils.core import publish_doctree

from pgdose.analysis import table_registry
from pgdose.report import captions

FILES = {**captions.files(), **table_registry.captions()}


def test_captions_of_snakemake_s_report_are_those_of_the_page() -> None:
    for file, text in captions.files().items():
        written = (table_registry.CAPTION_FOLDER / file).read_text(encoding="utf-8")
        assert written == text, "run python -m pgdose.report.captions"


def test_snakemake_s_report_has_no_other_captions() -> None:
    files = {path.name for path in table_registry.CAPTION_FOLDER.iterdir()}
    assert files == {*FILES, "workflow.rst"}


@pytest.mark.parametrize("file", FILES)
def test_a_caption_is_proper_rst(file: str) -> None:
    publish_doctree(FILES[file], settings_overrides={"halt_level": 1})


def test_marks_of_rst_are_text_in_a_caption() -> None:
    text = "max |Δ| of *all* `a_` images_ \\ ε"
    assert publish_doctree(captions.as_rst(text)).astext() == text
