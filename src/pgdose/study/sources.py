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
- `docs/reference/study.md`, the schema (`pgdose schema`)
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
    id: str = "accession_number"


class Reports(AnyTable):
    """Free-text reports: a table, documents among the files of the archive, or HL7 messages.

    Of a table the column `id`, of documents the attribute `tag` itself, of messages the field
    `accession` holds the values of the films' DICOM attribute `tag`.
    """

    table: Annotated[InputFile | None, IS_PATH] = None
    documents: bool = False  # DICOM SR and encapsulated documents among the source's files
    hl7: Annotated[InputPath | None, IS_PATH] = None  # a folder of HL7 v2 messages (ORU)
    id: Column = "accession_number"
    text: Column = "report"
    accession: MessageField | None = None  # of HL7 messages; null: DEFAULT_ACCESSION
    tag: Name = "AccessionNumber"
    # What several rows with one id are: addenda of one report (`join`), findings of several
    # (`union`), or corrections (`last`).
    several: Literal["union", "join", "first", "last", "error"] = "error"
    negation: bool = True  # false: every mention of a finding counts, as in the paper
    # Which reports are norm: a norm phrase as a whole, or also unremarkable statements throughout
    norm: Literal["phrases", "composed"] = "phrases"
    hand_labels: HandLabels | None = None

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
    separator: str | None = None  # between several words of a cell
    names: dict[Label, Word] = {}  # the word of each label
    columns: dict[Label, Column] = {}  # cells: 1, 0, -1 (uncertain) or empty
    empty: Literal["unknown", "absent"] = "unknown"  # what an empty cell of `columns` means

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
    id: Column
    tag: Name = "SOPInstanceUID"
    several: Literal["union", "first", "last", "error"] = "error"  # rows of one film
    labels: TableLabels


class Screen(Model):
    """Limits of screening: which images no group can use."""

    smallest: Annotated[Integer, Field(ge=8, le=100_000)] = 64  # pixels of the shorter side
    least_spread: Annotated[Real, Field(ge=0)] = 4.0  # grey levels, standard deviation
    most_at_ends: Annotated[Real, Field(gt=0, le=1)] = 0.6  # share of black or white pixels
    lateral_score: Annotated[Real, Field(gt=0, le=1)] | None = None  # of the image; null: off
    # Images with rows of letters in their pixels, or a header that says so.
    burned_in_text: Literal["count", "reject"] = "count"


class FilmScreen(Screen):
    # A film whose BodyPartExamined holds none of these words is discarded.
    body_parts: list[str] = ["CHEST", "THORAX", "LUNG", "LUNGS", "HEART"]


class Source(Model):
    root: Annotated[InputPath, JOB_ONLY]
    # Sources with the same word here number their patients alike; `none`: nobody knows them, and
    # each image, or all images of one original, stand for a patient of their own.
    patients: Name | None = None
    shards: Annotated[Shards, UsedBy("index_fields", "index_slides")] = 1


# What to do with films that are stored mirrored, on their side or upside down: turn them upright,
# leave them out, or take their pixels as they are stored.
Orientation = Literal["turn", "reject", "as_stored"]


class DicomArchive(Source):
    """A folder of DICOM files, labelled by free-text reports, by a table of labels, or both."""

    kind: Literal["dicom_archive"]
    reports: Reports | None = None
    lexicon: Annotated[InputFile | None, IS_PATH] = None
    label_table: LabelTable | None = None  # of a label that both have, the table's counts
    encoding: Encoding | None = None  # of the files' text, where they declare a wrong one
    modalities: Modalities = list(FILM_MODALITIES)  # other images are no films
    orientation: Orientation = "turn"
    screen: FilmScreen = FilmScreen()

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

    kind: Literal["pacs"]  # type: ignore[assignment] # its own tag in the file
    server: Annotated[Server, UsedBy("list_on_pacs")]
    find: Annotated[Find, UsedBy("list_on_pacs")] = Find()
    fetch: Annotated[Fetch, JOB_ONLY] = Fetch()

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

    # What several rows of one image are that differ: all of them hold, or one, or it is a mistake.
    several: Literal["union", "first", "last", "error"] = "error"
    # What patients are whose identifiers differ only in capitals, spaces or leading zeros.
    similar_patients: Literal["error", "same", "distinct"] = "error"


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
    patient: Column = "patient"
    class_: Annotated[Column, Field(alias="class")] = "class"


# How many bits of channels with more than 8 are in use; a file that states fewer has those.
UsedBits = Annotated[Integer, Field(ge=9, le=16)]


