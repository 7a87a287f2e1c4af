"""Every code block of README and docs runs, or is checked, or says why not.

Commands of pgdose, Snakemake and make are parsed, and their study files validated; YAML is held to
the schema of the study; Python runs. Anything else needs a mark, see `helpers.code_blocks`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import doc_examples
from helpers.code_blocks import Block, blocks_in, blocks_of, commands_in, pages, python_in, yaml_in
from helpers.command_checks import command_mistakes, study_mistakes
from helpers.workflow import PROJECT

HINT = "correct it, or mark it: CONTRIBUTING.md, 'Write docs'"


def mistakes_of(block: Block) -> Iterator[str]:
    """What is wrong with a block that is not Python."""
    if commands := commands_in(block.text):
        for words in commands:
            yield from command_mistakes(words)
    elif (content := yaml_in(block.text)) is not None:
        yield from study_mistakes(content)
    elif not block.page_mark:
        yield "neither a command that is checked here, nor YAML, nor Python"


def mistakes(block: Block) -> Iterator[str]:
    """What is wrong with a block, without running its Python."""
    for mark in (block.mark, block.page_mark):
        if mark and mark.words.endswith("run by"):
            test = PROJECT / mark.reason
            if not test.is_file() or block.page not in test.read_text(encoding="utf-8"):
                yield f"{mark.reason} is no test that names this page"
    source = python_in(block)
    if source is not None:
        try:
            compile(source, block.place, "exec")
        except SyntaxError as error:
            yield f"line {error.lineno} of the block: {error.msg}"
    elif not block.is_run_elsewhere:
        yield from mistakes_of(block)


@pytest.mark.parametrize("page", pages())
def test_blocks_are_in_order_or_marked(page: str) -> None:
    found = [f"{b.place}: {text}" for b in blocks_of(page) for text in mistakes(b)]
    assert not found, "\n".join([*found, HINT])


def runs_here(block: Block) -> bool:
    return python_in(block) is not None and not block.is_run_elsewhere and not block.page_mark


WITH_PYTHON = [page for page in pages() if any(map(runs_here, blocks_of(page)))]


@pytest.mark.parametrize("page", WITH_PYTHON)
@pytest.mark.usefixtures("one_thread")
@pytest.mark.filterwarnings("ignore")
def test_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page one after another, in one folder and with one set of names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    doc_examples.write_files_of(page)
    names: dict[str, Any] = doc_examples.names_of(page)
    for block in filter(runs_here, blocks_of(page)):
        source = python_in(block)
        assert source is not None
        if saved_as := re.match(r"# (\w+\.py)\n", source):
            Path(saved_as[1]).write_text(source, encoding="utf-8")
        try:
            exec(compile(source, block.place, "exec"), names)
        except Exception as error:
            raise AssertionError(f"{block.place}: {error!r}; {HINT}") from error


WRONG = {
    "pgdose check": "the following arguments are required",
    "pgdose audit --modl m.pt2": "required: --model",
    "snakemake --cores 2 --resources gpu=1 X-TB": "gpu=1 X-TB`: ",
    "snakemake -R tran --cores 2": "no rule tran",
    "snakemake --corse 2": "corse",
    "snakemake --cores 2 --configfile resources/studies/gone.yaml": "there is no resources/",
    "make demos": "no target demos",
    "make test CORE=2": "no variable CORE",
    "python benchmarks/attack.py --no-such 3": "no option --no-such",
    "pip install 'pgdose[workflows]'": "no extra workflows",
    "kubectl get pods": "neither a command",
    "groups: {X-TB: {imagee: {size: 3}}}": "imagee",
    "groups: {X-TB: {image: {size: small}}}": "small",
    "attacks: {sign: {form: bim, max_iter: many}}": "many",
    "networkz: {a: {file: b}}": "neither a study",
    "import os\nos.x = = 1": "neither",
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items())
def test_wrong_blocks_are_found(text: str, expected: str) -> None:
    page = f"Do this:\n\n```\n{text}\n```\n"
    (block,) = blocks_in(page)
    assert expected in "; ".join(mistakes(block)) and list(mistakes(block))


def test_a_mark_goes_with_the_next_block_alone() -> None:
    text = "<!-- not run: a reason -->\n\n    what\n\nand\n\n    what\n"
    first, second = blocks_in(text)
    assert first.mark and first.mark.reason == "a reason" and not list(mistakes(first))
    assert second.mark is None and list(mistakes(second))


def test_a_mark_of_a_page_leaves_its_commands_checked() -> None:
    text = "<!-- page not run: needs a PACS -->\n\n    what\n\nand\n\n    pgdose chek x.yaml\n"
    output, command = blocks_in(text)
    assert not list(mistakes(output))
    assert "chek" in "; ".join(mistakes(command))


def test_a_test_that_does_not_name_the_page_does_not_run_it() -> None:
    (block,) = blocks_in("<!-- run by: tests/conftest.py -->\n\n    what\n", "docs/none.md")
    assert "no test that names this page" in "; ".join(mistakes(block))
