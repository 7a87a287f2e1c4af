# pgdose: dose-response of adversarial attacks on medical image classifiers.
#
#   snakemake --cores 8 --resources gpu=1          the study in config.yaml
#   snakemake --cores 8 X-TB                       one study group alone
#   snakemake --cores 8 --configfile other.yaml    another study (replaces config.yaml)
#
# Results live in results/<study>/: tables/, figures/ and report.html for the whole study, one
# folder below groups/ for each group, one below sources/ for each source, and manifest.sha256, which
# lists them all for `pgdose verify`. Logs and benchmarks of every job lie beside them. private/ leads
# from a record_id to its file; work/ holds the state of jobs that were interrupted.

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import LocalSourceFile
from snakemake.utils import min_version

min_version("9.13")

if not isinstance(workflow.current_basedir, LocalSourceFile):
    raise WorkflowError(
        "the jobs of pgdose need its files in a folder, and this Snakefile was fetched alone; give "
        "workflow/Snakefile as `snakefile:` of the module (config/README.md)"
    )


include: "workflow/rules/functions/place.smk"
include: "workflow/rules/functions/study_file.smk"
include: "workflow/rules/functions/start_options.smk"


check_module()
check_deployment()

# The workflow that uses this one as a module has its own way to stop, and its own shell commands.
if not IS_MODULE:

    include: "workflow/rules/functions/stopping.smk"


include: "workflow/rules/functions/storage.smk"


check_storage()
STUDY_FILES = read_study_files()

if not IS_MODULE and not workflow.overwrite_configfiles:

    configfile: "config.yaml"


# On a cluster gpu=1 is one GPU for this job, not one for all jobs together.
resource_scopes:
    gpu="local",


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/functions/records.smk"


check_prefix(RESULTS, PRIVATE, "work")
check_records()


include: "workflow/rules/functions/phantom.smk"
include: "workflow/rules/functions/sources.smk"
include: "workflow/rules/functions/pacs.smk"
include: "workflow/rules/functions/cohort.smk"
include: "workflow/rules/functions/network.smk"
include: "workflow/rules/functions/defences.smk"
include: "workflow/rules/functions/analysis.smk"
include: "workflow/rules/functions/certify.smk"
include: "workflow/rules/functions/controls.smk"
include: "workflow/rules/functions/figures.smk"
include: "workflow/rules/functions/manifest.smk"


if not IS_MODULE:

    include: "workflow/rules/functions/terminal.smk"


include: "workflow/rules/phantom.smk"
include: "workflow/rules/pacs.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/network.smk"
include: "workflow/rules/defences.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/certify.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/universal.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/manifest.smk"


rule all:
    """Everything: tables, figures and the report over all groups, and the list of all files."""
    default_target: True
    input:
        everything(),
        f"{RESULTS}/manifest.sha256",


check_group_names({rule.name for rule in workflow.rules})

# Drawing takes seconds, however large the study is: it stays where Snakemake runs. Not by
# `localrules:`, which does not follow the names that a module's rules get.
LOCAL = (
    "all curves comparisons probe_page pictures group_figures report description crate"
).split()
workflow.localrules(*map(workflow.modifier.modify_rulename, LOCAL))

for group in STUDY.groups:

    rule:
        name:
            group
        input:
            results_of(group),
