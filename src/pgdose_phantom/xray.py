"""The X-ray department: a DICOM archive of chest films, the reports on them, and the truth.

The archive is what an export from several workstations over years looks like: folders and file
names with patients' names in them, CR and DX objects, 10 to 15 bits stored, both photometric
interpretations, windows given or not, several transfer syntaxes, ages spelled in several ways,
names in several character sets, and a number of files that nobody can use.
"""

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    UID,
    ExplicitVRLittleEndian,
    RLELossless,
)

from pgdose.tables.keyed import generator
from pgdose.tables.result_csv import write_csv
from pgdose_phantom.chest import FINDINGS, draw_chest
from pgdose_phantom.export import LOSSY, Export, Greys, add_pixels, draw_export, to_bytes
from pgdose_phantom.films import KINDS, Film, accession_number, films, patient_number
from pgdose_phantom.folder import fresh_folder
from pgdose_phantom.header import (
    DEVICES,
    Device,
    file_name,
    identify,
    make_header,
    respell,
    set_age,
)
from pgdose_phantom.report_texts import write_denial, write_doubt, write_report

BROKEN = {  # kinds of unusable files, and the reason why a reader should reject each
    "truncated": "unreadable_pixels",
    "blank": "blank",
    "lateral": "lateral",
    "web_page": "not_dicom",
    "text": "not_dicom",
    "saturated": "saturated",
    "lateral_as_pa": "lateral",  # a lateral view that says PA
    "multi_frame": "multi_frame",
    "not_chest": "not_chest",
    "duplicate_uid": "duplicate_uid",  # a norm film exported twice
    "duplicate_pixels": "duplicate_pixels",  # the same, with other identities
    "tiny": "tiny",
    "impossible_age": "impossible_age",
    "no_patient": "no_patient",
    "undecodable": "no_decoder",
}
COPIES = ("duplicate_uid", "duplicate_pixels")
SECOND_EXPORT = "export_2"  # the folder of the copies
BODY_PARTS = ("HAND", "KNEE", "SKULL")
TINY = ((48, 40), (40, 48))
UNKNOWN_SYNTAXES = (MPEG2MPML, UID("2.25.309474561118293746500171819043718209431"))
SMALL = ((576, 520), (520, 576), (600, 544), (640, 560), (560, 640), (700, 620), (664, 700))
MIDDLE = ((1024, 840), (1024, 1024), (1430, 1270))
FULL = ((2800, 2531), (2531, 2800))


