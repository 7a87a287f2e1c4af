"""What `dose_response` refuses: the argument, what stood there, what to do."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.notebook_networks import FAST, Outputs, balanced, body, one_number, pictures
from PIL import Image
from torch import nn

import pgdose
from pgdose.attack.settings import make as make_attack
from pgdose.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = body()
IMAGES = pictures()
LABELS = balanced(NETWORK, IMAGES)
BYTES = (IMAGES * 255).astype(np.uint8)
COLOUR = np.repeat(IMAGES[..., None], 3, axis=3)


def changed(place: int, value: float) -> np.ndarray:
    images = IMAGES.copy()
    images[place, 3, 3] = value
    return images


class Fixed(nn.Module):
    """A network of a plain function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function, self.network = function, NETWORK

    def forward(self, images: torch.Tensor) -> Any:
        return self.function(self.network, images)


def half_double() -> nn.Module:
    network = copy.deepcopy(NETWORK)
    network[0].double()  # type: ignore[index]
    return network


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(2))


def quantised() -> nn.Module:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    return torch.ao.quantization.quantize_dynamic(plain, {nn.Linear})


FORMS_OF_IMAGES = [
    (
        changed(3, np.nan),
        r"images: 1 of 12 hold NaN or infinity, the first is number 3; leave them",
    ),
    (
        IMAGES * 255,
        r"images: floats from .* to 2.*; divide grey levels by 255, or give them as uint8",
    ),
    (IMAGES * 4000, r"divide them by their white"),
    (changed(0, -0.5), r"images: floats from -0.5 to .*; they seem to be normalised already"),
    (IMAGES / 255, r"all but black; divide grey levels by 255 once, not twice"),
    (IMAGES.round().astype(np.uint8), r"images: uint8 without a value over 1, so all but black"),
    (BYTES.astype(np.uint16), r"images: 12 x 12 x 12, uint16; give uint8 from 0 to 255, or floats"),
    (BYTES.astype(np.int64), r"int64; give uint8"),
    (IMAGES[:0], r"images: there are none; give at least one"),
    ([], r"images: there are none; give at least one"),
    (IMAGES[0], r"images: one image of 12 x 12, float32; give several, images\[None\]"),
    (COLOUR[0], r"one colour image or 12 grey ones of 3 columns; give one image as images\[None\]"),
    (np.zeros((4, 3, 8, 3)), r"can be read with the channels first or last"),
    (np.zeros((4, 8, 8, 4)), r"neither 1 nor 3 channels; .* leave out an alpha channel"),
    (np.zeros((2, 1, 4, 8, 8)), r"images: 2 x 1 x 4 x 8 x 8, float64; give n x rows x columns"),
    ([IMAGES[0], IMAGES[1][:8]], r"images: number 1 is 8 x 12, float32, number 0 is 12 x 12"),
    ([IMAGES[0], BYTES[0]], r"number 1 is 12 x 12, uint8, number 0 is 12 x 12, float32"),
    ([Image.new("RGBA", (8, 8))], r"images: number 0 has the mode RGBA; convert it first"),
    ([Image.new("I;16", (8, 8))], r"images: number 0 has the mode I;16"),
    (Image.new("L", (8, 8)), r"images: one picture; give a list"),
    (Path("a/folder"), r"images: a path; give the pixels"),
    (["a.png"], r"images: number 0 is a path; open it first"),
    (np.array([object()] * 3), r"images: ndarray; give arrays of numbers"),
    (torch.utils.data.TensorDataset(torch.zeros(3)), r"images: a dataset; give its pictures"),
    (COLOUR, r"network: takes images of 1 channel, but these have 3; give grey images"),
]


@pytest.mark.parametrize(("images", "message"), FORMS_OF_IMAGES)
def test_images(images: Any, message: str) -> None:
    n = len(images) if hasattr(images, "__len__") else 12
    refused(message, images=images, labels=np.arange(n) % 2)


def refused(message: str, **arguments: Any) -> None:
    given = {"network": NETWORK, "images": IMAGES, "labels": LABELS, **FAST, **arguments}
    with pytest.raises(UserError, match=message) as error:
        pgdose.dose_response(**given)
    assert "\n" not in str(error.value)


