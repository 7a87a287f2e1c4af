"""The measures of a run, one file a table for all attacks, and the tables over all runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.surfaces import dense
from helpers.twelve_images import (
    ANY,
    DOSES,
    DRAWS,
    FINAL,
    IMAGES,
    MEMBERS,
    SEED,
    SURFACE,
    TRUE,
    flips,
)

from pgdose.analysis import abstention, measures, result_files, study_tables, table_registry
from pgdose.analysis.conclusion_draws import read_draws
from pgdose.analysis.settings import HarmSettings, MeasureSettings
from pgdose.study.doses import Doses
from pgdose.tables import parquet

SETTINGS = MeasureSettings(epsilon=0.1, iterations=20, success="final", draws=DRAWS, seed=SEED)
COLUMNS = {**table_registry.columns_of("measure"), "images": list(table_registry.IMAGES)}
MAIN = {"group": "G", "run": "full", "role": "main", "size": None, "repeat": None}
SIZED = {"group": "G", "run": "n4-r2", "role": "sized", "size": 4, "repeat": 2}


def members() -> pd.DataFrame:
    patients = {member: IMAGES[member][0] if member in IMAGES else "zoe" for member in range(12)}
    table = pd.DataFrame({"member": range(12), "patient": pd.Series(patients)})
    table["class_index"] = TRUE.to_numpy()
    table["class"] = np.where(TRUE == 0, "norm", "ill")
    table["sex"] = ["F", "M"] * 6
    return table.assign(age=50.0, part="validation")


def attack(change: float = 0.02, rows: pd.DataFrame = SURFACE) -> measures.AttackMeasures:
    rows = rows.assign(stored=[x[-2:] for x in rows["logits"]], change=change)
    surface = dense(rows, DOSES, 2, n_images="12", n_correct="10")
    sample = TRUE.where(TRUE.index.isin(MEMBERS), 1 - TRUE)  # 5 and 11 are wrong before
    return measures.measure_attack(
        surface,
        members().set_index("member"),
        SETTINGS,
        sample=sample,
        of_errors=HarmSettings(["norm"], "study"),
    )


def written(folder: Path, run: dict[str, Any], **attacks: measures.AttackMeasures) -> dict:
    names = [*COLUMNS, "draws"]
    paths = {name: str(folder / f"{run['run']}-{name}.parquet") for name in names}
    measures.write_run(attacks, run, paths, COLUMNS)
    return paths


def test_the_measures_of_an_attack() -> None:
    one = attack()
    asr = one.tables["asr"]
    assert asr["n_flipped"].tolist() == FINAL[0.02] + FINAL[0.1]
    assert asr["n_flipped_any"].tolist() == ANY[0.02] + ANY[0.1]
    assert (asr["n_images"] == 12).all() and (asr["n_correct"] == 10).all()
    images = one.tables["images"]
    assert images["member"].tolist() == MEMBERS
    smallest = [
        0.02 if low else 0.1 if high else np.inf
        for low, high in zip(flips(0.02, 2), flips(0.1, 2), strict=True)
    ]
    assert images["smallest_epsilon"].tolist() == smallest
    assert images["smallest_level"].tolist() == [[0.02, 0.1, np.inf].index(e) for e in smallest]
    assert one.n_unknown == 0 and set(one.tables["subgroups"]["value"]) == {"F", "M", "40 to 59"}


@pytest.mark.parametrize(("change", "bounded"), [(0.02, True), (0.020001, True), (0.021, False)])
def test_an_attack_is_bounded_if_no_image_changes_by_more_than_its_epsilon(
    change: float, bounded: bool
) -> None:
    assert attack(change).bounded == bounded


def test_all_attacks_on_a_run_stand_in_one_file(tmp_path: Path) -> None:
    paths = written(tmp_path, SIZED, paper=attack(), sign=attack(0.5))
    for name, columns in COLUMNS.items():
        table = result_files.read_measures([paths[name]])
        assert list(table) == columns
        # Only of a network with several labels; and not of sized runs.
        if name in ("other_labels", "abstention"):
            assert table.empty
            continue
        assert table["attack"].drop_duplicates().tolist() == ["paper", "sign"], name
        identity = table[list(SIZED)].drop_duplicates()
        assert identity.to_dict("records") == [SIZED]
    assert json.loads(parquet.read_metadata(paths["images"])["bounded"]) == ["paper"]
    assert list(read_draws(paths["draws"])) == ["paper", "sign"]


def test_clean_rows_come_before_those_of_attacks(tmp_path: Path) -> None:
    clean = pd.DataFrame({"member": range(12), "logits": [(1.0, 0.0)] * 12})
    images = abstention.clean_scores(clean, members().set_index("member"), DRAWS, SEED)
    path = {"abstention": str(tmp_path / "abstention.parquet")}
    abstaining = measures.Abstaining(images, range(12), raises_wrong_class=False)
    rows = SURFACE.assign(stored=[x[-2:] for x in SURFACE["logits"]], change=0.02)
    surface = dense(rows, DOSES, 2, n_images="12", n_correct="10")
    people = members().set_index("member")
    one = measures.measure_attack(surface, people, SETTINGS, abstaining=abstaining)
    unattacked = {"abstention": abstention.without_attack(images)}
    measures.write_run({"paper": one}, MAIN, path, COLUMNS, unattacked)
    table = result_files.read_measures([path["abstention"]])
    assert list(table) == COLUMNS["abstention"]
    assert table["attack"].drop_duplicates().tolist() == ["", "paper"]
    assert table["run"].eq("full").all()


def test_an_attack_without_images_has_its_columns(tmp_path: Path) -> None:
    nothing = attack(rows=SURFACE.iloc[:0])
    alone, beside = written(tmp_path, MAIN, paper=nothing), None
    for name, columns in COLUMNS.items():
        assert list(result_files.read_measures([alone[name]])) == columns, name
    beside = written(tmp_path, SIZED, paper=nothing, sign=attack())
    images = result_files.read_measures([alone["images"], beside["images"]])
    assert images["member"].tolist() == MEMBERS
    asr = result_files.read_measures([alone["asr"], beside["asr"]])
    assert asr.loc[asr["attack"] == "paper", "n_attacked"].eq(0).all()


def test_the_tables_over_all_runs(tmp_path: Path) -> None:
    """A group with its main network and one of a part of the training images."""
    people = members()
    learned = people.assign(member=people["member"] + 12, part="training")
    parquet.write_table(pd.concat([people, learned]), tmp_path / "members.parquet")
    logits = [np.eye(2)[c] if m not in (5, 11) else np.eye(2)[1 - c] for m, c in TRUE.items()]
    clean = pd.DataFrame({"member": range(12), "logits": logits})
    parquet.write_table(clean, tmp_path / "clean.parquet")
    main = written(tmp_path, MAIN, paper=attack(), sign=attack(0.5))
    sized = written(tmp_path, SIZED, paper=attack())
    study = study_tables.StudyRuns(
        runs=[MAIN, SIZED],
        doses={"paper": DOSES, "sign": DOSES},
        modality={"G": "xray"},
        sized_attacks={"G": ["paper"]},
    )
    files = study_tables.RunFiles(
        draws=[main["draws"], sized["draws"]],
        images=[main["images"], sized["images"]],
        clean=[str(tmp_path / "clean.parquet")] * 2,
        members=[str(tmp_path / "members.parquet")],
    )
    asr = result_files.read_measures([main["asr"], sized["asr"]])
    tables = study_tables.findings(study, files, asr, SETTINGS)
    assert list(tables) == table_registry.tables_of("tables")
    for name, table in tables.items():
        result_files.exact_columns(table, list(table_registry.RESULT_TABLES[name].columns), name)
    sizes = tables["training_size"]
    assert sizes[["size", "repeat", "accuracy", "asr"]].values.tolist() == [
        [4, 2, 10 / 12, 0.7],
        [12, 1, 10 / 12, 0.7],
    ]
    worst = tables["worst_case"]
    assert (worst["attacks"] == "paper").all()  # sign is not bounded
    assert worst["n_flipped"].tolist() == [3, 8]
    assert tables["conclusions"]["attack"].value_counts().to_dict() == {"paper": 5, "sign": 5}
    assert set(tables["trends"]["group"]) == {"G"}


def test_each_group_has_the_training_sizes_of_its_own_members(tmp_path: Path) -> None:
    people = members()
    logits = [np.eye(2)[c] if m not in (5, 11) else np.eye(2)[1 - c] for m, c in TRUE.items()]
    parquet.write_table(
        pd.DataFrame({"member": range(12), "logits": logits}), tmp_path / "clean.parquet"
    )
    runs, written_runs, of_members = [], [], []
    for group, copies in (("G", 1), ("F", 2)):
        learned = [people.assign(member=people["member"] + 12, part="training")] * copies
        parquet.write_table(pd.concat([people, *learned]), tmp_path / f"{group}.parquet")
        of_members.append(str(tmp_path / f"{group}.parquet"))
        for run in (MAIN, SIZED):
            runs.append(run | {"group": group})
            written_runs.append(written(tmp_path / group / run["run"], runs[-1], paper=attack()))
    study = study_tables.StudyRuns(
        runs, {"paper": DOSES}, {"G": "xray", "F": "xray"}, {"F": ["paper"], "G": ["paper"]}
    )
    files = study_tables.RunFiles(
        draws=[of["draws"] for of in written_runs],
        images=[of["images"] for of in written_runs],
        clean=[str(tmp_path / "clean.parquet")] * 4,
        members=of_members,
    )
    asr = result_files.read_measures([of["asr"] for of in written_runs])
    tables = study_tables.findings(study, files, asr, SETTINGS)
    assert tables["training_size"][["group", "size"]].values.tolist() == [
        ["G", 4],
        ["G", 12],
        ["F", 4],
        ["F", 24],
    ]
    last = tables["conclusions"].iloc[-1]
    assert last["reason"].startswith("2 trainings of 2 sizes in G, 2 trainings of 2 sizes in F;")


def test_a_study_without_training_sizes_has_its_tables(tmp_path: Path) -> None:
    main = written(tmp_path, MAIN, paper=attack())
    study = study_tables.StudyRuns([MAIN], {"paper": Doses((0.02, 0.1), 2)}, {"G": "xray"}, {})
    files = study_tables.RunFiles([main["draws"]], [main["images"]], [], [])
    asr = result_files.read_measures([main["asr"]])
    tables = study_tables.findings(study, files, asr, SETTINGS)
    assert tables["training_size"].empty and tables["training_size_summary"].empty
    last = tables["conclusions"].iloc[-1]
    assert last["conclusion"] == "training_size" and last["verdict"] == "undecided"


def test_repeats_of_a_training_are_networks_of_their_group(tmp_path: Path) -> None:
    repeat = MAIN | {"run": "full-r2", "role": "repeat", "repeat": 2}
    files = [written(tmp_path / run["run"], run, paper=attack()) for run in (MAIN, repeat)]
    study = study_tables.StudyRuns([MAIN, repeat], {"paper": DOSES}, {"G": "xray"}, {})
    paths = study_tables.RunFiles(
        [of["draws"] for of in files], [of["images"] for of in files], [], []
    )
    asr = result_files.read_measures([of["asr"] for of in files])
    tables = study_tables.findings(study, paths, asr, SETTINGS)
    conclusions = tables["conclusions"].set_index("conclusion")
    assert conclusions.loc["drops_above_confidence", "attack"] == "paper"
    assert set(tables["trends"]["group"]) == {"G"}
    assert conclusions["networks"].max() == 2
    assert tables["worst_case"]["group"].eq("G").all() and len(tables["worst_case"]) == 2
