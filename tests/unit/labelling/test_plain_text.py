"""Reports that an export left in HTML, RTF or with escaped line breaks; and plain ones."""

import html
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.labelling.plain_text import plain_text
from pgdose.labelling.spelling import tokenize

RUSSIAN = ["Пневмосклероз", "справа", "очаговых", "теней", "не", "видно", "корни", "ёлка", "№"]
WESTERN = ["No", "mass", "Café", "über", "niño", "normal", "lungs", "clear", "AP"]
MARKS = [".", ",", ":", " -", " 5", " < 50 %", " > 1,5", " & co", " (x)", '"', "'"]


def sentences(words: list[str]) -> st.SearchStrategy[str]:
    piece = st.tuples(st.sampled_from(words), st.sampled_from(["", *MARKS]))
    return st.lists(piece, min_size=1, max_size=12).map(
        lambda pieces: " ".join(word + mark for word, mark in pieces)
    )


def in_bytes(text: str, encoding: str) -> str:
    """RTF: all beyond ASCII as bytes of a code page."""
    escaped = text.replace("\\", "\\\\").replace("{", "\\{").replace("}", "\\}")
    return "".join(
        c if c.isascii() else "".join(f"\\'{byte:02x}" for byte in c.encode(encoding))
        for c in escaped
    )


def in_unicode(text: str, instead: str = "?") -> str:
    return "".join(c if c.isascii() else f"\\u{ord(c)}{instead}" for c in text)


FONTS = r"{\fonttbl{\f0\froman\fcharset%s Times New Roman;}{\f1\fnil\fcharset0 Arial;}}"
STYLES = (
    r"{\colortbl ;\red0\green0\blue0;}{\stylesheet{\s0 Normal;}}{\*\generator Word;}"
    r"{\info{\author Somebody}}"
)


def document(body: str, page: str = "1251", charset: str = "204") -> str:
    start = rf"{{\rtf1\ansi\ansicpg{page}\deff0\deflang1049"
    return f"{start}{FONTS % charset}{STYLES}\r\n\\viewkind4\\uc1\\pard\\f0\\fs20 {body}\\par\r\n}}"


RTF = {
    "code page and character set": lambda text: document(in_bytes(text, "cp1251")),
    "code page alone": lambda text: document(in_bytes(text, "cp1251"), charset="0"),
    "character set alone": lambda text: document(in_bytes(text, "cp1251"), page="1252"),
    "unicode": lambda text: document(in_unicode(text)),
    "unicode with bytes instead": lambda text: document(in_unicode(text, "\\'3f")),
    "no header": lambda text: f"\\pard\\f0\\fs20 {in_bytes(text, 'cp1251')}\\par",
    "end of a document": lambda text: f"\\pard\\f0 {in_unicode(text)}\\par}}",
    "two documents": lambda text: document(in_bytes(text, "cp1251")) + document(""),
    "letters as they are": lambda text: document(text),
    "a wrapped document": lambda text: document(in_unicode(text)).replace("\\u", "\r\n\\u"),
}
HTML = {
    "paragraph": lambda text: f"<p>{html.escape(text)}</p>",
    "page": lambda text: (
        "<!DOCTYPE html><html><head><title>R</title><style>p {color: red}</style></head>"
        f'<body class="a">\n<div style="margin: 0">{html.escape(text)}</div></body></html>'
    ),
    "script and comment": lambda text: (
        f"<!-- {html.escape(text)} --><script>if (a < b) 1</script>{html.escape(text)}"
    ),
    "decimal entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    "escaped twice": lambda text: html.escape(f"<p>{html.escape(text)}</p>"),
    "escaped blanks": lambda text: html.escape(text).replace(" ", "&amp;nbsp;"),
    "a word in bold": lambda text: f"<b>{html.escape(text[:3])}</b>{html.escape(text[3:])}",
    "XML": lambda text: (
        f'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7"><code code="1"/>'
        f"<text><paragraph>{html.escape(text)}</paragraph></text></ClinicalDocument>"
    ),
    "CDATA": lambda text: f"<text><![CDATA[<p>{html.escape(text)}</p>]]></text>",
}
OTHERS = {
    "a workbook's returns": lambda text: f"{text}_x000D_\n",
    "line breaks as letters": lambda text: f"{text}.\\r\\n",
    "JSON": lambda text: json.dumps(f"{text}.\nx")[1:-3].replace('\\"', '"'),
}
WRAPPERS = RTF | HTML | OTHERS


@pytest.mark.parametrize("name", WRAPPERS)
@given(text=sentences(RUSSIAN))
def test_the_words_of_a_spoiled_report_are_found_again(name: str, text: str) -> None:
    plain = plain_text(WRAPPERS[name](text))
    assert plain is not None
    assert [t for t in tokenize(plain) if t.strip()] == [
        t for t in tokenize(text + "." * (name in ("JSON", "line breaks as letters"))) if t.strip()
    ]


@pytest.mark.parametrize("name", HTML | {"unicode": None})
@given(text=sentences(WESTERN))
def test_western_words_too(name: str, text: str) -> None:
    plain = plain_text(WRAPPERS[name](text))
    assert plain is not None and tokenize(plain) == tokenize(text)


def test_a_font_s_character_set_counts_in_a_western_document() -> None:
    text = "No mass seen, lungs clear: очаг"
    assert plain_text(document(in_bytes(text, "cp1251"), "1252", "204")) == text
    text = "No mass seen, lungs clear: πνεύμονας"
    assert plain_text(document(in_bytes(text, "cp1253"), "1252", "161")) == text


