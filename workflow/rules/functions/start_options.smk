# What Snakemake was started with, where it would go on with something else than was meant.

from pgdose.cli.start_options import (
    check_checkout,
    check_interpreter,
    check_profiles,
)


def check_start():
    """Stop before any job; jobs that run Snakemake themselves have arguments of its own."""
    try:
        check_interpreter(sys.executable)
        check_checkout(ROOT / "Snakefile")
        if not IS_MODULE:
            check_profiles(Path(workflow.main_snakefile))
    except UserError as error:
        raise WorkflowError(str(error)) from None


if workflow.exec_mode == ExecMode.DEFAULT:
    check_start()
