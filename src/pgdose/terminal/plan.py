"""Snakemake's plan of a run, as far as the lines on the terminal need it."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdose.terminal.estimate import Job

SAMPLE = 20  # files of an earlier run that are read for a rule
START = (
    1.5  # seconds between jobs that no benchmark holds: the start of Python, and Snakemake's part
)


@dataclass(frozen=True)
class Plan:
    """The jobs of a run by Snakemake's number.

    limits:  of each resource what there is; None on a cluster, whose queue nobody can foresee
    typical: whether the study is like the default one, so that typical seconds hold for it
    """

    jobs: Mapping[int, Job]
    limits: Mapping[str, int] | None
    typical: bool


def read_plan(workflow: Any, typical: bool) -> Plan:
    """The jobs that Snakemake is about to run. Targets that run nothing are no jobs."""
    dag = workflow.dag
    planned = {dag.jobid(job): job for job in dag.needrun_jobs() if not job.is_norun}
    earlier = EarlierSeconds()
    jobs = {
        number: Job(
            rule=job.rule.name,
            name="/".join(map(str, job.wildcards)),
            needs=frozenset(dag.jobid(needed) for needed in dag.dependencies[job]) & planned.keys(),
            uses={name: n for name, n in job.resources.items() if isinstance(n, int)},
            earlier=earlier.of(job.rule.name, job.benchmark),
        )
        for number, job in planned.items()
    }
    limits = workflow.scheduler.global_resources if workflow.local_exec else None
    return Plan(jobs, limits, typical)


class EarlierSeconds:
    """Seconds of jobs in an earlier run, from their benchmarks."""

    def __init__(self) -> None:
        self.means: dict[str, float | None] = {}

    def of(self, rule: str, benchmark: str | None) -> float | None:
        """Those of the same job, or else the mean of its rule; None if there are none.

        benchmark:  the job's file, `benchmarks/<rule>/<names>.tsv` or `benchmarks/<rule>.tsv`
        """
        if benchmark is None:
            return None
        path = Path(benchmark)
        seconds = read_seconds(path)
        if seconds is not None or path.parent.name != rule:
            return seconds
        if rule not in self.means:
            files = sorted(path.parent.glob("*.tsv"))[:SAMPLE]
            values = [s for s in map(read_seconds, files) if s is not None]
            self.means[rule] = sum(values) / len(values) if values else None
        return self.means[rule]


def read_seconds(path: Path) -> float | None:
    """The seconds in a benchmark of Snakemake; None if it is missing or cut off."""
    try:
        with path.open(encoding="utf-8") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        return float(row["s"]) + START
    except (OSError, StopIteration, KeyError, ValueError, TypeError):
        return None
