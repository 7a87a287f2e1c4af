"""Seconds of an earlier run, and what is taken from Snakemake's plan."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pgdose.terminal.plan import START, EarlierSeconds, read_plan


def benchmark(path: Path, seconds: float) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t-\n")
    return str(path)


def test_a_job_s_own_seconds_come_before_the_mean_of_its_rule(tmp_path: Path) -> None:
    one = benchmark(tmp_path / "train/A-full.tsv", 10)
    benchmark(tmp_path / "train/B-full.tsv", 20)
    earlier = EarlierSeconds()
    assert earlier.of("train", one) == 10 + START
    assert earlier.of("train", str(tmp_path / "train/C-full.tsv")) == 15 + START
    assert earlier.of("attack", str(tmp_path / "attack/C.tsv")) is None
    assert earlier.of("all", None) is None


def test_a_rule_with_one_job_takes_no_other_rule_s_seconds(tmp_path: Path) -> None:
    benchmark(tmp_path / "curves.tsv", 10)
    assert EarlierSeconds().of("report", str(tmp_path / "report.tsv")) is None


def test_a_damaged_benchmark_is_none(tmp_path: Path) -> None:
    path = tmp_path / "report.tsv"
    for text in ("", "s\n", "s\tx\n", "seconds\n3\n", "s\n-\n"):
        path.write_text(text)
        assert EarlierSeconds().of("report", str(path)) is None, text


class Planned(SimpleNamespace):
    __hash__ = object.__hash__  # type: ignore[assignment]


def job(rule: str, *names: str, **settings: Any) -> Planned:
    described = {"is_norun": False, "benchmark": None, "resources": {"_cores": 1}} | settings
    return Planned(rule=SimpleNamespace(name=rule), wildcards=names, **described)


def workflow(local: bool = True) -> SimpleNamespace:
    done, train = job("members", "A"), job("train", "A", "full")
    resources = {"_cores": 2, "gpu": 1, "tmpdir": "/tmp", "mem": "4 GB"}
    attack = job("attack", "A", "full", resources=resources)
    everything = job("all", is_norun=True)
    numbers = [done, train, attack, everything]
    needs = {done: [], train: [done], attack: [train, done], everything: [attack]}
    dag = SimpleNamespace(
        jobid=numbers.index, dependencies=needs, needrun_jobs=lambda: [everything, attack, train]
    )
    scheduler = SimpleNamespace(global_resources={"_cores": 8, "gpu": 1})
    return SimpleNamespace(dag=dag, scheduler=scheduler, local_exec=local)


def test_the_plan_holds_what_is_to_be_run() -> None:
    """Neither what is done already, nor a target like `all`, which runs nothing."""
    plan = read_plan(workflow(), typical=True)
    assert {n: (job.rule, job.name, job.needs) for n, job in plan.jobs.items()} == {
        1: ("train", "A/full", frozenset()),
        2: ("attack", "A/full", frozenset({1})),
    }
    assert plan.jobs[2].uses == {"_cores": 2, "gpu": 1}
    assert plan.limits == {"_cores": 8, "gpu": 1} and plan.typical


def test_nobody_can_foresee_the_queue_of_a_cluster() -> None:
    assert read_plan(workflow(local=False), typical=True).limits is None
