"""Mistakes of section `controls` that lie between it and other sections."""

from collections.abc import Iterator, Mapping

from pgdose.study.controls import AnyControl, Corruption, UniversalPerturbation, corruptions_for
from pgdose.study.study import Study
from pgdose.study.suggestions import nearest, one_of


def control_mistakes(study: Study) -> Iterator[str]:
    """A line for each mistake."""
    modality = _modalities(study)
    for name, control in study.controls.items():
        if name in study.attacks:
            yield f"controls.{name}: an attack has the same name; choose another"
        yield from _named_groups(study, name, control, modality)
        chosen = _groups_of(control, modality)
        if not chosen and not control.groups and modality:
            others = ", ".join(dict.fromkeys(modality.values()))
            yield (
                f"controls.{name}: {_called(control)} is for {_listed(control)}, but the study has "
                f"only images of modality {others}; leave the control out"
            )
        for group in chosen if isinstance(control, UniversalPerturbation) else ():
            if study.groups[group].network:
                yield (
                    f"controls.{name}: is learned on training images, of which group {group} has "
                    f"none, because groups.{group}.network uses all of its images for validation; "
                    "name other groups under 'groups', or leave the control out"
                )
    yield from _repeated_corruptions(study, modality)


def _modalities(study: Study) -> dict[str, str]:
    """The modality of each group; without groups whose sources are unknown, another mistake."""
    sources = {
        name: next(iter(group.classes.values())).source for name, group in study.groups.items()
    }
    return {g: study.sources[s].modality for g, s in sources.items() if s in study.sources}


def _named_groups(
    study: Study, name: str, control: AnyControl, modality: Mapping[str, str]
) -> Iterator[str]:
    field = f"controls.{name}.groups"
    for group in control.groups:
        if group not in study.groups:
            hint = nearest(group, study.groups)
            yield f"{field}: {group!r} is not a group of this study{hint}; {one_of(study.groups)}"
        elif modality.get(group) not in (None, *control.modalities):
            yield (
                f"{field}: {group} holds images of modality {modality[group]}, but "
                f"{_called(control)} is for {_listed(control)}; leave the group out, or make "
                f"another control for it, {one_of(corruptions_for(modality[group]))}"
            )


def _groups_of(control: AnyControl, modality: Mapping[str, str]) -> list[str]:
    """The groups that have a control, of those whose modality is known."""
    return [
        group
        for group, of_group in modality.items()
        if (group in control.groups or not control.groups) and of_group in control.modalities
    ]


def _repeated_corruptions(study: Study, modality: Mapping[str, str]) -> Iterator[str]:
    """A line for a group that two controls corrupt in the same way."""
    first: dict[tuple[str, str], str] = {}
    for name, control in study.controls.items():
        if not isinstance(control, Corruption):
            continue
        for group in _groups_of(control, modality):
            other = first.setdefault((control.corruption, group), name)
            if other != name:
                yield (
                    f"controls.{name}: controls.{other} is {control.corruption} of group {group} "
                    "too; put all severities into one of them, or give them different 'groups'"
                )
                break


def _called(control: AnyControl) -> str:
    """The control as a message names it."""
    return getattr(control, "corruption", "a universal perturbation")


def _listed(control: AnyControl) -> str:
    return " and ".join(control.modalities)
