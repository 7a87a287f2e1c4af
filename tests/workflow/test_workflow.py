"""The small study, carried out: its tree, its tables, what they promise, and that they repeat."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from helpers import described_results
from helpers.result_text import WORDS, text_columns
from helpers.workflow import SMALL, checkout, paths_of, snakemake, tables

from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.steps import Attack
from pgdose.attack.surface import surface
from pgdose.attack.surface_table import read_surface
from pgdose.cli.verify import verify
from pgdose.cohort import image_draws, images
from pgdose.errors import UserError
from pgdose.manifest import document
from pgdose.manifest.files import MANIFEST
from pgdose.networks import folding, network_files
from pgdose.study.attacks import ExternalAttack
from pgdose.study.doses import Doses
from pgdose.study.parsing import parse
from pgdose.tables import keyed, parquet, result_csv, sharding, site_key

GROUPS = ("X-TB", "X-AO", "H-OV", "H-BR")


def results(study: Path) -> Path:
    return study / "results" / "small"


def tiles_of(source: Path) -> np.ndarray:
    """All tiles of a source, in the order of its shards."""
    stores = sorted(source.glob("tiles/*.npy"), key=lambda path: int(path.stem))
    return np.concatenate([np.load(store) for store in stores])


def test_the_results_tree_is_the_promised_one(small_study: Path) -> None:
    wanted = [
        "sources/xray/records.parquet sources/xray/screen/0.parquet sources/xray/rejects.parquet",
        "sources/fields/tiles/1.npy groups/X-TB/members.parquet groups/X-TB/images/0.npy",
        "groups/X-TB/contact_sheet.png groups/H-BR/full/network.safetensors",
        "groups/X-TB/left_out.parquet groups/X-TB/rejects_by_class.parquet",
        "groups/X-TB/near_duplicates.parquet",
        "groups/H-BR/full/training.csv groups/H-BR/full/clean.parquet",
        "groups/H-BR/n8-r1/paper/surface/1.parquet groups/H-BR/n8-r1/measures/asr.parquet",
        "groups/H-OV/full/diagnostics.parquet report.html manifest.sha256",
        "evidence.html study.json ro-crate-metadata.json Snakefile",
    ]
    tables = "sources table1 class_counts calibration confusion asr confidence storage transitions "
    tables += "doses subgroups worst_case training_size training_size_summary conclusions trends "
    tables += "networks network_checks transfer rejects_by_class harm"
    wanted += [f"tables/{name}.csv" for name in tables.split()]
    drawn = {"fig1": "png svg", "fig2": "png svg"}
    curves = ["fig3a", "fig3b", "fig3c", "fig3c_fine", "fig3d", "fig_abstention", "fig_harm"]
    drawn |= dict.fromkeys(curves, "png svg csv")
    for group in GROUPS:
        drawn |= dict.fromkeys([f"heatmap/{group}", f"network/{group}"], "png svg csv")
        drawn[f"examples/{group}"] = "png svg"
    wanted += [f"figures/{name}.{kind}" for name, kinds in drawn.items() for kind in kinds.split()]
    for path in " ".join(wanted).split():
        assert (results(small_study) / path).stat().st_size > 0, path
    assert not list(small_study.glob("work/*"))


def test_the_page_of_results_describes_every_file_and_column(small_study: Path) -> None:
    """docs/reference/results.md, generated from the registry and `pgdose.reference.results`."""
    assert described_results.problems(results(small_study)) == []


def test_kept_and_rejected_are_all_that_was_found(small_study: Path) -> None:
    files = [p for p in (small_study / "hospital/xray").rglob("*") if p.is_file()]
    source = results(small_study) / "sources" / "xray"
    kept = parquet.read_table(source / "records.parquet")
    rejected = parquet.read_table(source / "rejects.parquet")
    at_index = rejected[rejected["stage"] == "index"]
    assert len(kept) + len(at_index) == len(files)
    counted = pd.read_csv(results(small_study) / "tables/sources.csv").set_index("source")
    assert counted.loc["xray", "found"] == len(files)
    screened = [parquet.read_table(path) for path in source.glob("screen/*.parquet")]
    assert counted.loc["xray", "screened"] == sum(map(len, screened)) <= len(kept)
    bad = (rejected["stage"] == "screen").sum()
    assert counted.loc["xray", "usable"] == counted.loc["xray", "screened"] - bad


def test_broken_files_are_rejected_for_what_is_wrong_with_them(small_study: Path) -> None:
    truth = pd.read_csv(small_study / "hospital/truth/xray.csv").set_index("file")
    paths = paths_of(small_study / "private/small/xray")
    rejected = parquet.read_table(results(small_study) / "sources/xray/rejects.parquet")
    rejected = rejected.merge(paths, on="record_id")
    found = rejected.set_index(rejected["path"].str.removeprefix("hospital/xray/"))["reason"]
    alone = truth[truth["twin"].isna()]
    assert found[found.index.isin(alone.index)].to_dict() == alone["expected"].dropna().to_dict()
    assert alone["expected"].nunique() >= 11
    copies = truth[truth["twin"].notna() & truth["expected"].notna()]
    assert set(copies["expected"]) == {"duplicate_uid", "duplicate_pixels"}
    for file, copy in copies.iterrows():
        pair = found[found.index.isin([file, copy["twin"]])]
        assert pair.tolist() == [copy["expected"]]  # exactly one of the two


def test_what_a_class_lost_is_counted_by_reason(small_study: Path) -> None:
    table = pd.read_csv(results(small_study) / "tables/rejects_by_class.csv")
    assert list(table["group"].unique()) == [g for g in GROUPS if g in set(table["group"])]
    of_group = table[(table["group"] == "X-TB") & (table["stage"] != "depth")]
    left_out = parquet.read_table(results(small_study) / "groups/X-TB/left_out.parquet")
    counts = left_out.groupby(["stage", "reason", "class"]).size()
    found = of_group.set_index(["stage", "reason", "class"])["n_left_out"]
    assert found[found > 0].to_dict() == counts.to_dict()
    rejected = parquet.read_table(results(small_study) / "sources/xray/rejects.parquet")
    of_source = left_out[left_out["stage"] == "screen"].merge(rejected, on=["record_id", "reason"])
    assert len(of_source) == (left_out["stage"] == "screen").sum() > 0
    copies = left_out[left_out["reason"].isin(["duplicate_uid", "duplicate_pixels"])]
    assert len(copies) and (copies["stage"] == "group").all()
    norm = of_group[of_group["class"] == "C2"]["n"]
    assert norm.nunique() == 1 and norm.iloc[0] > 60


def test_each_slide_has_its_state_and_its_picture(small_study: Path) -> None:
    source = results(small_study) / "sources/breast"
    states = pd.read_csv(source / "slides.csv").set_index("record_id")
    paths = paths_of(small_study / "private/small/breast").set_index("record_id")["path"]
    names = paths[states.index].str.removeprefix("hospital/slides/")
    truth = pd.read_csv(small_study / "hospital/truth/slides.csv").set_index("slide")
    assert (
        states["reason"].set_axis(names).dropna().to_dict() == truth["expected"].dropna().to_dict()
    )
    kept = states[states["reason"].isna()]
    assert len(kept) == 7 and set(kept["state"]) == {"used"}
    seen = states[states["reason"] != "unreadable_slide"]
    assert {p.stem for p in source.glob("thumbnails/*/*.png")} == set(seen.index)
    assert len(seen) == 8  # one of them rejected for its outlines
    table = parquet.read_table(source / "records.parquet")
    for name in ("tumour", "norm"):
        counts = table[table["class"] == name]["parent"].value_counts()
        assert counts.sum() == 16 and counts.max() - counts.min() <= 1
        assert kept[f"tiles_{name}"].to_dict() == {i: counts.get(i, 0) for i in kept.index}
    seconds = pd.read_csv(results(small_study) / "benchmarks/slides/breast-0.csv")
    assert set(seconds["record_id"]) == set(states.index)


def test_the_manifest_lists_every_result(small_study: Path) -> None:
    folder = results(small_study)
    (line,) = verify(folder)
    listed = {entry.path for entry in document.read(folder).entries}
    assert line.startswith(f"{len(listed)} files (") and len(listed) > 200
    files = {path.relative_to(folder) for path in folder.rglob("[!.]*") if path.is_file()}
    not_results = {path for path in files if path.parts[0] in ("logs", "benchmarks", MANIFEST)}
    assert listed == {path.as_posix() for path in files - not_results}
    assert str(small_study) not in (folder / MANIFEST).read_text()


def test_what_verify_says_of_a_fault_mends_it(small_study: Path, tmp_path: Path) -> None:
    """Deleted and made again as told, all is in order again."""
    again = checkout(tmp_path)
    for part in ("results", "hospital", "private", ".snakemake"):
        subprocess.run(["cp", "-a", small_study / part, again / part], check=True)
    folder = results(again)
    picture = next(folder.glob("sources/breast/thumbnails/0/*.png"))
    picture.write_bytes(b"")
    table = folder / "sources/breast/slides.csv"
    table.write_bytes(table.read_bytes()[:-1])
    store = folder / "groups/X-TB/images/0.npy"
    store.unlink()
    with pytest.raises(UserError) as caught:
        verify(folder)
    lines = str(caught.value).splitlines()[1:-1]
    assert [line.split(":")[0] for line in lines] == [str(store), str(table), str(picture)]
    targets = [re.findall("`snakemake (.*?)`", line)[0] for line in lines]
    for path in (picture.parent, table):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = snakemake(again, *(str(Path(target).relative_to(again)) for target in targets))
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert verify(folder)


def test_the_labeller_is_measured_against_hand_labels(small_study: Path) -> None:
    source = results(small_study) / "sources/xray"
    measured = pd.read_csv(source / "agreement.csv").set_index("label")
    hand = pd.read_csv(small_study / "hospital/truth/hand_labels.csv")
    assert measured.loc["tuberculosis", "n_present"] == (hand["tuberculosis"] == "present").sum()
    assert measured.loc["norm", "precision"] > 0.98
    wrong = pd.read_csv(source / "label_errors.csv")
    known = parquet.read_table(source / "records.parquet")["record_id"]
    assert wrong["record_id"].isin(known).all()
    confusion = pd.read_csv(source / "label_confusion.csv")
    assert confusion.groupby("label")["n"].sum().eq(measured["n"]).all()


def test_evidence_leads_from_a_film_to_the_words_of_its_report(small_study: Path) -> None:
    table = parquet.read_table(results(small_study) / "sources/xray/records.parquet")
    ill = table[table["label_tuberculosis"] == 1]["record_id"]
    mentions = parquet.read_table(results(small_study) / "sources/xray/mentions.parquet")
    mine = mentions[mentions["record_id"].eq(ill.iloc[0])]
    assert "tuberculosis" in set(mine["label"])
    command = [sys.executable, "-m", "pgdose.cli", "evidence", ill.iloc[0]]
    run = subprocess.run(command, cwd=small_study, text=True, capture_output=True)
    assert re.search("tuberculosis: present, '.*(туб|tb|сухот).*', by findings", run.stdout, re.I)


def test_labels_are_those_of_the_truth(small_study: Path) -> None:
    truth = pd.read_csv(small_study / "hospital/truth/xray.csv")
    paths = paths_of(small_study / "private/small/xray")
    paths["file"] = paths["path"].str.removeprefix("hospital/xray/")
    table = parquet.read_table(results(small_study) / "sources/xray/records.parquet")
    table = table.merge(paths).merge(truth, on="file", suffixes=("", "_true"))
    for finding in ("tuberculosis", "aorta", "pneumonia"):
        assert (table[f"label_{finding}"].fillna(-1) == table[finding]).mean() > 0.97, finding
    assert table["age"].sub(table["age_true"]).abs().max() < 1.01
    assert (table["sex"] == table["sex_true"]).all()


@pytest.mark.parametrize("group", GROUPS)
def test_no_patient_stands_on_both_sides(small_study: Path, group: str) -> None:
    members = parquet.read_table(results(small_study) / f"groups/{group}/members.parquet")
    assert members["patient"].notna().all()
    assert (members.groupby("patient")["part"].nunique() == 1).all()


def test_copies_stay_on_their_original_s_side_and_make_up_the_number(small_study: Path) -> None:
    members = parquet.read_table(results(small_study) / "groups/X-TB/members.parquet")
    first = members[members["class"] == "C1"]
    assert len(first) == 20
    assert (first["copy"] == 0).sum() == first["record_id"].nunique() == 8
    assert (members.groupby("record_id")["part"].nunique() == 1).all()


def test_iteration_0_is_the_clean_image(small_study: Path) -> None:
    folder = results(small_study) / "groups/H-OV/full"
    clean = parquet.read_table(folder / "clean.parquet").set_index("member")["logits"]
    surface = read_surface([folder / "noise/surface/0.parquet"], folder / "network.safetensors")
    first = np.stack(clean[surface.members].to_list())
    assert (surface.logits[:, :, 0] == first[:, None]).all()


def test_the_largest_change_is_epsilon(small_study: Path) -> None:
    table = parquet.read_table(results(small_study) / "groups/H-BR/full/diagnostics.parquet")
    rows = table[table["attack"] == "noise"]
    assert rows["largest_change"].iloc[0] == pytest.approx([0.1], abs=1e-3)


def test_of_itself_a_network_s_transfer_is_its_success(small_study: Path) -> None:
    asr = pd.read_csv(results(small_study) / "tables/asr.csv")
    transfer = pd.read_csv(results(small_study) / "tables/transfer.csv")
    assert set(zip(transfer["run"], transfer["judge"], strict=True)) == {
        (run, judge) for run in ("full", "shuffle") for judge in ("full", "shuffle")
    }
    own = transfer[transfer["run"] == transfer["judge"]]
    by = ["group", "run", "attack", "epsilon", "iteration"]
    both = own.merge(asr, on=by, suffixes=("", "_asr"), validate="1:1")
    assert len(both) == len(own) == 4
    for name in ("n_attacked", "n_flipped", "asr", "wilson_low", "ci_low"):
        pd.testing.assert_series_equal(both[name], both[f"{name}_asr"], check_names=False)


def test_names_in_result_tables_are_read_as_text(small_study: Path) -> None:
    for path in (results(small_study) / "tables").glob("*.csv"):
        names = text_columns(pd.read_csv(path)) - WORDS
        assert names <= set(result_csv.TEXT_COLUMNS), (path.name, "see TEXT_COLUMNS")


def test_where_leads_from_an_id_to_its_file(small_study: Path) -> None:
    paths = paths_of(small_study / "private/small/xray")
    record_id, path = paths.loc[0, ["record_id", "path"]]
    command = [sys.executable, "-m", "pgdose.cli", "where"]
    run = subprocess.run([*command, record_id], cwd=small_study, text=True, capture_output=True)
    assert run.stdout.splitlines() == [path]
    assert (small_study / path).is_file()
    wrong = subprocess.run([*command, "0" * 20], cwd=small_study, text=True, capture_output=True)
    assert wrong.returncode == 1
    assert "no record" in wrong.stderr


def repeated(folder: Path, *targets: str) -> dict[str, bytes]:
    """All tables of the study, carried out with three cores and killed at its first network."""
    again = checkout(folder)
    command = [sys.executable, "-m", "snakemake", *targets, "--configfile", SMALL, "--cores", "3"]
    command += ["--resources", "gpu=0"]
    environment = os.environ | {"PYTHONPATH": str(again / "src")}
    with (again / "killed.log").open("w") as log:
        running = subprocess.Popen(
            command, cwd=again, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        while not list(results(again).glob("groups/*/*/network.safetensors")):
            assert running.poll() is None, (again / "killed.log").read_text()[-3000:]
            time.sleep(0.2)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert snakemake(again, "--unlock").returncode == 0
    run = snakemake(again, "--cores", "3", *targets)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return tables(again, "small")


def test_a_group_repeats_byte_for_byte_with_other_cores_and_a_kill(
    small_study: Path, tmp_path: Path
) -> None:
    """Two networks, from the hospital to their measures and the transfer between them."""
    transfers = [
        f"results/small/groups/H-OV/{run}/paper/transfer.parquet" for run in ("full", "shuffle")
    ]
    first, second = tables(small_study, "small"), repeated(tmp_path, "H-OV", *transfers)
    of_group = {name for name in first if name.startswith("groups/H-OV/")}
    assert of_group == {name for name in second if name.startswith("groups/")}
    assert len(of_group) > 20 and second.keys() <= first.keys()
    assert [name for name in second if first[name] != second[name]] == []


@pytest.mark.long(
    "carries the whole small study out again; `make test-slurm` repeats a smaller one"
)
def test_the_study_repeats_byte_for_byte_with_other_cores_and_a_kill(
    small_study: Path, tmp_path: Path
) -> None:
    first, second = tables(small_study, "small"), repeated(tmp_path)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_other_shards_give_the_same_members(small_study: Path, tmp_path: Path) -> None:
    other = checkout(tmp_path)
    subprocess.run(["cp", "-a", small_study / "hospital", other], check=True)
    study = yaml.safe_load((other / SMALL).read_text())
    study["sources"]["xray"]["shards"] = 5
    study["sources"]["fields"]["shards"] = 3
    study["sources"]["breast"] |= {"shards": 12, "threads": 2}  # more than slides
    study["groups"]["X-TB"]["shards"] = 3
    del study["phantom"]
    (other / "key").write_text(site_key.load_key(Path("key"), seed=study["seed"]).hex())
    study["privacy"] = {"key": "key"}
    (other / "other.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    wanted = [f"results/small/groups/{group}/members.parquet" for group in ("X-TB", "H-OV", "H-BR")]
    run = snakemake(other, *wanted, study="other.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    for path in wanted:
        before, after = (
            parquet.read_table(folder / path).drop(columns=["store", "row"])
            for folder in (small_study, other)
        )
        pd.testing.assert_frame_equal(before, after)
    for source in ("fields", "breast"):
        one, several = (
            tiles_of(results(top) / f"sources/{source}") for top in (small_study, other)
        )
        assert len(one) and np.array_equal(one, several)


def test_other_shards_give_the_same_logits(small_study: Path) -> None:
    """In float64, where batches of other members do not change the sums' rounding visibly."""
    folder = results(small_study) / "groups/H-OV"
    network = folding.fold(network_files.load(folder / "full/network.safetensors").double())
    members = images.load_members(folder / "members.parquet", results(small_study), 75, 3)
    pixels = torch.from_numpy(members.read(range(len(members)))).double() / 255
    keys = torch.from_numpy(image_draws.image_keys(members.table, 7))
    labels = torch.from_numpy(members.labels)
    study = yaml.safe_load((small_study / SMALL).read_text())
    for entry in (parse(study).attacks[name] for name in ("paper", "noise")):
        assert not isinstance(entry, ExternalAttack)
        attack = make(entry)

        def attacked(shards: int, attack: Attack = attack) -> torch.Tensor:
            parts = []
            for shard in range(shards):
                rows = sharding.shard_rows(len(members), shard, shards)
                some = slice(rows.start, rows.stop)
                samples = Samples(pixels[some], labels[some], keys[some])
                doses = Doses((0.02, 0.1), 2)
                found = surface(network, samples, attack, doses, Execution(batch=5))
                parts.append(found.logits)
            return torch.cat(parts)

        one, several = attacked(1), attacked(4)
        assert len(one) > 5
        assert torch.allclose(one, several, rtol=0, atol=1e-8)


def test_seeds_are_in_force(small_study: Path, tmp_path: Path) -> None:
    """Another seed is another draw; otherwise the tests above would prove little."""
    table = parquet.read_table(results(small_study) / "groups/H-OV/members.parquet")
    draws = [keyed.draw(seed, "choose H-OV", table["record_id"]) for seed in (7, 8)]
    assert not np.allclose(*draws)
