"""The classes of an audit: their names in the study, their words, the order of the outputs."""

import re
from collections import Counter
from collections.abc import Sequence

from pgdose.cli.labelled_images import MOST_CLASSES
from pgdose.errors import UserError
from pgdose.names import is_name
from pgdose.study.class_patterns import as_pattern, fold
from pgdose.study.suggestions import nearest


def choose_classes(
    words: Counter[str], given: Sequence[str] | None, notes: list[str]
) -> dict[str, str]:
    """The word of each class by its name in the study, in the order of the network's outputs.

    Args:
        words: of the labels, and how many images have each.
        given: what the person lists, in that order; None: all words in the usual order.
        notes: gets what was guessed and counted.
    """
    spellings: dict[str, Counter[str]] = {}
    for word, count in words.items():
        spellings.setdefault(fold(word), Counter())[word] += count
    chosen = _given(given, spellings, notes) if given else _all(spellings, notes)
    names: dict[str, str] = {}
    for word in chosen:
        if len(others := [repr(other) for other in spellings[fold(word)] if other != word]) > 0:
            notes.append(f"the labels {word!r} and {', '.join(others[:5])} are taken as one class")
        if as_pattern(word):
            raise UserError(
                f"--labels: the label {word!r} begins or ends with a star, which stands for any "
                "letters in a study; rename it"
            )
        names[_name(word, names)] = word
    return names


def _given(given: Sequence[str], spellings: dict[str, Counter[str]], notes: list[str]) -> list[str]:
    folded = [fold(word) for word in given]
    if twice := [word for word, n in Counter(folded).items() if n > 1]:
        raise UserError(f"--classes: {twice[0]!r} stands there twice; name each class once")
    if len(given) < 2:
        raise UserError("--classes: give at least two, separated by commas")
    commonest = {key: counts.most_common(1)[0][0] for key, counts in spellings.items()}
    for word, key in zip(given, folded, strict=True):
        if key not in spellings:
            shown = ", ".join(list(commonest.values())[:10])
            raise UserError(
                f"--classes: no image has the label {word!r}"
                f"{nearest(word, commonest.values())}; the labels are: {shown}"
            )
    others = sum(counts.total() for key, counts in spellings.items() if key not in folded)
    if others:
        notes.append(f"{others} images have labels that --classes does not name; left out")
    return [commonest[key] for key in folded]


def _all(spellings: dict[str, Counter[str]], notes: list[str]) -> list[str]:
    if len(spellings) < 2:
        word = next(iter(spellings))
        raise UserError(
            f"--labels: all images have the label {word!r}; give images of at least two classes"
        )
    if len(spellings) > MOST_CLASSES:
        raise UserError(
            f"--labels: the column has {len(spellings)} different labels; name the column of the "
            "classes with --label-column, or the classes with --classes"
        )
    words = [counts.most_common(1)[0][0] for counts in spellings.values()]
    if all(re.fullmatch(r"[+-]?\d+(\.0*)?", word) for word in words):
        words.sort(key=float)
        order = "by number"
    else:
        words.sort()
        order = "in alphabetical order, as torchvision's ImageFolder numbers them"
    notes.append(
        f"guessed: the network's outputs are {', '.join(words)}, {order}; give --classes if they "
        "stand in another order"
    )
    return words


def _name(word: str, taken: dict[str, str]) -> str:
    """A name for a class that a study allows: the word itself where it is one."""
    name = word if is_name(word) else re.sub(r"[^A-Za-z0-9_-]+", "_", word).strip("_")
    if not is_name(name[:40]):
        name = f"class_{name}".rstrip("_")
    name, number, stem = name[:40], 2, name[:36]
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name