WORDS = [("well", "ill")[label] for label in LABELS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"labels": [*WORDS[:-1], "il"], "classes": ["well", "ill"]},
            r"labels: 'il' of image 11 is not among the classes, did you mean 'ill'\?; "
            r"use one of: well, ill",
        ),
        ({"labels": WORDS}, r"labels: names such as '.*'; say which output each stands for"),
        ({"labels": [*WORDS[:-1], 1], "classes": ["well", "ill"]}, r"labels: 1 of image 11 is no"),
        ({"labels": [None] * 12}, r"labels: None of image 0 is no name"),
        ({"labels": LABELS[:5]}, r"labels: 5 for 12 images; give one for each image"),
        ({"labels": "abc"}, r"labels: 'abc'; give a list"),
        ({"labels": LABELS + 0.5}, r"labels: .*\.5 of image 0 is no whole number"),
        ({"labels": np.where(LABELS, np.nan, 0)}, r"labels: nan of image"),
        ({"labels": np.eye(2)[LABELS]}, r"labels: 12 x 2; .* labels.argmax\(axis=1\)"),
        (
            {"labels": LABELS + 1},
            r"labels: 2 of image \d+, but the network tells 2 classes; give 0 to 1",
        ),
        ({"labels": LABELS - 1}, r"labels: -1 of image \d+"),
        (
            {"labels": LABELS * 0},
            r"labels: no image of class '1' among 12; give images of each class",
        ),
        (
            {"labels": ["well"] * 12, "classes": ["well", "ill"]},
            r"labels: no image of class 'ill'",
        ),
        (
            {"images": IMAGES[1:], "labels": 1 - LABELS[1:]},
            r"gets none of the 11",
        ),
        ({"classes": ["a", "b", "c"]}, r"classes: 3 names, but the network tells 2 classes"),
        ({"classes": ["a", "a"]}, r"classes: 'a', 'a'; name each class once"),
        ({"classes": "ab"}, r"classes: 'ab'; give a list of names"),
        ({"classes": [0, 1]}, r"classes: 0 is no name"),
        ({"classes": ["a"]}, r"classes: 'a'; name at least two"),
        ({"patients": ["a"]}, r"patients: 1 for 12 images"),
        ({"patients": [None, *range(11)]}, r"patients: image 0 has none"),
        ({"patients": [float("nan"), *range(11)]}, r"patients: image 0 has none"),
    ],
)
def test_labels_and_classes(arguments: dict[str, Any], message: str) -> None:
    refused(message, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 1.5}, r"threshold: 1.5 must be less than 1"),
        ({"threshold": -0.1}, r"threshold: -0.1 must be more than 0"),
        ({"threshold": "high"}, r"threshold: 'high' must be a number"),
        ({"label": 1}, r"label: is for networks with several labels, but 'outputs' is logits"),
        ({"label_names": ["a", "b"]}, r"label_names: is for networks with several labels"),
        ({"outputs": "multilabel"}, r"label: outputs='multilabel' needs the label to be audited"),
        ({"outputs": "multilabel", "label": 7}, r"'label' is 7, but the network has 2 outputs"),
        (
            {"outputs": "multilabel", "label": "edma", "label_names": ["effusion", "edema"]},
            r"label: 'edma' is not one of 'label_names', did you mean 'edema'\?",
        ),
        ({"outputs": "softmax"}, r"outputs: 'softmax' must be 'logits', 'probabilities'"),
        (
            {"outputs": "logit"},
            r"network: gives \[\d, 2\] for \d images, but outputs='logit' is one",
        ),
        ({"preprocessing": [0.5]}, r"preprocessing: list; give a mapping"),
        ({"preprocessing": {"men": 1}}, r"preprocessing.men: unknown key, did you mean 'mean'\?"),
        ({"preprocessing": {"std": 0}}, r"preprocessing.std.0: 0 must be more than 0"),
        ({"preprocessing": {"mean": [1, 2]}}, r"preprocessing.mean: must hold one number"),
        ({"preprocessing": {"size": 224}}, r"preprocessing.size: 224, but the images have 12 x 12"),
        ({"preprocessing": {"channels": 3}}, r"network: does not take images of 1 x 12 x 12"),
        ({"preprocessing": {"layout": "channels_last"}}, r"network: does not take images"),
    ],
)
def test_what_is_said_of_the_network(arguments: dict[str, Any], message: str) -> None:
    refused(message, **arguments)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            lambda: Fixed(lambda net, x: net(x) * float("nan")),
            r"network: gives NaN or infinity for",
        ),
        (
            lambda: Fixed(
                lambda net, x: torch.where(x.mean((1, 2, 3))[:, None] < 0.4, net(x), np.nan)
            ),
            r"NaN or infinity for",
        ),
        (lambda: Fixed(lambda net, x: net(x.detach())), r"network: gives no gradient"),
        (
            lambda: Fixed(lambda net, x: net((x * 255).round() / 255)),
            r"gradient .* is 0 everywhere",
        ),
        (
            lambda: Fixed(lambda net, x: nn.functional.dropout(net(x), 0.5, True)),
            r"network: gives different outputs .*; leave such layers out of its forward",
        ),
        (
            lambda: Outputs(NETWORK, lambda z: z.softmax(1)),
            r"leave softmax out, or declare outputs='prob",
        ),
        (
            lambda: Outputs(NETWORK, lambda z: (60 * z).sigmoid()),
            r"all lie in \[0, 1\], so they seem to be",
        ),
        (
            lambda: Outputs(NETWORK, one_number),
            r"network: has one output; say what it is, outputs='logit'",
        ),
        (
            lambda: Outputs(NETWORK, lambda z: (z, z)),
            r"network: gives 2 outputs instead of one tensor",
        ),
        (lambda: Outputs(NETWORK, lambda z: z[..., None]), r"network: gives \[\d, 2, 1\]"),
        (
            half_double,
            r"network: weights of float32, float64; make them one kind, network.float\(\)",
        ),
        (lazy, r"network: has weights without a size; call it once"),
        (quantised, r"network: quantised, .*; give the network from before its quantisation"),
        (lambda: copy.deepcopy(NETWORK).to("meta"), r"network: its weights are not loaded"),
        (
            lambda: NETWORK.state_dict(),
            r"network: OrderedDict is no torch module; .* load_state_dict",
        ),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(100, 2)),
            r"network: does not take images of 1 x 12 x 12, channels x rows x columns",
        ),
        (lambda: "model.pth", r"network: str is no torch module; load the network first"),
        (
            lambda: nn.Linear,
            r"network: type is no torch module; give a network of it, Linear\(...\)",
        ),
        (lambda: lambda images: images, r"network: function is no torch module"),
    ],
)
def test_networks(network: Any, message: str) -> None:
    refused(message, network=network())


