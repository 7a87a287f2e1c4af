# What rules/analysis.smk asks of the study.

from pgdose.study import detectors
from pgdose.study.defence_words import defence_words, training_passes
from pgdose.study.defended_networks import DefendedNetwork, EnsembleNetwork


def columns_of(*rules):
    """The columns of the result tables that these rules make."""
    return as_json(table_registry.columns_of(*rules))


def shown_table(name):
    """A result table; `snakemake --report` shows it if its entry in the registry says so."""
    path = f"{RESULTS}/tables/{name}.csv"
    is_shown = table_registry.RESULT_TABLES[name].in_snakemake_report
    return shown(path, name, "Tables") if is_shown else path


def kind_of(network):
    """How a network is built and trained, of which kind its file is, or what it is made of."""
    if getattr(network, "adversarial", None):
        return f"{network.architecture}, trained by {network.adversarial.method}"
    if isinstance(network, DefendedNetwork | EnsembleNetwork):
        return network.label
    return network.architecture or Path(network.file).suffix.lower()


def networks_of_defences():
    """The networks of the table defence: who they are, how defended, how expensively trained."""
    return as_json(
        [
            {
                "identity": run.identity(),
                "defence": defence_words(run),
                "passes": training_passes(run, STUDY.runs(run.group)),
            }
            for run in compared_runs()
        ]
    )


def attacks_on_defences():
    """The attacks of the table defence, in the order of the study."""
    return as_json(
        [
            {
                "name": name,
                "doses": doses_of([name])[name],
                "images": attack.images,
                "bounds_change": name not in gradient_clipped(),
                "is_noise": attack.kind == "noise",
            }
            for name, attack in STUDY.attacks.items()
        ]
    )


def accepted_attacks():
    return list(dict.fromkeys(limit.attack for limit in STUDY.acceptance))


def judged_runs():
    """The runs on all training images of their group, whose quality is told."""
    return runs("main", "repeat", "further")


def size_runs():
    """The runs that show how success depends on the training size; repeats are of all images."""
    groups = [group for group in STUDY.groups if group in sized_attacks()]
    return runs("main", "repeat", "sized", groups=groups)


def sized_attacks():
    """The attacks on the sized runs, by group."""
    return {entry.group: entry.attacks for entry in STUDY.training_size}


def doses_of(attacks):
    """The doses of some attacks."""
    return {
        name: {"epsilons": attack.epsilon, "max_iter": attack.max_iter}
        for name, attack in STUDY.attacks.items()
        if name in attacks
    }


def images_of(attacks):
    """How many validation images each of some attacks is run on."""
    return {name: STUDY.attacks[name].images for name in attacks}


def gradient_clipped():
    """The attacks whose epsilon bounds the gradient, not the change of the image."""
    clips = {name: getattr(a, "clip", "") for name, a in STUDY.attacks.items()}
    return [name for name, clip in clips.items() if clip == "gradient"]


def raises_wrong_class(run):
    """Whether each attack on a run makes wrong classes certain; None for sized runs, which have
    no table of abstention."""
    if run.role == "sized":
        return None
    classes = len(STUDY.groups[run.group].classes)
    return {
        name: detectors.raises_wrong_class(STUDY.attacks[name], classes)
        for name in run.attacks
    }


def disagreeing(group):
    """The networks of a group whose disagreement counts: an ensemble only repeats the others."""
    networks = runs("main", "further", groups=[group])
    return [run.name for run in networks if len(run.made_of) < 2]


def with_disagreement():
    """The groups with several networks that judge each other's images and can disagree."""
    groups = dict.fromkeys(run.group for run, _ in transferred())
    return [group for group in groups if len(disagreeing(group)) > 1]


def judged_attack(run, attack):
    """The images of an attack, whether it makes the networks agree on a wrong class, and the class
    that it leads to."""
    entry, classes = STUDY.attacks[attack], len(STUDY.groups[run.group].classes)
    agreeing = detectors.lowers_disagreement(
        entry, classes, run, disagreeing(run.group)
    )
    target = STUDY.target(run.group, attack)
    return entry.images, agreeing, target if isinstance(target, int) else None


def measure_settings():
    """The operating point, the definition of success and the number of bootstrap draws."""
    return as_json(
        {
            "epsilon": STUDY.operating_points.epsilon,
            "iterations": STUDY.operating_points.iterations,
            "success": STUDY.measures.success,
            "draws": STUDY.measures.draws,
            "seed": STUDY.seed,
        }
    )
