"""The profile for Kubernetes: what pods ask for, and no file goes to a storage service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.workflow import PROJECT, SMALL, checkout, snakemake

pytest.importorskip("snakemake_executor_plugin_kubernetes")

PROFILE = PROJECT / "profiles/kubernetes"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("kubernetes"))


def test_a_dry_run_needs_no_cluster_and_says_what_pods_would_ask_for(
    fresh: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": "", "NO_COLOR": "1", "KUBECONFIG": str(tmp_path)}
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--workflow-profile", "kubernetes"]
    run = subprocess.run(
        [*command, "--configfile", SMALL],
        **{"cwd": fresh, "env": environment, "text": True, "capture_output": True},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    asked = re.findall(r"^ *rule (train|screen):$.*?^ *resources: (.*?)$", run.stdout, re.M | re.S)
    assert {rule for rule, _ in asked} == {"train", "screen"}
    for rule, resources in asked:
        assert ("gpu=1" in resources) == (rule == "train")
        assert "scale=0" in resources and "gpu_manufacturer=nvidia" in resources
        assert re.search(r"mem_mb=\d+", resources)


def test_private_tables_never_go_to_a_storage_service(fresh: Path) -> None:
    """A storage service gets every file of a rule, and the jobs of pgdose look in folders."""
    pytest.importorskip("snakemake_storage_plugin_s3")
    storage = ["--default-storage-provider", "s3", "--default-storage-prefix", "s3://bucket/p"]
    run = snakemake(fresh, "--dry-run", *storage)
    text = run.stdout + run.stderr
    assert run.returncode == 1 and "s3://bucket/p; leave it out" in text
    assert "Traceback" not in text


def test_the_cluster_s_objects_fit_the_profile() -> None:
    """Names of the namespace, the claim, the account, the image and the volume's path."""
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    objects = list(yaml.safe_load_all((PROFILE / "cluster.yaml").read_text()))
    names = {(o["kind"], o["metadata"]["name"]): o for o in objects}
    namespace = profile["kubernetes-namespace"]
    assert ("Namespace", namespace) in names
    assert all(o["metadata"].get("namespace", namespace) == namespace for o in objects)
    assert ("ServiceAccount", profile["kubernetes-service-account-name"]) in names
    (volume,) = profile["kubernetes-persistent-volumes"]
    claim, path = volume.split(":")
    assert names["PersistentVolumeClaim", claim]["spec"]["accessModes"] == ["ReadWriteMany"]
    pod = names["Pod", "pgdose"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    for container in (*pod["containers"], *pod["initContainers"]):
        assert container["image"] == profile["container-image"]
        assert container["volumeMounts"] == [{"name": claim, "mountPath": path}]
