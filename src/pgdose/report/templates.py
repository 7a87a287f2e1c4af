"""The templates of the pages, in page_files/."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_environment() -> Environment:
    """Escapes every text; a name that a template does not know is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page_files"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
