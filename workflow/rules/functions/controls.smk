# What the rules about controls ask of the study.


def controls_of_kind(kind, group):
    """The controls of this kind that a group has, with what their results depend on."""
    return {
        name: STUDY.controls[name].settings(kind)
        for name in STUDY.controls_of(group)
        if STUDY.controls[name].kind == kind
    }


def corrupted_runs():
    """The runs whose images are corrupted."""
    return [run for run in judged_runs() if controls_of_kind("corruption", run.group)]


def universal_runs():
    """The runs on whose training images universal perturbations are learned."""
    networks = runs("main", "further")
    return [run for run in networks if controls_of_kind("universal", run.group)]


def controlled_runs():
    """The runs that have controls of some kind."""
    controlled = [*corrupted_runs(), *universal_runs()]
    return [run for run in judged_runs() if run in controlled]


def controlled_files():
    """What networks make of the images that controls changed."""
    return [
        *run_file("corruptions.parquet", corrupted_runs()),
        *run_file("universal.parquet", universal_runs()),
    ]


def bounded_attacks():
    """The attacks that controls are compared with: those whose epsilon bounds the image's change.

    With each attack its doses, and whether they are lengths (L2).
    """
    names = [
        name
        for name, attack in STUDY.attacks.items()
        if attack.kind in ("gradient", "noise") and name not in gradient_clipped()
    ]
    return {
        name: (doses, getattr(STUDY.attacks[name], "clip", "") == "l2")
        for name, doses in doses_of(names).items()
    }


def most_of_controls(field, group, kind="corruption"):
    """The most of a resource that one of a group's controls of this kind asks for."""
    return max(
        getattr(STUDY.controls[name], field) for name in controls_of_kind(kind, group)
    )