def test_western_bytes_stay_western() -> None:
    text = "Café über niño: normal"
    assert plain_text(document(in_bytes(text, "cp1252"), "1252", "0")) == text


PLAIN = [
    *("КТИ < 50 %", "SpO2 <90%>", "a<b", "<5 мм", "R&D", "T&B;", "б\\о", "C:\\new", "D:\\Отчет"),
    *("{x}", "a > b", "p<0.05;", "<DATE>", "<b and c>", "<Иванов>", "y\\n", "w\\o", "&foo;", "<3"),
    *("<time>", "x_000D_", "1/2", "<-->", "\\\\server\\new", "<none>", "a & b;", "a\\b", "s\\p"),
    *(
        "a <b> c",
        "<i>",
        "Name=<X y=1>",
        "<a.b@c.de>",
        "<http://x.y/z>",
        "<1 year>",
        "A&E;",
        "<5x6>",
    ),
]


@given(st.lists(st.one_of(st.sampled_from(PLAIN), sentences(RUSSIAN), sentences(WESTERN))))
def test_a_text_without_marks_stays_as_it_is(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert plain_text(text) is text


FRAGMENTS = [
    *("<p", "<p>", "</p>", "<!--", "-->", "<![CDATA[", "]]>", "<script>", "&lt;", "&amp;", "&#0;"),
    *("{", "}", "\\", "\\rtf1", "{\\rtf1", "\\par ", "\\'e0", "\\'", "\\u-4000?", "\\u55357?"),
    *(
        "{\\*\\x ",
        "{\\pict ",
        "\\bin99 ",
        "\\bin-1 ",
        "\\uc9 ",
        "\\f0 ",
        "{\\fonttbl",
        "\\n",
        "_x00",
    ),
    *("_x000D_", "&#xFFFFFF;", "&#9999999;", "\\ansicpg0 ", "\\ansicpg932 ", "\\u0000", "<a b=c>"),
]


@given(
    st.lists(
        st.one_of(st.sampled_from(FRAGMENTS), st.text(st.characters(codec="utf-8"), max_size=3)),
        max_size=30,
    )
)
def test_no_text_is_too_odd(pieces: list[str]) -> None:
    plain = plain_text("".join(pieces))
    assert plain is None or plain.encode("utf-8") is not None


@pytest.mark.parametrize(
    "text",
    [
        "Норма <!-- но",
        "Норма <script> x",
        "{\\rtf1{\\fonttbl{\\f0 Times",  # cut off in its header
        "fcharset204 Times;}}\\pard\\f0 \\'cd\\'ee\\par",  # its beginning is lost
        "{\\rtf1\\ansi\\ansicpg65001 \\'cd\\'ee}",  # no letters of its code page
        "{\\rtf1 A{\\shp{\\*\\shpinst{\\shptxt B}}}}",  # a text box
        "{\\rtf1 " + "{" * 20_000,
        "&" + "amp;" * 10 + "lt;p>",
        "JVBERi0xLjQK" * 8,  # a PDF in base64
        " " + "JVBERi0xLjQK" * 5 + "\n" + "JVBERi0xLjQK" * 5 + "\nJVB=\n",
    ],
)
def test_what_cannot_be_told_from_marks_is_refused(text: str) -> None:
    assert plain_text(text) is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("A<br>b", "A\nb"),
        ("<p>A</p><p>B</p>", "A\n\nB"),
        ("<ul><li>A</li><li>B</li></ul>", "- A\n\n- B"),
        ("<table><tr><td>Emphysema</td><td>no</td></tr></table>", "Emphysema no"),
        ("<p>Очаговых\nТеней нет</p>", "Очаговых Теней нет"),  # a line of the source
        ("<b>A</b>\nB", "A\nB"),
        ("A <del>pneumonia</del> B", "A B"),
        ("{\\rtf1 A \\strike pneumonia\\strike0 B {\\v hidden }C}", "A B C"),
        ("{\\rtf1 {\\field{\\*\\fldinst HYPERLINK x}{\\fldrslt A}}\\cell B\\row C}", "A B\nC"),
        ("{\\rtf1 A\\~B\\line \\u8212?C \\{D\\}}", "A B\n—C {D}"),
        ("{\\rtf1 {\\pict\\bin9 {{{{{{{{{}A}", "A"),
        ("&notit; &lt; 5&nbsp", "&notit; < 5"),
        ("Impression:\\nNo mass.\\n\\nEnd\\tx", "Impression:\nNo mass.\n\nEnd\\tx"),
        ("A_x000D__x000A_B", "A\nB"),
        ("\\u043f\\u043d\\u0435\\u0432\\u043c\\u043e\\u043d\\u0438\\u044f?", "пневмония?"),
    ],
)
def test_lines_cells_and_what_is_left_out(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def test_time_is_bounded() -> None:
    start = time.process_time()
    for piece in ("<!--", "<p ", '<p a="', "<del>", "<!DOCTYPE ", "</a", "\\'e0", "&amp;", "{\\a "):
        plain_text("{\\rtf1 " + piece * 40_000)
        plain_text(piece * 40_000 + " " * 40_000)
    assert time.process_time() - start < 4


def test_plain_reports_cost_nothing() -> None:
    text = "Пневмосклероз справа, очаговых теней не видно. КТИ 50 %, синусы свободны. " * 2
    start = time.process_time()
    for _ in range(20_000):
        plain_text(text)
    assert time.process_time() - start < 0.4  # 20 us each; reading a report takes 100
