import json
import platform
from importlib import metadata
from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.plots import report

SHOWN = ("pgdose", "snakemake", "torch", "torchvision", "pydicom", "openslide-python", "numpy")


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed here"


with job(snakemake):
    tables = {Path(path).stem: pd.read_csv(path) for path in snakemake.input.tables}
    given, params = snakemake.input, snakemake.params
    named = [
        *zip(settings(params, "sources"), given.rejects, strict=True),
        *zip(settings(params, "groups"), given.left_out, strict=True),
    ]
    rejects = [records.read_table(path).assign(source=name) for name, path in named]
    labelled = zip(settings(params, "hand_labelled"), given.agreement, strict=True)
    agreement = [pd.read_csv(path).assign(source=source) for source, path in labelled]
    diagnosed = zip(settings(params, "diagnosed"), given.diagnostics, strict=True)
    checks = [
        {"group": group, "run": run, "attack": attack, "check": check["name"], **check}
        for (group, run, attack), path in diagnosed
        for check in json.loads(Path(path).read_text())["checks"]
    ]
    counted = pd.concat(rejects).groupby(["source", "stage", "reason"]).size()
    folder = Path(snakemake.params.benchmarks)
    measured = [
        pd.read_csv(path, sep="\t").assign(rule=path.relative_to(folder).parts[0].split(".")[0])
        for path in sorted(folder.rglob("*.tsv"))
    ]
    times = pd.concat(measured) if measured else pd.DataFrame(columns=["rule", "s", "max_rss"])
    times["max_rss"] = pd.to_numeric(times["max_rss"], errors="coerce")
    by_rule = times.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), max_rss_mb=("max_rss", "max")
    )
    report.write_report(
        snakemake.output[0],
        study=settings(snakemake.params, "study"),
        table1=tables["table1"],
        class_counts=tables["class_counts"],
        sources=tables["sources"],
        conclusions=tables["conclusions"],
        checks=pd.DataFrame(checks),
        rejects=counted.rename("count").reset_index(),
        agreement=pd.concat(agreement) if agreement else None,
        figures={Path(path).stem: Path(path) for path in snakemake.input.figures},
        benchmarks=by_rule.sort_values("seconds", ascending=False).reset_index(),
        versions={
            "Python": platform.python_version(),
            **{package: version(package) for package in SHOWN},
        },
    )
