"""Image stores: resizing, crops, augmentation, and reading members from several stores."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pgdose import records
from pgdose.images import Members, augment, crop_square, load_members, new_store, render, resize


def noise(rows: int, columns: int, *channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, *channels), np.uint8)


# --- resizing ---------------------------------------------------------------------------------


def block_means(image: np.ndarray, k: int) -> np.ndarray:
    n, m = image.shape[0] // k, image.shape[1] // k
    return image.reshape(n, k, m, k, *image.shape[2:]).astype(float).mean(axis=(1, 3))


@pytest.mark.parametrize("k", [2, 3, 4, 8])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_resize_is_the_mean_over_each_area(k: int, channels: tuple[int, ...]) -> None:
    image = noise(32 * k, 32 * k, *channels)
    error = resize(image, 32) - block_means(image, k)
    assert np.abs(error).max() <= 1.0
    assert resize(image, 32).dtype == np.uint8


@pytest.mark.parametrize("k", [2, 4])
def test_resize_rounds_once_and_so_brightens_nothing(k: int) -> None:
    image = noise(64 * k, 64 * k)
    error = resize(image, 64) - block_means(image, k)
    largest, mean = float(np.abs(error).max()), float(error.mean())
    assert largest <= 0.5 + 1e-9
    assert abs(mean) < 0.2


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
    window = pd.Series({"aorta_x": 60.0, "aorta_y": 40.0, "aorta_side": 40.0})
    assert np.array_equal(render(image, 20, window), resize(image[20:60, 40:80], 20))
    assert np.array_equal(render(image, 20), resize(image, 20))


# --- augmentation -----------------------------------------------------------------------------


def film() -> np.ndarray:
    """A smooth image with a bright spot left of its middle."""
    y, x = np.mgrid[:64, :64]
    return (60 + 140 * np.exp(-((x - 22) ** 2 + (y - 32) ** 2) / 60)).astype(np.uint8)


def copy(name: str, image: np.ndarray | None = None) -> np.ndarray:
    return augment(film() if image is None else image, records.generator(7, "copy 1", name))


def test_a_copy_is_keyed() -> None:
    assert np.array_equal(copy("a"), copy("a"))
    assert not np.array_equal(copy("a"), copy("b"))


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


def test_copies_are_darker_and_brighter() -> None:
    """Contrast turns about the middle grey, so what moves an image of it is brightness."""
    middle = np.full((64, 64), 128, np.uint8)
    moved = [copy(str(number), middle).mean() - 128 for number in range(30)]
    assert -17 < min(moved) < -5 and 5 < max(moved) < 17


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
    rng = records.generator(7, "copy 1", "a")
    assert np.array_equal(render(film(), 64, rng=rng), copy("a"))


# --- stores -----------------------------------------------------------------------------------


def write_store(path: Path, images: np.ndarray) -> None:
    channels = 1 if images.ndim == 3 else 3
    with new_store(path, len(images), images.shape[1], channels) as store:
        store[:] = images


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
        store[0] = 1
        raise RuntimeError("power cut")
    assert not any(tmp_path.iterdir())


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
def test_no_members_are_an_empty_batch(tmp_path: Path, channels: int) -> None:
    members = Members(member_table(), tmp_path, 16, channels)
    assert members.read([]).shape == (0, channels, 16, 16)
    assert members.read(range(len(members))).dtype == np.uint8


def test_selected_members_keep_their_images(tmp_path: Path, greys: np.ndarray) -> None:
    members = Members(member_table(*PLACES), tmp_path, 16, 1)
    some = members.select(members.table["class_index"] == 1)
    assert some.table["member"].to_list() == [11, 13]
    assert np.array_equal(some.read(range(2))[:, 0], greys[[ORDER[1], ORDER[3]]])


def test_members_whose_image_is_missing_are_left_out(tmp_path: Path, greys: np.ndarray) -> None:
    table = member_table(*PLACES)
    records.write_table(table, tmp_path / "members.parquet")
    for shard, lost in enumerate(([11], [], [13])):
        gone = pd.DataFrame({"member": lost, "reason": "file_missing", "detail": ""})
        records.write_table(gone, tmp_path / f"{shard}.parquet", records.MISSING)
    missing = [tmp_path / f"{shard}.parquet" for shard in range(3)]
    members = load_members(tmp_path / "members.parquet", missing, tmp_path, 16, 1)
    assert members.table["member"].to_list() == [10, 12]
    assert np.array_equal(members.read([0, 1])[:, 0], greys[[ORDER[0], ORDER[2]]])
    assert len(load_members(tmp_path / "members.parquet", [], tmp_path, 16, 1)) == 4
