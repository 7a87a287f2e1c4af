"""docs/tutorials/your-images.md: its script draws images, and its study file is in order."""

import runpy
from pathlib import Path

import pytest
import yaml
from helpers.code_blocks import blocks_of

from pgdose.cli.check import check
from pgdose.cli.init import init

PAGE = "docs/tutorials/your-images.md"


def test_its_study_fits_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the reader does: `pgdose init folders`, with the sections of the page in place."""
    monkeypatch.chdir(tmp_path)
    script, sections = (
        next(block.text for block in blocks_of(PAGE) if block.language == language)
        for language in ("python", "yaml")
    )
    few = script.replace("PATIENTS = 90", "PATIENTS = 3")
    assert few != script
    Path("draw.py").write_text(few)
    runpy.run_path("draw.py")
    assert len(list(Path("tissue").rglob("*.png"))) == 12
    init("folders", Path("tissue.yaml"))
    study = yaml.safe_load(Path("tissue.yaml").read_text(encoding="utf-8"))
    study |= yaml.safe_load(sections)
    Path("tissue.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    assert check(Path("tissue.yaml"))[0].startswith("tissue.yaml is in order: 1 sources, 1 groups")
