"""The figures of docs/public, drawn from its tables alone.

    .venv/bin/python benchmarks/public_figures.py docs/public

The tables are those of public_tables.py. A figure without its table is left out. Prints the size of
each picture.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import public_answers
import public_curves
from matplotlib.figure import Figure
from public_curves import Tables

from pgdose.plots import style
from pgdose.tables import result_csv

#: By name, with the tables that each needs.
FIGURES: dict[str, tuple[Callable[[Tables], Figure], tuple[str, ...]]] = {
    "curves": (public_curves.curves, ("groups", "asr")),
    "conclusions": (public_answers.conclusions, ("conclusions", "belongs")),
    "saturation": (public_answers.saturation, ("saturation", "saturation_ratio")),
    "luck": (public_answers.luck, ("groups", "luck", "variance")),
    "synthetic": (public_answers.synthetic, ("synthetic",)),
    "storage": (public_curves.storage, ("storage",)),
    "descent": (public_curves.descent, ("descent", "descents")),
    "training_size": (public_curves.training_size, ("groups", "training_size")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the tables; the pictures come beside them")
    folder = parser.parse_args().folder
    tables = {path.stem: result_csv.read_csv(path) for path in sorted(folder.glob("*.csv"))}
    for name in draw(tables, folder):
        print(f"{folder / name}.png  {(folder / f'{name}.png').stat().st_size / 1000:,.0f} kB")


def draw(tables: Tables, folder: Path) -> list[str]:
    """Write each figure whose tables are there; their names."""
    drawn = []
    for name, (make, needs) in FIGURES.items():
        if all(table in tables for table in needs):
            style.save(make(tables), folder / f"{name}.png")
            drawn.append(name)
    return drawn


if __name__ == "__main__":
    main()
