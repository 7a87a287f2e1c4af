"""Mistakes that lie between the sections of a study file: one function a topic."""

from collections.abc import Hashable, Iterable, Iterator
from itertools import permutations

from pgdose.study.attacks import LEAST_LIKELY, GradientAttack
from pgdose.study.base import INCEPTION_MINIMUM
from pgdose.study.classes import Class, Image
from pgdose.study.control_checks import control_mistakes
from pgdose.study.defended_networks import DefendedNetwork
from pgdose.study.evaluation import TrainingSize
from pgdose.study.groups import Group
from pgdose.study.harm import pair_of, with_arrow
from pgdose.study.image_size import shown, sides
from pgdose.study.networks import ExistingNetwork
from pgdose.study.pacs import Find
from pgdose.study.places import misplaced
from pgdose.study.runs import FOLDERS_OF_A_RUN, Run, may_be_further
from pgdose.study.sources import (
    TILED,
    AnySource,
    DicomArchive,
    ImageTable,
    MicroscopeFields,
    PacsArchive,
    Slides,
)
from pgdose.study.study import Study
from pgdose.study.suggestions import nearest, one_of
from pgdose.study.training import Training

MOST_JOBS = 200_000  # Snakemake takes minutes to plan so many


def cross_checks(study: Study) -> list[str]:
    """A line for each mistake."""
    if lines := list(_jobs(study)):  # the other checks would look at each of them
        return lines
    if lines := list(_reserved_networks(study)):  # they would take the place of other runs
        return lines
    topics = (
        _searches,
        _sources_of_classes,
        _equal_classes,
        _images,
        _copies,
        _modalities,
        _names,
        _attack_names,
        _architectures,
        _further_networks,
        _combined_networks,
        control_mistakes,
        _harm,
        _existing_networks,
        _training_size,
        _operating_points,
        _attacks,
        _acceptance,
        _starting_weights,
        misplaced,
    )
    lines = [line for topic in topics for line in topic(study)]
    return list(dict.fromkeys(lines))  # two classes of a group may share a mistake


def _unknown(field: str, name: str, choices: Iterable[str], what: str) -> list[str]:
    """A line if a field names something that is not there."""
    if name in choices:
        return []
    return [f"{field}: {name!r} is not {what}{nearest(name, choices)}; {one_of(choices)}"]


def _classes(study: Study) -> Iterator[tuple[str, str, Class, AnySource]]:
    """Group, class, its entry and its source; without classes whose source is unknown."""
    for g, group in study.groups.items():
        for c, entry in group.classes.items():
            if entry.source in study.sources:
                yield g, c, entry, study.sources[entry.source]


def _runs(study: Study) -> Iterator[Run]:
    """The main and further runs of all groups."""
    for group in study.groups:
        yield from (run for run in study.runs(group).values() if run.role in ("main", "further"))


def _jobs(study: Study) -> Iterator[str]:
    """A line if the study plans more jobs than Snakemake can; it names what makes most of them."""
    networks = {group: 1 + len(entry.networks) for group, entry in study.groups.items()}
    repeats = {group: study.repeats(group) - 1 for group in study.groups}
    jobs = {f"sources.{name}.shards": entry.shards for name, entry in study.sources.items()}
    jobs |= {f"groups.{name}.shards": entry.shards for name, entry in study.groups.items()}
    for name, attack in study.attacks.items():
        jobs[f"attacks.{name}.shards"] = attack.shards * sum(networks.values())
    for field, entry in _training_sizes(study):
        attacked = [study.attacks[name].shards for name in entry.attacks if name in study.attacks]
        jobs[f"{field}.repeats"] = len(entry.sizes) * entry.repeats * (1 + sum(attacked))
    gradient = sum(isinstance(attack, GradientAttack) for attack in study.attacks.values())
    shards = sum(attack.shards for attack in study.attacks.values())
    jobs["training.repeats"] = (1 + shards) * sum(repeats.values())
    for group, count in networks.items():
        if count > 1:  # all networks judge each one's images, and each is an input of that job
            jobs[f"groups.{group}.networks"] = gradient * count**2
    most = max(jobs, key=lambda field: jobs[field])
    total = sum(jobs.values())
    if total > MOST_JOBS and most.endswith(".networks"):
        count = networks[most.split(".")[1]]
        yield (
            f"{most}: the study plans over {total} jobs, mainly since each of the group's {count} "
            "networks judges the images of all others; use fewer networks, for at most "
            f"{MOST_JOBS} jobs"
        )
    elif total > MOST_JOBS:
        yield f"{most}: the study plans over {total} jobs; use less, for at most {MOST_JOBS} jobs"