PHYSICIANS = ("Жук А.И.", "Мороз Т.П.", "Кравченко Л.С.", "Шевчук В.Н.", "Климович Е.А.")
WEB_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Сессия завершена</title></head>
<body><h1>403</h1><p>Войдите в систему, чтобы скачать снимок.</p></body></html>
"""
TEXT = "Снимок выдан пациенту на руки.\nПлёнка не сканировалась.\n"


def write_archive(
    root: Path,
    reports: Path,
    truth: Path,
    hand_labels: Path,
    *,
    seed: int,
    norm: int,
    aorta: int,
    tuberculosis: int,
    other: int,
    broken: int,
) -> None:
    """Write the archive under the folder `root`, and three tables (CSV files).

    `norm`: films with norm reports, the sexes equal in number in the age strata 17-24, 25-41 and
    42-80 (a quarter, 30 % and 45 % of the films). `aorta`, `tuberculosis`: films with that finding,
    now and then with a second one. `other`: one to three other findings; a few have reports that
    leave a finding in doubt or only deny some. `broken`: unusable files, the kinds of BROKEN in
    turn; those that are images have norm reports. Its copies are of the first norm films.

    `reports`: accession_number, report_date, physician, report. `truth`: file (relative to
    `root`), accession_number, patient, age (years), sex, kind, expected (why a reader should
    reject the file; empty if it should keep it), twin (the file with the same picture: one of the
    two should be rejected), norm (1 if the report is one of norm), one 0/1 column per finding, and
    aorta_x, aorta_y, aorta_side (pixels), aorta_rotation (degrees). `hand_labels`:
    accession_number, norm, and for each finding what the report says of it: present, absent
    (denied), uncertain or unmentioned.

    The same arguments give the same bytes. What an earlier run wrote is replaced.
    """
    for table in (reports, truth, hand_labels):  # they are the sign of a finished archive
        table.unlink(missing_ok=True)
    fresh_folder(root)
    counts = (norm, aorta, tuberculosis, other, broken)
    rows, reports_of, labels_of = [], {}, {}  # the latter two by accession number
    for kind, count in zip(KINDS, counts, strict=True):
        for film in films(seed, kind, count):
            row, report, labels = _write_film(root, seed, film)
            rows.append(row)
            if report and labels:
                reports_of[report["accession_number"]] = report
                labels_of[report["accession_number"]] = labels
    _pair(rows)
    write_csv(pd.DataFrame(rows).sort_values("file"), truth)
    columns = ["accession_number", "norm", *FINDINGS]
    write_csv(_by_accession(labels_of, columns), hand_labels)
    columns = ["accession_number", "report_date", "physician", "report"]
    write_csv(_by_accession(reports_of, columns), reports)


def _by_accession(rows: dict[str, dict], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame([rows[number] for number in sorted(rows)], columns=columns)


def _pair(rows: list[dict]) -> None:
    """Tell originals of their copies. A copy whose original was not asked for is a good film."""
    by_file = {row["file"]: row for row in rows}
    for row in rows:
        if row["kind"] in COPIES:
            if row["twin"] in by_file:
                by_file[row["twin"]]["twin"] = row["file"]
            else:
                row["twin"] = row["expected"] = ""


# --- one film ---------------------------------------------------------------------------------


def _write_film(root: Path, seed: int, film: Film) -> tuple[dict, dict | None, dict | None]:
    """Write one file; returns its rows of the truth, the reports and the hand labels."""
    kind = film.kind
    if kind == "broken":
        kind = list(BROKEN)[film.place % len(BROKEN)]
    shown = _original(seed, film, kind) if kind in COPIES else film  # whose picture it is
    known_as = shown  # whose identities and report it has
    if kind == "duplicate_pixels":
        known_as = replace(shown, kind=film.kind, place=film.place)
    rng = generator(seed, "film", shown.name)
    device = DEVICES[rng.integers(len(DEVICES))]
    findings = _findings(rng, kind)
    doubt = rng.uniform() if kind == "other" else 1.0
    if doubt < 0.12:
        kind, findings = ("uncertain" if doubt < 0.06 else "denied"), frozenset()
    first = file_name(seed, shown, device)
    row = {
        "file": f"{SECOND_EXPORT}/{first}" if kind in COPIES else first,
        "accession_number": accession_number(seed, known_as),
        "patient": patient_number(seed, shown),
        "age": round(shown.age, 2),
        "sex": shown.sex,
        "kind": kind,
        "expected": BROKEN.get(kind, ""),
        "twin": first if kind in COPIES else "",
        "norm": 0,
        **{finding: int(finding in findings) for finding in FINDINGS},
        **dict.fromkeys(("aorta_x", "aorta_y", "aorta_side", "aorta_rotation"), np.nan),
    }
    target = root / str(row["file"])
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind in ("web_page", "text"):
        target.write_text(WEB_PAGE if kind == "web_page" else TEXT, encoding="utf-8")
        return row, None, None
    tone, shape = _draw(rng, seed, shown, kind, findings)
    if kind not in ("blank", "saturated"):
        row.update({column: shape[column] for column in row if column.startswith("aorta_")})
    whole = to_bytes(_dataset(rng, seed, shown, known_as, kind, device, tone, shape["mm_per_px"]))
    if kind == "truncated":  # the export was cut off within the pixels
        whole = whole[: -int(rng.uniform(0.3, 0.7) * tone.size * 2)]
    target.write_bytes(whole)
    report, labels = _write_words(seed, known_as, kind, findings)
    row["norm"] = labels["norm"]
    return row, report, labels


def _draw(
    rng: np.random.Generator, seed: int, film: Film, kind: str, findings: frozenset[str]
) -> tuple[np.ndarray, dict]:
    """The picture, float32 in 0..1 and bright where dense, and what is true of it."""
    rows, columns = TINY[rng.integers(len(TINY))] if kind == "tiny" else _size(rng)
    tone, shape = draw_chest(
        generator(seed, "picture", film.name),
        rows,
        columns,
        age=film.age,
        sex=film.sex,
        findings=findings,
        lateral=kind in ("lateral", "lateral_as_pa"),
        anatomy=generator(seed, "anatomy", patient_number(seed, film)),
    )
    if kind == "blank":
        tone = np.full_like(tone, rng.uniform(0, 1))
    elif kind == "saturated":
        tone = np.clip(tone * 12 - 0.5, 0, 1)
    return tone, shape


def _dataset(
    rng: np.random.Generator,
    seed: int,
    film: Film,
    known_as: Film,
    kind: str,
    device: Device,
    tone: np.ndarray,
    mm_per_px: float,
) -> FileDataset:
    """The film as its workstation exports it."""
    dataset = make_header(rng, seed, film, device)
    greys = _develop(rng, tone, device.bits)
    _add_spacing(rng, dataset, mm_per_px)
    if film.kind == "broken":
        add_pixels(dataset, greys, Export(), rng)
        _spoil(dataset, seed, film, kind)
    else:
        respell(dataset, seed, film)
        identify(dataset, seed, known_as)
        odd = generator(seed, "export", film.name)
        how = draw_export(odd)
        add_pixels(dataset, greys, _otherwise(how) if kind in COPIES else how, odd)
    return dataset


def _write_words(seed: int, film: Film, kind: str, findings: frozenset[str]) -> tuple[dict, dict]:
    """The film's rows of the reports and of the hand labels."""
    words = generator(seed, "report", film.name)
    day = film.day + datetime.timedelta(int(words.integers(0, 3)))
    physician = str(words.choice(PHYSICIANS))
    if kind in ("uncertain", "denied"):
        write = write_doubt if kind == "uncertain" else write_denial
        text, states = write(words, film.sex, film.age)
    else:
        text, states = write_report(words, findings, film.sex, film.age)
    accession = accession_number(seed, film)
    norm = int(not findings and kind not in ("uncertain", "denied"))
    labels = {"accession_number": accession, "norm": norm, **states}
    report = {
        "accession_number": accession,
        "report_date": day.isoformat(),
        "physician": physician,
        "report": text,
    }
    return report, labels


