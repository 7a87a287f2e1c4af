"""Corruptions: keyed, graded, in the range of images, whatever the batch, the size and the type."""

import numpy as np
import pytest
import torch
from scipy import stats
from skimage.color import rgb2hed
from torch import Tensor, nn

from pgdose.attack.batching import Execution
from pgdose.attack.corruptions import xray
from pgdose.attack.corruptions.blur import mean_over_points
from pgdose.attack.corruptions.gradings import GRADINGS
from pgdose.attack.corruptions.judging import Series, judge
from pgdose.attack.corruptions.microscopy import stain_shift
from pgdose.attack.corruptions.registry import CORRUPTIONS, corrupt
from pgdose.attack.corruptions.table import corruption_table
from pgdose.attack.samples import Samples
from pgdose.study.controls import MODALITIES_OF, Corruption
from pgdose.tables.control_schemas import CONTROLLED

pytestmark = pytest.mark.usefixtures("one_thread")
KEYS = torch.tensor([11, 2**52 + 3, 7, 12])
SHAPES = {"grey": (1, 40, 40), "colour": (3, 40, 40), "long": (3, 24, 61), "tiny": (1, 5, 4)}


def smooth(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Images with large soft structures from black to white, as tissue has them."""
    coarse = torch.rand(4, shape[0], 5, 5, generator=torch.Generator().manual_seed(3))
    images = nn.functional.interpolate(coarse, shape[1:], mode="bicubic", align_corners=True)
    return images.to(dtype).clamp(0.02, 0.95)


def test_each_corruption_of_the_study_has_a_function_and_a_grading() -> None:
    names = Corruption.model_fields["corruption"].annotation.__args__  # type: ignore[union-attr]
    assert set(names) == set(CORRUPTIONS) == set(GRADINGS) == set(MODALITIES_OF)
    assert all(len(grading.values) == 5 for grading in GRADINGS.values())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_keeps_to_images_and_to_each_image_s_key(
    name: str, shape: tuple[int, ...]
) -> None:
    for dtype in (torch.float32, torch.float64):
        images = smooth(shape, dtype)
        before = images.clone()
        changed = corrupt(images, name, 4, KEYS)
        assert changed.shape == images.shape and changed.dtype == dtype
        assert changed.isfinite().all() and changed.min() >= 0 and changed.max() <= 1
        assert torch.equal(images, before) and not torch.equal(changed, images)
        assert torch.equal(changed, corrupt(images, name, 4, KEYS))
        order = torch.tensor([2, 0])
        some = corrupt(images[order], name, 4, KEYS[order])
        assert torch.allclose(some, changed[order], atol=1e-5 if dtype == torch.float32 else 1e-12)
        laid_out = images.contiguous(memory_format=torch.channels_last)
        assert torch.allclose(corrupt(laid_out, name, 4, KEYS), changed, atol=1e-5)
    assert len(corrupt(images[:0], name, 1, KEYS[:0])) == 0


@pytest.mark.parametrize("name", [n for n in CORRUPTIONS if n not in ("defocus", "jpeg")])
def test_what_is_random_depends_on_the_key(name: str) -> None:
    images = smooth((3, 40, 40))[:1].expand(8, -1, -1, -1)
    changed = corrupt(images, name, 3, torch.arange(8))
    assert len({image.numpy().tobytes() for image in changed}) > 1


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_severity_changes_more_than_the_one_before(name: str, channels: int) -> None:
    images = smooth((channels, 64, 64))
    keys = torch.arange(4)
    changes = [corrupt(images, name, s, keys) - images for s in (1, 2, 3, 4, 5)]
    sizes = torch.stack([change.flatten(1).norm(dim=1).mean() for change in changes])
    assert (sizes.diff() > 0).all(), sizes


@pytest.mark.parametrize("name", ["bubbles", "illumination", "grid_lines", "stain_shift"])
def test_a_pattern_stays_at_its_place_over_severities(name: str) -> None:
    images = torch.full((4, 3, 64, 64), 0.5)
    weak, strong = (corrupt(images, name, s, KEYS) - images for s in (2, 5))
    pairs = zip(weak.flatten(1), strong.flatten(1), strict=True)
    assert all(torch.corrcoef(torch.stack(pair))[0, 1] > 0.3 for pair in pairs)


def test_an_image_of_one_grey_stays_grey_where_nothing_but_the_picture_moves() -> None:
    images = torch.full((4, 1, 30, 20), 0.4)
    for name in ("defocus", "motion_blur", "rotation"):
        assert torch.allclose(corrupt(images, name, 5, KEYS), images, atol=1e-6), name


def test_a_blur_is_the_mean_over_its_points() -> None:
    image = torch.zeros(1, 1, 7, 7)
    image[0, 0, 3, 3] = 1
    half = mean_over_points(image, torch.tensor([[[0.0, 0.0], [1.0, -2.0]]]))
    assert half[0, 0, 3, 3] == 0.5 and half[0, 0, 2, 5] == 0.5 and half.sum() == 1
    between = mean_over_points(image, torch.tensor([[[0.25, 0.0]]]))
    assert between[0, 0, 3, 3] == 0.75 and between[0, 0, 2, 3] == 0.25


def test_rotation_turns_by_its_degrees_also_where_sides_differ() -> None:
    images = torch.zeros(1, 1, 61, 121)
    images[0, 0, 30, 90] = 1  # 30 pixels to the right of the middle
    turned = corrupt(images, "rotation", 5, KEYS[:1])[0, 0]
    row, column = divmod(int(turned.argmax()), 121)
    degrees = np.degrees(np.arctan2(30 - row, column - 60))
    assert abs(abs(degrees) - 25) < 2 and abs(np.hypot(row - 30, column - 60) - 30) < 1


def test_quantum_noise_is_that_of_poisson() -> None:
    grey, photons = 0.6, 700.0
    images = torch.full((1, 1, 300, 300), grey, dtype=torch.float64)
    noisy = xray.quantum_noise(images, photons, KEYS[:1])
    counts = photons * 10 ** (-xray.DECADES * noisy.flatten())
    expected = photons * 10 ** (-xray.DECADES * grey)
    assert torch.allclose(counts, counts.round(), atol=1e-6)
    assert abs(float(counts.mean()) / expected - 1) < 0.005
    assert abs(float(counts.var()) / expected - 1) < 0.03
    assert abs(stats.skew(counts.numpy()) - expected**-0.5) < 0.03


def test_stains_are_those_of_skimage() -> None:
    colours = smooth((3, 16, 16), torch.float64).clamp(0.3, 0.9)
    shifted = stain_shift(colours, 0.2, KEYS)
    before, after = (rgb2hed(image.permute(1, 2, 0).numpy()) for image in (colours[0], shifted[0]))
    positive = (before > 1e-3).all(axis=2) & (after > 0).all(axis=2)  # skimage cuts others off
    ratios = np.log(after[positive] / before[positive])
    assert positive.sum() >= 3 and np.ptp(ratios, axis=0).max() < 1e-9
    assert np.abs(ratios[0]).max() == pytest.approx(0.2)


def test_letters_stand_at_the_side_that_they_name() -> None:
    images = torch.zeros(20, 1, 100, 80)
    changed = corrupt(images, "marker", 3, torch.arange(20))
    at_right = changed.sum(dim=(1, 2)).argmax(dim=1) > 40
    assert 3 < at_right.sum() < 17
    assert (changed[:, :, 40:] == 0).all()
    tops = [
        (corrupt(images, "marker", s, torch.arange(20)) > 0.1).any(dim=3)[:, 0].int().argmax(dim=1)
        for s in (1, 5)
    ]
    assert (tops[1] - tops[0]).abs().max() <= 1  # it grows downwards from its place


class Mean(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        bright = images.mean(dim=(1, 2, 3)) - 0.4
        return torch.stack([-bright, bright], dim=1)


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_a_network_judges_each_series_and_the_sizes_are_those_of_the_change(batch: int) -> None:
    images = smooth((1, 20, 20), torch.float64)
    samples = Samples(images, torch.zeros(4, dtype=torch.int64), KEYS)
    series = [
        Series("exposure", 2, torch.arange(4)),
        Series("exposure", 5, torch.arange(4)),
        Series("rotation", 3, torch.tensor([1, 3])),
    ]
    network = Mean().eval()
    parts: list[dict[str, Tensor]] = []
    values = judge(network, samples, series, Execution(batch=batch, keep=parts.append))
    changed = [corrupt(images, s.corruption, s.severity, KEYS)[s.rows] for s in series]
    assert torch.allclose(values["logits"], network(torch.cat(changed)), atol=1e-12)
    changes = torch.cat(changed) - torch.cat([images[s.rows] for s in series])
    assert torch.allclose(values["l_inf"], changes.flatten(1).abs().amax(1))
    assert torch.allclose(values["l2"], changes.flatten(1).square().sum(1).sqrt())
    resumed = judge(network, samples, series, Execution(batch=batch, finished=parts[:1]))
    assert torch.equal(resumed["logits"], values["logits"])

    members = np.array([5, 8, 9, 30])
    made = [(s.corruption, s.severity, members[s.rows.numpy()]) for s in series]
    table = corruption_table(made, "full", {name: of.numpy() for name, of in values.items()})
    assert table.schema == CONTROLLED
    rows = table.to_pandas()
    assert rows["member"].tolist() == [5, 8, 9, 30, 5, 8, 9, 30, 8, 30]
    assert rows["severity"].tolist() == [2] * 4 + [5] * 4 + [3] * 2
    assert rows["epsilon"].isna().all() and set(rows["judge"]) == {"full"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"corruption": "fog"}, "give one of exposure"),
        ({"severity": 6}, "give 1 to 5"),
        ({"images": torch.rand(4, 2, 8, 8)}, "with 1 or 3 channels"),
        ({"keys": KEYS[:2]}, "2 keys for 4 images"),
    ],
)
def test_other_input_is_refused(change: dict[str, object], words: str) -> None:
    usual = {"images": torch.rand(4, 1, 8, 8), "corruption": "jpeg", "severity": 1, "keys": KEYS}
    with pytest.raises(ValueError, match=words):
        corrupt(**(usual | change))  # type: ignore[arg-type]
