"""What pgdose requires: by pyproject.toml in a checkout, else by the package's metadata."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from packaging.requirements import Requirement

from pgdose.errors import UserError
from pgdose.project_files import PACKAGE

PYPROJECT = PACKAGE.parents[1] / "pyproject.toml"  # of a checkout


@cache
def _project() -> dict[str, Any] | None:
    if not PYPROJECT.is_file():
        return None
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")).get("project", {})
    return project if project.get("name") == "pgdose" else None


def python_bounds() -> str:
    """The versions of Python that pgdose runs on, such as ">=3.11,<3.14"."""
    if project := _project():
        return str(project["requires-python"])
    return str(_metadata()["Requires-Python"])


def requirements(extra: str = "") -> list[Requirement]:
    """The libraries that pgdose needs, or those that an extra of it adds."""
    if project := _project():
        listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
        return [Requirement(text) for text in listed]
    found = [Requirement(text) for text in _metadata().get_all("Requires-Dist") or ()]
    if extra:
        return [r for r in found if r.marker and r.marker.evaluate({"extra": extra})]
    return [r for r in found if r.marker is None or r.marker.evaluate({"extra": ""})]


def _metadata() -> Any:
    try:
        return metadata("pgdose")
    except PackageNotFoundError:
        raise UserError("pgdose is not installed; install it with pip") from None
