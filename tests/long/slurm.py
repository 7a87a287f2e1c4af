"""The workflow on a real Slurm, started for this alone on this machine: `make test-slurm`.

Installs Debian's Slurm where it is missing, starts it on the loopback with two CPUs and one GPU
(/dev/null: there is none, the network jobs fall back to the CPU), and carries a study of two groups
out with profiles/slurm, while a training and an attack at work are killed. It asserts that

- each rule of the networks asks for exactly one GPU, and no other job for any;
- never two jobs held the one GPU at once;
- the killed jobs were tried again;
- every table, store and network is, byte for byte, that of an undisturbed run without Slurm.

Everything lies in a temporary folder, nothing in /etc is read or changed, and the daemons stop
with the test. The folder stays if the test fails. Where Slurm cannot be had (not root, not Debian,
no package server), it says so and passes.
"""

import argparse
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.ports import free_port
from helpers.workflow import checkout

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")
STUDY = "tests/data/studies/pair.yaml"
# The study exports nothing by itself, and `export` is a GPU rule too.
EXPORT = "attacks={paper: {export: 2}}"
GPU_RULES = {"train", "attack", "diagnose", "examples", "export"}
KILLED = ("train", "attack")
TIED = ("setpriv", "--pdeathsig", "KILL")  # what is started so ends with this test, killed or not
# Snakemake, but the plugin asks Slurm every two seconds. Left alone it waits ten seconds longer
# each time that no job has ended: right for jobs of hours, and idle time where they take seconds.
SNAKEMAKE = """
import asyncio
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

async def sleep(self):
    await asyncio.sleep(2)

RemoteExecutor.sleep = sleep
main()
"""
LIMIT = 1200  # seconds for each of the two runs: one that hangs is stopped
COMPARED = {".csv", ".parquet", ".json", ".npy", ".safetensors"}