def _original(seed: int, film: Film, kind: str) -> Film:
    """The norm film that a copy shows: the first ones, each of them once."""
    place = film.place // len(BROKEN) * len(COPIES) + COPIES.index(kind)
    return list(films(seed, "norm", place + 1))[place]


def _otherwise(how: Export) -> Export:
    """Another way to write the same pixels."""
    if how.syntax in LOSSY:
        return how  # to encode it anew would change it
    plain = how.syntax == ExplicitVRLittleEndian
    return replace(how, syntax=RLELossless if plain else ExplicitVRLittleEndian, stray_bits=False)


def _develop(rng: np.random.Generator, tone: np.ndarray, bits: int) -> Greys:
    """The grey values of a film (`tone`: 0..1, bright = dense), with or without a window."""
    top = 2**bits - 1
    windowed = rng.uniform() < 2 / 3
    # With a window the film takes a part of the range; without one it fills it.
    low, high = (rng.uniform(0.03, 0.25), rng.uniform(0.7, 0.97)) if windowed else (0.0, 1.0)
    low, high = low * top, high * top
    values = (tone * np.float32(high - low) + np.float32(low + 0.5)).astype(np.uint16)
    inverted = bool(rng.uniform() < 0.25)
    if inverted:
        values = (top - values).astype(np.uint16)
        low, high = top - high, top - low
    several = bool(windowed and rng.uniform() < 0.08)  # some stations offer a harder one
    return Greys(values, bits, inverted, (low, high) if windowed else None, several)


def _add_spacing(rng: np.random.Generator, dataset: FileDataset, mm_per_px: float) -> None:
    """Millimetres in a pixel, of the patient or of the detector; a few films do not tell."""
    spacing = rng.uniform()
    if spacing < 0.5:
        dataset.PixelSpacing = [mm_per_px, mm_per_px]
    elif spacing < 0.92:
        dataset.ImagerPixelSpacing = [mm_per_px, mm_per_px]


def _spoil(dataset: FileDataset, seed: int, film: Film, kind: str) -> None:
    """Make of a good file what its kind among BROKEN says."""
    turn = film.place // len(BROKEN)
    if kind == "lateral":
        dataset.ViewPosition = ("LL", "LATERAL")[turn % 2]
    elif kind == "multi_frame":
        dataset.NumberOfFrames = 2 + turn
        dataset.PixelData *= 2 + turn
    elif kind == "not_chest":
        dataset.BodyPartExamined = BODY_PARTS[turn % len(BODY_PARTS)]
    elif kind == "impossible_age":
        set_age(dataset, "999Y")
        dataset.PatientBirthDate = ""
    elif kind == "no_patient":
        dataset.PatientID = ""
    elif kind == "undecodable":
        junk = generator(seed, "export", film.name).bytes(dataset.Rows * dataset.Columns // 4)
        dataset.file_meta.TransferSyntaxUID = UNKNOWN_SYNTAXES[turn % len(UNKNOWN_SYNTAXES)]
        dataset.PixelData = encapsulate([junk])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True


def _findings(rng: np.random.Generator, kind: str) -> frozenset[str]:
    """What is found on a film of this kind."""
    others = [name for name in FINDINGS if name not in ("aorta", "tuberculosis")]
    if kind == "other":
        return frozenset(rng.permutation(others)[: rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])])
    if kind in ("aorta", "tuberculosis"):
        second = {rng.choice(others)} if rng.uniform() < 0.12 else set()
        return frozenset({kind, *map(str, second)})
    return frozenset()


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Rows and columns: small ones as a rule, one in a hundred as the detector gives them."""
    share = rng.uniform()
    sizes = FULL if share < 0.01 else MIDDLE if share < 0.04 else SMALL
    return sizes[rng.integers(len(sizes))]
