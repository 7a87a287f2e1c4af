# What rules/figures.smk asks of the study.

CURVES = ["fig3a", "fig3b", "fig3c", "fig3c_fine"]
CURVES += ["fig3d"] if STUDY.training_size else []
# What helps, what else flips diagnoses, and what flips come to; each only where a study has it.
ASKED_FOR = {
    "fig_defence": bool(defended_groups()),
    "fig_certified": bool(smoothed_runs()),
    "fig_controls": bool(controlled_runs()),
    "fig_abstention": True,
    "fig_harm": any(norm_of(group).classes for group in STUDY.groups.values()),
    "fig_expected_harm": any(group.harm for group in STUDY.groups.values()),
}
COMPARISONS = [name for name, is_asked_for in ASKED_FOR.items() if is_asked_for]
GROUP_FIGURES = {
    "heatmap": ("png", "svg", "csv"),
    "network": ("png", "svg", "csv"),
    "examples": ("png", "svg"),
}


def optional_tables(names):
    """Tables that not every study has, as named inputs."""
    tables = result_tables()
    paths = {name: f"{RESULTS}/tables/{name}.csv" for name in names}
    return {name: path for name, path in paths.items() if path in tables}


def figures(names, kinds):
    return [f"{RESULTS}/figures/{name}.{kind}" for name in names for kind in kinds]


def group_figures():
    """Of every group: its heat map, its network, its examples."""
    return [
        file
        for name, kinds in GROUP_FIGURES.items()
        for group in STUDY.groups
        for file in figures([f"{name}/{group}"], kinds)
    ]


def shown_figures(paths):
    """Figures as outputs; `snakemake --report` shows the PNG of each."""

    def one(path):
        folder, name = Path(path).parent.name, Path(path).stem
        if not path.endswith(".png"):
            return path
        if folder == "figures":
            return shown(path, name, "Figures")
        return shown(path, folder, "Groups", name)

    return [one(path) for path in paths]
