"""Free-text chest X-ray reports as a hospital in Belarus would write them, from known findings.

The phrases here are the hospital's own: they are not taken from the lexicon that the labeller
reads, so that labelling these reports is a test and not a tautology.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FINDINGS = (
    "pneumosclerosis",
    "fibrosis",
    "emphysema",
    "pneumonia",
    "focal_shadows",
    "bronchitis",
    "tuberculosis",
    "aorta",
)
BELARUSIAN_SHARE = 0.04
LATIN = str.maketrans("аеорсухАВЕКМНОРСТХ", "aeopcyxABEKMHOPCTX")


@dataclass(frozen=True)
class _Language:
    """One hospital's phrases. In them {site} is a place in the lung, {cm} a size in centimetres."""

    norm: tuple[str, ...]  # whole reports
    sites: tuple[str, ...]
    neutral: tuple[str, ...]  # sentences that go with any finding
    women: tuple[str, ...]
    elderly: tuple[str, ...]
    present: dict[str, tuple[str, ...]]  # sentences that state a finding
    names: dict[str, tuple[str, ...]]  # nominative, for lists of present findings
    genitive: dict[str, tuple[str, ...]]  # for denials
    lists: tuple[str, ...]  # of present findings: {names}
    denials: tuple[str, ...]  # {names}: the genitives of what is not there
    tails: tuple[str, ...]  # a statement {present} with a denial in one sentence
    joins: tuple[str, str]  # before the last of a list: and, or (the latter in denials only)


