"""How to notice that bytes are in another character set than they declare."""

import random

import pytest

from pgdose.xray.character_sets import decode_latin_1, reads_better_elsewhere

SETS = ["cp1251", "koi8-r", "iso8859-5", "cp866"]
RUSSIAN = [
    "Лёгкие без очаговых теней. Пневмоторакс справа. Корни структурны, синусы свободны.",
    "ОЧАГОВЫХ И ИНФИЛЬТРАТИВНЫХ ТЕНЕЙ НЕ ВЫЯВЛЕНО. КОРНИ СТРУКТУРНЫ.",
    "Кардиомегалия. Перелом 5 ребра слева. Эмфизема, пневмосклероз.",
]
FOREIGN = {
    "gbk": "右侧气胸，无胸腔积液。心影不大。",
    "euc_kr": "우측 기흉이 있음. 흉수 없음.",
    "big5": "右側氣胸，無積液。",
    "cp932": "右に気胸を認めます。胸水なし。",
    "cp874": "ปอดปกติ",
    "cp1256": "استرواح الصدر الأيمن",
    "cp1253": "Πνευμοθώρακας δεξιά",
    "cp1255": "חזה אוויר בצד ימין",
    "cp1251": "Лёгкие без очаговых теней",
    "cp1250": "Płuca: odma opłucnowa, zwiększony rysunek naczyń.",
}
WESTERN = [
    "Keine Verschattung, Herz nicht vergrößert. Übergröße.",
    "Poumons clairs, cœur élevé, à 3 cm³; œdème « créé » l'été.",
    "— — — Größe: 5 ± 2 °C ———— •••• “ja”",
    "«Œdème»",
    "The patient¿s chest",  # databases write it for a letter that they lack
    "••••• Clear.",
    "Não há derrame; é à esquerda. Coração não aumentado.",
    "Þvermál ýtt, ðaðan. Lungnabólga á hægri hlið.",
]


@pytest.mark.parametrize("codec", SETS)
@pytest.mark.parametrize("declared", [*SETS, "iso8859-7"])
def test_cyrillic_in_another_set_than_it_declares(codec: str, declared: str) -> None:
    for text in RUSSIAN:
        content = text.replace("ё", "е").encode(codec)
        decoded = content.decode(declared, "replace")
        may_be_seen = declared != "iso8859-7" or codec == "cp1251"
        if codec == declared:
            assert not reads_better_elsewhere(decoded, content)
        elif may_be_seen and len(text) > 70:
            assert reads_better_elsewhere(decoded, content)


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Легеневі поля без вогнищевих тіней. Корені структурні, синуси вільні."),
        ("koi8-u", "Легеневі поля без вогнищевих тіней. Корені структурні, синуси вільні."),
        ("cp1251", "Лёгкія без ачаговых ценяў. Карані структурныя, сінусы вольныя."),
        ("mac_cyrillic", "Лёгкие без очаговых теней. Корни структурны, синусы свободны."),
        ("iso8859-5", "Бял дроб без огнищни изменения. Сърдечна сянка с нормална големина."),
        ("cp1251", "Плућа без жаришних промена. Срце нормалне величине."),
        ("iso8859-7", "Φυσιολογική ακτινογραφία θώρακος. Καρδιά φυσιολογική."),
        ("iso8859-7", "ΠΝΕΥΜΟΝΙΑ ΚΑΤΩ ΛΟΒΟΥ ΔΕΞΙΑ"),
        ("iso8859-5", "ЦФЩ"),
    ],
)
def test_languages_that_are_rightly_declared(codec: str, text: str) -> None:
    content = text.encode(codec)
    assert not reads_better_elsewhere(content.decode(codec), content)


@pytest.mark.parametrize("codec", SETS)
def test_few_words_are_never_taken_for_another_set(codec: str) -> None:
    words = " ".join(RUSSIAN).replace("ё", "е").split()
    draw = random.Random(0)
    for _ in range(300):
        text = " ".join(draw.sample(words, 4))
        content = text.encode(codec)
        assert not reads_better_elsewhere(text, content)


@pytest.mark.parametrize("codec", FOREIGN)
def test_other_sets_that_declare_latin_1(codec: str) -> None:
    assert decode_latin_1(FOREIGN[codec].encode(codec)) is None
    assert decode_latin_1(b"Chest PA: " + FOREIGN[codec].encode(codec) + b" (PACS 1)") is None


@pytest.mark.parametrize("text", WESTERN)
def test_latin_1_with_its_letters_is_read(text: str) -> None:
    assert decode_latin_1(text.encode("cp1252")) == text
