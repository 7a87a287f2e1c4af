"""The pieces that every section of the study file is made of: models, field types, mistakes."""

import codecs
import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from pgdose.names import NAME


def mistake(text: str, **values: Any) -> PydanticCustomError:
    return PydanticCustomError("study", text, values)


def _codec(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise mistake("an encoding that Python knows, such as utf-8, cp1251 or koi8-r") from None
    return name


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,79}", name):
        raise mistake("a name of the library's own, such as PGD or max_iter")
    return name


def _place(path: str) -> str:
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise mistake(
            "a path without braces, which stand for wildcards in Snakemake, and line breaks"
        )
    return path


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]


Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


Epsilon = Annotated[float, Field(gt=0, le=1)]


Count = Annotated[int, Field(ge=1)]


IS_PATH = "path"  # marks fields that say where files lie


FilePath = Annotated[str, IS_PATH]


Place = Annotated[str, IS_PATH, AfterValidator(_place)]  # of what the workflow makes


Identifier = Annotated[str, AfterValidator(_identifier)]


Encoding = Annotated[str, AfterValidator(_codec)]


Column = str | list[str]  # a column's name, or several of which the first that is there counts


INCEPTION_MINIMUM = 75  # pixels; a smaller image has no pixel left at the end of InceptionV3


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def known(self) -> dict[str, Any]:
        """Plain values, for a rule's params."""
        return self.model_dump(mode="json", by_alias=True)

    def shown(self) -> dict[str, Any]:
        """Plain values for the report, without the fields that say where files lie."""
        plain = self.known()
        found: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Model):
                found[name] = value.shown()
            elif isinstance(value, dict) and all(isinstance(v, Model) for v in value.values()):
                found[name] = {key: entry.shown() for key, entry in value.items()}
            elif IS_PATH not in field.metadata:
                found[field.alias or name] = plain[field.alias or name]
        return found


def nearest(value: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(value, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def known_names(known: Iterable[str]) -> str:
    return f"known: {', '.join(known) or 'none'}"
