"""What is wrong with a text that is not YAML, or that YAML reads otherwise than its author meant.

Each function returns a sentence that says what stands there and what to write instead.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the ends of lines, as PyYAML counts them
CURLY = "“”„‟‘’‚‛"  # quotes of word processors, which mean nothing to YAML
SHOWN = 60  # characters of a line in a message
WINDOWS_PATH = re.compile(r'"(?:[A-Za-z]:\\[^\\"]|\\\\\w+\\\w)')  # in double quotes, as it is
TAG = "tag:yaml.org,2002:"
READ_AS = {
    "bool": "true or false",
    "null": "nothing",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
}
QUOTES = "put it in quotes"


@dataclass(frozen=True)
class Fault:
    """An error of PyYAML: its words, and where in the text it and its construct stand.

    problem, context: PyYAML's words; empty if it has none
    number, column:   of the problem, counted from 0
    first:            number of the line where the construct begins that PyYAML was reading
    """

    lines: list[str]
    problem: str
    context: str
    number: int
    column: int
    first: int

    @property
    def line(self) -> str:
        return self.lines[self.number]

    @property
    def before(self) -> str:
        """What stands before the problem in its line."""
        return self.line[: self.column]

    @property
    def character(self) -> str:
        return self.line[self.column : self.column + 1]


def explain(text: str, error: yaml.YAMLError) -> str:
    """`line N: ...`: the sentence for an error that PyYAML raised on a text."""
    lines = BREAK.split(text)
    if isinstance(error, yaml.reader.ReaderError):
        number = len(BREAK.split(text[: error.position])) - 1
        code = f"U+{ord(text[error.position]):04X}"
        return f"line {number + 1}: a character stands here that no text has ({code}); remove it"
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    first = context or problem
    if problem is None or first is None:
        return "not valid YAML; correct it"
    fault = Fault(
        lines=lines,
        problem=getattr(error, "problem", None) or "",
        context=getattr(error, "context", None) or "",
        number=min(problem.line, len(lines) - 1),
        column=problem.column,
        first=min(first.line, len(lines) - 1),
    )
    for rule in RULES:
        if found := rule(fault):
            number, sentence = found
            return f"line {number + 1}: {sentence}"
    words = f"{fault.problem:.{SHOWN}}"
    return f"line {fault.number + 1}: not valid YAML ({words}); correct it"


# --- rules: the number of a line and a sentence, or None if the fault is another one --------------

Found = tuple[int, str] | None


def _blanks(fault: Fault) -> Found:
    """Tabs, and blanks that only look like spaces."""
    if fault.character == "\t":
        return fault.number, "a tab stands here; write spaces instead"
    for number in (fault.number, fault.first):
        line = fault.lines[number]
        indentation = line[: len(line) - len(line.lstrip())]
        after_colon = re.search(r":([^\S \t]|[\u200b\ufeff])", line)
        blank = _odd_blank(indentation) or (after_colon and after_colon.group(1))
        if blank:
            return number, f"{_name(blank)} stands here; write spaces instead"
    return None


def _curly_quotes(fault: Fault) -> Found:
    for number in (fault.number, fault.first):
        if re.search(rf"(?:^|[\s\[{{(,])[{CURLY}]", fault.lines[number]):
            return number, f"{_shown(fault.lines[number])} has curly quotes; write straight ones"
    return None


def _quotes(fault: Fault) -> Found:
    if "escape" in fault.problem:
        return fault.number, BACKSLASH
    if "while scanning a quoted scalar" in fault.context:
        text = "the quotes that begin here do not end; close them"
        return fault.first, text
    return None


NO_KEY = "a key is missing before the colon; write it"
BACKSLASH = (
    "a backslash in double quotes stands for a special character; write single quotes, or '/' in "
    "place of '\\'"
)


def _no_colon(fault: Fault) -> Found:
    if fault.problem != "could not find expected ':'":
        return None
    line = fault.lines[fault.first]
    if found := re.match(r"\s*(?:- +)*([\w.-]+):(\S.*)$", line):
        key, value = found.groups()
        return fault.first, f"a space is missing after a colon; write {_shown(f'{key}: {value}')}"
    return fault.first, f"{_shown(line)} has no colon; write KEY: VALUE"


def _second_colon(fault: Fault) -> Found:
    """A key and a colon where YAML is still reading the value before them."""
    in_brackets = "flow" in fault.context and "got ':'" in fault.problem
    if fault.problem != "mapping values are not allowed here" and not in_brackets:
        return None
    if keys := list(re.finditer(r"([^\s:,{\[]+): +(?=\S)", fault.before)):
        found = keys[-1]
        value = fault.line[found.end() :]
        if in_brackets:
            value = re.split(r"[,}\]]", value)[0]
        value = re.sub(r"\s+#.*", "", value).strip()
        quoted = f"'{value}'" if '"' in value else f'"{value}"'
        text = "has a second colon"
        return fault.number, f"the value {text}; put it in quotes: {found[1]}: {quoted:.{SHOWN}}"
    if in_brackets:
        return None
    number = _line_above(fault)
    above = fault.lines[number]
    if ":" not in above:
        return number, f"{_shown(above)} has no colon; write KEY: VALUE, or 'KEY:' above a section"
    return fault.number, (
        f"{_shown(fault.line)} is indented further than line {number + 1}, whose key has a value "
        "already; indent both alike"
    )


def _brackets(fault: Fault) -> Found:
    if fault.context not in ("while parsing a flow sequence", "while parsing a flow mapping"):
        return None
    open_, close = ("[", "]") if "sequence" in fault.context else ("{", "}")
    if any(f"got '{token}'" in fault.problem for token in ("<scalar>", "[", "{")):
        rest = fault.line[fault.column :]
        return fault.number, f"a comma is missing before {_shown(rest)}; write one"
    return fault.first, f"the '{open_}' that stands here is not closed; write '{close}'"


def _no_value(fault: Fault) -> Found:
    if "expected the node content" not in fault.problem:
        return None
    if fault.character:
        text = f"{fault.character!r} stands where a value must"
        return fault.number, f"{text}; put it in quotes, or remove it"
    for number in range(fault.number, -1, -1):
        if found := re.search(r"[\[{]", fault.lines[number]):
            close = {"[": "]", "{": "}"}[found.group()]
            return number, f"the {found.group()!r} that stands here is not closed; write {close!r}"
    return fault.number, "a value is missing; write it"


def _indentation(fault: Fault) -> Found:
    """A line that fits no section, or something behind the end of a value."""
    if "expected <block end>" not in fault.problem:
        return None
    if fault.character and fault.character in "]},":
        return fault.number, (
            f"{fault.character!r} closes nothing here; remove it, or put the text in quotes"
        )
    if fault.line.strip().startswith(":"):
        return fault.number, NO_KEY
    if fault.before.strip(" -"):
        rest = fault.line[fault.column :]
        text = f"{_shown(rest)} stands behind the end of a value; put the whole value in quotes"
        return fault.number, text
    if "found '-'" in fault.problem:
        return fault.number, (
            f"{_shown(fault.line)} is an entry of a list among keys; indent it below its key, or "
            "remove '- '"
        )
    if "collection" in fault.context and fault.before == " " * _indented(fault, fault.first):
        return fault.number, f"{_shown(fault.line)} stands among the entries of a list; write '- '"
    above = [len(_spaces(line)) for line in fault.lines[fault.first : fault.number] if line.strip()]
    here = len(fault.before)
    less, more = [n for n in above if n < here], [n for n in above if n > here]
    fitting = sorted({*(less and [max(less)]), *(more and [min(more)])})
    spaces = " or ".join(map(str, fitting)) or "0"
    return fault.number, (
        f"{_shown(fault.line)} is indented by {here} spaces, as no line of its section is; indent "
        f"it by {spaces}"
    )


def _special_beginning(fault: Fault) -> Found:
    """A value that begins with a character that means something to YAML."""
    value = fault.line[fault.column :] or fault.line
    text = f"a text may not begin with {value[:1]!r}; {QUOTES}"
    if "cannot start any token" in fault.problem:
        return fault.number, text
    if "while scanning a block scalar" in fault.context:
        sign = fault.lines[fault.first][: fault.column].strip()[-1:]
        return fault.number, f"a text may not begin with {sign!r}; {QUOTES}"
    if "while scanning an alias" in fault.context or "while scanning an anchor" in fault.context:
        sign = "*" if "alias" in fault.context else "&"
        return fault.first, f"a text may not begin with {sign!r}; {QUOTES}"
    if found := re.match(r"found undefined alias '(.*)'", fault.problem):
        name = found[1]
        return fault.number, (
            f"'*{name}' stands for what '&{name}' marks, and nothing is marked so; mark it, or "
            "put the text in quotes"
        )
    if "sequence entries are not allowed" in fault.problem:
        return fault.number, "a list does not begin behind a key; write [A, B], or '- A' below it"
    if "tag" in fault.context or "tag" in fault.problem:
        return fault.number, f"a text may not begin with '!', nor be '=' or '<<'; {QUOTES}"
    return None


def _documents(fault: Fault) -> Found:
    if "another document" in fault.problem or "expected '<document start>'" in fault.problem:
        return fault.number, "a second document begins here; keep one, and remove '---' or '...'"
    if "merging" in fault.problem:
        return fault.number, "'<<' takes mappings that an '&name' marks; write <<: *name"
    return None


RULES: tuple[Callable[[Fault], Found], ...] = (
    _documents,
    _blanks,
    _curly_quotes,
    _quotes,
    _no_colon,
    _second_colon,
    _brackets,
    _no_value,
    _indentation,
    _special_beginning,
)


# --- what YAML reads, but not as it was meant ----------------------------------------------------


def scalar_slip(node: yaml.ScalarNode, source: str, before: str = "") -> str | None:
    """What is wrong with a single value.

    source: its text in the file
    before: what stands before it in its line
    """
    kind, value = node.tag.removeprefix(TAG), node.value
    if node.style in ("|", ">"):
        return None if value.strip() else f"no text follows {node.style!r}; {QUOTES} if you mean it"
    if node.style == '"' and WINDOWS_PATH.match(source):
        return BACKSLASH
    if node.style:
        return None
    if kind in ("int", "float") and ":" in value:
        return "YAML reads this as a number to the base 60; put it in quotes, or write a number"
    if kind == "int" and re.match(r"[-+]?0[0-9_]", value):
        if text := _decimal_comma(value, before):
            return text
        number = int(value.replace("_", ""), 8)
        return f"YAML reads {value} as the number {number} (octal); write {number}, or {QUOTES}"
    if value[:1] and value[0] in CURLY:
        return f"{_shown(value)} has curly quotes, which count as text; write straight ones"
    if blank := _odd_blank(value[:1]):
        text = value.lstrip(blank)
        return f"{_name(blank)} stands before {_shown(text)}; write spaces instead"
    if blank := _odd_blank(value[-1:]):
        return f"{_name(blank)} stands behind {_shown(value.rstrip(blank))}; remove it"
    return None


def key_slip(key: yaml.Node, value: yaml.Node, before: str = "") -> str | None:
    """What is wrong with a key: all keys are texts. `before`: what stands before it in its line."""
    if not isinstance(key, yaml.ScalarNode):
        return f"a key must be a text, not a list or a mapping; {QUOTES}"
    kind = key.tag.removeprefix(TAG)
    if kind == "null" and not key.value:
        return NO_KEY
    is_empty = isinstance(value, yaml.ScalarNode) and not (value.value or value.style)
    if is_empty and key.style is None and (text := _decimal_comma(key.value, before)):
        return text
    if kind in READ_AS:
        return f"the key {_shown(key.value)} is {READ_AS[kind]} to YAML; {QUOTES}"
    if key.style is None and is_empty and (found := re.match(r"([\w.-]+):(.+)", key.value)):
        name, text = found.groups()
        return f"a space is missing after a colon; write {_shown(f'{name}: {text}')}"
    return None


def _decimal_comma(value: str, before: str) -> str | None:
    """In brackets the comma of 0,01 is one between two values."""
    first = re.search(r"(?<![\w.,])(\d+),$", before)
    if not (first and value.isdecimal()):
        return None
    number = f"{first[1]},{value}"
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", number):
        return f"YAML reads {number} as two values; write {first[1]}{value}, without a comma"
    return f"YAML reads {number} as two values; write a decimal point: {first[1]}.{value}"


# --- words ---------------------------------------------------------------------------------------


def _odd_blank(text: str) -> str | None:
    """The first character that only looks like a space, or like nothing."""
    for character in text:
        is_blank = character.isspace() and character != " "
        if is_blank or unicodedata.category(character) == "Cf":
            return character
    return None


def _name(character: str) -> str:
    if character == "\t":
        return "a tab"
    name = unicodedata.name(character, f"character U+{ord(character):04X}").lower()
    return f"a {name}"


def _shown(text: Any) -> str:
    text = text.strip()
    text = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return repr(text) if text.isprintable() else ascii(text)


def _spaces(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _indented(fault: Fault, number: int) -> int:
    return len(_spaces(fault.lines[number]))


def _line_above(fault: Fault) -> int:
    """The number of the line before that holds more than blanks and comments."""
    for number in range(fault.number - 1, -1, -1):
        text = fault.lines[number].strip()
        if text and not text.startswith("#"):
            return number
    return fault.number
