"""Runs a rule's script in this process, as Snakemake would, without a workflow."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from helpers.workflow import PROJECT


class Named:
    """Values by name and in their order, as Snakemake's input, output, params and wildcards."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __iter__(self) -> Any:
        """The values one by one; those of a list too, as Snakemake's input has them."""
        for value in vars(self).values():
            yield from value if isinstance(value, list) else [value]

    def __getitem__(self, number: int) -> Any:
        return list(self)[number]

    def get(self, name: str, default: Any = None) -> Any:
        return vars(self).get(name, default)

    def items(self) -> Any:
        return vars(self).items()


def run_script(name: str, folder: Path, **given: dict[str, Any]) -> None:
    """Run scripts/NAME.py in the folder.

    given: input, output, params, wildcards, resources; and config, the study
    """
    job = Named(
        rule=name,
        log=[str(folder / f"{name}.log")],
        config=given.get("config", {}),
        **{
            part: Named(**given.get(part, {}))
            for part in ("input", "output", "params", "wildcards", "resources")
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(PROJECT / "scripts"))
        runpy.run_path(str(PROJECT / f"scripts/{name}.py"), {"snakemake": job})