_RUSSIAN = _Language(
    norm=(
        "Норма",
        "Без патологии",
        "Органы грудной клетки в норме",
        "Органы грудной клетки без патологии",
        "ОГК без патологии",
        "Лёгкие и сердце без патологических изменений",
        "Патологических изменений не выявлено",
        "Без видимой патологии",
        "Лёгкие без очаговых и инфильтративных изменений",
    ),
    sites=(
        "справа",
        "слева",
        "в верхней доле правого лёгкого",
        "в нижней доле левого лёгкого",
        "в нижних отделах обоих лёгких",
        "в средней доле",
        "в S2 справа",
        "в S1-S2 слева",
        "в прикорневой зоне",
        "на верхушке левого лёгкого",
        "на уровне переднего отрезка III ребра",
        "с обеих сторон",
    ),
    neutral=(
        "Корни структурны, не расширены",
        "Корни лёгких малоструктурны",
        "Синусы свободны",
        "Синусы свободные, диафрагма с чёткими контурами",
        "Сердце не увеличено",
        "Сердце расширено влево на {cm} см",
        "Тень средостения не расширена, не смещена",
        "Лёгочный рисунок усилен, деформирован",
        "Лёгочный рисунок не изменён",
        "Плевральные спайки {site}",
        "Диафрагма расположена обычно",
        "Контуры диафрагмы чёткие, ровные",
        "Кальцинат {cm} см {site}",
        "Свободного газа и жидкости в плевральных полостях не определяется",
        "Костные структуры без особенностей",
        "Динамическое наблюдение через 6 мес",
        "Рекомендован осмотр терапевта",
        "По сравнению с предыдущим снимком без динамики",
        "Купол диафрагмы справа приподнят на {cm} см",
        "Сколиоз грудного отдела позвоночника",
    ),
    women=("Тени молочных желёз симметричны", "Правая молочная железа удалена"),
    elderly=(
        "Возрастные изменения грудного отдела позвоночника",
        "Дегенеративно-дистрофические изменения позвоночника",
        "Гипертрофия левого желудочка",
    ),
    present={
        "pneumosclerosis": (
            "Пневмосклероз {site}",
            "Диффузный пневмосклероз",
            "Явления пневмосклероза {site}",
            "Лёгочный рисунок усилен за счёт пневмосклероза",
            "Отмечается умеренно выраженный пневмосклероз {site}",
            "Пневмосклеротические изменения {site}",
            "Признаки базального пневмосклероза",
            "{site} определяется участок пневмосклероза размером {cm} см",
        ),
        "fibrosis": (
            "Фиброз {site}",
            "Фиброзные изменения {site}",
            "Участок фиброза {site} до {cm} см",
            "{site} единичные фиброзные тяжи",
            "Ограниченный пневмофиброз {site}",
            "Лёгочный рисунок {site} деформирован за счёт фиброза",
            "Корни уплотнены, фиброзно изменены",
        ),
        "emphysema": (
            "Эмфизема лёгких",
            "Лёгкие эмфизематозны",
            "Лёгочные поля эмфизематозно вздуты",
            "Признаки эмфиземы {site}",
            "Повышение прозрачности лёгочных полей за счёт эмфиземы",
            "Буллёзная эмфизема {site}",
            "Выраженная эмфизема лёгких, диафрагма уплощена",
        ),
        "pneumonia": (
            "Пневмония {site}",
            "Очаговая пневмония {site}",
            "{site} инфильтрация {cm} см, пневмония",
            "Рентгенологическая картина пневмонии {site}",
            "Правосторонняя нижнедолевая пневмония",
            "Двусторонняя полисегментарная бронхопневмония",
            "Пневмония {site} в стадии разрешения",
            "Признаки пневмонии {site}",
        ),
        "focal_shadows": (
            "Очаговые тени {site}",
            "{site} определяется очаговая тень {cm} см",
            "{site} группа мелких очагов средней интенсивности",
            "Единичные плотные очаги {site}",
            "Очаговая тень с нечёткими контурами {site} до {cm} см в диаметре",
            "Очаговоподобная тень {site}, очаг {cm} см",
            "Множественные мелкоочаговые тени {site}",
        ),
        "bronchitis": (
            "Хронический бронхит",
            "Явления бронхита",
            "Рентгенологические признаки хронического бронхита",
            "Картина деформирующего бронхита {site}",
            "Стенки бронхов уплотнены, бронхит",
            "Острый бронхит",
        ),
        "tuberculosis": (
            "Инфильтративный туберкулёз {site}",
            "Очаговый туберкулёз {site} в фазе уплотнения",
            "Туберкулёз {site}, состоит на учёте",
            "Диссеминированный туберкулёз лёгких",
            "Остаточные изменения перенесённого туберкулёза {site}",
            "Туберкулёма {site} {cm} см",
            "Картина инфильтративного туберкулёза {site} с распадом",
        ),
        "aorta": (
            "Аорта развёрнута",
            "Аорта уплотнена, развёрнута",
            "Разворот дуги аорты",
            "Дуга аорты развёрнута, уплотнена",
            "Аорта склерозирована, удлинена, развёрнута",
            "Тень аорты развёрнута",
            "Развёрнутая аорта",
            "Отмечается разворот аорты",
        ),
    },
    names={
        "pneumosclerosis": ("пневмосклероз", "диффузный пневмосклероз"),
        "fibrosis": ("фиброз", "пневмофиброз", "фиброзные изменения"),
        "emphysema": ("эмфизема", "эмфизема лёгких"),
        "pneumonia": ("пневмония", "очаговая пневмония"),
        "focal_shadows": ("очаговые тени", "единичные очаги"),
        "bronchitis": ("бронхит", "хронический бронхит"),
        "tuberculosis": ("туберкулёз", "очаговый туберкулёз"),
        "aorta": ("разворот аорты", "аорта развёрнута"),
    },
    genitive={
        "pneumosclerosis": ("пневмосклероза", "пневмосклеротических изменений"),
        "fibrosis": ("фиброза", "фиброзных изменений", "пневмофиброза"),
        "emphysema": ("эмфиземы", "эмфиземы лёгких"),
        "pneumonia": ("пневмонии", "очаговой пневмонии"),
        "focal_shadows": (
            "очаговых и инфильтративных теней",
            "очаговых теней",
            "свежих очаговых и инфильтративных изменений",
            "очаговых, инфильтративных теней",
            "очагов",
        ),
        "bronchitis": ("бронхита", "хронического бронхита"),
        "tuberculosis": ("туберкулёза", "активного туберкулёза", "туберкулёзных изменений"),
        "aorta": ("разворота аорты", "разворота дуги аорты"),
    },
    lists=("{names}", "Заключение: {names}", "Определяется {names}", "З-е: {names} {site}"),
    denials=(
        "{names} не выявлено",
        "Без признаков {names}",
        "Без {names}",
        "Признаков {names} нет",
        "Не определяется {names}",
        "{names} {site} не определяется",
        "Рентгенологических признаков {names} не обнаружено",
        "В лёгких {names} не отмечается",
        "Нет {names}",
        "Признаки {names} отсутствуют",
        "В лёгких без {names}",
    ),
    tails=(
        "{present}, {names} не выявлено",
        "{present}, без {names}",
        "{present} без {names}",
        "{present}; {names} нет",
        "{names} не выявлено, но {present}",
        "{names} нет, {present}",
        "{names} не определяется; {present}",
        "{present}, однако признаков {names} нет",
    ),
    joins=(" и ", " или "),
)

