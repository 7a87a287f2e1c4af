"""resources/studies/public.yaml: its parts, and what its comments say of the full downloads."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgdose.study.parsing import parse
from pgdose.study.sources import ImageTable, MicroscopeFields
from pgdose.user_tables.layouts import places_of
from pgdose.user_tables.reader import find_columns, read_header
from pgdose.user_tables.source_tables import describing_table

PROJECT = Path(__file__).resolve().parents[3]
TEXT = (PROJECT / "resources/studies/public.yaml").read_text(encoding="utf-8")
STUDY = yaml.safe_load(TEXT)
# The headers of the sets' own tables.
HEADERS = {
    "nih": "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex\n",
    "glas": "name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)\n",
    "ham10000": "lesion_id,image_id,dx,dx_type,age,sex,localization\n",
}

pytestmark = pytest.mark.unit


def downloads() -> dict[str, dict[str, Any]]:
    """The sources that the comments give for full downloads, by name."""
    blocks = re.findall(r"# As downloaded:\n((?:  #   .*\n)+)", TEXT)
    sources: dict[str, dict[str, Any]] = {}
    for block in blocks:
        sources |= yaml.safe_load(re.sub(r"(?m)^  #   ", "", block))
    return sources


def test_the_comments_give_each_source_as_it_is_downloaded() -> None:
    assert list(downloads()) == list(STUDY["sources"])


@pytest.mark.parametrize("name", STUDY["sources"])
def test_a_source_as_downloaded_may_stand_in_the_place_of_the_part(name: str) -> None:
    study = copy.deepcopy(STUDY)
    study["sources"][name] = downloads()[name]
    parsed = parse(study)
    assert parsed.modality(next(g for g in study["groups"] if name in str(study["groups"][g]))) == (
        parse(STUDY).sources[name].modality
    )


@pytest.mark.parametrize("name", HEADERS)
def test_the_columns_of_a_download_are_found(name: str, tmp_path: Path) -> None:
    source = parse(STUDY | {"sources": STUDY["sources"] | {name: downloads()[name]}}).sources[name]
    assert isinstance(source, ImageTable | MicroscopeFields)
    path = tmp_path / "table.csv"
    path.write_text(HEADERS[name], encoding="utf-8")
    table = describing_table(path, name, source.model_dump(by_alias=True))
    found, _ = find_columns(table, read_header(table))
    assert {"patient"} < set(found)


@pytest.mark.parametrize(
    ("source", "file", "places"),
    [
        ("kermany", "train/PNEUMONIA/person1_bacteria_1.jpeg", ("person1", "bacteria")),
        ("kermany", "test/PNEUMONIA/person78_virus_140.jpeg", ("person78", "virus")),
        ("kermany", "train/NORMAL/IM-0115-0001.jpeg", ("0115", "NORMAL")),
        ("kermany", "train/NORMAL/NORMAL2-IM-0383-0001.jpeg", ("0383", "NORMAL")),
        ("lc25000", "lung_aca/lungaca1.jpeg", (None, "lung_aca")),
    ],
)
def test_folders_and_names_of_a_download_say_patient_and_class(
    source: str, file: str, places: tuple[str | None, str]
) -> None:
    found = places_of(file, downloads()[source]["layout"])
    assert (found.get("patient"), found["class"]) == places
