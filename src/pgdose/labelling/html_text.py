"""The text in HTML or XML. What only looks like a mark stays: "SpO2 <90%>", "a <b and c> d"."""

import html
import re
from collections.abc import Callable
from html.entities import html5


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements that a text may hold without their end, and that no plain text names in brackets.
_PLAIN_TAGS = _names(
    "br big blockquote body center div em font h1 h2 h3 h4 h5 h6 head hr html img li meta ol p pre "
    "script small span strong style sub sup table tbody td th thead tr tt ul"
)
# Those that stand inside a word or a sentence; all others part words.
_INLINE = _names("a b big content del em font i ins mark o:p s small span strong sub sup tt u")
_PARAGRAPHS = _names(
    "blockquote body caption component div h1 h2 h3 h4 h5 h6 hr ol p paragraph pre section table "
    "text title tr ul"
)
_CELLS = frozenset({"td", "th"})
_ITEMS = frozenset({"li", "item"})

_ATTRIBUTE = r"""\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+)"""
_TAG = re.compile(rf"<(/?)([A-Za-z][\w:.-]{{0,40}})((?:{_ATTRIBUTE})*)\s*(/?)>")
_CLOSING = re.compile(r"</([A-Za-z][\w:.-]{0,40})\s*>")
_DECLARATION = re.compile(
    r"<!DOCTYPE[^>]{0,1000}>|<\?[A-Za-z][^>]{0,1000}\?>|<!\[(?:if|endif)[^>]{0,100}\]>",
    re.IGNORECASE,
)
# Elements whose content is no part of the report: programs, and what was struck out.
_LEFT_OUT = ("script", "style", "head", "del", "strike", "s")
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&nbsp(?![\w;])")
_BLOCK = re.compile(r"<(?:p|br|div|li|tr|h[1-6])\b[^<>]{0,1000}>", re.IGNORECASE)
_PREFORMATTED = re.compile(r"<pre\b|white-space:\s*pre", re.IGNORECASE)
_LINE_END = re.compile(r"\r?\n|\r")
_UNENDED = re.compile(r"<(?:!--|!\[CDATA\[|(?:script|style)\b[^<>]*>)", re.IGNORECASE)


class Unreadable(Exception):  # noqa: N818 - it names a text
    """The text cannot be told from the marks."""


def has_html(text: str) -> bool:
    """Whether the text holds tags or entities that nobody writes in plain text."""
    if "&" in text and any(_is_entity(match) for match in _ENTITY.finditer(text)):
        return True
    if "<" not in text:
        return False
    if _DECLARATION.search(text) or "<!--" in text or "<![CDATA[" in text:
        return True
    paired = _paired(text)
    return any(_is_mark(match, paired) for match in _TAG.finditer(text))


def read_html(text: str) -> str:
    """The text without tags, comments, programs and struck words; entities as their letters.

    Raises Unreadable where a comment, a program or a style does not end.
    """
    if "<" in text:
        text = _between(text, "<![CDATA[", "]]>", lambda inside: html.escape(inside, quote=False))
        text = _DECLARATION.sub("", _between(text, "<!--", "-->", lambda inside: ""))
        for name in _LEFT_OUT:
            text = _without_element(text, name)
        if _UNENDED.search(text):
            raise Unreadable
        paired = _paired(text)
        if _BLOCK.search(text) and not _PREFORMATTED.search(text):
            text = _LINE_END.sub(" ", text)  # a line of the source, not of the text
        text = _TAG.sub(lambda match: _replaced(match, paired), text)
    return _ENTITY.sub(_letter, text)


def _between(text: str, start: str, end: str, replaced: Callable[[str], str]) -> str:
    """The text with what stands from each start to its end replaced; unended starts stay."""
    parts, at = [], 0
    while (begin := text.find(start, at)) >= 0:
        stop = text.find(end, begin + len(start))
        if stop < 0:
            break
        parts += [text[at:begin], replaced(text[begin + len(start) : stop])]
        at = stop + len(end)
    return "".join([*parts, text[at:]])


def _without_element(text: str, name: str) -> str:
    """The text without an element and its content, wherever it begins and ends."""
    start = re.compile(rf"<{name}(?:{_ATTRIBUTE})*\s*>", re.IGNORECASE)
    end = re.compile(rf"</{name}\s*>", re.IGNORECASE)
    kept, at = [], 0
    while (opening := start.search(text, at)) and (closing := end.search(text, opening.end())):
        kept.append(text[at : opening.start()])
        at = closing.end()
    return "".join([*kept, text[at:]]) if kept else text


def _paired(text: str) -> set[str]:
    return {match[1].lower() for match in _CLOSING.finditer(text)}


def _is_mark(match: re.Match[str], paired: set[str]) -> bool:
    name = match[2].lower()
    if name in _PLAIN_TAGS:
        return True
    has_attribute = '"' in match[3] or "'" in match[3]
    is_whole = has_attribute or bool(match[4] and len(name) > 1)
    return not match[1] and (is_whole or name in paired)


def _replaced(match: re.Match[str], paired: set[str]) -> str:
    name = match[2].lower()
    if not (_is_mark(match, paired) or name in paired):
        return match[0]
    if name in _INLINE:
        return ""
    if name in _CELLS:
        return " "
    if name in _ITEMS:
        return "\n" if match[1] else "\n- "
    return "\n\n" if name in _PARAGRAPHS else "\n"


def _is_entity(match: re.Match[str]) -> bool:
    name = match[1]
    return name is None or name.startswith("#") or f"{name};" in html5


def _letter(match: re.Match[str]) -> str:
    if not _is_entity(match):
        return match[0]
    letter = html.unescape(f"{match[0].removesuffix(';')};")
    return " " if letter == "\xa0" else letter