_BELARUSIAN = _Language(
    norm=("Норма", "Без паталогіі", "Органы грудной клеткі без паталогіі"),
    sites=("справа", "злева", "у ніжняй долі правага лёгкага", "з абодвух бакоў"),
    neutral=(
        "Карані структурныя",
        "Сінусы свабодныя",
        "Сэрца не павялічана",
        "Лёгачны малюнак узмоцнены",
        "Плеўральныя зрошчванні {site}",
    ),
    women=("Цені малочных залоз сіметрычныя",),
    elderly=("Узроставыя змены хрыбетніка",),
    present={
        "pneumosclerosis": ("Пнеўмасклероз {site}", "Прыкметы пнеўмасклерозу"),
        "fibrosis": ("Фіброз {site}", "Фіброзныя змены {site}"),
        "emphysema": ("Эмфізема лёгкіх", "Прыкметы эмфіземы"),
        "pneumonia": ("Пнеўманія {site}", "Прыкметы пнеўманіі {site}"),
        "focal_shadows": ("Ачаговыя цені {site}", "{site} ачаговы цень {cm} см"),
        "bronchitis": ("Хранічны бранхіт", "Прыкметы бранхіту"),
        "tuberculosis": ("Туберкулёз {site}", "Ачаговы туберкулёз {site}"),
        "aorta": ("Аорта разгорнута", "Разварот дугі аорты"),
    },
    names={
        "pneumosclerosis": ("пнеўмасклероз",),
        "fibrosis": ("фіброз",),
        "emphysema": ("эмфізема",),
        "pneumonia": ("пнеўманія",),
        "focal_shadows": ("ачаговыя цені",),
        "bronchitis": ("бранхіт",),
        "tuberculosis": ("туберкулёз",),
        "aorta": ("разварот аорты",),
    },
    genitive={
        "pneumosclerosis": ("пнеўмасклерозу",),
        "fibrosis": ("фіброзу",),
        "emphysema": ("эмфіземы",),
        "pneumonia": ("пнеўманіі",),
        "focal_shadows": ("ачаговых ценяў", "ачаговых і інфільтратыўных ценяў"),
        "bronchitis": ("бранхіту",),
        "tuberculosis": ("туберкулёзу",),
        "aorta": ("развароту аорты",),
    },
    lists=("{names}", "Заключэнне: {names}"),
    denials=("{names} не выяўлена", "Без прыкмет {names}", "{names} няма"),
    tails=("{present}, {names} не выяўлена", "{names} няма, але {present}"),
    joins=(" і ", " ці "),
)


