"""Copies the workflow into a wheel; everything else about the build is in pyproject.toml.

In a checkout, and for an editable install, the files stay where they are:
`pgdose.project_files.workflow_root` finds them at either place.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PROJECT = ("Snakefile", "config.yaml", "workflow", "scripts", "profiles", "envs", "resources")


class BuildWithWorkflow(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "pgdose", "project")
        shutil.rmtree(target, ignore_errors=True)  # what an earlier build left there
        target.mkdir(parents=True)
        for name in PROJECT:
            if (ROOT / name).is_dir():
                passing = shutil.ignore_patterns("__pycache__", ".*", "*.pyc")
                shutil.copytree(ROOT / name, target / name, ignore=passing)
            else:
                shutil.copy(ROOT / name, target / name)


setup(cmdclass={"build_py": BuildWithWorkflow})
