"""Section `sources`: where images, labels and reports come from."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from pgdose.study.base import (
    INCEPTION_MINIMUM,
    IS_PATH,
    Column,
    Count,
    Encoding,
    FilePath,
    Label,
    Model,
    Name,
    mistake,
)


class HandLabels(Model):
    """A table of labels by hand, one row a report: the labeller is measured against it."""

    table: FilePath
    id: str = "accession_number"


class Reports(Model):
    """A table of free-text reports; `id` holds what the DICOM attribute `tag` holds."""

    table: FilePath
    id: str = "accession_number"
    text: str = "report"
    tag: Name = "AccessionNumber"
    encoding: Encoding = "utf-8"
    negation: bool = True  # false: plain keyword match, as in the paper
    hand_labels: HandLabels | None = None


class Screen(Model):
    """Which images are of no use to any group."""

    smallest: Annotated[int, Field(ge=8)] = 64  # pixels of the shorter side
    least_spread: Annotated[float, Field(ge=0)] = 4.0  # grey levels, standard deviation
    most_at_ends: Annotated[float, Field(gt=0, le=1)] = 0.6  # share of black or white pixels
    lateral_score: Annotated[float, Field(gt=0, le=1)] | None = 0.5  # of the image; null: off


class FilmScreen(Screen):
    body_parts: list[str] = ["CHEST", "THORAX", "LUNG", "LUNGS", "HEART"]  # what may stand there


class Source(Model):
    root: FilePath
    patients: Name | None = None  # sources with one word here number their patients alike
    shards: Count = 1


class DicomArchive(Source):
    kind: Literal["dicom_archive"]
    reports: Reports
    lexicon: FilePath
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
    """Whole images of known class; a table or their folders say which (`layout`)."""

    kind: Literal["microscope_fields"]
    table: Annotated[str | None, IS_PATH] = None
    columns: FieldColumns = FieldColumns()
    # "{class}/{patient}/*.tif", where there is no table
    layout: Annotated[str | None, IS_PATH] = None
    tile: Annotated[int, Field(ge=INCEPTION_MINIMUM)] = 256
    margin: Literal["error", "drop"] = "error"  # what does not fill a tile
    bits: Annotated[int, Field(ge=9, le=16)] = 16  # used ones of files with 16 bits a channel

    @property
    def modality(self) -> str:
        return "histology"

    @field_validator("layout")
    @classmethod
    def _placeholders(cls, layout: str | None) -> str | None:
        if layout is not None and any(layout.count(f"{{{n}}}") != 1 for n in ("class", "patient")):
            raise mistake("a path with {class} and {patient} once each, '*' for what may differ")
        return layout

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.table is None) == (self.layout is None):
            raise mistake("exactly one of 'table' and 'layout' says what each field is")
        return self


class SlideColumns(Model):
    slide: Column = "slide"
    patient: Column = "patient"
    outlines: Column | None = "outlines"
    class_: Annotated[Column | None, Field(alias="class")] = None
    mpp: Column | None = None


class Tissue(Model):
    """What of a slide is tissue. Areas are in tiles, since not every slide tells its scale."""

    method: Literal["saturation", "optical_density"] = "saturation"
    threshold: Annotated[float, Field(gt=0)] | None = None  # null: Otsu's, of each slide
    between: tuple[float, float] = (0.04, 0.10)  # Otsu's threshold is kept within
    smallest_island: Annotated[float, Field(ge=0)] = 0.5
    smallest_hole: Annotated[float, Field(ge=0)] = 0.5
    pen: bool = True  # leave out what a pen has marked
    share: Annotated[float, Field(ge=0, le=1)] = 0.5  # of a tile

    @field_validator("between")
    @classmethod
    def _ascending(cls, between: tuple[float, float]) -> tuple[float, float]:
        if not 0 < between[0] <= between[1]:
            raise mistake("a range [from, to], 0 < from <= to")
        return between


def _as_text(words: Any) -> Any:
    """A mask's values are numbers in YAML."""
    return [str(word) for word in words] if isinstance(words, list) else words


IGNORE = "ignore"  # the class of what no tile is taken from


Words = Annotated[list[str], BeforeValidator(_as_text)]


class Slides(Source):
    """Whole slides, and outlines that say what is what on them."""

    kind: Literal["slides"]
    table: FilePath
    columns: SlideColumns = SlideColumns()
    # Which words of the outlines stand for which class; where two overlap, the first named counts.
    classes: Annotated[dict[Name, Words], Field(min_length=1)] = {
        IGNORE: ["ignore", "ignore*"],
        "tumour": ["tumor", "tumour"],
        "norm": ["norm", "normal"],
    }
    rest: Name = "norm"  # the class of tissue outside all outlines
    tile: Annotated[int, Field(ge=INCEPTION_MINIMUM)] = 256
    level: Annotated[int, Field(ge=0)] | None = None  # 0 unless `mpp` is given
    mpp: Annotated[float, Field(gt=0)] | None = None  # micrometres to a pixel of a tile
    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.0  # of neighbouring tiles, share of a side
    tiles_per_class: Count
    class_share: Annotated[float, Field(gt=0.5, le=1)] = 0.9  # of a tile
    tissue: Tissue = Tissue()
    threads: Count = 1

    @property
    def modality(self) -> str:
        return "histology"

    @property
    def tile_classes(self) -> list[str]:
        """The classes that tiles are taken of."""
        return [name for name in dict.fromkeys([*self.classes, self.rest]) if name != IGNORE]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.level is not None and self.mpp is not None:
            raise mistake("'level' or 'mpp' says how fine the tiles are, not both")
        if self.columns.outlines is None and self.columns.class_ is None:
            raise mistake("'columns' names neither outlines nor class; one is needed")
        words = [word.strip().casefold() for those in self.classes.values() for word in those]
        if twice := sorted({word for word in words if words.count(word) > 1}):
            raise mistake("classes: '{word}' stands for two classes", word=twice[0])
        if self.rest not in (*self.classes, IGNORE):
            raise mistake(
                "rest: '{rest}' is no class of the source; one of: {known}",
                rest=self.rest,
                known=", ".join(dict.fromkeys([*self.classes, IGNORE])),
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
    """Labels in one column: a value, or several with a separator between them."""

    column: Column
    separator: str | None = None
    names: Annotated[dict[Label, str], Field(min_length=1)]


class ImageTable(Source):
    """Ready images (PNG, TIFF, JPEG, BMP) and a CSV or Parquet table that describes them."""

    kind: Literal["table"]
    table: FilePath
    modality: Literal["xray", "histology", "other"] = "other"
    columns: TableColumns = TableColumns()
    labels: TableLabels | None = None
    screen: Screen = Screen()


AnySource = Annotated[
    DicomArchive | MicroscopeFields | Slides | ImageTable, Field(discriminator="kind")
]


SOURCE_KINDS = ("dicom_archive", "microscope_fields", "slides", "table")


TILED = ("microscope_fields", "slides")  # kinds of source that own the pixels of their groups
