"""docs/reference/results.md: every file below results/<study>/, and every column of every table.

The columns of tables/ are those of `analysis.table_registry`, with the values of
`analysis.result_values`; those of other tables stand in `tables.descriptions`, with the types of
their schemas. Here stand the files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from pgdose.analysis.result_values import values_of
from pgdose.analysis.table_registry import RESULT_TABLES, ResultTable
from pgdose.attack.diagnostics.table import DIAGNOSTICS
from pgdose.reference.markdown import code, codes, heading, page, table
from pgdose.tables import (
    cohort_schemas,
    control_schemas,
    descriptions,
    network_schemas,
    record_schemas,
    rejects,
    report_schemas,
    screening_schemas,
    slide_schemas,
)
from pgdose.tables.column_values import Values
from pgdose.tables.descriptions import Columns

PATH = "docs/reference/results.md"


@dataclass(frozen=True)
class ResultFile:
    """A file, or files of one kind, below results/<study>/.

    path:    with <group>, <run>, ... for names of the study, `*` for any name
    meaning: what it holds
    only:    which studies have it; "" for all
    columns: of a table that is not in the registry
    schema:  of a Parquet table
    """

    path: str
    meaning: str
    only: str = ""
    columns: Columns | None = None
    schema: pa.Schema | None = None

    def matches(self, path: str) -> bool:
        """Whether a path below the results folder is one of these files."""
        parts = re.split(r"(<\w+>|\*\*|\*)", self.path)
        any_of = {"**": ".+", "*": "[^/]+"}
        pattern = [
            any_of.get(part, "[^/]+" if part.startswith("<") else re.escape(part)) for part in parts
        ]
        return re.fullmatch("".join(pattern), path) is not None


_SOURCE, _GROUP, _RUN = "sources/<source>", "groups/<group>", "groups/<group>/<run>"
_REPORTED = "archives with reports"
_TILED = "fields and slides"
_SLIDES = "slides"
_ALL_RUNS = "; a file for each run"

FILES: Mapping[str, list[ResultFile]] = {
    "The study": [
        ResultFile(
            "report.html",
            "one page in one file, with a few images of patients, light or dark: the finding, the "
            "verdicts and Fig. 3a first; "
            "below, folded: tests, Table 1, curves, doses, each group, limitations, failed "
            "checks, sources, rejects, times, settings, versions",
        ),
        ResultFile(
            "evidence.html",
            "the same for a regulator's or a reviewer's file: declared limit, attacker, data, what "
            "was and was not tested, checklists; see [the how-to](../how-to/evidence.md)",
        ),
        ResultFile("study.json", "the study's settings without paths, and versions, for programs"),
        ResultFile(
            "ro-crate-metadata.json",
            "the results as a Workflow Run RO-Crate, for archives; inputs are digests of records",
        ),
        ResultFile("Snakefile", "the entry of the workflow, which the crate describes"),
        ResultFile(
            "manifest.sha256",
            "every result with its size and SHA-256, written last, see "
            "[reliability](../explanation/reliability.md#are-the-results-complete-and-unchanged)",
        ),
        ResultFile("manifest.sha256.sig", "its signature", "after `pgdose verify --sign`"),
        ResultFile("tables/format_version.txt", "version of the tables below tables/"),
        ResultFile(
            "tables/<table>.csv", "a table over all groups, see [tables](#tables-of-the-study)"
        ),
        ResultFile("logs/**", "log of every job"),
        ResultFile(
            "benchmarks/**",
            "seconds and memory of every job, as Snakemake measures them; of slides and tiles, "
            "seconds by record",
        ),
        ResultFile("snakemake.html", "Snakemake's own report", "after `snakemake --report`"),
    ],
    "Figures": [
        ResultFile(
            "figures/<figure>.png",
            "figures `fig1` to `fig3d`; `fig_defence`, `fig_certified`, `fig_controls`, "
            "`fig_abstention`, `fig_harm` and `fig_expected_harm`, if the study has them",
        ),
        ResultFile("figures/<figure>.svg", "the same, to be enlarged"),
        ResultFile(
            "figures/examples.csv",
            "the images of Figs. 1 and 2: a row for each array of `examples.npz`",
            columns=descriptions.FIGURES["examples"],
        ),
        *(
            ResultFile(f"figures/{name}.csv", f"what `{name}` is drawn from", columns=columns)
            for name, columns in descriptions.FIGURES.items()
            if name != "examples"
        ),
        ResultFile("figures/examples.npz", "arrays `image0`, `image1`, ...: float32, 0 to 1"),
        ResultFile("figures/heatmap/<group>.png", "success over epsilon and iterations"),
        ResultFile("figures/heatmap/<group>.svg", "the same, to be enlarged"),
        ResultFile("figures/network/<group>.png", "training, confusion matrix and reliability"),
        ResultFile("figures/network/<group>.svg", "the same, to be enlarged"),
        ResultFile("figures/examples/<group>.png", "the group's rows of Figs. 1 and 2"),
        ResultFile("figures/examples/<group>.svg", "the same, to be enlarged"),
    ],
    "Sources": [
        ResultFile(
            f"{_SOURCE}/records.parquet",
            "one row a record: an image, or a tile, that the study could use",
            columns={**descriptions.RECORDS, **descriptions.LABELS},
            schema=record_schemas.RECORDS,
        ),
        ResultFile(
            f"{_SOURCE}/rejects.parquet",
            "every file or record that no group can use, with the reason",
            columns=descriptions.REJECTS,
            schema=rejects.REJECTS,
        ),
        ResultFile(
            f"{_SOURCE}/index_rejects.parquet",
            "those of them that were rejected before their pixels were read",
            columns=descriptions.REJECTS,
            schema=rejects.REJECTS,
        ),
        ResultFile(
            f"{_SOURCE}/repeated.parquet",
            "records with several rows or reports that differ",
            columns=descriptions.REPEATED,
            schema=record_schemas.REPEATED,
        ),
        ResultFile(
            f"{_SOURCE}/screen/<shard>.parquet",
            "one row for each record whose pixels were screened",
            columns=descriptions.SCREEN,
            schema=screening_schemas.SCREEN,
        ),
        ResultFile(
            f"{_SOURCE}/rejects.png",
            "a sample of the images that screening rejected, by reason",
            "archives and tables of images",
        ),
        ResultFile(
            f"{_SOURCE}/mentions.parquet",
            "where the reports mention each label; empty without reports",
            "archives",
            descriptions.MENTIONS,
            report_schemas.MENTIONS,
        ),
        ResultFile(
            f"{_SOURCE}/conflicts.parquet",
            "reports that are a norm phrase and mention a finding; empty without reports",
            "archives",
            descriptions.CONFLICTS,
            report_schemas.CONFLICTS,
        ),
        ResultFile(
            f"{_SOURCE}/agreement.csv",
            "the labeller against labels by hand, a row for each label",
            f"{_REPORTED} and labels by hand",
            descriptions.AGREEMENT,
        ),
        ResultFile(
            f"{_SOURCE}/label_confusion.csv",
            "numbers of reports for each pair of states",
            f"{_REPORTED} and labels by hand",
            descriptions.LABEL_CONFUSION,
        ),
        ResultFile(
            f"{_SOURCE}/label_errors.csv",
            "false alarms and misses of the labeller",
            f"{_REPORTED} and labels by hand",
            descriptions.LABEL_ERRORS,
        ),
        ResultFile(
            f"{_SOURCE}/tiles/<shard>.npy",
            "pixels of the tiles: uint8, tiles x rows x columns x 3, and a checksum of each",
            _TILED,
        ),
        ResultFile(f"{_SOURCE}/tiles.png", "a sample of the tiles of each class", _TILED),
        ResultFile(
            f"{_SOURCE}/candidates/<shard>.parquet",
            "tiles that the classes may take",
            _SLIDES,
            descriptions.CANDIDATES,
            slide_schemas.CANDIDATES,
        ),
        ResultFile(
            f"{_SOURCE}/slides/<shard>.parquet",
            "what the survey says of each slide",
            _SLIDES,
            descriptions.SLIDES,
            slide_schemas.SLIDES,
        ),
        ResultFile(
            f"{_SOURCE}/slides.csv",
            "what became of each slide",
            _SLIDES,
            descriptions.SLIDES_TABLE,
        ),
        ResultFile(
            f"{_SOURCE}/thumbnails/<shard>/<record_id>.png",
            "each slide with its tissue, outlines and the tiles taken",
            _SLIDES,
        ),
    ],
    "Groups": [
        ResultFile(
            f"{_GROUP}/planned.parquet",
            "the images that were chosen and split, before their pixels were read",
            columns=descriptions.MEMBERS,
            schema=cohort_schemas.MEMBERS,
        ),
        ResultFile(
            f"{_GROUP}/members.parquet",
            "those of them that could be read: the images of the group",
            columns=descriptions.MEMBERS,
            schema=cohort_schemas.MEMBERS,
        ),
        ResultFile(
            f"{_GROUP}/left_out.parquet",
            "records that fit a class and were left out, with class and reason",
            columns=descriptions.LEFT_OUT,
            schema=rejects.LEFT_OUT,
        ),
        ResultFile(
            f"{_GROUP}/unreadable.parquet",
            "planned images that could not be read",
            columns=descriptions.LEFT_OUT,
            schema=rejects.LEFT_OUT,
        ),
        ResultFile(
            f"{_GROUP}/rejects_by_class.parquet",
            "what share of each class each reason left out",
            columns=descriptions.REJECTS_BY_CLASS,
            schema=cohort_schemas.REJECTS_BY_CLASS,
        ),
        ResultFile(
            f"{_GROUP}/near_duplicates.parquet",
            "pairs of images of different classes or parts that look the same",
            columns=descriptions.NEAR_DUPLICATES,
            schema=cohort_schemas.NEAR_DUPLICATES,
        ),
        ResultFile(
            f"{_GROUP}/images/<shard>.npy",
            "pixels of the images as the network reads them: uint8, images x rows x columns, or "
            "x 3 of colour, and a checksum of each",
            "groups of films or ready images",
        ),
        ResultFile(
            f"{_GROUP}/images/<shard>.missing.parquet",
            "planned images of the shard that could not be read",
            "groups of films or ready images",
            descriptions.MISSING,
            cohort_schemas.MISSING,
        ),
        ResultFile(
            f"{_GROUP}/contact_sheet.png",
            "a sample of each class with ids, to look for what `exclude` should leave out",
        ),
        ResultFile(
            f"{_GROUP}/disagreement.parquet",
            "rows of the table `abstention` about the disagreement of networks",
            "groups with several networks",
        ),
    ],
    "Networks": [
        ResultFile(f"{_RUN}/network.safetensors", "the network: weights and how to build it"),
        ResultFile(
            f"{_RUN}/training.csv",
            "one row an epoch; without rows for a network that is not trained",
            columns=descriptions.TRAINING,
        ),
        ResultFile(
            f"{_RUN}/clean.parquet",
            "logits of the clean validation images",
            columns=descriptions.CLEAN,
            schema=network_schemas.CLEAN,
        ),
        ResultFile(
            f"{_RUN}/probe.html",
            "how right the network is here, and other preprocessings",
            "networks from files",
        ),
        ResultFile(f"{_RUN}/probe.json", "the numbers of this page", "networks from files"),
        ResultFile(
            f"{_RUN}/tensorboard/**", "event files of the training", "with `training.tensorboard`"
        ),
        ResultFile(
            f"{_RUN}/diagnostics.parquet",
            "whether its attacks can be believed: a row for each attack and check",
            columns=descriptions.DIAGNOSTICS,
            schema=DIAGNOSTICS,
        ),
        ResultFile(
            f"{_RUN}/measures/images.parquet",
            "confidence and smallest epsilon of each attacked image",
            columns=descriptions.IMAGES,
        ),
        ResultFile(
            f"{_RUN}/measures/conclusion_draws.parquet",
            "what the conclusions need: rates and their draws of the bootstrap",
            columns=descriptions.CONCLUSION_DRAWS,
        ),
        ResultFile(
            f"{_RUN}/measures/<table>.parquet",
            "the run's rows of a table of attacks, such as `asr`",
        ),
        ResultFile(
            f"{_RUN}/corruptions.parquet",
            "the network's logits of corrupted images",
            "with controls of kind `corruption`",
            descriptions.CONTROLLED,
            control_schemas.CONTROLLED,
        ),
        ResultFile(
            f"{_RUN}/universal.parquet",
            "logits of images with the run's universal perturbations",
            "with controls of kind `universal`",
            descriptions.CONTROLLED,
            control_schemas.CONTROLLED,
        ),
        ResultFile(
            f"{_RUN}/universal.npz",
            "arrays `<control>/perturbations` (float32, epsilons x channels x rows x columns) "
            "and `<control>/epsilon`",
            "with controls of kind `universal`",
        ),
        ResultFile(
            f"{_RUN}/universal.png", "a picture of them", "with controls of kind `universal`"
        ),
        ResultFile(
            f"{_RUN}/certificate.parquet",
            "certified radius of each image",
            "networks with `smoothing`",
            descriptions.CERTIFICATE,
            network_schemas.CERTIFICATE,
        ),
    ],
    "Attacks": [
        ResultFile(
            f"{_RUN}/<attack>/surface/<shard>.parquet",
            "the response surface: a row for each attacked image and epsilon",
            columns=descriptions.SURFACE,
        ),
        ResultFile(
            f"{_RUN}/<attack>/transfer.parquet",
            "what the networks of the group say of the adversarial images",
            "groups with several networks",
            descriptions.TRANSFER,
        ),
        ResultFile(
            f"{_GROUP}/full/<attack>/images/<member>-*.png",
            "an image as `original`, `adversarial` and `difference`",
            "with `export`",
        ),
        ResultFile(
            f"{_GROUP}/full/<attack>/images/<member>-*.dcm",
            "the same as DICOM, in a frame that says what it is",
            "with `export: {dicom: true}`",
        ),
        ResultFile(
            f"{_GROUP}/full/<attack>/images/images.csv",
            "one row for each exported image",
            "with `export`",
            descriptions.EXPORTED,
        ),
    ],
}

# Columns with which a row of most tables begins; the page explains them once.
OF_NETWORKS = ("group", "run", "role", "size", "repeat")


def pages() -> dict[str, str]:
    sources = "src/pgdose/reference/results.py and the modules that it names"
    return {PATH: page("Results", sources, *_parts())}


def _parts() -> Iterator[str]:
    yield (
        "Every file below `results/<study>/`, and every column of every table. Search this page "
        "for the name of a file (`clean.parquet`) or of a column (`asr_any`). `<source>`, "
        "`<group>` and `<attack>` are names of the study; `<run>` is the network: `full` (the "
        "group's own), `full-r2` (a repeat), the name of a further network, or "
        "`n<size>-r<repeat>`; `<shard>` is a number from 0."
    )
    yield (
        "CSV tables have a header; an empty cell means that there is no value. Text that a "
        "spreadsheet would run as a formula has an apostrophe before it. Amplitudes (`epsilon`) "
        "are in units of the full intensity range [0, 1]: `0.01` changes a pixel by at most 1 % "
        "of the way from black to white; of attacks with `clip: l2` it is the length of the "
        "change in this unit."
    )
    yield heading(2, "Files")
    for title, files in FILES.items():
        yield heading(3, title)
        yield table(["path", "what it holds", "which studies or sources"], map(_file_row, files))
    yield (
        "Beside the results, `private/<study>/` leads from ids to files, for its owner only "
        "([privacy](../explanation/privacy.md)), and `work/` holds the state of interrupted jobs."
    )
    yield heading(2, "Tables of the study")
    yield (
        "`tables/<name>.csv`; `measures/<name>.parquet` of a run has the same columns. The "
        "interval of a column stands behind it. In most tables a row begins with the columns that "
        "say which network it is about:"
    )
    whole = RESULT_TABLES["asr"]
    yield table(_HEADER, [_explained(whole, name) for name in OF_NETWORKS])
    for entry in RESULT_TABLES.values():
        yield heading(3, f"Table {entry.name}")
        yield f"`tables/{entry.name}.csv`: {entry.caption}"
        names = list(entry.columns)
        if set(OF_NETWORKS) <= set(names):
            names = [name for name in names if name not in OF_NETWORKS]
            yield f"The columns of a network ({codes(OF_NETWORKS)}), and:"
        yield table(_HEADER, [_explained(entry, name) for name in names])
    yield heading(2, "Tables of sources, groups, networks and figures")
    for columns, files in _tables_of_files():
        yield heading(3, " and ".join(code(file.path) for file in files))
        yield "; ".join(dict.fromkeys(file.meaning for file in files)) + "."
        schema = files[0].schema
        yield table(_HEADER, [_row(name, columns[name], schema) for name in columns])


_HEADER = ["column", "meaning", "type", "unit", "range"]


def _file_row(file: ResultFile) -> tuple[str, str, str]:
    return code(file.path), file.meaning, file.only or "all"


def all_files() -> list[ResultFile]:
    """The files of all sections."""
    return [file for files in FILES.values() for file in files]


def _tables_of_files() -> list[tuple[Columns, list[ResultFile]]]:
    """Tables that are not in the registry, each with the files that hold such a table."""
    tables: list[tuple[Columns, list[ResultFile]]] = []
    for file in all_files():
        if file.columns is None:
            continue
        same = next((files for columns, files in tables if columns == file.columns), None)
        if same is None:
            tables.append((file.columns, [file]))
        else:
            same.append(file)
    return tables


def _explained(entry: ResultTable, name: str) -> tuple[str, ...]:
    return _cells(name, entry.columns[name], values_of(entry.name, name))


def _row(name: str, column: descriptions.Column, schema: pa.Schema | None) -> tuple[str, ...]:
    values = column.values
    kind = values.type
    if schema is not None and name in schema.names:
        kind = _in_words(schema.field(name).type)
    return _cells(name, column.meaning, values, kind)


def _in_words(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_in_words(kind.value_type)}"
    if pa.types.is_dictionary(kind):
        return _in_words(kind.value_type)
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


def _cells(name: str, meaning: str, values: Values, kind: str = "") -> tuple[str, ...]:
    return code(name), meaning, kind or values.type, values.unit, values.range
