"""Adversarial images made again: which, what their files show, and the job that writes them."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from helpers import surfaces
from helpers.attack import attack as make
from helpers.attack import measure
from helpers.workflow import PROJECT
from PIL import Image
from torch import Tensor, nn

from pgdose import devices
from pgdose.analysis import examples
from pgdose.attack import loop, rerun
from pgdose.attack.samples import Samples
from pgdose.attack.surface_table import write_surface
from pgdose.cohort import image_draws, images
from pgdose.images import stores
from pgdose.networks import architectures, folding, network_files
from pgdose.study.doses import Doses
from pgdose.tables import output_files, parquet

SIZE = 75  # the least that InceptionV3 takes
SEED = 5


pytestmark = pytest.mark.usefixtures("one_thread")


# --- which images -----------------------------------------------------------------------------


class Wildcards(SimpleNamespace):
    def __iter__(self) -> Any:
        return iter(vars(self).values())


def table(n: int) -> pd.DataFrame:
    names = [f"r{i}" for i in range(n)]
    return pd.DataFrame({"member": np.arange(10, 10 + n), "record_id": names, "copy": 0})


def test_flipped_members_come_first_and_then_what_was_attacked() -> None:
    draw = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    chosen = [examples.choose(table(6), [10, 13], [10, 11, 12, 13, 14], n, draw) for n in (1, 3, 9)]
    assert chosen == [[13], [13, 10, 14], [13, 10, 14, 12, 11]]  # 15 was not attacked
    assert examples.choose(table(6), [], [], 3, draw) == []


def test_the_draw_is_keyed_by_the_record() -> None:
    draw = examples.export_draw(table(6), SEED, "H-OV")
    later = examples.export_draw(table(6).iloc[2:], SEED, "H-OV")
    assert draw[2:].tolist() == later.tolist() and len(set(draw)) == 6
    assert draw.tolist() != examples.export_draw(table(6), SEED, "H-TH").tolist()
    assert draw.tolist() != examples.export_draw(table(6), SEED + 1, "H-OV").tolist()


def test_flips_are_those_of_one_amplitude_and_iteration() -> None:
    right, wrong = [2.0, 0.0], [0.0, 2.0]
    logits = [[[right, right, wrong], [right] * 3], [[right, wrong, wrong], [right, right, wrong]]]
    surface = surfaces.surface_table([3, 7], Doses((0.1, 0.2), 2), logits)
    true = pd.Series([0, 0], index=[3, 7])
    places = {(0, 1): [7], (0, 2): [3, 7], (1, 2): [7], (1, 1): []}
    for (level, iteration), members in places.items():
        assert examples.flipped_members(surface, true, level, iteration) == members


def test_groups_are_shown_in_turn() -> None:
    members = {"a": [1, 2, 3], "b": [], "c": [4, 5]}
    turns = [("a", 1), ("c", 4), ("a", 2), ("c", 5), ("a", 3)]
    assert [examples.in_turn(members, n) for n in (2, 9)] == [turns[:2], turns]


def test_shown_epsilons_are_spread_from_the_smallest_to_the_largest() -> None:
    few, many = Doses((0.1, 0.2), 1), Doses(tuple(0.01 * i for i in range(1, 11)), 1)
    assert examples.spread_levels(few, 4) == [0, 1]
    assert examples.spread_levels(many, 4) == [0, 3, 6, 9]


# --- pixels -----------------------------------------------------------------------------------


def test_images_are_stored_as_the_nearest_level() -> None:
    levels = torch.tensor([0.0, 0.4, 0.6, 99.4, 99.6, 255.0])
    grey = rerun.as_bytes((levels / 255).reshape(1, 1, 2, 3))
    assert grey.dtype == np.uint8 and grey.tolist() == [[0, 0, 1], [99, 100, 255]]
    colour = rerun.as_bytes((levels / 255).reshape(1, 3, 1, 2))
    assert colour.tolist() == [[[0, 1, 100], [0, 99, 255]]]


def test_stored_images_come_back_from_the_network_s_scale() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    back = rerun.as_bytes(devices.scaled(every, torch.device("cpu")))
    assert (back == every[0, 0]).all()


def test_the_difference_is_centred_on_grey_and_scaled_by_epsilon() -> None:
    before = np.full((1, 5), 100, np.uint8)
    after = np.array([[100, 110, 90, 140, 60]], np.uint8)
    epsilon = 20 / 255
    shown = rerun.difference(before, after, epsilon)
    # 0.5 + 10 / 40 and so on, of 255; beyond epsilon it is cut
    assert shown.tolist() == [[128, 191, 64, 255, 0]] and shown.dtype == np.uint8


def test_without_an_epsilon_the_largest_change_is_white_or_black() -> None:
    before = np.full((2, 2, 3), 100, np.uint8)
    after = before.copy()
    after[0, 0] = [102, 100, 99]
    shown = rerun.difference(before, after)
    assert shown[0, 0].tolist() == [255, 128, 64] and (shown[1] == 128).all()
    assert (rerun.difference(before, before) == 128).all()


# --- the attack again -------------------------------------------------------------------------


def store(folder: Path, n: int, size: int, channels: int) -> images.Members:
    """Members 10, 11, .. of two classes, with smooth random images on disk."""
    source = np.random.default_rng(1)
    shape = (5, 5) if channels == 1 else (5, 5, 3)
    with stores.new_store(folder / "0.npy", n, size, channels) as new:
        for row in range(n):
            small = Image.fromarray(source.integers(0, 256, shape, np.uint8))
            new.put(row, np.asarray(small.resize((size, size), Image.Resampling.BILINEAR)))
    known = table(n).assign(
        **{"class": "C1", "class_index": np.arange(n) % 2, "part": "validation"},
        store="0.npy",
        row=np.arange(n),
    )
    return images.Members(known, folder, size, channels)


class Small(nn.Module):
    """Logits of two classes: which of two patterns an image shows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(108, 2))
        self.eval().requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.layers(pixels)
        return logits


