"""The HL7 v2 messages of a file, as bytes: one or many, bare, in MLLP frames or in a batch.

No message says how long it is. It is whole where an MLLP frame, another message or the end of the
batch closes it; a batch that does not end, and a frame that does not close, break off. A bare
message at the end of its file is whole as far as anybody can tell if its last line ends; where it
does not, `report_table` goes by what the other files of the folder do.
"""

import mmap
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from pgdose.errors import Rejected
from pgdose.tables.packed_files import TAR_BLOCK, archive_format, unpack_advice

FRAME_START, FRAME_END = b"\x0b", b"\x1c"  # of MLLP
LARGEST_MESSAGE = 2**26  # bytes; of a PDF within, mostly
LARGEST_WIDE = 2**29  # bytes of a file in UTF-16, which is held in memory

# Where a message or a batch begins, or a batch ends. A report with bare line breaks may have lines
# that begin so, too ("BTS-guided follow-up", of the British Thoracic Society): a header has its
# delimiters, and a trailer the field delimiter of the headers.
_PLACE = re.compile(
    rb"(?:\A|(?<=[\r\n\x0b\x1c]))(?:\xef\xbb\xbf)?[ \t]*(?:"
    rb"(?P<bare>[FB][HT]S)(?=[\s\0\x1c]*(?:\Z|MSH|[FB][HT]S))"
    rb"|(?P<trailer>[FB]TS)(?=[^\w\s])"
    rb"|(?:MSH|(?P<header>[FB]HS))(?=\||(?P<mark>[^\w\s])(?!(?P=mark))(?:[^\r\n]*?(?P=mark)){4})"
    rb")"
    # In the middle of a line, where a file breaks off and another one goes on behind it.
    rb"|MSH(?=(?P<field>[^\w\s])(?!(?P=field))[^\w\s]{3,5}(?P=field))"
)
_LINE_END = re.compile(rb"[\r\n\x0b\x1c]|\Z")
_BEHIND = b"\0\r\n\t \x0b\x1a\x1c"  # what may stand behind a message: no letter
_AROUND = b"\xef\xbb\xbf" + _BEHIND  # and before one: a byte order mark, too
_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


End = Literal["closed", "terminated", "open", "broken"]


class Chunk(NamedTuple):
    """The bytes of one message, without frame.

    end: closed, by what follows; terminated, the last line of the file has its end; open, it has
    not; broken, the frame or batch is not closed, or another header stands in its last line.
    """

    content: bytes
    end: End
    is_last: bool  # nothing stands behind it in its file


def messages_of(path: Path) -> Iterator[Chunk | Rejected]:
    """The messages of a file in their order, or why there are none, or a part is none.

    Raises Rejected: file_missing, no_permission, empty_file, archive, not_hl7, absurd_size.
    """
    try:
        with path.open("rb") as file:
            start = file.read(TAR_BLOCK)
            if not start:
                raise Rejected("empty_file", "0 bytes")
            if start[:2] in _WIDE:
                content: bytes | mmap.mmap = _narrowed(start + file.read(LARGEST_WIDE))
            else:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            yield from _chunks(content, start)
    except FileNotFoundError:
        raise Rejected("file_missing", "") from None
    except PermissionError:
        raise Rejected("no_permission", "") from None
    except OSError as error:
        raise Rejected("unreadable_document", type(error).__name__) from None


def _narrowed(content: bytes) -> bytes:
    """A file in UTF-16 as UTF-8."""
    if len(content) > LARGEST_WIDE:
        raise Rejected("absurd_size", "a file in UTF-16 of over half a gigabyte; split it")
    try:
        return content.decode("utf-16").encode()
    except UnicodeError:
        raise Rejected("encoding", "a byte order mark of UTF-16, and no UTF-16 text") from None


class _Place(NamedTuple):
    """Where a message begins, or a batch begins or ends: the bytes of its name."""

    start: int
    end: int
    is_message: bool
    in_batch: bool  # a batch is open behind it


def _places(content: bytes | mmap.mmap) -> Iterator[_Place]:
    delimiter, open_batches = b"", 0
    for match in _PLACE.finditer(content):
        follows = content[match.end() : match.end() + 1]
        if match["trailer"] and (open_batches == 0 or follows != delimiter):
            continue
        name = match["bare"] or match["trailer"] or match["header"] or b""
        open_batches += {b"": 0, b"H": 1, b"T": -1}[name[1:2]]
        if not match["bare"]:
            delimiter = follows
        yield _Place(match.start(), match.end(), not name, open_batches > 0)


def _chunks(content: bytes | mmap.mmap, start: bytes) -> Iterator[Chunk | Rejected]:
    places = list(_places(content))
    if not any(place.is_message for place in places):
        if name := archive_format(start):
            raise Rejected("archive", unpack_advice(name, below="in the folder"))
        raise Rejected("not_hl7", "no line begins with MSH")
    if content[: min(places[0].start, LARGEST_MESSAGE)].strip(_AROUND):
        yield Rejected("no_header", "")
    for place, following in zip_longest(places, places[1:]):
        stop = following.start if following else len(content)
        if not place.is_message:
            if _has_more(content, place.end, stop):
                yield Rejected("no_header", "")
            continue
        if stop - place.start > LARGEST_MESSAGE:
            yield Rejected("absurd_size", f"a message of over {LARGEST_MESSAGE} bytes")
            continue
        body = content[place.start : stop]
        framed = content[max(place.start - 1, 0) : place.start] == FRAME_START
        yield _chunk(body, framed, bool(following), place.in_batch)


def _has_more(content: bytes | mmap.mmap, start: int, stop: int) -> bool:
    """Whether anything stands behind the line that the header or trailer of a batch is."""
    line_end = _LINE_END.search(content, start)
    rest = line_end.start() if line_end else stop
    return bool(content[rest : min(stop, rest + LARGEST_MESSAGE)].strip(_AROUND))


def _chunk(body: bytes, framed: bool, followed: bool, in_batch: bool) -> Chunk:
    """followed: another message or the end of a batch stands behind it."""
    message, frame_end, _ = body.partition(FRAME_END)
    line_ends = body.rstrip(b"\0 ")[-1:] in (b"\r", b"\n", FRAME_START)
    end: End
    if frame_end:
        end = "closed"
    elif framed or (followed and not line_ends) or (in_batch and not followed):
        end = "broken"
    elif followed:
        end = "closed"
    else:
        end = "terminated" if line_ends else "open"
    return Chunk(message.lstrip(_AROUND).rstrip(_BEHIND), end, not followed)
