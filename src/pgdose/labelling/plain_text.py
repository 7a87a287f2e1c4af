"""The plain text of a report that an export left in HTML, RTF, XML or with escaped line breaks.

    plain_text("<p>Норма</p>")          # "Норма"
    plain_text("КТИ < 50 %")            # the same text: nothing here is a mark
    plain_text("{\\rtf1 ...\\shptxt")   # None: not all of it can be read
    plain_text("JVBERi0xLjQKJcfs...")   # None: a document in base64

Positions of mentions are those in the plain text; `pgdose evidence` makes the same one.
"""

import re

from pgdose.labelling.html_text import Unreadable, has_html, read_html
from pgdose.labelling.rtf_text import has_rtf, read_rtf

_MAY_HOLD_MARKS = re.compile(r"[<&\\]|_x00")
_MOST_ROUNDS = 4  # of escaping: &amp;lt;p&amp;gt;
# What workbooks write for a control character or a line break in a cell.
_WORKBOOK_RETURN = re.compile(r"(?:_x005F)?_x000[Dd]_(?=\s*(?:\n|(?:_x005F)?_x000[Aa]_))")
_WORKBOOK = re.compile(r"(?:_x005F)?_x00([0-9A-Fa-f]{2})_")
# Line breaks and tabs as a program writes them in a text, but for C:\new, a\new and y\n.
_NO_PATH = r"(?<!\\)(?<!\b\w)(?<!\b\w:)"
_BREAK = re.compile(
    rf"{_NO_PATH}(?:\\{{1,2}}[nr])+(?![a-z])|(?<=[.;:,)]){_NO_PATH}(?:\\{{1,2}}[nr])+"
)
_TAB = re.compile(rf"{_NO_PATH}\\{{1,2}}t(?![a-z])")
# Letters as JSON has them: those of Europe's languages begin with a nought, unlike numbers in RTF.
_JSON_LETTER = re.compile(r"\\u0[0-9A-Fa-f]{3}")
_JSON = re.compile(r"\\u([0-9A-Fa-f]{4})")
_SURROGATES = re.compile("[\ud800-\udfff]")
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# Letters of a line of base64, but for the last one: encoders write 60 to 76, or all in one.
_SHORTEST_LINE = 48
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_LINES = re.compile(r"\n{3,}")


def plain_text(text: str) -> str | None:
    """A report without the marks of other formats; the same text where there are none.

    None if the text cannot be told from the marks: cut off inside them, or in an unknown form; and
    where it is base64.
    """
    if is_base64(text):
        return None
    if not _MAY_HOLD_MARKS.search(text):
        return text
    plain = text
    try:
        for _ in range(_MOST_ROUNDS):
            before = plain
            plain = _without_marks(plain)
            if plain == before:
                break
        else:
            return None
    except Unreadable:
        return None
    if plain == text:
        return text
    if _SURROGATES.search(plain):  # halves of a letter
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    lines = "\n".join(line.strip() for line in _SPACES.sub(" ", plain).split("\n"))
    return _LINES.sub("\n\n", lines).strip()


def is_base64(text: str) -> bool:
    """Whether this is a document in base64: no language has words as long as its lines."""
    first = text.lstrip()[:_SHORTEST_LINE]
    if len(first) < _SHORTEST_LINE or not first.isascii() or len(first.split()) > 1:
        return False
    lines = text.split()
    long = all(len(line) >= _SHORTEST_LINE for line in lines[:-1] or lines)
    return long and all(BASE64.fullmatch(line) for line in lines)


def _without_marks(text: str) -> str:
    """The text without one layer of marks."""
    if "{\\rtf" not in text and _JSON_LETTER.search(text):
        text = _JSON.sub(_character, text)
    if has_rtf(text):
        text = read_rtf(text)
    text = _WORKBOOK.sub(_character, _WORKBOOK_RETURN.sub("", text))
    if "\\" in text:
        text = _TAB.sub(" ", _BREAK.sub(_line_breaks, text))
    return read_html(text) if has_html(text) else text


def _line_breaks(match: re.Match[str]) -> str:
    return "\n" * max(match[0].count("n"), 1)


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return "\n" if code == 13 else " " if code < 32 and code != 10 else chr(code)
