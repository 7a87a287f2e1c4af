"""The main numbers of a finished study, for the terminal."""

from pathlib import Path

import pandas as pd

from pgdose.tables import result_csv

LINE = "  {epsilon:>8}  {asr:>5}  {interval:>13}  {counts}"


def main_numbers(results: Path) -> list[str]:
    """Accuracy, and ASR by epsilon after the last iteration of each attack, of the main networks.

    The last line names the page.
    """
    networks = _main(result_csv.read_csv(results / "tables" / "networks.csv"))
    asr = _main(result_csv.read_csv(results / "tables" / "asr.csv"))
    checks = _main(result_csv.read_csv(results / "tables" / "network_checks.csv"))
    doses = _main(result_csv.read_csv(results / "tables" / "doses.csv"))
    lines: list[str] = []
    for _, row in networks.iterrows():
        ends = _ends(row)
        lines.append(
            f"{row['group']}: accuracy {row['accuracy']:.3f} {ends} on {row['n_images']} images"
        )
        lines += _failed_checks(checks[checks["group"] == row["group"]])
        of_group = asr[asr["group"] == row["group"]]
        for attack, rows in of_group.groupby("attack", sort=False):
            lines += _curve(str(attack), rows)
            median = doses.loc[
                (doses["group"] == row["group"]) & (doses["attack"] == attack), "median_epsilon"
            ]
            if len(median) and median.iloc[0] < float("inf"):
                lines.append(f"  half of the images flip at epsilon {median.iloc[0]:.4g} or less")
    return [*lines, f"Page: {results / 'report.html'}"]


def _main(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["role"] == "main"]


def _failed_checks(checks: pd.DataFrame) -> list[str]:
    """What speaks against the numbers below, and what to do."""
    lines = []
    for _, row in checks[checks["verdict"] == "failed"].iterrows():
        lines.append(f"  check failed, {row['check']}: {row['says']}")
        if row["check"] == "better than chance":
            lines.append(
                "  The curve says nothing before this is mended: are the classes in the order of "
                "the outputs (--classes), mean, std and range those of the training?"
            )
    return lines


def _curve(attack: str, rows: pd.DataFrame) -> list[str]:
    last = rows[rows["iteration"] == rows["iteration"].max()]
    lines = [
        f"{attack}, after {last['iteration'].iloc[0]} iterations:",
        LINE.format(epsilon="epsilon", asr="ASR", interval="95 %", counts="flipped of attacked"),
    ]
    for _, row in last.iterrows():
        ends = _ends(row)
        lines.append(
            LINE.format(
                epsilon=f"{row.epsilon:.4g}",
                asr="" if pd.isna(row.asr) else f"{row.asr:.3f}",
                interval=ends,
                counts=f"{row.n_flipped} of {row.n_attacked}",
            )
        )
    return lines


def _ends(row: pd.Series) -> str:
    """The interval by patients, or Wilson's where nobody knows them."""
    for low, high in ((row["ci_low"], row["ci_high"]), (row["wilson_low"], row["wilson_high"])):
        if not (pd.isna(low) or pd.isna(high)):
            return f"[{low:.2f}, {high:.2f}]"
    return ""
