"""Types of fields whose values need a check of their own."""

import codecs
import re
from typing import Annotated

from pydantic import AfterValidator

from pgdose.study.base import IS_PATH, mistake


def _check_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise mistake("must be a Python encoding, such as utf-8, cp1251 or koi8-r") from None
    return name


def _check_identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,79}", name):
        raise mistake("must be a name that the library uses, such as PGD or max_iter")
    return name


def _check_output_path(path: str) -> str:
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise mistake(
            "must be a path without line breaks and without braces (Snakemake reads them as "
            "wildcards)"
        )
    return path


OutputPath = Annotated[str, IS_PATH, AfterValidator(_check_output_path)]  # the workflow writes it


Identifier = Annotated[str, AfterValidator(_check_identifier)]


Encoding = Annotated[str, AfterValidator(_check_encoding)]


Column = str | list[str]  # a column's name, or several names: the first that the table has counts