class Elsewhere(nn.Module):
    """Weights that say they lie on another device than the others."""

    def __init__(self) -> None:
        super().__init__()
        self.network = NETWORK
        self.far = nn.Parameter(torch.zeros(2))

    def buffers(self, recurse: bool = True) -> Any:
        class Far:
            device = torch.device("cuda:1")

        return [Far()]


def test_devices() -> None:
    refused(
        r"network: its weights are spread over cpu, cuda:1; bring it to one", network=Elsewhere()
    )
    refused(r"device: 'cuda:63' is not available here; leave it out", device="cuda:63")
    refused(r"device: 'gpu'; give 'cpu', 'cuda' or 'cuda:1'", device="gpu")
    refused(r"device: 'meta' computes nothing", device="meta")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"epsilons": [0.1, 0.05]},
            r"epsilons: \[0.1, 0.05\]; give amplitudes above 0 in rising order",
        ),
        ({"epsilons": [0.1, 0.1]}, r"epsilons: .* without repeats"),
        (
            {"epsilons": 8},
            r"epsilons: 8 is more than 1, .*; divide grey levels by 255, 8 / 255 = 0.03137",
        ),
        ({"epsilons": [0.5, 2, 8]}, r"epsilons: 8 is more than 1"),
        ({"epsilons": 0}, r"epsilons: \[0.0\]; give amplitudes above 0"),
        ({"epsilons": []}, r"epsilons: \[\]"),
        ({"epsilons": [float("nan")]}, r"epsilons: \[nan\]"),
        ({"epsilons": [float("inf")]}, r"epsilons: inf is more than 1"),
        ({"epsilons": "much"}, r"epsilons: 'much' is no number"),
        ({"epsilons": [[0.1]]}, r"epsilons: \[0.1\] is no number"),
        ({"epsilons": [True]}, r"epsilons: True is no number"),
        ({"max_iter": 0}, r"max_iter: 0; give a whole number from 1"),
        ({"max_iter": 2.5}, r"max_iter: 2.5; give a whole number"),
        ({"attack": "pdg"}, r"attack: 'pdg', did you mean 'pgd'\?; use one of: sign"),
        ({"attack": 3}, r"attack: 3; give a name or a mapping"),
        ({"attack": {"form": "bimm"}}, r"attack.form: 'bimm' must be 'fgsm'"),
        (
            {"attack": {"form": "bim", "alhpa": 1}},
            r"attack.alhpa: unknown key, did you mean 'alpha'",
        ),
        ({"attack": {"form": "bim", "alpha": 3}}, r"attack: 'alpha: 3.0' is more than 1"),
        (
            {"attack": {"form": "bim", "threads": 2}},
            r"attack.threads: says how a study runs its jobs",
        ),
        (
            {"attack": {"form": "bim", "target": "x"}},
            r"attack.target: 'x'; use one of: least_likely, 0, 1",
        ),
        ({"attack": {"form": "bim", "target": 2}}, r"attack.target: 2; give 0 to 1"),
        (
            {"attack": {"kind": "magic"}},
            r"attack.kind: 'magic'; use one of: gradient, noise, external",
        ),
        (
            {"attack": {"form": "bim", "epsilon": [0.3]}},
            r"epsilons: .*, but the attack has epsilon \[0.3\]",
        ),
        ({"attack": {"form": "bim", "max_iter": 9}}, r"max_iter: 4, but the attack has max_iter 9"),
        ({"attack": "apgd-dlr"}, r"dlr compares three classes, but the network has 2"),
        ({"batch": 0}, r"batch: 0; give a whole number from 1"),
        ({"checks": -1}, r"checks: -1; give a whole number from 0"),
        ({"missing": "yes"}, r"missing: 'yes'; use one of: refuse, allow"),
        ({"keys": [1, 2]}, r"keys: \[2\], torch.int64; give one int64 for each image"),
        ({"keys": np.arange(12) - 3}, r"keys: -3; give numbers from 0"),
    ],
)
def test_attacks_and_doses(arguments: dict[str, Any], message: str) -> None:
    refused(message, **arguments)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "bim"}, r"'step: sign' needs 'alpha'"),
        ({"alhpa": 1}, r"alhpa: unknown key, did you mean 'alpha'"),
        ({"kind": "noisy"}, r"kind: 'noisy'; use one of"),
        (
            {"kind": "external", "library": "art", "name": "X"},
            r"kind: 'external' is run by its library",
        ),
        (
            {"form": "bim", "alpha": 0.1, "target": "ill"},
            r"target: 'ill' is a name; give the number",
        ),
    ],
)
def test_attacks_from_mappings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_attack(settings)