ATTACKS: dict[str, dict[str, Any]] = {
    "sign": {"kind": "gradient", "gradient_of": "cross_entropy", "step": "sign", "alpha": 0.02},
    "apgd": {"kind": "gradient", "gradient_of": "cross_entropy", "schedule": "apgd"},
    "noise": {"kind": "noise"},
}


def samples(members: images.Members, rows: list[int]) -> Samples:
    table = members.table.iloc[rows]
    return Samples(
        devices.scaled(members.read(rows), torch.device("cpu")),
        torch.from_numpy(members.labels[rows]),
        torch.from_numpy(image_draws.image_keys(table, SEED)),
    )


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_the_image_is_the_iterate_of_the_surface_s_attack(tmp_path: Path, name: str) -> None:
    members, network, attack = store(tmp_path, 4, 8, 1), Small(), make(ATTACKS[name])
    sample, doses = samples(members, [2]), Doses((0.02, 0.1), 10)
    version = rerun.rerun(network, sample, attack, doses, 1, 7)
    path = list(loop.trajectory(network, sample, attack, doses, 1))
    assert torch.equal(version.clean, sample.images)
    assert torch.equal(version.adversarial, path[7][0])
    assert not torch.equal(version.adversarial, sample.images)
    assert torch.allclose(version.before, network(sample.images)[0].softmax(dim=0))
    assert torch.allclose(version.after, path[7][1][0].softmax(dim=0))
    before, after = version.original.predictions("ab"), version.predictions("ab")
    assert before["class_after"] == after["class_before"] == "ab"[int(version.before.argmax())]
    assert before["confidence_after"] == after["confidence_before"] == float(version.before.max())
    assert torch.equal(version.original.adversarial, sample.images)


