"""What to do about a key that its section does not have."""

from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.defended_networks import DEFENCES, DefendedNetwork
from pgdose.study.error_locations import Location
from pgdose.study.networks import KIND_OF_KEY
from pgdose.study.suggestions import nearest_of, one_of
from pgdose.study.training import Training

MARKS = (*KIND_OF_KEY, "adversarial")  # what most entries of `networks` are about


def unknown_key(keys: list[str], location: Location) -> str:
    """What a message says of a key, the last of `keys`: `unknown key, did you mean 'seed'?; ...`"""
    key = keys[-1]
    allowed = [field.alias or name for name, field in location.section.model_fields.items()]
    if not issubclass(location.section, Training):
        return _sentence(nearest_of(key, allowed), allowed)
    is_entry = keys[-3:-2] == ["networks"]
    meant = nearest_of(key, allowed)
    if is_entry:
        allowed = list(dict.fromkeys([*KIND_OF_KEY, *allowed]))
        meant = nearest_of(key, MARKS) or meant
    return _of_another_section(key, is_entry) or _sentence(meant, allowed)


def _sentence(meant: str | None, allowed: list[str]) -> str:
    guess = f", did you mean {meant!r}?" if meant else ""
    return f"unknown key{guess}; {one_of(allowed)}"


def _of_another_section(key: str, is_entry: bool) -> str | None:
    """Where a key belongs that stands among those of a training."""
    of_training = [name for name in Training.model_fields if name.startswith(key)]
    meant = [name for name in AdversarialTraining.model_fields if name.startswith(key)]
    if len(meant) == 1 and not of_training and len(key) > 1:  # eps for epsilon, too
        return f"belongs under 'adversarial'; write adversarial: {{{meant[0]}: ...}}"
    if not is_entry:
        return None
    if key in DEFENCES:
        return f"belongs under 'defence'; write defence: {{{key}: {{...}}}}"
    if key in DefendedNetwork.model_fields:
        return "needs a 'defence' beside it; add one, or leave this key out"
    return None
