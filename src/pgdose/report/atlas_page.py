"""The page of an atlas: what several studies say together, and what is in it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.atlas import meta_analysis
from pgdose.atlas.comparability import setting_text
from pgdose.atlas.pooling import (
    CONCLUSION_KEYS,
    FEWEST_OF_A_LEVEL,
    FEWEST_TO_COMPARE,
    Atlas,
)
from pgdose.atlas.scales import ARCSINE, interval, rate_of
from pgdose.atlas.shared_study import SharedStudy
from pgdose.plots import curves, style
from pgdose.plots.forest import Forest, forest
from pgdose.plots.style import EPSILON
from pgdose.report import figures, interactive, provenance, summary, templates, wording
from pgdose.report.images import PageImage, embed
from pgdose.report.interactive import Chart
from pgdose.report.table_model import Cell, Head, Table

FOREST_FOLDER = "figures"
MOST_PRINTED = 16  # curves of a printed figure, whose legend has no more room


@dataclass(frozen=True)
class Picture:
    """A figure as the macros of the page want it."""

    title: str
    caption: str
    alt: str
    picture: PageImage
    photos: bool = False


def write_atlas(path: Path, atlas: Atlas, versions: Mapping[str, str]) -> None:
    """Write atlas.html, atomically, and its figures below `figures/` beside it."""
    folder = path.parent / FOREST_FOLDER
    folder.mkdir(exist_ok=True)
    charts = _charts(atlas)
    rates, conclusions = (
        _pictures(list(forests), folder, name)
        for name, forests in (
            ("rates", _forests_of_rates(atlas)),
            ("conclusions", _forests_of_conclusions(atlas)),
        )
    )
    fields: dict[str, Any] = {
        "headline": headline(atlas),
        "synthetic": _synthetic(atlas),
        "map": _map(atlas),
        "forests": rates,
        "forests_of_conclusions": conclusions,
        "charts": charts,
        "printed": _printed_curves(atlas, folder) if charts else None,
        "legend": figures.legend(_groups(atlas)),
        "library": interactive.library() if charts else "",
        "data": interactive.as_json(charts),
        "pooled": _pooled_rates(atlas),
        "alone": _alone(atlas),
        "conclusions": _conclusions(atlas),
        "leave_one_out": _leave_one_out(atlas),
        "differences": _differences(atlas),
        "fewest": (FEWEST_TO_COMPARE, FEWEST_OF_A_LEVEL),
        "apart": [(of.study, of.what, of.why) for of in atlas.apart],
        "studies": _studies(atlas),
        "attacks": _attacks(atlas),
        "citation": provenance.citation(versions, provenance.commit()),
    }
    templates.write_page(path, templates.rendered_with_size("atlas.html", **fields))


# --- sentences ------------------------------------------------------------------------------------


def headline(atlas: Atlas) -> str:
    """What the first forest plot says, in a sentence; what is missing where nothing is pooled."""
    studies = wording.quantity(len(atlas.studies), "study", "studies")
    shown = _first_pooled(atlas)
    if shown is None:
        return (
            f"{studies}, and no dose that can be pooled: two of them must have measured it with "
            "the same attack, and know the patients of their images. The section “Set apart” says "
            "what differs."
        )
    n, failed = int(shown["n_studies"]), int(shown["failed_checks"])
    synthetic = sum(study.about["synthetic"] for study in _pooled_studies(atlas, shown))
    studies = f"{n} synthetic studies" if synthetic == n else f"{n} studies"
    studies += f" ({synthetic} of them synthetic)" * (0 < synthetic < n)
    text = (
        f"In {studies} with {int(shown['n_patients']):,} attacked patients the attack "
        f"“{shown['attack']}” flipped {'at least ' * bool(failed)}{_percent(shown['estimate'])} of "
        f"the right diagnoses of {_kind(shown['modality'])} networks at "
        f"{_at(shown['epsilon'])} (95\N{NO-BREAK SPACE}% interval of the mean "
        f"{_percent(shown['ci_low'], '')} to {_percent(shown['ci_high'])}"
    )
    if not math.isnan(shown["predicted_low"]):
        text += (
            f"; of a further study {_percent(shown['predicted_low'], '')} to "
            f"{_percent(shown['predicted_high'])}"
        )
    why = f" A check of the attack failed in {failed} of them." if failed else ""
    return f"{text}).{why}"


def _at(epsilon: float) -> str:
    return f"{EPSILON}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{epsilon:g}"


def _kind(modality: Any) -> str:
    """Other images go by their classes: an eye is not pooled with a brain."""
    return style.MODALITIES.get(str(modality), str(modality))


def _percent(value: float, unit: str = "\N{NO-BREAK SPACE}%") -> str:
    return f"{100 * value:.0f}{unit}"


def _pooled_studies(atlas: Atlas, row: Mapping[Any, Any]) -> list[SharedStudy]:
    names = str(row["names"]).split(";")
    return [study for study in atlas.studies if study.name in names]


def _first_pooled(atlas: Atlas) -> dict[str, Any] | None:
    """The pooled rate of the first attack but noise, chosen as `_chosen` says."""
    rows = atlas.pooled[[not _is_noise(atlas, name) for name in atlas.pooled["attack"]]]
    rows = rows if len(rows) else atlas.pooled
    return None if rows.empty else _chosen(atlas, rows)


def _chosen(atlas: Atlas, rows: pd.DataFrame) -> dict[str, Any]:
    """The pooled rate of the most studies; of several the one nearest to their operating epsilon.

    Which is fixed before there is any result, so that no rate is shown for its size.
    """
    points = [float(study.about["operating"]["epsilon"]) for study in atlas.studies]
    far = np.abs(np.log(rows["epsilon"]) - np.log(np.median(points)))
    order = rows.assign(far=far.round(6)).sort_values(
        ["n_studies", "far"], ascending=[False, True], kind="stable"
    )
    return dict(order.drop(columns="far").iloc[0])


def _is_noise(atlas: Atlas, label: str) -> bool:
    return any(of.label == label and of.settings.get("kind") == "noise" for of in atlas.attacks)


def _synthetic(atlas: Atlas) -> str:
    names = [study.name for study in atlas.studies if study.about["synthetic"]]
    if not names:
        return ""
    if len(names) == len(atlas.studies):
        return "All images are drawn by a program. No rate here says anything of patients."
    return (
        f"Drawn by a program: the images of {wording.join_names(names)}. Their rates say "
        "nothing of patients."
    )


# --- tables ---------------------------------------------------------------------------------------


def _map(atlas: Atlas) -> Table:
    """Which study has which attack on which kind of image, and how many doses."""
    labels = [attack.label for attack in atlas.attacks]
    heads = [Head("Study"), Head("Groups")]
    heads += [Head("Attacked patients", "number"), *map(Head, labels)]
    rows = []
    for study in atlas.studies:
        of_study = atlas.rates[atlas.rates["study"] == study.name]
        groups = study.about["groups"]
        kinds = [_kind(of["modality"]) for of in groups.values()]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        patients = of_study["n_patients"].max()  # groups may share theirs
        cells: list[str | Cell] = []
        for label in labels:
            doses = of_study[of_study["attack"] == label]["epsilon"].nunique()
            cells.append(wording.quantity(doses, "dose") if doses else Cell("–", kind="void"))
        rows.append([study.name, counts, wording.count(patients), *cells])
    return Table("What is in the atlas", heads, rows)


def _pooled_rates(atlas: Atlas) -> Table | None:
    if atlas.pooled.empty:
        return None
    heads = [Head("Attack"), Head("Images"), Head(EPSILON, "number"), Head("Studies", "number")]
    heads += [Head("Patients", "number"), Head("Mean ASR [95 % interval]", "number")]
    heads += [Head("A further study", "number"), Head("I²", "number"), Head("Remark", "text")]
    rows = []
    for row in atlas.pooled.sort_values(["attack", "modality", "epsilon"]).to_dict("records"):
        rows.append(
            [
                row["attack"],
                _kind(row["modality"]),
                wording.epsilon(row["epsilon"]),
                wording.count(row["n_studies"]),
                wording.count(row["n_patients"]),
                _interval(row),
                _prediction(row),
                _share(row["i2"]),
                _remark(row),
            ]
        )
    return Table("Pooled success rates", heads, rows)


def _remark(row: Mapping[Any, Any]) -> str:
    failed = int(row["failed_checks"])
    checks = (
        f"checks of the attack failed in {wording.quantity(failed, 'study', 'studies')}: at least"
    )
    return "; ".join([*[row["note"]] * bool(row["note"]), *[checks] * bool(failed)])


def _interval(row: Mapping[Any, Any]) -> str:
    low, high = wording.short(row["ci_low"]), wording.short(row["ci_high"])
    return f"{wording.short(row['estimate'])} [{low}, {high}]"


def _prediction(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["predicted_low"]):
        return wording.MISSING
    return f"{wording.short(row['predicted_low'])} to {wording.short(row['predicted_high'])}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _alone(atlas: Atlas) -> list[str]:
    """Doses that one study alone has."""
    if atlas.units.empty:
        return []
    counts = atlas.units.groupby(["modality", "attack", "epsilon"], sort=False)["study"]
    lines: dict[tuple[str, str, str], list[float]] = {}
    for (modality, attack, epsilon), studies in counts:
        if len(studies) == 1:
            key = (str(studies.iloc[0]), str(attack), str(modality))
            lines.setdefault(key, []).append(float(str(epsilon)))
    return [
        f"{study}, {attack}, {_kind(modality)}: {EPSILON} "
        + ", ".join(f"{epsilon:g}" for epsilon in sorted(doses))
        for (study, attack, modality), doses in lines.items()
    ]


def _conclusions(atlas: Atlas) -> Table | None:
    if not _conclusions_of_attacks(atlas):
        return None
    heads = [Head("Conclusion", "text"), Head("Attack"), Head("Studies", "number")]
    heads += [Head("Mean [95 % interval]", "number"), Head("A further study", "number")]
    heads += [Head("I²", "number"), Head("Verdicts of the studies", "text")]
    rows = []
    for row in _conclusions_of_attacks(atlas):
        of = _rows_of(atlas, row)
        verdicts = of["verdict"].value_counts()
        rows.append(
            [
                Cell(summary.claim(row["conclusion"]), aside=str(of["statistic"].iloc[0])),
                row["attack"],
                wording.count(row["n_studies"]),
                _interval(row),
                _prediction(row),
                _share(row["i2"]),
                ", ".join(f"{n} {verdict}" for verdict, n in verdicts.items()),
            ]
        )
    return Table("Pooled conclusions", heads, rows)


def _conclusions_of_attacks(atlas: Atlas) -> list[dict[Any, Any]]:
    """The pooled conclusions but those of noise, which is a control."""
    rows = atlas.pooled_conclusions.to_dict("records")
    return [row for row in rows if not _is_noise(atlas, row["attack"])]


def _rows_of(atlas: Atlas, row: Mapping[Any, Any]) -> pd.DataFrame:
    table = atlas.conclusions
    keys = list(CONCLUSION_KEYS)
    return table[(table[keys] == [row[key] for key in keys]).all(axis=1)]


def _leave_one_out(atlas: Atlas) -> list[Table]:
    """A table for each attack and kind of image, and one for each conclusion."""
    table = atlas.leave_one_out
    if table.empty:
        return []
    heads = [Head("Without", "text"), Head("Of", "text"), Head("Mean [95 % interval]", "number")]
    tables = []
    for attack, rows in table.groupby("attack", sort=False):
        cells = [[row["without"], _what(row), _interval(row)] for row in rows.to_dict("records")]
        tables.append(Table(f"Under {attack}, without each study in turn", heads, cells))
    return tables


def _what(row: Mapping[Any, Any]) -> str:
    if isinstance(row.get("conclusion"), str):
        return summary.claim(row["conclusion"])
    kind = _kind(row["modality"])
    return f"{kind}, {EPSILON} = {wording.epsilon(row['epsilon'])}"


def _differences(atlas: Atlas) -> Table | None:
    if atlas.differences.empty:
        return None
    heads = [Head("Compared", "text"), Head("Among", "text"), Head("ASR", "number")]
    heads += [Head("ASR of the other", "number"), Head("p", "number"), Head("Units", "number")]
    rows = []
    for row in atlas.differences.to_dict("records"):
        parts = [
            _kind(row["modality"]) if row["factor"] != "modality" else "",
            str(row["attack"]) if row["factor"] != "attack" else "",
            f"{EPSILON} = {wording.epsilon(row['epsilon'])}",
        ]
        rows.append(
            [
                f"{row['factor']}: {row['level']} with {row['reference']}",
                ", ".join(part for part in parts if part),
                wording.short(row["asr"]),
                wording.short(row["asr_reference"]),
                wording.p_value(row["p"]),
                wording.count(row["n_units"]),
            ]
        )
    return Table("Differences", heads, rows)


def _studies(atlas: Atlas) -> Table:
    heads = [Head("Study", "text"), Head("Group"), Head("Classes", "text"), Head("Network")]
    heads += [Head("Accuracy", "number"), Head("Patients", "number"), Head("pgdose")]
    rows = []
    for study in atlas.studies:
        for group, of in study.about["groups"].items():
            rows.append(
                [
                    study.name,
                    group,
                    "; ".join(str(title) for title in of["classes"].values()),
                    of["network"],
                    wording.short(of["accuracy"]),
                    wording.count(of["n_patients"] if of["n_patients"] is not None else math.nan),
                    study.about["pgdose"],
                ]
            )
    return Table("Studies", heads, rows)


def _attacks(atlas: Atlas) -> Table:
    rows = [
        [
            of.label,
            wording.join_names(list(of.names)),
            ", ".join(
                f"{key} {setting_text(value)}"
                for key, value in of.settings.items()
                if value is not None
            ),
        ]
        for of in atlas.attacks
    ]
    heads = [Head("Attack"), Head("Studies", "text"), Head("Settings", "text")]
    return Table("Attacks", heads, rows)


# --- figures --------------------------------------------------------------------------------------


def _groups(atlas: Atlas) -> dict[str, str]:
    """Each study's groups as the curves' groups, with their modality."""
    names = atlas.rates[["study", "group", "modality"]].drop_duplicates().astype(str)
    return {f"{row.study} {row.group}": str(row.modality) for row in names.itertuples()}


def _curve_rows(atlas: Atlas) -> pd.DataFrame:
    table = atlas.rates.assign(
        group=atlas.rates["study"] + " " + atlas.rates["group"],
        n_flipped=atlas.rates["n_flipped"].astype("Float64"),
    )
    columns = ["group", "attack", "epsilon", "iteration", "n_attacked", "n_flipped", "asr"]
    return table[[*columns, "ci_low", "ci_high", "reached"]]


def _charts(atlas: Atlas) -> list[Chart]:
    rows = _curve_rows(atlas)
    if rows.empty:
        return []
    reached = rows.assign(role="main")
    last = int(rows["iteration"].max())
    return interactive.over_epsilon(rows.drop(columns="reached"), _groups(atlas), last, reached)


def _printed_curves(atlas: Atlas, folder: Path) -> Picture:
    groups = _groups(atlas)
    if len(groups) > MOST_PRINTED:
        figure = style.message(
            f"{len(groups)} curves are too many for one printed figure; tables/rates.csv has them."
        )
    else:
        figure = curves.asr_over_epsilon(_curve_rows(atlas), groups)
    style.save(figure, folder / "curves.png", folder / "curves.svg")
    return Picture(
        f"Success and amplitude {EPSILON}",
        f"Attack success rate over the amplitude {EPSILON}, of each study and group.",
        f"Curves of the success rate over the amplitude {EPSILON}; the numbers are in "
        "tables/rates.csv of the atlas.",
        embed(folder / "curves.png"),
    )


def _pictures(forests: Iterable[Forest], folder: Path, kind: str) -> list[tuple[str, Picture]]:
    """The forest plots, drawn and saved, each with its name."""
    result = []
    for place, of in enumerate(forests):
        name = f"forest-{kind}-{place}"
        style.save(forest(of), folder / f"{name}.png", folder / f"{name}.svg")
        text = "; ".join(
            f"{row['name']} {wording.short(row['estimate'])}" for row in of.rows.to_dict("records")
        )
        low, high = wording.short(of.pooled["ci_low"]), wording.short(of.pooled["ci_high"])
        alt = (
            f"{of.title}. Pooled {wording.short(of.pooled['estimate'])}, 95 % interval {low} to "
            f"{high}. {text}."
        )
        result.append((name, Picture(of.title, "", alt, embed(folder / f"{name}.png"))))
    return result


def _forests_of_rates(atlas: Atlas) -> Iterable[Forest]:
    """One for each attack and kind of image, at the dose that `_chosen` gives."""
    first = _first_pooled(atlas)
    by_attack = atlas.pooled.groupby(["modality", "attack"], sort=False)
    best = [_chosen(atlas, rows) for _, rows in by_attack]
    same = ("modality", "attack", "epsilon")
    best.sort(key=lambda row: first is None or any(row[key] != first[key] for key in same))
    for row in best:
        table = atlas.units
        units = table[(table[list(same)] == [row[key] for key in same]).all(axis=1)]
        kind = _kind(row["modality"])
        title = f"{row['attack']}, {kind}, {EPSILON} = {row['epsilon']:g}"
        yield Forest(title, style.ASR, _forest_rows(units), row, True)


def _forests_of_conclusions(atlas: Atlas) -> Iterable[Forest]:
    for row in _conclusions_of_attacks(atlas):
        of = _rows_of(atlas, row)
        is_share = row["scale"] == ARCSINE
        title = f"{summary.claim(row['conclusion'])}: {row['attack']}"
        zero = math.nan if is_share else 0.0
        yield Forest(title, str(of["statistic"].iloc[0]), _forest_rows(of), row, is_share, zero)


def _forest_rows(units: pd.DataFrame) -> pd.DataFrame:
    """Estimates and their intervals, back from the scale."""
    estimate, error = (units[name].to_numpy(float) for name in ("estimate", "standard_error"))
    ends = [estimate, *interval(estimate, error)]
    if units["scale"].iloc[0] == ARCSINE:
        ends = [rate_of(end) for end in ends]
    marked = units["failed_checks"] > 0 if "failed_checks" in units else False
    return pd.DataFrame(
        {
            "name": units["study"],
            **dict(zip(("estimate", "low", "high"), ends, strict=True)),
            "weight": meta_analysis.pool(estimate, error).weights,
            "marked": marked,
        }
    )
