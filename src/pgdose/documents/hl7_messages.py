"""One HL7 v2 message as text: its segments, their fields, and the escapes in them.

python-hl7 takes a message apart, once its delimiters are checked and its lines are segments: it
stops at an assertion where delimiters repeat, reads only carriage returns, and splits a batch at
any character that Python takes for a line break. Escapes are read here, since it drops the ones
that it does not know, together with all that follows a single backslash ("C:\\temp"), and takes
hexadecimal bytes for Latin-1.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import hl7  # type: ignore[import-untyped]

from pgdose.documents.hl7_encodings import decode_message
from pgdose.errors import Rejected
from pgdose.labelling.spelling import has_words

# Segments of HL7 2.1 to 2.9. Another word at the start of a line is text, but for Z..: of a site.
_NAMES = """
ABS ACC ADD ADJ AFF AIG AIL AIP AIS AL1 APR ARQ ARV AUT BHS BLC BLG BPO BPX BTS BTX BUI CDM CDO
CER CM0 CM1 CM2 CNS CON CSP CSR CSS CTD CTI CTR DB1 DEV DG1 DMI DON DPS DRG DSC DSP DST ECD ECR
EDU EQP EQU ERR EVN FAC FHS FT1 FTS GOL GP1 GP2 GT1 HXX IAM IAR IIM ILT IN1 IN2 IN3 INV IPC IPR
ISD ITM IVC IVT LAN LCC LCH LDP LOC LRL MCP MFA MFE MFI MRG MSA MSH NCK NDS NK1 NPU NSC NST NTE
OBR OBX ODS ODT OH1 OH2 OH3 OH4 OM1 OM2 OM3 OM4 OM5 OM6 OM7 OMC ORC ORG OVR PAC PCE PCR PD1 PDA
PDC PEO PES PID PKG PM1 PMT PR1 PRA PRB PRC PRD PRT PSG PSH PSL PSS PTH PV1 PV2 PYE QAK QID QPD
QRD QRF QRI RCP RDF RDT REL RF1 RFI RGS RMI RQ1 RQD ROL RXA RXC RXD RXE RXG RXO RXR RXV SAC SCD
SCH SCP SDD SFT SGH SGT SHP SID SLT SPM STF STZ TCC TCD TQ1 TQ2 TXA UAC UB1 UB2 URD URS VAR VND
"""
_SEGMENTS = frozenset(_NAMES.split())
_TEXT_FIELD = {"OBX": 5, "NTE": 3}  # with free text
_LINES = re.compile(r"\r\n|[\r\n\x0b]")
_DEFAULT_DELIMITERS = "^~\\&"
_OF_A_SITE = re.compile(r"Z[A-Z0-9]{2}")
_NULL = '""'  # a value that was deleted
_MOST_SPACES = 100  # that one escape makes
_ESCAPES = {"H": "", "N": "", "br": "\n", "ce": "\n", "fi": "", "nf": ""}
_RTF = "{\\rtf"


@dataclass
class Message:
    """A message by its segments; `names[i]` is the name of `segments[i]`."""

    names: list[str]
    segments: list[hl7.Segment]
    delimiters: str  # field, component, repetition, escape, subcomponent
    declared: str  # its character set, MSH-18
    encoding: str | None  # of the study
    broken_lines: int = 0  # line breaks inside of fields
    stray_lines: int = 0  # behind a text that has ended
    _escape: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        mark = re.escape(self.delimiters[3])
        self._escape = re.compile(
            rf"(?P<bytes>(?:{mark}[Xx](?:[0-9A-Fa-f]{{2}})+{mark})+)"
            # Of those that were escaped twice, the delimiters are escapes themselves.
            rf"|{mark}(?P<twice>E{mark}(?=\.))?(?:(?P<letter>[FSTREHN])"
            r"|\.(?i:(?P<word>br|ce|fi|nf)|(?P<space>sp|sk|in|ti))"
            r" ?[+-]?(?P<number>\d{0,9})\d* ?)"
            rf"{mark}(?(twice)E{mark})"
        )

    @property
    def text_is_closed(self) -> bool:
        """Whether a field follows the text of the last segment, so that the text is whole."""
        place = _TEXT_FIELD.get(self.names[-1])
        return place is None or len(self.segments[-1]) > place + 1

    def __iter__(self) -> Iterator[tuple[str, hl7.Segment]]:
        return zip(self.names, self.segments, strict=True)

    def raw(self, segment: hl7.Segment | None, place: int) -> str:
        """A field as it stands; "" where the segment has none, or says that it was deleted."""
        if segment is None or place >= len(segment):
            return ""
        text = str(segment[place])
        return "" if text == _NULL else text

    def repetitions(self, segment: hl7.Segment | None, place: int) -> list[str]:
        """The repetitions of a field, as they stand."""
        return self.raw(segment, place).split(self.delimiters[2])

    def components(self, repetition: str) -> list[str]:
        """The components of a repetition as text."""
        return [self.text(part).strip() for part in repetition.split(self.delimiters[1])]

    def has_parts(self, segment: hl7.Segment | None, place: int) -> bool:
        """Whether a field has components, as codes do."""
        return self.delimiters[1] in self.raw(segment, place)

    def value(self, segment: hl7.Segment | None, place: int, component: int = 1) -> str:
        """A component of the first repetition of a field, as text."""
        parts = self.components(self.repetitions(segment, place)[0])
        return parts[component - 1] if component <= len(parts) else ""

    def text(self, raw: str) -> str:
        """A field's text with its escapes read; those that the standard does not know stay.

        Rich text is left as it is: its own backslashes are no escapes. Rejected: encoding.
        """
        if raw == _NULL:
            return ""
        if self.delimiters[3] not in raw or raw.lstrip().startswith(_RTF):
            return raw
        return self._escape.sub(self._unescaped, raw)

    def _unescaped(self, match: re.Match[str]) -> str:
        field_mark, component, repetition, escape, sub = list(self.delimiters)
        if digits := match["bytes"]:
            content = bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", digits))
            text = decode_message(content, self.declared, self.encoding)
            return text.replace("\r\n", "\n").replace("\r", "\n")
        if letter := match["letter"]:
            marks = {"F": field_mark, "S": component, "T": sub, "R": repetition, "E": escape}
            return (marks | _ESCAPES)[letter]
        if word := match["word"]:
            return _ESCAPES[word.lower()]
        number = min(int(match["number"] or 1), _MOST_SPACES)
        return {"sp": "\n", "sk": " ", "in": "", "ti": ""}[match["space"].lower()] * number


def kind_of(content: bytes) -> str:
    """The type of a message, MSH-9.1: ORU, ORM, ACK; "" where there is none."""
    return _header(content)[1]


def read_message(content: bytes, encoding: str | None) -> Message:
    """A message from its bytes, which begin with MSH. encoding: of the study, or None.

    A line that begins no segment goes on with the field before it: a report with bare line breaks.
    One behind a text that has ended is left out, and counted. Raises Rejected: bad_delimiters,
    encoding.
    """
    delimiters, _, declared = _header(content)
    mark = delimiters[0]
    text = decode_message(content, declared, encoding)
    segments: list[list[str]] = []  # of each the pieces
    marks = broken = stray = 0  # marks: of the last segment
    for line in _LINES.split(text):
        start = line.lstrip(" \t")
        name = start[:3]
        is_segment = start[3:4] == mark and (name in _SEGMENTS or _OF_A_SITE.fullmatch(name))
        if is_segment and name == "ADD" and segments:  # the rest of the segment before
            segments[-1].append(start[4:])
            marks += start[4:].count(mark)
        elif is_segment:
            segments.append([start])
            marks = start.count(mark)
        elif segments and marks > _TEXT_FIELD.get(segments[-1][0][:3], marks):
            stray += has_words(line)
        elif segments:
            segments[-1].append(f"\n{line}")
            marks += line.count(mark)
            broken += has_words(line)
    parsed = hl7.parse("\r".join("".join(pieces).rstrip("\n") for pieces in segments))
    names = [str(segment[0]) for segment in parsed]
    return Message(names, list(parsed), delimiters, declared, encoding, broken, stray)


def _header(content: bytes) -> tuple[str, str, str]:
    """The delimiters of a message, its type and what it says of its character set."""
    line = re.split(rb"[\r\n\x0b]", content, maxsplit=1)[0].decode("latin-1")
    mark = line[3:4]
    fields = line.split(mark) if mark else []
    named = fields[1] if len(fields) > 1 else ""
    delimiters = mark + named[:4] + _DEFAULT_DELIMITERS[len(named[:4]) :]
    if len(set(delimiters)) < 5 or not named or any(_is_letter(one) for one in delimiters):
        raise Rejected("bad_delimiters", "")
    kind = re.split(rf"[{re.escape(delimiters[1])}_]", _at(fields, 8))[0].strip()
    return delimiters, kind, _at(fields, 17).replace(delimiters[2], "~")


def _is_letter(mark: str) -> bool:
    return mark.isalnum() or mark.isspace() or not mark.isprintable() or mark > "~"


def _at(fields: Sequence[str], place: int) -> str:
    return fields[place] if place < len(fields) else ""
