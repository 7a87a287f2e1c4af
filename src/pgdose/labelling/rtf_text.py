"""The text in RTF: whole documents, or pieces of them without their header.

Own code, since libraries (striprtf 0.0.35) read whole documents only, take a font without a
character set for Western whatever the document's code page is, and drop all text behind the first
document. Control words: Rich Text Format Specification 1.9.1 (Microsoft, 2008).
"""

import codecs
import re
from dataclasses import dataclass, field, replace

from pgdose.labelling.html_text import Unreadable

_DOCUMENT = re.compile(r"\{\\rtf\d")
# Control words that no plain text holds behind a backslash: pieces of a document.
_PIECE = re.compile(
    r"(?<![:\w\\])\\(?:pard?|plain|fs\d+|f\d+|cf\d+|lang\d+|rtf\d|ansi(?:cpg\d+)?|fonttbl|colortbl"
    r"|viewkind\d|uc\d|ulnone|b0|i0|deff\d+|q[lcrj]|li\d+|sa\d+|sl\d+)(?![A-Za-z0-9])"
    r"|(?<=[\w.,;:)])\\(?:pard?|plain|line|tab|fs\d+)(?![A-Za-z0-9])"
    r"|\{\\(?:[a-z]{1,12}-?\d{0,4}[ \\]|\*\\)"
    r"|\\'[0-9A-Fa-f]{2}|\\u[1-9]\d{2,4} ?\?"
)
_TOKEN = re.compile(
    r"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(.)"
    r"|([{}])|([\r\n]+)|([^\\{}\r\n]+)|\\",
    re.DOTALL,
)
_BREAKS = {"par": "\n", "sect": "\n\n", "page": "\n\n", "line": "\n", "row": "\n"}
_CHARACTERS = _BREAKS | {
    **{"tab": " ", "cell": " ", "nestcell": " ", "emspace": " ", "enspace": " ", "qmspace": " "},
    **{"emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’"},
    **{"ldblquote": "“", "rdblquote": "”"},
}
_SYMBOLS = {"~": " ", "_": "-", "-": "", "\n": "\n", "\r": "\n"}
_GROUPS_OF_NO_TEXT = """
annotation author bkmkend bkmkstart colortbl comment company creatim datastore filetbl fldinst
fonttbl footer footerf footerl footerr footnote generator header headerf headerl headerr info
keywords latentstyles listoverridetable listtable listtext objdata operator pict pntext revtbl
rsidtbl stylesheet subject themedata title xmlnstbl
"""
_LEFT_OUT = frozenset(_GROUPS_OF_NO_TEXT.split())
_HIDDEN = frozenset({"v", "deleted", "strike"})  # hidden, or struck out
_OF_CHARSET = {
    **{128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254"},
    **{163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874"},
    238: "cp1250",
}
_WESTERN = "cp1252"
_MOST_GROUPS = 10_000  # inside each other
_LETTER = re.compile(r"[^\W\d_]")
_SAMPLE = 100_000  # characters that decide between two code pages


def has_rtf(text: str) -> bool:
    """Whether the text is a document in RTF, or holds pieces of one."""
    return "\\" in text and bool(_DOCUMENT.search(text) or _PIECE.search(text))


def read_rtf(text: str) -> str:
    """The text of a document, or of pieces of one.

    Raises Unreadable for bytes that are no letters in the document's code page, and for text boxes,
    whose text may stand in the document twice.
    """
    if "\\shptxt" in text:
        raise Unreadable
    return _Reader(has_header=bool(_DOCUMENT.search(text))).read(text)


@dataclass
class _Group:
    """What holds until the group ends."""

    is_left_out: bool = False
    in_fonts: bool = False
    font: str | None = None
    skip: int = 1  # characters behind a Unicode character, for programs that know none
    hidden: frozenset[str] = frozenset()


@dataclass
class _Reader:
    """One document on its way from control words to text.

    has_header: whether line breaks of the file mean nothing, as in a whole document
    pieces: texts, and runs of bytes with their encoding
    """

    has_header: bool
    pieces: list[str | tuple[bytearray, str]] = field(default_factory=list)
    group: _Group = field(default_factory=_Group)
    outer: list[_Group] = field(default_factory=list)
    page: str = _WESTERN
    of_font: dict[str | None, str] = field(default_factory=dict)
    to_skip: int = 0
    lost_start: bool = False  # a group ended whose beginning is not there, with text in it

    def read(self, text: str) -> str:
        at = 0
        while match := _TOKEN.match(text, at):
            at = match.end()
            word, number, byte, symbol, brace, line_end, plain = match.groups()
            if word:
                self.to_skip = 0
                if word == "bin":
                    at += min(max(int(number or 0), 0), len(text))
                self._control_word(word, number)
            elif byte:
                self._byte(int(byte, 16))
            elif symbol:
                self._symbol(symbol)
            elif brace:
                self._brace(brace)
            elif line_end:
                self._text("" if self.has_header else "\n")
            elif plain:
                skipped = min(self.to_skip, len(plain))
                self.to_skip -= skipped
                self._text(plain[skipped:])
        if self.group.is_left_out:
            raise Unreadable  # cut off there
        return self._decoded()

    def _brace(self, brace: str) -> None:
        self.to_skip = 0
        if brace == "{":
            if len(self.outer) == _MOST_GROUPS:
                raise Unreadable
            self.outer.append(self.group)
            self.group = replace(self.group)
        elif self.outer:
            self.group = self.outer.pop()
        else:
            self.lost_start = bool(self.pieces)

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self.group.is_left_out = True
        elif self.to_skip:
            self.to_skip -= 1
        else:
            self._text(_SYMBOLS.get(symbol, symbol))

    def _control_word(self, word: str, number: str | None) -> None:
        group = self.group
        if word in _LEFT_OUT:
            group.is_left_out = True
            group.in_fonts = word == "fonttbl"
        elif word in _CHARACTERS:
            self._text(_CHARACTERS[word])
        elif word == "u" and number:
            code = int(number) % 0x10000
            self._text(chr(code))
            self.to_skip = group.skip
        elif word == "uc" and number:
            group.skip = min(max(int(number), 0), 100)
        elif word == "f":
            group.font = number
        elif word == "fcharset" and group.in_fonts and number:
            if encoding := _OF_CHARSET.get(int(number)):
                self.of_font[group.font] = encoding
        elif word == "ansicpg" and number:
            self.page = _code_page(number)
        elif word in _HIDDEN:
            hides = number != "0"
            group.hidden = group.hidden | {word} if hides else group.hidden - {word}
        elif word == "plain":
            group.hidden = frozenset()

    def _text(self, text: str) -> None:
        if not text or self.group.is_left_out or self.group.hidden:
            return
        if self.lost_start and text.strip("\0 \t\r\n"):
            raise Unreadable  # was the text before it a part of the report?
        self.pieces.append(text)

    def _byte(self, byte: int) -> None:
        if self.to_skip:
            self.to_skip -= 1
            return
        if self.group.is_left_out or self.group.hidden:
            return
        if self.lost_start:
            raise Unreadable
        encoding = self.of_font.get(self.group.font, self.page)
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, tuple) and last[1] == encoding:
            last[0].append(byte)
        else:
            self.pieces.append((bytearray([byte]), encoding))

    def _decoded(self) -> str:
        """All pieces as one text.

        Where most letters are accented Western ones no language has such words: they are Cyrillic,
        whatever the document's header says.
        """
        texts = [self._piece(piece, _WESTERN) for piece in self.pieces]
        letters = _LETTER.findall("".join(texts)[:_SAMPLE])
        accented = sum("\xc0" <= letter <= "\xff" for letter in letters)
        if accented > len(letters) / 2:
            texts = [self._piece(piece, "cp1251") for piece in self.pieces]
        return "".join(texts)

    def _piece(self, piece: str | tuple[bytearray, str], western: str) -> str:
        if isinstance(piece, str):
            return piece
        encoding = piece[1] if piece[1] != _WESTERN else western
        try:
            return piece[0].decode(encoding)
        except UnicodeDecodeError:
            raise Unreadable from None


def _code_page(number: str) -> str:
    name = {"65001": "utf-8", "10000": "mac_roman", "10007": "mac_cyrillic"}.get(number)
    try:
        return codecs.lookup(name or f"cp{number}").name
    except LookupError:
        return _WESTERN
