"""One report as its document or message tells it."""

import re
from collections import Counter
from pathlib import Path
from typing import Literal, NamedTuple

from pgdose.errors import Rejected
from pgdose.labelling.spelling import has_words

# Codes between ASCII and Latin-1 (but for its line end), and switches from one set to another.
_CONTROLS = re.compile("[\x80-\x84\x86-\x9f]")
_SWITCH = re.compile(r"\x1b[$()*+,./-]")
_WESTERN = "€‚„‘’“”•–—™ŠšŒœŽžŸ"  # which programs write there, in windows-1252
LARGEST_TEXT = 2**20 - 1  # bytes of UTF-8; the longest reports have some 50,000

# unverified: complete, and signed by nobody; a verified one takes its place
Status = Literal["preliminary", "unverified", "final", "corrected", "withdrawn"]


class Report(NamedTuple):
    """A report, in clear: for the private table alone.

    ids: the numbers of the examinations that it is about. time: as of `moments.moment`, or several
    of them with spaces; "" if unknown.
    uid, replaces: of DICOM documents, its own SOPInstanceUID and those of its predecessors.
    patient: the patient's numbers, which are compared and never kept; none if unknown.
    """

    ids: tuple[str, ...]
    text: str
    time: str = ""
    status: Status = "final"
    uid: str = ""
    replaces: tuple[str, ...] = ()
    patient: tuple[str, ...] = ()


class UnreadReport(Rejected):
    """Reports without a text that can be read, of which all else is known.

    They take the place of earlier versions: an outdated text must not count in their stead.
    """

    def __init__(self, rejected: Rejected, *reports: Report) -> None:
        super().__init__(rejected.reason, rejected.detail)
        self.reports = reports


class Outcome(NamedTuple):
    """What became of one document, or of one message of a file (`part` counts them from 1).

    unfinished: it is the last of its file, and its last line has no end; see `hl7_files`.
    """

    path: Path
    part: int
    result: Report | Rejected
    unfinished: bool = False


class Tally:
    """Counts that become notes; the keys are texts of the code, never of a file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def __getitem__(self, what: str) -> int:
        return self.counts[what]


def check_text(text: str) -> str:
    """The text without spaces round it, its quotes and dashes of windows-1252 read as such.

    Rejected: no_text, absurd_size, encoding.
    """
    text = _CONTROLS.sub(_as_western, text.replace("\0", " ")).strip()
    if not has_words(text):
        raise Rejected("no_text", "")
    if _CONTROLS.search(text) or _SWITCH.search(text):
        raise Rejected("encoding", "control characters, which other sets have letters for")
    if len(text.encode("utf-8", "replace")) > LARGEST_TEXT:
        raise Rejected("absurd_size", f"over {LARGEST_TEXT} bytes of text")
    return text


def _as_western(match: re.Match[str]) -> str:
    letter = match[0].encode("latin-1").decode("cp1252", "replace")
    return letter if letter in _WESTERN else match[0]
