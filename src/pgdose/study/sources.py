"""Section `sources`: where images, labels and reports come from. One model for each kind.

kind               model             files become records in        pixels are read by
dicom_archive      DicomArchive      xray.archive_index, labelling  xray.source_images
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
- `docs/study.md`, the schema (`pgdose schema`)
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pgdose.names import IGNORE
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
from pgdose.study.field_types import Column, Encoding, InputFile, InputPath
from pgdose.study.suggestions import one_of

TILED = ("microscope_fields", "slides")  # kinds whose tiles the groups share
Tile = Annotated[Integer, Field(ge=INCEPTION_MINIMUM, le=100_000)]
CANDIDATES = UsedBy("candidates")  # decides which tiles a class may take, not which are chosen


class HandLabels(Model):
    """A table of labels by hand, one row a report; the labeller is measured against it."""

    table: Annotated[InputFile, IS_PATH]
    id: str = "accession_number"


class Reports(Model):
    """A table of free-text reports; column `id` holds the values of the DICOM attribute `tag`."""

    table: Annotated[InputFile, IS_PATH]
    id: str = "accession_number"
    text: str = "report"
    tag: Name = "AccessionNumber"
    encoding: Encoding = "utf-8"
    negation: bool = True  # false: every mention of a finding counts, as in the paper
    hand_labels: HandLabels | None = None


class Screen(Model):
    """Limits of screening: which images no group can use."""

    smallest: Annotated[Integer, Field(ge=8, le=100_000)] = 64  # pixels of the shorter side
    least_spread: Annotated[Real, Field(ge=0)] = 4.0  # grey levels, standard deviation
    most_at_ends: Annotated[Real, Field(gt=0, le=1)] = 0.6  # share of black or white pixels
    lateral_score: Annotated[Real, Field(gt=0, le=1)] | None = None  # of the image; null: off


class FilmScreen(Screen):
    # A film whose BodyPartExamined holds none of these words is discarded.
    body_parts: list[str] = ["CHEST", "THORAX", "LUNG", "LUNGS", "HEART"]


class Source(Model):
    root: Annotated[InputPath, JOB_ONLY]
    # Sources with the same word here number their patients alike.
    patients: Annotated[Name | None, UsedBy("index_table")] = None
    shards: Annotated[Shards, UsedBy("index_fields", "index_slides")] = 1


class DicomArchive(Source):
    """A folder of DICOM files with free-text reports."""

    kind: Literal["dicom_archive"]
    reports: Reports
    lexicon: Annotated[InputFile, IS_PATH]
    encoding: Encoding | None = None  # of the files' text, where they declare a wrong one
    screen: FilmScreen = FilmScreen()

    @property
    def modality(self) -> str:
        return "xray"


class FieldColumns(Model):
    model_config = ConfigDict(protected_namespaces=())
    file: Column = "file"
    patient: Column = "patient"
    class_: Annotated[Column, Field(alias="class")] = "class"


class MicroscopeFields(Source):
    """Whole images of one class each, which a table or their folders (`layout`) name."""

    kind: Annotated[Literal["microscope_fields"], UsedBy()]
    table: Annotated[InputFile | None, IS_PATH] = None
    columns: FieldColumns = FieldColumns()
    layout: Annotated[InputPath | None, IS_PATH] = None  # such as "{class}/{patient}/*.tif"
    tile: Tile = 256  # pixels of a side
    margin: Literal["error", "drop"] = "error"  # of a field that is no whole number of tiles
    # How many bits of files with 16 bits a channel are in use.
    bits: Annotated[Integer, Field(ge=9, le=16), UsedBy("tile")] = 16

    @property
    def modality(self) -> str:
        return "histology"

    @field_validator("layout")
    @classmethod
    def _check_placeholders(cls, layout: str | None) -> str | None:
        if layout is not None and any(layout.count(f"{{{n}}}") != 1 for n in ("class", "patient")):
            raise mistake(
                "must be a path with {class} and {patient} once each, and * for other parts that "
                "vary"
            )
        return layout

    @model_validator(mode="after")
    def _check_table_or_layout(self) -> Self:
        if (self.table is None) == (self.layout is None):
            raise mistake("give either 'table' or 'layout', which says the class of each field")
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


def _as_text(words: Any) -> Any:
    """A mask's values are numbers in YAML."""
    return [str(word) for word in words] if isinstance(words, list) else words


Words = Annotated[list[str], BeforeValidator(_as_text)]


class Slides(Source):
    """Whole slides, and outlines of the tissue's classes on them."""

    kind: Annotated[Literal["slides"], CANDIDATES]
    table: Annotated[InputFile, IS_PATH, JOB_ONLY]
    columns: SlideColumns = SlideColumns()
    # The words of the outlines for each class; where outlines overlap, the first class counts.
    classes: Annotated[dict[Name, Words], Field(min_length=1), CANDIDATES] = {
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
        words = [word.strip().casefold() for entry in self.classes.values() for word in entry]
        if repeated := sorted({word for word in words if words.count(word) > 1}):
            raise mistake(
                "'{word}' stands for two classes; remove it from one of them",
                field="classes",
                word=repeated[0],
            )
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


class TableLabels(Model):
    """Labels in one column: one value, or several values with a separator between them."""

    column: Column
    separator: str | None = None
    names: Annotated[dict[Label, str], Field(min_length=1)]


class ImageTable(Source):
    """Ready images (PNG, TIFF, JPEG, BMP) and a CSV or Parquet table that describes them."""

    kind: Literal["table"]
    table: Annotated[InputFile, IS_PATH, JOB_ONLY]
    modality: Literal["xray", "histology", "other"] = "other"
    columns: TableColumns = TableColumns()
    labels: TableLabels | None = None
    screen: Annotated[Screen, UsedBy("screen")] = Screen()


AnySource = Annotated[
    DicomArchive | MicroscopeFields | Slides | ImageTable, Field(discriminator="kind")
]
