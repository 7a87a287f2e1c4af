"""One film of the X-ray archive: its file, and what the three tables say of it.

`plan_film` draws what the file shows and whose it is; `write_film` draws the picture, develops and
exports it, and writes the report. All draws of a film come from its own generators, in a fixed
order, so that the number of films changes none of them.
"""

import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from pgdose.tables.keyed import generator
from pgdose_phantom.broken_films import (
    BROKEN,
    COPIES,
    LATERALS,
    NOT_DICOM,
    SECOND_EXPORT,
    TINY_SHAPES,
    not_dicom,
    spoil,
)
from pgdose_phantom.chest import FINDINGS, draw_chest
from pgdose_phantom.export import LOSSY, Export, Greys, add_pixels, draw_export, to_bytes
from pgdose_phantom.films import Film, accession_number, films, patient_number
from pgdose_phantom.header import DEVICES, Device, file_name, identify, make_header, respell
from pgdose_phantom.report_texts import write_denial, write_doubt, write_report

# Rows and columns: small films as a rule, one in a hundred as large as the detector gives them.
SMALL = ((576, 520), (520, 576), (600, 544), (640, 560), (560, 640), (700, 620), (664, 700))
MIDDLE = ((1024, 840), (1024, 1024), (1430, 1270))
FULL = ((2800, 2531), (2531, 2800))
UNCERTAIN_SHARE = 0.06  # of the films of kind `other`: a finding is in doubt
DENIED_SHARE = 0.06  # of the same: findings are only denied
NO_FINDING_KINDS = ("uncertain", "denied")

PHYSICIANS = ("Жук А.И.", "Мороз Т.П.", "Кравченко Л.С.", "Шевчук В.Н.", "Климович Е.А.")


@dataclass(frozen=True)
class FilmPlan:
    """What a file of the archive shows, and whose it is.

    `shown` is the film in the picture; `identity` is the film whose accession number, UIDs and
    report the file has. They differ for copies with other identities only.
    """

    seed: int
    kind: str  # of the film, of BROKEN, `uncertain` or `denied`
    shown: Film
    identity: Film
    device: Device
    findings: frozenset[str]

    @property
    def original_file(self) -> str:
        """Where the workstation put the film; a copy lies elsewhere."""
        return file_name(self.seed, self.shown, self.device)

    @property
    def file(self) -> str:
        """The file's path in the archive."""
        original = self.original_file
        return f"{SECOND_EXPORT}/{original}" if self.kind in COPIES else original


class FilmRows(NamedTuple):
    """A film's rows of the truth, the reports and the hand labels; a film may have no report."""

    truth: dict[str, Any]
    report: dict[str, Any] | None
    labels: dict[str, Any] | None


def write_film(root: Path, seed: int, film: Film) -> FilmRows:
    """Write the file of a film below the folder `root`."""
    rng, plan = plan_film(seed, film)
    truth = _truth(plan)
    target = root / plan.file
    target.parent.mkdir(parents=True, exist_ok=True)
    if plan.kind in NOT_DICOM:
        target.write_text(not_dicom(plan.kind), encoding="utf-8")
        return FilmRows(truth, None, None)
    tone, shapes = _draw_picture(rng, plan)
    if plan.kind not in ("blank", "saturated"):
        truth.update({column: shapes[column] for column in truth if column.startswith("aorta_")})
    content = to_bytes(_make_dataset(rng, plan, tone, shapes["mm_per_px"]))
    if plan.kind == "truncated":  # the export was cut off within the pixels
        content = content[: -int(rng.uniform(0.3, 0.7) * tone.size * 2)]
    target.write_bytes(content)
    report, labels = _write_report(plan)
    truth["norm"] = labels["norm"]
    return FilmRows(truth, report, labels)


def plan_film(seed: int, film: Film) -> tuple[np.random.Generator, FilmPlan]:
    """What the film's file shows; with the generator of its further draws."""
    kind = film.kind
    if kind == "broken":
        kind = list(BROKEN)[film.place % len(BROKEN)]
    shown = _original(seed, film, kind) if kind in COPIES else film
    identity = shown
    if kind == "duplicate_pixels":
        identity = replace(shown, kind=film.kind, place=film.place)
    rng = generator(seed, "film", shown.name)
    device = DEVICES[rng.integers(len(DEVICES))]
    findings = _draw_findings(rng, kind)
    doubt = rng.uniform() if kind == "other" else 1.0
    if doubt < UNCERTAIN_SHARE + DENIED_SHARE:
        kind, findings = ("uncertain" if doubt < UNCERTAIN_SHARE else "denied"), frozenset()
    return rng, FilmPlan(seed, kind, shown, identity, device, findings)


def _original(seed: int, film: Film, kind: str) -> Film:
    """The norm film that a copy shows: the first ones, each of them once."""
    place = film.place // len(BROKEN) * len(COPIES) + COPIES.index(kind)
    return list(films(seed, "norm", place + 1))[place]


