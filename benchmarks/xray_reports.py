"""Reports labelled per second on one core, with negation, doubt and positions.

.venv/bin/python benchmarks/xray_reports.py [--reports 50000]

Measures the synthetic hospital's reports twice: as an archive has them (64 % norm, as in the paper,
so that short texts recur), and all different with two findings each in the mean. Counts processor
time, so that other programs on the machine matter little; reading the lexicon is part of it.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.labelling.clauses import read_clause
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.report_tables import label_reports
from pgdose_phantom.report_phrases import REPORT_FINDINGS
from pgdose_phantom.report_texts import write_report

LEXICON = Path(__file__).parents[1] / "resources" / "lexicons" / "ru.yaml"
NORM = 1_215_648 / 1_908_926  # of the paper's archive


def write(rng: np.random.Generator, numbers: list[int]) -> str:
    findings = frozenset(rng.choice(REPORT_FINDINGS, rng.choice(numbers), replace=False).tolist())
    return write_report(rng, findings, "FM"[rng.integers(2)], rng.uniform(17, 90))[0]


def of_an_archive(n: int) -> pd.Series:
    rng = np.random.default_rng(0)
    norm = rng.uniform(size=n) < NORM
    return pd.Series([write(rng, [0] if is_norm else [1, 1, 2, 3]) for is_norm in norm])


def all_different(n: int) -> pd.Series:
    rng = np.random.default_rng(0)
    texts: dict[str, None] = {}
    while len(texts) < n:
        texts[write(rng, [0, 1, 2, 3, 4])] = None
    return pd.Series(list(texts))


def report(n: int) -> None:
    print(f"{'reports, one core':34}{'a second':>12}{'characters':>12}{'different':>12}")
    for name, make in (("as in an archive", of_an_archive), ("all different", all_different)):
        texts = make(n)
        read_clause.cache_clear()
        start = time.process_time()
        label_reports(texts, load_lexicon(LEXICON))
        rate = n / (time.process_time() - start)
        print(f"{name:34}{rate:12,.0f}{texts.str.len().mean():12.0f}{texts.nunique() / n:12.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=50_000)
    report(parser.parse_args().reports)
