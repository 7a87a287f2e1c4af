"""Pictures that look alike have hashes that differ in few bits."""

import io

import numpy as np
import pytest
from helpers.chest_films import chest_film
from PIL import Image

from pgdose.cohort.near_duplicates import MOST_BITS
from pgdose.images.perceptual_hash import SIDE, as_words, perceptual_hash
from pgdose.images.rendering import resize


def bits(one: np.ndarray, other: np.ndarray) -> int:
    words = as_words([perceptual_hash(resize(image, SIDE)) for image in (one, other)])
    return int(np.bitwise_count(words[0] ^ words[1]).sum())


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    return [chest_film(number)[0] for number in range(12)]


def test_another_size_quality_and_brightness_look_the_same(films: list[np.ndarray]) -> None:
    for film in films:
        smaller = np.asarray(Image.fromarray(film).resize((film.shape[1] // 2, film.shape[0] // 2)))
        for other in (smaller, as_jpeg(film, 50), (film * 0.9).astype(np.uint8)):
            assert bits(film, other) <= MOST_BITS


def test_films_of_different_patients_do_not(films: list[np.ndarray]) -> None:
    apart = [bits(a, b) for i, a in enumerate(films) for b in films[i + 1 :]]
    assert min(apart) > MOST_BITS


def test_colour_is_hashed_by_its_grey(films: list[np.ndarray]) -> None:
    film = films[0]
    assert bits(film, np.stack([film] * 3, axis=-1)) <= 2


def test_a_hash_is_64_hexadecimal_digits_in_the_order_of_its_words() -> None:
    text = perceptual_hash(resize(chest_film(0)[0], SIDE))
    assert len(text) == 64 and len(bytes.fromhex(text)) == 32
    assert "".join(f"{int(word):016x}" for word in as_words([text])[0]) == text
    assert as_words([]).shape == (0, 4)
    perceptual_hash(np.zeros((SIDE, SIDE), np.uint8))  # a flat picture has one too


@pytest.mark.parametrize("shape", [(256, 256, 3), (300, 700), (61, 90), (64, 64)])
def test_a_picture_of_any_size_has_nearly_the_hash_of_its_small_copy(
    shape: tuple[int, ...], films: list[np.ndarray]
) -> None:
    picture = Image.fromarray(films[3]).resize(shape[1::-1])
    image = np.asarray(picture.convert("RGB" if len(shape) == 3 else "L"))
    words = as_words([perceptual_hash(image), perceptual_hash(resize(image, SIDE))])
    assert np.bitwise_count(words[0] ^ words[1]).sum() <= 14
