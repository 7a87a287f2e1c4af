# The study's files, before Snakemake reads them.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir, "src")))

from pgdose.errors import UserError
from pgdose.study.study_file import read_study_file


def check_study_files(paths):
    """Stop at files with code, or of absurd size.

    Those of --configfile Snakemake has read already when it comes to the Snakefile, code and all:
    `pgdose check` looks at a study file before that.
    """
    try:
        for path in paths:
            read_study_file(Path(path))
    except UserError as error:
        raise WorkflowError(str(error)) from None
