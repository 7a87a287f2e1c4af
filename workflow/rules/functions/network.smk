# What rules/network.smk asks of the study.

from pgdose.study.attack_jobs import attack_jobs

SHOWN = STUDY.attacks[STUDY.shown_attack()]  # the attack of Figs. 1 and 2


def network_of(w):
    """How a run's network is trained, or the file that it comes from."""
    return run_of(w).network


def training_code(w):
    """The code that a training runs. Only adversarial training runs code of the attacks."""
    is_plain = network_of(w).adversarial is None
    unused = ("pgdose.training.adversarial",) if is_plain else ()
    return script_digest("train.py", unused)


def group_pattern(these):
    """A pattern of the wildcard `group` in RUN: only these runs."""
    return one_of(f"{run.group}(?=/{run.name}/)" for run in these)


def trusted(groups):
    """Whether the study allows these groups' networks to run as programs (TorchScript)."""
    networks = [run.network for run in runs(groups=groups)]
    return any(getattr(network, "trust", False) for network in networks)


def initial_weights(w):
    """The file of weights that a training starts from, if there is one."""
    weights = network_of(w).weights
    return [] if weights in (None, "imagenet") else weights


def tensorboard():
    """The folder that TensorBoard reads, if the study asks for it."""
    return (
        {"events": directory(f"{RUN}/tensorboard")}
        if STUDY.training.tensorboard
        else {}
    )


def attack_settings(group, attack):
    """What the result of an attack depends on, with its target class as the group numbers it."""
    target = STUDY.target(group, attack)
    return {**STUDY.attacks[attack].settings("attack"), "target": target}


def attack_of(w):
    return STUDY.attacks[w.attack]


def all_surfaces(w):
    """The shards of all attacks on a run."""
    return [
        file for attack in run_of(w).attacks for file in surfaces(run_of(w), attack)
    ]


def main_surfaces(group, attack):
    return surfaces(STUDY.runs(group)[MAIN_RUN], attack)


def judges(w):
    """The networks of a group that judge each other's adversarial images."""
    return runs("main", "further", groups=[w.group])
