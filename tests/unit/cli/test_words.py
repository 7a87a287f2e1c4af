"""`pgdose words`: all words for classes in a study's files, and the class of each."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers.outline_files import feature, geojson, imagescope, png, points, region
from helpers.workflow import PROJECT
from shapely.geometry import LineString, box

from pgdose.cli.words import words
from pgdose.errors import UserError


def study(folder: Path, **sources: dict[str, Any]) -> Path:
    content = yaml.safe_load((PROJECT / "config.yaml").read_text())
    (name, group), *_ = content["groups"].items()
    first = next(iter(sources))
    classes = {"A": {"class": "tumour"}, "B": {"class": "norm"}}
    group = {
        "title": "t",
        "classes": {c: {"source": first, "where": w, "count": 4} for c, w in classes.items()},
    }
    content |= {"sources": sources, "groups": {name: group}}
    for key in ("phantom", "training_size", "operating_points"):
        content.pop(key, None)
    path = folder / "study.yaml"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def slides(tmp_path: Path) -> dict[str, Any]:
    root = tmp_path / "slides"
    root.mkdir()
    square, line = box(0, 0, 300, 300), LineString([(0, 0), (9, 9)])
    geojson(
        root / "a.geojson",
        feature(square, {"name": "Tumor", "color": [200, 0, 0]}),
        feature(square, {"name": "Некроз"}),
        feature(square, None, name="J. Doe\n"),
        feature(line, {"name": "arrow of mine"}),
    )
    shape = region(points("Vertex", square.exterior), text="normal")
    imagescope(root / "b.xml", ("Layer 1", "", shape))
    png(root / "c.png", np.array([[0, 1], [7, 7]], np.uint8))
    (root / "d.geojson").write_text("{")
    (tmp_path / "s.csv").write_text(
        "slide,patient,outlines,class\n1.svs,P1,a.geojson,\n2.svs,P2,b.xml,Benign\n"
        "3.svs,P3,c.png,\n4.svs,P4,d.geojson,Tumour\n"
    )
    return {
        "kind": "slides", "root": str(root), "table": str(tmp_path / "s.csv"),
        "columns": {"class": "class"}, "tiles_per_class": 5,
    }  # fmt: skip


def row(lines: list[str], word: str) -> list[str]:
    (line,) = [line for line in lines if line.endswith(word)]
    return line.split()


def test_words_of_outlines_are_counted_with_their_class(
    slides: dict[str, Any], tmp_path: Path
) -> None:
    lines = words(study(tmp_path, breast=slides), "breast")
    assert row(lines, "'Tumor', #c80000")[:4] == ["tumour", "1", "0", "1"]
    assert row(lines, "'Некроз'")[:5] == ["no", "class", "1", "0", "1"]
    assert row(lines, "'Layer 1', text 'normal'")[0] == "norm"
    assert row(lines, "'arrow of mine'")[2:5] == ["1", "1", "1"]
    assert row(lines, "'Benign'")[:3] == ["no", "class", "1"]
    assert row(lines, "'Tumour'")[0] == "tumour"
    added = [line.strip() for line in lines if line.startswith("    CLASS")]
    assert sorted(added) == sorted(
        f'CLASS: ["{word}"]' for word in ("Некроз", "J. Doe\\n", "1", "7", "Benign")
    )
    text = "\n".join(lines)
    assert "1 outline files cannot be read" in text and "line 1, column 2" in text
    assert "Doe\n" not in text


def test_words_of_folders_and_tables(tmp_path: Path) -> None:
    for name in ("рак лёгкого/P1", "Норма/P2"):
        (tmp_path / "fields" / name).mkdir(parents=True)
        (tmp_path / "fields" / name / "1.png").touch()
    fields = {"kind": "microscope_fields", "root": str(tmp_path / "fields")}
    fields |= {"layout": "{class}/{patient}/*.png"}
    path = study(tmp_path, fields=fields)
    assert row(words(path), "'Норма'")[:2] == ["no", "class"]
    fields["classes"] = {"tumour": ["рак*"], "norm": ["НОРМА"]}
    lines = words(study(tmp_path, fields=fields))
    assert row(lines, "'рак лёгкого'")[:2] == ["tumour", "1"]
    assert row(lines, "'Норма'")[:2] == ["norm", "1"]
    assert not any("CLASS" in line for line in lines)


def test_an_unknown_source_is_refused(slides: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'brest' is no source .*; there are breast"):
        words(study(tmp_path, breast=slides), "brest")


def test_outlines_apart_from_the_slides_are_found_as_the_jobs_find_them(
    slides: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "s.csv").write_text("slide,patient,outlines,class\na.svs,P1,a.svs,\n")
    (tmp_path / "empty").mkdir()
    slides |= {"outlines_root": slides["root"], "root": str(tmp_path / "empty")}
    lines = words(study(tmp_path, breast=slides), "breast")
    assert row(lines, "'Tumor', #c80000")[0] == "tumour"
    for key in ("outlines_root", "root"):
        entry = {k: v for k, v in slides.items() if k != "outlines_root"}
        entry |= {key: str(tmp_path / "nowhere")}
        with pytest.raises(UserError, match=rf"sources\.breast\.{key}: there is no such folder"):
            words(study(tmp_path, breast=entry), "breast")
