"""Whether the commands and YAML of a page are such that pgdose, Snakemake and make take them.

Nothing is carried out. Each function yields a sentence for each mistake.
"""

import contextlib
import copy
import functools
import importlib.util
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
from snakemake.cli import get_argument_parser

from helpers.workflow import PROJECT
from pgdose.cli import main
from pgdose.errors import UserError
from pgdose.study.parsing import parse
from pgdose.study.study_file import read_study_file
from pgdose.study.suggestions import nearest

OF_THE_PROJECT = ("resources", "tests", "benchmarks", "profiles", "scripts", "src", "docs")
RULES_AS_VALUES = ("forcerun", "until", "omit_from")  # options of Snakemake that take rules


def command_mistakes(words: list[str]) -> Iterator[str]:
    """What is wrong with a command: its program and its arguments."""
    program, *arguments = words
    for argument in arguments:
        yield from _missing_file(argument)
    for mistake in CHECKS[program](arguments):
        yield f"`{' '.join(words)}`: {mistake}"


def _missing_file(argument: str) -> Iterator[str]:
    """A file of the project that is not there. Other files are the reader's."""
    path = argument.rpartition("=")[2].partition("::")[0]
    if path.partition("/")[0] in OF_THE_PROJECT and "/" in path and not any(PROJECT.glob(path)):
        yield f"there is no {path}"


def _parsed(parse_arguments: Callable[[], Any]) -> tuple[Any, str]:
    """What a parser of arguments makes of them, and its complaint."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            return parse_arguments(), ""
    except SystemExit as end:
        return None, said.getvalue().strip().splitlines()[-1] if end.code else ""
    except Exception as error:  # a type of an option that refuses its value
        return None, str(error)


def _pgdose(arguments: list[str]) -> Iterator[str]:
    parsed, complaint = _parsed(lambda: main._parser().parse_args(arguments))
    if complaint:
        yield complaint
    elif parsed is not None and parsed.command == "run" and parsed.options:
        yield from _snakemake([f"--configfile={parsed.study}", *parsed.options])
    elif parsed is not None and hasattr(parsed, "study"):
        yield from _study_mistakes(str(parsed.study))


def _snakemake(arguments: list[str]) -> Iterator[str]:
    parsed, complaint = _parsed(lambda: get_argument_parser().parse_args(arguments))
    if complaint:
        yield complaint
        return
    for study in parsed.configfile or []:
        yield from _study_mistakes(str(study))
    for option in RULES_AS_VALUES:
        for rule in getattr(parsed, option) or []:
            if rule not in _rules():
                yield f"--{option}: there is no rule {rule}{nearest(rule, sorted(_rules()))}"


@functools.cache
def _rules() -> set[str]:
    text = "".join(path.read_text() for path in PROJECT.glob("workflow/rules/*.smk"))
    return {"attack", *re.findall(r"^\s*rule (\w+):", text, re.MULTILINE)}


@functools.cache
def _study_mistakes(path: str) -> tuple[str, ...]:
    """Of a study file of the project; nothing for another one, which is the reader's."""
    file = PROJECT / path
    if not file.is_file():
        return ()
    try:
        document = read_study_file(file)
        parse(document.content, documents={path: document})
    except UserError as error:
        return (str(error),)
    return ()


def _make(arguments: list[str]) -> Iterator[str]:
    makefile = (PROJECT / "Makefile").read_text().replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^([\w./-]+):(?!=)", makefile, re.MULTILINE))
    for argument in arguments:
        name, is_variable, _ = argument.partition("=")
        if is_variable and not re.search(rf"^{name}\s*\??=", makefile, re.MULTILINE):
            yield f"the Makefile has no variable {name}"
        if not is_variable and argument not in targets:
            yield f"the Makefile has no target {argument}"


def _python(arguments: list[str]) -> Iterator[str]:
    if arguments[:1] == ["-m"]:
        if arguments[1] in PROGRAM_MODULES:
            yield from command_mistakes([PROGRAM_MODULES[arguments[1]], *arguments[2:]])
        elif importlib.util.find_spec(arguments[1]) is None:
            yield f"there is no module {arguments[1]}"
        return
    script = PROJECT / arguments[0] if arguments else PROJECT
    if not script.is_file():
        return  # the reader's, or `_missing_file` names it
    text = "".join(path.read_text() for path in _with_neighbours(script))
    for option in (a.partition("=")[0] for a in arguments[1:] if a.startswith("--")):
        if f'"{option}"' not in text:
            yield f"{arguments[0]} has no option {option}"


def _with_neighbours(script: Path) -> Iterator[Path]:
    """A script, and the modules of its folder that it imports."""
    yield script
    for name in re.findall(r"^(?:import|from) (\w+)", script.read_text(), re.MULTILINE):
        if (script.parent / f"{name}.py").is_file():
            yield script.parent / f"{name}.py"


PROGRAM_MODULES = {"snakemake": "snakemake", "pgdose.cli": "pgdose"}


def _pip(arguments: list[str]) -> Iterator[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"pgdose\[(.*?)\]", " ".join(arguments)):
        for extra in extras.split(","):
            if extra not in project["optional-dependencies"]:
                yield f"pgdose has no extra {extra}"


CHECKS: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "pgdose": _pgdose,
    "snakemake": _snakemake,
    "make": _make,
    "python": _python,
    "pip": _pip,
    "pytest": lambda arguments: iter(()),  # its files are checked as those of every program
    "echo": lambda arguments: iter(()),
}


def study_mistakes(content: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a part of a study: some of its sections, or of the keys of one.

    Keys may be missing. Those that are there must be keys of one section, with such values.
    """
    schema = _schema_of_parts()
    if set(content) & set(schema["properties"]):
        yield from _schema_mistakes(content, schema)
        return
    definitions = {"$defs": schema["$defs"]}
    sections = [definitions | {"$ref": f"#/$defs/{name}"} for name in schema["$defs"]]
    named = [definitions | {"additionalProperties": entry} for entry in _entries(schema)]
    if all(any(_schema_mistakes(content, section)) for section in [*sections, *named]):
        keys = ", ".join(content)
        yield f"neither a study nor a section of it has the keys {keys} with these values"


def _entries(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema of each mapping's values whose keys are names that the reader chooses."""
    parts = schema.values() if isinstance(schema, dict) else schema
    for part in parts if isinstance(schema, dict | list) else ():
        yield from _entries(part)
    if isinstance(schema, dict):
        yield from schema.get("patternProperties", {}).values()


def _schema_mistakes(content: Any, schema: dict[str, Any]) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(schema)
    for error in validator.iter_errors(content):
        deepest = jsonschema.exceptions.best_match([error])
        yield f"{'.'.join(map(str, deepest.absolute_path))}: {deepest.message:.200}"


@functools.cache
def _schema_of_parts() -> dict[str, Any]:
    """The schema of a study with all keys optional."""
    schema = json.loads((PROJECT / "workflow/schemas/study.schema.json").read_text())
    return _without_required(copy.deepcopy(schema))


def _without_required(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_required(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: _without_required(v) for k, v in schema.items() if not _is_demand(k, v)}
    if "oneOf" in kept:  # with fewer keys more than one of them may fit
        kept["anyOf"] = kept.pop("oneOf")
    return kept


def _is_demand(key: str, value: Any) -> bool:
    return (key == "required" and isinstance(value, list)) or (
        key in ("minProperties", "minItems", "discriminator") and not isinstance(value, dict)
    )
