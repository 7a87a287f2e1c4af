"""Ages, sexes and view positions as people write them."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from datetime import date

OLDEST = 120.0  # years; a higher age is a typing error
FRONTAL = ("PA", "AP")  # values of ViewPosition
LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT")
OTHER = "OTHER"  # any code that the study does not use

_AGE = re.compile(r"([YMWD]?)(-?\d{1,3}(?:[.,]\d+)?)(?:([YMWD])|([^\W\d_]{2,8})\.?|([ГЛ])\.?)?")
_PER_YEAR = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
# The beginnings of the words for a unit, of some languages.
_UNITS = {
    "Y": ("YEAR", "YR", "YO", "JAHR", "AN", "AÑO", "ANO", "ЛЕТ", "ГОД", "Г", "Л"),
    "M": ("MO", "MES", "МЕС"),
    "W": ("WEEK", "WK", "WOCHE", "SEM", "НЕД"),
    "D": ("DAY", "TAG", "JOUR", "DÍA", "DIA", "ДН", "ДЕН"),
}
_WOMAN = re.compile(
    "F|FEMALE|W|WOMAN|GIRL|WEIBLICH|FRAU|FEMME|F[EÉ]MININ|MUJER|FEMENINO|DONNA|FEMMINA|FEMININO"
    "|KOBIETA|Ж|ЖЕН|ЖЕНСКИЙ|ЖЕНЩИНА|女"
)
_MAN = re.compile(  # Latin M and Cyrillic М
    "M|MALE|MAN|BOY|MÄNNLICH|MANN|HOMME|MASCULIN|HOMBRE|MASCULINO|VAR[OÓ]N|UOMO|MASCHIO|MĘŻCZYZNA"
    "|М|МУЖ|МУЖСКОЙ|МУЖЧИНА|男"
)


def parse_age(text: object, birth: str = "", *examinations: str) -> float | None:
    """Age in years: the first that is possible of `read_ages`, else None."""
    return possible_age(read_ages(text, birth, *examinations))


def possible_age(ages: Sequence[float]) -> float | None:
    """The first age that a person can have."""
    return next((age for age in ages if 0 <= age <= OLDEST), None)


def read_ages(text: object, birth: str = "", *examinations: str) -> list[float]:
    """Ages in years from `045Y`, `Y045`, `45`, `018M`, `45 years`, and from two dates, YYYYMMDD.

    The likeliest comes first. `examinations` are dates in order of preference.
    """
    match = _AGE.fullmatch(re.sub(r"\s", "", str(text or "")).upper())
    ages = [_years(birth, day) for day in examinations]
    unit = _unit(match) if match else None
    if match and unit is not None:
        years = float(match[2].replace(",", ".")) / _PER_YEAR[unit]
        # 000Y stands for unknown as often as for a newborn, so dates come first then.
        ages.insert(0 if years else len(ages), years)
    return [age for age in ages if age is not None]


def _unit(match: re.Match[str]) -> str | None:
    """Y, M, W, D or "" (years); None if the word is no unit, or there are two."""
    word = match[4] or match[5] or ""
    if match[1] and (match[3] or word):
        return None
    if not word:
        return match[1] or match[3] or ""
    return next((unit for unit, starts in _UNITS.items() if word.startswith(starts)), None)


def _years(birth: str, examination: str) -> float | None:
    """Full years, and the days since the last birthday as a part of a year."""
    try:
        born, day = (date.fromisoformat(d.strip().replace(".", "-")) for d in (birth, examination))
    except ValueError:
        return None
    full = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    if full < 0:
        return float(full)
    birthday = date(born.year + full, born.month, min(born.day, 28))
    return full + min(max((day - birthday).days, 0) / 366, 0.999)


def parse_sex(text: object) -> str | None:
    """F or M from the usual spellings, else None."""
    word = unicodedata.normalize("NFC", str(text or "")).strip().rstrip(".").upper()
    return "F" if _WOMAN.fullmatch(word) else "M" if _MAN.fullmatch(word) else None


def parse_view(text: object, views: Collection[str]) -> str | None:
    """A usual ViewPosition or one of the study's `views`, else OTHER; None if the field is empty.

    A view of the study counts in any capitals, and has the study's spelling then. People type into
    this field, so an unknown text is not passed on.
    """
    code = str(text or "").strip().upper()
    if view := next((view for view in views if view.upper() == code), None):
        return view
    return (code if code in (*FRONTAL, *LATERAL) else OTHER) if code else None
