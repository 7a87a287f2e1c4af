"""The workflow runs in any folder: no rule names a file of the checkout by a path from there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
OF_THE_CHECKOUT = re.compile(r"[\"'](?:src|scripts|resources|workflow|envs|profiles|docs)/")


def test_no_rule_looks_for_the_projects_files_in_the_working_folder():
    files = sorted((ROOT / "workflow").rglob("*.smk"))
    assert files
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OF_THE_CHECKOUT.search(line)
    ]
    assert found == []
