"""Reports on chest films as radiologists of a Russian-speaking hospital dictate them.

A report is put together from statements, each of which knows what it says of which finding, so
that the hand labels of a report are known without reading it. The phrases here are the hospital's
own: they are not taken from the lexicon that the labeller reads, so that labelling these reports
is a test and not a tautology.
"""

import re
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
PRESENT, ABSENT, UNCERTAIN, UNMENTIONED = "present", "absent", "uncertain", "unmentioned"
BELARUSIAN_SHARE = 0.04
DESCRIBED_NORM_SHARE = 0.1  # norm reports that are a description and a conclusion
DOUBT_SHARE = 0.05  # reports of a finding that leave another in doubt
CONCLUSION_SHARE = 0.25  # reports of a finding that name it in a conclusion, after the rest
TYPING_ERROR_SHARE = 0.025  # reports of a finding with a slip in a word
LONG_WORD = 8  # letters; shorter words are typed right
LATIN = str.maketrans("аеорсухАВЕКМНОРСТХ", "aeopcyxABEKMHOPCTX")

States = dict[str, str]  # of all FINDINGS: present, absent (denied), uncertain or unmentioned


@dataclass(frozen=True)
class _Language:
    """One hospital's phrases.

    In them {site} is a place in the lung, {cm} a size in centimetres, {year} a year;
    {nominative}, {genitive} and {accusative} are findings in these cases, one or a list.
    """

    norm: dict[str, tuple[str, ...]]  # phrases of norm, and the findings that they deny
    normal: tuple[str, ...]  # what is seen on a normal film
    heads: tuple[str, ...]  # of descriptions
    conclusions: tuple[str, ...]  # heads of conclusions
    sites: tuple[str, ...]
    neutral: tuple[str, ...]  # sentences that go with any finding
    women: tuple[str, ...]
    elderly: tuple[str, ...]
    present: dict[str, tuple[str, ...]]  # sentences that state a finding
    absent: dict[str, tuple[str, ...]]  # sentences that deny one
    nominative: dict[str, tuple[str, ...]]
    genitive: dict[str, tuple[str, ...]]
    accusative: dict[str, tuple[str, ...]]
    lists: tuple[str, ...]  # of present findings
    denials: tuple[str, ...]  # of one finding or several
    doubts: tuple[str, ...]  # of one finding
    tails: tuple[str, ...]  # a statement {present} with a denial in one sentence
    doubtful_tails: tuple[str, ...]  # the same with a doubt
    joins: tuple[str, str]  # before the last of a list: and, or (the latter in denials only)


