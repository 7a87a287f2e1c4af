"""How the results were made: versions of packages, the machine, time and memory of each rule."""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import pandas as pd

CHECKOUT = Path(__file__).resolve().parents[3]
# As in CITATION.cff, which an installed package has not beside it; a test compares them.
AUTHORS = "The pgdose developers"
TITLE = "pgdose: dose-response of adversarial attacks on medical image classifiers"
PACKAGES = ("pgdose", "snakemake", "torch", "torchvision", "pydicom", "openslide-python", "numpy")


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The versions of Python and of the packages, as installed where the page is written."""
    return {"Python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed here"


def commit(root: Path = CHECKOUT) -> str:
    """The commit of the checkout that runs, with a remark if its code was changed since.

    Empty if pgdose does not run from a checkout of its own.
    """
    try:
        top, name = _git(root, "rev-parse", "--show-toplevel", "HEAD").stdout.split("\n")[:2]
        if Path(top).resolve() != root.resolve():  # some other project's, round an installation
            return ""
        plain = ("--quiet", "--no-ext-diff", "--no-textconv", "HEAD", "--", "src", "scripts")
        changed = _git(root, "diff", *plain, "workflow", check=False).returncode != 0
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return f"{name}, with changes that are not committed" if changed else name


def _git(root: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), *words]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=20)


def citation(versions: Mapping[str, str], commit: str) -> str:
    """How to cite pgdose, as CITATION.cff has it, with the version and commit that ran."""
    version = versions.get("pgdose", "")
    made = ", ".join(
        [f"version {version}"] * bool(version) + [f"commit {commit[:12]}"] * bool(commit)
    )
    return f"{AUTHORS}. {TITLE}." + (f" {made[0].upper()}{made[1:]}." if made else "")


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """The processor, its cores and the memory, without the machine's name."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "Processor": models[0] if models else platform.machine(),
        "Cores": str(os.cpu_count()),
        "Memory": f"{size / 2**30:.0f} GB",
    }


def training_seconds(
    folder: str | Path, runs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], float]:
    """The seconds of the training jobs, by group and run, from Snakemake's benchmark files.

    Runs without a file are left out: they were not trained, or not by this results folder. Of a job
    that was killed and went on later only the last part was measured.
    """
    files = {run: Path(folder, "train", f"{run[0]}-{run[1]}.tsv") for run in runs}
    return {
        run: float(pd.read_csv(path, sep="\t")["s"].sum())
        for run, path in files.items()
        if path.is_file()
    }


def benchmarks(folder: str | Path) -> pd.DataFrame:
    """Time and memory of each rule, the longest first, from Snakemake's benchmark files.

    Args:
        folder: holds `<rule>.tsv` and `<rule>/**/*.tsv`.

    Returns:
        `rule jobs seconds max_rss_mb`: the number of jobs, the sum of their seconds, and the most
        memory of any of them; NaN where Snakemake measured none.
    """
    folder = Path(folder)
    jobs = [
        pd.read_csv(path, sep="\t").assign(rule=path.relative_to(folder).parts[0].split(".")[0])
        for path in sorted(folder.rglob("*.tsv"))
    ]
    table = pd.concat(jobs) if jobs else pd.DataFrame(columns=["rule", "s", "max_rss"])
    table["max_rss"] = pd.to_numeric(table["max_rss"], errors="coerce")
    by_rule = table.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), max_rss_mb=("max_rss", "max")
    )
    return by_rule.sort_values("seconds", ascending=False).reset_index()