def _draw_findings(rng: np.random.Generator, kind: str) -> frozenset[str]:
    """The findings on a film of this kind."""
    others = [name for name in FINDINGS if name not in ("aorta", "tuberculosis")]
    if kind == "other":
        return frozenset(rng.permutation(others)[: rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])])
    if kind in ("aorta", "tuberculosis"):
        second = {rng.choice(others)} if rng.uniform() < 0.12 else set()
        return frozenset({kind, *map(str, second)})
    return frozenset()


def _truth(plan: FilmPlan) -> dict[str, Any]:
    """The film's row of the truth, so far without norm and aorta."""
    return {
        "file": plan.file,
        "accession_number": accession_number(plan.seed, plan.identity),
        "patient": patient_number(plan.seed, plan.shown),
        "age": round(plan.shown.age, 2),
        "sex": plan.shown.sex,
        "kind": plan.kind,
        "expected": BROKEN.get(plan.kind, ""),
        "twin": plan.original_file if plan.kind in COPIES else "",
        "norm": 0,
        **{finding: int(finding in plan.findings) for finding in FINDINGS},
        **dict.fromkeys(("aorta_x", "aorta_y", "aorta_side", "aorta_rotation"), np.nan),
    }


# The picture and its file


def _draw_picture(rng: np.random.Generator, plan: FilmPlan) -> tuple[np.ndarray, dict[str, Any]]:
    """The picture, float32 in 0..1 and bright where dense, and its truth (`draw_chest`)."""
    film = plan.shown
    is_tiny = plan.kind == "tiny"
    shape = TINY_SHAPES[rng.integers(len(TINY_SHAPES))] if is_tiny else _draw_shape(rng)
    tone, shapes = draw_chest(
        generator(plan.seed, "picture", film.name),
        shape,
        age=film.age,
        sex=film.sex,
        findings=plan.findings,
        lateral=plan.kind in LATERALS,
        anatomy=generator(plan.seed, "anatomy", patient_number(plan.seed, film)),
    )
    if plan.kind == "blank":
        tone = np.full_like(tone, rng.uniform(0, 1))
    elif plan.kind == "saturated":
        tone = np.clip(tone * 12 - 0.5, 0, 1)
    return tone, shapes


def _draw_shape(rng: np.random.Generator) -> tuple[int, int]:
    share = rng.uniform()
    shapes = FULL if share < 0.01 else MIDDLE if share < 0.04 else SMALL
    return shapes[rng.integers(len(shapes))]


def _make_dataset(
    rng: np.random.Generator, plan: FilmPlan, tone: np.ndarray, mm_per_px: float
) -> FileDataset:
    """The film as its workstation exports it."""
    seed, film = plan.seed, plan.shown
    dataset = make_header(rng, seed, film, plan.device)
    greys = _develop(rng, tone, plan.device.bits)
    _add_spacing(rng, dataset, mm_per_px)
    if film.kind == "broken":
        add_pixels(dataset, greys, Export(), rng)
        spoil(dataset, seed, film, plan.kind)
    else:
        respell(dataset, seed, film)
        identify(dataset, seed, plan.identity)
        export_rng = generator(seed, "export", film.name)
        export = draw_export(export_rng)
        if plan.kind in COPIES:
            export = _other_export(export)
        add_pixels(dataset, greys, export, export_rng)
    return dataset


def _other_export(export: Export) -> Export:
    """Another way to write the same pixels."""
    if export.syntax in LOSSY:
        return export  # encoding it anew would change the pixels
    plain = export.syntax == ExplicitVRLittleEndian
    syntax = RLELossless if plain else ExplicitVRLittleEndian
    return replace(export, syntax=syntax, stray_bits=False)


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
    several = bool(
        windowed and rng.uniform() < 0.08
    )  # some stations offer a second one, with more contrast
    return Greys(values, bits, inverted, (low, high) if windowed else None, several)


def _add_spacing(rng: np.random.Generator, dataset: FileDataset, mm_per_px: float) -> None:
    """Millimetres in a pixel, of the patient or of the detector; a few films do not say."""
    spacing = rng.uniform()
    if spacing < 0.5:
        dataset.PixelSpacing = [mm_per_px, mm_per_px]
    elif spacing < 0.92:
        dataset.ImagerPixelSpacing = [mm_per_px, mm_per_px]


# The report


def _write_report(plan: FilmPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """The film's rows of the reports and of the hand labels."""
    film = plan.identity
    rng = generator(plan.seed, "report", film.name)
    day = film.day + datetime.timedelta(int(rng.integers(0, 3)))
    physician = str(rng.choice(PHYSICIANS))
    if plan.kind in NO_FINDING_KINDS:
        write = write_doubt if plan.kind == "uncertain" else write_denial
        text, states = write(rng, film.sex, film.age)
    else:
        text, states = write_report(rng, plan.findings, film.sex, film.age)
    accession = accession_number(plan.seed, film)
    norm = int(not plan.findings and plan.kind not in NO_FINDING_KINDS)
    labels = {"accession_number": accession, "norm": norm, **states}
    report = {
        "accession_number": accession,
        "report_date": day.isoformat(),
        "physician": physician,
        "report": text,
    }
    return report, labels
