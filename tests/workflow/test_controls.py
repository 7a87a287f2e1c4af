"""Controls in the workflow: which jobs they add."""

from pathlib import Path

import yaml
from helpers.workflow import SMALL, checkout, planned, snakemake

CONTROLS = {
    "dark": {"kind": "corruption", "corruption": "exposure", "groups": ["X-TB"], "images": 3},
    "stain": {"kind": "corruption", "corruption": "stain_shift", "groups": ["H-OV"]},
    "soft": {"kind": "corruption", "corruption": "defocus", "groups": ["H-OV"]},
}


def test_each_network_of_a_group_with_corruptions_has_one_job_for_all_of_them(
    tmp_path: Path,
) -> None:
    folder = checkout(tmp_path / "project")
    study = yaml.safe_load((folder / SMALL).read_text()) | {"controls": CONTROLS}
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    jobs = planned(snakemake(folder, "-n", study="study.yaml"))
    assert jobs["corrupt"] == 1 + 2  # X-TB; H-OV has two networks
    assert jobs["table_controls"] == jobs["comparisons"] == 1
    without = planned(snakemake(folder, "-n"))
    assert not {"corrupt", "table_controls"} & set(without)
