"""Section `sources`: where images, labels and reports come from. One model for each kind.

kind               model             files become records in        pixels are read by
dicom_archive      DicomArchive      xray.archive_index, labelling  xray.source_images
pacs               PacsArchive       pacs, then as dicom_archive    xray.source_images
microscope_fields  MicroscopeFields  histology.fields               histology.tiling (rule `tile`)
slides             Slides            histology.tile_selection       histology.tiling (rule `tile`)
table              ImageTable        imagetable.index               xray.source_images

A new kind touches, in this order:
- here: a model, and its place in `AnySource`; in `TILED` if groups share its tiles
- `cross_checks` (what its classes and images may say), `Phantom.makes` (its folder and table)
- a package that turns files into records, as `imagetable.index` does
- `workflow/rules/sources.smk`: the rule `index_KIND`, with its script; the kinds named
  in `sources_of_kind(...)`, there and in other rules
- reading its pixels: `xray.source_images`, or the rule `tile` with `scripts/tile.py`
- `preflight`: checks of its files before any job
- a section in `reference.study_keys`, the schema (`pgdose schema`)
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from pgdose.names import IGNORE, UNKNOWN_PATIENTS
from pgdose.project_files import shipped
from pgdose.study.base import (
    INCEPTION_MINIMUM,
    IS_PATH,
    JOB_ONLY,
    Count,
    Integer,
    Label,
    Model,
    Name,
    Real,
    Shards,
    Share,
    Threads,
    UsedBy,
    mistake,
)
from pgdose.study.class_patterns import clashes, fold
from pgdose.study.field_types import (
    Column,
    Encoding,
    InputFile,
    InputPath,
    MessageField,
    Modalities,
)
from pgdose.study.modality_codes import FILM_MODALITIES
from pgdose.study.pacs import Fetch, Find, Server
from pgdose.study.suggestions import one_of
from pgdose.study.table_files import AnyTable
from pgdose.study.words import Word

TILED = ("microscope_fields", "slides")  # kinds whose tiles the groups share
ARCHIVES = ("dicom_archive", "pacs")  # kinds whose files are films in DICOM
Tile = Annotated[Integer, Field(ge=INCEPTION_MINIMUM, le=100_000)]
LeastFocus = Annotated[Real | None, Field(gt=0, le=1_000_000), UsedBy("tile")]
# Where IHE's radiology profiles put the accession number: OBR-18, Placer Field 1.
DEFAULT_ACCESSION = "OBR-18"
CANDIDATES = UsedBy("candidates")  # decides which tiles a class may take, not which are chosen


class HandLabels(AnyTable):
    """A table of labels by hand, one row a report; the labeller is measured against it."""

    table: Annotated[InputFile, IS_PATH]
    """Path of a table of labels that a person gave, one row a report."""
    id: str = "accession_number"
    """Column with the values of `reports.id`."""


class Reports(AnyTable):
    """Free-text reports: a table, documents among the files of the archive, or HL7 messages.

    Of a table the column `id`, of documents the attribute `tag` itself, of messages the field
    `accession` holds the values of the films' DICOM attribute `tag`.
    """

    table: Annotated[InputFile | None, IS_PATH] = None
    """Path of a table of free-text reports: CSV, Excel or Parquet. Give this, `documents` or `hl7`.
    """
    documents: bool = False
    """Take the reports from DICOM structured reports and encapsulated documents (PDF, CDA, text)
    among the files of the source.
    """
    hl7: Annotated[InputPath | None, IS_PATH] = None
    """Folder of HL7 v2 messages; the reports are those of type ORU."""
    id: Column = "accession_number"
    """Column that holds what the attribute `tag` of the films holds; of several names, the first
    that the table has counts.

    Only: with `table`
    """
    text: Column = "report"
    """Column with the text of the report; of several names, the first that the table has counts.

    Only: with `table`
    """
    accession: MessageField | None = None
    """Field of the HL7 messages that holds what the attribute `tag` of the films holds, such as
    `OBR-3`, `ORC-3`, `OBR-3.2` or `ZDS-1`. Left out: `OBR-18`.

    Only: with `hl7`
    """
    tag: Name = "AccessionNumber"
    """DICOM attribute that joins a film to its report."""
    several: Literal["union", "join", "first", "last", "error"] = "error"
    """How several rows with one id and different texts are read: `join`, as parts of one report;
    `union`, as several reports of one film; `first` or `last`, as corrections, of which that one
    counts; `error` stops the study.
    """
    negation: bool = True
    """Read negations and hedges. `false`: every mention of a finding counts, as the paper's plain
    keyword match does.
    """
    norm: Literal["phrases", "composed"] = "phrases"
    """Which reports are norm: `phrases`, a norm phrase as the whole report or as its conclusion
    (the paper's reading); `composed`, also reports whose statements are all unremarkable.

    Only: `composed` with `negation: true`
    """
    hand_labels: HandLabels | None = None
    """A table of labels by hand, against which the labeller is measured.

    Reruns: `agreement.csv`, `label_confusion.csv`, `label_errors.csv` of the source
    """

    @property
    def origin(self) -> Literal["table", "documents", "hl7"]:
        """The key that says where the reports come from."""
        return "table" if self.table is not None else "hl7" if self.hl7 is not None else "documents"

    @property
    def message_field(self) -> str:
        """The field of HL7 messages that holds the number of the films."""
        return self.accession or DEFAULT_ACCESSION

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if [self.table is not None, self.documents, self.hl7 is not None].count(True) != 1:
            raise mistake(
                "give exactly one of 'table' (a table of reports), 'documents: true' (DICOM "
                "documents among the source's files) and 'hl7' (a folder of HL7 messages)"
            )
        for key, origins, what in (
            ("id", ("table",), "names a column of a table"),
            ("text", ("table",), "names a column of a table"),
            ("separator", ("table",), "is of a table"),
            ("encoding", ("table", "hl7"), "is of a table or of HL7 messages"),
            ("accession", ("hl7",), "names a field of HL7 messages"),
        ):
            is_given = key in self.model_fields_set and getattr(self, key) is not None
            if is_given and self.origin not in origins:
                raise mistake(
                    "{what}, and the reports come from '{origin}'; leave it out",
                    field=key,
                    what=what,
                    origin=self.origin,
                )
        return self

    @model_validator(mode="after")
    def _check_norm(self) -> Self:
        if self.norm == "composed" and not self.negation:
            raise mistake(
                "'norm: composed' reads denials, which 'negation: false' does not; set negation to "
                "true or norm to phrases"
            )
        return self


class TableLabels(Model):
    """Labels in one column (`column` and `names`), or in a column for each finding (`columns`)."""

    column: Column | None = None
    """Column whose cells hold words for labels. Needs `names`; give this or `columns`."""
    separator: str | None = None
    """Text between several words of one cell of `column`, such as `"|"`.

    Only: with `column`
    """
    names: dict[Label, Word] = {}
    """The word of each label in `column`: `{norm: No Finding, pneumonia: Pneumonia}`.

    Only: with `column`
    """
    columns: dict[Label, Column] = {}
    """A column for each label, with 1 (present), 0 (absent), -1 (uncertain) or nothing in its
    cells: `{pneumonia: Pneumonia}`.
    """
    empty: Literal["unknown", "absent"] = "unknown"
    """What an empty cell of `columns` means: `unknown`, or `absent` (as 0).

    Only: with `columns`
    """

    @property
    def all_names(self) -> list[str]:
        return list(self.names or self.columns)

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if bool(self.columns) == (self.column is not None):
            raise mistake(
                "give either 'column' and 'names' (the words of one column), or 'columns' (a "
                "column for each finding, with 1, 0, -1 or nothing in its cells)"
            )
        if (self.column is None) == bool(self.names):
            raise mistake("'column' and 'names' belong together; give both")
        return self


class LabelTable(AnyTable):
    """A table of labels of an archive's films.

    Column `id` holds the values of the DICOM attribute `tag`, or with `file` the names of the
    files.
    """

    table: Annotated[InputFile, IS_PATH]
    """Path of a table of labels of the films. Where reports give a label too, the table's counts,
    and the labeller is measured against it.
    """
    id: Column
    """Column with the values of `tag`, or the names of the files; of several names, the first that
    the table has counts.
    """
    tag: Name = "SOPInstanceUID"
    """DICOM attribute that joins a film to its row, or `file` for the file's name."""
    several: Literal["union", "first", "last", "error"] = "error"
    """How several rows of one film that differ are read: `union`, all of them hold; `first` or
    `last`, only that one; `error` stops the study.
    """
    labels: TableLabels
    """Which labels the table holds, and where."""


class Screen(Model):
    """Limits of screening: which images no group can use."""

    smallest: Annotated[Integer, Field(ge=8, le=100_000)] = 64
    """Shortest side that an image may have; a smaller one is rejected.

    Unit: pixels
    """
    least_spread: Annotated[Real, Field(ge=0)] = 4.0
    """Standard deviation of the grey values under which an image is rejected as blank.

    Unit: grey levels of 255
    """
    most_at_ends: Annotated[Real, Field(gt=0, le=1)] = 0.6
    """Share of black and white pixels over which an image is rejected as saturated.

    Unit: share
    """
    lateral_score: Annotated[Real, Field(gt=0, le=1)] | None = None
    """Score from which the pixels themselves show a lateral film, which is rejected. Left out: off,
    since opaque lungs may look lateral.

    Unit: score
    """
    burned_in_text: Literal["count", "reject"] = "count"
    """What becomes of images with rows of letters in their pixels, or with a header that says so:
    `count` them, or `reject` them. Histology is not searched and takes no `reject`.
    """


class FilmScreen(Screen):
    body_parts: list[str] = ["CHEST", "THORAX", "LUNG", "LUNGS", "HEART"]
    """One of these words must stand in the attribute BodyPartExamined, if it holds anything; other
    films are rejected.

    Reruns: the source
    """


class Source(Model):
    root: Annotated[InputPath, JOB_ONLY]
    """Folder of the files. Links that lead out of it are refused."""
    patients: Name | None = None
    """A word; sources with the same word number their patients alike, so that a person in both is
    one patient. Left out: each source has its own patients.

    `none`: nobody knows the patients. Each image then stands for a patient of its own, intervals by
    patients are left out, and the page says so.
    """
    shards: Annotated[Shards, UsedBy("index_fields", "index_slides")] = 1
    """How many jobs share the reading of the source. Results do not depend on it.

    Unit: jobs
    """


# What to do with films that are stored mirrored, on their side or upside down: turn them upright,
# leave them out, or take their pixels as they are stored.
Orientation = Literal["turn", "reject", "as_stored"]


class DicomArchive(Source):
    """A folder of DICOM files, labelled by free-text reports, by a table of labels, or both."""

    kind: Literal["dicom_archive"]
    """`dicom_archive`: a folder of DICOM films; every file below `root` is tried, whatever its
    name.
    """
    reports: Reports | None = None
    """Free-text reports that give the labels."""
    lexicon: Annotated[InputFile | None, IS_PATH] = None
    """Path of the lexicon, which says what the words of the reports mean, such as
    `resources/lexicons/ru.yaml`.

    Only: with `reports`, and needed there
    """
    label_table: LabelTable | None = None
    """A table of labels of the films, instead of reports or beside them."""
    encoding: Encoding | None = None
    """Encoding of the text in the DICOM files, where they declare a wrong character set."""
    modalities: Modalities = list(FILM_MODALITIES)
    """Which images are films, by the DICOM attribute Modality; others are rejected
    (`other_modality`).
    """
    orientation: Orientation = "turn"
    """What becomes of films that are stored mirrored, on their side or upside down: `turn` them
    upright, `reject` them, or take them `as_stored`.
    """
    screen: FilmScreen = FilmScreen()
    """Limits of screening: which films no group can use.

    Reruns: the screening
    """

    @property
    def modality(self) -> str:
        return "xray"

    @property
    def lexicon_file(self) -> str | None:
        """Where the lexicon lies; one of pgdose's own may lie with the installed package."""
        return shipped(self.lexicon) if self.lexicon else None

    @model_validator(mode="after")
    def _check_reports(self) -> Self:
        if (self.reports is None) != (self.lexicon is None):
            raise mistake(
                "'reports' and 'lexicon' belong together: the lexicon says what the words of the "
                "reports mean; give both, or neither"
            )
        return self


class PacsArchive(DicomArchive):
    """Films of a picture archive: listed and fetched into `root`, then as a folder of them."""

    kind: Literal["pacs"]  # type: ignore[assignment]
    """`pacs`: films that are listed on a server and fetched into `root`, which is made if it is
    missing. `root` is a folder for these films alone.
    """
    server: Annotated[Server, UsedBy("list_on_pacs")]
    """The server: over DICOMweb or over DIMSE."""
    find: Annotated[Find, UsedBy("list_on_pacs")] = Find()
    """Which series of the server are listed."""
    fetch: Annotated[Fetch, JOB_ONLY] = Fetch()
    """How gently films are fetched. No result depends on it.

    Reruns: the page
    """

    @property
    def asked_modalities(self) -> list[str]:
        return self.find.modalities or self.modalities

    @property
    def asks_for_documents(self) -> bool:
        """Whether the reports of the studies are fetched, too."""
        return bool(getattr(self.reports, "documents", False))


Layout = InputPath | list[InputPath]  # of several patterns the first that a path matches counts


def _check_layout(layout: Layout | None, needed: list[str]) -> None:
    """Raise a mistake unless each pattern of paths has what is needed, and each place once."""
    for pattern in [layout] if isinstance(layout, str) else layout or ():
        lacking = [f"{{{name}}}" for name in needed if f"{{{name}}}" not in pattern]
        if lacking:
            raise mistake(
                "must be a path with {lacking} in it, and * for other parts that vary (no patient "
                "only where 'patients: none' says that nobody knows them)",
                field="layout",
                lacking=" and ".join(lacking),
            )
        if any(pattern.count(f"{{{name}}}") > 1 for name in ("class", "patient", "part")):
            raise mistake("must not have the same place twice", field="layout")


class TableSource(Source, AnyTable):
    """A source that a table describes."""

    several: Literal["union", "first", "last", "error"] = "error"
    """How several rows of one image that differ are read: `union`, all of them hold; `first` or
    `last`, only that one; `error` stops the study.
    """
    similar_patients: Literal["error", "same", "distinct"] = "error"
    """How two identifiers of patients that differ only in capitals, spaces, leading zeros or
    look-alike letters are read: as the `same` patient, as `distinct` ones, or as an `error`, which
    stops the study.
    """


def _check_words(classes: dict[str, list[str]]) -> None:
    """Raise a mistake if a word can never count: it is empty, or another class has it already."""
    for name, words in classes.items():
        if not all(map(fold, words)):
            raise mistake(
                "a word of class {name} is empty and can never count; remove it",
                field="classes",
                name=name,
            )
    for clash in clashes(classes):
        word, earlier = fold(clash.word), fold(clash.earlier_word)
        if word == earlier:
            text = "'{word}' stands for two classes; remove it from one of them"
        else:
            text = (
                "'{word}' of class {name} can never count, because '{earlier}' of class "
                "{earlier_name} before it matches all of its words; put class {name} first"
            )
        raise mistake(
            text,
            field="classes",
            word=word,
            name=clash.name,
            earlier=earlier,
            earlier_name=clash.earlier_name,
        )


class FieldColumns(Model):
    model_config = ConfigDict(protected_namespaces=())
    file: Column = "file"
    """Column with the path of the field below `root`."""
    patient: Column = "patient"
    """Column with the patient."""
    class_: Annotated[Column, Field(alias="class")] = "class"
    """Column with the class of the field."""


# How many bits of channels with more than 8 are in use; a file that states fewer has those.
UsedBits = Annotated[Integer, Field(ge=9, le=16)]


class MicroscopeFields(TableSource):
    """Whole images of one class each, which a table or their folders (`layout`) name."""

    kind: Annotated[Literal["microscope_fields"], UsedBy()]
    """`microscope_fields`: whole images of one class each, cut into tiles without overlap."""
    table: Annotated[InputFile | None, IS_PATH] = None
    """Path of a table with the class and patient of each field. Give this or `layout`."""
    columns: FieldColumns = FieldColumns()
    """Names of the columns of `table`."""
    layout: Annotated[Layout | None, IS_PATH] = None  # such as "{class}/{patient}/*.tif"
    """What folders and names say, such as `"{class}/{patient}/*.tif"`, or a list of such patterns,
    of which the first that a path matches counts.
    """
    classes: Annotated[dict[Name, list[Word]], UsedBy("index_fields")] = {}
    """Words of the folders or of the table for each class, in any language: `{tumour: [tumor,
    "cancer*"]}`. Left out: the words are the classes.
    """
    tile: Tile = 256
    """Side of a tile, a square.

    Unit: pixels
    """
    margin: Literal["error", "drop"] = "error"
    """What becomes of a field that is no whole number of tiles: `error` stops the study, `drop`
    cuts what fits.
    """
    least_focus: LeastFocus = None
    """Variance of the Laplacian under which a tile is rejected as blurred. Left out: off.

    Unit: squared grey levels of 255
    Reruns: the screening
    """
    bits: Annotated[UsedBits, UsedBy("tile")] = 16
    """How many bits of channels with more than 8 are in use; a file that states fewer has those.

    Unit: bits
    Reruns: the screening
    """

    @property
    def modality(self) -> str:
        return "histology"

    @model_validator(mode="after")
    def _check_table_or_layout(self) -> Self:
        if (self.table is None) == (self.layout is None):
            raise mistake("give either 'table' or 'layout', which says the class of each field")
        known = [] if self.patients == UNKNOWN_PATIENTS else ["patient"]
        _check_layout(self.layout, ["class", *known])
        _check_words(self.classes)
        return self


class SlideColumns(Model):
    slide: Column = "slide"
    """Column with the path of the slide below `root`."""
    patient: Column = "patient"
    """Column with the patient."""
    outlines: Column | None = "outlines"
    """Column with the path of the outlines. `null`: the table has none, and needs `class`."""
    class_: Annotated[Column | None, Field(alias="class")] = None
    """Column with one class for the whole slide."""
    mpp: Column | None = None
    """Column with the scale of the slide, micrometres to a pixel, where the file does not state it.
    """


class Tissue(Model):
    """Which part of a slide is tissue. Areas are in tiles: not every slide states its scale."""

    method: Literal["saturation", "optical_density"] = "saturation"
    """How tissue is told from glass: by the `saturation` of colours, or by `optical_density`."""
    threshold: Annotated[Real, Field(gt=0)] | None = None
    """Value over which a pixel is tissue. Left out: Otsu's threshold of each slide.

    Unit: that of `method`
    """
    between: tuple[Real, Real] = (0.04, 0.10)
    """Range to which Otsu's threshold is clipped.

    Unit: that of `method`
    """
    smallest_island: Annotated[Real, Field(ge=0)] = 0.5
    """Area under which a piece of tissue is left out.

    Unit: areas of a tile
    """
    smallest_hole: Annotated[Real, Field(ge=0)] = 0.5
    """Area under which a hole in the tissue is filled.

    Unit: areas of a tile
    """
    pen: bool = True
    """Leave out pen marks."""
    share: Share = 0.5
    """Least share of a tile that must be tissue.

    Unit: share
    """

    @field_validator("between")
    @classmethod
    def _check_range(cls, between: tuple[float, float]) -> tuple[float, float]:
        if not 0 < between[0] <= between[1]:
            raise mistake("must be a range [from, to] with 0 < from <= to")
        return between


class Slides(TableSource):
    """Whole slides, and outlines of the tissue's classes on them."""

    kind: Annotated[Literal["slides"], CANDIDATES]
    """`slides`: whole slides, and outlines of the classes of tissue on them."""
    table: Annotated[InputFile, IS_PATH, JOB_ONLY]
    """Path of a table with one row a slide: its patient, and its outlines or its class."""
    outlines_root: Annotated[InputPath | None, IS_PATH, JOB_ONLY] = None
    """Folder of the outlines, if they lie apart from the slides. Left out: `root`."""
    columns: SlideColumns = SlideColumns()
    """Names of the columns of `table`."""
    classes: Annotated[dict[Name, list[Word]], Field(min_length=1), CANDIDATES] = {
        IGNORE: ["ignore", "ignore*"],
        "tumour": ["tumor", "tumour"],
        "norm": ["norm", "normal"],
    }
    """Words of the outlines for each class, or colours (`"#00ff00"`); `Tumor*` is every word that
    begins so. Where outlines overlap, the first class counts. No tile is taken of `ignore`.
    """
    rest: Annotated[Name, CANDIDATES] = "norm"
    """Class of the tissue outside all outlines, where the table gives none; `ignore` takes no tile
    of it.
    """
    tile: Tile = 256
    """Side of a tile, a square.

    Unit: pixels
    """
    level: Annotated[Integer | None, Field(ge=0, le=100), CANDIDATES] = None
    """Pyramid level that tiles are read from. Left out: 0, unless `mpp` is given.

    Unit: none
    """
    mpp: Annotated[Real | None, Field(gt=0), CANDIDATES] = None
    """Scale of the tiles, in place of `level`.

    Unit: micrometres to a pixel
    """
    overlap: Annotated[Real, Field(ge=0, le=0.9), CANDIDATES] = 0.0
    """Overlap of neighbouring tiles.

    Unit: share of a side
    """
    tiles_per_class: Annotated[Count, UsedBy("index_slides")]
    """Tiles of each class but `ignore`, over all slides.

    Unit: tiles
    Reruns: the source, without the survey of its slides
    """
    class_share: Annotated[Real, Field(gt=0.5, le=1), CANDIDATES] = 0.9
    """Least share of a tile that must lie in its class.

    Unit: share
    """
    tissue: Annotated[Tissue, CANDIDATES] = Tissue()
    """Which part of a slide is tissue."""
    colour: Annotated[
        Literal["as_stored", "srgb"], UsedBy("candidates", "index_slides", "tile")
    ] = "as_stored"
    """Colours `as_stored`, or converted to `srgb` by the slide's ICC profile, where it has one."""
    least_focus: LeastFocus = None
    """Variance of the Laplacian under which a tile is rejected as blurred. Left out: off.

    Unit: squared grey levels of 255
    Reruns: the screening
    """
    threads: Annotated[Threads, JOB_ONLY] = 1
    """Threads that read one slide. Results do not depend on it.

    Unit: threads
    Reruns: the page
    """

    @property
    def modality(self) -> str:
        return "histology"

    @property
    def tile_classes(self) -> list[str]:
        """The classes that tiles are taken from."""
        return [name for name in dict.fromkeys([*self.classes, self.rest]) if name != IGNORE]

    @model_validator(mode="after")
    def _check_resolution(self) -> Self:
        if self.level is not None and self.mpp is not None:
            raise mistake(
                "'level' and 'mpp' both set the resolution of the tiles; leave out one of them"
            )
        return self

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        if self.columns.outlines is None and self.columns.class_ is None:
            raise mistake("must name a column 'outlines' or 'class'", field="columns")
        _check_words(self.classes)
        if self.rest not in (*self.classes, IGNORE):
            raise mistake(
                "'{rest}' is not a class of the source; {choices}",
                field="rest",
                rest=self.rest,
                choices=one_of(dict.fromkeys([*self.classes, IGNORE])),
            )
        return self


class TableColumns(Model):
    image: Column = "image"
    """Column with the path of the image below `root`."""
    patient: Column = "patient"
    """Column with the patient."""
    age: Column | None = None
    """Column with the age, in years or as DICOM writes it (`045Y`)."""
    sex: Column | None = None
    """Column with the sex."""
    view: Column | None = None
    """Column with the view position of a film, such as PA."""
    class_: Annotated[Column | None, Field(alias="class")] = None
    """Column with the class."""
    original: Column | None = None
    """Column that names what an image was made from by augmentation; images of one original stay on
    one side of the split.

    Only: with `patients: none` and a `table`
    """


class SexWords(Model):
    """The words of a table for the sexes, where they are none of the usual ones."""

    F: Annotated[list[Word], Field(min_length=1)]
    """The table's words for women, such as `["0"]`."""
    M: Annotated[list[Word], Field(min_length=1)]
    """The table's words for men, such as `["1"]`."""


class ImageTable(TableSource):
    """Ready images (PNG, TIFF, JPEG, BMP; X-rays also DICOM).

    A table (CSV, Excel, Parquet) describes them, or their folders and names do (`layout`).
    """

    kind: Literal["table"]
    """`table`: ready images (PNG, TIFF, JPEG, BMP; X-rays also in DICOM), which a table or their
    folders and names describe.
    """
    table: Annotated[InputFile | None, IS_PATH, JOB_ONLY] = None
    """Path of a table with one row an image: CSV, Excel or Parquet. Give this, `layout`, or both.
    """
    layout: Annotated[Layout | None, IS_PATH] = None
    """What folders and names say, such as `"{class}/{patient}_*.png"`, or a list of such patterns,
    of which the first that a path matches counts. Beside a table it gives what the table does
    not.
    """
    modality: Literal["xray", "histology", "other"] = "other"
    """What the images show: `xray` (one grey channel), `histology` or `other` (three channels)."""
    columns: TableColumns = TableColumns()
    """Names of the columns of `table`. A column may be several names, of which the first that the
    table has counts.
    """
    classes: Annotated[dict[Name, list[Word]], UsedBy("index_table")] = {}
    """Words of `columns.class` or of the folders for each class, in any language. Left out: the
    words are the classes.
    """
    labels: TableLabels | None = None
    """Labels of the images, and the columns that hold them."""
    sex_words: SexWords | None = None
    """The table's words for the sexes, where they are unusual."""
    bits: Annotated[UsedBits, UsedBy("screen", "render")] = 16
    """How many bits of channels with more than 8 are in use. Of X-rays, only `image.window: full`
    depends on it.

    Unit: bits
    Reruns: the screening
    """
    modalities: Modalities | None = None
    """Which DICOM images are films, as for `dicom_archive`.

    Only: with `modality: xray`
    """
    orientation: Orientation | None = None
    """What becomes of DICOM films that are not stored upright, as for `dicom_archive`.

    Only: with `modality: xray`
    """
    screen: Annotated[Screen, UsedBy("screen")] = Screen()
    """Limits of screening: which images no group can use.

    Reruns: the screening
    """

    @model_validator(mode="after")
    def _check_table_or_layout(self) -> Self:
        if self.table is None and self.layout is None:
            raise mistake("give 'table' or 'layout' (or both), which says what each image is")
        _check_words(self.classes)
        known = self.table is not None or self.patients == UNKNOWN_PATIENTS
        _check_layout(self.layout, [] if known else ["patient"])
        if self.columns.original is not None:
            self._check_original()
        for key in ("modalities", "orientation"):
            if self.modality != "xray" and getattr(self, key) is not None:
                raise mistake(
                    "is for DICOM files, which only a source with 'modality: xray' may hold; "
                    "leave it out",
                    field=key,
                )
        if self.modality == "histology" and self.screen.burned_in_text == "reject":
            raise mistake(
                "must be count: letters are not searched for in histology, where cells look like "
                "them; leave it out, or set 'modality' to xray or other",
                field="screen.burned_in_text",
            )
        column = self.labels.column if self.labels else "class"
        if self.table is None and column not in ("class", "part"):
            raise mistake(
                "must be class or part, which 'layout' says; there is no table with other columns",
                field="labels.column",
            )
        return self

    def _check_original(self) -> None:
        if self.table is None:
            raise mistake(
                "is a column of a table, and the source has none; give 'table' beside 'layout', or "
                "leave it out",
                field="columns.original",
            )
        if self.patients != UNKNOWN_PATIENTS:
            raise mistake(
                "keeps images of one original together where nobody knows the patients; add "
                "'patients: none', or leave it out, since a patient's images stay together anyway",
                field="columns.original",
            )


AnySource = Annotated[
    DicomArchive | PacsArchive | MicroscopeFields | Slides | ImageTable, Field(discriminator="kind")
]
