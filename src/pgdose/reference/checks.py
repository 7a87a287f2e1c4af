"""docs/reference/checks.md: every check of an attack, of a network and of a cohort."""

from collections.abc import Collection, Mapping

from pgdose.analysis import network_checks
from pgdose.attack.diagnostics.cheap import CHEAP
from pgdose.attack.diagnostics.expensive import EXPENSIVE
from pgdose.cohort import logs, near_duplicates, rejects_by_class
from pgdose.reference import check_texts
from pgdose.reference.check_texts import CheckText
from pgdose.reference.markdown import code, codes, heading, page, table
from pgdose.study.evaluation import Checks

PATH = "docs/reference/checks.md"
NUMBERS = {
    "LARGEST_GAP": network_checks.LARGEST_GAP,
    "UNEVEN": rejects_by_class.UNEVEN,
    "MOST_BITS": near_duplicates.MOST_BITS,
    "FEWEST_PATIENTS": logs.FEWEST_PATIENTS,
    "LOGGED_IMBALANCE": logs.LOGGED_IMBALANCE,
}
HEADER = ["check", "figure", "fails if the figure is", "what that means", "what to do"]

INTRODUCTION = """\
A check compares two things and writes down `passed`, `failed` or `not done`, one sentence with the
numbers, and a figure. A failed check stops nothing: it is a warning in the report. No check proves
an attack good; success rates are lower bounds, and a failed check says how they could be too low.
[How the checks work](../explanation/attacks.md#whether-an-attack-can-be-believed) has reasons and
measurements."""


def pages() -> dict[str, str]:
    defaults = {name: field.default for name, field in Checks.model_fields.items()}
    parts = [
        INTRODUCTION,
        heading(2, "Checks of an attack"),
        "The file `diagnostics.parquet` of a run has a row for each attack and check, with the "
        "columns `attack`, `check`, `verdict`, `says`, `figure` and `details` (JSON). In a "
        "notebook `result.checks()` has them.",
        heading(3, "Cheap checks"),
        "They read the surface and a few images, and are always done. Of noise, the control, only "
        "those that do not follow a loss are done; `noise keeps the classes apart` is done of "
        "noise alone.",
        _table(check_texts.CHEAP_TEXTS, CHEAP),
        heading(3, "Expensive checks"),
        "They attack some images again, at the epsilon nearest to `operating_points.epsilon`. "
        f"The study's section `checks` says how many images they use (`images`, {code('0')}: none "
        f"is done), how often Square asks the network (`queries`) and how many images get a "
        f"planted one (`positives`). Defaults: {codes(f'{k}: {v}' for k, v in defaults.items())}. "
        "They are not done of noise and of attacks of other libraries.",
        _table(check_texts.EXPENSIVE_TEXTS, EXPENSIVE),
        heading(2, "Checks of a network"),
        "`tables/network_checks.csv` has a row for each network and check.",
        _table(
            check_texts.NETWORK_TEXTS,
            ["better than chance", "running statistics fit", network_checks.NOTE],
        ),
        heading(2, "Checks of a cohort"),
        "They compare the images of a group before any training.",
        table(
            ["check", "where", "compares", "warns if", "what to do"],
            ([_filled_in(cell) for cell in row] for row in check_texts.COHORT_TEXTS),
        ),
    ]
    sources = "the registries of checks and src/pgdose/reference/check_texts.py"
    return {PATH: page("Checks", sources, *parts)}


def _table(texts: Mapping[str, CheckText], names: Collection[str]) -> str:
    if missing := set(texts) ^ set(names):
        raise ValueError(f"check_texts and the code differ in {sorted(missing)}")
    return table(HEADER, [[name, *map(_filled_in, texts[name])] for name in names])


def _filled_in(text: str) -> str:
    """The text with the numbers of the code in place of their names."""
    for name, number in NUMBERS.items():
        text = text.replace(name, f"{number:g}")
    return text
