"""How many jobs of each rule a study has left to run: Snakemake's dry run, read."""

import subprocess
from pathlib import Path

from pgdose.cli.workflow import snakemake_command
from pgdose.errors import UserError


def job_counts(study: Path) -> dict[str, int]:
    """The jobs by rule, in Snakemake's order; empty if there is nothing to be done."""
    options = ["--cores", "1", "--dry-run", "--quiet", "rules", "reason", "--nolock"]
    done = subprocess.run(
        snakemake_command(study, options), text=True, capture_output=True, errors="replace"
    )
    told = done.stdout + done.stderr
    if done.returncode:
        raise UserError(f"Snakemake cannot plan the study:\n{told.strip()[-3000:]}")
    return read_counts(told)


def read_counts(told: str) -> dict[str, int]:
    """The first table `job  count` in what Snakemake prints, without its sum and the targets."""
    counts: dict[str, int] = {}
    lines = iter(told.splitlines())
    for line in lines:
        if line.split() == ["job", "count"]:
            next(lines)  # the line under the heads
            for row in lines:
                parts = row.split()
                if len(parts) != 2 or not parts[1].isdecimal():
                    break
                counts[parts[0]] = int(parts[1])
            break
    return {rule: n for rule, n in counts.items() if rule not in ("total", "all")}
