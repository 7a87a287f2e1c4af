"""Labels of hand-written sentences in Russian, Belarusian and English, and of norm reports."""

import pandas as pd
import pytest
from helpers.lexicons import expected

from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import label, read_report
from pgdose_phantom.report_phrases import REPORT_FINDINGS

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
    ("Анамнез: туберкулез легких в 1990 г. Норма", "norm", ""),
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


@pytest.mark.parametrize(("text", "stated", "in_doubt"), SENTENCES)
def test_sentence(text: str, stated: str, in_doubt: str, lexicon: Lexicon) -> None:
    assert label(text, lexicon) == expected(stated, in_doubt)


@pytest.mark.parametrize(("text", "stated", "in_doubt"), ENGLISH)
def test_english(text: str, stated: str, in_doubt: str, english: Lexicon) -> None:
    assert label(text, english) == expected(stated, in_doubt)


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
    assert label(text, lexicon) == dict.fromkeys(["norm", *REPORT_FINDINGS])
    assert read_report(text, lexicon) == []
