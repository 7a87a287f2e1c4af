"""How often `screen.lateral_score` takes a frontal film for a lateral one, by class.

.venv/bin/python benchmarks/lateral_screen.py TABLE.csv [TABLE.csv ...]

Each table has the columns image and finding, and lies with its frontal films, or beside their
folder `images`. Every third film is also taken with each of its lungs painted opaque. Lateral films
are those of the synthetic hospital.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pgdose.xray.chest_fit import ChestFit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.chest_films import chest_film
from helpers.opaque_lungs import with_opaque_lung

SCORES = (0.5, 0.85)
SYNTHETIC = 200


def scores(table: Path) -> Iterator[tuple[str, float]]:
    """(kind of film, score) of each film of a table."""
    folder = images if (images := table.parent / "images").is_dir() else table.parent
    rows = pd.read_csv(table)
    for place, (name, finding) in enumerate(zip(rows["image"], rows["finding"], strict=True)):
        film = np.asarray(Image.open(folder / name).convert("L"))
        yield f"{table.parent.name}: {finding}", ChestFit(film).lateral_score()
        if place % 3 == 0:
            for side in (-1, 1):
                painted = with_opaque_lung(film, side, tone=(30, 60)[place // 3 % 2])
                kind = f"{table.parent.name}: {finding}, one lung opaque"
                yield kind, ChestFit(painted).lateral_score()


def main() -> None:
    found = [row for name in sys.argv[1:] for row in scores(Path(name))]
    for kind, lateral in (("frontal", False), ("lateral", True)):
        for number in range(SYNTHETIC):
            film = chest_film(number, lateral=lateral)[0]
            found.append((f"synthetic: {kind}", ChestFit(film).lateral_score()))
    table = pd.DataFrame(found, columns=["films", "score"])
    by = table.groupby("films", sort=False)["score"]
    columns = {
        f">= {score}": by.apply(lambda s, least=score: (s >= least).sum()) for score in SCORES
    }
    print(pd.DataFrame({"n": by.size()} | columns | {"highest": by.max().round(2)}).to_string())


if __name__ == "__main__":
    main()
