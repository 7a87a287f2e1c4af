"""Study files to start from: each is in order but for the files that a person must name."""

import re
from pathlib import Path

import pytest

from pgdose.cli.check import check
from pgdose.cli.init import init
from pgdose.cli.init_kinds import KINDS
from pgdose.errors import UserError

# Small tables with the columns that the files name.
TABLES = {
    "REPORTS.csv": "accession_number,report\n1,clear lungs\n",
    "LABELS.csv": "image,label\na,normal\n",
    "FIELDS.csv": "file,patient,class\na.png,1,norm\n",
    "SLIDES.csv": "slide,patient,outlines,class\na.svs,1,,norm\n",
    "IMAGES.csv": "image,patient,label\na.png,1,normal\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_files_that_a_person_names_are_missing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert init(kind, Path("mine.yaml"))[0] == f"wrote mine.yaml: {KINDS[kind]}"
    text = Path("mine.yaml").read_text()
    assert 'study: "mine"' in text
    with pytest.raises(UserError) as caught:
        check(Path("mine.yaml"))
    head, *lines = str(caught.value).splitlines()
    assert head.startswith("mine.yaml: The study has ")
    missing = [re.search(r"there is no (?:file|folder) '([A-Z]+[.a-z0-9]*)'", x) for x in lines]
    assert missing and all(missing), lines
    for match in missing:
        assert match
        name = Path(match[1])
        if name.suffix == ".pt2":
            name.write_bytes(b"PK\x03\x04")
        elif name.suffix:
            name.write_text(TABLES[name.name])
        else:
            name.mkdir()
    try:
        assert check(Path("mine.yaml"))[0].startswith("mine.yaml is in order")
    except UserError as error:  # its content is looked at, too
        assert kind == "network" and "MODEL.pt2" in str(error)


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine")
    with pytest.raises(UserError, match="is there already; give another file name"):
        init("table", path)
    assert path.read_text() == "mine"


def test_a_study_is_called_like_its_file_where_that_is_a_name(tmp_path: Path) -> None:
    init("table", tmp_path / "new folder" / "2nd try.yaml")
    assert 'study: "mine"' in (tmp_path / "new folder" / "2nd try.yaml").read_text()
    init("table", tmp_path / "our films.yaml")
    assert 'study: "our-films"' in (tmp_path / "our films.yaml").read_text()
