# The study's files, as their authors wrote them.

from pgdose.errors import UserError
from pgdose.study.study_file import read_study_file


def read_study_files():
    """The content of each file, and the lines of its fields; stop at what is no study.

    None of a module, whose study is a part of another workflow's configuration.

    Those of --configfile Snakemake has read when it comes to the Snakefile. The profiles look at
    them before that (pgdose.cli.configfiles); this is for runs with another profile, in which
    Snakemake has dropped keys that stand twice.
    """
    if IS_MODULE:
        return {}
    paths = workflow.overwrite_configfiles or ["config.yaml"]
    here = Path.cwd()
    files = {}
    try:
        for path in map(Path, paths):
            shown = path.relative_to(here) if path.is_relative_to(here) else path
            files[str(shown)] = read_study_file(shown)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return files
