"""What the default study's results must show. Run after `make demo`; exits with 1 if not.

.venv/bin/python tests/workflow/check_demo.py [results/phantom]
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd

GROUPS = ["X-NR2", "X-NR3", "X-AO", "X-TB", "H-OV", "H-TH", "H-OV-TH", "H-BR"]
TOP = 0.02  # the operating point, and the largest amplitude of `sign`
FINE = 0.02  # the protocol's smallest amplitude; the rise of `sign` lies below it

failed = []


def check(holds: bool, what: str) -> None:
    print("ok    " if holds else "FAILED", what)
    if not holds:
        failed.append(what)


def check_networks(results: Path, table1: pd.DataFrame) -> None:
    """Table 1 has all groups, and each network is better than chance."""
    check(list(table1.index) == GROUPS, "Table 1 has the eight groups")
    classes = pd.read_csv(results / "tables/class_counts.csv").groupby("group")["n_validation"]
    for group, row in table1.iterrows():
        chance = (classes.max() / classes.sum())[group]  # of who always says the largest class
        check(
            row["ci_low"] > chance,
            f"{group}: accuracy {row['accuracy']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}] "
            f"excludes chance {chance:.2f}",
        )


def check_attacks(results: Path) -> None:
    """The sign attack flips more than noise does, and its doses show the rise."""
    asr = pd.read_csv(results / "tables/asr.csv")
    asr = asr[(asr["run"] == "full") & (asr["iteration"] == 20)].set_index(["attack", "group"])
    at_top = {
        attack: asr.loc[attack][asr.loc[attack, "epsilon"] == TOP] for attack in ("sign", "noise")
    }
    apart = 0
    for group in GROUPS:
        noise, sign = (at_top[attack].loc[group] for attack in ("noise", "sign"))
        apart += sign["asr"] > 0.5 and noise["ci_high"] < sign["ci_low"]
        print(
            f"       {group}: at eps {TOP:.2f} sign flips {sign['asr']:.2f} "
            f"(from {sign['ci_low']:.2f}), noise {noise['asr']:.2f} (to {noise['ci_high']:.2f})"
        )
    check(apart >= 5, f"sign flips over half, and noise clearly less, in {apart} of 8 groups")
    for group in GROUPS:
        doses = asr.loc[("sign", group)]
        lowest, top = doses["asr"].iloc[0], doses["asr"].max()
        between = doses[(doses["epsilon"] < FINE) & (doses["asr"] < 0.9 * top)]
        check(lowest < 0.6 * top and len(between) > 0, f"{group}: the doses of sign show its rise")


def check_diagnostics(results: Path) -> None:
    """Every surface is checked, and none fails a check that only a defect can fail."""
    runs = sorted(results.glob("groups/*/*/diagnostics.parquet"))
    checks = pd.concat(pd.read_parquet(path).assign(run=str(path.parent)) for path in runs)
    surfaces = len(checks.groupby(["run", "attack"]))
    sound = {"repeatable", "outputs are logits", "inputs in range", "clean prediction", "box kept"}
    failing = set(checks["check"][checks["verdict"] == "failed"])
    warned = int((checks["verdict"] == "failed").sum())
    check(
        surfaces == 8 * 5 + 4 * 4 and not sound & failing,
        f"{surfaces} surfaces of sound networks; {warned} of {len(checks)} checks warn",
    )


def check_conclusions(results: Path) -> None:
    """Each conclusion has a verdict on each attack, with its reason."""
    verdicts = pd.read_csv(results / "tables/conclusions.csv")
    legal = verdicts["verdict"].isin(["supported", "contradicted", "undecided"])
    check(len(verdicts) == 25 and legal.all(), "five verdicts for each of five attacks")
    for verdict, rows in verdicts.groupby("verdict"):
        conclusions = rows["conclusion"] + " (" + rows["attack"] + ")"
        print(f"       {verdict}: {', '.join(conclusions)}")
    check(verdicts["reason"].notna().all(), "each verdict has its reason")


def check_figures_and_page(results: Path, table1: pd.DataFrame) -> None:
    """All figures are there, and the page shows Table 1 and is small."""
    figures = [
        f"fig{n}.{kind}" for n in ["1", "2", "3a", "3b", "3c", "3d"] for kind in ("png", "svg")
    ]
    figures += [f"fig3{n}.csv" for n in "abcd"]
    figures += [f"{what}/{group}.png" for what in ("heatmap", "network") for group in GROUPS]
    absent = [name for name in figures if not (results / "figures" / name).is_file()]
    check(not absent, f"all figures, and their tables {absent}")
    page = (results / "report.html").read_text()
    check(all(title in page for title in table1["title"]), "the report shows Table 1")
    check(len(page) < 10e6, f"the report has {len(page) / 1e6:.1f} MB")


def check_jobs(results: Path) -> None:
    """No job took much memory, and a second run has nothing to do."""
    memory = [pd.read_csv(path, sep="\t") for path in (results / "benchmarks").rglob("*.tsv")]
    peak = pd.to_numeric(pd.concat(memory)["max_rss"], errors="coerce").max()
    check(peak < 3000, f"no job took more than {peak:.0f} MB")
    again = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), "--cores", "2", "--dry-run"],
        text=True,
        capture_output=True,
    )
    check("Nothing to be done" in again.stdout + again.stderr, "a second run has nothing to do")


def check_manifest(results: Path) -> None:
    """All results are those that the manifest lists."""
    command = [Path(sys.executable).with_name("pgdose"), "verify", results]
    run = subprocess.run(command, text=True, capture_output=True)
    check(run.returncode == 0, f"pgdose verify: {(run.stdout + run.stderr).strip()}")


def main() -> int:
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "results/phantom")
    table1 = pd.read_csv(results / "tables/table1.csv").set_index("group")
    check_networks(results, table1)
    check_attacks(results)
    check_diagnostics(results)
    check_conclusions(results)
    check_figures_and_page(results, table1)
    check_jobs(results)
    check_manifest(results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
