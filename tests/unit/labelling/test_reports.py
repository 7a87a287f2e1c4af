"""The labeller against hand-written sentences, against the phantom's truth, and its lexicon."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pgdose.analysis.agreement import agreement, errors
from pgdose.errors import UserError
from pgdose.labelling.lexicon import Lexicon, corrected, load_lexicon, spell
from pgdose.labelling.reports import (
    check_encoding,
    conflicts,
    label,
    label_reports,
    read_report,
    states,
)
from pgdose_phantom.report_texts import FINDINGS, write_report

LEXICONS = Path(__file__).parents[3] / "resources" / "lexicons"
LEXICON = LEXICONS / "ru.yaml"
PASSAGES = Path(__file__).parents[2] / "data" / "passages"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(LEXICON)


@pytest.fixture(scope="module")
def english() -> Lexicon:
    return load_lexicon(LEXICONS / "en.yaml")


# (report, findings that it states, findings that it leaves in doubt); the rest must be 0
SENTENCES = [
    # plain statements and inflections
    ("Пневмосклероз.", "pneumosclerosis", ""),
    ("На фоне диффузного пневмосклероза корни уплотнены", "pneumosclerosis", ""),
    ("Пневмосклеротические изменения в нижних отделах", "pneumosclerosis", ""),
    ("Лёгкие эмфизематозны. Бронхит.", "emphysema bronchitis", ""),
    ("Корни фиброзно уплотнены", "", ""),  # not of the lung
    ("Пневмофиброз S1-S2 слева", "fibrosis", ""),
    ("Эмфизема, пневмосклероз, аорта уплотнена", "emphysema pneumosclerosis", ""),
    ("В S2 справа очаговая тень 0,8 см с чёткими контурами", "focal_shadows", ""),
    ("Определяются единичные плотные очаги слева", "focal_shadows", ""),
    ("Очаговая пневмония справа", "pneumonia", ""),
    ("Очаговый туберкулёз верхней доли, очаговые тени", "tuberculosis focal_shadows", ""),
    ("Картина очагового туберкулеза и очаговых теней", "tuberculosis focal_shadows", ""),
    ("Фиброзно-кавернозный туберкулёз", "tuberculosis", ""),
    ("Аорта развёрнута.", "aorta", ""),
    ("Аорта уплотнена, развёрнута", "aorta", ""),
    ("Разворот дуги аорты", "aorta", ""),
    ("Аорта расширена, уплотнена", "", ""),
    # denials before, after, and over lists
    ("Очаговых и инфильтративных теней не выявлено", "", ""),
    ("Без очаговых и инфильтративных изменений", "", ""),
    ("Очаговых, инфильтративных теней нет", "", ""),
    ("Пневмосклероз не определяется", "", ""),
    ("Пневмосклероз и эмфизема не определяются", "", ""),
    ("Не выявлено очаговых теней, пневмосклероза, фиброза", "", ""),
    ("Очаговых теней, пневмосклероза, эмфиземы не выявлено", "", ""),
    ("Признаки пневмосклероза, эмфиземы и фиброза отсутствуют", "", ""),
    ("Признаков активного туберкулеза на момент осмотра нет", "", ""),
    ("Данных за пневмонию не получено", "", ""),
    ("Пневмония исключена", "", ""),
    ("Аорта не развернута", "", ""),
    ("Сердце расширено влево, аорта не развернута", "", ""),
    # one stated, another denied
    ("Пневмосклероз справа, очаговых теней не выявлено", "pneumosclerosis", ""),
    ("Явления пневмосклероза, очаговых теней нет", "pneumosclerosis", ""),
    ("Усиление рисунка за счет пневмосклероза, пневмонии не выявлено", "pneumosclerosis", ""),
    ("Очаговых теней не выявлено, пневмосклероз справа", "pneumosclerosis", ""),
    ("Очаговых теней не выявлено, аорта развёрнута", "aorta", ""),
    ("Очаговых теней нет, но пневмосклероз", "pneumosclerosis", ""),
    ("Без очаговых теней, эмфизема легких", "emphysema", ""),
    ("Эмфизема лёгких без очаговых теней", "emphysema", ""),
    ("Патологии нет, кроме пневмосклероза", "pneumosclerosis", ""),
    ("Инфильтрации нет; бронхит", "bronchitis", ""),
    ("Без очаговых теней. Фиброз верхушек", "fibrosis", ""),
    ("Без очаговых теней\r\nФиброз верхушек", "fibrosis", ""),
    ("Без теней\r\nи очагов", "", ""),
    ("БЕЗ ТЕНЕЙ И\r\nОЧАГОВ", "", ""),
    ("Очаговых теней не выявлено, остаются следы пневмосклероза", "pneumosclerosis", ""),
    ("Сердце не увеличено, аорта развернута", "aorta", ""),
    ("Пневмосклероз. В остальном пневмосклероза нет", "pneumosclerosis", ""),
    # cues that are none
    ("Без динамики, пневмосклероз слева", "pneumosclerosis", ""),
    ("Без динамики пневмосклероз слева", "pneumosclerosis", ""),
    ("Фиброз без отрицательной динамики", "fibrosis", ""),
    # mentions that are none
    ("Контакт с больным туберкулёзом", "", ""),
    ("Направлен в туберкулезный диспансер", "", ""),
    ("Подкожная эмфизема", "", ""),
    ("Состояние после перенесённой пневмонии. Бронхит", "bronchitis", ""),
    ("Очаг Гона в нижней доле", "", ""),
    # doubt
    ("Нельзя исключить пневмонию", "", "pneumonia"),
    ("Туберкулёз?", "", "tuberculosis"),
    ("Пневмония не исключена", "", "pneumonia"),
    ("Пневмония под вопросом, эмфизема", "emphysema", "pneumonia"),
    ("Пневмосклероз с подозрением на туберкулез", "pneumosclerosis", "tuberculosis"),
    ("Пневмосклероз, нельзя исключить пневмонию справа", "pneumosclerosis", "pneumonia"),
    ("Возможно, пневмония. Очаговых теней нет", "", "pneumonia"),
    ("Фиброз? Фиброз верхушек в динамике", "fibrosis", ""),
    ("Фиброз верхушек. Фиброз слева?", "fibrosis", ""),
    ("Пневмония? Пневмонии слева нет", "", "pneumonia"),
    # Belarusian
    ("Пнеўмасклероз справа", "pneumosclerosis", ""),
    ("Ачаговых ценяў не выяўлена, фіброз", "fibrosis", ""),
    ("Эмфіземы няма, але хранічны бранхіт", "bronchitis", ""),
    ("Аорта разгорнута, ачаговыя цені злева", "aorta focal_shadows", ""),
    ("Нельга выключыць пнеўманію", "", "pneumonia"),
    # spelling: Latin letters, case, ё, decomposed letters, stress, numbers
    ("ПHEBMOCKЛEPOЗ", "pneumosclerosis", ""),
    ("Пневмоcклероз, oчаговых тeней нe выявлeнo", "pneumosclerosis", ""),
    ("ТУБЕРКУЛЁЗ, ОЧАГОВЫХ ТЕНЕЙ НЕТ", "tuberculosis", ""),
    ("туберкуле\u0308з", "tuberculosis", ""),
    ("пневмони\u0301я", "pneumonia", ""),
    ("Без тени 1.5 см и очагов", "", ""),
    ("На фоне пневмосклероза не выявлено очаговых теней", "pneumosclerosis", ""),
    # abbreviations, run-on sentences, comparisons, history: as radiologists write
    ("Очаг. и инф. теней не выявлено", "", ""),
    ("В лег. очаг. теней не выявл. Пневмосклероз", "pneumosclerosis", ""),
    ("Очаговых теней в ср. доле т. обр. не выявлено, эмфизема", "emphysema", ""),
    ("пневмосклероз справа очаговых теней не выявлено", "pneumosclerosis", ""),
    (
        "без очаговых теней пневмосклероз эмфизема аорта развернута",
        "pneumosclerosis emphysema aorta",
        "",
    ),
    ("Пневмосклероз Очаговых теней не выявлено Аорта развернута", "pneumosclerosis aorta", ""),
    ("Эмфизема легких пневмосклероз инфильтрации нет", "emphysema pneumosclerosis", ""),
    ("Ранее описанные очаги в S1 слева рассосались", "", ""),
    ("Очаговые тени, определявшиеся ранее, не определяются", "", ""),
    ("Пневмония разрешилась", "", ""),
    (
        "По сравнению с предыдущим снимком пневмония рассосалась, остаётся пневмофиброз",
        "fibrosis",
        "",
    ),
    ("Пневмония в прошлом. Пневмосклероз", "pneumosclerosis", ""),
    ("Нельзя исключить туберкулез, пневмонию", "", "tuberculosis pneumonia"),
    ("Вероятно, очаговая пневмония или туберкулез справа", "", "pneumonia tuberculosis"),
    ("Подозрение на пневмонию, бронхит", "", "pneumonia bronchitis"),
    ("Туберкулез под вопросом, эмфизема легких", "emphysema", "tuberculosis"),
    ("Убедительных данных за пневмонию, туберкулез нет", "", ""),
    ("Пневмония? Бронхит?", "", "pneumonia bronchitis"),
    ("Пневмония не исключается, эмфизема", "emphysema", "pneumonia"),
    ("Аорта уплотнена, склерозирована, незначительно развернута", "aorta", ""),
    ("Аорта не расширена, развернута", "aorta", ""),
    ("Дуга аорты уплотнена, не развернута", "", ""),
    (
        "Признаки эмфиземы легких и пневмосклероза. Очаговых теней, инфильтратов не определяется",
        "emphysema pneumosclerosis",
        "",
    ),
    ("Очагово-инфильтративных теней в легких не найдено", "", ""),
    ("Очаговой патологии не выявлено", "", ""),
    ("Очаговоподобная тень слева, tbc?", "focal_shadows", "tuberculosis"),
    ("Остаточные изменения после перенесенного туберкулеза", "tuberculosis", ""),
    ("Клинически изл. туберкулез, петрификаты", "tuberculosis", ""),
    ("Перенесла туберкулез в 1998 г.", "", ""),
    ("Пневмосклероз, без очаговых теней, аорта развернута", "pneumosclerosis aorta", ""),
    ("Без пневмонии. Хронич. бронхит", "bronchitis", ""),
    ("Хронический бронхит без обострения", "bronchitis", ""),
    ("Эмфизема без динамики", "emphysema", ""),
    ("Очаги в S2 слева без четких границ", "focal_shadows", ""),
    ("Пневмония справа без плеврита", "pneumonia", ""),
    ("Пневмония справа с тенденцией к рассасыванию", "pneumonia", ""),
    ("Пневмония в стадии рассасывания", "pneumonia", ""),
    ("Полное рассасывание пневмонии", "", ""),
    ("Частичное рассасывание пневмонии", "pneumonia", ""),
    ("Свежих очаговых и инфильтративных теней нет. Старые очаги в S1", "focal_shadows", ""),
    ("Свежих очагов нет, старые очаги без динамики", "focal_shadows", ""),
    ("Очаги в прежнем количестве, новых очагов не появилось", "focal_shadows", ""),
    ("Вместо пневмонии – ограниченный пневмосклероз", "pneumosclerosis", ""),
    ("Признаков активного tbc нет, фиброз в верхушках", "fibrosis", ""),
    ("За счёт эмфиземы прозрачность повышена, свежих изменений нет", "emphysema", ""),
    ("Эмфизема лёгких (буллы), пневмосклероз (диффузный)", "emphysema pneumosclerosis", ""),
    ("Эмфизема, пневмосклероз - без динамики", "emphysema pneumosclerosis", ""),
    ("Пневмофиброз. Пневмосклероз? Контроль", "fibrosis", "pneumosclerosis"),
    ("Не исключена очаговая тень S6, пневмония отвергнута", "", "focal_shadows"),
    ("Очаговых теней достоверно не определяется", "", ""),
    ("Эмфизематоз легких нерезко выражен", "emphysema", ""),
    ("Легкие не вздуты, эмфиземы нет", "", ""),
    ("Хр. бронхит нельзя исключить", "", "bronchitis"),
    ("Д/д: пневмония, туберкулез", "", "pneumonia tuberculosis"),
    ("Диф. диагноз: туберкулез, бронхоальвеолярный рак", "", "tuberculosis"),
    ("Пневмосклероз S5, состояние после резекции по поводу туберкулемы", "pneumosclerosis", ""),
    ("Рассосавшаяся пневмония справа", "", ""),
    ("Пневмония слева, в динамике разрешилась полностью", "", ""),
    ("Признаков пневмосклероза, эмфиземы не найдено, имеет место разворот аорты", "aorta", ""),
    ("нет очагов и инфильтратов, фиброз корней", "", ""),
    ("Хр. бронхит. Нет данных за пневмонию", "bronchitis", ""),
    ("Нет убедительных данных за наличие очагов, пневмосклероз базальный", "pneumosclerosis", ""),
    (
        "Очаговых теней, пневмоторакса нет, имеется пневмосклероз, эмфизема",
        "pneumosclerosis emphysema",
        "",
    ),
    ("Пневмония и бронхит исключены", "", ""),
    (
        "Эмфизема, пневмосклероз, бронхит, однако пневмонии нет",
        "emphysema pneumosclerosis bronchitis",
        "",
    ),
    (
        "Хр. бронхит, пневмосклероз, по сравнению с 2010 г. очаги не определяются",
        "bronchitis pneumosclerosis",
        "",
    ),
    ("Пневмосклероз в базальных отделах не выражен", "pneumosclerosis", ""),
    ("Состоит на Д учете по поводу ХОБЛ, эмфизема", "emphysema", ""),
    ("Признаки туберкулеза не выявлены, но есть очаговая тень в S2", "focal_shadows", ""),
    ("Туберкулез лёгких исключить", "", "tuberculosis"),
    ("Очаги Гона, пневмосклероз", "pneumosclerosis", ""),
    ("Единичный очаг-кальцинат слева", "", ""),
    ("Обызвествленные очаги в верхушках", "", ""),
    ("Плотные кальцинированные очаги", "", ""),
    ("Мелкоочаговая диссеминация", "focal_shadows", ""),
    ("Эмфизема легких I ст., диффузный п/склероз", "emphysema pneumosclerosis", ""),
    ("Пневмонией не болел", "", ""),
    ("Данных, указывающих на пневмонию, нет", "", ""),
    ("Рентгенологических данных, подтверждающих бронхит, не получено", "", ""),
    ("Картина без отрицательной динамики, очаги прежние", "focal_shadows", ""),
    ("Возможна пневмония", "", "pneumonia"),
    ("Заподозрен туберкулез", "", "tuberculosis"),
    ("Тень в S2 слева, подозрительная в отношении туберкулеза", "", "tuberculosis"),
    ("Изменения больше данных за туберкулез", "tuberculosis", ""),
    ("Имеются данные за пневмонию справа", "pneumonia", ""),
    ("Есть данные за очаговый туберкулез", "tuberculosis", ""),
    ("Тени очагового характера справа", "focal_shadows", ""),
    # other names of tuberculosis, and what only sounds so
    ("Инфильтративный ТБ верхней доли в фазе распада", "tuberculosis", ""),
    ("Контакт с больным ТБ, состоит в VI ГДУ", "", ""),
    ("ИТЛ в/доли слева. Туб-з справа?", "tuberculosis", ""),
    ("Метатуберкулезный пневмосклероз в/долей", "tuberculosis pneumosclerosis", ""),
    ("Посттуб. изменения в верхушках, ОТИ", "tuberculosis", ""),
    ("Округлая тень S1: туберкулома? периф. рак?", "", "tuberculosis"),
    ("Данных за акт. специф. процесс нет. Неспецифические изменения, фиброз", "fibrosis", ""),
    ("Анамнез: туберкулез легких в 1990 г.", "", ""),
    ("Изменения не характерны для туберкулеза", "", ""),
    ("Диф. д-з между пневмонией и tbc", "", "pneumonia tuberculosis"),
    # not all is gone that begins to go
    ("Пневмония частично рассосалась", "pneumonia", ""),
    ("Очаги рассосались не полностью", "focal_shadows", ""),
    ("Пневмоническая инфильтрация рассосалась", "", ""),
    ("Полный регресс пневмонии, пневмосклероз", "pneumosclerosis", ""),
    ("Острый бронхит? Пневмония исключается", "", "bronchitis"),
    ("Пневмония не может быть исключена", "", "pneumonia"),
    # abbreviations: a dot before a comma ends nothing
    ("Очаг., инфильтр. теней не выявл.", "", ""),
    ("Очаг в S1, инфильтративных теней нет", "focal_shadows", ""),
    ("Очаговых теней не вид., эмф., ХБ", "emphysema bronchitis", ""),
    ("Правосторонняя н/долевая п-я, susp. tbc", "pneumonia", "tuberculosis"),
    ("Двусторонняя ВП. Снимок в ВП", "pneumonia", ""),
    ("Аорта уплотн., разв.", "aorta", ""),
    ("Сердце развернуто влево, аорта уплотнена", "", ""),
    ("Аорта уплотнена, разворот сердца", "", ""),
    ("Корни структурны, фиброзно-очаговые изменения S1", "fibrosis focal_shadows", ""),
    ("Корни расширены, фиброзно изменены, фиброз плевры", "", ""),
]
ENGLISH = [
    # plain statements
    ("Bilateral lower lobe pneumonia.", "pneumonia", ""),
    ("Centrilobular emphysema with biapical fibrosis", "emphysema fibrosis", ""),
    ("Chronic bronchitis and emphysema are seen", "bronchitis emphysema", ""),
    ("The lungs are emphysematous. Unfolded aorta.", "emphysema aorta", ""),
    ("The thoracic aorta is mildly unfolded", "aorta", ""),
    ("Unfolding of the thoracic aorta", "aorta", ""),
    ("Tortuous aorta", "", ""),
    ("Aorta is calcified, tortuous and ectatic", "", ""),
    ("Fibronodular opacities of old TB in the left apex", "tuberculosis", ""),
    ("Post-tuberculous fibrosis in both upper lobes", "fibrosis tuberculosis", ""),
    ("A focal 8 mm opacity is seen in the right mid zone", "focal_shadows", ""),
    ("Multiple pulmonary nodules", "focal_shadows", ""),
    ("Pneumosclerosis at the left base", "pneumosclerosis", ""),
    ("Fibrotic changes, bullous emphysema; the aorta is unfolded", "fibrosis emphysema aorta", ""),
    # denials before, after, and over lists
    ("No focal consolidation, pneumothorax or pleural effusion", "", ""),
    ("No pneumonia.", "", ""),
    ("No evidence of pneumonia, tuberculosis, or emphysema", "", ""),
    ("No radiographic evidence of active tuberculosis", "", ""),
    ("There is no focal opacity, effusion, pneumonia or pneumothorax", "", ""),
    ("Without signs of fibrosis", "", ""),
    ("Negative for pneumonia and tuberculosis", "", ""),
    ("Pneumonia is not seen", "", ""),
    ("Emphysema and fibrosis are absent", "", ""),
    ("Nodules previously described are no longer visible", "", ""),
    ("Pneumonia has been ruled out", "", ""),
    ("Resolved pneumonia", "", ""),
    ("The right lower lobe pneumonia has resolved", "", ""),
    ("Complete resolution of pneumonia", "", ""),
    ("The aorta is not unfolded", "", ""),
    ("No chronic bronchitis", "", ""),
    ("Neither emphysema nor fibrosis", "", ""),
    # one stated, another denied
    ("Emphysema, no focal opacities", "emphysema", ""),
    ("No pneumonia, mild emphysema", "emphysema", ""),
    ("No effusion, there is apical fibrosis", "fibrosis", ""),
    ("Fibrosis without focal lesions", "fibrosis", ""),
    ("No pneumonia but chronic bronchitis", "bronchitis", ""),
    ("No pneumothorax. Emphysema.", "emphysema", ""),
    ("Emphysema with no evidence of pneumonia", "emphysema", ""),
    ("Stable fibrosis, pneumonia not identified", "fibrosis", ""),
    ("No acute disease except for fibrosis of the right apex", "fibrosis", ""),
    ("Emphysema is unchanged, no new nodules", "emphysema", ""),
    # cues that are none
    ("No significant change in the emphysema", "emphysema", ""),
    ("No interval change, fibrosis of the left apex", "fibrosis", ""),
    # mentions that are none
    ("Subcutaneous emphysema in the left chest wall", "", ""),
    ("History of pneumonia", "", ""),
    ("Contact with tuberculosis, TB screening", "", ""),
    ("Cystic fibrosis", "", ""),
    ("Radiation pneumonitis", "", ""),
    ("Calcified nodule, Ghon focus", "", ""),
    # doubt
    ("Cannot exclude pneumonia", "", "pneumonia"),
    ("Early pneumonia cannot be excluded", "", "pneumonia"),
    ("Possible pneumonia at the right base, mild emphysema", "emphysema", "pneumonia"),
    ("Findings suspicious for tuberculosis", "", "tuberculosis"),
    ("Pneumonia?", "", "pneumonia"),
    (
        "Opacity in the left base which may represent pneumonia or tuberculosis",
        "",
        "pneumonia tuberculosis",
    ),
    ("Emphysema. Pneumonia is not excluded.", "emphysema", "pneumonia"),
    ("Rule out TB", "", "tuberculosis"),
    ("Probable bronchitis, no pneumonia", "", "bronchitis"),
    ("Pneumonia is unlikely", "", "pneumonia"),
    # spelling
    ("BILATERAL PNEUMONIA\nNO NODULES", "pneumonia", ""),
    ("Pnuemonia and tuberculsis", "pneumonia tuberculosis", ""),
]


def expected(stated: str, in_doubt: str) -> dict[str, int | None]:
    labels: dict[str, int | None] = dict.fromkeys(["norm", *FINDINGS], 0)
    return labels | dict.fromkeys(stated.split(), 1) | dict.fromkeys(in_doubt.split())


@pytest.mark.parametrize(("text", "stated", "in_doubt"), SENTENCES)
def test_sentence(text: str, stated: str, in_doubt: str, lexicon: Lexicon) -> None:
    assert label(text, lexicon) == expected(stated, in_doubt)


@pytest.mark.parametrize(("text", "stated", "in_doubt"), ENGLISH)
def test_english(text: str, stated: str, in_doubt: str, english: Lexicon) -> None:
    assert label(text, english) == expected(stated, in_doubt)


# --- states and their evidence ----------------------------------------------------------------


def test_states(lexicon: Lexicon) -> None:
    text = "Пневмосклероз справа, очаговых теней не выявлено. Пневмония? Пневмонии слева нет."
    assert states(text, lexicon) == dict.fromkeys(lexicon.names, "unmentioned") | {
        "pneumosclerosis": "present",
        "focal_shadows": "absent",
        "pneumonia": "uncertain",
    }
    assert set(states(" -", lexicon).values()) == {"unmentioned"}


RAW = [  # reports as they come, and the phrases that decide
    ("Без пне\u0301вмонии, ФИБРО\u00adЗ\r\nсправа", ["пне\u0301вмонии", "ФИБРО\u00adЗ"]),
    ("Aорта\t уплотнена,  развёрнута", ["Aорта\t уплотнена,  развёрнута"]),  # Latin A
    ("  Очаг. и инф. теней нет; туберкуле\u0308з?", ["Очаг", "туберкуле\u0308з"]),
    ("1,5х2 см: очаговая\nтень", ["очаговая\nтень"]),
    ("Пнеўмасклероз без дынамікі. Запаленне лёгкіх", ["Пнеўмасклероз", "Запаленне лёгкіх"]),
]


@pytest.mark.parametrize(("text", "phrases"), RAW)
def test_positions_are_those_of_the_raw_text(
    text: str, phrases: list[str], lexicon: Lexicon
) -> None:
    assert [text[m.start : m.end] for m in read_report(text, lexicon)] == phrases


def entry(content: dict, rule: str) -> str:
    """What stands in a lexicon file at a rule such as negation.both[1]."""
    for key in re.findall(r"[a-z_0-9]+", rule):
        content = content[int(key) if isinstance(content, list) else key]
    return str(content)


def test_rules_can_be_found_in_the_file(lexicon: Lexicon) -> None:
    content = yaml.safe_load(LEXICON.read_text(encoding="utf-8"))
    text = "Фиброз. Эмфиземы не видно. Не исключается бронхит. Заключение: норма"
    rules = [
        (m.label, m.state, entry(content, m.pattern), m.cue and entry(content, m.cue))
        for m in read_report(text, lexicon)
    ]
    assert rules[:3] == [
        ("fibrosis", "present", "фиброз*", None),
        ("emphysema", "absent", "эмфизем*", "не видно"),
        ("bronchitis", "uncertain", "бронхит*", "не исключ*"),
    ]
    assert rules[3][:2] == ("norm", "present") and "норма" in rules[3][2]


def test_without_negation_key_words_are_present(lexicon: Lexicon) -> None:
    text = "Очаговых теней нет. Пневмония? Заключение: норма"
    assert label(text, lexicon, negation=False) == expected("focal_shadows pneumonia", "")
    assert {m.cue for m in read_report(text, lexicon, negation=False)} == {None}
    assert label("Норма", lexicon, negation=False) == expected("norm", "")
    norm = "Лёгкие без очаговых и инфильтративных теней"
    assert label(norm, lexicon, negation=False) == expected("norm focal_shadows", "")


# --- norm -------------------------------------------------------------------------------------


NORMS = [
    ("Норма", 1),
    ("  НОРМА !\r\n", 1),
    ("Hopма.", 1),  # Latin H, o, p
    ("Органы грудной клетки - без патологии.", 1),
    ("Лёгкие без очаговых и инфильтративных изменений", 1),
    ("R-гр. ОГК от 14.02.2011 г.: патологических изменений не выявлено", 1),
    ("Органы грудной клеткі без паталогіі", 1),
    ("Корни структурны, очаговых теней нет.\nЗаключение: без патологии.", 1),
    ("Сердце не увеличено. ЗАКЛ. - НОРМА. Рекомендовано: ФЛГ через 1 год", 1),
    ("описание: легкие чистые вывод: патологии не выявлено", 1),
    ("ОГК - б/п", 1),
    ("Cor et pulmones - N", 1),
    ("Органы гр. клетки в пределах возр. нормы", 1),
    ("Закл.: видимая патология не выявлена", 1),
    ("Цифр. ФЛГ: пат. изм. в легких не выявлено", 1),
    ("Без острой патологии", 0),
    ("Легкие: б/п. Сердце: гипертрофия", 0),
    ("Норма?", 0),
    ("Не норма", 0),
    ("Возрастная норма для 70 лет", 0),
    ("Сердце без патологии", 0),
    ("Видимой психопатологии в легких нет", 0),
    ("Органы грудной клетки без патологии. Сколиоз.", 0),
    ("Заключение: без патологии. Сколиоз.", 0),
    ("Без заключения, норма", 0),
    ("Нормальная картина", 0),
]


@pytest.mark.parametrize(("text", "norm"), NORMS)
def test_norm_is_the_whole_report_or_its_conclusion(text: str, norm: int, lexicon: Lexicon) -> None:
    assert label(text, lexicon) == expected("norm" if norm else "", "")


ENGLISH_NORMS = [
    ("Normal chest radiograph.", 1),
    ("The lungs are clear", 1),
    ("FINDINGS: No pneumonia.\nIMPRESSION: Normal study.", 1),
    ("No acute disease", 0),  # old disease may be there
    ("Normal heart size", 0),
]


@pytest.mark.parametrize(("text", "norm"), ENGLISH_NORMS)
def test_english_norm(text: str, norm: int, english: Lexicon) -> None:
    assert label(text, english) == expected("norm" if norm else "", "")


@pytest.mark.parametrize(
    ("text", "stated", "in_doubt"),
    [
        ("Пневмосклероз. Заключение: норма", "pneumosclerosis", "norm"),
        ("Туберкулез? Заключение: норма", "", "norm tuberculosis"),
        ("Пневмосклероза нет. Заключение: норма", "norm", ""),
    ],
)
def test_conflict(text: str, stated: str, in_doubt: str, lexicon: Lexicon) -> None:
    assert label(text, lexicon) == expected(stated, in_doubt)


@pytest.mark.parametrize("text", ["", " \r\n", "-", "...", None, float("nan"), pd.NA])
def test_no_report_no_labels(text: str, lexicon: Lexicon) -> None:
    assert label(text, lexicon) == dict.fromkeys(["norm", *FINDINGS])
    assert read_report(text, lexicon) == []


# --- spelling ---------------------------------------------------------------------------------


def test_spell() -> None:
    words = ["Лёгкиe", "OГК", "TBC", "аб'ём", "пнеўмаскл\u00adерозу", "и\u0306", "пневмони\u0301я"]
    spelled = ["легкие", "огк", "tbc", "абем", "пнеўмасклерозу", "й", "пневмония"]
    assert [spell(word) for word in words] == spelled
    assert [spell(word) for word in spelled] == spelled


def test_typing_errors() -> None:
    """One letter wrong, missing, too many, or two swapped; not at a stem's end."""
    for word in ["певмония", "пнвемония", "пнеевмония", "ппевмония"]:
        assert corrected(word, "пневмони") == "пневмония"
    for word in ["пневмонэктомия", "пневмоцистная", "пневмоторакс", "пивмонея", "пневматизация"]:
        assert corrected(word, "пневмони") is None
    assert corrected("бронхиолит", "бронхит") is None


