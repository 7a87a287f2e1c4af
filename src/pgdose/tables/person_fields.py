"""Ages, sexes and view positions as people write them."""

import re
from collections.abc import Collection
from datetime import date

from pgdose.errors import Rejected

OLDEST = 120.0  # years; an age above is a slip of the pen
FRONTAL = ("PA", "AP")  # as ViewPosition has them
LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT")
OTHER = "OTHER"  # a code that the study has no use for


_AGE = re.compile(r"([YMWD]?)(-?\d{1,3}(?:[.,]\d+)?)([YMWD]?)")
_PER_YEAR = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def parse_age(text: object, born: str = "", *examined: str) -> float | None:
    """Age in years from `045Y`, `Y045`, `45`, `018M`, else from two dates YYYYMMDD, else None.

    `examined` are dates in order of preference. The first age of all that is possible counts;
    rejects one that is impossible where there is nothing better (impossible_age).
    """
    match = _AGE.fullmatch(re.sub(r"\s", "", str(text or "")).upper())
    ages = [_years(born, day) for day in examined]
    if match:
        years = float(match[2].replace(",", ".")) / _PER_YEAR[match[1] or match[3]]
        # 000Y stands for unknown as often as for a newborn: dates know better.
        ages.insert(0 if years else len(ages), years)
    known = [age for age in ages if age is not None]
    possible = [age for age in known if 0 <= age <= OLDEST]
    if known and not possible:
        raise Rejected("impossible_age", f"under 0 or over {OLDEST:.0f} years")
    return possible[0] if possible else None


def _years(born: str, examined: str) -> float | None:
    """Full years, and the days since the last birthday as a part of a year."""
    try:
        birth, day = (date.fromisoformat(d.strip().replace(".", "-")) for d in (born, examined))
    except ValueError:
        return None
    full = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    if full < 0:
        return float(full)
    last = date(birth.year + full, birth.month, min(birth.day, 28))
    return full + min(max((day - last).days, 0) / 366, 0.999)


def parse_sex(text: object) -> str | None:
    """F or M from the usual spellings, else None."""
    word = str(text or "").strip().upper()
    women = ("F", "FEMALE", "W", "WOMAN", "Ж", "ЖЕН", "ЖЕНСКИЙ")
    men = ("M", "MALE", "MAN", "М", "МУЖ", "МУЖСКОЙ")  # Latin M and Cyrillic М
    return "F" if word in women else "M" if word in men else None


def parse_view(text: object, asked: Collection[str]) -> str | None:
    """A usual ViewPosition or one that is `asked` for, else OTHER: people type into such fields."""
    code = str(text or "").strip().upper()
    return (code if code in (*FRONTAL, *LATERAL, *asked) else OTHER) if code else None