def test_of_several_restarts_the_surface_s_is_shown(tmp_path: Path) -> None:
    members, network = store(tmp_path, 12, 8, 1), Small()
    attack = make(ATTACKS["sign"] | {"alpha": 0.004, "start": "random", "restarts": 4})
    pixels = devices.scaled(members.read(range(12)), torch.device("cpu"))
    true = network(pixels).argmax(dim=1)
    members.table["class_index"] = true.numpy()
    keys = torch.from_numpy(image_draws.image_keys(members.table, SEED))
    whole = measure(
        *(network, pixels, true, attack), epsilons=[0.02, 0.05], max_iter=6, keys=keys, batch=5
    )
    doses, others = Doses((0.02, 0.05), 6), 0
    for row in range(12):
        sample = samples(members, [row])
        for level in range(2):
            after = rerun.rerun(network, sample, attack, doses, level, 5).after
            expected = whole.logits[row, level, 5].softmax(dim=0)
            assert torch.allclose(after, expected, rtol=0, atol=1e-4)
            first = list(loop.trajectory(network, sample, attack, doses, level))
            others += not torch.allclose(first[5][1][0].softmax(dim=0), expected, atol=1e-4)
    assert others > 3


# --- the job ----------------------------------------------------------------------------------

SIGN = {
    **{"kind": "gradient", "gradient_of": "cross_entropy", "step": "sign", "alpha": 0.002},
    **{"clip": "iterate", "epsilon": [0.02, 0.05], "max_iter": 5, "precision": "fp32"},
}


def run(
    folder: Path,
    channels: int,
    settings: dict[str, Any],
    amount: int,
    right: bool,
    dicom: bool = False,
) -> Path:
    """What `rule export` does, on a network that has learned nothing."""
    members = store(folder, 6, SIZE, channels)
    torch.manual_seed(4)
    network = architectures.build("inception_v3", 2, 75, 1 / 16).train()
    pixels = devices.scaled(members.read(range(6)), torch.device("cpu"))
    with torch.no_grad():
        for _ in range(20):  # running statistics that fit, or all images have one output
            network(pixels)
        network.body.fc.bias -= network.eval()(pixels).mean(dim=0)  # so that small changes flip
    about = {"architecture": "inception_v3", "classes": 2, "size": 75, "width": 1 / 16}
    network_files.save(network, folder / "network.safetensors", about)
    folded = folding.fold(network)
    own = folded(pixels).argmax(dim=1)
    own = own if right else 1 - own
    members.table["class_index"] = own.numpy()
    keys = torch.from_numpy(image_draws.image_keys(members.table, SEED))
    doses = Doses(tuple(settings["epsilon"]), settings["max_iter"])
    found = measure(
        *(folded, pixels, own, make(settings)),
        epsilons=doses.epsilons,
        max_iter=doses.max_iter,
        keys=keys,
    )
    about = {"network": output_files.file_digest(folder / "network.safetensors")}
    table = found.table(members.table["member"].to_numpy(np.int32), doses, about)
    write_surface(table, folder / "surface.parquet")
    parquet.write_table(members.table, folder / "members.parquet")
    job = SimpleNamespace(
        input=SimpleNamespace(
            members=folder / "members.parquet",
            network=folder / "network.safetensors",
            surfaces=[folder / "surface.parquet"],
        ),
        output=[str(folder / "images")],
        log=[str(folder / "log")],
        rule="export",
        resources={"gpu": 0},
        wildcards=Wildcards(group="G", attack="sign"),
        params=SimpleNamespace(
            results=str(folder),
            seed=SEED,
            shape=json.dumps({"size": SIZE, "channels": channels}),
            classes=json.dumps(["tumour", "norm"]),
            settings=json.dumps(settings),
            amount=amount,
            dicom=dicom,
            study="small",
            epsilon=0.055,
            iterations=4,
            threads=1,
        ),
    )
    runpy.run_path(str(PROJECT / "scripts/export.py"), {"snakemake": job})
    return folder / "images"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))