# --- against the phantom ----------------------------------------------------------------------


def reports(n: int, seed: int) -> tuple[pd.Series, pd.DataFrame]:
    """n reports and their states, one column per label."""
    rng = np.random.default_rng(seed)
    texts, truth = [], []
    for _ in range(n):
        findings = frozenset(str(f) for f in rng.choice(FINDINGS, rng.integers(0, 5), False))
        text, said = write_report(rng, findings, str(rng.choice(["F", "M"])), rng.uniform(17, 90))
        texts.append(text)
        truth.append(said | {"norm": "unmentioned" if findings else "present"})
    return pd.Series(texts), pd.DataFrame(truth)


def test_phantom_truth_is_found_again(lexicon: Lexicon) -> None:
    texts, truth = reports(3000, seed=11)
    found = pd.DataFrame([states(text, lexicon) for text in texts])
    measured = agreement(found, truth).set_index("label")
    assert (measured["n"] == 3000).all() and set(measured.index) == {"norm", *FINDINGS}
    assert measured[["precision", "recall"]].min(axis=None) >= 0.97, measured.to_string()


# --- against hand-made passages ---------------------------------------------------------------


def measure_passages(path: Path, lexicon: Lexicon) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Agreement with the hand labels of a passages file, and the errors."""
    passages = yaml.safe_load(path.read_text(encoding="utf-8"))
    unmentioned = dict.fromkeys(lexicon.findings, "unmentioned")
    hand = {
        p["id"]: unmentioned | p["labels"] | {"norm": "present" if p["norm"] else "unmentioned"}
        for p in passages
    }
    found = {p["id"]: states(p["text"], lexicon) for p in passages}
    tables = pd.DataFrame(found).T, pd.DataFrame(hand).T
    return agreement(*tables).set_index("label"), errors(*tables)


@pytest.mark.parametrize("half", ["ru_tuning.yaml", "ru_final.yaml", "ru_third.yaml"])
def test_hand_made_passages(half: str, lexicon: Lexicon) -> None:
    measured, wrong = measure_passages(PASSAGES / half, lexicon)
    shown = f"{measured.round(3).to_string()}\n{wrong.to_string()}"
    assert measured["n"].min() >= 100, shown
    assert measured.loc[list(lexicon.findings), "f1"].min() >= 0.95, shown
    assert measured.loc["norm", "precision"] >= 0.99, shown


# --- tables -----------------------------------------------------------------------------------


def test_tables(lexicon: Lexicon) -> None:
    index = ["c", "a", "b", "d", "e"]
    texts = pd.Series(["Норма", None, "Туберкулёз?", "Норма", "Фиброз, бронхита нет"], index=index)
    table, mentions = label_reports(texts, lexicon)
    assert list(table.index) == index
    assert list(table) == ["label_norm", *(f"label_{name}" for name in FINDINGS)]
    assert (table.dtypes == "Int8").all()
    assert table["label_norm"].tolist() == [1, pd.NA, 0, 1, 0]
    assert table["label_tuberculosis"].tolist() == [0, pd.NA, pd.NA, 0, 0]
    assert table["label_fibrosis"].tolist() == [0, pd.NA, 0, 0, 1]
    assert list(mentions) == ["index", "label", "state", "start", "end", "pattern", "cue"]
    assert mentions[["index", "label", "state", "start", "end"]].values.tolist() == [
        ["c", "norm", "present", 0, 5],
        ["b", "tuberculosis", "uncertain", 0, 10],
        ["d", "norm", "present", 0, 5],
        ["e", "fibrosis", "present", 0, 6],
        ["e", "bronchitis", "absent", 8, 16],
    ]
    assert not mentions.isin(texts.dropna()).any(axis=None)


def test_conflicts_are_listed(lexicon: Lexicon) -> None:
    texts = ["Норма", "Фиброз. Заключение: норма", "Фиброз?", "Фиброза нет. Заключение: норма"]
    table, mentions = label_reports(pd.Series(texts, index=list("wxyz")), lexicon)
    assert conflicts(table, mentions).tolist() == ["x"]


def test_empty_tables(lexicon: Lexicon) -> None:
    for texts in (pd.Series([], dtype=str), pd.Series([None, np.nan], dtype=object)):
        table, mentions = label_reports(texts, lexicon)
        assert len(table) == len(texts) and table.shape[1] == 9
        assert table.isna().all(axis=None)
        assert mentions.empty and mentions.shape[1] == 7


def test_equal_texts_are_read_once(lexicon: Lexicon, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = read_report
    monkeypatch.setattr(
        "pgdose.sources.reports.read_report",
        lambda text, *rest: seen.append(text) or original(text, *rest),
    )
    label_reports(pd.Series(["Норма", "Бронхит"] * 500), lexicon)
    assert sorted(seen) == ["Бронхит", "Норма"]


def test_wrong_encodings_are_noticed() -> None:
    right = pd.Series(["Пневмосклероз. Очаговых теней нет.", "Норма", None])
    check_encoding(right, "sources.xray.reports", "reports.csv")
    check_encoding(
        pd.Series(["Radiographie sans anomalie: poumons clairs, cœur normal, âgé"]), *"xy"
    )
    latin1 = right.map(lambda text: text.encode("cp1251").decode("latin-1"), na_action="ignore")
    cp1251 = right.map(lambda text: text.encode().decode("cp1251", "replace"), na_action="ignore")
    for texts, may in ((latin1, "cp1251"), (cp1251, "utf-8")):
        with pytest.raises(UserError, match=rf"^sources\.xray\.reports\.encoding: .*{may}"):
            check_encoding(texts, "sources.xray.reports", "reports.csv")


# --- the lexicon ------------------------------------------------------------------------------


def with_lexicon(folder: Path, **changes: object) -> Path:
    """The shipped lexicon with some of its top-level entries changed (None: left out)."""
    content = yaml.safe_load(LEXICON.read_text(encoding="utf-8")) | changes
    path = folder / "mine.yaml"
    content = {key: value for key, value in content.items() if value is not None}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


FIBROSIS = {"patterns": ["фиброз*"]}
NORM = {"phrases": ["норма"]}
NEGATION = {"before": ["без"], "after": ["нет"], "terminators": ["."]}
MISTAKES = [
    (
        {"norms": []},
        r"norms: unknown key; there may be abbreviations, capitals, findings, language",
    ),
    ({"norm": None}, r"norm: is missing"),
    ({"norm": ["норма"]}, r"norm: \['норма'\] stands there; it must be a mapping with the keys"),
    ({"norm": {"phrases": "норма"}}, r"norm\.phrases: 'норма' .* a list of words or phrases"),
    ({"norm": {"phrases": ["норм*"]}}, r"norm\.phrases\[0\]: 'норм\*' stands there; .* without \*"),
    ({"norm": {"phrases": ["норма 2"]}}, r"norm\.phrases\[0\]: 'норма 2' stands there"),
    ({"norm": {"phrases": ["(норма|"]}}, r"norm\.phrases\[0\]: '\(норма\|' stands there"),
    ({"norm": {"phrases": ["норма|норм"]}}, r"norm\.phrases\[0\]: 'норма\|норм' stands there"),
    (
        {"norm": {"phrases": ["норма", "Нoрма."]}},
        r"phrases\[1\]: stands already at norm\.phrases\[0\]",
    ),
    ({"norm": {"phrases": []}}, r"norm\.phrases: \[\] stands there"),
    ({"norm": NORM | {"head": ["вывод"]}}, r"norm\.head: unknown key"),
    ({"language": 5}, r"language: 5 stands there; it must be a text"),
    ({"capitals": "ja"}, r"capitals: 'ja' stands there; it must be true or false"),
    ({"abbreviations": ["ср доля"]}, r"abbreviations\[0\]: 'ср доля' stands there; .* one word"),
    ({"findings": ["fibrosis"]}, r"findings: \['fibrosis'\] stands there; it must be a mapping"),
    ({"findings": {"norm": FIBROSIS}}, r"findings: 'norm' stands there; .* other than norm"),
    ({"findings": {"Фиброз": FIBROSIS}}, r"findings: 'Фиброз' stands there"),
    ({"findings": {"fibrosis": ["фиброз*"]}}, r"findings\.fibrosis: .* the keys exclude, patterns"),
    ({"findings": {"fibrosis": {"pattern": []}}}, r"findings\.fibrosis\.pattern: unknown key"),
    ({"findings": {"fibrosis": {"patterns": []}}}, r"findings\.fibrosis\.patterns: \[\] stands"),
    ({"findings": {"f": {"patterns": ["a", False]}}}, r"f\.patterns\[1\]: False stands .*quote it"),
    ({"findings": {"f": {"patterns": ["фи*роз"]}}}, r"f\.patterns\[0\]: 'фи\*роз' stands"),
    ({"findings": {"f": {"patterns": ["тени .."]}}}, r"f\.patterns\[0\]: 'тени \.\.' stands"),
    ({"findings": {"f": {"patterns": ["*"]}}}, r"f\.patterns\[0\]: '\*' stands"),
    (
        {"findings": {"f": {"patterns": ["очаг", "тень", "Oчаг"]}}},
        r"f\.patterns\[2\]: stands already at findings\.f\.patterns\[0\]",
    ),
    (
        {"findings": {"f": FIBROSIS, "g": FIBROSIS}},
        r"findings\.g\.patterns\[0\]: stands already at findings\.f\.patterns\[0\]",
    ),
    ({"negation": {"before": []}}, r"negation\.after: is missing"),
    ({"negation": NEGATION | {"befor": ["не"]}}, r"negation\.befor: unknown key"),
    (
        {"negation": NEGATION | {"both": ["нет"]}},
        r"negation\.both\[0\]: stands already at negation\.after\[0\]",
    ),
    ({"uncertainty": "?"}, r"uncertainty: '\?' stands there; it must be a list"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_lexicon_mistakes(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        load_lexicon(with_lexicon(tmp_path, **changes))
    assert str(error.value).startswith("mine.yaml: ")
    assert str(tmp_path) not in str(error.value)


def test_unreadable_lexicons(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^none\.yaml: there is no such"):
        load_lexicon(tmp_path / "none.yaml")
    path = tmp_path / "mine.yaml"
    path.write_text("norm: [норма\nfindings: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"^mine\.yaml: line \d: not valid YAML"):
        load_lexicon(path)
    path.write_bytes("норма".encode("cp1251"))
    with pytest.raises(UserError, match="UTF-8"):
        load_lexicon(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"^mine\.yaml: nothing stands there"):
        load_lexicon(path)


def test_a_small_lexicon_will_do(tmp_path: Path) -> None:
    path = with_lexicon(
        tmp_path,
        norm={"phrases": ["Всё (|очень )хорошо!"]},
        findings={"fibrosis": FIBROSIS},
        negation=NEGATION,
        uncertainty=[],
        abbreviations=None,
        capitals=None,
    )
    lexicon = load_lexicon(path)
    assert label("все  ХОРОШО", lexicon) == {"norm": 1, "fibrosis": 0}
    assert label("Всё, очень хорошо.", lexicon) == {"norm": 1, "fibrosis": 0}
    assert label("Фиброза нет. Фиброз", lexicon) == {"norm": 0, "fibrosis": 1}
    assert label("Без фиброза", lexicon) == {"norm": 0, "fibrosis": 0}


@pytest.mark.parametrize("name", ["ru", "en"])
def test_words_of_norm_phrases_are_known(name: str) -> None:
    """Else any other word would stand for them."""
    lexicon = load_lexicon(LEXICONS / f"{name}.yaml")
    assert len(lexicon.norm) > 100 and lexicon.tokens["абракадабра"].word.text not in " ".join(
        lexicon.norm
    )
    assert "" not in lexicon.norm


def test_a_lexicon_shows_no_words_of_reports(tmp_path: Path) -> None:
    lexicon = load_lexicon(LEXICON)
    label("Иванов фиброз", lexicon)
    assert "Иванов" in lexicon.tokens and "иванов" not in repr(lexicon).lower()


@pytest.mark.parametrize("name", ["ru", "en"])
def test_no_pattern_finds_what_a_shorter_one_does(name: str) -> None:
    content = yaml.safe_load((LEXICONS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(content["findings"]) == set(FINDINGS)
    for entries in content["findings"].values():
        stems = [p[:-1] for p in entries["patterns"] if re.fullmatch(r"\w+\*", p)]
        assert not [(a, b) for a in stems for b in stems if a != b and b.startswith(a)]
