"""What a study survives: kills, a full disk, files that vanish or change, flipped bits.

Each carries a study of two groups out again (`make test-long`);
benchmarks/soak.py does it in a loop.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers.limits import memory_limit, mounted
from helpers.workflow import PAIR, PROJECT, checkout, planned, snakemake, tables

from pgdose.cli.verify import verify
from pgdose.errors import UserError
from pgdose.tables import parquet, private_paths, site_key


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("pair"))
    run = snakemake(folder, study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return folder


@pytest.fixture
def again(undisturbed: Path, tmp_path: Path) -> Path:
    """A fresh checkout with the hospital of the undisturbed run, which is not made again."""
    folder = checkout(tmp_path / "again")
    subprocess.run(["cp", "-a", undisturbed / "hospital", folder], check=True)
    study = yaml.safe_load((folder / PAIR).read_text())
    del study["phantom"]
    key = site_key.load_key(Path("key"), seed=study["seed"])
    (folder / "key").write_text(key.hex())
    study["privacy"] = {"key": "key"}
    (folder / PAIR).write_text(yaml.safe_dump(study, sort_keys=False))
    return folder


# What says with which key a table's ids were made: in `undisturbed` with the synthetic hospital's,
# in `again` with the same key in a file.
OF_THE_KEY = {b"key_fingerprint", b"members", b"made_from", b"checksum"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every table of the results; of Parquet without the metadata that name the key."""
    files = tables(folder, "pair")
    for name, content in files.items():
        if name.endswith(".parquet"):
            table = pq.read_table(pa.BufferReader(content))
            metadata = table.schema.metadata or {}
            kept = {key: value for key, value in metadata.items() if key not in OF_THE_KEY}
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema.with_metadata(kept)) as stream:
                stream.write_table(table.replace_schema_metadata(kept))
            files[name] = sink.getvalue().to_pybytes()
    return files


def differing(one: Path, other: Path) -> list[str]:
    first, second = contents(one), contents(other)
    return sorted(n for n in {*first, *second} if first.get(n) != second.get(n))


def half_written(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob(".*") if path.is_file())
    return [path for path in files if path.name != ".snakemake_timestamp"]  # of a whole folder


def test_kills_at_every_stage_change_no_table(undisturbed: Path) -> None:
    rules = {
        path.name.removesuffix(".tsv") for path in undisturbed.glob("results/pair/benchmarks/*")
    }
    assert len(rules) > 20
    command = [sys.executable, "benchmarks/soak.py", PAIR, "--kills", f"{len(rules)}"]
    command += ["--reference", str(undisturbed)]
    run = subprocess.run(command, cwd=PROJECT, text=True, capture_output=True)
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    told = json.loads(run.stdout)
    assert told["kills"] == len(rules) and told["finished_runs"] >= 1 and told["differences"] == []
    assert {"screen", "render", "train", "attack", "measure", "report"} <= set(told["killed"])


def test_a_full_disk_loses_nothing(undisturbed: Path, again: Path) -> None:
    """Results and resume state on a disk that is enlarged whenever it is full."""
    disk = again / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=100k", "tmpfs"):
        for name in ("results", "work"):
            (disk / name).mkdir()
            (again / name).symlink_to(disk / name)
        failures = []
        for size in ("100k", "600k", "3m", "9m", "200m"):
            subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)
            run = snakemake(again, study=PAIR)
            assert half_written(disk) == []
            if run.returncode == 0:
                break
            text = run.stdout + run.stderr
            assert "no space left on" in text.lower(), text[-3000:]
            failures.append("Make room, or move the folder to a larger disk" in text)
        assert size == "200m" and any(failures)
        print(f"full {len(failures)} times, {sum(failures)} of them told by the job")
        assert differing(undisturbed, again) == []
        assert list((disk / "work").iterdir()) == []


def test_a_source_that_cannot_be_written_to_is_enough(undisturbed: Path, again: Path) -> None:
    hospital = again / "hospital"
    with mounted(hospital, "--bind", str(hospital)):
        subprocess.run(["mount", "-o", "remount,bind,ro", hospital], check=True)
        with pytest.raises(OSError):
            (hospital / "new").touch()
        assert snakemake(again, study=PAIR).returncode == 0
    assert differing(undisturbed, again) == []


def rejected(folder: Path, source: str) -> dict[str, str]:
    """The reasons of rejected records, by the path of their file."""
    table = parquet.read_table(folder / f"results/pair/sources/{source}/rejects.parquet")
    paths = private_paths.read_paths(
        folder / f"private/pair/{source}/paths.parquet", table["record_id"]
    )
    return {str(paths[r.record_id].path): r.reason for r in table.itertuples()}


