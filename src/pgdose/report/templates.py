"""The templates of the pages, in page_files/, and how a page is written."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pgdose.report import wording
from pgdose.tables import output_files


@cache
def page_environment() -> Environment:
    """Escapes every text; a name that a template does not know is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page_files"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": wording.count, "epsilon": wording.epsilon}
    return environment


def rendered(template: str, /, **fields: Any) -> str:
    """The page of a template. Every text is escaped."""
    return page_environment().get_template(template).render(**fields)


def rendered_with_size(template: str, /, **fields: Any) -> str:
    """The page of a template that says how large it is: `megabytes`."""
    size = len(rendered(template, **fields, megabytes="0.0").encode())
    return rendered(template, **fields, megabytes=f"{size / 1e6:.1f}")


def write_page(path: str | Path, page: str) -> None:
    """Write a page, atomically."""
    with output_files.atomic(path) as beside:
        beside.write_text(page, encoding="utf-8")