class MicroscopeFields(TableSource):
    """Whole images of one class each, which a table or their folders (`layout`) name."""

    kind: Annotated[Literal["microscope_fields"], UsedBy()]
    table: Annotated[InputFile | None, IS_PATH] = None
    columns: FieldColumns = FieldColumns()
    layout: Annotated[Layout | None, IS_PATH] = None  # such as "{class}/{patient}/*.tif"
    # The words of the folders or of the table for each class; empty: they are the classes.
    classes: Annotated[dict[Name, list[Word]], UsedBy("index_fields")] = {}
    tile: Tile = 256  # pixels of a side
    margin: Literal["error", "drop"] = "error"  # of a field that is no whole number of tiles
    least_focus: LeastFocus = None  # variance of a tile's Laplacian; null: off
    bits: Annotated[UsedBits, UsedBy("tile")] = 16

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
    patient: Column = "patient"
    outlines: Column | None = "outlines"
    class_: Annotated[Column | None, Field(alias="class")] = None
    mpp: Column | None = None


class Tissue(Model):
    """Which part of a slide is tissue. Areas are in tiles: not every slide states its scale."""

    method: Literal["saturation", "optical_density"] = "saturation"
    threshold: Annotated[Real, Field(gt=0)] | None = None  # null: Otsu's, of each slide
    between: tuple[Real, Real] = (0.04, 0.10)  # Otsu's threshold is clipped to this range
    smallest_island: Annotated[Real, Field(ge=0)] = 0.5
    smallest_hole: Annotated[Real, Field(ge=0)] = 0.5
    pen: bool = True  # leave out pen marks
    share: Share = 0.5  # of a tile that must be tissue

    @field_validator("between")
    @classmethod
    def _check_range(cls, between: tuple[float, float]) -> tuple[float, float]:
        if not 0 < between[0] <= between[1]:
            raise mistake("must be a range [from, to] with 0 < from <= to")
        return between


class Slides(TableSource):
    """Whole slides, and outlines of the tissue's classes on them."""

    kind: Annotated[Literal["slides"], CANDIDATES]
    table: Annotated[InputFile, IS_PATH, JOB_ONLY]
    outlines_root: Annotated[InputPath | None, IS_PATH, JOB_ONLY] = None  # null: `root`
    columns: SlideColumns = SlideColumns()
    # The words of the outlines for each class, and colours (#rrggbb); `Tumor*` is every word that
    # begins so. Where outlines overlap, the first class counts.
    classes: Annotated[dict[Name, list[Word]], Field(min_length=1), CANDIDATES] = {
        IGNORE: ["ignore", "ignore*"],
        "tumour": ["tumor", "tumour"],
        "norm": ["norm", "normal"],
    }
    rest: Annotated[Name, CANDIDATES] = "norm"  # the class of tissue outside all outlines
    tile: Tile = 256  # pixels of a side
    # Resolution of the tiles: a pyramid level (0 unless `mpp` is given), or micrometres per pixel.
    level: Annotated[Integer | None, Field(ge=0, le=100), CANDIDATES] = None
    mpp: Annotated[Real | None, Field(gt=0), CANDIDATES] = None
    overlap: Annotated[Real, Field(ge=0, le=0.9), CANDIDATES] = 0.0  # of neighbours, of a side
    tiles_per_class: Annotated[Count, UsedBy("index_slides")]
    class_share: Annotated[Real, Field(gt=0.5, le=1), CANDIDATES] = 0.9  # of a tile
    tissue: Annotated[Tissue, CANDIDATES] = Tissue()
    # Colours as the file has them, or converted from its ICC profile.
    colour: Annotated[
        Literal["as_stored", "srgb"], UsedBy("candidates", "index_slides", "tile")
    ] = "as_stored"
    least_focus: LeastFocus = None  # variance of a tile's Laplacian; null: off
    threads: Annotated[Threads, JOB_ONLY] = 1

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
    patient: Column = "patient"
    age: Column | None = None
    sex: Column | None = None
    view: Column | None = None
    class_: Annotated[Column | None, Field(alias="class")] = None
    # What an image was made from by augmentation; images of one original stay on one side of the
    # split. Only where nobody knows the patients.
    original: Column | None = None


class SexWords(Model):
    """The words of a table for the sexes, where they are none of the usual ones."""

    F: Annotated[list[Word], Field(min_length=1)]
    M: Annotated[list[Word], Field(min_length=1)]


class ImageTable(TableSource):
    """Ready images (PNG, TIFF, JPEG, BMP; X-rays also DICOM).

    A table (CSV, Excel, Parquet) describes them, or their folders and names do (`layout`).
    """

    kind: Literal["table"]
    table: Annotated[InputFile | None, IS_PATH, JOB_ONLY] = None
    # Such as "{class}/{patient}_*.png"; beside a table it says what the table does not.
    layout: Annotated[Layout | None, IS_PATH] = None
    modality: Literal["xray", "histology", "other"] = "other"
    columns: TableColumns = TableColumns()
    # The words of `columns.class` or of the folders for each class; empty: they are the classes.
    classes: Annotated[dict[Name, list[Word]], UsedBy("index_table")] = {}
    labels: TableLabels | None = None
    sex_words: SexWords | None = None
    bits: Annotated[UsedBits, UsedBy("screen", "render")] = 16
    # Of X-rays in DICOM, as for `dicom_archive`; null: its defaults.
    modalities: Modalities | None = None
    orientation: Orientation | None = None
    screen: Annotated[Screen, UsedBy("screen")] = Screen()

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
