"""How often the pooled interval of an atlas holds the truth, on simulated sites.

Writes the table of docs/explanation/pooling.md between its marks.

    .venv/bin/python benchmarks/pooling.py [--draws 4000]
"""

import argparse
from pathlib import Path

import numpy as np

from pgdose.atlas.meta_analysis import pool

PAGE = Path(__file__).resolve().parents[1] / "docs/explanation/pooling.md"
BEGIN, END = "<!-- benchmarks/pooling.py -->\n", "<!-- end -->"
SIZES = {
    "100 images each": [100],
    "40 and 400 in turn": [40, 400],
    "one of 1,000, others 30": [1000, *[30] * 9],
    "one of 30, others 1,000": [30, *[1000] * 9],
}
MEANS, SPREADS, STUDIES = (0.8, 0.35), (0, 0.05, 0.1, 0.2), (3, 5, 10)


def coverage(studies: int, sizes: list[int], mean: float, spread: float, draws: int) -> list[float]:
    """Shares of intervals that hold the mean: pgdose's, and with the textbook's weights."""
    random = np.random.default_rng([studies, sizes[0], int(1000 * mean), int(1000 * spread)])
    n = np.resize(sizes, studies)
    held = np.zeros(2)
    for _ in range(draws):
        values = np.clip(mean + spread * random.standard_normal(studies), 0, np.pi / 2)
        estimates = np.arcsin(np.sqrt(random.binomial(n, np.sin(values) ** 2) / n))
        for place, plain in enumerate((False, True)):
            of = pool(estimates, 0.5 / np.sqrt(n), plain=plain)
            held[place] += of.low <= mean <= of.high
    return list(held / draws)


def table(draws: int) -> str:
    lines = ["| sites | 3 | 5 | 10 | 3, textbook's weights | 5 | 10 |", "|" + "---|" * 7]
    for name, sizes in SIZES.items():
        cells: list[list[str]] = [[], []]
        for studies in STUDIES:
            cases = [coverage(studies, sizes, m, s, draws) for m in MEANS for s in SPREADS]
            for place, least in enumerate(np.min(cases, axis=0)):
                cells[place].append(f"{100 * least:.1f} %")
        lines.append(f"| {name} | {' | '.join([*cells[0], *cells[1]])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000)
    text = table(parser.parse_args().draws)
    print(text)
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + text + END + rest.split(END, 1)[1])
