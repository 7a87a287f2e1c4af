"""The file of a study, before Snakemake reads it (`pgdose check`, or the Snakefile)."""

import json
from pathlib import Path
from typing import Any

import yaml

from pgdose.errors import UserError
from pgdose.study.content_limits import load_yaml, read_limited

CODE_KEY = "__use_yte__"  # with it Snakemake evaluates the file's texts as Python


def read_study_file(path: Path) -> dict[str, Any]:
    """The content of a study file, as plain data.

    UserError for a file that is none, that holds absurdly much, or that has code in it for
    Snakemake to run.
    """
    try:
        content = _parsed(read_limited(path).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give the path of a study file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark else ""
        raise UserError(f"{path}: not valid YAML{place}; correct it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a study; give a YAML file of keys and values")
    if content.get(CODE_KEY):
        raise UserError(
            f"{path}: {CODE_KEY} lets Snakemake run code from the file; remove it, and write "
            "values in place of the expressions (texts that begin with '?', keys such as '?if')"
        )
    return content


def _parsed(text: str) -> Any:
    """As Snakemake reads it: JSON, or else YAML."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return load_yaml(text)
    return load_yaml(text.replace("\t", " "))  # JSON may be indented with tabs