def write_report(rng: np.random.Generator, findings: frozenset[str], sex: str, age: float) -> str:
    """One report that states `findings` (names out of FINDINGS) and nothing else of that list.

    With no findings the whole report is a norm phrase. Findings that are absent are passed over
    or denied, never left in doubt. `sex` (F or M) and `age` (years) add a remark here and there.
    The same state of `rng` gives the same text. Raises ValueError for an unknown finding.
    """
    if unknown := findings - set(FINDINGS):
        raise ValueError(f"unknown findings: {sorted(unknown)}; known: {list(FINDINGS)}")
    language = _BELARUSIAN if rng.random() < BELARUSIAN_SHARE else _RUSSIAN
    if not findings:
        return _by_hand(rng, [_choose(rng, language.norm)])

    present = _shuffled(rng, sorted(findings))
    absent = _shuffled(rng, [name for name in FINDINGS if name not in findings])
    sentences: list[str] = []
    if len(present) > 1 and rng.random() < 0.4:
        listed, present = present[:3], present[3:]
        names = [_choose(rng, language.names[name]) for name in listed]
        listing = _join(names, _choose(rng, [", ", language.joins[0]]))
        sentences.append(_choose(rng, language.lists).replace("{names}", listing))
    for name in present:
        sentence = _choose(rng, language.present[name])
        if absent and rng.random() < 0.3:
            tail = _choose(rng, language.tails)
            denied_name = _choose(rng, language.genitive[absent.pop()])
            sentence = tail.replace("{present}", _uncapital(sentence))
            sentence = sentence.replace("{names}", denied_name)
        sentences.append(sentence)
    if absent and rng.random() < 0.6:
        denied = absent[: rng.integers(1, 4)]
        names = [_choose(rng, language.genitive[name]) for name in denied]
        listing = _join(names, _choose(rng, [", ", *language.joins]))
        sentences.append(_choose(rng, language.denials).replace("{names}", listing))
    remarks = list(language.neutral)
    remarks += language.women if sex == "F" else ()
    remarks += language.elderly if age >= 55 else ()
    sentences += _shuffled(rng, remarks)[: rng.integers(0, 5)]
    return _by_hand(rng, [_fill(rng, s, language) for s in _shuffled(rng, sentences)])


def _choose(rng: np.random.Generator, phrases: Sequence[str]) -> str:
    return phrases[int(rng.integers(len(phrases)))]


def _shuffled(rng: np.random.Generator, items: list[str]) -> list[str]:
    return [items[i] for i in rng.permutation(len(items))]


def _uncapital(text: str) -> str:
    return text[:1].lower() + text[1:]


def _join(names: list[str], conjunction: str) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return conjunction.join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _fill(rng: np.random.Generator, sentence: str, language: _Language) -> str:
    sentence = sentence.replace("{site}", _choose(rng, language.sites))
    size = f"{rng.integers(2, 40) / 10:.1f}".replace(".", _choose(rng, [".", ","]))
    return sentence.replace("{cm}", size)


def _by_hand(rng: np.random.Generator, sentences: list[str]) -> str:
    """Sentences as they come from many keyboards: case, stops, spaces, `ё`, Latin look-alikes."""
    text = ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences)
    text += _choose(rng, [".", ".", ".", "", "", " .", "..", "!", "\r\n"])
    if rng.random() < 0.8:
        text = text.replace("ё", "е").replace("Ё", "Е")
    case = rng.random()
    text = text.upper() if case < 0.08 else text.lower() if case < 0.16 else text
    if rng.random() < 0.15:
        text = text.replace(" ", "  ", int(rng.integers(1, 4)))
    if rng.random() < 0.05:
        text = "\t" + text
    if rng.random() < 0.1:  # a few letters typed with the wrong keyboard layout
        letters = list(text)
        # Single letters that stand as words (Latin "c", "o") would be other words, not slips.
        for i in rng.choice(len(letters), size=min(4, len(letters)), replace=False):
            if letters[max(i - 1, 0)].isalpha() and letters[min(i + 1, len(letters) - 1)].isalpha():
                letters[i] = letters[i].translate(LATIN)
        text = "".join(letters)
    return text
