"""The jobs around attacks: empty shards, a kill, diagnoses, transfer, examples."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.workflow import PROJECT

from pgdose import checkpoints
from pgdose.attack import certificate, surface
from pgdose.attack.diagnostics.cheap import CHEAP
from pgdose.attack.diagnostics.expensive import EXPENSIVE
from pgdose.attack.surface_table import read_surface
from pgdose.images import stores
from pgdose.networks import architectures, network_files
from pgdose.tables import clean_logits, output_files, parquet

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE, SEED = 75, 5
SETTINGS = {
    **{"kind": "gradient", "gradient_of": "cross_entropy", "step": "sign", "alpha": 0.01},
    **{"clip": "iterate", "start": "random", "restarts": 2, "epsilon": [0.02, 0.05], "max_iter": 2},
    **{"precision": "fp32", "batch": 2, "images": 5, "shortcuts": ["wrong"]},
}
COMMON = ("epsilon", "max_iter", "precision", "batch", "images")
NOISE = {"kind": "noise", "target": None} | {name: SETTINGS[name] for name in COMMON}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images and a network, in the folder where the job runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    source = np.random.default_rng(1)
    with stores.new_store(tmp_path / "0.npy", 6, SIZE, 1) as store:
        for row in range(6):
            store.put(row, source.integers(0, 256, (SIZE, SIZE), np.uint8))
    torch.manual_seed(4)
    network = architectures.build("inception_v3", 2, 75, 1 / 16)
    about = {"architecture": "inception_v3", "classes": 2, "size": 75, "width": 1 / 16}
    network_files.save(network, tmp_path / "network.safetensors", about)
    with torch.no_grad():
        pixels = torch.from_numpy(np.load(tmp_path / "0.npy")[:, None] / np.float32(255))
        seen = network.eval()(pixels).argmax(dim=1).numpy()
    members = pd.DataFrame(
        {"member": range(6), "record_id": [f"r{i}" for i in range(6)], "copy": 0}
    )
    members = members.assign(part="validation", class_index=seen, store="0.npy", row=range(6))
    parquet.write_table(members, tmp_path / "members.parquet")
    with torch.no_grad():
        logits = network(pixels).numpy()
    clean_logits.write(tmp_path / "clean.parquet", range(6), logits, "fp32")
    return tmp_path


class Inputs(SimpleNamespace):
    def __iter__(self) -> Any:
        return iter([self.members, self.clean])


def inputs(folder: Path, **more: Any) -> Inputs:
    names = ("members.parquet", "clean.parquet", "network.safetensors")
    return Inputs(**{name.split(".")[0]: folder / name for name in names}, **more)


class Named(SimpleNamespace):
    def items(self) -> Any:
        return vars(self).items()

    def __iter__(self) -> Any:
        return iter(vars(self).values())


class Resources(dict):  # type: ignore[type-arg]
    batch_mb = 3000


def script(name: str, folder: Path, **job: Any) -> None:
    """Run scripts/<name>.py as Snakemake does, on the CPU."""
    shape = json.dumps({"size": SIZE, "channels": 1})
    params = {"results": str(folder), "seed": SEED, "threads": 1, "shape": shape, "code": "c"}
    wildcards = {"group": "G", "run": "full", "attack": "a"}
    plain = SimpleNamespace(
        rule=name,
        log=[str(folder / "log")],
        resources=Resources(gpu=0),
        params=Named(**{**params, **job.pop("params")}),
        wildcards=Named(**wildcards, **job.pop("wildcards", {})),
        **job,
    )
    runpy.run_path(str(PROJECT / f"scripts/{name}.py"), {"snakemake": plain})


def run(folder: Path, shard: int, shards: int, noise: bool = False, **changes: Any) -> pd.DataFrame:
    """What `rule attack` does with one attack; its surface."""
    settings = (NOISE if noise else SETTINGS) | changes
    attack(folder, {f"{shard}": settings}, shard, shards)
    return parquet.read_table(folder / f"{shard}.parquet")


def attack(
    folder: Path, attacks: dict[str, dict[str, Any]], shard: int = 0, shards: int = 1
) -> None:
    """What `rule attack` does with several attacks; the surfaces are <attack>.parquet."""
    script(
        *("attack", folder),
        input=inputs(folder),
        output=[str(folder / f"{name}.parquet") for name in attacks],
        wildcards={"shard": str(shard)},
        params={"shards": shards, "settings": json.dumps(attacks)},
    )


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The attacks that a job really carries out, by their first epsilon."""
    carried_out: list[str] = []

    def counting(network: Any, samples: Any, attack: Any, doses: Any, execution: Any) -> Any:
        carried_out.append(f"{doses.epsilons[0]:g}")
        return real(network, samples, attack, doses, execution)

    real = surface.surface
    monkeypatch.setattr(surface, "surface", counting)
    return carried_out


