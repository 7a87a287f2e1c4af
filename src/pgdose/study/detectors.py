"""Which attacks know a detector: those that go on to raise the score of the wrong diagnosis.

A detector rejects images whose score is low. Once an image is flipped, some attacks have nothing
left to do; others raise the wrong class further, until the detector accepts it.
"""

from collections.abc import Iterable

from pgdose.study.attacks import AnyAttack, GradientAttack
from pgdose.study.runs import Run

# Objectives whose loss is a monotone function of the probability of the class that is aimed at, or
# bounds it: with a target, and of two classes also without one.
OF_THE_TARGET = ("probability", "cross_entropy", "margin")


def raises_wrong_class(attack: AnyAttack, classes: int) -> bool | None:
    """Whether the attack goes on to raise the confidence of a wrong diagnosis.

    Confidence and margin bound each other: with the probability p of the likeliest class the first
    logit is over the second by log(p / (1 - p)) or more. So who raises one raises both. None: it
    cannot be said of an attack of another library.
    """
    if attack.kind == "external":
        return None
    if not isinstance(attack, GradientAttack):
        return False
    if attack.gradient_of == "wrong_class":
        return True
    is_aimed = attack.target is not None or classes == 2
    return is_aimed and attack.gradient_of in OF_THE_TARGET


def lowers_disagreement(attack: AnyAttack, classes: int, run: Run, judges: Iterable[str]) -> bool:
    """Whether the attack makes all networks that are compared agree on the wrong diagnosis.

    It must raise the wrong class in the mean of all of them: what is attacked is their ensemble.
    """
    of_all = len(run.made_of) > 1 and set(judges) <= set(run.made_of)
    return of_all and bool(raises_wrong_class(attack, classes))
