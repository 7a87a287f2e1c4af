"""Image stores: resizing, crops, augmentation, and reading members from several stores."""

import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pgdose.cohort.images import Members, load_members
from pgdose.errors import Damaged, UserError
from pgdose.images.augmentation import draw_augmentation
from pgdose.images.fitting import fit_image, render
from pgdose.images.rendering import augment, crop_square, resize, resize_box
from pgdose.images.stores import MARK, Store, checksum, new_store
from pgdose.study.augmentation import Augment
from pgdose.tables import keyed, parquet


def noise(rows: int, columns: int, *channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, *channels), np.uint8)


# --- resizing ---------------------------------------------------------------------------------


def along_rows(values: np.ndarray, start: float, stop: float, size: int) -> np.ndarray:
    """The reference, float64: differences of the integral, or the broken line through the middles
    of the pixels."""
    n, scale = len(values), (stop - start) / size

    def one_line(line: np.ndarray) -> np.ndarray:
        if scale >= 1:
            integral = np.concatenate([[0.0], np.cumsum(line)])
            edges = np.linspace(start, stop, size + 1)
            return np.diff(np.interp(edges, np.arange(n + 1), integral)) / scale
        middles = start + (np.arange(size) + 0.5) * scale
        return np.interp(middles, np.arange(n) + 0.5, line)

    return np.apply_along_axis(one_line, 0, values.astype(np.float64))


def reference(image: np.ndarray, box: tuple[float, ...], shape: tuple[int, int]) -> np.ndarray:
    left, top, right, bottom = box
    rows = along_rows(image, top, bottom, shape[0])
    return along_rows(rows.swapaxes(0, 1), left, right, shape[1]).swapaxes(0, 1)


HALF = 0.5 + 1e-3  # a grey level, and the rounding of float32


@given(
    rows=st.integers(1, 300),
    columns=st.integers(1, 300),
    colours=st.booleans(),
    size=st.integers(1, 130),
    seed=st.integers(0, 99),
)
@example(rows=224, columns=224, colours=True, size=96, seed=0)
@example(rows=224, columns=224, colours=False, size=256, seed=0)
@example(rows=90, columns=1000, colours=True, size=128, seed=0)  # one axis grows, one shrinks
@example(rows=1000, columns=90, colours=False, size=128, seed=0)
@example(rows=1100, columns=70, colours=False, size=4, seed=0)  # more rows than 16 bits can sum
@example(rows=1285, columns=1, colours=False, size=5, seed=0)  # 257 rows each
@settings(max_examples=150, deadline=None)
def test_resize_is_within_half_a_grey_level_of_the_exact_mean(
    rows: int, columns: int, colours: bool, size: int, seed: int
) -> None:
    image = noise(rows, columns, *((3,) if colours else ()), seed=seed)
    if seed % 3 == 0:
        image = np.where(image > 127, 255, 0).astype(np.uint8)  # the largest sums, and contrasts
    exact = reference(image, (0, 0, columns, rows), (size, size))
    resized = resize(image, size)
    assert resized.dtype == np.uint8 and resized.shape == exact.shape
    assert np.abs(resized - exact).max() <= HALF


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_box_counts_parts_of_pixels(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 200))
    ends = [sorted(data.draw(st.tuples(st.floats(0, n), st.floats(0, n)))) for n in (columns, rows)]
    (left, right), (top, bottom) = ends
    assume(min(right - left, bottom - top) > 0.01)
    shape = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    image, box = noise(rows, columns), (left, top, right, bottom)
    assert np.abs(resize_box(image, box, shape) - reference(image, box, shape)).max() <= HALF


@pytest.mark.parametrize("box", [(0, 0, 10.1, 8), (0, 0, 10, 8.1), (-0.1, 0, 9, 8), (3, 0, 3, 8)])
def test_a_box_beyond_the_image_is_a_mistake_of_the_program(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="leaves an image"):
        resize_box(noise(8, 10), box, (4, 4))
    resize_box(noise(8, 10), (0, 0, 10 + 1e-9, 8), (4, 4))


