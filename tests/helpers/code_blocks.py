"""The code blocks of README and docs, and the marks that say why one is not run.

    <!-- not run: REASON -->             before a block: it is not checked here
    <!-- run by: tests/FILE.py -->       before a block: that test runs it
    <!-- page not run: REASON -->        at the top of a page: only commands and YAML are checked;
                                         Python is compiled, and output is skipped
    <!-- page run by: tests/FILE.py -->  at the top of a page: that test runs its blocks

A fenced block of the language `text` is no code, and neither is a directive of MyST (```{toctree}).
"""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from helpers.workflow import PROJECT

MARK = re.compile(r"<!--\s*((?:page )?(?:not run|run by)):\s*(.+?)\s*-->", re.DOTALL)
PROGRAMS = ("pgdose", "snakemake", "make", "python", "pytest", "pip", "echo")
BETWEEN_COMMANDS = ("&&", ";", "|")
PROMPT = "$ "
IN_A_SHELL = re.compile(r'\S*python -c "\n(.*)"\s*', re.DOTALL)  # python -c "...": Python, too


@dataclass(frozen=True)
class Mark:
    """A comment that says why a block is not run, or which test runs it."""

    words: str  # not run, run by, page not run, page run by
    reason: str  # or the file of the test


@dataclass(frozen=True)
class Block:
    """A code block: its page relative to the project, its first line there, counted from 1."""

    page: str
    line: int
    language: str
    text: str
    mark: Mark | None
    page_mark: Mark | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run_elsewhere(self) -> bool:
        """Whether a mark takes it out of all checks here."""
        of_page = self.page_mark is not None and self.page_mark.words == "page run by"
        return self.mark is not None or of_page or self.language == "text"


def pages() -> list[str]:
    """README, CONTRIBUTING and every page of docs/, relative to the project."""
    built = PROJECT / "docs" / "_build"  # by `make docs`
    docs = sorted(p for p in (PROJECT / "docs").rglob("*.md") if not p.is_relative_to(built))
    return ["README.md", "CONTRIBUTING.md", *(p.relative_to(PROJECT).as_posix() for p in docs)]


def blocks_of(page: str) -> list[Block]:
    return list(blocks_in((PROJECT / page).read_text(encoding="utf-8"), page))


def blocks_in(text: str, page: str = "page.md") -> Iterator[Block]:
    """The code blocks of a page, in their order."""
    mark: Mark | None = None
    of_page: Mark | None = None
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "html_block":
            match = MARK.search(token.content)
            mark = Mark(match[1], match[2]) if match else None
            if mark and mark.words.startswith("page"):
                mark, of_page = None, mark
        elif token.type in ("fence", "code_block"):
            language = token.info.strip()
            if not language.startswith("{"):
                line = token.map[0] + 1 if token.map else 0
                yield Block(page, line, language, token.content, mark, of_page)
            mark = None
        elif token.type in ("paragraph_open", "heading_open", "table_open"):
            mark = None


def commands_in(text: str) -> list[list[str]]:
    """The commands of a block as words, without their folders; none if a line of it is no command.

    Of a block with `$ ` before its commands the other lines are what they print.
    """
    lines = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
    if any(line.startswith(PROMPT) for line in lines):
        lines = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
    commands = []
    for line in lines:
        for words in _commands_of_line(line):
            if not words or Path(words[0]).name not in PROGRAMS:
                return []
            commands.append([Path(words[0]).name, *words[1:]])
    return commands


def _commands_of_line(line: str) -> Iterator[list[str]]:
    """Each command of a line, without the variables that it sets; an empty one if it is none."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quote that does not close
        words = [line]
    if not words and line.strip().startswith("#"):
        return
    while words:
        end = next((i for i, word in enumerate(words) if word in BETWEEN_COMMANDS), len(words))
        command, words = words[:end], words[end + 1 :]
        while command and re.fullmatch(r"[A-Z_]+=\S*", command[0]):
            command = command[1:]
        yield command


def yaml_in(text: str) -> dict[str, Any] | None:
    """The mapping that a block holds, if it is YAML with names as keys; a line `...` leaves out."""
    text = "".join(line for line in text.splitlines(True) if line.strip() != "...")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    if not isinstance(content, dict) or not content:
        return None
    are_names = all(isinstance(key, str) and re.fullmatch(r"[\w-]+", key) for key in content)
    return content if are_names else None


def python_in(block: Block) -> str | None:
    """The Python of a block, if it is some: fenced as such, or code that imports something."""
    if block.language == "python":
        return block.text
    if match := IN_A_SHELL.fullmatch(block.text):
        return match[1]
    if block.language:
        return None
    try:
        tree = ast.parse(block.text)
    except SyntaxError:
        return None
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    return block.text if imports else None
