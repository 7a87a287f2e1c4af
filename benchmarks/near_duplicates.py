"""How far perceptual hashes of one picture and of different ones lie apart, and what pairs cost.

.venv/bin/python benchmarks/near_duplicates.py FOLDER [FOLDER ...]

Files with equal pixels count once. The same picture is made smaller (half and a quarter of its
side), stored as JPEG (qualities 90, 75 and 50), and made brighter or darker by 10 %.
"""

import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pgdose.cohort.near_duplicates import MOST_BITS, near_duplicates
from pgdose.images.perceptual_hash import SIDE, as_words, perceptual_hash
from pgdose.images.rendering import resize
from pgdose.images.stores import checksum

ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
MEMBERS = 100_000


def versions(image: Image.Image) -> Iterator[tuple[str, np.ndarray]]:
    """The picture in other sizes, qualities and brightnesses."""
    for part in (2, 4):
        size = image.width // part, image.height // part
        yield f"1/{part} of its side", np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    for quality in (90, 75, 50):
        stored = io.BytesIO()
        image.save(stored, "JPEG", quality=quality)
        yield f"JPEG {quality}", np.asarray(Image.open(stored))
    for factor in (0.9, 1.1):
        greys = np.clip(np.asarray(image).astype(float) * factor, 0, 255)
        yield f"brightness {factor}", greys.astype(np.uint8)


def words(image: np.ndarray) -> np.ndarray:
    return as_words([perceptual_hash(resize(image, SIDE))])[0]


def report_folder(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    hashes, apart, seen = [], [], set()
    for path in files:
        image = Image.open(path)
        image = image.convert("L" if image.mode in ("L", "I", "I;16") else "RGB")
        pixels = checksum(np.asarray(image))
        if pixels in seen:
            continue
        seen.add(pixels)
        own = words(np.asarray(image))
        hashes.append(own)
        for what, other in versions(image):
            bits = int(np.bitwise_count(own ^ words(other)).sum())
            apart.append((what, bits))
    print(f"{folder.name}: {len(hashes)} pictures")
    of_versions = pd.DataFrame(apart, columns=["version", "bits"]).groupby("version")["bits"]
    shares = of_versions.apply(lambda bits: (bits <= MOST_BITS).mean()).rename("found")
    table = of_versions.describe(percentiles=[0.5, 0.99])[["50%", "99%", "max"]]
    print(table.join(shares).round(4).to_string())
    every = np.stack(hashes)
    nearest = np.sort(
        np.concatenate(
            [np.bitwise_count(every[i] ^ every[i + 1 :]).sum(axis=1) for i in range(len(every))]
        )
    )
    print(
        f"different pictures: the nearest of {len(nearest)} pairs differ in {nearest[:8]} bits; "
        f"{(nearest <= MOST_BITS).sum()} are within {MOST_BITS}\n"
    )


def report_cost() -> None:
    rng = np.random.default_rng(0)
    ids = [f"{n:020x}" for n in range(MEMBERS)]
    members = pd.DataFrame({"record_id": ids, "copy": 0})
    members["class"] = rng.choice(["C1", "C2"], MEMBERS)
    members["part"] = rng.choice(["training", "validation"], MEMBERS, p=[0.8, 0.2])
    hashes = pd.Series([rng.bytes(32).hex() for _ in ids], index=ids)
    start = time.perf_counter()
    near_duplicates(members, hashes)
    print(f"all pairs of {MEMBERS} members: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        report_folder(Path(name))
    report_cost()
