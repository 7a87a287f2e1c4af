"""Reports per second on one core: the synthetic hospital's, all different, each read once.

    python benchmarks/xray_reports.py [--reports 20000] [--lexicon resources/lexicons/ru.yaml]

Negation, doubt and the positions of all mentions are part of it, and so is what the first report
costs. Processor time, so that other programs on the machine count little.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.phantom.report_texts import FINDINGS, write_report
from pgdose.sources.reports import label_reports, load_lexicon

LEXICON = Path(__file__).parents[1] / "resources" / "lexicons" / "ru.yaml"


def write_reports(n: int, seed: int) -> pd.Series:
    """n different reports with up to four findings each."""
    rng = np.random.default_rng(seed)
    texts: dict[str, None] = {}
    while len(texts) < n:
        findings = frozenset(rng.choice(FINDINGS, rng.integers(0, 5), replace=False).tolist())
        text, _ = write_report(rng, findings, "FM"[rng.integers(2)], rng.uniform(17, 90))
        texts[text] = None
    return pd.Series(list(texts))


def measure(n: int, lexicon: Path = LEXICON, seed: int = 0) -> dict[str, float]:
    """Reads n reports: reports_per_second, and their mean length in characters."""
    texts = write_reports(n, seed)
    start = time.process_time()
    label_reports(texts, load_lexicon(lexicon))
    seconds = time.process_time() - start
    return {"reports_per_second": n / seconds, "characters": texts.str.len().mean()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--lexicon", type=Path, default=LEXICON)
    arguments = parser.parse_args()
    found = measure(arguments.reports, arguments.lexicon)
    print(
        f"{found['reports_per_second']:,.0f} reports a second on one core"
        f" ({arguments.reports:,} different ones, {found['characters']:.0f} characters on average)"
    )
