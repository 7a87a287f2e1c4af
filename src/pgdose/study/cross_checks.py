"""Mistakes that lie between the sections of a study file."""

import re
from collections.abc import Iterable

from pgdose.study.attacks import LEAST_LIKELY, GradientAttack
from pgdose.study.base import INCEPTION_MINIMUM, known_names, nearest
from pgdose.study.evaluation import TrainingSize
from pgdose.study.groups import Group
from pgdose.study.networks import ONE_WIDTH, Training
from pgdose.study.runs import MAIN_RUN, SIZED
from pgdose.study.sources import TILED, DicomArchive, ImageTable, MicroscopeFields, Slides
from pgdose.study.study import Study


def cross_checks(study: Study) -> list[str]:
    """Mistakes that lie between the sections."""
    found = []

    def reference(field: str, value: str, known: Iterable[str], what: str) -> bool:
        if value not in known:
            near = nearest(value, known)
            found.append(
                f"{field}: {value!r} is no {what} of this study{near}; {known_names(known)}"
            )
            return False
        return True

    for g, group in study.groups.items():
        kinds = set()
        channels = set()
        for c, entry in group.classes.items():
            at = f"groups.{g}.classes.{c}"
            if not reference(f"{at}.source", entry.source, study.sources, "source"):
                continue
            source = study.sources[entry.source]
            kinds.add(source.kind in TILED)
            channels.add(source.modality == "xray")
            if isinstance(source, ImageTable) and entry.where.label:
                names = source.labels.names if source.labels else {}
                reference(f"{at}.where.label", entry.where.label, names, "label of its source")
            if isinstance(source, Slides) and entry.where.class_:
                known = source.tile_classes
                reference(f"{at}.where.class", entry.where.class_, known, "class of its source")
            if isinstance(source, MicroscopeFields | Slides) and group.image.size > source.tile:
                found.append(
                    f"groups.{g}.image.size: {group.image.size} is larger than the tiles of "
                    f"source {entry.source} ({source.tile}); at most that is allowed"
                )
            if group.image.crop == "aorta" and source.modality != "xray":
                found.append(
                    f"groups.{g}.image.crop: 'aorta' needs X-rays, but source {entry.source} "
                    f"is {source.modality}; use none"
                )
            if group.image.window != "percentile" and not isinstance(source, DicomArchive):
                found.append(
                    f"groups.{g}.image.window: {group.image.window!r} is for DICOM files, but "
                    f"source {entry.source} is of kind {source.kind}; leave it out"
                )
            if entry.augment_to and group.network:
                found.append(
                    f"{at}.augment_to: a network that exists already learns from no copies; leave "
                    "it out"
                )
            if entry.augment_to and source.kind in TILED:
                found.append(
                    f"{at}.augment_to: tiles belong to their source and are not augmented; "
                    "leave it out"
                )
        found += _network_checks(study, g, grey=channels == {True})
        if len(kinds) > 1 or len(channels) > 1:
            found.append(
                f"groups.{g}.classes: sources of different kinds in one group; all classes must "
                "come from tile sources or none, and all be X-rays or none"
            )
    for source_name in study.sources:
        if source_name in study.groups:
            found.append(f"sources.{source_name}: a group has the same name; choose another")
    if study.training_size:
        size = study.training_size
        if reference("training_size.group", size.group, study.groups, "group"):
            found += _size_checks(size, study.groups[size.group])
            if study.groups[size.group].network:
                found.append(
                    f"training_size.group: {size.group} has a network that exists already; name a "
                    "group that is trained"
                )
        for attack in size.attacks:
            reference("training_size.attacks", attack, study.attacks, "attack")
    shown = study.shown_attack()
    if (
        reference("operating_points.attack", shown, study.attacks, "attack")
        and study.attacks[shown].kind == "external"
    ):
        found.append(
            f"operating_points.attack: {shown!r} is of another library, and its images are not "
            "made again for figures; name one of kind gradient or noise"
        )
    found += _attack_checks(study)
    epsilon = study.operating_points.epsilon
    doses = sorted({e for attack in study.attacks.values() for e in attack.epsilon})
    if not any(abs(dose - epsilon) < 1e-9 for dose in doses):
        found.append(
            f"operating_points.epsilon: {epsilon} is an amplitude of no attack; one of {doses}"
        )
    if study.training.weights == "imagenet" and study.training.width != 1:
        found.append(f"training.weights: {ONE_WIDTH}")
    return found


