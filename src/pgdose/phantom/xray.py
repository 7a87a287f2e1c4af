"""The X-ray department: a DICOM archive of chest films, the reports on them, and the truth.

The archive is what an export from several workstations over years looks like: folders and file
names with patients' names in them, CR and DX objects, 10 to 15 bits stored, both photometric
interpretations, windows given or not, ages spelled in several ways, names in two character sets,
and a number of files that nobody can use.

A film's place in its kind (norm 0, norm 1, ...) keys all its draws, so asking for more films of a
kind leaves the earlier ones as they were.
"""

import datetime
import hashlib
import io
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from pgdose.phantom.chest import FINDINGS, draw_chest
from pgdose.phantom.folder import fresh_folder
from pgdose.phantom.report_texts import write_report
from pgdose.records import generator, write_csv

KINDS = ("norm", "aorta", "tuberculosis", "other", "broken")
BROKEN = ("truncated", "blank", "lateral", "web_page", "text", "saturated")
NORM_STRATA = ((17, 25), (25, 42), (42, 81))  # years, from and below
# Which stratum each next pair of norm films (one of a woman, one of a man) comes from: 25, 30, 45 %
NORM_ORDER = (2, 1, 0, 2, 1, 2, 0, 2, 1, 2, 0, 2, 1, 2, 0, 1, 2, 1, 0, 2)
AGES = {"aorta": (40, 86), "tuberculosis": (20, 76), "other": (18, 86), "broken": (25, 71)}
MORE_VISITS = 0.12  # share of patients with two or three films
FIRST_DAY = datetime.date(2001, 1, 9)
LAST_DAY = datetime.date(2014, 12, 19)

SMALL = ((576, 520), (520, 576), (600, 544), (640, 560), (560, 640), (700, 620), (664, 700))
MIDDLE = ((1024, 840), (1024, 1024), (1430, 1270))
FULL = ((2800, 2531), (2531, 2800))

MONTHLY_FOLDERS = "{year}/{month:02d}/{number}_{latin}/{accession}.dcm"
CARD_FOLDERS = "архив/{surname} {initials} {number}/{date}/IM{visit:04d}.dcm"


@dataclass(frozen=True)
class Device:
    """A workstation of the department, with its habits."""

    manufacturer: str
    model: str
    sop_class: UID
    bits: int
    charset: str
    places: str  # how its exports name folders and files


DEVICES = (
    Device("Agfa", "CR 30-X", ComputedRadiographyImageStorage, 12, "ISO_IR 192", MONTHLY_FOLDERS),
    Device(
        "FUJIFILM", "FCR XG-1", ComputedRadiographyImageStorage, 10, "ISO_IR 144", CARD_FOLDERS
    ),
    Device(
        "KODAK", "Direct View CR 850", ComputedRadiographyImageStorage, 15, "ISO_IR 192",
        CARD_FOLDERS,
    ),
    Device(
        "ADANI", "Pulmoscan", DigitalXRayImageStorageForPresentation, 14, "ISO_IR 144",
        MONTHLY_FOLDERS,
    ),
    Device(
        "SIEMENS", "Digital Diagnost", DigitalXRayImageStorageForPresentation, 13, "ISO_IR 192",
        MONTHLY_FOLDERS,
    ),
    Device(
        "Unihorn", "Uniscan", DigitalXRayImageStorageForPresentation, 11, "ISO_IR 144",
        CARD_FOLDERS,
    ),
)  # fmt: skip

