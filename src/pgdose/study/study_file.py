"""The file of a study, before Snakemake reads it (`pgdose check`, a profile, or the Snakefile)."""

from pathlib import Path
from typing import Any

from pgdose.errors import UserError
from pgdose.study.field_lines import Document
from pgdose.study.yaml_file import read_yaml

CODE_KEY = "__use_yte__"  # with it Snakemake evaluates the file's texts as Python


def read_study_file(path: Path) -> Document:
    """The content of a study file, a mapping of plain data, and the lines of its fields.

    UserError for a file that is none, that holds absurdly much, or that has code in it for
    Snakemake to run.
    """
    document = read_yaml(path)
    if not isinstance(document.content, dict):
        raise UserError(f"{path}: {_no_mapping(document.content)}")
    if document.content.get(CODE_KEY):
        raise UserError(
            f"{path}: {CODE_KEY} lets Snakemake run code from the file; remove it, and write "
            "values in place of the expressions (texts that begin with '?', keys such as '?if')"
        )
    return document


def _no_mapping(content: Any) -> str:
    if content is None:
        return "not a study, the file is empty; give a YAML file of keys and values"
    if isinstance(content, list):
        return "not a study but a list; remove the '- ' before its keys"
    return "not a study; give a YAML file of keys and values, KEY: VALUE with a space"
