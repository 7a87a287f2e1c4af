"""study.json of a results folder: the study's settings without paths, for programs.

The page shows the same settings to people. `pgdose share`, `pgdose cite`, the evidence page and the
research object crate read them here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdose.errors import UserError
from pgdose.tables.output_files import atomic

FILE = "study.json"
FORMAT_VERSION = 1  # raise it when a key goes or changes its meaning


@dataclass(frozen=True)
class StudyDescription:
    """What a results folder says of its study.

    settings:  the study file without paths
    modality:  of each group: xray, histology or other
    classes:   of each group: the title of each class
    synthetic: the sources whose records the synthetic hospital made
    versions:  of Python and of packages, when the tables were made
    commit:    of the checkout that made them; empty if it is none
    """

    settings: Mapping[str, Any]
    modality: Mapping[str, str]
    classes: Mapping[str, Mapping[str, str]]
    synthetic: tuple[str, ...]
    versions: Mapping[str, str]
    commit: str

    @property
    def name(self) -> str:
        return str(self.settings["study"])

    @property
    def is_synthetic(self) -> bool:
        """Whether any of its records is made up."""
        return bool(self.synthetic)


def write_description(path: str | Path, description: StudyDescription) -> None:
    """Write study.json, atomically."""
    content = {
        "format_version": FORMAT_VERSION,
        "study": description.settings,
        "modality": description.modality,
        "classes": description.classes,
        "synthetic": list(description.synthetic),
        "versions": description.versions,
        "commit": description.commit,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as beside:
        Path(beside).write_text(f"{text}\n", encoding="utf-8")


def read_description(results: Path) -> StudyDescription:
    """Read study.json. UserError if it is not there, or of another version of pgdose."""
    path = results / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: not there, so the study was made by a pgdose before 1.0 or has not come to "
            "its end; run it to the end with this version"
        ) from None
    except ValueError:
        raise UserError(f"{path}: no JSON; delete it and run the study again") from None
    if content.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: format version {content.get('format_version')!r}, and this pgdose reads "
            f"{FORMAT_VERSION}; run the study again with this version"
        )
    return StudyDescription(
        content["study"],
        content["modality"],
        content["classes"],
        tuple(content["synthetic"]),
        content["versions"],
        content["commit"],
    )
