"""Films for a PACS of tests, drawn in milliseconds, full of words that must not leave it."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers import dicom_files
from helpers.leaks import BORN, EXAMINED, NAME, UID_ROOT

SIDE, BLOCK = 512, 32
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
# What the films of the tests are asked for by, besides EXAMINED; others are not.
LIARS_DAY, OTHER_DAY = "19370302", "19390403"
REPORTS = ("Норма", "Очаговый туберкулёз верхней доли", "Аорта уплотнена", "Аорта развёрнута")


class PacsFilms(NamedTuple):
    """Files of films: those that a study asks for, those of LIARS_DAY, and what nobody asks for."""

    asked: list[Path]
    of_liars: list[Path]
    others: list[Path]

    @property
    def all(self) -> list[Path]:
        return [*self.asked, *self.of_liars, *self.others]


def draw_films(folder: Path, count: int) -> PacsFilms:
    """`count` films to ask for, and some more, as files named by their UID; and reports.csv."""
    films = PacsFilms([], [], [])
    for number in range(count):
        # Some series do not state the part of the body.
        more: dict[str, Any] = {"BodyPartExamined": None} if number // 2 % 7 == 0 else {}
        films.asked.append(draw_film(folder / "asked", number, StudyDate=EXAMINED, **more))
    for number in range(count, count + 40):
        films.of_liars.append(draw_film(folder / "of_liars", number, StudyDate=LIARS_DAY))
    unasked: list[dict[str, Any]] = [
        {"StudyDate": OTHER_DAY},
        {"StudyDate": EXAMINED, "BodyPartExamined": "HAND"},
        {"StudyDate": EXAMINED, "Modality": "CT", "SOPClassUID": CT_STORAGE},
    ]
    for number in range(count + 40, count + 70):
        attributes = unasked[number // 2 % len(unasked)]
        films.others.append(draw_film(folder / "others", number, **attributes))
    write_reports(folder / "reports.csv", count // 2 + 35)
    return films


def draw_film(folder: Path, number: int, **attributes: Any) -> Path:
    """A film unlike all others, neither blank nor saturated; every tenth has 12 of 16 bits.

    Two are of one study, and mostly of one series.
    """
    study, uids = number // 2, uids_of(number)
    rng = np.random.default_rng(number)
    bits = 12 if number % 10 == 0 else 8
    coarse = rng.integers(20, 236, (SIDE // BLOCK, SIDE // BLOCK), dtype=np.uint16)
    stored = np.kron(coarse << bits - 8, np.ones((BLOCK, BLOCK), np.uint16))
    usual = {
        "PatientID": f"ZQXWOV-{study // 2}",  # of two studies
        "PatientName": f"{NAME}^Zqxwovena",
        "PatientBirthDate": BORN,
        "PatientAge": f"{20 + study % 60:03}Y",
        "PatientSex": "FM"[study // 4 % 2],
        "AccessionNumber": accession_number(study),
        "Modality": "CR" if study % 3 == 0 else "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "StudyDescription": f"THORAX {NAME}",
        "SeriesDescription": f"PA {NAME}",
        "InstitutionName": NAME,
    }
    film = dicom_files.film(
        stored.astype(np.uint16 if bits > 8 else np.uint8), bits, **(uids | usual | attributes)
    )
    return dicom_files.save(film, folder / f"{uids['SOPInstanceUID']}.dcm")


def uids_of(number: int) -> dict[str, str]:
    """The UIDs of a film; in every fifth study each of the two films has a series of its own."""
    study = number // 2
    series = number % 2 if study % 5 == 0 else 0
    return {
        "StudyInstanceUID": f"{UID_ROOT}.1.{study}",
        "SeriesInstanceUID": f"{UID_ROOT}.2.{study}.{series}",
        "SOPInstanceUID": f"{UID_ROOT}.3.{number}",
    }


def accession_number(study: int) -> str:
    return f"ZQXWOV{study:05}"


def write_reports(path: Path, studies: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["accession_number", "report", "physician"])
        for study in range(studies):
            table.writerow([accession_number(study), REPORTS[study % len(REPORTS)], NAME])