def _searches(study: Study) -> Iterator[str]:
    """A line for each search of a PACS that says nothing: all of the archive would be fetched."""
    for name, source in study.sources.items():
        if isinstance(source, PacsArchive) and source.find == Find():
            yield (
                f"sources.{name}.find: says nothing, so that all films of the archive would be "
                "fetched; give at least one of dates, modalities, body_parts, descriptions"
            )


def _sources_of_classes(study: Study) -> Iterator[str]:
    for g, group in study.groups.items():
        for c, entry in group.classes.items():
            field = f"groups.{g}.classes.{c}.source"
            yield from _unknown(field, entry.source, study.sources, "a source of this study")
    for g, c, entry, source in _classes(study):
        field = f"groups.{g}.classes.{c}.where"
        if isinstance(source, ImageTable):
            labels = source.labels.all_names if source.labels else []
            yield from _unknown_words(field, entry, "label", labels)
        if isinstance(source, Slides):
            yield from _unknown_words(field, entry, "class", source.tile_classes)
        elif isinstance(source, MicroscopeFields | ImageTable) and source.classes:
            yield from _unknown_words(field, entry, "class", source.classes)


def _unknown_words(field: str, entry: Class, key: str, choices: Iterable[str]) -> Iterator[str]:
    for place, words in entry.where.named(key).items():
        for word in words:
            yield from _unknown(f"{field}.{place}", word, choices, f"a {key} of its source")


def _equal_classes(study: Study) -> Iterator[str]:
    """Classes that every record fits which fits the other: `candidates` leaves all of them out."""
    for g, group in study.groups.items():
        first: dict[Hashable, str] = {}
        for c, entry in group.classes.items():
            unwanted = entry.where.not_ and entry.where.not_.meaning()
            same = first.setdefault((entry.source, entry.where.meaning(), unwanted), c)
            if same != c:
                yield (
                    f"groups.{g}.classes.{c}.where: takes the same records as class {same}, and a "
                    "record that fits two classes is left out; change one of them"
                )


def _images(study: Study) -> Iterator[str]:
    for g, _, entry, source in _classes(study):
        image, field, name = study.groups[g].image, f"groups.{g}.image", entry.source
        if isinstance(source, MicroscopeFields | Slides):
            yield from _tile_size(field, image, name, source)
        if image.crop == "aorta" and source.modality != "xray":
            yield (
                f"{field}.crop: 'aorta' needs X-rays, but source {name} is {source.modality}; "
                "use 'crop: none'"
            )
        if image.window != "percentile" and source.modality != "xray":
            yield (
                f"{field}.window: {image.window!r} is for X-rays, but source {name} is "
                f"{source.modality}, whose values are never stretched; leave 'window' out"
            )
        elif image.window == "voi" and not isinstance(source, DicomArchive):
            yield (
                f"{field}.window: 'voi' takes the window of each DICOM file, but source {name} is "
                f"of kind {source.kind}, and pictures have none; use 'percentile' or 'full', or "
                "make DICOM files a source of kind dicom_archive with a 'label_table'"
            )