_RUSSIAN = _Language(
    norm={
        "Норма": (),
        "Без патологии": (),
        "Органы грудной клетки в норме": (),
        "Органы грудной клетки без патологии": (),
        "ОГК без патологии": (),
        "ОГК в норме": (),
        "Лёгкие и сердце без патологических изменений": (),
        "Лёгкие и сердце в норме": (),
        "Патологических изменений не выявлено": (),
        "Патологии не выявлено": (),
        "Без видимой патологии": (),
        "Лёгкие без очаговых и инфильтративных изменений": ("focal_shadows",),
    },
    normal=(
        "Корни структурны, не расширены",
        "Корни лёгких структурные",
        "Синусы свободны",
        "Синусы свободные, диафрагма с чёткими контурами",
        "Сердце не увеличено",
        "Тень сердца обычной конфигурации",
        "Тень средостения не расширена, не смещена",
        "Лёгочный рисунок не изменён",
        "Диафрагма расположена обычно",
        "Контуры диафрагмы чёткие, ровные",
        "Свободного газа и жидкости в плевральных полостях не определяется",
        "Костные структуры без особенностей",
        "По сравнению с R-граммой от 12.03.{year} без динамики",
        "Жалоб нет",
    ),
    heads=(
        "На обзорной рентгенограмме ОГК в прямой проекции:",
        "R-графия ОГК:",
        "Описание:",
        "ФЛГ:",
        "Протокол исследования.",
    ),
    conclusions=(
        "Заключение:",
        "Заключение:",
        "ЗАКЛЮЧЕНИЕ:",
        "Закл.:",
        "З-е:",
        "Заключение -",
        "Рентгенологическое заключение:",
        "Вывод:",
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
        "в в/доле пр. лёгкого",
        "в н/доле слева",
        "в н/отделах",
        "с 2-х сторон",
        "за тенью сердца",
    ),
    neutral=(
        "Корни структурны, не расширены",
        "Корни лёгких малоструктурны",
        "Синусы свободны",
        "Синусы свободные, диафрагма с чёткими контурами",
        "Сердце не увеличено",
        "Сердце расширено влево на {cm} см",
        "Сердце без патологии",
        "Тень средостения не расширена, не смещена",
        "Лёгочный рисунок усилен, деформирован",
        "Лёгочный рисунок не изменён",
        "Плевральные спайки {site}",
        "Диафрагма расположена обычно",
        "Контуры диафрагмы чёткие, ровные",
        "Кальцинат {cm} см {site}",
        "Свободного газа и жидкости в плевральных полостях не определяется",
        "Костные структуры без особенностей",
        "Костная система в пределах возрастной нормы",
        "Динамическое наблюдение через 6 мес",
        "Рекомендован осмотр терапевта",
        "Консультация в противотуберкулёзном диспансере",
        "По сравнению с предыдущим снимком без динамики",
        "В сравнении с R-граммой от 12.03.{year} без существенной динамики",
        "В анамнезе операция на сердце в {year} г",
        "Архив не представлен, сравнить не с чем",
        "Состояние после лечения, контроль",
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
            "Изменения по типу пневмосклероза {site}",
            "Пневмоскл. {site}",
            "Пневмосклероз {site} без динамики с {year} г",
        ),
        "fibrosis": (
            "Фиброз {site}",
            "Фиброзные изменения {site}",
            "Участок фиброза {site} до {cm} см",
            "{site} единичные фиброзные тяжи",
            "Ограниченный пневмофиброз {site}",
            "Лёгочный рисунок {site} деформирован за счёт фиброза",
            "Лёгочная ткань {site} уплотнена, фиброзно изменена",
            "Изменения лёгочной ткани {site} фиброзного характера",
            "Грубый фиброз {site}, без динамики",
            "Тяжистость {site} как проявление фиброза",
        ),
        "emphysema": (
            "Эмфизема лёгких",
            "Лёгкие эмфизематозны",
            "Лёгочные поля эмфизематозно вздуты",
            "Признаки эмфиземы {site}",
            "Повышение прозрачности лёгочных полей за счёт эмфиземы",
            "Буллёзная эмфизема {site}",
            "Выраженная эмфизема лёгких, диафрагма уплощена",
            "Прозрачность лёгочных полей повышена, эмфизема",
            "Лёгкие умеренно эмфизематозны, булл нет",
            "С-м эмфиземы {site}",
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
            "Картина соответствует пневмонии {site}",
            "Нижнедолевая пневмония {site}, выпота нет",
            "Пневмония {site} без чёткой динамики",
            "Изменения {site} обусловлены пневмонией",
        ),
        "focal_shadows": (
            "Очаговые тени {site}",
            "{site} определяется очаговая тень {cm} см",
            "{site} группа мелких очагов средней интенсивности",
            "Единичные плотные очаги {site}",
            "Очаговая тень с нечёткими контурами {site} до {cm} см в диаметре",
            "Очаговоподобная тень {site}, очаг {cm} см",
            "Множественные мелкоочаговые тени {site}",
            "Тени очаговые {site}",
            "Очаг. тень {site} до {cm} см",
            "{site} полиморфные очаги, распада нет",
            "Очаговой тенью {site} размером {cm} см представлен старый процесс",
        ),
        "bronchitis": (
            "Хронический бронхит",
            "Явления бронхита",
            "Рентгенологические признаки хронического бронхита",
            "Картина деформирующего бронхита {site}",
            "Стенки бронхов уплотнены, бронхит",
            "Острый бронхит",
            "Хр. бронхит",
            "Бронхит хронический, вне обострения",
            "Изменения характерны для хронического бронхита",
        ),
        "tuberculosis": (
            "Инфильтративный туберкулёз {site}",
            "Очаговый туберкулёз {site} в фазе уплотнения",
            "Туберкулёз {site}, состоит на учёте",
            "Диссеминированный туберкулёз лёгких",
            "Остаточные изменения перенесённого туберкулёза {site}",
            "Туберкулёма {site} {cm} см",
            "Картина инфильтративного туберкулёза {site} с распадом",
            "Туберкулёз {site} без распада",
            "Инф. туберкулёз {site}, данных за распад нет",
            "Изменения соответствуют очаговому туберкулёзу {site}",
            "Динамика туберкулёза {site} положительная с {year} г",
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
            "Дуга аорты удлинена и развёрнута",
            "Аорта с разворотом дуги",
            "Аорта несколько развёрнута, не расширена",
            "Тень аорты с уплотнёнными стенками, дуга развёрнута",
        ),
    },
    absent={
        "pneumosclerosis": ("Пневмосклероз не определяется",),
        "fibrosis": ("Фиброзные изменения не определяются", "Фиброза лёгочной ткани нет"),
        "emphysema": ("Лёгкие не эмфизематозны", "Эмфизема не определяется"),
        "pneumonia": (
            "Пневмония не подтверждается",
            "Пневмонии на момент осмотра нет",
            "Данные за пневмонию отсутствуют",
        ),
        "focal_shadows": (
            "Очаговые тени не определяются",
            "Очагов и инфильтрации нет",
            "Лёгочные поля без очаговых теней",
            "Очаги в лёгких не видны",
        ),
        "bronchitis": ("Хронический бронхит рентгенологически не подтверждён",),
        "tuberculosis": (
            "Туберкулёз лёгких исключён",
            "Активный туберкулёз не определяется",
            "Данные за туберкулёз отсутствуют",
        ),
        "aorta": (
            "Аорта не развёрнута",
            "Аорта обычного положения, не развёрнута",
            "Дуга аорты не развёрнута, не уплотнена",
        ),
    },
    nominative={
        "pneumosclerosis": ("пневмосклероз", "диффузный пневмосклероз"),
        "fibrosis": ("фиброз", "пневмофиброз", "фиброзные изменения"),
        "emphysema": ("эмфизема", "эмфизема лёгких"),
        "pneumonia": ("пневмония", "очаговая пневмония"),
        "focal_shadows": ("очаговые тени", "единичные очаги"),
        "bronchitis": ("бронхит", "хронический бронхит", "хр. бронхит"),
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
    accusative={
        "pneumosclerosis": ("пневмосклероз",),
        "fibrosis": ("фиброз", "пневмофиброз"),
        "emphysema": ("эмфизему", "эмфизему лёгких"),
        "pneumonia": ("пневмонию", "очаговую пневмонию", "нижнедолевую пневмонию"),
        "focal_shadows": ("очаговую тень", "очаговые тени"),
        "bronchitis": ("бронхит", "хронический бронхит"),
        "tuberculosis": ("туберкулёз", "очаговый туберкулёз"),
        "aorta": ("разворот аорты",),
    },
    lists=(
        "{nominative}",
        "Определяется {nominative}",
        "Имеют место {nominative}",
        "{site}: {nominative}",
    ),
    denials=(
        "{genitive} не выявлено",
        "Без признаков {genitive}",
        "Без {genitive}",
        "Признаков {genitive} нет",
        "Не определяется {genitive}",
        "Не выявлено {genitive}",
        "{genitive} {site} не определяется",
        "Рентгенологических признаков {genitive} не обнаружено",
        "В лёгких {genitive} не отмечается",
        "Нет {genitive}",
        "Признаки {genitive} отсутствуют",
        "В лёгких без {genitive}",
        "Данных за {accusative} нет",
        "Данных за {accusative} не получено",
        "Убедительных данных за {accusative} не выявлено",
        "На момент исследования {genitive} не видно",
        "R-признаков {genitive} не найдено",
        "Каких-либо признаков {genitive} не определяется",
    ),
    doubts=(
        "Нельзя исключить {accusative}",
        "Нельзя исключить наличие {genitive}",
        "Не исключается {nominative}",
        "Подозрение на {accusative}",
        "Подозрение на {accusative} {site}, рекомендована КТ",
        "{nominative} {site} под вопросом",
        "{nominative} {site}?",
        "Возможно, {nominative}",
        "Не исключено наличие {genitive}, рекомендовано дообследование",
        "Вероятно, {nominative} {site}",
    ),
    tails=(
        "{present}, {genitive} не выявлено",
        "{present}, без {genitive}",
        "{present} без {genitive}",
        "{present}; {genitive} нет",
        "{genitive} не выявлено, но {present}",
        "{genitive} нет, {present}",
        "{genitive} не определяется; {present}",
        "{present}, однако признаков {genitive} нет",
        "{present}, данных за {accusative} нет",
        "{present} при отсутствии {genitive}",
        "Признаков {genitive} не отмечается, {present}",
    ),
    doubtful_tails=(
        "{present}, нельзя исключить {accusative}",
        "{present}; подозрение на {accusative}",
        "{present}, не исключается {nominative}",
        "{present}, {nominative} под вопросом",
    ),
    joins=(" и ", " или "),
)

