"""The labeller against hand-written sentences, against the phantom's truth, and its lexicon."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pgdose.errors import UserError
from pgdose.phantom.report_texts import FINDINGS, write_report
from pgdose.sources.reports import Lexicon, label, label_reports, load_lexicon, normalise

LEXICON = Path(__file__).parents[1] / "resources" / "lexicons" / "ru.yaml"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(LEXICON)


# (report, findings that it states, findings that it leaves in doubt); the rest must be 0
SENTENCES = [
    # plain statements and inflections
    ("Пневмосклероз.", "pneumosclerosis", ""),
    ("На фоне диффузного пневмосклероза корни уплотнены", "pneumosclerosis", ""),
    ("Пневмосклеротические изменения в нижних отделах", "pneumosclerosis", ""),
    ("Лёгкие эмфизематозны. Бронхит.", "emphysema bronchitis", ""),
    ("Корни фиброзно уплотнены", "fibrosis", ""),
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
]


@pytest.mark.parametrize(("text", "stated", "in_doubt"), SENTENCES)
def test_sentence(text: str, stated: str, in_doubt: str, lexicon: Lexicon) -> None:
    expected: dict[str, int | None] = dict.fromkeys(["norm", *FINDINGS], 0)
    expected |= dict.fromkeys(stated.split(), 1) | dict.fromkeys(in_doubt.split())
    assert label(text, lexicon) == expected


@pytest.mark.parametrize(
    ("text", "norm"),
    [
        ("Норма", 1),
        ("  НОРМА !\r\n", 1),
        ("Hopма.", 1),  # Latin H, o, p
        ("Органы грудной клетки - без патологии.", 1),
        ("Лёгкие без очаговых и инфильтративных изменений", 1),
        ("Органы грудной клеткі без паталогіі", 1),
        ("Норма?", 0),
        ("Возрастная норма для 70 лет", 0),
        ("Органы грудной клетки без патологии. Сколиоз.", 0),
        ("Нормальная картина", 0),
    ],
)
def test_norm_is_the_whole_report(text: str, norm: int, lexicon: Lexicon) -> None:
    labels = label(text, lexicon)
    assert labels.pop("norm") == norm
    assert set(labels.values()) == {0}


@pytest.mark.parametrize("text", ["", " \r\n", "-", "...", None, float("nan"), pd.NA])
def test_no_report_no_labels(text: str, lexicon: Lexicon) -> None:
    assert label(text, lexicon) == dict.fromkeys(["norm", *FINDINGS])


def test_normalise() -> None:
    assert normalise("Лёгкиe  (OГК) – 1,5 см; TBC?\n\nБез") == "легкие огк 15 см ; tbc ? . без"
    assert normalise("аб'ём пнеўмаскл\u00adерозу") == "абем пнеўмасклерозу"
    rng = np.random.default_rng(5)
    for report in (write_report(rng, frozenset(FINDINGS[:3]), "F", 60) for _ in range(100)):
        assert normalise(normalise(report)) == normalise(report)


# --- against the phantom ----------------------------------------------------------------------


def reports(n: int, seed: int) -> tuple[pd.Series, pd.DataFrame]:
    """n reports and their truth, one column per finding and `norm`."""
    rng = np.random.default_rng(seed)
    texts, truth = [], []
    for _ in range(n):
        chosen = rng.choice(FINDINGS, rng.integers(0, 5), replace=False)
        findings = frozenset(str(name) for name in chosen)
        texts.append(write_report(rng, findings, str(rng.choice(["F", "M"])), rng.uniform(17, 90)))
        truth.append({"norm": not findings} | {name: name in findings for name in FINDINGS})
    return pd.Series(texts), pd.DataFrame(truth)


def test_phantom_truth_is_found_again(lexicon: Lexicon) -> None:
    texts, truth = reports(3000, seed=11)
    labels = label_reports(texts, lexicon)
    assert (labels["label_norm"] == truth["norm"]).all()
    for name in FINDINGS:
        found = labels[f"label_{name}"].eq(1).fillna(False).astype(bool)
        right = (found & truth[name]).sum()
        assert right / found.sum() >= 0.97, f"precision of {name}"
        assert right / truth[name].sum() >= 0.97, f"recall of {name}"


def test_phantom_writes_what_the_labeller_must_cope_with() -> None:
    texts, truth = reports(2000, seed=3)
    findings = texts[~truth["norm"]]
    denial = r"(?i)без |нет\b|не выявлено|не определяется|няма"
    assert findings.str.contains(denial).mean() > 0.3
    for trait in ["ё", r"[a-z][а-я]|[а-я][a-z]", r"\d[.,]\d см", "  ", r"^[^a-zа-я]+$", "[іў]"]:
        assert findings.str.contains(trait).mean() > 0.01, trait
    norms = texts[truth["norm"]].map(normalise).str.rstrip(" .")
    assert 5 < norms.nunique() < 20


def test_phantom_is_deterministic_and_strict() -> None:
    assert reports(50, seed=1)[0].equals(reports(50, seed=1)[0])
    assert not reports(50, seed=1)[0].equals(reports(50, seed=2)[0])
    with pytest.raises(ValueError, match="cold"):
        write_report(np.random.default_rng(0), frozenset({"cold"}), "F", 30)


# --- tables -----------------------------------------------------------------------------------


def test_table(lexicon: Lexicon) -> None:
    index = ["c", "a", "b", "a", "d"]
    texts = pd.Series(["Норма", None, "Туберкулёз?", "Норма", "Бронхит"], index=index)
    table = label_reports(texts, lexicon)
    assert list(table.index) == index
    assert list(table) == ["label_norm", *(f"label_{name}" for name in FINDINGS)]
    assert (table.dtypes == "Int8").all()
    assert table["label_norm"].tolist() == [1, pd.NA, 0, 1, 0]
    assert table["label_tuberculosis"].tolist() == [0, pd.NA, pd.NA, 0, 0]
    assert table["label_bronchitis"].tolist() == [0, pd.NA, 0, 0, 1]


def test_empty_table(lexicon: Lexicon) -> None:
    for texts in (pd.Series([], dtype=str), pd.Series([None, np.nan], dtype=object)):
        table = label_reports(texts, lexicon)
        assert len(table) == len(texts)
        assert table.shape[1] == 9
        assert table.isna().all(axis=None)


def test_equal_texts_are_labelled_once(lexicon: Lexicon, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = label
    monkeypatch.setattr(
        "pgdose.sources.reports.label", lambda text, lex: seen.append(text) or original(text, lex)
    )
    label_reports(pd.Series(["Норма", "Бронхит"] * 500), lexicon)
    assert sorted(seen) == ["Бронхит", "Норма"]


# --- the lexicon ------------------------------------------------------------------------------


def with_lexicon(folder: Path, **changes: object) -> Path:
    """The shipped lexicon with some of its top-level entries changed (None: left out)."""
    content = yaml.safe_load(LEXICON.read_text(encoding="utf-8")) | changes
    path = folder / "mine.yaml"
    content = {key: value for key, value in content.items() if value is not None}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


FIBROSIS = {"patterns": ["фиброз*"]}
NEGATION = {"before": ["без"], "after": ["нет"], "terminators": ["."]}
MISTAKES = [
    ({"norms": []}, r"norms: unknown key; there may be findings, language, negation, norm"),
    ({"norm": None}, r"norm: is missing"),
    ({"norm": "норма"}, r"norm: 'норма' stands there; it must be a list of words or phrases"),
    ({"norm": ["норм*"]}, r"norm\[0\]: 'норм\*' stands there; .* without \*"),
    ({"norm": []}, r"norm: \[\] stands there"),
    ({"language": 5}, r"language: 5 stands there; it must be a text"),
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
    ({"negation": {"before": []}}, r"negation\.after: is missing"),
    ({"negation": NEGATION | {"befor": ["не"]}}, r"negation\.befor: unknown key"),
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
        norm=["Всё хорошо!"],
        findings={"fibrosis": FIBROSIS},
        negation=NEGATION,
        uncertainty=[],
    )
    lexicon = load_lexicon(path)
    assert label("все  ХОРОШО", lexicon) == {"norm": 1, "fibrosis": 0}
    assert label("Фиброза нет. Фиброз", lexicon) == {"norm": 0, "fibrosis": 1}
    assert label("Без фиброза", lexicon) == {"norm": 0, "fibrosis": 0}


def test_lexicon_has_no_entry_twice() -> None:
    content = yaml.safe_load(LEXICON.read_text(encoding="utf-8"))
    lists = [content["norm"], content["uncertainty"], *content["negation"].values()]
    lists += [entry[key] for entry in content["findings"].values() for key in entry]
    for entries in lists:
        assert len(set(entries)) == len(entries)
    # Words that a shorter pattern of the same finding finds anyway
    for entry in content["findings"].values():
        stems = [p[:-1] for p in entry["patterns"] if re.fullmatch(r"\w+\*", p)]
        assert not [(a, b) for a in stems for b in stems if a != b and b.startswith(a)]