def test_few_outputs_that_seem_to_be_probabilities_are_noted() -> None:
    """They could as well be the logits of a network that hardly tells its images apart."""
    network = Outputs(NETWORK, lambda z: (z / 9).sigmoid())
    with pytest.warns(UserWarning, match=r"outputs for 12 images all lie in \[0, 1\]"):
        result = pgdose.dose_response(network, IMAGES, LABELS, **FAST)
    assert "activation='none' if they are logits" in result.notes[0]


def test_an_attack_from_a_mapping_follows_its_target() -> None:
    entry = {"form": "bim", "alpha": 0.1, "target": "least_likely"}
    assert make_attack(entry).target == "least_likely"
    assert make_attack(entry, target=1).target == 1
    assert make_attack({"form": "fgsm"}).target is None


class Attributes:
    """As a library's class of outputs, with attributes alone."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.loss, self.logits = None, logits


def test_an_object_with_logits_is_taken() -> None:
    network = Fixed(lambda n, x: Attributes(n(x)))
    given = {"images": IMAGES, "labels": LABELS, **FAST}
    plain, wrapped = pgdose.dose_response(NETWORK, **given), pgdose.dose_response(network, **given)
    assert wrapped.curve().equals(plain.curve())


MASKED = np.ma.masked_array(IMAGES, mask=IMAGES > 0.9)
NAMES = ["a"] * 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # What has no order of its own, or would give its keys.
        ({"classes": {"ill", "well"}}, r"classes: a set; give a list of names, in the order"),
        ({"classes": {"ill": 1, "well": 0}}, r"classes: a dict; give a list"),
        ({"labels": dict(enumerate(LABELS))}, r"labels: a dict; give a list with one entry"),
        ({"patients": set(range(12))}, r"patients: a set; give a list"),
        ({"epsilons": {0.1, 0.2}}, r"epsilons: a set; give a list of amplitudes"),
        # What stands under a mask, or is no value.
        ({"images": MASKED}, r"images: an array of which \d+ entries are masked; fill them"),
        ({"labels": np.ma.masked_array(LABELS, mask=LABELS > 0)}, r"labels: .* are masked"),
        ({"patients": pd.Series([None, *NAMES], dtype="string")}, r"patients: image 0 has none"),
        ({"patients": [" ", *NAMES]}, r"patients: image 0 has none"),
        ({"classes": ["well", "well "]}, r"classes: .* two differ only in spaces"),
        # What only looks like a number or an image.
        ({"labels": np.where(LABELS, 1e30, 0)}, r"labels: 1e\+30 of image \d+ is no whole number"),
        ({"epsilons": "8/0"}, r"epsilons: '8/0' .* nothing can be divided by 0"),
        ({"images": torch.from_numpy(IMAGES).to_sparse()}, r"images: a sparse tensor"),
        ({"images": torch.from_numpy(IMAGES).to("meta")}, r"images: 12 x 12 x 12, float32; give"),
        ({"images": torch.from_numpy(IMAGES) + 0j}, r"images: 12 x 12 x 12, complex64; give"),
    ],
)
def test_what_would_be_read_otherwise_than_meant(arguments: dict[str, Any], message: str) -> None:
    refused(message, **arguments)


def test_patients_that_differ_in_spaces_are_one() -> None:
    names = ["a", "a ", " a", "b"] * 3
    response = pgdose.dose_response(NETWORK, IMAGES, LABELS, patients=names, **FAST)
    assert set(response.patients or ()) == {"a", "b"}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda n, x: n(x).squeeze(), r"network: gives \[2\] for one image, but \[8, 2\] for 8"),
        (lambda n, x: n(x)[..., None, None], r"axes of length 1 .*; flatten them, outputs.flatten"),
        (lambda n, x: n(x) + 0j, r"network: gives numbers of the kind complex64"),
        (lambda n, x: n(x).softmax(1) * 100, r"network: gives probabilities in percent"),
    ],
)
def test_outputs_of_odd_shapes_and_kinds(function: Any, message: str) -> None:
    refused(message, network=Fixed(function))


@pytest.mark.parametrize("label", [-1, True, 1.5])
def test_a_wrong_label_is_told_without_the_types_of_python(label: Any) -> None:
    refused(r"^label: \S+ must be [\w ]+( \(YAML.*\))?$", outputs="multilabel", label=label)


@pytest.mark.parametrize("names", [["a", "b", "c"], ["b"]])
def test_names_of_more_or_fewer_outputs_than_there_are(names: list[str]) -> None:
    message = rf"'label_names' names {len(names)} outputs, but the network has 2"
    refused(message, outputs="multilabel", label="b", label_names=names)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({"form": "fgsm", "alpha": {"of_epsilon": 0.25}}, r"attack.alpha: 'form: fgsm' sets"),
        ({"form": "bim", "alpha": {"of_eps": 0.1}}, r"attack.alpha.of_eps: unknown key, did you"),
        ({"form": "bim", "alpha": 0}, r"^attack.alpha: 0 must be more than 0$"),
    ],
)
def test_relative_steps_that_are_wrong(attack: dict[str, Any], message: str) -> None:
    refused(message, attack=attack)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_patients_have_no_interval_and_it_is_said(count: int, tmp_path: Path) -> None:
    given = {"images": IMAGES, "labels": LABELS, **FAST}
    response = pgdose.dose_response(NETWORK, patients=np.arange(12) % count, **given)
    note = f"Intervals need at least 4 patients, and these are {count}: none is given."
    assert note in response.notes
    shown = repr(response), response.report(tmp_path / "page.html").read_text()
    for text in shown:
        assert "[no interval]" in text and "[nan" not in text
        assert f"none, as they need at least 4 patients, and these are {count}" in text
    enough = pgdose.dose_response(NETWORK, patients=np.arange(12) % 4, **given)
    assert "no interval" not in repr(enough)


def test_copies_of_images_are_told() -> None:
    twice, labels = np.concatenate([IMAGES, IMAGES[:3]]), np.concatenate([LABELS, LABELS[:3]])
    response = pgdose.dose_response(NETWORK, twice, labels, **FAST)
    assert any(note.startswith("3 of 15 images are copies of others") for note in response.notes)
