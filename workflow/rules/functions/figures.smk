# What rules/figures.smk asks of the study.

CURVES = ["fig3a", "fig3b", "fig3c", "fig3c_fine"]
CURVES += ["fig3d"] if STUDY.training_size else []
CURVES += ["fig_certified"] if smoothed_runs() else []
CURVES += (
    ["fig_harm"]
    if any(norm_of(group).classes for group in STUDY.groups.values())
    else []
)
CURVES += (
    ["fig_expected_harm"] if any(group.harm for group in STUDY.groups.values()) else []
)
CURVES += ["fig_controls"] if controlled_runs() else []
CURVES += ["fig_defence"] if defended_groups() else []
CURVES += ["fig_abstention"]
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