SURNAMES = {  # a man's surname; a woman's has the letter `а` at its end. With Latin spellings.
    "Иванов": "IVANOV", "Петров": "PETROV", "Сидоров": "SIDOROV", "Кузнецов": "KUZNETSOV",
    "Соколов": "SOKOLOV", "Попов": "POPOV", "Лебедев": "LEBEDEV", "Козлов": "KOZLOV",
    "Новиков": "NOVIKOV", "Морозов": "MOROZOV", "Волков": "VOLKOV", "Зайцев": "ZAITSEV",
    "Павлов": "PAVLOV", "Семёнов": "SEMENOV", "Голубев": "GOLUBEV", "Виноградов": "VINOGRADOV",
    "Богданов": "BOGDANOV", "Воробьёв": "VOROBEV", "Фёдоров": "FEDOROV", "Беляев": "BELYAEV",
    "Тарасов": "TARASOV", "Белов": "BELOV", "Комаров": "KOMAROV", "Орлов": "ORLOV",
    "Киселёв": "KISELEV", "Макаров": "MAKAROV", "Андреев": "ANDREEV", "Ковалёв": "KOVALEV",
    "Ильин": "ILIN", "Гусев": "GUSEV", "Титов": "TITOV", "Кузьмин": "KUZMIN",
}  # fmt: skip
FIRST_NAMES = {
    "F": ("Анна", "Мария", "Елена", "Ольга", "Татьяна", "Наталья", "Ирина", "Светлана", "Галина"),
    "M": ("Иван", "Сергей", "Николай", "Андрей", "Виктор", "Олег", "Михаил", "Пётр", "Юрий"),
}
FATHERS = {
    "F": ("Ивановна", "Петровна", "Сергеевна", "Николаевна", "Андреевна", "Викторовна"),
    "M": ("Иванович", "Петрович", "Сергеевич", "Николаевич", "Андреевич", "Викторович"),
}
PHYSICIANS = ("Жук А.И.", "Мороз Т.П.", "Кравченко Л.С.", "Шевчук В.Н.", "Климович Е.А.")
UNCERTAIN = (
    "Нельзя исключить пневмонию в нижней доле справа",
    "Туберкулёз верхней доли слева под вопросом, рекомендовано дообследование",
    "Не исключается очаговая тень справа. Рекомендована КТ",
    "Подозрение на пневмонию слева",
)
DENIED = (
    "Признаков туберкулёза и пневмонии нет",
    "Данных за очаговые тени не получено",
    "Эмфиземы, пневмосклероза не выявлено",
)
WEB_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Сессия завершена</title></head>
<body><h1>403</h1><p>Войдите в систему, чтобы скачать снимок.</p></body></html>
"""
TEXT = "Снимок выдан пациенту на руки.\nПлёнка не сканировалась.\n"


@dataclass(frozen=True)
class Film:
    """One film to be made: who, when and what for. `place` is its place in its kind."""

    kind: str
    place: int
    patient: int  # the place of the patient's first film
    visit: int  # 0 for the first film
    sex: str
    birth: datetime.date
    day: datetime.date

    @property
    def age(self) -> float:
        """Age on the day of the film, years."""
        return (self.day - self.birth).days / 365.25

    @property
    def full_years(self) -> int:
        """Age as people say it."""
        before = (self.day.month, self.day.day) < (self.birth.month, self.birth.day)
        return self.day.year - self.birth.year - before


def write_archive(
    root: Path,
    reports: Path,
    truth: Path,
    *,
    seed: int,
    norm: int,
    aorta: int,
    tuberculosis: int,
    other: int,
    broken: int,
) -> None:
    """Write the archive under the folder `root`, and the tables `reports` and `truth` (CSV files).

    `norm`: films with norm reports, the sexes equal in number in the age strata 17-24, 25-41 and
    42-80 (a quarter, 30 % and 45 % of the films). `aorta`, `tuberculosis`: films with that finding,
    now and then with a second one. `other`: one to three other findings; a few have reports that
    leave a finding in doubt or only deny some. `broken`: unusable files, the kinds of BROKEN in
    turn; those that are images have norm reports.

    `reports`: accession_number, report_date, physician, report. `truth`: file (relative to
    `root`), accession_number, patient, age (years), sex, kind, one 0/1 column per finding, and
    aorta_x, aorta_y, aorta_side (pixels), aorta_rotation (degrees).

    The same arguments give the same bytes. What an earlier run wrote is replaced.
    """
    for table in (reports, truth):  # they are the sign of a finished archive
        table.unlink(missing_ok=True)
    fresh_folder(root)
    counts = (norm, aorta, tuberculosis, other, broken)
    report_rows, truth_rows = [], []
    for kind, count in zip(KINDS, counts, strict=True):
        for film in _films(seed, kind, count):
            report, row = _write_film(root, seed, film)
            report_rows += report
            truth_rows.append(row)
    order = sorted(report_rows, key=lambda row: row["accession_number"])
    write_csv(pd.DataFrame(truth_rows).sort_values("file"), truth)
    columns = ["accession_number", "report_date", "physician", "report"]
    write_csv(pd.DataFrame(order, columns=columns), reports)


# --- who comes --------------------------------------------------------------------------------


def _films(seed: int, kind: str, count: int) -> Iterator[Film]:
    """The first `count` films of a kind. Their number changes none of them."""
    waiting: dict[object, deque[tuple[int, int, datetime.date, datetime.date]]]
    waiting = defaultdict(deque)
    for place in range(count):
        sex = "FM"[place % 2]
        stratum = NORM_ORDER[place // 2 % len(NORM_ORDER)] if kind == "norm" else None
        # Only a film of the same sex and stratum can be a next visit, so the balance holds.
        visits = waiting[sex, stratum]
        if not visits:
            ages = NORM_STRATA[stratum] if stratum is not None else AGES[kind]
            birth, days = _visits(seed, kind, place, ages)
            visits.extend((place, visit, birth, day) for visit, day in enumerate(days))
        patient, visit, birth, day = visits.popleft()
        yield Film(kind, place, patient, visit, sex, birth, day)


def _visits(
    seed: int, kind: str, place: int, ages: tuple[int, int]
) -> tuple[datetime.date, list[datetime.date]]:
    """A patient's birthday and days of films, all within `ages` (years, from and below)."""
    rng = generator(seed, "visits", f"{kind} {place}")
    low, high = ages
    times = 1
    if kind != "broken" and rng.uniform() < MORE_VISITS:
        times = int(rng.integers(2, 4))
    years = np.cumsum([0.0, *rng.uniform(0.3, 1.6, times - 1)])
    margin = 0.02  # a week from both ends, so that leap days can't push anyone over
    if high - low > 30 and kind != "tuberculosis" and rng.uniform() < 0.65:
        low, high = max(low, 50), min(high, 71)  # most who come are of these ages
    age = rng.uniform(low + margin, high - margin - years[-1])
    span = (LAST_DAY - FIRST_DAY).days - int(years[-1] * 365.25)
    first = FIRST_DAY + datetime.timedelta(int(rng.integers(0, span)))
    birth = first - datetime.timedelta(int(age * 365.25))
    return birth, [first + datetime.timedelta(int(year * 365.25)) for year in years]


