# What the terminal shows while a study runs. Snakemake's log in .snakemake/log keeps everything.

import time

from snakemake.logging import logger
from snakemake.settings.types import ExecMode

from pgdose.terminal import clock, handler as terminal_handler
from pgdose.terminal.lines import duration, label
from pgdose.terminal.plan import read_plan

# Not Snakemake's own start, which a clock that is set back moves.
STARTED = time.monotonic()


def where_to_look():
    """A sentence with the results that this run was asked for, if they exist; or nothing."""
    targets = [job.rule.name for job in workflow.dag.targetjobs]
    folders = {group: f"{RESULTS}/groups/{group}/" for group in STUDY.groups}
    places = {"all": f"{RESULTS}/report.html"} | folders
    found = [places[name] for name in sorted(targets) if name in places]
    found = [path for path in found if Path(path).exists()]
    return f"Look at {', '.join(found)}" if found else ""


def run_time():
    return duration(time.monotonic() - STARTED)


# Jobs on a cluster run Snakemake themselves; these lines are for the run that a person started.
# `--printshellcmds` and `--verbose` ask for Snakemake's own, longer output.
if (
    workflow.exec_mode == ExecMode.DEFAULT
    and not workflow.output_settings.dryrun
    and not workflow.output_settings.printshellcmds
    and not workflow.output_settings.verbose
    and not workflow.output_settings.debug_dag
):
    terminal_handler.install(
        logger,
        plan=lambda: read_plan(workflow, typical=STUDY.phantom is not None),
        title=f"Study {STUDY.study}",
        ending=where_to_look,
        stopped=lambda: bool(STOPPED_BY),
    )


onsuccess:
    logger.info(". ".join(filter(None, [f"Done in {run_time()}", where_to_look()])))


onerror:
    if STOPPED_BY:
        logger.error(
            f"Stopped by {STOPPED_BY[0]} after {run_time()}. The same command goes on"
        )
    # Those of a keep-going run may stand far above.
    failed = [job for job in workflow.scheduler.failed if job.log]
    if failed:
        jobs = f"{len(failed)} job{'s' if len(failed) > 1 else ''}"
        lines = [
            f"{jobs} failed after {run_time()}. Read the log, mend the cause and start again:"
        ]
        for job in failed:
            name = label(job.rule.name, "/".join(map(str, job.wildcards)))
            lines.append(f"  {name}: {', '.join(map(str, job.log))}")
        logger.error("\n".join(lines))
        folders = [RESULTS, PRIVATE, "work", *([HOSPITAL] if STUDY.phantom else [])]
        if advice := clock.advice(folders):
            logger.error(advice)