def _tile_size(
    field: str, image: Image, name: str, source: MicroscopeFields | Slides
) -> Iterator[str]:
    """Tiles are squares, and are averaged, never enlarged."""
    tile, is_square = source.tile, isinstance(image.size, int)
    if image.fit != "squeeze" and isinstance(source, Slides):
        yield (
            f"{field}.fit: {image.fit!r} is for whole images, but source {name} cuts its slides "
            f"into tiles of the side sources.{name}.tile; give that the size, and leave 'fit' out"
        )
    elif not is_square and image.fit == "squeeze":
        remedy = "'fit: crop' or 'fit: pad'" if isinstance(source, MicroscopeFields) else ""
        yield (
            f"{field}.size: {shown(image.size)} is not square, but the tiles of source {name} "
            "are, and would be distorted; use one number" + (f", or {remedy}" if remedy else "")
        )
    for key, size in (("size", image.size), ("resize", image.resize)):
        if size is not None and max(sides(size)) > tile:
            yield (
                f"{field}.{key}: {shown(size)} is larger than the tiles of source {name}; use at "
                f"most {tile}"
            )


def _copies(study: Study) -> Iterator[str]:
    for g, c, entry, source in _classes(study):
        field = f"groups.{g}.classes.{c}.augment_to"
        if entry.augment_to and study.groups[g].network:
            yield f"{field}: an existing network is not trained on copies; leave it out"
        if entry.augment_to and source.kind in TILED:
            yield f"{field}: tiles cannot have copies; leave it out"


def _modalities(study: Study) -> Iterator[str]:
    for g in study.groups:
        sources = [source for group, _, _, source in _classes(study) if group == g]
        tiled = {source.kind in TILED for source in sources}
        modalities = sorted({source.modality for source in sources})
        if len(tiled) > 1 or ("xray" in modalities and len(modalities) > 1):
            yield (
                f"groups.{g}.classes: one group mixes tiles with whole images, or X-rays with "
                "other images; use sources of the same kind"
            )
        elif len(modalities) > 1:
            yield (
                f"groups.{g}.classes: one group mixes images of modality "
                f"{' and '.join(modalities)}; give its sources the same 'modality'"
            )


def _attack_names(study: Study) -> Iterator[str]:
    for name in sorted(set(study.attacks) & set(FOLDERS_OF_A_RUN)):
        yield f"attacks.{name}: the folder of a run has this name; choose another"


def _names(study: Study) -> Iterator[str]:
    for name in study.sources:
        if name in study.groups:
            yield f"sources.{name}: a group has the same name; choose another"


def _reserved_networks(study: Study) -> Iterator[str]:
    for g, group in study.groups.items():
        for name in group.networks:
            if not may_be_further(name):
                yield (f"groups.{g}.networks.{name}: {name!r} is a reserved name; choose another")


def _architectures(study: Study) -> Iterator[str]:
    for run in _runs(study):
        size = study.groups[run.group].image.size
        architecture = getattr(run.network, "architecture", None)
        if architecture == "inception_v3" and min(sides(size)) < INCEPTION_MINIMUM:
            yield (
                f"groups.{run.group}.image.size: {shown(size)} is too small for inception_v3; use "
                f"at least {INCEPTION_MINIMUM} pixels"
            )


def _further_networks(study: Study) -> Iterator[str]:
    for run in _runs(study):
        if not isinstance(run.network, Training) or run.role != "further":
            continue
        if study.groups[run.group].network:
            yield (
                f"{run.field}: no images are left to train on, because groups.{run.group}.network "
                "uses all of them for validation; give a 'file', a 'defence' or an 'ensemble', "
                "or move that network to 'networks'"
            )
        if run.network.tensorboard != study.training.tensorboard:
            everywhere = str(study.training.tensorboard).lower()
            yield (
                f"{run.field}.tensorboard: {str(run.network.tensorboard).lower()} differs from "
                f"training.tensorboard, which applies to all networks; use {everywhere}"
            )
        yield from _width_of_imagenet(f"{run.field}.weights", run.network)


def _existing_networks(study: Study) -> Iterator[str]:
    for run in _runs(study):
        network, group = run.network, study.groups[run.group]
        if not isinstance(network, ExistingNetwork):
            continue
        if set(network.classes) != set(group.classes):
            yield (
                f"{run.field}.classes: {network.classes} are not the group's classes; list "
                f"{list(group.classes)} in the order of the network's outputs"
            )
        if not network.input:
            continue
        if network.input.size not in (None, group.image.size):
            order = "" if isinstance(network.input.size, int) else " (both [height, width])"
            yield (
                f"groups.{run.group}.image.size: {shown(group.image.size)} differs from "
                f"{run.field}.input.size, {shown(network.input.size)}; use the same in both{order}"
            )
        xray = {s.modality == "xray" for g, _, _, s in _classes(study) if g == run.group}
        if network.input.channels == 1 and xray != {True}:
            yield (
                f"{run.field}.input.channels: 1 is for grey images, but the group's images are in "
                "colour; use 3"
            )


