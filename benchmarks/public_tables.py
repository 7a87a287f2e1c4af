"""The tables of docs/public: what a study on public images says, and the synthetic study beside it.

    .venv/bin/python benchmarks/public_tables.py results/public results/phantom \\
        --study resources/studies/public.yaml --out docs/public

Both studies must be finished; `--study` is the file of the first. Writes CSV files, from which
public_figures.py draws.
"""

import argparse
from pathlib import Path

import pandas as pd
import public_conclusions
import public_images
import public_rates
from public_study import Results, read_results, write

from pgdose.analysis.result_files import read_result_tables
from pgdose.report import provenance

PACKAGES = ("pgdose", "snakemake", "torch", "torchvision")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results of the study on public images")
    parser.add_argument("synthetic", type=Path, help="results of the synthetic study")
    parser.add_argument("--study", type=Path, default=Path("resources/studies/public.yaml"))
    parser.add_argument("--out", type=Path, default=Path("docs/public"))
    given = parser.parse_args()
    results = read_results(given.results, given.study)
    synthetic = read_result_tables(given.synthetic / "tables")["conclusions"]
    given.out.mkdir(parents=True, exist_ok=True)
    for tables in (
        public_rates.tables(results),
        public_conclusions.tables(results, synthetic),
        public_images.tables(results),
        descents(given.results / "step_length"),
        {"run": pd.DataFrame(run_rows(results)).astype({"jobs": "Int64"})},
    ):
        write(tables, given.out)
    print(f"Look at {given.out}; draw with: benchmarks/public_figures.py {given.out}")


def descents(folder: Path) -> dict[str, pd.DataFrame]:
    """What step_length.py wrote of the paper's attack."""
    files = {"descent": folder / "paper-rates.csv", "descents": folder / "paper-descents.csv"}
    return {name: pd.read_csv(path) for name, path in files.items() if path.exists()}


def run_rows(results: Results) -> list[dict]:
    """How long the study took, with which versions, on which processor."""
    jobs = provenance.benchmarks(results.folder / "benchmarks")
    machine = provenance.machine()
    rows: list[dict] = [
        {"what": "study", "name": "jobs with a time", "value": int(jobs["jobs"].sum())},
        {"what": "study", "name": "minutes of all jobs", "value": jobs["seconds"].sum() / 60},
        *({"what": "study", "name": n, "value": v} for n, v in span(results.folder).items()),
        *({"what": "version", "name": n, "value": v} for n, v in versions().items()),
        *({"what": "machine", "name": n, "value": machine[n]} for n in ("Processor", "Cores")),
    ]
    rows += [
        {"what": "stage", "name": rule, "value": seconds, "jobs": n, "max_rss_mb": rss}
        for rule, n, seconds, rss in jobs.itertuples(index=False)
    ]
    return [
        {**row, "value": f"{row['value']:.4g}" if isinstance(row["value"], float) else row["value"]}
        for row in rows
    ]


def versions() -> dict[str, str]:
    return provenance.versions(PACKAGES)


def span(folder: Path) -> dict[str, float]:
    """Minutes from the first job's start to the last one's end, by the times of their files."""
    ends = [
        (path.stat().st_mtime, float(pd.read_csv(path, sep="\t")["s"].iloc[0]))
        for path in (folder / "benchmarks").rglob("*.tsv")
    ]
    if not ends:
        return {}
    start, end = min(t - s for t, s in ends), max(t for t, _ in ends)
    return {"minutes from the first job's start to the last one's end": (end - start) / 60}


if __name__ == "__main__":
    main()
