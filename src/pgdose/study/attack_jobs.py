"""Which attacks run together in one process."""

from collections.abc import Hashable
from dataclasses import dataclass

from pgdose.study.runs import Run
from pgdose.study.study import Study


@dataclass(frozen=True)
class AttackJob:
    """Attacks that one process carries out, each on the same shard of a run's images.

    rule:    name of the rule
    runs:    those whose attacks are divided in this way
    attacks: their names, in the order of the study
    runtime: minutes that all of them may take together
    """

    rule: str
    runs: tuple[Run, ...]
    attacks: tuple[str, ...]
    shards: int
    threads: int
    mem_mb: int
    runtime: int


def attack_jobs(study: Study) -> list[AttackJob]:
    """One job for all attacks of a run, since importing torch takes longer than a small attack.

    Only attacks with the same shards, threads and memory share a job. Attacks of other libraries
    have one to themselves, because they may leave state behind. The first rule is called
    `attack`, the others by their attacks as well.
    """
    all_runs = [run for group in study.groups for run in study.runs(group).values()]
    runs_of: dict[tuple[str, ...], list[Run]] = {}
    for run in all_runs:
        for attacks in _together(study, run.attacks):
            runs_of.setdefault(attacks, []).append(run)
    return [
        _job(study, attacks, runs, "_".join(["attack", *attacks]) if number else "attack")
        for number, (attacks, runs) in enumerate(runs_of.items())
    ]


def _together(study: Study, attacks: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The attacks of a run, divided into those that share a process."""
    processes: dict[Hashable, list[str]] = {}
    for name in attacks:
        attack = study.attacks[name]
        alone = name if attack.kind == "external" else None
        process = attack.shards, attack.threads, attack.mem_mb, alone
        processes.setdefault(process, []).append(name)
    return [tuple(names) for names in processes.values()]


def _job(study: Study, attacks: tuple[str, ...], runs: list[Run], rule: str) -> AttackJob:
    first = study.attacks[attacks[0]]
    return AttackJob(
        rule=rule,
        runs=tuple(runs),
        attacks=attacks,
        shards=first.shards,
        threads=first.threads,
        mem_mb=first.mem_mb,
        runtime=sum(study.attacks[name].runtime for name in attacks),
    )