def _combined_networks(study: Study) -> Iterator[str]:
    """Networks that are made of others of their group."""
    for run in _runs(study):
        defended = isinstance(run.network, DefendedNetwork)
        field = f"{run.field}.{'of' if defended else 'ensemble'}"
        others = study.runs(run.group)
        # A defence is of a network that is trained or read from a file, an ensemble of these and of
        # defended ones. Not of a repeat: what is compared with `full` would be another training.
        roles = ("main", "further") if defended else ("main", "further", "repeat")
        fit = [name for name, r in others.items() if r.role in roles and not r.made_of]
        if not defended:
            fit += [n for n, r in others.items() if isinstance(r.network, DefendedNetwork)]
        for name in run.made_of:
            if name == run.name:
                others_fit = [other for other in fit if other != name]
                yield f"{field}: {name!r} cannot be made of itself; {one_of(others_fit)}"
            elif name in others and name not in fit:
                role = "a repeat" if others[name].role == "repeat" else "a sized one"
                kind = "made of other networks itself" if others[name].made_of else role
                yield f"{field}: {name!r} is {kind}; {one_of(fit)}"
            else:
                yield from _unknown(field, name, fit, f"a network of group {run.group}")


def _harm(study: Study) -> Iterator[str]:
    for g, group in study.groups.items():
        norm = [group.norm] if isinstance(group.norm, str) else group.norm or []
        for name in dict.fromkeys(norm):
            yield from _unknown(f"groups.{g}.norm", name, group.classes, f"a class of group {g}")
        if set(norm) >= set(group.classes):
            yield (
                f"groups.{g}.norm: names every class, so no disease could be missed; leave out the "
                "classes with disease, or write [] if the group is not about disease"
            )
        yield from _harm_pairs(f"groups.{g}.harm", g, group)
        weights = {pair_of(text): weight for text, weight in group.harm.items()}
        if all(weights.get(pair) == 0 for pair in permutations(group.classes, 2)):
            yield (
                f"groups.{g}.harm: weighs every error 0, so that none would count; give some error "
                "a weight over 0, or leave 'harm' out, and all weigh 1"
            )


def _harm_pairs(field: str, g: str, group: Group) -> Iterator[str]:
    """Keys of `harm` that are no pair of different classes, or the same pair once more."""
    spellings: dict[tuple[str, str], str] = {}
    for text in group.harm:
        pair = pair_of(text)
        if with_arrow(text) != text and pair_of(with_arrow(text)):
            yield f"{field}: write the arrow of {text!r} as ->, {with_arrow(text)!r}"
            continue
        if pair is None:
            yield f"{field}: {text!r} must be TRUE->PREDICTED, such as {_pair(group)!r}"
            continue
        for name in dict.fromkeys(pair):
            yield from _unknown(field, name, group.classes, f"a class of group {g}")
        if pair[0] == pair[1]:
            yield f"{field}: {text!r} is no error; give the weights of wrong diagnoses alone"
        if (other := spellings.setdefault(pair, text)) != text:
            yield f"{field}: {other!r} and {text!r} are the same confusion; keep one of them"


def _pair(group: Group) -> str:
    first, second, *_ = group.classes
    return f"{first}->{second}"


def _acceptance(study: Study) -> Iterator[str]:
    for place, limit in enumerate(study.acceptance):
        field = f"acceptance.{place}"
        unknown = _unknown(
            f"{field}.attack", limit.attack, study.attacks, "an attack of this study"
        )
        yield from unknown
        for group in limit.groups:
            yield from _unknown(f"{field}.groups", group, study.groups, "a group of this study")
        if unknown:
            continue
        doses = study.attacks[limit.attack].doses
        if doses.level_of(limit.epsilon) is None:
            near = doses.epsilons[doses.nearest_level(limit.epsilon)]
            yield (
                f"{field}.epsilon: {limit.epsilon:g} is not an amplitude of attack "
                f"{limit.attack}; use one of its own, such as {near:g}, or add it there"
            )


