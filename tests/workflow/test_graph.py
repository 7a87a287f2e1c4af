"""What a change makes Snakemake do again, and what not: dry runs in a finished study."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from helpers.workflow import SMALL, checkout, planned, snakemake

Plan = Callable[..., dict[str, int]]

AFTER_ATTACK = {"transfer", "table_transfer", "disagreement", "measure", "diagnose", "tables"}
AFTER_ATTACK |= {"attack", "attack_paper"}  # of smaller training sets
AFTER_ATTACK |= {
    "curves",
    "comparisons",
    "examples",
    "pictures",
    "group_figures",
    "report",
    "crate",
    "manifest",
    "all",
}
PAGES = {"report", "crate", "manifest", "all"}


@contextlib.contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """The file with other content, put back (date and all) at the end."""
    before, stat = path.read_text(), path.stat()
    after = change(before)
    assert after != before
    path.write_text(after)
    try:
        yield
    finally:
        path.write_text(before)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def plan(finished: Path) -> Plan:
    """What a dry run plans in the finished small study, as {rule: jobs}."""

    def dry_run(*arguments: str) -> dict[str, int]:
        return planned(snakemake(finished, "--dry-run", *arguments))

    return dry_run


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def test_a_second_run_has_nothing_to_do(plan: Plan) -> None:
    assert plan() == {}


def test_counts_of_one_group_plan_its_jobs_and_the_shared_tables(
    finished: Path, plan: Plan
) -> None:
    with changed(
        finished / SMALL, replaced("count: 8, augment_to: 20", "count: 6, augment_to: 20")
    ):
        run = snakemake(finished, "--dry-run")
    jobs, details = planned(run), run.stdout
    assert jobs["members"] == jobs["train"] == 1
    assert jobs["attack"] == 2  # shards
    assert not set(jobs) & {"phantom_xray", "index_archive", "screen", "tile", "rejects"}
    assert set(re.findall(r"wildcards: group=([\w-]+)", details)) == {"X-TB"}


def test_repeats_of_trainings_plan_themselves_and_the_tables(finished: Path, plan: Plan) -> None:
    """What there was is neither trained nor attacked again."""
    with changed(finished / SMALL, replaced("epochs: 1,", "epochs: 1, repeats: 2,")):
        jobs = plan()
    groups = 4
    assert jobs["train"] == jobs["diagnose"] == jobs["measure"] == groups
    assert jobs["attack"] == 2 * groups  # shards
    assert "attack_paper" not in jobs and "transfer" not in jobs and "examples" not in jobs
    assert jobs["quality"] == jobs["tables"] == jobs["report"] == 1


def test_the_attack_s_code_plans_attacks_and_what_follows(finished: Path, plan: Plan) -> None:
    projections = finished / "src/pgdose/attack/projections.py"
    with changed(projections, replaced("clean - epsilon)", "clean - epsilon * 1.0)")):
        jobs = plan()
    assert set(jobs) == AFTER_ATTACK


def test_an_edited_attack_is_measured_again_alone(small_study: Path, tmp_path: Path) -> None:
    """Its job holds the surfaces of all attacks; Snakemake deletes none of the others."""
    fresh = checkout(tmp_path / "fresh")
    for result in ("results", "hospital", "private", ".snakemake"):
        subprocess.run(["cp", "-a", small_study / result, fresh / result], check=True)
    folder = fresh / "results/small/groups/X-TB/full"
    study = fresh / SMALL
    study.write_text(study.read_text().replace("noise, epsilon: [0.1]", "noise, epsilon: [0.2]"))
    before = {path: path.read_bytes() for path in sorted(folder.glob("*/surface/*.parquet"))}
    assert len(before) == 4  # two attacks, two shards
    edited = folder / "noise/surface/0.parquet"
    run = snakemake(fresh, edited.relative_to(fresh).as_posix())
    assert run.returncode == 0, run.stdout + run.stderr
    after = {path: path.read_bytes() for path in before}
    assert [path for path in before if after[path] != before[path]] == [edited]
    log = (fresh / "results/small/logs/attack/X-TB-full-0.log").read_text()
    assert "X-TB/full/paper: unchanged, its surface is kept" in log
    assert re.search(r"X-TB/full/noise: \d+ of \d+ images attacked", log)
    assert planned(snakemake(fresh, "--dry-run", edited.relative_to(fresh).as_posix())) == {}


def groups_of(details: str, rule: str) -> set[str]:
    """The groups for which a dry run plans a rule."""
    jobs = re.findall(rf"^rule {rule}:.*?wildcards: group=([\w-]+)", details, re.M | re.S)
    return set(jobs)


def test_the_schema_of_slides_plans_no_training_but_of_slides(finished: Path, plan: Plan) -> None:
    """Not even those of fields, which are tiles as well."""
    schemas = finished / "src/pgdose/tables/slide_schemas.py"
    with changed(schemas, lambda text: text + "\nNEW = 1\n"):
        run = snakemake(finished, "--dry-run")
    jobs, details = planned(run), run.stdout
    assert jobs["candidates"] == jobs["index_slides"] == 1
    assert not set(jobs) & {"index_fields", "screen", "label_reports", "phantom_slides"}
    assert groups_of(details, "train") == {"H-BR"}


def test_the_labeller_s_code_plans_no_tile(finished: Path, plan: Plan) -> None:
    for module in ("clauses.py", "lexicon.py"):
        with changed(finished / "src/pgdose/labelling" / module, lambda text: text + "\nN = 1\n"):
            jobs = plan()
        assert jobs["label_reports"] == 1
        assert not set(jobs) & {"tile", "candidates", "index_fields", "headers", "phantom_xray"}


@pytest.mark.parametrize(("module", "rule"), [("chest", "phantom_xray"), ("svs", "phantom_slides")])
def test_the_code_of_the_synthetic_hospital_plans_what_it_draws(
    finished: Path, plan: Plan, module: str, rule: str
) -> None:
    file = finished / f"src/pgdose_phantom/{module}.py"
    with changed(file, lambda text: text + "\nNEW = 1\n"):
        jobs = plan()
    assert {name for name in jobs if name.startswith("phantom_")} == {rule}


def test_a_plot_s_code_plans_the_plots(finished: Path, plan: Plan) -> None:
    with changed(finished / "src/pgdose/plots/curves.py", lambda text: text + "\nNEW = 1\n"):
        assert set(plan()) == {"curves", *PAGES}


def test_comments_and_docstrings_plan_nothing(finished: Path, plan: Plan) -> None:
    module, script = finished / "src/pgdose/attack/loop.py", finished / "scripts/train.py"
    with (
        changed(module, lambda text: text.replace('"""', '"""Reworded. ', 1) + "\n# A remark.\n"),
        changed(script, lambda text: text + "\n# A remark.\n"),
    ):
        assert plan() == {}


def test_a_touch_plans_nothing(finished: Path, plan: Plan) -> None:
    later = time.time() + 10
    touched = [*finished.glob("scripts/*.py"), *finished.glob("src/pgdose/**/*.py")]
    touched += [finished / "resources/lexicons/ru.yaml", finished / SMALL]
    touched += [*finished.glob("workflow/**/*.smk"), finished / "Snakefile"]
    touched += [*finished.glob("src/pgdose/report/page_files/*")]
    for path in touched:
        os.utime(path, (later, later))
    assert plan() == {}


def test_a_fresh_checkout_plans_nothing(finished: Path, tmp_path: Path) -> None:
    fresh = checkout(tmp_path / "fresh")
    for result in ("results", "hospital", "private", ".snakemake"):
        subprocess.run(["cp", "-a", finished / result, fresh / result], check=True)
    assert planned(snakemake(fresh, "--dry-run")) == {}


@pytest.mark.parametrize("file", ["sources/xray/label_errors.csv", "sources/breast/slides.csv"])
def test_a_result_that_changed_plans_the_manifest(finished: Path, plan: Plan, file: str) -> None:
    """Also one that no other rule reads."""
    with changed(finished / "results/small" / file, lambda text: text + "\n"):
        assert plan() == {"manifest": 1, "all": 1}


def test_a_result_that_was_made_on_demand_is_listed_by_force(plan: Plan) -> None:
    assert plan("-R", "manifest") == {"manifest": 1, "all": 1}


def test_results_that_were_deleted_to_make_room_are_not_made_again(
    finished: Path, plan: Plan, tmp_path: Path
) -> None:
    """The manifest asks for nothing that was not asked for before."""
    stores = list(finished.glob("results/small/**/*.npy"))
    assert len(stores) > 4
    for number, store in enumerate(stores):
        store.rename(tmp_path / f"{number}")
    try:
        assert plan() == {}
    finally:
        for number, store in enumerate(stores):
            (tmp_path / f"{number}").rename(store)


def test_how_slides_are_read_plans_nothing_that_it_does_not_touch(
    finished: Path, plan: Plan
) -> None:
    with changed(finished / SMALL, replaced("tiles_per_class: 16", "tiles_per_class: 15")):
        assert {"index_slides", "tile"} <= set(plan()) and "candidates" not in plan()
    given = "tiles_per_class: 16\n    threads: 2"
    with changed(finished / SMALL, replaced("tiles_per_class: 16", given)):
        assert set(plan()) == {"description", *PAGES}  # which show the settings
    given = "tiles_per_class: 16\n    tissue: {pen: false}"
    with changed(finished / SMALL, replaced("tiles_per_class: 16", given)):
        assert plan()["candidates"] == 1 and "index_fields" not in plan()


def test_a_title_plans_table_and_report(finished: Path, plan: Plan) -> None:
    with changed(finished / SMALL, replaced("Breast: tumour / norm", "Breast cancer")):
        assert set(plan()) == {"table1", "description", *PAGES}


def test_a_group_s_name_builds_that_group_alone(tmp_path: Path) -> None:
    fresh = checkout(tmp_path)
    jobs = planned(snakemake(fresh, "--dry-run", "X-TB"))
    assert jobs["members"] == jobs["train"] == jobs["X-TB"] == 1
    assert jobs["phantom_xray"] == 1
    assert "phantom_slides" not in jobs
    assert not {"tables", "manifest"} & set(jobs)
    both = planned(snakemake(fresh, "--dry-run", "X-TB", "H-BR"))
    assert both["members"] == 2


def test_network_jobs_ask_for_one_gpu(tmp_path: Path) -> None:
    """Declared once: a limit on this machine, a request on a cluster, none with gpu=0."""
    fresh = checkout(tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run"]
    command += ["--configfile", SMALL]
    run = subprocess.run(command, cwd=fresh, text=True, capture_output=True)
    blocks = re.split(r"\n(?=rule )", run.stdout + run.stderr)
    asking = {b.split()[1].rstrip(":") for b in blocks if re.search(r"resources:.*\bgpu=1\b", b)}
    assert asking == {"train", "attack", "attack_paper", "transfer", "diagnose", "examples"}


def test_the_number_of_jobs_does_not_depend_on_the_number_of_images(tmp_path: Path) -> None:
    fresh = checkout(tmp_path)
    before = planned(snakemake(fresh, "--dry-run"))
    study = yaml.safe_load((fresh / SMALL).read_text())
    study["phantom"]["xray"]["norm"] *= 100
    for group in study["groups"].values():
        for entry in group["classes"].values():
            for amount in {"count", "at_most", "augment_to"} & set(entry):
                entry[amount] *= 100
    (fresh / "large.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    assert planned(snakemake(fresh, "--dry-run", study="large.yaml")) == before


def test_results_keep_two_studies_apart(finished: Path, plan: Plan) -> None:
    other = planned(snakemake(finished, "--dry-run", "--config", "results=results/other"))
    assert other["train"] == 6
    assert plan() == {}


def test_parsing_the_snakefile_imports_no_torch(tmp_path: Path) -> None:
    """A cluster job parses the Snakefile again and again; torch alone takes seconds."""
    fresh = checkout(tmp_path)
    guard = tmp_path / "guard" / "sitecustomize.py"
    guard.parent.mkdir()
    guard.write_text(
        "import sys\n"
        "class Guard:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'torchvision', 'pydicom', 'openslide'):\n"
        "            raise RuntimeError(f'parsing the Snakefile imports {name}')\n"
        "sys.meta_path.insert(0, Guard())\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{guard.parent}:{fresh / 'src'}"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--quiet", "all"]
    run = subprocess.run(command, cwd=fresh, env=environment, text=True, capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr
    check = [sys.executable, "-c", "import torch"]
    assert (
        "imports torch"
        in subprocess.run(check, env=environment, capture_output=True, text=True).stderr
    )
