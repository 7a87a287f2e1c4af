"""Braces, LaTeX and HTML in the texts of a study: they are text wherever they come."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT, checkout, planned, snakemake

from pgdose.errors import UserError
from pgdose.study.parsing import parse

# Names of Snakemake's wildcards too, so that a text that is taken for a pattern gets a value.
TEXT = r"{G1} {group} {run,\d+} {} {{x}} {a } $\mathrm{G}_{1}$ <script>alert(1)</script> %s {0}"


def hostile_study(data: Path) -> dict[str, Any]:
    """A study of every kind of source in which each free text holds braces."""
    root, table = str(data / "films {group} {G1}"), str(data / "table.csv")
    films = {
        "kind": "dicom_archive",
        "root": root,
        "reports": {"table": table, "id": TEXT, "text": "b{group}"},
        "lexicon": "resources/lexicons/ru.yaml",
        "screen": {"body_parts": [TEXT]},
    }
    films["reports"]["hand_labels"] = {"table": table, "id": TEXT}
    fields = {"kind": "microscope_fields", "root": root, "layout": "{class}/{patient}_{x}*.tif"}
    slides = {
        "kind": "slides",
        "root": root,
        "table": table,
        "columns": {"slide": TEXT, "patient": "b{group}", "class": TEXT, "outlines": None},
        "classes": {"tumour": [TEXT], "norm": ["{group}"]},
        "tiles_per_class": 4,
    }
    images = {
        "kind": "table",
        "root": root,
        "table": table,
        "columns": {"image": TEXT, "patient": ["none {run}", "b{group}"], "class": TEXT},
        "labels": {"column": TEXT, "separator": "{run}", "names": {"label": TEXT}},
    }
    wheres = {
        "films": ({"label": "norm"}, {"label": "tuberculosis"}),
        "fields": ({"class": "a"}, {"class": "b"}),
        "slides": ({"class": "tumour"}, {"class": "norm"}),
        "images": ({"class": "a", "view": [TEXT]}, {"label": "label"}),
    }
    groups = {}
    for source, (one, two) in wheres.items():
        groups[f"G-{source}"] = {
            "title": TEXT,
            "image": {"size": 75},
            "classes": {
                "C1": {"source": source, "where": one, "count": "all"},
                "C2": {"source": source, "where": two, "count": "all"},
            },
        }
    external = {"kind": "external", "library": "art", "name": "FGSM", "epsilon": [0.1]}
    return {
        "study": "hostile",
        "sources": {"films": films, "fields": fields, "slides": slides, "images": images},
        "groups": groups,
        "training": {"width": 0.0625},
        "attacks": {
            "paper": {"lr": 0.1, "epsilon": [0.1]},
            "theirs": {**external, "arguments": {TEXT: TEXT}},
        },
        "measures": {"draws": 200},
    }


@pytest.mark.workflow
def test_texts_with_braces_plan_all_jobs(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    study = hostile_study(folder / "data")
    Path(study["sources"]["films"]["root"]).mkdir(parents=True)
    (folder / "data/table.csv").write_text(f'"{TEXT}",b{{group}}\n')
    (folder / "hostile.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    jobs = planned(snakemake(folder, "--dry-run", "--printshellcmds", study="hostile.yaml"))
    assert {"agreement", "index_fields", "candidates", "index_table", "table1", "report"} <= set(
        jobs
    )


def test_params_of_rules_that_hold_study_text_are_json() -> None:
    """Snakemake reads a plain string of `params:` as a pattern; `as_json` writes no pattern."""
    source = (PROJECT / "workflow/rules/common.smk").read_text()
    function = re.search(r"def as_json\(value\):.*?(?=\n\ndef )", source, re.S)
    assert function
    room: dict[str, Any] = {}
    exec("import json, re\n" + function.group(), room)
    value = {TEXT: [TEXT, '"{group}"', "\\", '\\"{x}', "{", "}", 1, None], "a": {}, "b": [[{}]]}
    text = room["as_json"](value)
    assert yaml.safe_load(text) == value
    assert not re.search(r"\{\s*\w", text)
    # Snakemake's report holds the params of jobs within a <script>.
    assert not set(text) & set("<>&")


FILES = [
    "sources.films.reports.table",
    "sources.films.reports.hand_labels.table",
    "sources.films.lexicon",
    "sources.slides.table",
    "sources.images.table",
    "groups.G-films.exclude",
    "groups.G-films.image.boxes",
    "groups.G-films.network.file",
    "training.weights",
]


@pytest.mark.parametrize("field", FILES)
@pytest.mark.parametrize("name", ["a{group}.csv", "{G1}/a.csv", "a\nb.csv"])
def test_input_files_have_no_braces(field: str, name: str, tmp_path: Path) -> None:
    """Snakemake would read them as wildcards, or not find the file."""
    study = hostile_study(tmp_path)
    place: Any = study
    *parents, last = field.split(".")
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = name
    with pytest.raises(UserError) as caught:
        parse(study)
    assert f"  {field}: {name!r} must be a path without line breaks and without braces" in str(
        caught.value
    )


@pytest.mark.parametrize(
    "field", [*FILES, "results", "sources.films.root", "sources.fields.layout"]
)
def test_paths_are_no_html(field: str, tmp_path: Path) -> None:
    """Snakemake's report holds them within a <script>, as they are."""
    study = hostile_study(tmp_path)
    place: Any = study
    *parents, last = field.split(".")
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = "{class}/{patient}</script><script>" if last == "layout" else "a</script>.csv"
    with pytest.raises(UserError) as caught:
        parse(study)
    assert f"  {field}: " in str(caught.value) and "without < and >" in str(caught.value)


def test_snakemake_s_report_gets_names_alone() -> None:
    """Labels and categories are names of the alphabet, captions are files without study text."""
    for path in [PROJECT / "Snakefile", *PROJECT.glob("workflow/rules/**/*.smk")]:
        text = path.read_text()
        assert ".title" not in text.replace('"title": group.title', ""), path.name
    for path in PROJECT.glob("workflow/report/*.rst"):
        places = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", path.read_text())
        assert set(places) <= {'{{ snakemake.config["study"] }}'}, path.name  # a name, checked


def test_the_report_gets_no_paths(tmp_path: Path) -> None:
    study = hostile_study(tmp_path)
    study["groups"]["G-films"] |= {"exclude": f"{tmp_path}/out.csv"}
    text = str(parse(study).to_dict(paths=False))
    assert str(tmp_path) not in text and "{class}" not in text and "lexicons" not in text
