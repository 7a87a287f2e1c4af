import json
import os
import platform
from importlib import metadata
from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.report import html_page
from pgdose.tables import parquet, result_csv

SHOWN = ("pgdose", "snakemake", "torch", "torchvision", "pydicom", "openslide-python", "numpy")


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed here"


def machine():
    """The processor and the memory, without the machine's name."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "Processor": models[0] if models else platform.machine(),
        "Cores": os.cpu_count(),
        "Memory": f"{size / 2**30:.0f} GB",
    }


with job(snakemake):
    given, params = snakemake.input, snakemake.params
    study = settings(params, "study")
    tables = {Path(path).stem: result_csv.read_csv(path) for path in given.tables}
    for name in ("asr", "confidence"):
        tables[name] = as_counted(tables[name], study["measures"]["success"])
    named = [
        *zip(settings(params, "sources"), given.rejects, strict=True),
        *zip(settings(params, "groups"), given.left_out, strict=True),
        *zip(settings(params, "groups"), given.unreadable, strict=True),
    ]
    rejects = pd.concat([parquet.read_table(path).assign(source=name) for name, path in named])
    labelled = zip(settings(params, "hand_labelled"), given.agreement, strict=True)
    agreement = [result_csv.read_csv(path).assign(source=source) for source, path in labelled]
    checks, devices = [], []
    diagnosed = zip(settings(params, "diagnosed"), given.diagnostics, strict=True)
    for (group, run, attack), path in diagnosed:
        told = json.loads(Path(path).read_text())
        where = {"group": group, "run": run, "attack": attack}
        checks += [{**where, "check": check["name"], **check} for check in told["checks"]]
        ran = {name: ", ".join(told[name]) for name in ("device", "precision")}
        devices.append({**where, **ran})
    checks += tables.pop("network_checks").assign(attack="all").to_dict("records")
    folder = Path(params.benchmarks)
    measured = [
        pd.read_csv(path, sep="\t").assign(rule=path.relative_to(folder).parts[0].split(".")[0])
        for path in sorted(folder.rglob("*.tsv"))
    ]
    times = pd.concat(measured) if measured else pd.DataFrame(columns=["rule", "s", "max_rss"])
    times["max_rss"] = pd.to_numeric(times["max_rss"], errors="coerce")
    by_rule = times.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), max_rss_mb=("max_rss", "max")
    )
    by_device = pd.DataFrame(devices).groupby(["attack", "device", "precision"], sort=False).size()
    html_page.write_report(
        snakemake.output[0],
        study=study,
        groups=settings(params, "modality"),
        tables=tables,
        figures={Path(path).stem: path for path in given.figures},
        pictures={
            group: {name: given[name][place] for name in html_page.PICTURES}
            for place, group in enumerate(settings(params, "groups"))
        },
        checks=pd.DataFrame(checks),
        rejects=rejects.groupby(["source", "stage", "reason"]).size().reset_index(name="count"),
        benchmarks=by_rule.sort_values("seconds", ascending=False).reset_index(),
        devices=by_device.reset_index(name="jobs"),
        versions={
            "Python": platform.python_version(),
            **{package: version(package) for package in SHOWN},
        },
        machine=machine(),
        agreement=pd.concat(agreement) if agreement else None,
    )