def test_white_stays_white_whatever_the_size() -> None:
    for n in (96, 257, 1285, 1300, 2570):
        assert (resize(np.full((n, n), 255, np.uint8), 5) == 255).all()


@pytest.mark.parametrize("shape", [(32, 200_000), (200_000, 32)])
def test_a_long_image_takes_little_memory(shape: tuple[int, int]) -> None:
    image = np.full(shape, 77, np.uint8)
    tracemalloc.start()
    assert (resize(image, 512) == 77).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 10**6


@pytest.mark.parametrize("k", [2, 4])
def test_resize_rounds_once_and_so_brightens_nothing(k: int) -> None:
    image = noise(64 * k, 64 * k)
    error = resize(image, 64) - reference(image, (0, 0, 64 * k, 64 * k), (64, 64))
    assert abs(error.mean()) < 0.2


def test_resize_of_the_same_size_changes_nothing() -> None:
    image = noise(32, 32)
    assert np.array_equal(resize(image, 32), image)


def test_resize_squeezes_other_proportions_to_the_square() -> None:
    image = np.repeat(np.repeat(noise(16, 16), 2, axis=0), 3, axis=1)
    assert image.shape == (32, 48)
    assert np.array_equal(resize(image, 16), image[::2, ::3])


def test_resize_of_an_even_image_is_even() -> None:
    assert (resize(np.full((100, 90), 77, np.uint8), 64) == 77).all()


# --- crops ------------------------------------------------------------------------------------


def test_a_crop_is_the_square_round_its_centre() -> None:
    image = noise(100, 120)
    assert np.array_equal(crop_square(image, 60, 40, 20), image[30:50, 50:70])


def test_beyond_the_edge_the_edge_s_pixels_repeat() -> None:
    image = noise(100, 120)
    crop = crop_square(image, 0, 0, 20)
    assert crop.shape == (20, 20)
    assert np.array_equal(crop[10:, 10:], image[:10, :10])
    assert (crop[:10, :10] == image[0, 0]).all()
    assert (crop[:10, 10:] == image[0, :10]).all()


def test_a_crop_has_a_pixel_at_least() -> None:
    assert crop_square(noise(10, 10), 5, 5, 0.2).shape == (1, 1)


def test_render_crops_then_resizes() -> None:
    image = noise(100, 120)
    assert np.array_equal(
        render(image, 20, crop=(60.0, 40.0, 40.0)), resize(image[20:60, 40:80], 20)
    )
    assert np.array_equal(render(image, 20), resize(image, 20))


# --- augmentation -----------------------------------------------------------------------------


def film() -> np.ndarray:
    """A smooth image with a bright spot left of its middle."""
    y, x = np.mgrid[:64, :64]
    return (60 + 140 * np.exp(-((x - 22) ** 2 + (y - 32) ** 2) / 60)).astype(np.uint8)


def draw_parameters(name: str, **limits: Any) -> dict[str, float | int]:
    return draw_augmentation(keyed.generator(7, "copy 1", name), Augment(**limits))


def copy(name: str, image: np.ndarray | None = None) -> np.ndarray:
    return augment(film() if image is None else image, draw_parameters(name))


def test_a_copy_is_keyed() -> None:
    assert np.array_equal(copy("a"), copy("a"))
    assert not np.array_equal(copy("a"), copy("b"))


def test_parameters_survive_json_and_make_the_same_copy() -> None:
    given = draw_parameters("a")
    again = json.loads(json.dumps(given))
    assert again == given
    assert np.array_equal(augment(film(), again), augment(film(), given))


def test_parameters_stay_within_their_limits_and_fill_them() -> None:
    table = pd.DataFrame([draw_parameters(str(number)) for number in range(200)])
    limits = {"rotation": 7, "shift_x": 0.04, "shift_y": 0.04, "scale": 0.06}
    for name, limit in {**limits, "brightness": 0.06, "contrast": 0.12}.items():
        assert -limit <= table[name].min() < -0.9 * limit
        assert 0.9 * limit < table[name].max() <= limit
    assert (table["noise"] == 0.012).all() and table["noise_seed"].is_unique
    assert not table["flip"].any()


