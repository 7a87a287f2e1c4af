"""The X-ray department: a DICOM archive of chest films, the reports on them, and the truth.

The archive is like an export from several workstations over years: folders and file names with
patients' names in them, CR and DX objects, 10 to 15 bits stored, both photometric interpretations,
with and without windows, several transfer syntaxes, ages spelled in several ways, names in several
character sets, and a number of files that nobody can use.
"""

from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd

from pgdose.tables.result_csv import write_csv
from pgdose_phantom.broken_films import COPIES
from pgdose_phantom.chest import FINDINGS
from pgdose_phantom.film_files import write_film
from pgdose_phantom.films import KINDS, films
from pgdose_phantom.folder import fresh_folder


@dataclass(frozen=True)
class FilmCounts:
    """How many films of each of the KINDS the archive has.

    `norm`: films with norm reports, the sexes equal in number in the age strata 17-24, 25-41 and
    42-80 (a quarter, 30 % and 45 % of the films). `aorta`, `tuberculosis`: films with that finding,
    now and then with a second one. `other`: one to three other findings; a few have reports that
    leave a finding in doubt or only deny some. `broken`: unusable files, the kinds of BROKEN in
    turn; those that are images have norm reports. Its copies are of the first norm films.
    """

    norm: int
    aorta: int
    tuberculosis: int
    other: int
    broken: int


@dataclass(frozen=True)
class ArchiveFiles:
    """The folder of the films, and the three tables (CSV files) that are written with them.

    `reports`: accession_number, report_date, physician, report. `truth`: file (relative to
    `films`), accession_number, patient, age (years), sex, kind, expected (why a reader should
    reject the file; empty if it should keep it), twin (the file with the same picture: one of the
    two should be rejected), norm (1 if the report is one of norm), one 0/1 column per finding, and
    aorta_x, aorta_y, aorta_side (pixels), aorta_rotation (degrees). `hand_labels`:
    accession_number, norm, and for each finding what the report says of it: present, absent
    (denied), uncertain or unmentioned.
    """

    films: Path
    reports: Path
    truth: Path
    hand_labels: Path


def write_archive(files: ArchiveFiles, counts: FilmCounts, seed: int) -> None:
    """Write the films and their tables.

    The same arguments give the same bytes. What an earlier run wrote is replaced. Raises UserError
    for a folder of films that an earlier run did not write.
    """
    for table in (files.reports, files.truth, files.hand_labels):
        table.unlink(missing_ok=True)  # because the tables are the sign of a finished archive
    fresh_folder(files.films)
    truth, reports, labels = [], {}, {}  # the latter two by accession number
    for kind, count in zip(KINDS, astuple(counts), strict=True):
        for film in films(seed, kind, count):
            rows = write_film(files.films, seed, film)
            truth.append(rows.truth)
            if rows.report and rows.labels:
                reports[rows.report["accession_number"]] = rows.report
                labels[rows.report["accession_number"]] = rows.labels
    _pair_copies(truth)
    write_csv(pd.DataFrame(truth).sort_values("file"), files.truth, for_spreadsheets=False)
    columns = ["accession_number", "norm", *FINDINGS]
    write_csv(_by_accession(labels, columns), files.hand_labels, for_spreadsheets=False)
    columns = ["accession_number", "report_date", "physician", "report"]
    write_csv(_by_accession(reports, columns), files.reports, for_spreadsheets=False)


def _by_accession(rows: dict[str, dict], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame([rows[number] for number in sorted(rows)], columns=columns)


def _pair_copies(truth: list[dict]) -> None:
    """Give originals the names of their copies. A copy without its original is a good film."""
    by_file = {row["file"]: row for row in truth}
    for row in truth:
        if row["kind"] in COPIES:
            if row["twin"] in by_file:
                by_file[row["twin"]]["twin"] = row["file"]
            else:
                row["twin"] = row["expected"] = ""
