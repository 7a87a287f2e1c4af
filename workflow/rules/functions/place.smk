# Where the files of pgdose lie, and whether another workflow uses this one as a module.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod, ExecMode

# The folder of the Snakefile; `workflow.basedir` is that of whatever was started.
ROOT = Path(os.path.normpath(workflow.current_basedir)).parents[2]
IS_MODULE = not workflow.modifier.is_main_snakefile()
IS_REAL_RUN = (
    workflow.exec_mode == ExecMode.DEFAULT and not workflow.output_settings.dryrun
)

# A checkout has the library here; a wheel has installed it.
sys.path.insert(0, str(ROOT / "src"))


def check_module():
    """Stop where another workflow uses this one in a way that cannot work."""
    if IS_MODULE and not config:
        raise WorkflowError(
            "the module of pgdose has no study; add `config: config` to its `module` statement, or "
            'the part of your configuration that is a study: `config: config["pgdose"]` '
            "(config/README.md)"
        )


def check_deployment():
    """Stop where the environments of jobs would have no pgdose: a checkout gives them its src/."""
    methods = workflow.deployment_settings.deployment_method
    if DeploymentMethod.CONDA in methods and not (ROOT / "src").is_dir():
        raise WorkflowError(
            "--sdm conda makes environments of envs/*.yaml, which hold the libraries and not pgdose; "
            "leave it out, so that jobs use the environment of Snakemake, or take a checkout of pgdose"
        )


def check_prefix(*folders):
    """Stop where a module has a prefix: jobs name files in tables and params, which it leaves."""
    for folder in folders:
        path = f"{folder}/file"
        if str(workflow.modifier.modify_path(path)) != path:
            raise WorkflowError(
                f"`prefix` and `replace_prefix` of a module would move {folder}/, but pgdose also "
                "keeps paths in its tables; leave them out, and choose the folders in the study "
                "instead: `results`, `privacy` and `phantom.root` (docs/reference/study.md)"
            )