SLURM_CONF = """
ClusterName=pgdose
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
KillWait=5
MinJobAge=3600
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 Port={slurmd_port} CPUs=2 RealMemory=24000 Gres=gpu:1
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def skip(reason: str) -> None:
    line = "!" * 78
    print(f"{line}\nSKIPPED, Slurm was NOT tested: {reason}\n{line}", file=sys.stderr)
    sys.exit(0)


def install() -> None:
    """Debian's Slurm, if it is not there."""
    if os.geteuid() != 0:
        skip("its daemons are started as root, and this is not")
    if all(map(shutil.which, PROGRAMS)):
        return
    if not shutil.which("apt-get"):
        skip("slurm-wlm and munge are missing, and there is no apt-get to install them")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    packages = ["--no-install-recommends", "slurm-wlm", "munge"]
    for command in (["update"], ["install", "-y", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True)
    if done.returncode or not all(map(shutil.which, PROGRAMS)):
        skip("apt-get could not install slurm-wlm and munge")


def ask(*command: str) -> str:
    """What a command of Slurm answers; nothing if it fails."""
    try:
        return subprocess.run(command, text=True, capture_output=True, timeout=20).stdout
    except subprocess.TimeoutExpired:
        return ""


def tail(path: Path) -> str:
    return f"--- {path.name}\n{path.read_text()[-3000:]}" if path.exists() else ""


def stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(10)
    except subprocess.TimeoutExpired:
        daemon.kill()


def cancel_all() -> None:
    ask("scancel", "--user=root")
    deadline = time.monotonic() + 20
    while ask("squeue", "-h") and time.monotonic() < deadline:
        time.sleep(1)


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """A cluster of this machine alone, as long as the block lasts."""
    host = socket.gethostname().split(".")[0]
    for name in ("munge", "state", "spool", "bin"):
        (folder / name).mkdir(mode=0o700)
    for passed in (folder, folder / "munge"):
        passed.chmod(0o711)  # munged wants its socket to be reached by everyone
    key = folder / "munge/key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    config = folder / "slurm.conf"
    ports = {"ctld_port": free_port(), "slurmd_port": free_port()}
    config.write_text(SLURM_CONF.format(folder=folder, host=host, **ports))
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    # The plugin takes all SLURM_* from its jobs before it calls srun.
    srun = folder / "bin/srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={config} exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    os.environ["SLURM_CONF"] = str(config)
    os.environ["PATH"] = f"{srun.parent}{os.pathsep}{os.environ['PATH']}"
    places = [f"--{name}-file={folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
    commands = [
        ["munged", "--foreground", f"--socket={folder}/munge/socket", *places],
        ["slurmctld", "-D", "-c", "-f", str(config)],
        ["slurmd", "-D", "-c", "-f", str(config)],
    ]
    with ExitStack() as stack:  # each is stopped, whatever happens to the others
        daemons = {}
        for command in commands:
            with (folder / f"{command[0]}.out").open("w") as out:
                daemon = subprocess.Popen([*TIED, *command], stdout=out, stderr=out)
            stack.callback(stop, daemon)
            daemons[command[0]] = daemon
            time.sleep(1)
        stack.callback(cancel_all)
        deadline = time.monotonic() + 60
        while "idle" not in ask("sinfo", "-h", "-o", "%t"):
            ended = [name for name, daemon in daemons.items() if daemon.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = "\n".join(tail(folder / f"{name}.out") for name in daemons)
                sys.exit(f"Slurm did not start ({', '.join(ended) or 'no idle node'})\n{logs}")
            time.sleep(1)
        yield


def carry_out(folder: Path, meanwhile: Callable[[], None], *arguments: str) -> None:
    """The study in a checkout; `meanwhile` is called again and again as long as it runs."""
    log = folder.with_suffix(".log")
    with log.open("w") as out:
        run = subprocess.Popen(
            [
                *TIED,
                sys.executable,
                "-c",
                SNAKEMAKE,
                *arguments,
                "--configfile",
                STUDY,
                "--config",
                EXPORT,
            ],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        deadline = time.monotonic() + LIMIT
        try:
            while run.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)
                meanwhile()
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    if run.wait() or not (folder / "results/pair/report.html").exists():
        sys.exit(f"not carried out: {folder}\n{tail(log)}")


def records() -> list[dict[str, str]]:
    """What Slurm knows of each job of the run."""
    jobs = []
    for line in ask("scontrol", "show", "job", "--oneliner").splitlines():
        fields = dict(re.findall(r"(\w+(?:/\w+)?(?::\w+)*)=(\S*)", line))
        jobs.append(fields | {"rule": rule_of(fields.get("Comment", ""))})
    return jobs


def rule_of(comment: str) -> str:
    """Snakemake writes `rule_attack_wildcards_X-TB_full_paper_0`."""
    return comment.removeprefix("rule_").split("_wildcards_")[0]


def at_work(folder: Path, comment: str) -> bool:
    """Whether the job's script has begun its log (here no name holds a _)."""
    rule, wildcards = rule_of(comment), comment.split("_wildcards_")[-1]
    return (folder / f"results/pair/logs/{rule}/{wildcards.replace('_', '-')}.log").exists()


def kill_some(folder: Path, killed: dict[str, str]) -> None:
    """Of each of KILLED, once, a job that is at work."""
    for line in ask("squeue", "-h", "-t", "R", "-o", "%i %k").splitlines():
        job, _, comment = line.partition(" ")
        rule = rule_of(comment)
        if rule in KILLED and rule not in killed and at_work(folder, comment):
            ask("scancel", job)
            if "JobState=COMPLETED" not in ask("scontrol", "show", "job", job):
                killed[rule] = job


def check_gpus(jobs: list[dict[str, str]]) -> None:
    held = []
    for job in jobs:
        asked = job.get("TresPerJob", "")
        wanted = "gres:gpu:1" if job["rule"] in GPU_RULES else ""
        assert asked == wanted, f"{job['Comment']} asks for {asked!r}, not {wanted!r}"
        if asked:
            held.append((job["StartTime"], job["EndTime"], job["Comment"]))
    missing = GPU_RULES - {job["rule"] for job in jobs}
    assert not missing, f"no job of {missing}: the check above is empty for it"
    held.sort()
    for (_, end, first), (start, _, second) in itertools.pairwise(held):
        assert end <= start, f"{first} and {second} held the one GPU at once"


def check_killed(jobs: list[dict[str, str]], killed: list[str]) -> None:
    assert len(killed) == len(KILLED), f"killed only {killed}"
    for job in killed:
        [record] = [j for j in jobs if j["JobId"] == job]
        assert record["JobState"] == "CANCELLED", f"{record['Comment']}: {record['JobState']}"
        states = [j["JobState"] for j in jobs if j["Comment"] == record["Comment"]]
        assert states == ["CANCELLED", "COMPLETED"], f"{record['Comment']}: {states}"


def files(folder: Path) -> dict[str, bytes]:
    results = folder / "results/pair"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.suffix in COMPARED
        and "benchmarks" not in path.parts
        and path.name != "ro-crate-metadata.json"  # which says when it was made
    }


def check_equal(one: Path, other: Path) -> int:
    first, second = files(one), files(other)
    assert first, f"no tables in {one}"
    different = [
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    ]
    assert not different, f"differ from the local run's: {sorted(different)}"
    return len(first)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--local", type=Path, help="a checkout that holds the undisturbed run")
    parser.add_argument("--profile", default="slurm", help="a profile to use instead")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the daemons are stopped
    install()
    folder = Path(tempfile.mkdtemp(prefix="pgdose-slurm-"))
    print(f"in {folder}", flush=True)
    began = time.monotonic()
    local = options.local or checkout(folder / "local")
    if not options.local:
        carry_out(local, lambda: None, "--cores", "2")
    print(f"the study without Slurm: {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    remote = checkout(folder / "remote")
    killed: dict[str, str] = {}
    # There is no accounting here, and the plugin first looks after 40 s: too slow for a test.
    here = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
    with slurm(folder):
        carry_out(
            remote,
            lambda: kill_some(remote, killed),
            *["--workflow-profile", options.profile, *here],
        )
        jobs = records()
    print(f"the study on Slurm: {time.monotonic() - began:.0f} s, {len(jobs)} jobs", flush=True)
    check_gpus(jobs)
    check_killed(jobs, list(killed.values()))
    equal = check_equal(local, remote)
    print(f"{len(killed)} killed and tried again; {equal} files are those of the local run")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
