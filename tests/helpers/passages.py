"""Hand-written reports with hand labels (tests/data/passages), and how well the labeller does.

PYTHONPATH=src:tests .venv/bin/python -m helpers.passages ru ru_reports_open [--composed]

Prints precision, recall and F1 of each label, and each error by the id of its passage.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from helpers.lexicons import shipped
from pgdose.analysis.agreement import label_errors, measure_agreement
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import states

PASSAGES = Path(__file__).parents[1] / "data" / "passages"


def read_passages(name: str) -> list[dict[str, Any]]:
    text = (PASSAGES / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader)


def measure_passages(
    name: str, lexicon: Lexicon, norm: str = "phrases"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Agreement with the hand labels of a file of passages, and the errors.

    `norm: section` (normal but for something harmless that the conclusion passes over) counts as
    norm, as `norm: true` does.
    """
    passages = read_passages(name)
    unmentioned = dict.fromkeys(lexicon.findings, "unmentioned")
    hand = {
        p["id"]: unmentioned | p["labels"] | {"norm": "present" if p["norm"] else "unmentioned"}
        for p in passages
    }
    labels = {p["id"]: states(p["text"], lexicon, norm=norm) for p in passages}
    tables = pd.DataFrame(labels).T, pd.DataFrame(hand).T
    return measure_agreement(*tables).set_index("label"), label_errors(*tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lexicon", choices=["ru", "en"])
    parser.add_argument("name")
    parser.add_argument("--composed", action="store_true")
    arguments = parser.parse_args()
    norm = "composed" if arguments.composed else "phrases"
    measured, errors = measure_passages(arguments.name, shipped(arguments.lexicon), norm)
    print(measured.round(3).to_string())
    print(errors.to_string())