def films(folder: Path, *, of_members: bool) -> list[Path]:
    """Films with a chest that norm is drawn from: those planned for X-TB, or any."""
    source = folder / "results/pair/sources/xray"
    table = parquet.read_table(source / "records.parquet")
    table = table[table["label_norm"] == 1]
    if of_members:
        members = parquet.read_table(folder / "results/pair/groups/X-TB/planned.parquet")
        table = table[table["record_id"].isin(members["record_id"])]
    paths = private_paths.read_paths(folder / "private/pair/xray/paths.parquet", table["record_id"])
    bad = rejected(folder, "xray") if planned else {}
    return sorted(folder / p.path for p in paths.values() if str(p.path) not in bad)


def test_files_that_vanish_or_change_are_rejected_and_counted(again: Path) -> None:
    study = again / PAIR  # a slide less leaves fewer tiles
    study.write_text(study.read_text().replace("count: 10", "count: 6"))
    targets = [f"results/pair/sources/{s}/records.parquet" for s in ("xray", "breast")]
    run = snakemake(again, *targets, study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    gone, other = films(again, of_members=False)[:2]
    gone.unlink()
    shutil.copy(films(again, of_members=False)[5], other)
    slides = parquet.read_table(again / "results/pair/sources/breast/records.parquet")
    paths = private_paths.read_paths(
        again / "private/pair/breast/paths.parquet", slides["parent"].unique()
    )
    slide = again / sorted(p.path for p in paths.values())[0]
    with slide.open("ab") as file:
        file.write(b"later")

    planned = "results/pair/groups/X-TB/planned.parquet"
    run = snakemake(again, planned, "results/pair/sources/xray/rejects.parquet", study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    late = films(again, of_members=True)[0]
    late.unlink()

    run = snakemake(again, study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    of_films = rejected(again, "xray")
    assert of_films[str(gone.relative_to(again))] == "file_missing"
    assert of_films[str(other.relative_to(again))] == "file_changed"
    tiles = parquet.read_table(again / "results/pair/sources/breast/rejects.parquet")
    assert (
        (tiles["reason"] == "file_changed").sum()
        == (slides["parent"].map(lambda p: again / paths[p].path) == slide).sum()
        > 0
    )
    counted = pd.read_csv(again / "results/pair/tables/sources.csv").set_index("source")
    assert counted.loc["xray", "usable"] == counted.loc["xray", "screened"] - sum(
        reason not in ("unreadable_header", "not_dicom") for reason in screened(again)
    )
    lost = [
        parquet.read_table(path)
        for path in (again / "results/pair/groups/X-TB/images").glob("*.missing.parquet")
    ]
    assert pd.concat(lost)["reason"].tolist() == ["file_missing"]
    page = (again / "results/pair/report.html").read_text()
    assert "file missing" in page and "file changed" in page and "render" in page


def screened(folder: Path) -> list[str]:
    table = parquet.read_table(folder / "results/pair/sources/xray/rejects.parquet")
    return table.loc[table["stage"] == "screen", "reason"].tolist()


def readable(path: Path) -> bool:
    try:
        verify(path.parent)
    except UserError:
        return False
    return True


@pytest.mark.parametrize(
    ("file", "place", "read_for"),
    [
        ("sources/xray/screen/0.parquet", 0.5, "groups/X-TB/planned.parquet"),
        ("groups/X-TB/images/0.npy", 0.5, "groups/X-TB/full/network.safetensors"),
        ("groups/H-BR/full/network.safetensors", 0.5, "groups/H-BR/full/noise/surface/0.parquet"),
        ("groups/H-BR/full/paper/surface/1.parquet", 0.02, "groups/H-BR/full/measures/asr.parquet"),
    ],
)
def test_a_flipped_bit_is_found_named_and_the_file_made_again(
    undisturbed: Path, tmp_path: Path, file: str, place: float, read_for: str
) -> None:
    """It flips just before a job reads the file: what was made from then on is not there yet."""
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-a", undisturbed, folder], check=True)
    results = folder / "results/pair"
    moment = (results / read_for).stat().st_mtime
    for later in results.rglob("*"):
        if later.is_file() and later.stat().st_mtime >= moment:
            later.unlink()
    path = results / file
    stat, content = path.stat(), path.read_bytes()
    for at in range(int(len(content) * place), len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        if not readable(path):
            break  # some bits of a page's header make no difference: test_tensor_files.py
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a bit flips without a date
    with pytest.raises(UserError, match=f"1 of .* files are damaged:\n.*{file}"):
        verify(results)
    run = snakemake(folder, study=PAIR)
    assert run.returncode != 0 and f"results/pair/{file}: damaged" in run.stdout + run.stderr
    aside = path.with_name(f"{path.name}.damaged")
    assert aside.is_file() and not path.exists()
    run = snakemake(folder, study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert differing(undisturbed, folder) == []


@pytest.mark.parametrize(("old", "new"), [("batch: 8", "batch: 4"), ("count: 8", "count: 6")])
def test_a_study_changed_after_a_kill_does_not_go_on_from_the_old_state(
    again: Path, tmp_path: Path, old: str, new: str
) -> None:
    """Its network is that of the changed study from the start."""
    network = "results/pair/groups/X-TB/full/network.safetensors"
    study = again / PAIR
    study.write_text(study.read_text().replace("epochs: 2", "epochs: 20"))
    command = [sys.executable, "-m", "snakemake", network, "--configfile", PAIR, "--cores", "2"]
    environment = os.environ | {"PYTHONPATH": str(again / "src")}
    running = subprocess.Popen(
        [*command, "--resources", "gpu=0"],
        **{"cwd": again, "env": environment, "start_new_session": True},
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL},
    )
    while not list(again.glob("work/train-*/*")):
        assert running.poll() is None
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (again / network).exists()
    changed = study.read_text().replace(old, new)
    assert changed != study.read_text()
    study.write_text(changed)
    fresh = checkout(tmp_path / "fresh")
    for part in ("hospital", "key", PAIR):
        subprocess.run(["cp", "-a", again / part, fresh / part], check=True)
    assert snakemake(again, "--unlock", study=PAIR).returncode == 0
    for folder in (again, fresh):
        run = snakemake(folder, network, study=PAIR)
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
        log = (folder / "results/pair/logs/train/X-TB-full.log").read_text()
        assert "epoch 1/20" in log and "resuming after epoch" not in log
    assert (again / network).read_bytes() == (fresh / network).read_bytes()


# A group from its source to its measures: enough to try faults that take long.
ONE_GROUP = "results/pair/groups/X-TB/full/measures/asr.parquet"


def differing_so_far(undisturbed: Path, folder: Path) -> list[str]:
    """Of what the folder has."""
    expected, made = contents(undisturbed), contents(folder)
    assert Path(ONE_GROUP).relative_to("results/pair").as_posix() in made
    return sorted(name for name in made if made[name] != expected.get(name))


def begun(folder: Path, *arguments: str, before: str = "", **environment: str) -> subprocess.Popen:
    """Start the study; what Snakemake prints goes to `terminal`. `before` are shell commands."""
    command = [sys.executable, "-m", "snakemake", "--configfile", PAIR, "--resources", "gpu=0"]
    command = ["bash", "-c", f'{before or "true"}; exec "$@"', "bash", *command, "--cores", "2"]
    variables = os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"} | environment
    with (folder / "terminal").open("w") as terminal:
        return subprocess.Popen(
            [*command, *arguments],
            **{"cwd": folder, "env": variables, "start_new_session": True},
            **{"stdout": terminal, "stderr": terminal},
        )


def wait_for_job(folder: Path, rules: Iterable[str], running: subprocess.Popen) -> str | None:
    """Wait until a job of one of the rules is at work: its log is there, its benchmark is not.

    The rule, or None if the run ended before.
    """
    results, begin = folder / "results/pair", time.time()
    while running.poll() is None:
        for rule in rules:
            logs = [*results.glob(f"logs/{rule}/*.log"), *results.glob(f"logs/{rule}.log")]
            for log in logs:
                if log.stat().st_mtime < begin:  # of an earlier run
                    continue
                done = results / "benchmarks" / log.relative_to(results / "logs")
                if not done.with_suffix(".tsv").exists():
                    return rule
        time.sleep(0.05)
    return None


def test_a_service_that_is_stopped_goes_on(undisturbed: Path, again: Path) -> None:
    """SIGTERM to Snakemake alone, in jobs of several kinds; no --unlock afterwards."""
    remaining = ["screen", "tile", "render", "train", "attack", "measure", "curves", "report"]
    stopped, longest = [], 0.0
    while remaining:
        running = begun(again)
        if (rule := wait_for_job(again, remaining, running)) is None:
            break
        time.sleep(random.uniform(0, 2))
        jobs = psutil.Process(running.pid).children(recursive=True)
        moment = time.monotonic()
        running.terminate()
        assert running.wait(30) == 1, (again / "terminal").read_text()[-3000:]
        longest = max(longest, time.monotonic() - moment)
        assert not any(job.is_running() for job in jobs)
        assert not list(again.glob(".snakemake/locks/*"))
        assert half_written(again / "results") == []
        stopped.append(rule)
        remaining.remove(rule)
    assert {"train", "attack"} <= set(stopped)
    run = snakemake(again, study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    print(f"stopped in {', '.join(stopped)}, within {longest:.1f} s")
    assert differing(undisturbed, again) == []


def test_a_limit_of_memory_kills_jobs_and_loses_nothing(undisturbed: Path, again: Path) -> None:
    """The kernel kills what is largest, mostly a job, else Snakemake; the limit is raised."""
    kills, sentences = 0, 0
    for megabytes in range(250, 2000, 75):
        with memory_limit(megabytes) as under_limit:
            status = begun(again, ONE_GROUP, before=under_limit).wait()
        if status == 0:
            break
        kills += 1
        text = (again / "terminal").read_text()
        sentences += "the system killed it because memory ran out" in text
        if list(again.glob(".snakemake/locks/*")):
            assert snakemake(again, "--unlock", study=PAIR).returncode == 0
    assert status == 0 and kills and sentences
    assert differing_so_far(undisturbed, again) == []
    print(f"{kills} runs failed, {sentences} of them with the sentence; {megabytes} MB were enough")


def set_back(folder: Path, hours: int = 1) -> None:
    """Date what the study wrote as if the clock had been set back after it was written."""
    for name in ("results", "private", "work", ".snakemake"):
        for path in (folder / name, *(folder / name).rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # a running job's
                moment = path.lstat().st_mtime + hours * 3600
                os.utime(path, (moment, moment), follow_symlinks=False)


# As docs/how-to/mend-damage.md has it.
DATE_BACK = "find results private work -exec touch -h -r {} -d '-1 hour' {} ';'"


@pytest.mark.parametrize("rule", ["train", "attack"])
@pytest.mark.parametrize("during", ["between jobs", "a job"])
def test_a_clock_that_is_set_back_stops_the_study_and_changes_no_table(
    undisturbed: Path, again: Path, during: str, rule: str
) -> None:
    """What was written lies an hour in the future, while Snakemake runs or when it starts anew."""
    running = begun(again, ONE_GROUP)
    wait_for_job(again, [rule], running)
    for path in (again / "private").rglob("*"):  # older than the clock was set back
        moment = path.lstat().st_mtime - 3900
        os.utime(path, (moment, moment), follow_symlinks=False)
    if during == "between jobs":
        running.terminate()
        running.wait()
        set_back(again)
        running = begun(again, ONE_GROUP)
    else:
        set_back(again)
    assert running.wait() != 0
    text = (again / "terminal").read_text()
    assert "clock skew" in text
    assert "so this machine's clock was set back" in text
    assert f"    {DATE_BACK}\n" in (PROJECT / "docs/how-to/mend-damage.md").read_text()
    subprocess.run(DATE_BACK, shell=True, cwd=again, check=True)
    left = planned(snakemake(again, "--dry-run", ONE_GROUP, study=PAIR))
    assert "screen" not in left and ("train" in left) == (rule == "train")
    run = snakemake(again, ONE_GROUP, study=PAIR)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert differing_so_far(undisturbed, again) == []


@pytest.mark.parametrize(("late", "wait"), [(3, 5), (8, 20)])
def test_files_that_are_seen_late_lose_nothing(
    undisturbed: Path, again: Path, late: int, wait: int
) -> None:
    """Snakemake sees results seconds after they were written, and waits for them."""
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import fusepy"], capture_output=True).returncode:
        pytest.skip("needs Debian's package python3-fusepy")
    (again / "kept").mkdir()
    (again / "results").mkdir()
    program = str(PROJECT / "tests/long/late_disk.py")
    disk = subprocess.Popen([python, program, again / "kept", again / "results", str(late)])
    try:
        while not os.path.ismount(again / "results"):
            assert disk.poll() is None
            time.sleep(0.1)
        running = begun(again, ONE_GROUP, "--latency-wait", str(wait))
        assert running.wait() == 0, (again / "terminal").read_text()[-3000:]
    finally:
        subprocess.run(["umount", "-l", again / "results"], check=True)
        disk.wait(10)
    (again / "results").rmdir()
    (again / "kept").rename(again / "results")
    assert differing_so_far(undisturbed, again) == []
