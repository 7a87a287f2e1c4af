"""`pgdose.dose_response`: what it takes, what it leaves, and what its result says."""

import copy
import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.notebook_networks import (
    FAST,
    Outputs,
    as_batch,
    balanced,
    body,
    one_number,
    pictures,
)
from helpers.workflow import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import pgdose
from pgdose.api.bar import ProgressBar
from pgdose.api.images import read_images
from pgdose.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return body()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return pictures()


@pytest.fixture(scope="module")
def labels(network: nn.Module, images: np.ndarray) -> np.ndarray:
    return balanced(network, images)


@pytest.fixture(scope="module")
def result(network: nn.Module, images: np.ndarray, labels: np.ndarray) -> pgdose.DoseResponse:
    return quiet(network, images, labels)


def quiet(*arguments: Any, **options: Any) -> pgdose.DoseResponse:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pgdose.dose_response(*arguments, **{**FAST, **options})


def same(one: pgdose.DoseResponse, other: pgdose.DoseResponse) -> bool:
    return bool(np.allclose(one.surface.logits, other.surface.logits, atol=1e-5))


# --- what it takes and what it leaves -------------------------------------------------------------


def test_importing_pgdose_imports_no_torch() -> None:
    code = "import sys, pgdose, pgdose.attack; print('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.stdout.startswith(b"False"), done.stderr


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_came(
    images: np.ndarray, labels: np.ndarray, network: nn.Module, training: bool
) -> None:
    used = copy.deepcopy(network).train(training)
    next(used.parameters()).requires_grad_(False)
    before = {name: value.clone() for name, value in used.state_dict().items()}
    modes = [part.training for part in used.modules()]
    frozen = [weight.requires_grad for weight in used.parameters()]
    quiet(used, images, labels)
    assert [part.training for part in used.modules()] == modes
    assert [weight.requires_grad for weight in used.parameters()] == frozen
    assert all(weight.grad is None for weight in used.parameters())
    assert all(torch.equal(value, before[name]) for name, value in used.state_dict().items())