def _training_sizes(study: Study) -> list[tuple[str, TrainingSize]]:
    """The entries of the section, each with its path; one alone needs no number."""
    entries = study.training_size
    if len(entries) == 1:
        return [("training_size", entries[0])]
    return [(f"training_size.{place}", entry) for place, entry in enumerate(entries)]


def _training_size(study: Study) -> Iterator[str]:
    first: dict[str, str] = {}  # the path of each group's entry
    for field, entry in _training_sizes(study):
        yield from _sizes_of_a_group(study, field, entry)
        if (earlier := first.setdefault(entry.group, field)) != field:
            yield (
                f"{field}.group: {entry.group} has an entry already, {earlier}; give each group "
                "one entry with all of its sizes"
            )


def _sizes_of_a_group(study: Study, section: str, size: TrainingSize) -> Iterator[str]:
    for attack in size.attacks:
        yield from _unknown(f"{section}.attacks", attack, study.attacks, "an attack of this study")
    for field, entries in (("sizes", size.sizes), ("attacks", size.attacks)):
        if len(set(entries)) < len(entries):
            yield f"{section}.{field}: {entries} has an entry twice; give each once"
    if size.group not in study.groups:
        yield from _unknown(f"{section}.group", size.group, study.groups, "a group of this study")
        return
    group = study.groups[size.group]
    if group.network:
        yield (
            f"{section}.group: {size.group} has an existing network; use a group whose network is "
            "trained"
        )
    classes = len(group.classes)
    counts = [entry.augment_to or entry.count for entry in group.classes.values()]
    most = min((n for n in counts if isinstance(n, int)), default=None)
    for n in size.sizes:
        if n % classes or n < 2 * classes:
            yield (
                f"{section}.sizes: {n} does not suit the {classes} classes of {size.group}; "
                f"use a multiple of {classes}, at least {2 * classes}"
            )
        elif most is not None and n > most * classes:
            yield (
                f"{section}.sizes: {n} needs more images than {size.group} has; use at "
                f"most {most * classes}"
            )


def _operating_points(study: Study) -> Iterator[str]:
    name, field = study.shown_attack(), "operating_points.attack"
    yield from _unknown(field, name, study.attacks, "an attack of this study")
    if name in study.attacks and study.attacks[name].kind == "external":
        yield (
            f"{field}: {name!r} is an attack of another library, whose images cannot be made again "
            "for the figures; use an attack of kind gradient or noise"
        )
    doses = [attack.doses for attack in study.attacks.values()]
    epsilon = study.operating_points.epsilon
    if all(d.level_of(epsilon) is None for d in doses):
        choices = sorted({e for d in doses for e in d.epsilons})
        yield f"operating_points.epsilon: no attack has epsilon {epsilon}; use one of {choices}"


def _attacks(study: Study) -> Iterator[str]:
    for name, attack in study.attacks.items():
        if not isinstance(attack, GradientAttack):
            continue
        for g, group in study.groups.items():
            if attack.gradient_of == "dlr" and len(group.classes) < 3:
                yield (
                    f"attacks.{name}.gradient_of: 'dlr' compares three classes, but group {g} has "
                    f"{len(group.classes)}; use margin"
                )
            if attack.target not in (None, LEAST_LIKELY, *group.classes):
                yield (
                    f"attacks.{name}.target: {attack.target!r} is not a class of group {g}; "
                    f"use {LEAST_LIKELY}, or a class that every group has"
                )


def _starting_weights(study: Study) -> Iterator[str]:
    yield from _width_of_imagenet("training.weights", study.training)


def _width_of_imagenet(field: str, training: Training) -> Iterator[str]:
    if training.weights == "imagenet" and training.width != 1:
        yield f"{field}: 'imagenet' needs 'width: 1'; set 'width: 1', or use null or a file"