def _number(seed: int, purpose: str, kind: str, place: int) -> str:
    """Eight digits that tell neither kind nor place; unique, for the map can be undone."""
    serial = place * len(KINDS) + KINDS.index(kind)
    offset = int(generator(seed, purpose, "").integers(10**8))
    return f"{(serial * 73_687_877 + offset) % 10**8:08d}"


def _findings(rng: np.random.Generator, kind: str) -> frozenset[str]:
    """What is found on a film of this kind."""
    others = [name for name in FINDINGS if name not in ("aorta", "tuberculosis")]
    if kind == "other":
        return frozenset(rng.permutation(others)[: rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])])
    if kind in ("aorta", "tuberculosis"):
        second = {rng.choice(others)} if rng.uniform() < 0.12 else set()
        return frozenset({kind, *map(str, second)})
    return frozenset()


# --- one film ---------------------------------------------------------------------------------


def _write_film(root: Path, seed: int, film: Film) -> tuple[list[dict], dict]:
    """Write one file; returns its rows of the reports (none or one) and of the truth."""
    name = f"{film.kind} {film.place}"
    rng = generator(seed, "film", name)
    kind = film.kind
    if kind == "broken":
        kind = BROKEN[film.place % len(BROKEN)]
    device = DEVICES[rng.integers(len(DEVICES))]
    findings = _findings(rng, kind)
    doubt = rng.uniform() if kind == "other" else 1.0
    if doubt < 0.12:
        kind, findings = ("uncertain" if doubt < 0.06 else "denied"), frozenset()
    accession = _number(seed, "accession", film.kind, film.place)
    number = _number(seed, "patient", film.kind, film.patient)
    person = _person(generator(seed, "person", number), film.sex)
    surname, first_name, father, latin = person
    path = device.places.format(
        year=film.day.year, month=film.day.month, date=film.day.isoformat(), number=number,
        latin=latin, surname=surname, initials=f"{first_name[0]}.{father[0]}.",
        accession=accession, visit=film.visit + 1,
    )  # fmt: skip
    row = {
        "file": path,
        "accession_number": accession,
        "patient": number,
        "age": round(film.age, 2),
        "sex": film.sex,
        "kind": kind,
        **{finding: int(finding in findings) for finding in FINDINGS},
        **dict.fromkeys(("aorta_x", "aorta_y", "aorta_side", "aorta_rotation"), np.nan),
    }
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind in ("web_page", "text"):
        target.write_text(WEB_PAGE if kind == "web_page" else TEXT, encoding="utf-8")
        return [], row

    rows, columns = _size(rng)
    tone, shape = draw_chest(
        generator(seed, "picture", name),
        rows,
        columns,
        age=film.age,
        sex=film.sex,
        findings=findings,
        lateral=kind == "lateral",
        anatomy=generator(seed, "anatomy", number),
    )
    if kind == "blank":
        tone = np.full_like(tone, rng.uniform(0, 1))
    elif kind == "saturated":
        tone = np.clip(tone * 12 - 0.5, 0, 1)
    else:
        row.update({column: shape[column] for column in row if column.startswith("aorta_")})
    dataset = _header(rng, seed, name, film, device, accession, number)
    dataset.PatientName = "^".join(person[:3])
    if kind == "lateral":
        dataset.ViewPosition = ("LL", "LATERAL")[film.place // len(BROKEN) % 2]
    _add_pixels(rng, dataset, tone, device.bits, shape["mm_per_px"])
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    whole = buffer.getvalue()
    if kind == "truncated":  # the export was cut off within the pixels
        whole = whole[: -int(rng.uniform(0.3, 0.7) * tone.size * 2)]
    target.write_bytes(whole)

    words = generator(seed, "report", name)
    text = {"uncertain": UNCERTAIN, "denied": DENIED}.get(kind)
    report = {
        "accession_number": accession,
        "report_date": (film.day + datetime.timedelta(int(words.integers(0, 3)))).isoformat(),
        "physician": str(words.choice(PHYSICIANS)),
        "report": str(words.choice(text))
        if text
        else write_report(words, findings, film.sex, film.age),
    }
    return [report], row


def _person(rng: np.random.Generator, sex: str) -> tuple[str, str, str, str]:
    """Surname, first name, father's name, and the surname in Latin letters."""
    surname, latin = list(SURNAMES.items())[rng.integers(len(SURNAMES))]
    if sex == "F":
        surname, latin = surname + "а", latin + "A"
    return surname, str(rng.choice(FIRST_NAMES[sex])), str(rng.choice(FATHERS[sex])), latin


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Rows and columns: small ones as a rule, one in a hundred as the detector gives them."""
    share = rng.uniform()
    sizes = FULL if share < 0.01 else MIDDLE if share < 0.04 else SMALL
    return sizes[rng.integers(len(sizes))]


def _header(
    rng: np.random.Generator,
    seed: int,
    name: str,
    film: Film,
    device: Device,
    accession: str,
    number: str,
) -> FileDataset:
    """All of the file but name, view and pixels."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = device.sop_class
    meta.MediaStorageSOPInstanceUID = _uid(seed, "image", name)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid(0, "implementation", "phantom")
    meta.ImplementationVersionName = "PHANTOM 1"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = device.charset
    dataset.SOPClassUID = device.sop_class
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = _uid(seed, "study", name)
    dataset.SeriesInstanceUID = _uid(seed, "series", name)
    dataset.StudyDate = dataset.ContentDate = film.day.strftime("%Y%m%d")
    hour, minute, second = rng.integers([8, 0, 0], [19, 60, 60])
    dataset.StudyTime = dataset.ContentTime = f"{hour:02d}{minute:02d}{second:02d}"
    dataset.AccessionNumber = accession
    dataset.Modality = "CR" if device.sop_class == ComputedRadiographyImageStorage else "DX"
    dataset.Manufacturer = device.manufacturer
    dataset.ManufacturerModelName = device.model
    dataset.InstitutionName = "Городская поликлиника"
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = accession
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.PatientID = number
    dataset.PatientSex = film.sex
    spelling = rng.choice(
        [f"{film.full_years:03d}Y", f"{film.full_years}", f"Y{film.full_years:03d}", ""],
        p=[0.7, 0.12, 0.04, 0.14],
    )
    # Two of the spellings are not the standard's; that is the point.
    dataset.add(DataElement("PatientAge", "AS", str(spelling), validation_mode=config.IGNORE))
    with_birthday = spelling == "" or rng.uniform() < 0.8
    dataset.PatientBirthDate = film.birth.strftime("%Y%m%d") if with_birthday else ""
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    if dataset.Modality == "DX":
        dataset.PresentationIntentType = "FOR PRESENTATION"
        dataset.PatientOrientation = ["L", "F"]
    return dataset


def _add_pixels(
    rng: np.random.Generator, dataset: FileDataset, tone: np.ndarray, bits: int, mm_per_px: float
) -> None:
    """Store `tone` (0..1, bright = dense) in `bits` bits, with or without a window."""
    top = 2**bits - 1
    windowed = rng.uniform() < 2 / 3
    # With a window the film takes a part of the range; without one it fills it.
    low, high = (rng.uniform(0.03, 0.25), rng.uniform(0.7, 0.97)) if windowed else (0.0, 1.0)
    low, high = low * top, high * top
    pixels = (tone * np.float32(high - low) + np.float32(low + 0.5)).astype(np.uint16)
    inverted = rng.uniform() < 0.25
    if inverted:
        pixels = (top - pixels).astype(np.uint16)
        low, high = top - high, top - low
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.Rows, dataset.Columns = tone.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    if windowed:
        centre, width = round((low + high) / 2), round(high - low)
        several = rng.uniform() < 0.08  # some stations offer a second, harder window
        dataset.WindowCenter = [centre, centre] if several else centre
        dataset.WindowWidth = [width, round(0.7 * width)] if several else width
    spacing = rng.uniform()
    if spacing < 0.5:
        dataset.PixelSpacing = [mm_per_px, mm_per_px]
    elif spacing < 0.92:
        dataset.ImagerPixelSpacing = [mm_per_px, mm_per_px]
    dataset.PixelData = pixels.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def _uid(seed: int, purpose: str, name: str) -> UID:
    """A fixed UID (the 2.25 root with 128 bits of a hash)."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")
