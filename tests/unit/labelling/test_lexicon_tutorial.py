"""The tutorial of docs/tutorials/lexicon.md, carried out as it stands there."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from helpers.workflow import PROJECT

from pgdose.cli.main import main

TUTORIAL = PROJECT / "docs/tutorials/lexicon.md"
LEXICON = Path("spanish/es.yaml")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(text: str) -> dict[str, str]:
    """The text of each top-level key of a YAML file."""
    parts = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
    return {part.partition(":")[0]: part for part in parts if part}


def edit(block: str) -> None:
    """Write the sections of a block over those of the lexicon, as its reader does."""
    merged = sections(LEXICON.read_text(encoding="utf-8")) | sections(block)
    LEXICON.write_text("".join(merged.values()), encoding="utf-8")


def steps(block: str) -> list[tuple[list[str], list[str]]]:
    """The commands of a block, each with the lines that it prints."""
    commands = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(shlex.split(lines[0]), lines[1:]) for lines in map(str.splitlines, commands)]


def carry_out(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> str:
    program, *arguments = command
    if program == "mkdir":
        Path(arguments[0]).mkdir()
    elif program == "touch":
        Path(arguments[0]).touch()
    elif program == "cp":
        for file in PROJECT.glob(arguments[0]):
            shutil.copy(file, arguments[1])
    else:
        assert program == "pgdose"
        monkeypatch.setattr(sys, "argv", command)
        main()
    out, err = capfd.readouterr()
    return out + err


def test_each_command_prints_what_the_tutorial_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for kind, block in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if kind == "yaml":
            edit(block)
            continue
        for command, shown in steps(block):
            printed = carry_out(command, monkeypatch, capfd).splitlines()
            at = 0
            for line in shown:
                if line != "...":
                    assert line in printed[at:], f"{shlex.join(command)}\n{line}\n{printed}"
                    at = printed.index(line, at) + 1
            ran += command[0] == "pgdose"
    assert ran >= 8 and Path("spanish/tuning.html").is_file()
