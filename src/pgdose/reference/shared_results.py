"""docs/reference/shared-results.md: what `pgdose share` writes and `pgdose pool` makes of it."""

from pgdose.atlas.shared_study import (
    ABOUT,
    CONCLUSION_COLUMNS,
    CONCLUSIONS,
    RATE_COLUMNS,
    RATES,
    README,
)
from pgdose.cli.pool import TABLES
from pgdose.manifest.files import MANIFEST
from pgdose.reference.markdown import code, heading, page, table

PATH = "docs/reference/shared-results.md"

ABOUT_KEYS = {
    "format_version": "version of this format",
    "name": "name of the study, as its owner wants it to be seen",
    "study_digest": "SHA-256 of the manifest of the results; tells two shares of one study",
    "pgdose": "version that made the results",
    "synthetic": "whether any image was drawn by the synthetic hospital",
    "success": "definition of success: final or any",
    "operating": "the operating point: `epsilon` and `iterations`",
    "smallest_count": "counts from 1 to one less are not shown",
    "rows_left_out": "rows of too few patients or images",
    "groups": "of each group: modality, titles of its classes, network, size, accuracy, validation "
    "images, patients. Where fewer than `smallest_count` images and not 0 were wrong before the "
    "attack, half of it stands for them in the accuracy; `n_images` is null if it tells them, and "
    "the patients are then those of the attacked images",
    "attacks": "of each attack: all settings that decide what it does to an image, and `epsilons`",
}
ATLAS_TABLES = {
    "rates": "the rates of all studies, with `attack` as the atlas calls it, `used`, and in "
    "`apart` why a row is not used",
    "units": "what is pooled: the mean over the groups of a study, for each kind of image; `other` "
    "images are of one kind if their classes are",
    "pooled": "success by kind of image, attack and epsilon: mean with its 95 % interval, "
    "prediction interval, `tau`, `i2`, Cochran's `q`",
    "conclusions": "the conclusions of all studies, with the doses that each rests on",
    "pooled_conclusions": "conclusions of the same attack, doses, scale and statistic, pooled",
    "leave_one_out": "the same without each study in turn",
    "differences": "meta-regression on kind of image, network and attack",
}


def pages() -> dict[str, str]:
    files = [
        (ABOUT, "settings, groups and attacks"),
        (RATES, "success rates: a row for each group, attack and epsilon"),
        (CONCLUSIONS, "the paper's conclusions with standard errors"),
        (README, "the same in words"),
        (MANIFEST, "checksums of these"),
    ]
    parts = [
        "[`pgdose share`](commands.md#pgdose-share) writes a small folder, and "
        "[`pgdose pool`](commands.md#pgdose-pool) reads nothing else.",
        table(["file", "content"], [(code(name), text) for name, text in files]),
        heading(2, ABOUT),
        table(["key", "meaning"], [(code(key), text) for key, text in ABOUT_KEYS.items()]),
        heading(2, RATES),
        table(["column", "meaning"], [(code(key), text) for key, text in RATE_COLUMNS.items()]),
        heading(2, CONCLUSIONS),
        table(
            ["column", "meaning"], [(code(key), text) for key, text in CONCLUSION_COLUMNS.items()]
        ),
        heading(2, "Tables of an atlas"),
        "They lie in `tables/` beside `atlas.html`. Pooled estimates, their intervals and `asr` "
        "are rates or differences again. On the scale stay `estimate` of `rates.csv`, "
        "`pooled_units.csv` and `conclusions.csv`, `difference` with its interval in "
        "`differences.csv`, `tau` and all standard errors. `p` is of the hypothesis that the mean "
        "on the scale is 0, `q_p` that sites do not differ; `names` are the studies that were "
        "pooled.",
        table(
            ["file", "content"],
            [(code(f"tables/{TABLES[field]}.csv"), text) for field, text in ATLAS_TABLES.items()],
        ),
    ]
    sources = "`src/pgdose/atlas/shared_study.py` and `src/pgdose/reference/shared_results.py`"
    return {PATH: page("Shared results and atlases", sources, *parts)}