class Uncopied(nn.Module):
    """It keeps its last activations, which torch cannot copy."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.kept: Any = None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        self.kept = logits * 1
        return logits


@pytest.mark.parametrize("fails", [False, True])
def test_a_network_that_cannot_be_copied_is_left_as_it_came_too(
    images: np.ndarray, labels: np.ndarray, network: nn.Module, fails: bool
) -> None:
    used = Uncopied(copy.deepcopy(network)).train()
    used(torch.zeros(2, 1, 12, 12))
    with pytest.raises(RuntimeError):
        copy.deepcopy(used)
    before = {name: value.clone() for name, value in used.state_dict().items()}
    if fails:
        with pytest.raises(UserError):
            quiet(used, images, labels, epsilons=[0.2, 0.1])
    else:
        assert quiet(used, images, labels).n_right == 11
    assert all(part.training for part in used.modules())
    assert all(weight.requires_grad for weight in used.parameters())
    assert all(torch.equal(value, before[name]) for name, value in used.state_dict().items())


def test_the_callers_state_of_torch_does_not_matter(
    images: np.ndarray, labels: np.ndarray, network: nn.Module, result: pgdose.DoseResponse
) -> None:
    with torch.no_grad():
        assert same(quiet(network, images, labels), result)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert same(quiet(network, torch.from_numpy(images) * 1, labels), result)
    with torch.autocast("cpu", torch.bfloat16):
        assert same(quiet(network, images, labels), result)


@given(n=st.integers(1, 3), side=st.integers(4, 9), colour=st.booleans(), whole=st.booleans())
def test_images_of_every_layout_are_the_same_images(
    n: int, side: int, colour: bool, whole: bool
) -> None:
    channels = 3 if colour else 1
    source = np.random.default_rng(n * side)
    last = source.integers(2, 256, (n, side, side + 1, channels)).astype(np.uint8)
    pixels = last if whole else last / 255
    expected = torch.from_numpy(last.transpose(0, 3, 1, 2)).float() / 255
    first = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    forms: list[Any] = [pixels, first, torch.from_numpy(first), list(pixels), list(first)]
    if not colour:
        forms += [pixels[..., 0], torch.from_numpy(first)[:, 0], list(pixels[..., 0])]
    if whole:
        pictures = [Image.fromarray(image[..., 0] if not colour else image) for image in last]
        forms.append(pictures)
    for form in forms:
        read = read_images(form)
        assert read.shape == expected.shape
        assert torch.allclose(read.float(), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        (lambda z: {"logits": z, "features": z * 2}, {}),
        (lambda z: (z,), {}),
        (lambda z: z.softmax(1), {"outputs": "probabilities"}),
        (one_number, {"outputs": "logit"}),
        (lambda z: one_number(z)[:, 0], {"outputs": "logit"}),
        (lambda z: one_number(z).sigmoid(), {"outputs": "sigmoid"}),
        (
            lambda z: torch.cat([z * 3, one_number(z)], dim=1),
            {"outputs": "multilabel", "label": "ill", "label_names": ["a", "b", "ill"]},
        ),
    ],
)
def test_outputs_of_every_kind_flip_alike(
    network: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    form: Any,
    options: dict[str, Any],
) -> None:
    """All are the same decision between two classes."""
    plain = quiet(network, images, labels, attack={"form": "bim", "alpha": 0.02})
    other = quiet(
        Outputs(network, form), images, labels, attack={"form": "bim", "alpha": 0.02}, **options
    )
    assert other.n_right == plain.n_right
    assert other.curve()["n_flipped"].tolist() == plain.curve()["n_flipped"].tolist()
    assert np.allclose(other.table()["confidence"], plain.table()["confidence"], atol=1e-5)


def test_a_threshold_moves_who_is_right(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    with torch.no_grad():
        second = network(as_batch(images)).softmax(1)[:, 1].numpy()
    threshold = float(np.sort(second)[2:4].mean())
    moved = quiet(network, images, labels, threshold=threshold)
    assert np.array_equal(moved.right, (second > threshold) == (labels == 1))
    decided = np.where(second > threshold, second, 1 - second)
    assert np.allclose(moved.table()["confidence"][::3], decided, atol=1e-5)


def test_forms_of_torch_give_the_same(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, result: pgdose.DoseResponse
) -> None:
    shapes = ({0: torch.export.Dim("n", min=1)},)
    program = torch.export.export(network, (torch.zeros(2, 1, 12, 12),), dynamic_shapes=shapes)
    traced = torch.jit.trace(network, torch.zeros(2, 1, 12, 12))
    for form in (program, program.module(), traced, nn.DataParallel(network)):
        assert same(quiet(form, images, labels), result)


def test_numbers_of_16_bits_are_computed_with_as_float32_and_it_says_so(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    half = copy.deepcopy(network).half()
    measured = quiet(half, images, labels)
    assert "16 bits are computed with as float32" in measured.notes[0]
    assert {weight.dtype for weight in half.parameters()} == {torch.float16}
    double = quiet(copy.deepcopy(network).double(), images, labels)
    assert not double.notes
    assert double.settings["network"]["preprocessing"] is None


def test_grey_images_become_three_equal_channels_where_the_network_takes_three() -> None:
    images, colour = pictures(), body(channels=3)
    labels = balanced(colour, np.repeat(images[..., None], 3, axis=3))
    guessed = quiet(colour, images, labels)
    assert guessed.notes == ("Each grey image is given to the network as three equal channels.",)
    declared = quiet(colour, images, labels, preprocessing={"channels": 3})
    assert not declared.notes and same(guessed, declared)


def test_preprocessing_is_the_networks_own(network: nn.Module, images: np.ndarray) -> None:
    """A network that normalises itself, and one whose preprocessing is declared."""
    mean, std = 0.3, 0.2
    labels = balanced(network, (images - mean) / std)
    own = quiet(
        Outputs(network, lambda z: z), images, labels, preprocessing={"mean": mean, "std": [std]}
    )
    inside = nn.Sequential(Normalise(mean, std), network)
    assert same(own, quiet(inside, images, labels))
    grey = quiet(
        network,
        images,
        labels,
        preprocessing={"mean": mean * 255, "std": std * 255, "range": [0, 255]},
    )
    assert same(own, grey)
    balanced(network, images)


class Normalise(nn.Module):
    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images - self.mean) / self.std


class Remembering(nn.Module):
    """torch.fx would fold this to another function: it takes constants for what is computed."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        return logits if isinstance(images, torch.fx.Proxy) else logits.flip(1)


