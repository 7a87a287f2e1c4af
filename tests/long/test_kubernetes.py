"""Jobs in pods, with Snakemake's plugin for Kubernetes and a stand-in for the cluster's API."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.image_site import NETWORK, SITE, image_site
from helpers.kubernetes_stand_in import Cluster, Json

pytest.importorskip("snakemake_executor_plugin_kubernetes")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A checkout on the volume, with a study of some real images."""
    return image_site(tmp_path / "volume")


@pytest.fixture
def cluster(site: Path) -> Iterator[Cluster]:
    """Its image has Python and what pgdose needs; the volume lies where the study is."""
    image = {"PATH": os.environ["PATH"], "HOME": str(site.parent), "OMP_NUM_THREADS": "1"}
    image["PYTHONPATH"] = str(site / "src")
    stand_in = Cluster("pgdose", {"pgdose"}, image)
    yield stand_in
    stand_in.stop()


def run_on(cluster: Cluster, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = cluster.write_kubeconfig(site.parent / "kubeconfig")
    environment = os.environ | {"KUBECONFIG": str(config), "MY_PASSWORD": "correct horse"}
    environment |= {"PYTHONPATH": str(site / "src"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "kubernetes"]
    command += ["--kubernetes-persistent-volumes", f"pgdose:{site}", "--configfile", SITE]
    command += ["--latency-wait", "5", "--max-status-checks-per-second", "10"]
    command += ["--envvars", "MY_PASSWORD", *arguments]
    return subprocess.run(
        command, cwd=site, env=environment, text=True, capture_output=True, timeout=500
    )


def rule_of(job: Json) -> str:
    (arguments,) = job["spec"]["template"]["spec"]["containers"][0]["args"][1:]
    words = arguments.split()
    return words[words.index("--allowed-rules") + 1].strip("'\"")


def test_pods_share_the_folder_and_a_failed_one_is_tried_again(
    cluster: Cluster, site: Path
) -> None:
    """Requests, limits, a pod out of memory, private files, a secret that is gone afterwards."""

    failed = []

    def fail_first_training(job: Json) -> None:
        if not failed and rule_of(job) == "train":
            job["spec"]["template"]["spec"]["containers"][0]["args"] = ["-c", "exit 137"]
            failed.append(job)

    cluster.before_pod = fail_first_training
    run = run_on(cluster, site, "--", NETWORK)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    assert (site / NETWORK).is_file()
    rules = [pod["metadata"]["name"] for pod in cluster.jobs]
    assert len(rules) == len({*rules}) >= 6

    asked = {}
    for job in cluster.jobs:
        resources = job["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"]
        memory = int(resources["limits"]["memory"].removesuffix("M"))
        asked.setdefault("nvidia.com/gpu" in resources["limits"], []).append(memory)
    first, second = asked[True]
    assert second == 2 * first and len(asked[False]) >= 5

    private = site / "private"
    assert private.stat().st_mode & 0o777 == 0o700
    (paths,) = private.rglob("paths.parquet")
    assert paths.stat().st_mode & 0o777 == 0o600
    (secret,) = cluster.secrets_seen
    assert cluster.secrets == {} and secret["my_password"] == "correct horse"
    assert "correct horse" not in str(cluster.jobs) + run.stdout + run.stderr