def _network_checks(study: Study, g: str, grey: bool) -> list[str]:
    """Mistakes between a group and the networks that it is given."""
    group, found = study.groups[g], []
    for name in group.networks:
        if name in (MAIN_RUN, "images") or re.fullmatch(SIZED, name):
            found.append(
                f"groups.{g}.networks.{name}: {name!r} is the name of another run or folder; "
                "choose another"
            )
    for run, network in study.networks(g).items():
        at = f"groups.{g}.network" + (f"s.{run}" if run != MAIN_RUN else "")
        if network.architecture == "inception_v3" and group.image.size < INCEPTION_MINIMUM:
            found.append(
                f"groups.{g}.image.size: {group.image.size}, but inception_v3 takes "
                f"{INCEPTION_MINIMUM} pixels and more"
            )
        if isinstance(network, Training):
            if group.network:
                found.append(
                    f"{at}: nothing is left to train on beside groups.{g}.network, for which all "
                    "images are validation; give a 'file' here, or make that one of 'networks'"
                )
            if network.tensorboard != study.training.tensorboard:
                found.append(
                    f"{at}.tensorboard: {str(network.tensorboard).lower()}, but "
                    f"training.tensorboard is {str(study.training.tensorboard).lower()}; it is for "
                    "all networks or none"
                )
            if network.weights == "imagenet" and network.width != 1 and run != MAIN_RUN:
                found.append(f"{at}.weights: {ONE_WIDTH}")
            continue
        if set(network.classes) != set(group.classes):
            found.append(
                f"{at}.classes: {network.classes}; the group's classes, {list(group.classes)}, in "
                "the order of the network's outputs"
            )
        seen = network.input
        if seen and seen.size is not None and seen.size != group.image.size:
            found.append(
                f"groups.{g}.image.size: {group.image.size}, but a network takes {seen.size} "
                f"pixels ({at}.input.size)"
            )
        if seen and seen.channels == 1 and not grey:
            found.append(f"{at}.input.channels: 1, but the group's images have colours")
    return found


def _attack_checks(study: Study) -> list[str]:
    """Attacks that a group of the study has too few, or other, classes for."""
    found = []
    for name, attack in study.attacks.items():
        if not isinstance(attack, GradientAttack):
            continue
        for g, group in study.groups.items():
            if attack.gradient_of == "dlr" and len(group.classes) < 3:
                found.append(
                    f"attacks.{name}.gradient_of: 'dlr' compares three classes, but group {g} has "
                    f"{len(group.classes)}; use margin"
                )
            if attack.target not in (None, LEAST_LIKELY, *group.classes):
                found.append(
                    f"attacks.{name}.target: {attack.target!r} is no class of group {g}; "
                    f"{LEAST_LIKELY}, or a class that every group has"
                )
    return found


def _size_checks(size: TrainingSize, group: Group) -> list[str]:
    classes = len(group.classes)
    counts = [entry.augment_to or entry.count for entry in group.classes.values()]
    most = min((n for n in counts if isinstance(n, int)), default=None)
    found = []
    for n in size.sizes:
        if n % classes or n < 2 * classes:
            found.append(
                f"training_size.sizes: {n}; a multiple of {classes}, the number of classes of "
                f"{size.group}, and at least {2 * classes}"
            )
        elif most is not None and n > most * classes:
            found.append(
                f"training_size.sizes: {n} is more than {size.group} has; at most {most * classes}"
            )
    if len(set(size.sizes)) < len(size.sizes) or len(set(size.attacks)) < len(size.attacks):
        found.append("training_size: a size or an attack stands twice; each once")
    return found
