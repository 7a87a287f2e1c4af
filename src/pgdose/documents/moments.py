"""When a report was written: dates and times of documents and messages, to be compared.

moment("2020-01-02T08:00:00-05:00") -> "20200102080000-0500"
comparable(["20200102080000-0500", "20200102120000+0000"])
    -> ["20200102130000", "20200102120000"]
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import zip_longest

_MOMENT = re.compile(
    r"(?P<date>\d{4}[-.]?\d\d[-.]?\d\d)"
    r"(?:[T ]?(?P<clock>\d\d(?::?\d\d(?::?\d\d(?:[.,]?\d{1,6})?)?)?))?"
    r"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d))?",
    re.ASCII,
)
_PRECISIONS = {10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by the number of digits


def moment(text: str) -> str:
    """A date with or without a time as digits, then its zone as +0100 if it states one.

    It takes the forms of HL7, DICOM and ISO 8601, as much of them as there is: what follows, such
    as a degree of precision, is passed over. "" for what is no date; of a time that cannot be the
    date is left.
    """
    match = _MOMENT.match(text.strip())
    if not match:
        return ""
    day = _digits(match["date"])
    try:
        date.fromisoformat(day)
    except ValueError:
        return ""
    clock = _digits(match["clock"] or "")
    if not _is_clock(clock[:6]):
        return day
    zone = (match["zone"] or "").replace(":", "").replace("Z", "+0000")
    return f"{day}{clock}{zone}" if zone[1:] <= "1459" else f"{day}{clock}"


def comparable(times: Sequence[str]) -> list[str]:
    """Times of one report's versions as digits that sort. Each is one or more moments with spaces.

    They are in UTC where all of them that have a clock state a zone, otherwise as the clocks say.
    """
    columns = zip_longest(*(time.split() for time in times), fillvalue="")
    rows = zip(*(_one_clock(column) for column in columns), strict=True)
    # No moments at all make no columns.
    return [" ".join(filter(None, row)) for row in rows] or [""] * len(times)


def _one_clock(moments: Iterable[str]) -> list[str]:
    parts = [re.split("(?=[+-])", one) for one in moments]  # digits, and a zone if there is one
    has_zones = all(zone for digits, *zone in parts if len(digits) > 8)
    return [_in_utc(digits, *zone) if has_zones and zone else digits for digits, *zone in parts]


def _in_utc(digits: str, zone: str) -> str:
    """As precise as before; an hour becomes a minute where the zone has minutes."""
    whole = digits[:14]
    local = datetime.strptime(f"{whole}{zone}", f"{_PRECISIONS[len(whole)]}%z")
    try:
        utc = local.astimezone(UTC)
    except OverflowError:  # a year at either end of the calendar
        return digits
    length = max(len(whole), 12) if utc.minute else len(whole)
    # strftime would leave out the zeros of early years
    return _digits(utc.isoformat())[:length] + digits[14:]


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_clock(digits: str) -> bool:
    hour, *rest = (digits[at : at + 2] for at in range(0, max(len(digits), 1), 2))
    return bool(hour) and hour < "24" and all(part < "60" for part in rest)