ATTACKS = {"sign": SETTINGS, "noise": NOISE, "weak": SETTINGS | {"epsilon": [0.001]}}


def test_an_edited_attack_leaves_the_surfaces_of_the_others_alone(
    folder: Path, measured: list[str]
) -> None:
    attack(folder, ATTACKS)
    assert measured == ["0.02", "0.02", "0.001"]
    before = {name: (folder / f"{name}.parquet").read_bytes() for name in ATTACKS}
    stamps = {name: (folder / f"{name}.parquet").stat().st_mtime_ns for name in ATTACKS}
    measured.clear()
    attack(folder, ATTACKS | {"noise": NOISE | {"epsilon": [0.03]}})
    assert measured == ["0.03"]
    for name in ("sign", "weak"):
        assert (folder / f"{name}.parquet").read_bytes() == before[name]
        assert (folder / f"{name}.parquet").stat().st_mtime_ns == stamps[name]
    assert (folder / "noise.parquet").read_bytes() != before["noise"]
    measured.clear()
    attack(folder, ATTACKS)
    assert measured == ["0.02"]  # noise again
    assert {name: (folder / f"{name}.parquet").read_bytes() for name in ATTACKS} == before


def test_a_missing_or_damaged_surface_is_measured_again_alone(
    folder: Path, measured: list[str]
) -> None:
    attack(folder, ATTACKS)
    whole = (folder / "weak.parquet").read_bytes()
    for damage in (b"", whole[: len(whole) // 2], whole[:200] + b"\xff" + whole[201:]):
        (folder / "weak.parquet").write_bytes(damage)
        measured.clear()
        attack(folder, ATTACKS)
        assert measured == ["0.001"]
        assert (folder / "weak.parquet").read_bytes() == whole


def test_whatever_a_surface_depends_on_makes_it_again(folder: Path, measured: list[str]) -> None:
    attack(folder, ATTACKS)
    store = np.load(folder / "0.npy")
    members = parquet.read_table(folder / "members.parquet")

    def change_a_pixel() -> None:
        with stores.new_store(folder / "0.npy", 6, SIZE, 1) as changed:
            for row, image in enumerate(store):
                changed.put(row, 255 - image)

    def change_clean_logits() -> None:
        logits = clean_logits.read(folder / "clean.parquet", range(6))
        clean_logits.write(folder / "clean.parquet", range(6), logits * np.float32(2), "fp32")

    def change_the_members() -> None:
        parquet.write_table(members.assign(record_id="other"), folder / "members.parquet")

    def change_the_network() -> None:
        about = {"architecture": "inception_v3", "classes": 2, "size": 75, "width": 1 / 16}
        torch.manual_seed(5)
        network = architectures.build("inception_v3", 2, 75, 1 / 16)
        network_files.save(network, folder / "network.safetensors", about)

    for change in (change_a_pixel, change_clean_logits, change_the_members, change_the_network):
        change()
        measured.clear()
        attack(folder, ATTACKS)
        assert len(measured) == 3, change.__name__
        measured.clear()
        attack(folder, ATTACKS)
        assert measured == []


def test_a_failed_attack_loses_nothing_of_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake removes the surfaces of a failed job: what they hold stays in work/."""
    steps: list[int] = []
    keep = checkpoints.Checkpoints.save

    def counted(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
        if len(steps) == 4:  # in the second attack
            steps.append(0)
            raise RuntimeError
        steps.append(len(part["logits"]))
        keep(self, part)

    monkeypatch.setattr(checkpoints.Checkpoints, "save", counted)
    with pytest.raises(SystemExit):
        attack(folder, ATTACKS)
    before = (folder / "sign.parquet").read_bytes()
    (folder / "sign.parquet").unlink()
    attack(folder, ATTACKS)
    assert len(steps) == 5 + 2 + 3  # three batches an attack: the first four were kept
    assert (folder / "sign.parquet").read_bytes() == before
    assert not list(folder.glob("work/*"))


@pytest.mark.parametrize("batch", [2, None])
def test_a_shard_may_have_no_images(folder: Path, batch: int | None) -> None:
    """More shards than images: five images in seven shards."""
    found = [run(folder, shard, 7, batch=batch) for shard in range(7)]
    assert sorted({len(table) for table in found}) == [0, 2]  # one row for each epsilon
    assert sum(map(len, found)) == 10
    noise = run(folder, 0, 7, noise=True, batch=batch)
    assert list(noise.columns) == list(found[1].columns)


def test_a_killed_job_goes_on_and_ends_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, 0, 1)
    whole = (folder / "0.parquet").read_bytes()
    keep, kept = checkpoints.Checkpoints.save, []

    def dies(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
        keep(self, part)
        kept.append(part)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoints, "save", dies)
    (folder / "0.parquet").unlink()
    with pytest.raises(KeyboardInterrupt):
        run(folder, 0, 1)
    assert len(list(folder.glob("work/*/*"))) == 2
    run(folder, 0, 1)
    assert len(kept) == 3  # the last of three batches alone was left to do
    assert (folder / "0.parquet").read_bytes() == whole
    assert not list(folder.glob("work/*"))


def test_another_study_does_not_go_on_from_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        keep = checkpoints.Checkpoints.save

        def dies(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
            keep(self, part)
            raise KeyboardInterrupt

        patch.setattr(checkpoints.Checkpoints, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            run(folder, 0, 1)
    kept: list[checkpoints.Part] = []
    monkeypatch.setattr(checkpoints.Checkpoints, "save", lambda self, part: kept.append(part))
    run(folder, 0, 1, alpha=0.02)
    assert len(kept) == 3


def test_clean_logits_stored_after_training_are_iteration_0(folder: Path) -> None:
    """It also decides who is attacked: member 1 is told to be wrong."""
    path = folder / "clean.parquet"
    members = parquet.read_table(folder / "members.parquet").set_index("member")
    changed = clean_logits.read(path, range(6)) * np.float32(1.5)
    changed[1] = changed[1][::-1]
    clean_logits.write(path, range(6), changed, "fp32")
    whole = read_surface([run_whole(folder)], folder / "network.safetensors")
    assert 1 not in whole.members and len(whole.members) >= 4
    assert (whole.logits[:, :, 0] == changed[whole.members][:, None]).all()
    assert (whole.logits[:, 0, 0].argmax(axis=1) == members["class_index"][whole.members]).all()


def test_clean_logits_of_another_precision_are_computed_again(folder: Path) -> None:
    """Those of a training in tf32 say another thing than a network that is attacked in fp32."""
    path = folder / "clean.parquet"
    logits = clean_logits.read(path, range(6))
    clean_logits.write(path, range(6), logits[:, ::-1], "tf32")  # they would all be wrong
    whole = read_surface([run_whole(folder)], folder / "network.safetensors")
    assert len(whole.members) == 5
    assert np.allclose(whole.logits[:, 0, 0], logits[whole.members], atol=1e-3)


def test_clean_logits_of_other_members_are_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clean_logits.write(folder / "clean.parquet", [0], np.zeros((1, 2), np.float32), "fp32")
    with pytest.raises(SystemExit):
        run(folder, 0, 1)
    assert "clean.parquet: member 1 is missing; delete the file and run again" in caplog.text


def run_whole(folder: Path) -> Path:
    run(folder, 0, 1)
    return folder / "0.parquet"


# --- the jobs that build on surfaces ------------------------------------------------------------


def test_diagnose_has_a_row_for_each_attack_and_check(folder: Path) -> None:
    surfaces = []
    for name, noise in (("sign", False), ("noise", True)):
        place = folder / f"{name}/surface"
        place.mkdir(parents=True)
        run(folder, 0, 1, noise=noise)
        (folder / "0.parquet").rename(place / "0.parquet")
        surfaces.append(str(place / "0.parquet"))
    script(
        *("diagnose", folder),
        input=inputs(folder, surfaces=surfaces),
        output=[str(folder / "diagnostics.parquet")],
        params={
            "settings": json.dumps({"sign": SETTINGS, "noise": NOISE}),
            "threads": json.dumps({"sign": 1, "noise": 1}),
            "checks": json.dumps({"images": 2, "queries": 5, "positives": 2}),
            "epsilon": 0.1,
        },
    )
    table = parquet.read_table(folder / "diagnostics.parquet")
    assert list(table.columns[:4]) == ["attack", "check", "verdict", "says"]
    checks = [*CHEAP, *EXPENSIVE]
    assert table["attack"].tolist() == ["sign"] * len(checks) + ["noise"] * len(checks)
    assert table["check"].tolist() == checks * 2
    verdicts = table.set_index(["attack", "check"])["verdict"]
    assert verdicts["sign", "clean prediction"] == verdicts["noise", "box kept"] == "passed"
    assert (verdicts["noise"][list(EXPENSIVE)] == "not done").all()
    assert (table[["n_images", "n_correct"]] == 5).all(axis=None)
    assert (table[["device", "precision", "batch"]] == ["cpu", "fp32", "2"]).all(axis=None)
    assert (np.stack(table["largest_change"]) <= [0.02 + 1e-6, 0.05 + 1e-6]).all()
    says = table["says"][table["check"] == "enough iterations"].iloc[0]
    assert "at epsilon = 0.05" in says  # the nearest to 0.1
    about = parquet.read_metadata(folder / "diagnostics.parquet")
    assert json.loads(about["attacks"]) == {"sign": SETTINGS, "noise": NOISE}
    assert about["network"] == output_files.file_digest(folder / "network.safetensors")


def test_a_network_is_judged_by_itself_as_in_its_surface(folder: Path) -> None:
    whole = read_surface([run_whole(folder)], folder / "network.safetensors")
    script(
        *("transfer", folder),
        input=inputs(folder, networks=[folder / "network.safetensors"]),
        output=[str(folder / "transfer.parquet")],
        params={
            "settings": json.dumps(SETTINGS),
            "judges": json.dumps(["full"]),
            "iterations": 2,
        },
    )
    table = parquet.read_table(folder / "transfer.parquet")
    assert table["member"].unique().tolist() == whole.members.tolist()
    logits = np.stack(table["logits"].to_list()).reshape(-1, 3, 2)  # clean, 0.02, 0.05
    assert np.allclose(logits[:, 1:], whole.logits[:, :, 2], rtol=0, atol=1e-3)


def test_examples_show_originals_and_their_versions(folder: Path) -> None:
    surfaces = [str(run_whole(folder))]
    group = {"shape": json.dumps({"size": SIZE, "channels": 1}), "classes": ["tumour", "norm"]}
    group |= {"surfaces": surfaces, "settings": SETTINGS}
    output = SimpleNamespace(images=folder / "examples.npz", table=folder / "examples.csv")
    script(
        *("examples", folder),
        input=SimpleNamespace(
            members=[folder / "members.parquet"], networks=[folder / "network.safetensors"]
        ),
        output=output,
        params={
            **{"groups": json.dumps({"G": group}), "attack": "sign", "iterations": 2},
            **{"epsilon": 0.1, "flips_epsilon": 0.03},
        },
    )
    table, pictures = pd.read_csv(output.table), np.load(output.images)
    assert len(pictures.files) == len(table)
    first = table[table["figure"] == 1]
    assert first["epsilon"].tolist() == [0, 0.02, 0.05]
    assert first["iteration"].tolist() == [0, 2, 2]
    original, *versions = (pictures[f"image{i}"] for i in range(3))
    for picture, epsilon in zip(versions, (0.02, 0.05), strict=True):
        assert 0 < np.abs(picture - original).max() <= epsilon + 1e-6
    second = table[table["figure"] == 2]
    assert set(second["epsilon"]) <= {0, 0.02}  # the nearest to 0.03
    flipped = second[second["epsilon"] > 0]
    assert (flipped["class_before"] != flipped["class_after"]).all()


SMOOTHING = {"sigma": 0.1, "samples": 20, "selection": 4, "images": 5}


def certify(folder: Path, **changes: Any) -> pd.DataFrame:
    script(
        *("certify", folder),
        input=inputs(folder),
        output=[str(folder / "certificate.parquet")],
        params={"settings": json.dumps(SMOOTHING | changes)},
    )
    return parquet.read_table(folder / "certificate.parquet")


def test_certificates_are_of_the_images_that_are_attacked(folder: Path) -> None:
    table = certify(folder)
    assert table["member"].tolist() == run(folder, 0, 1)["member"].unique().tolist()
    assert (table["samples"] == 20).all() and (table["n_top"] <= 20).all()
    certified = table["class_index"] >= 0
    assert certified.any() and (table["radius"] > 0).tolist() == certified.tolist()
    assert len(certify(folder, images="all")) == 6
    members = parquet.read_table(folder / "members.parquet").assign(part="training")
    parquet.write_table(members, folder / "members.parquet")
    empty = certify(folder)
    assert len(empty) == 0 and list(empty.columns) == list(table.columns)


def test_a_killed_certification_goes_on_and_ends_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "COPIES_OF_A_PART", 1)  # an image is a part
    certify(folder)
    whole = (folder / "certificate.parquet").read_bytes()
    keep, kept = checkpoints.Checkpoints.save, []

    def dies(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
        keep(self, part)
        kept.append(part)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoints, "save", dies)
    (folder / "certificate.parquet").unlink()
    with pytest.raises(KeyboardInterrupt):
        certify(folder)
    assert len(list(folder.glob("work/certify-*/*"))) == 2
    certify(folder)
    assert len(kept) == 5  # three of five images alone were left to do
    assert (folder / "certificate.parquet").read_bytes() == whole
    assert not list(folder.glob("work/*"))


CONTROLS = {
    "dark": {"kind": "corruption", "corruption": "exposure", "severities": [1, 5], "images": "all"},
    "few": {"kind": "corruption", "corruption": "jpeg", "severities": [3], "images": 2},
}


def corrupt(folder: Path) -> pd.DataFrame:
    script(
        *("corrupt", folder),
        input=inputs(folder),
        output=[str(folder / "corruptions.parquet")],
        params={"settings": json.dumps(CONTROLS)},
    )
    return parquet.read_table(folder / "corruptions.parquet")


def test_a_network_judges_corrupted_images_and_a_killed_job_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import network_job  # type: ignore[import-not-found]

    monkeypatch.setattr(network_job, "batch_size", lambda *others: 4)
    table = corrupt(folder)
    counts = table.groupby(["control", "severity"]).size()
    assert counts.to_dict() == {("dark", 1): 6, ("dark", 5): 6, ("few", 3): 2}
    assert (table["judge"] == "full").all() and (table["l_inf"] > 0).all()
    drawn = run(folder, 0, 1, images=2)["member"].unique()  # attacks draw the same images
    assert set(table["member"][table["control"] == "few"]) == set(drawn)

    whole, keep = (folder / "corruptions.parquet").read_bytes(), checkpoints.Checkpoints.save
    kept: list[int] = []

    def dies(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
        keep(self, part)
        kept.append(len(part["logits"]))
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoints, "save", dies)
    (folder / "corruptions.parquet").unlink()
    with pytest.raises(KeyboardInterrupt):
        corrupt(folder)
    corrupt(folder)
    assert kept == [4, 4, 4, 2]
    assert (folder / "corruptions.parquet").read_bytes() == whole
    assert not list(folder.glob("work/*"))