_BELARUSIAN = _Language(
    norm={"Норма": (), "Без паталогіі": (), "Органы грудной клеткі без паталогіі": ()},
    normal=(
        "Карані структурныя",
        "Сінусы свабодныя",
        "Сэрца не павялічана",
        "Лёгачны малюнак не зменены",
    ),
    heads=("Апісанне:",),
    conclusions=("Заключэнне:", "Закл.:"),
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
    absent={
        "pneumosclerosis": ("Пнеўмасклерозу няма",),
        "fibrosis": ("Фіброзных змен няма",),
        "emphysema": ("Эмфіземы няма",),
        "pneumonia": ("Пнеўманіі няма",),
        "focal_shadows": ("Ачаговых ценяў няма",),
        "bronchitis": ("Бранхіту няма",),
        "tuberculosis": ("Туберкулёзу няма",),
        "aorta": ("Аорта не разгорнута",),
    },
    nominative={
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
    accusative={
        "pneumosclerosis": ("пнеўмасклероз",),
        "fibrosis": ("фіброз",),
        "emphysema": ("эмфізему",),
        "pneumonia": ("пнеўманію",),
        "focal_shadows": ("ачаговыя цені",),
        "bronchitis": ("бранхіт",),
        "tuberculosis": ("туберкулёз",),
        "aorta": ("разварот аорты",),
    },
    lists=("{nominative}", "Вызначаецца {nominative}"),
    denials=("{genitive} не выяўлена", "Без прыкмет {genitive}", "{genitive} няма"),
    doubts=("Нельга выключыць {accusative}", "Падазрэнне на {accusative}"),
    tails=("{present}, {genitive} не выяўлена", "{genitive} няма, але {present}"),
    doubtful_tails=("{present}, нельга выключыць {accusative}",),
    joins=(" і ", " ці "),
)


def write_report(
    rng: np.random.Generator, findings: frozenset[str], sex: str, age: float
) -> tuple[str, States]:
    """A report that states `findings` (names out of FINDINGS) and no others, and its states.

    With no findings it is a norm report: a norm phrase, at times as the conclusion of a
    description that may deny findings. Otherwise other findings are passed over, denied or, in a
    few reports, one of them is left in doubt. `sex` (F or M) and `age` (years) add a remark here
    and there. The same state of `rng` gives the same text. Raises ValueError for an unknown
    finding.
    """
    if unknown := findings - set(FINDINGS):
        raise ValueError(f"unknown findings: {sorted(unknown)}; known: {list(FINDINGS)}")
    writer = _Writer(rng, sex, age)
    return writer.norm() if not findings else writer.pathology(sorted(findings))


def write_doubt(rng: np.random.Generator, sex: str, age: float) -> tuple[str, States]:
    """A report that leaves one finding in doubt and states none; with its states."""
    return _Writer(rng, sex, age).doubt()


def write_denial(rng: np.random.Generator, sex: str, age: float) -> tuple[str, States]:
    """A report that denies two or three findings and states none; with its states."""
    return _Writer(rng, sex, age).denial()


class _Writer:
    """One report in the making: what it says so far, and of which findings nothing is said."""

    def __init__(self, rng: np.random.Generator, sex: str, age: float) -> None:
        self.rng = rng
        self.language = _BELARUSIAN if rng.random() < BELARUSIAN_SHARE else _RUSSIAN
        self.states: States = dict.fromkeys(FINDINGS, UNMENTIONED)
        self.silent = _shuffled(rng, FINDINGS)
        self.remarks = list(self.language.neutral)
        self.remarks += self.language.women if sex == "F" else ()
        self.remarks += self.language.elderly if age >= 55 else ()

    # --- whole reports ---

    def norm(self) -> tuple[str, States]:
        phrase = _choose(self.rng, list(self.language.norm))
        described = self.rng.random() < DESCRIBED_NORM_SHARE
        for finding in self.language.norm[phrase]:
            self._take(ABSENT, finding)
        if not described:
            return self._finish([phrase], None)
        body = _shuffled(self.rng, self.language.normal)[: self.rng.integers(2, 5)]
        if self.rng.random() < 0.7:
            body.insert(0, self._denial(int(self.rng.integers(1, 3))))
        return self._finish(body, phrase)

    def pathology(self, findings: list[str]) -> tuple[str, States]:
        for finding in findings:
            self._take(PRESENT, finding)
        statements = self._statements(_shuffled(self.rng, findings))
        if self.silent and self.rng.random() < DOUBT_SHARE:
            statements = self._add_doubt(statements)
        others = []
        if self.silent and self.rng.random() < 0.6:
            others.append(self._denial(int(self.rng.integers(1, 4))))
        others += _shuffled(self.rng, self.remarks)[: self.rng.integers(0, 5)]
        if others and self.rng.random() < CONCLUSION_SHARE:
            return self._finish(others, ". ".join(map(_capital, statements)), slips=True)
        return self._finish(_shuffled(self.rng, [*statements, *others]), None, slips=True)

    def doubt(self) -> tuple[str, States]:
        others = [self._denial(1)] if self.rng.random() < 0.3 else []
        others += _shuffled(self.rng, self.remarks)[: self.rng.integers(0, 3)]
        doubt = self._about(self.language.doubts, UNCERTAIN, 1)
        return self._finish(_shuffled(self.rng, [doubt, *others]), None)

    def denial(self) -> tuple[str, States]:
        # Not of focal shadows alone: that would be a norm phrase, or nearly one.
        denial = self._denial(int(self.rng.integers(2, 4)))
        others = _shuffled(self.rng, self.remarks)[: self.rng.integers(0, 3)]
        return self._finish(_shuffled(self.rng, [denial, *others]), None)

    # --- statements ---

    def _take(self, state: str, finding: str | None = None) -> str:
        """Note what is said of `finding`, or of one of which nothing is said so far."""
        if finding is None:
            finding = self.silent.pop()
        elif finding in self.silent:
            self.silent.remove(finding)
        self.states[finding] = state
        return finding

    def _statements(self, findings: list[str]) -> list[str]:
        """All of `findings`: as a list, or one sentence each, which may deny another finding."""
        sentences = []
        if len(findings) > 1 and self.rng.random() < 0.4:
            listed, findings = findings[:3], findings[3:]
            sentences.append(self._write(_choose(self.rng, self.language.lists), listed))
        for finding in findings:
            sentence = _choose(self.rng, self.language.present[finding])
            if self.silent and self.rng.random() < 0.3:
                tail = self._about(self.language.tails, ABSENT, 1)
                sentence = tail.replace("{present}", _uncapital(sentence))
            sentences.append(sentence)
        return sentences

    def _add_doubt(self, statements: list[str]) -> list[str]:
        """One more finding, which is in doubt: in a sentence of its own or with another."""
        if self.rng.random() < 0.5:
            return [*statements, self._about(self.language.doubts, UNCERTAIN, 1)]
        tail = self._about(self.language.doubtful_tails, UNCERTAIN, 1)
        return [*statements[:-1], tail.replace("{present}", _uncapital(statements[-1]))]

    def _denial(self, count: int) -> str:
        """Up to `count` findings denied in one sentence."""
        count = min(count, len(self.silent))
        if count == 1 and self.rng.random() < 0.4:
            return _choose(self.rng, self.language.absent[self._take(ABSENT)])
        return self._about(self.language.denials, ABSENT, count)

    def _about(self, templates: Sequence[str], state: str, count: int) -> str:
        template = _choose(self.rng, templates)
        return self._write(template, [self._take(state) for _ in range(count)], state == ABSENT)

    def _write(self, template: str, findings: list[str], denied: bool = False) -> str:
        """Put the findings into the template, in the case that it wants."""
        joins = [", ", *self.language.joins[: 1 + denied]]
        for case in ("nominative", "genitive", "accusative"):
            if f"{{{case}}}" in template:
                forms = getattr(self.language, case)
                names = [_choose(self.rng, forms[finding]) for finding in findings]
                template = template.replace(f"{{{case}}}", _join(names, _choose(self.rng, joins)))
        return template

    # --- the text ---

    def _finish(
        self, body: list[str], conclusion: str | None, slips: bool = False
    ) -> tuple[str, States]:
        """The text as it comes from many keyboards, and the states of all findings."""
        rng, language = self.rng, self.language
        body = [_capital(self._fill(sentence)) for sentence in body]
        stop = _choose(rng, [". ", ". ", ". ", ". ", ". ", ".\r\n", ".", "; "])
        text = stop.join(body)
        if conclusion is not None:
            if rng.random() < 0.3:
                text = f"{_choose(rng, language.heads)} {text}"
            end = self._fill(conclusion)
            end = _capital(end) if rng.random() < 0.5 else _uncapital(end)
            gap = _choose(rng, [" ", " ", "\r\n"])
            text = f"{text}.{gap}{_choose(rng, language.conclusions)} {end}"
        text += _choose(rng, [".", ".", ".", "", "", " .", "..", "!", "\r\n"])
        if slips and rng.random() < TYPING_ERROR_SHARE:
            text = _mistype(rng, text)
        return _by_hand(rng, text), self.states

    def _fill(self, sentence: str) -> str:
        rng = self.rng
        sentence = sentence.replace("{site}", _choose(rng, self.language.sites))
        sentence = sentence.replace("{year}", str(rng.integers(1999, 2014)))
        size = f"{rng.integers(2, 40) / 10:.1f}".replace(".", _choose(rng, [".", ","]))
        return sentence.replace("{cm}", size)


def _choose(rng: np.random.Generator, phrases: Sequence[str]) -> str:
    return phrases[int(rng.integers(len(phrases)))]


def _shuffled(rng: np.random.Generator, items: Sequence[str]) -> list[str]:
    return [items[i] for i in rng.permutation(len(items))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncapital(text: str) -> str:
    """Small first letter, but for abbreviations (`ОГК`)."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _join(names: list[str], conjunction: str) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return conjunction.join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _mistype(rng: np.random.Generator, text: str) -> str:
    """Drop, double or swap one letter within a long word."""
    words = [word for word in re.finditer(r"[^\W\d_]+", text) if len(word[0]) >= LONG_WORD]
    if not words:
        return text
    word = words[rng.integers(len(words))]
    place = int(rng.integers(word.start() + 1, word.end() - 1))
    letters = text[place : place + 2]
    slip = (letters[1], letters[0] + letters, letters[::-1])[rng.integers(3)]
    return text[:place] + slip + text[place + 2 :]


def _by_hand(rng: np.random.Generator, text: str) -> str:
    """A text as it comes from many keyboards: case, spaces, `ё`, Latin look-alikes."""
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
