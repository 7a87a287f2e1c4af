# What rules/certify.smk asks of the study.

from pgdose.study.defended_networks import OF_THE_CERTIFICATE


def smoothed_runs(groups=None):
    """The runs whose network is smoothed, so that their images have certificates."""
    return [
        run
        for run in runs("further", groups=groups)
        if hasattr(run.network, "defence") and run.network.defence.smoothing
    ]


def smoothing_of(run):
    """The settings of a smoothed run's certificates; `draws` is of its attacks alone."""
    smoothing = run.network.defence.smoothing
    return {name: getattr(smoothing, name) for name in ("sigma", *OF_THE_CERTIFICATE)}


def base_file(run, file):
    """A file of the run whose network is behind a defence."""
    return f"{RESULTS}/groups/{run.group}/{run.network.of}/{file}"


def l2_attacks():
    """The attacks whose epsilon is an L2 length, as a radius is; with the images of each.

    Not those with a target, which attack no image of that class.
    """
    return {
        name: attack.images
        for name, attack in STUDY.attacks.items()
        if getattr(attack, "clip", "") == "l2" and attack.target is None
    }


def l2_surfaces():
    """The shards of these attacks on the smoothed runs and on the networks behind them."""
    networks = {
        run.path: run
        for smoothed in smoothed_runs()
        for run in (smoothed, STUDY.runs(smoothed.group)[smoothed.network.of])
    }
    return [
        file
        for run in networks.values()
        for attack in l2_attacks()
        for file in surfaces(run, attack)
    ]


def l2_networks(name="network.safetensors"):
    """The network files that those shards belong to, or other files beside them."""
    files = [
        file
        for run in smoothed_runs()
        for file in [
            *run_file(name, [run]),
            base_file(run, name),
        ]
    ]
    return list(dict.fromkeys(files)) if l2_attacks() else []