def test_a_faster_form_that_gives_other_logits_is_not_used(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    measured = quiet(Remembering(network), images, 1 - labels)
    assert measured.n_right == 11


# --- attacks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ["sign", "bim", "pgd", "mi-fgsm", "fgsm", "apgd-ce"])
def test_every_epsilon_is_reached(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, attack: str
) -> None:
    """At the default steps: the largest change of a pixel is epsilon itself."""
    options = {} if attack == "fgsm" else {"max_iter": 10}
    measured = quiet(network, images, labels, attack=attack, **{"max_iter": None, **options})
    change = measured.surface.change.max(axis=0)
    assert np.allclose(change, FAST["epsilons"], rtol=1e-3)


def test_an_attack_in_l2_has_lengths_for_epsilons(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    measured = quiet(network, images, labels, attack="pgd-l2", epsilons=[0.5, 2])
    assert np.allclose(measured.surface.change.max(axis=0), [0.5, 2], rtol=0.2)
    assert "L2" in measured.plot().axes[0].get_xlabel()
    with pytest.raises(UserError, match="epsilons: missing; give lengths"):
        quiet(network, images, labels, attack="pgd-l2", epsilons=None)


def test_random_starts_depend_on_an_image_alone(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    whole = quiet(network, images, labels, attack="pgd", batch=3)
    turned = quiet(network, images[::-1].copy(), labels[::-1].copy(), attack="pgd", batch=5)
    assert np.allclose(whole.surface.logits, turned.surface.logits[::-1], atol=1e-4)
    keyed = quiet(network, images, labels, attack="pgd", keys=np.arange(12))
    assert not np.allclose(whole.surface.logits, keyed.surface.logits, atol=1e-4)


def test_a_target_may_be_a_name(network: nn.Module, images: np.ndarray, labels: np.ndarray) -> None:
    words = ["well", "ill"]
    attack = {"form": "bim", "target": "ill"}
    measured = quiet(network, images, labels, attack=attack, classes=words)
    assert set(measured.table().query("attacked")["label"]) == {"well"}


# --- the result -----------------------------------------------------------------------------------


def test_counts_and_rates_agree_with_the_table(result: pgdose.DoseResponse) -> None:
    assert result.n_images == 12 and result.n_right == 11
    low, high = result.clean_interval
    assert low < result.clean_accuracy == 11 / 12 < high
    table = result.table()
    assert len(table) == 36
    assert table["flipped"].isna().sum() == 3  # of the image that is wrong at all
    rates = table.groupby("epsilon")["flipped"].mean()
    curve = result.curve()
    assert np.allclose(rates.astype(float), curve["asr"])
    assert 0 < curve["asr"].iloc[0] < curve["asr"].iloc[-1]
    assert (curve["ci_low"] <= curve["asr"]).all() and (curve["asr"] <= curve["ci_high"]).all()
    assert "Wilson" in curve.attrs["interval"]
    asr = result.asr()
    assert len(asr) == 3 * 5
    assert (asr.query("iteration == 0")["n_flipped"] == 0).all()
    flipped = table[table["flipped"] == True]  # noqa: E712 - a column with missing values
    assert (flipped["predicted_after"] != flipped["label"]).all()
    assert flipped["first_iteration"].between(1, 4).all()


def test_the_smallest_epsilon_of_each_image(result: pgdose.DoseResponse) -> None:
    smallest = result.smallest_epsilon()
    assert smallest.isna().tolist() == (~result.right).tolist()
    table = result.table()
    for image, epsilon in smallest.dropna().items():
        flips = table[(table["image"] == image) & table["flipped"].fillna(False).astype(bool)]
        assert epsilon == flips["epsilon"].min() if len(flips) else np.isinf(epsilon)


def test_intervals_over_patients_are_wider(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, result: pgdose.DoseResponse
) -> None:
    people = np.repeat(["a", "b", "c", "d"], 3)
    measured = quiet(network, images, labels, patients=people)
    assert measured.interval == "bootstrap over 4 patients"
    assert measured.curve()["asr"].equals(result.curve()["asr"])
    ends = measured.curve()[["ci_low", "ci_high"]]
    assert ends.notna().all(axis=None)
    width, of_images = (of["ci_high"] - of["ci_low"] for of in (ends, result.curve()))
    assert width.mean() > of_images.mean()
    assert measured.table()["patient"].tolist() == np.repeat(people, 3).tolist()
    assert "4 patients" in repr(measured)


def test_the_page_holds_everything_and_names_nobody(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    words, people = ["<well>", "ill"], [f"Ivanov-{i}" for i in range(12)]
    measured = quiet(network, images, labels, classes=words, patients=people)
    page = measured.report(tmp_path / "page.html").read_text()
    assert "&lt;well&gt;" in page and "<well>" not in page
    assert "11 of 12" in page and "bootstrap over 12 patients" in page
    assert "data:image/png;base64," in page and 'src="http' not in page
    assert "of_epsilon" in page and "repeatable" in page and "2." in page
    assert "Ivanov" not in page and str(tmp_path) not in page and str(PROJECT) not in page
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(UserError, match=r"report: 'page.pdf'; give a file that ends in .html"):
        measured.report(tmp_path / "page.pdf")


def test_a_figure_without_pyplot(result: pgdose.DoseResponse) -> None:
    loaded = "matplotlib.pyplot" in sys.modules
    figure = result.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert ("matplotlib.pyplot" in sys.modules) == loaded
    line = figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == result.curve()["asr"].tolist()
    assert result.plot(ax=figure.axes[0]) is figure and len(figure.axes[0].lines) == 2
    assert result._repr_html_().startswith(
        "<pre>DoseResponse: attack &#x27;sign&#x27; on 12 images"
    )


def test_the_other_definition_of_success_counts_more(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    swinging = {"form": "bim", "alpha": 0.2}
    measured = quiet(network, images, labels, attack=swinging, epsilons=[0.05, 0.1])
    final, any_ = measured.curve(), measured.curve(success="any")
    assert (any_["n_flipped"] >= final["n_flipped"]).all()
    smallest = measured.smallest_epsilon("any") <= measured.smallest_epsilon()
    assert smallest[measured.right].all()
    with pytest.raises(UserError, match="success: 'last'; use one of: final, any"):
        measured.curve(success="last")
    with pytest.raises(UserError, match="iteration: 9 was not measured; give one of 0 to 4"):
        measured.curve(9)


def test_a_failed_check_is_a_warning(images: np.ndarray) -> None:
    """An attack that swings round the image: wrong on the way and right at the end."""
    network = body()
    labels = balanced(network, images)
    with pytest.warns(UserWarning, match="check failed: loss rises"):
        measured = pgdose.dose_response(
            network,
            images,
            labels,
            attack={"gradient_of": "probability", "step": "raw", "lr": 1e-9},
            **FAST,
        )
    checks = measured.checks().set_index("check")
    assert checks["verdict"]["loss rises"] == "failed"
    assert checks["verdict"]["box kept"] == "passed"
    assert checks["verdict"]["enough iterations"] == "not done"
    assert "loss rises" in repr(measured).split("failed:")[1]


def test_expensive_checks_on_demand(
    network: nn.Module, images: np.ndarray, labels: np.ndarray
) -> None:
    checks = quiet(network, images, labels, checks=4).checks().set_index("check")
    assert checks["verdict"]["stronger than noise"] == "passed"
    assert checks["verdict"]["enough iterations"] != "not done"


def test_nothing_is_said_where_all_is_well(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, capfd: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pgdose.dose_response(network, images, labels, **FAST | {"epsilons": [0.2]})
    assert capfd.readouterr() == ("", "")


# --- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_in_a_terminal_is_one_line() -> None:
    stream = Terminal()
    bar = ProgressBar("sign", stream)
    for done in (3, 6):
        bar(done, 6, 10)
    bar.close()
    assert stream.getvalue().count("\n") == 1 and "6 of 6 images" in stream.getvalue()
    assert stream.getvalue().count("\r") == 2


def test_progress_elsewhere_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    bar = ProgressBar("sign", stream)
    bar(1, 6, 10)
    assert not stream.getvalue()
    monkeypatch.setattr(ProgressBar, "SECONDS", 0.0)
    bar(2, 6, 10)
    bar.close()
    assert stream.getvalue().startswith("sign: 2 of 6 images") and "\r" not in stream.getvalue()


def test_tables_are_plain_pandas(result: pgdose.DoseResponse) -> None:
    assert isinstance(result.table().to_csv(), str)
    assert list(result.checks().columns) == ["check", "verdict", "says", "figure"]
    assert isinstance(result.smallest_epsilon(), pd.Series)