def test_a_limit_changes_its_own_parameter_only() -> None:
    plain, still = draw_parameters("a"), draw_parameters("a", rotation=0)
    assert still == {**plain, "rotation": 0}


def test_the_draws_of_a_copy_never_change() -> None:
    """Members of older results were drawn so."""
    assert draw_parameters("a") == {
        **{"rotation": 5.61699, "shift_x": -0.039963, "shift_y": -0.017907, "scale": -0.022971},
        **{"brightness": -0.054227, "contrast": 0.041016},
        **{"noise": 0.012, "noise_seed": 3488050358, "flip": 0},
    }


def test_the_limits_must_be_complete_and_known() -> None:
    rng = keyed.generator(7, "copy 1", "a")
    limits = dict(Augment())
    with pytest.raises(ValueError, match="zoom missing or unknown"):
        draw_augmentation(rng, limits | {"zoom": 0.1})
    limits.pop("shift")
    with pytest.raises(ValueError, match="shift missing or unknown"):
        draw_augmentation(rng, limits)
    assert draw_parameters("a") == draw_augmentation(keyed.generator(7, "copy 1", "a"), Augment())


def test_half_of_the_copies_are_flipped_where_asked_for() -> None:
    flips = [draw_parameters(str(number), flip=True) for number in range(60)]
    assert 15 < sum(parameters["flip"] for parameters in flips) < 45
    assert [{**parameters, "flip": 0} for parameters in flips] == [
        draw_parameters(str(n)) for n in range(60)
    ]


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("shape", [(64, 64), (33, 50)])
def test_parameters_of_0_change_nothing(shape: tuple[int, int], channels: tuple[int, ...]) -> None:
    image = noise(*shape, *channels)
    zero = dict.fromkeys(draw_parameters("a"), 0) | {"noise_seed": 5}
    assert np.array_equal(augment(image, zero), image)
    assert np.array_equal(augment(image, {}), image)


def test_a_shift_moves_right_and_down() -> None:
    image = noise(50, 100)
    moved = augment(image, {"shift_x": 0.03, "shift_y": 0.04})
    assert np.array_equal(moved[2:, 3:], image[:-2, :-3])


def test_a_flip_mirrors() -> None:
    image = noise(20, 30)
    assert np.array_equal(augment(image, {"flip": 1}), image[:, ::-1])


def test_a_rotation_turns_clockwise_about_the_middle() -> None:
    image = noise(40, 40)
    assert np.array_equal(augment(image, {"rotation": 90}), np.rot90(image, -1))


def test_scale_enlarges() -> None:
    bright = (film() > 120).sum()
    assert (augment(film(), {"scale": 0.4}) > 120).sum() == pytest.approx(1.4**2 * bright, rel=0.1)


def test_greys_change_by_what_was_asked() -> None:
    greys = np.array([[64, 128, 191]], np.uint8)
    assert augment(greys, {"brightness": 0.1}).tolist() == [[90, 154, 216]]
    assert augment(greys, {"contrast": 0.5}).tolist() == [[32, 128, 223]]
    grain = augment(np.full((100, 100), 128, np.uint8), {"noise": 0.05, "noise_seed": 1})
    assert grain.std() == pytest.approx(0.05 * 255, rel=0.05)


def test_a_copy_is_mild_and_never_flipped() -> None:
    original = film().astype(float)
    for number in range(30):
        seen = copy(str(number)).astype(float)
        assert seen.shape == original.shape
        assert not np.array_equal(seen, original)
        likeness, mirrored = (
            np.corrcoef(seen.ravel(), other.ravel())[0, 1]
            for other in (original, original[:, ::-1])
        )
        assert likeness > 0.7 and likeness > mirrored + 0.3
        assert abs(seen.mean() - original.mean()) < 40
        y, x = np.unravel_index(seen.argmax(), seen.shape)
        assert abs(y - 32) < 10 and abs(x - 22) < 10