def chunks(file: Path) -> set[bytes]:
    data, place, found = file.read_bytes(), 8, set()
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        found.add(data[place + 4 : place + 8])
        place += 12 + length
    return found


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_the_job_writes_images_and_their_table(tmp_path: Path, channels: int, mode: str) -> None:
    folder = run(tmp_path, channels, SIGN, 5, right=True)
    listed = pd.read_csv(folder / "images.csv")
    assert len(listed) == 5 and listed["member"].is_unique
    kinds = ("original", "adversarial", "difference")
    names = {f"{member}-{kind}.png" for member in listed["member"] for kind in kinds}
    assert {file.name for file in folder.iterdir()} == names | {"images.csv"}
    assert (listed["epsilon"] == 0.05).all() and (listed["iteration"] == 4).all()
    network = folding.fold(network_files.load(tmp_path / "network.safetensors"))
    members = pd.read_parquet(tmp_path / "members.parquet").set_index("member")
    for row in listed.itertuples():
        pictures = {}
        for kind in kinds:
            file = folder / f"{row.member}-{kind}.png"
            assert chunks(file) == {b"IHDR", b"IDAT", b"IEND"}  # no metadata
            with Image.open(file) as opened:
                assert opened.mode == mode and opened.size == (SIZE, SIZE)
                pictures[kind] = np.asarray(opened)
        stored = np.load(tmp_path / "0.npy")[members.loc[row.member, "row"]]
        assert (pictures["original"] == stored).all()
        change = pictures["adversarial"].astype(int) - stored
        assert 2 <= np.abs(change).max() <= 3  # 4 steps of 0.002
        shown = rerun.difference(stored, pictures["adversarial"], 0.05)
        assert (pictures["difference"] == shown).all()
        pixels = pictures["adversarial"].reshape(SIZE, SIZE, channels).transpose(2, 0, 1)
        logits = network(devices.scaled(pixels[None].copy(), torch.device("cpu")))
        assert row.class_after_storage == ["tumour", "norm"][int(logits.argmax())]
        assert row.class_before == ["tumour", "norm"][members.loc[row.member, "class_index"]]
        assert 0.5 <= row.confidence_before <= 1 and 0.5 <= row.confidence_after <= 1
    flipped = (listed["class_before"] != listed["class_after"]).tolist()
    assert flipped == sorted(flipped, reverse=True) and any(flipped)


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("channels", [1, 3])
def test_a_study_that_asks_for_dicom_has_it_beside_the_pngs(tmp_path: Path, channels: int) -> None:
    folder = run(tmp_path, channels, SIGN, 2, right=True, dicom=True)
    listed = pd.read_csv(folder / "images.csv")
    kinds = ("original", "adversarial", "difference")
    stems = {f"{member}-{kind}" for member in listed["member"] for kind in kinds}
    names = {f"{stem}.{ending}" for stem in stems for ending in ("png", "dcm")}
    assert len(listed) == 2 and {file.name for file in folder.iterdir()} == names | {"images.csv"}
    members = pd.read_parquet(tmp_path / "members.parquet").set_index("member")
    numbers, uids = [], set()
    for row in listed.itertuples():
        for kind in kinds:
            stem = folder / f"{row.member}-{kind}"
            dataset = pydicom.dcmread(f"{stem}.dcm")
            with Image.open(f"{stem}.png") as opened:
                attacked = np.asarray(opened)
            inner = dataset.pixel_array[row.row : row.row + SIZE, row.column : row.column + SIZE]
            assert np.array_equal(inner, attacked)
            assert dataset.PatientID == members.loc[row.member, "record_id"]
            says_dose = "epsilon 0.05, iteration 4" in dataset.DerivationDescription
            assert says_dose == (kind != "original")
            numbers.append(int(dataset.InstanceNumber))
            uids.add(dataset.SOPInstanceUID)
    assert numbers == [1, 2, 3, 4, 5, 6] and len(uids) == 6
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    run(tmp_path, channels, SIGN, 2, right=True, dicom=True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.usefixtures("scripts")
def test_where_nothing_was_attacked_there_is_an_empty_table(tmp_path: Path) -> None:
    folder = run(tmp_path, 1, SIGN, 4, right=False)
    assert [file.name for file in folder.iterdir()] == ["images.csv"]
    listed = pd.read_csv(folder / "images.csv")
    assert listed.empty and list(listed) == [
        *("member", "epsilon", "iteration", "class_before", "class_after", "class_after_storage"),
        *("confidence_before", "confidence_after"),
    ]
