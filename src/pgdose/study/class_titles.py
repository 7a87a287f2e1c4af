"""What a reader calls the classes of a group: their `title`, or else their conditions in words.

Nothing is guessed from the group's title: a class without any condition is called by its name.
"""

from collections.abc import Mapping

from pgdose.study.classes import Class, Conditions

SEXES = {"F": "women", "M": "men"}


def class_titles(classes: Mapping[str, Class]) -> dict[str, str]:
    """The title of each class of a group by its name; no two are the same.

    Conditions that all classes share are left out: of norm aged 20 to 35 and norm aged 50 to 70 the
    ages remain. Where two classes would still be called the same, all keep their names before it.
    """
    conditions = {name: _conditions(entry) for name, entry in classes.items()}
    shared = set.intersection(*map(set, conditions.values()))
    titles = {}
    for name, entry in classes.items():
        own = [part for part in conditions[name] if part not in shared]
        words = ", ".join(own or conditions[name]) or name
        titles[name] = entry.title or words[0].upper() + words[1:]
    if len({title.casefold() for title in titles.values()}) < len(titles):
        return {name: f"{name}: {title}" for name, title in titles.items()}
    return titles


def _conditions(entry: Class) -> list[str]:
    """What is asked of the class's records, each condition in words."""
    unwanted = entry.where.not_
    return _words(entry.where) + [f"not {text}" for text in (_words(unwanted) if unwanted else ())]


def _words(asked: Conditions) -> list[str]:
    words = [_either(asked.words_of("class")), _either(asked.words_of("label"))]
    words.append(_either([SEXES[sex] for sex in asked.words_of("sex")]))
    if asked.age:
        words.append(f"{asked.age[0]:g}–{asked.age[1]:g} years")
    views = _either(asked.words_of("view"))
    return [text for text in words if text] + ([f"view {views}"] if views else [])


def _either(words: list[str]) -> str:
    return " or ".join(word.replace("_", " ") for word in words)