def test_a_copy_has_no_dark_rim_where_the_original_ends() -> None:
    bright = np.full((64, 64), 200, np.uint8)
    for number in range(10):
        assert copy(str(number), bright).min() > 150


def test_a_copy_of_a_coloured_image_is_moved_as_one() -> None:
    colour = np.stack([film()] * 3, axis=-1)
    seen = copy("a", colour).astype(float)
    assert seen.shape == colour.shape
    assert np.abs(seen[..., 0] - seen[..., 2]).max() < 40  # noise alone
    assert abs(seen[..., 0].mean() - seen[..., 2].mean()) < 1


def test_render_augments_what_is_a_copy() -> None:
    assert np.array_equal(render(film(), 64, parameters=draw_parameters("a")), copy("a"))


# --- stores -----------------------------------------------------------------------------------


def write_store(path: Path, images: np.ndarray) -> None:
    channels = 1 if images.ndim == 3 else 3
    with new_store(path, len(images), images.shape[1:3], channels) as store:
        for row, image in enumerate(images):
            store.put(row, image)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_store_holds_what_was_put_in(tmp_path: Path, channels: int) -> None:
    images = np.stack([noise(8, 8, *([3] if channels == 3 else []), seed=i) for i in range(3)])
    write_store(tmp_path / "new" / "0.npy", images)
    assert np.array_equal(np.load(tmp_path / "new" / "0.npy"), images)


@pytest.mark.parametrize(("channels", "shape"), [(1, (0, 8, 8)), (3, (0, 8, 8, 3))])
def test_a_store_of_no_images_is_a_legal_file(
    tmp_path: Path, channels: int, shape: tuple[int, ...]
) -> None:
    with new_store(tmp_path / "0.npy", 0, 8, channels) as store:
        assert store.shape == shape
    stored = np.load(tmp_path / "0.npy")
    assert stored.shape == shape and stored.dtype == np.uint8


def test_a_store_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_store(tmp_path / "0.npy", 2, 8, 1) as store:
        store.put(0, np.ones((8, 8), np.uint8))
        raise RuntimeError("power cut")
    assert not any(tmp_path.iterdir())


def test_checksums_find_the_image_that_was_damaged(tmp_path: Path) -> None:
    path = tmp_path / "0.npy"
    images = np.stack([noise(8, 8, seed=i) for i in range(5)])
    write_store(path, images)
    Store(path).check()
    content = bytearray(path.read_bytes())
    content[content.index(images[3].tobytes()) + 17] ^= 4
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"1 images, rows 3$"):
        Store(path).check()


def test_a_store_is_verified_on_reading(tmp_path: Path) -> None:
    images = np.stack([noise(8, 8, seed=i) for i in range(2)])
    write_store(tmp_path / "0.npy", images)
    content = bytearray((tmp_path / "0.npy").read_bytes())
    content[content.index(images[1].tobytes())] ^= 1
    (tmp_path / "0.npy").write_bytes(content)
    table = member_table(("0.npy", 0), ("0.npy", 1))
    checked = Members(table, tmp_path, 8, 1)
    assert np.array_equal(checked.read([0])[0, 0], images[0])
    with pytest.raises(UserError, match=r"0\.npy: damaged, row 1 does not match its checksum"):
        checked.read([1])


@pytest.mark.parametrize("cut", [1, 100, 10_000])
def test_a_store_that_was_cut_off_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "0.npy"
    write_store(path, np.stack([noise(8, 8, seed=i) for i in range(9)]))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UserError, match="cut off or has no checksums"):
        Store(path).check()


