# What rules/manifest.smk asks of the study and of the other rules.


def everything():
    """What `rule all` makes, besides the manifest."""
    return [
        *(file for group in STUDY.groups for file in results_of(group)),
        *source_sheets(),
        *result_tables(),
        *figures([*CURVES, *COMPARISONS], ["png", "svg", "csv"]),
        *figures(["fig1", "fig2"], ["png", "svg"]),
        *group_figures(),
        f"{RESULTS}/report.html",
        f"{RESULTS}/evidence.html",
        f"{RESULTS}/study.json",
        f"{RESULTS}/ro-crate-metadata.json",
        f"{RESULTS}/Snakefile",
    ]


def unread_results():
    """Results that nothing else is made from. If one of them changes, so must the manifest.

    The manifest does not ask for all other results. An image store that somebody deleted to make
    room would be made again, and with it whatever was made from it.
    """
    return [
        *source_file("label_confusion.csv", hand_labelled()),
        *source_file("label_errors.csv", hand_labelled()),
        *run_file("measures/images.parquet", runs()),
        f"{RESULTS}/tables/format_version.txt",
    ]


def patterns_of_outputs(w):
    """Regular expressions of the results that all rules make; a folder stands for its files."""
    outputs = [
        file
        for rule in workflow.rules
        for file in rule.output
        if file.startswith(f"{RESULTS}/")
        and not file.startswith((f"{BENCHMARKS}/", f"{PRIVATE}/"))
    ]
    patterns = {
        kind: sorted(
            {file.regex().pattern for file in outputs if file.is_directory == whole}
        )
        for kind, whole in (("files", False), ("folders", True))
    }
    return as_json(patterns)
