"""The tables that stand in the texts on real images, in Markdown, by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import pandas as pd
from public_names import ALL, AS_PATIENTS, COLOUR, REAL, XRAY
from public_words import interval, markdown, percent, rate

from pgdose.report.wording import count, epsilon

CONCLUSIONS = {
    "grows_with_epsilon": "1. Success grows with epsilon",
    "histology_less_sensitive": "2. Histology is less sensitive than X-ray",
    "levels_off": "3. Success grows with the iterations and levels off",
    "drops_above_confidence": "4. Success drops over a confidence of 0.95",
    "training_size": "5. Success does not depend on the training size",
}
SUBSETS = (ALL, ALL + AS_PATIENTS, XRAY, COLOUR, COLOUR + AS_PATIENTS)


class Tables(Protocol):
    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]: ...

    def row(self, table: str, **where: Any) -> dict[str, Any]: ...


def groups(tables: Tables) -> str:
    heads = [
        *("group", "classes", "training / validation images", "patients in validation"),
        "accuracy of the three networks: mean (lowest to highest)",
        *("accuracy of `full`, 95 % interval", "AUC of `full`", "all better than chance"),
    ]
    return markdown(
        heads,
        (
            [
                *(g["group"], g["title"]),
                f"{count(g['training'])} / {count(g['validation'])}",
                "not known" if pd.isna(n := g["validation_patients"]) else count(n),
                f"{rate(g['accuracy_mean'])} "
                f"({rate(g['accuracy_min'])} to {rate(g['accuracy_max'])})",
                *(interval(g, "accuracy_full"), rate(g["auc_full"])),
                "yes" if g["learned"] else "**no**",
            ]
            for g in tables.rows("groups")
        ),
    )


def belongs(tables: Tables, subsets: Iterable[str] = SUBSETS) -> str:
    """What each conclusion belongs to, with the attacks that decide it."""
    subsets = list(subsets)
    rows = [
        [name, *(_belongs(tables.rows("belongs", subset=s, conclusion=key)) for s in subsets)]
        for key, name in CONCLUSIONS.items()
    ]
    return markdown(["conclusion", *subsets], rows)


def _belongs(rows: list[dict[str, Any]]) -> str:
    if not rows or rows[0]["belongs"] == "does not apply":
        return "does not apply"
    decided = [
        f"{verdict}: {str(rows[0][verdict]).replace(' ', ', ')}"
        for verdict in ("supported", "contradicted")
        if not pd.isna(rows[0][verdict])
    ]
    return f"**{rows[0]['belongs']}**" + (f" ({'; '.join(decided)})" if decided else "")


def saturation(tables: Tables, dose: str = "half") -> str:
    return markdown(
        [
            *("attack", "images", "epsilon", "flipped of confidence 0.95 and more"),
            *("flipped of less", "ratio of success, 95 % interval", "interval over"),
        ],
        (
            [
                *(f"`{r['attack']}`", r["subset"], epsilon(r["epsilon"])),
                f"{count(r['n_flipped_over'])} of {count(r['n_over'])}",
                f"{count(r['n_flipped_under'])} of {count(r['n_under'])}",
                *(interval(r, "ratio"), r["unit"]),
            ]
            for r in tables.rows("saturation_ratio", dose=dose)
        ),
    )


def variance(tables: Tables, dose: str = "half") -> str:
    def line(attack: str) -> list[str]:
        of = {r["component"]: r for r in tables.rows("variance", attack=attack, dose=dose)}
        luck = of["training luck"]
        ends = " to ".join(rate(luck[end] ** 0.5, 3) for end in ("ci_low", "ci_high"))
        return [
            *(
                f"`{attack}`",
                epsilon(luck["epsilon"]),
                f"{rate(luck['variance'] ** 0.5, 3)} ({ends})",
            ),
            *(rate(of[part]["variance"] ** 0.5, 3) for part in ("patients", "groups")),
            *(percent(of[part]["share"]) for part in ("training luck", "patients", "groups")),
        ]

    heads = [
        *("attack", "epsilon", "standard deviation between trainings (95 % interval)"),
        *("by patients", "between groups"),
        *("share of the trainings in the variance of group means", "of patients", "of groups"),
    ]
    return markdown(heads, map(line, REAL))


def synthetic(tables: Tables) -> str:
    def both(row: Mapping[str, Any], study: str) -> list[str]:
        ends = {name: row[f"{name}_{study}"] for name in ("estimate", "ci_low", "ci_high")}
        return [row[f"verdict_{study}"], interval(ends)]

    return markdown(
        ["conclusion", "attack", "real", "estimate", "synthetic", "estimate", "agree"],
        (
            [
                *(CONCLUSIONS[r["conclusion"]], f"`{r['attack']}`"),
                *(*both(r, "real"), *both(r, "synthetic"), r["agrees"]),
            ]
            for r in tables.rows("synthetic")
        ),
    )


def storage(tables: Tables, *attacks: str) -> str:
    """From an epsilon of 0.001 on; of less nothing survives."""
    return markdown(
        [
            *("attack", "images", "epsilon", "flipped"),
            *("still flipped after storage in 8 bits", "interval over"),
            "success of noise of that size",
        ],
        (
            [
                *(f"`{r['attack']}`", r["subset"], epsilon(r["epsilon"])),
                f"{count(r['flips'])} of {count(r['attacked'])}",
                *(interval(r, "survival"), r["unit"], rate(r["noise_asr"], 3)),
            ]
            for r in tables.rows("storage", attack=list(attacks))
            if r["epsilon"] >= 0.001
        ),
    )


def descents(tables: Tables) -> str:
    return markdown(
        [
            *("group", "rate", "epsilon of the largest success"),
            *("descent from there to the largest epsilon", "largest change there, in epsilons"),
        ],
        (
            [r["group"], r["rate"], epsilon(r["at"]), interval(r, "descent"), rate(r["reach"])]
            for r in tables.rows("descents")
        ),
    )


def slopes(tables: Tables) -> str:
    return markdown(
        ["group", "attack", "change of success per tenfold size", "trainings", "no dependence"],
        (
            [
                *(r["group"], f"`{r['attack']}`", interval(r, "slope")),
                *(count(r["trainings"]), r["verdict"]),
            ]
            for r in tables.rows("training_slopes")
        ),
    )


def lacking(tables: Tables, subset: str = "all") -> str:
    """What the undecided verdicts lack, but for attacks that no further training size met."""
    return markdown(
        ["conclusion", "attack", "estimate, 95 % interval", "what is lacking"],
        (
            [CONCLUSIONS[r["conclusion"]], f"`{r['attack']}`", interval(r), r["lacks"]]
            for r in tables.rows("conclusions", subset=subset, verdict="undecided", applies=True)
            if r["attack"] in REAL
            and not (r["conclusion"] == "training_size" and pd.isna(r["estimate"]))
        ),
    )


LISTINGS: Mapping[str, Callable[..., str]] = {
    "groups": groups,
    "belongs": belongs,
    "saturation": saturation,
    "variance": variance,
    "synthetic": synthetic,
    "storage": storage,
    "descents": descents,
    "slopes": slopes,
    "lacking": lacking,
}