def test_no_flipped_bit_of_a_store_goes_unnoticed(tmp_path: Path) -> None:
    """Those of the header, which numpy reads as Python, are all tried."""
    path = tmp_path / "0.npy"
    images = np.stack([noise(8, 8, seed=i) for i in range(3)])
    write_store(path, images)
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    others = rng.integers(1024, 8 * len(content), 500)
    harmless = 0
    for bit in [*range(1024), *others]:
        path.write_bytes(
            content[: bit // 8]
            + bytes([content[bit // 8] ^ (1 << bit % 8)])
            + content[bit // 8 + 1 :]
        )
        try:
            Store(path).check()
        except Damaged:
            continue
        harmless += 1  # white space after the header, and the like
        assert bit < 1024 and np.array_equal(np.load(path), images)
    assert harmless < 200


@pytest.mark.parametrize(
    "shape",
    [
        (200_000, 0, 10**19 - 1),
        (200_000, 0, 0),
        (1, 8, 0),
        (1, 8, 8, 4),
        (1, 8),
        (1, 8, 8, 1, 1),
        (-1, -8, -8),
        (1, 2**15 + 1, 2**15 + 1),
    ],
)
def test_a_header_of_no_images_is_damaged(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Whatever it says, and however long the file is on a disk that keeps no zeros."""
    path = tmp_path / "0.npy"
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        file.seek(start + math.prod(shape))
        file.write(MARK)
        file.truncate(start + max(math.prod(shape), 0) + len(MARK) + 16 * max(shape[0], 0))
    with pytest.raises(Damaged, match="cut off or has no checksums"):
        Store(path)


@pytest.mark.parametrize("text", ["(" * 9000, "[" * 4000 + "]" * 4000, "-" * 9000 + "1"])
def test_a_header_of_brackets_is_damaged(tmp_path: Path, text: str) -> None:
    header = text.encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (tmp_path / "0.npy").write_bytes(content)
    with pytest.raises(Damaged):
        Store(tmp_path / "0.npy")


def test_many_damaged_images_are_counted_and_a_few_named(tmp_path: Path) -> None:
    write_store(tmp_path / "0.npy", np.stack([noise(8, 8, seed=i) for i in range(12)]))
    content = (tmp_path / "0.npy").read_bytes()
    (tmp_path / "0.npy").write_bytes(content[: -16 * 12] + bytes(16 * 12))
    with pytest.raises(Damaged, match=r"12 images, rows 0, 1, .*, 9, \.\.\.$"):
        Store(tmp_path / "0.npy").check()


def test_an_image_that_was_never_put_is_black_and_whole(tmp_path: Path) -> None:
    with new_store(tmp_path / "0.npy", 3, 8, 3) as store:
        store.put(1, noise(8, 8, 3, seed=1))
    Store(tmp_path / "0.npy").check()
    assert not np.load(tmp_path / "0.npy")[[0, 2]].any()


def test_checksums_are_equal_for_equal_pixels_alone() -> None:
    image = noise(8, 8, seed=1)
    other = image.copy()
    other[3, 4] ^= 1
    assert checksum(image) == checksum(image.copy()) == checksum(image[:, ::-1][:, ::-1])
    assert checksum(image) != checksum(other)
    assert checksum(image[:, :4]) != checksum(image[:, :4].reshape(4, 8))


def member_table(*places: tuple[str, int]) -> pd.DataFrame:
    table = pd.DataFrame(places, columns=["store", "row"])
    table["member"] = range(10, 10 + len(table))
    table["class_index"] = [i % 2 for i in range(len(table))]
    return table


@pytest.fixture
def greys(tmp_path: Path) -> np.ndarray:
    """Two stores of 3 and 2 grey images of 16 x 16."""
    images = np.stack([noise(16, 16, seed=i) for i in range(5)])
    write_store(tmp_path / "a.npy", images[:3])
    write_store(tmp_path / "b.npy", images[3:])
    return images


PLACES = [("b.npy", 1), ("a.npy", 0), ("a.npy", 2), ("b.npy", 0)]
ORDER = [4, 0, 2, 3]  # of the places among the images


def test_members_are_read_from_several_stores(tmp_path: Path, greys: np.ndarray) -> None:
    members = Members(member_table(*PLACES), tmp_path, 16, 1)
    assert len(members) == 4
    read = members.read([3, 0, 1])
    assert read.shape == (3, 1, 16, 16) and read.dtype == np.uint8
    assert np.array_equal(read[:, 0], greys[[ORDER[3], ORDER[0], ORDER[1]]])
    assert members.labels.dtype == np.int64
    assert members.labels.tolist() == [0, 1, 0, 1]


def test_members_are_resized_as_they_are_read(tmp_path: Path, greys: np.ndarray) -> None:
    members = Members(member_table(*PLACES), tmp_path, 8, 1)
    assert np.array_equal(members.read([0])[0, 0], resize(greys[4], 8))


def test_coloured_members_have_their_channels_first(tmp_path: Path) -> None:
    colour = noise(16, 16, 3)
    write_store(tmp_path / "c.npy", colour[None])
    read = Members(member_table(("c.npy", 0)), tmp_path, 16, 3).read([0])
    assert np.array_equal(read[0], colour.transpose(2, 0, 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_oblong_images_are_stored_and_read_as_rows_by_columns(
    tmp_path: Path, channels: int
) -> None:
    image = noise(40, 12, *([3] if channels == 3 else []))
    write_store(tmp_path / "o.npy", image[None])
    read = Members(member_table(("o.npy", 0)), tmp_path, [40, 12], channels).read([0])[0]
    assert np.array_equal(read[0] if channels == 1 else read.transpose(1, 2, 0), image)


@pytest.mark.parametrize(
    "fitting", [{"fit": "crop"}, {"fit": "crop", "resize_to": 14}, {"fit": "pad"}]
)
def test_tiles_are_fitted_as_they_are_read(
    tmp_path: Path, greys: np.ndarray, fitting: dict[str, Any]
) -> None:
    members = Members(member_table(*PLACES), tmp_path, [12, 8], 1, **fitting)
    expected = fit_image(greys[4], [12, 8], **fitting)
    some = members.select([True, False, False, False])
    assert np.array_equal(members.read([0])[0, 0], expected)
    assert np.array_equal(some.read([0])[0, 0], expected)
    assert not np.array_equal(expected, resize(greys[4], [12, 8]))


def test_render_crops_fits_and_turns_oblong_images() -> None:
    image, turn = noise(200, 300), {"rotation": 90.0}
    fitted = fit_image(image[20:160, 50:190], [40, 80], "crop")
    window = (120.0, 90.0, 140.0)
    assert np.array_equal(render(image, [40, 80], "crop", crop=window), fitted)
    turned = render(image, [40, 80], "crop", crop=window, parameters=turn)
    # A quarter of a turn about the middle is one of pixels, whatever the proportions.
    assert np.abs(turned[:, 20:60].astype(int) - np.rot90(fitted[:, 20:60], -1)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_no_members_are_an_empty_batch(tmp_path: Path, channels: int) -> None:
    members = Members(member_table(), tmp_path, 16, channels)
    assert members.read([]).shape == (0, channels, 16, 16)
    assert members.read(range(len(members))).dtype == np.uint8


def test_selected_members_keep_their_images(tmp_path: Path, greys: np.ndarray) -> None:
    members = Members(member_table(*PLACES), tmp_path, 16, 1)
    some = members.select(members.table["class_index"] == 1)
    assert some.table["member"].to_list() == [11, 13]
    assert np.array_equal(some.read(range(2))[:, 0], greys[[ORDER[1], ORDER[3]]])


def test_members_are_read_from_their_table(tmp_path: Path, greys: np.ndarray) -> None:
    settled = member_table(*PLACES).iloc[[0, 2]]  # the others could not be read
    parquet.write_table(settled, tmp_path / "members.parquet")
    members = load_members(tmp_path / "members.parquet", tmp_path, 16, 1)
    assert members.table["member"].to_list() == [10, 12]
    assert np.array_equal(members.read([0, 1])[:, 0], greys[[ORDER[0], ORDER[2]]])
