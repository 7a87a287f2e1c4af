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

from snakemake.utils import min_version

min_version("9.13")


include: "workflow/rules/functions/study_file.smk"
include: "workflow/rules/functions/start_options.smk"
include: "workflow/rules/functions/stopping.smk"
include: "workflow/rules/functions/storage.smk"


check_storage()
STUDY_FILES = read_study_files(workflow.overwrite_configfiles or ["config.yaml"])

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


# On a cluster gpu=1 is one GPU for this job, not one for all jobs together.
resource_scopes:
    gpu="local",


# Drawing takes seconds, however large the study is: it stays where Snakemake runs.
localrules:
    all,
    curves,
    comparisons,
    probe_page,
    pictures,
    group_figures,
    report,


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/functions/records.smk"


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

for group in STUDY.groups:

    rule:
        name:
            group
        input:
            results_of(group),
