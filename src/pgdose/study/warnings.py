"""What a study may say, but hardly means: one function a topic, a line for each.

The study runs all the same. `cross_checks` has the mistakes, with which it does not.
"""

from collections.abc import Iterator, Mapping
from statistics import NormalDist

from pgdose.study.attacks import GradientAttack
from pgdose.study.base import Model
from pgdose.study.classes import Class
from pgdose.study.defended_networks import DefendedNetwork
from pgdose.study.doses import TOLERANCE, is_reached, same_epsilon
from pgdose.study.harm import norm_of, words_of
from pgdose.study.study import Study
from pgdose.study.training import Training

LEAST_SIGMAS = 0.5  # of the largest radius, in units of sigma
AS_PARTS = "'alpha: {of_epsilon: 0.25}'"


def study_warnings(study: Study) -> list[str]:
    """Lines such as `attacks.pgd.alpha: warning: ...`."""
    topics = (
        _deprecated_keys,
        _short_steps,
        _long_steps,
        _doses_that_are_not_measured,
        _repeats_without_training,
        _norm_with_disease,
        _defended_main_networks,
        _short_certificates,
        _training_at_larger_doses,
    )
    return [f"{field}: warning: {text}" for topic in topics for field, text in topic(study)]


def _deprecated_keys(section: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Keys of the study that are to leave, see docs/reference/deprecation.md.

    Their fields are marked `Field(deprecated="since 1.1; write `x` instead")`, which the schema and
    the reference of study keys show, too.
    """
    if isinstance(section, Model):
        fields = type(section).model_fields
        for name in sorted(section.model_fields_set):
            place = f"{path}.{fields[name].alias or name}".removeprefix(".")
            if note := fields[name].deprecated:
                yield place, f"deprecated {note}"
            yield from _deprecated_keys(section.__dict__[name], place)
    elif isinstance(section, Mapping):
        for key, value in section.items():
            yield from _deprecated_keys(value, f"{path}.{key}")
    elif isinstance(section, list | tuple):
        for number, value in enumerate(section):
            yield from _deprecated_keys(value, f"{path}[{number}]")


def _stepping(study: Study) -> Iterator[tuple[str, GradientAttack]]:
    """The attacks whose steps have a length that can be compared with epsilon."""
    for name, attack in study.attacks.items():
        if isinstance(attack, GradientAttack) and attack.alpha is not None:
            # A sign step has its length in each pixel, an l2 step over the whole image.
            bound = "l2" if attack.step == "l2" else "iterate"
            yield from [(name, attack)] if attack.clip == bound else []


def _short_steps(study: Study) -> Iterator[tuple[str, str]]:
    """All steps together do not lead from the clean image to the edge of the box."""
    for name, attack in _stepping(study):
        if attack.start == "random":
            continue  # it may begin near the edge
        ways = {
            epsilon: attack.max_iter * (attack.alpha_at(epsilon) or 0) for epsilon in attack.epsilon
        }
        missed = [epsilon for epsilon, way in ways.items() if not is_reached(way, epsilon)]
        if missed:
            steps = f"{attack.max_iter} step{'s' if attack.max_iter > 1 else ''}"
            yield (
                f"attacks.{name}.alpha",
                f"{steps} change no image by more than {ways[missed[0]]:g}, so epsilon "
                f"{_listed(missed)} cannot be reached, and its results are copies; use {AS_PARTS}, "
                "longer or more steps, or leave these amplitudes out",
            )


def _long_steps(study: Study) -> Iterator[tuple[str, str]]:
    """A step leads out of the box, so that the iterates swing from edge to edge."""
    for name, attack in _stepping(study):
        long = [e for e in attack.epsilon if (attack.alpha_at(e) or 0) > e * (1 + 1e-9)]
        if long and attack.max_iter > 1:
            yield (
                f"attacks.{name}.alpha",
                f"a step is longer than epsilon {_listed(long)}, so the iterates swing between the "
                f"edges and the last one may lose a success; use {AS_PARTS} or shorter steps",
            )


def _doses_that_are_not_measured(study: Study) -> Iterator[tuple[str, str]]:
    points, doses = study.operating_points, [attack.doses for attack in study.attacks.values()]
    most = max(d.max_iter for d in doses)
    if points.iterations > most:
        yield (
            "operating_points.iterations",
            f"no attack has {points.iterations} iterations; each is shown at its last one, which "
            f"is {most} at most. Use at most {most}, or a larger max_iter",
        )
    measured = sorted({epsilon for d in doses for epsilon in d.epsilons})
    for epsilon in points.epsilons_over_iterations:
        if not any(same_epsilon(epsilon, other) for other in measured):
            yield (
                "operating_points.epsilons_over_iterations",
                f"no attack has epsilon {epsilon:g}; Fig. 3b shows the nearest. Use some of "
                f"{_listed(measured)}",
            )
    shown = study.attacks[study.shown_attack()].doses
    if shown.level_of(points.flips_epsilon) is None:
        yield (
            "operating_points.flips_epsilon",
            f"attack {study.shown_attack()} does not have epsilon {points.flips_epsilon:g}; Fig. 2 "
            f"shows the nearest. Use one of {_listed(shown.epsilons)}",
        )


def _repeats_without_training(study: Study) -> Iterator[tuple[str, str]]:
    existing = [name for name, group in study.groups.items() if group.network]
    if existing and study.training.repeats > 1:
        yield (
            "training.repeats",
            f"{study.training.repeats} trainings are not for group {', '.join(existing)}, whose "
            "network exists already and is attacked once; leave 'network' out to train it here",
        )


def _norm_with_disease(study: Study) -> Iterator[tuple[str, str]]:
    """`norm` names a class with disease, by the conditions of the classes."""
    for g, group in study.groups.items():
        by_where = norm_of(group.model_copy(update={"norm": None})).classes
        wrong = [name for name in norm_of(group).classes if name not in by_where]
        if by_where and wrong:
            named = [_with_words(name, group.classes[name]) for name in (*wrong, *by_where)]
            count = len(wrong)
            yield (
                f"groups.{g}.norm",
                f"names {', '.join(named[:count])}, but by their 'where' the classes without "
                f"disease are {', '.join(named[count:])}; write norm: {_in_yaml(by_where)}, or "
                "leave 'norm' out",
            )


def _with_words(name: str, entry: Class) -> str:
    words = words_of(name, entry)
    return f"{name} ({', '.join(words)})" if words and words != [name] else name


def _in_yaml(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _defended_main_networks(study: Study) -> Iterator[tuple[str, str]]:
    """A further network is compared with the main one, which must not be defended itself."""
    groups = [name for name, group in study.groups.items() if group.networks and not group.network]
    if study.training.adversarial and groups:
        yield (
            "training.adversarial",
            f"full of group {', '.join(groups)} is itself trained on attacked images, so "
            "tables/defence.csv leaves the group out; leave 'training.adversarial' out, and give "
            "the defended network an entry under 'networks'",
        )


def _short_certificates(study: Study) -> Iterator[tuple[str, str]]:
    """Even if all copies of an image agree, its radius is short."""
    for g, group in study.groups.items():
        for name, network in group.networks.items():
            smoothing = network.defence.smoothing if isinstance(network, DefendedNetwork) else None
            if smoothing is None:
                continue
            # Of so many copies that all agree, the lower bound of Clopper and Pearson.
            sigmas = NormalDist().inv_cdf(smoothing.alpha ** (1 / smoothing.samples))
            if sigmas < LEAST_SIGMAS:
                yield (
                    f"groups.{g}.networks.{name}.defence.smoothing.samples",
                    f"{smoothing.samples} copies certify at most a radius of {sigmas:.2g} sigma, "
                    f"{sigmas * smoothing.sigma:.2g}, even where all agree; use 1000 or more",
                )


def _training_at_larger_doses(study: Study) -> Iterator[tuple[str, str]]:
    """A network learns to withstand what no attack of the study does."""
    attacks = [attack for attack in study.attacks.values() if isinstance(attack, GradientAttack)]
    in_boxes = [attack.epsilon[-1] for attack in attacks if attack.clip == "iterate"]
    if not in_boxes:
        return
    largest, warned = max(in_boxes), set()
    for run in (run for g in study.groups for run in study.runs(g).values()):
        adversarial = run.network.adversarial if isinstance(run.network, Training) else None
        inherited = run.role == "further" and adversarial == study.training.adversarial
        field = "training" if inherited else run.field
        if adversarial and field not in warned and adversarial.epsilon > largest + TOLERANCE:
            warned.add(field)
            yield (
                f"{field}.adversarial.epsilon",
                f"{adversarial.epsilon:g} is over {largest:g}, the largest epsilon of the study's "
                "attacks (L-infinity), and may cost accuracy for nothing that is measured; use a "
                "smaller one, or add larger epsilons to an attack",
            )


def _listed(epsilons: list[float] | tuple[float, ...]) -> str:
    return ", ".join(f"{epsilon:g}" for epsilon in epsilons)
