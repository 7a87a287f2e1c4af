"""The header of a film's DICOM file: workstation, patient's name, UIDs, age and sex.

Ages and sexes are spelled in several ways, and a few stations write Cyrillic letters in a code
page that they do not declare.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from pgdose.tables.keyed import generator
from pgdose_phantom.films import Film, accession_number, patient_number

# Shares of the films whose headers are spelled in less usual ways
AGE_IN_MONTHS = 0.03
AGE_IN_SMALL_LETTERS = 0.02
AGE_WITH_SPACES = 0.02
SEX_IN_SMALL_LETTERS = 0.02
SEX_IN_WORDS = 0.02
UNDECLARED_CODE_PAGE = 0.03  # cp1251 letters in a file that declares Latin-1

INSTITUTION = "Городская поликлиника"
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
    path_template: str  # how its exports name folders and files


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
PATRONYMICS = {
    "F": ("Ивановна", "Петровна", "Сергеевна", "Николаевна", "Андреевна", "Викторовна"),
    "M": ("Иванович", "Петрович", "Сергеевич", "Николаевич", "Андреевич", "Викторович"),
}


@dataclass(frozen=True)
class Person:
    """A patient's names; `latin` is the surname in Latin letters."""

    surname: str
    first_name: str
    patronymic: str
    latin: str

    @property
    def dicom(self) -> str:
        """The value of the attribute PatientName."""
        return f"{self.surname}^{self.first_name}^{self.patronymic}"


def draw_person(seed: int, film: Film) -> Person:
    """The names of the film's patient."""
    rng = generator(seed, "person", patient_number(seed, film))
    surname, latin = list(SURNAMES.items())[rng.integers(len(SURNAMES))]
    if film.sex == "F":
        surname, latin = surname + "а", latin + "A"
    first_name, patronymic = rng.choice(FIRST_NAMES[film.sex]), rng.choice(PATRONYMICS[film.sex])
    return Person(surname, str(first_name), str(patronymic), latin)


def file_name(seed: int, film: Film, device: Device) -> str:
    """Where the workstation's export puts the film, relative to the archive."""
    person = draw_person(seed, film)
    return device.path_template.format(
        year=film.day.year,
        month=film.day.month,
        date=film.day.isoformat(),
        number=patient_number(seed, film),
        latin=person.latin,
        surname=person.surname,
        initials=f"{person.first_name[0]}.{person.patronymic[0]}.",
        accession=accession_number(seed, film),
        visit=film.visit + 1,
    )


def make_header(rng: np.random.Generator, seed: int, film: Film, device: Device) -> FileDataset:
    """A data set without pixels: a frontal view of the chest, in the usual spellings."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = device.sop_class
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid(0, "implementation", "phantom")
    meta.ImplementationVersionName = "PHANTOM 1"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = device.charset
    dataset.SOPClassUID = device.sop_class
    identify(dataset, seed, film)
    dataset.StudyDate = dataset.ContentDate = film.day.strftime("%Y%m%d")
    hour, minute, second = rng.integers([8, 0, 0], [19, 60, 60])
    dataset.StudyTime = dataset.ContentTime = f"{hour:02d}{minute:02d}{second:02d}"
    dataset.Modality = "CR" if device.sop_class == ComputedRadiographyImageStorage else "DX"
    dataset.Manufacturer = device.manufacturer
    dataset.ManufacturerModelName = device.model
    dataset.InstitutionName = INSTITUTION
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.PatientName = draw_person(seed, film).dicom
    dataset.PatientID = patient_number(seed, film)
    dataset.PatientSex = film.sex
    spelling = rng.choice(
        [f"{film.full_years:03d}Y", f"{film.full_years}", f"Y{film.full_years:03d}", ""],
        p=[0.7, 0.12, 0.04, 0.14],
    )
    set_age(dataset, str(spelling))
    with_birthday = spelling == "" or rng.uniform() < 0.8
    dataset.PatientBirthDate = film.birth.strftime("%Y%m%d") if with_birthday else ""
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    if dataset.Modality == "DX":
        dataset.PresentationIntentType = "FOR PRESENTATION"
        dataset.PatientOrientation = ["L", "F"]
    return dataset


def identify(dataset: FileDataset, seed: int, film: Film) -> None:
    """Give the data set the UIDs and the accession number of `film`."""
    dataset.file_meta.MediaStorageSOPInstanceUID = _uid(seed, "image", film.name)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = _uid(seed, "study", film.name)
    dataset.SeriesInstanceUID = _uid(seed, "series", film.name)
    dataset.AccessionNumber = dataset.StudyID = accession_number(seed, film)


def set_age(dataset: FileDataset, spelling: str) -> None:
    """Write the age without validation, because not all spellings are the standard's."""
    element = DataElement("PatientAge", "AS", spelling, validation_mode=config.IGNORE)
    dataset.add(element)


def respell(dataset: FileDataset, seed: int, film: Film) -> None:
    """Spell age, sex and name of a few films in less usual ways that mean the same."""
    rng = generator(seed, "spelling", film.name)
    years = film.full_years
    age, sex, code_page = rng.uniform(size=3)
    if dataset.PatientAge and years * 12 < 1000:
        in_small_letters = AGE_IN_MONTHS + AGE_IN_SMALL_LETTERS
        if age < AGE_IN_MONTHS:  # of full years, so that all spellings mean the same
            set_age(dataset, f"{years * 12:03d}M")
        elif age < in_small_letters:
            set_age(dataset, f"{years:03d}y")
        elif age < in_small_letters + AGE_WITH_SPACES:
            set_age(dataset, f" {years}Y")
    if sex < SEX_IN_SMALL_LETTERS:
        spelling = film.sex.lower()
    elif sex < SEX_IN_SMALL_LETTERS + SEX_IN_WORDS:
        spelling = {"F": "FEMALE", "M": "MALE"}[film.sex]
    else:
        spelling = film.sex
    dataset.add(DataElement("PatientSex", "CS", spelling, validation_mode=config.IGNORE))
    if code_page < UNDECLARED_CODE_PAGE:
        dataset.SpecificCharacterSet = "ISO_IR 100"
        for keyword in ("PatientName", "InstitutionName"):
            text = str(dataset[keyword].value)
            setattr(dataset, keyword, text.encode("cp1251").decode("latin-1"))


def _uid(seed: int, purpose: str, name: str) -> UID:
    """A fixed UID (the 2.25 root with 128 bits of a hash)."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")
