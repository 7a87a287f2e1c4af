"""The study file: what it may say, and what is wrong with one that says something else.

The only parser of configuration. Imports nothing heavy and touches no files: every job of a
cluster pays for it. `parse` raises one UserError that holds a line for each mistake.
"""

import codecs
import difflib
import re
import types
from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pgdose.errors import UserError
from pgdose.names import NAME, NAME_RULE


def mistake(text: str, **values: Any) -> PydanticCustomError:
    return PydanticCustomError("study", text, values)


def _codec(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise mistake("an encoding that Python knows, such as utf-8, cp1251 or koi8-r") from None
    return name


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,79}", name):
        raise mistake("a name of the library's own, such as PGD or max_iter")
    return name


def _place(path: str) -> str:
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise mistake(
            "a path without braces, which stand for wildcards in Snakemake, and line breaks"
        )
    return path


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Epsilon = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
IS_PATH = "path"  # marks fields that say where files lie
FilePath = Annotated[str, IS_PATH]
Place = Annotated[str, IS_PATH, AfterValidator(_place)]  # of what the workflow makes
Identifier = Annotated[str, AfterValidator(_identifier)]
Encoding = Annotated[str, AfterValidator(_codec)]
Column = str | list[str]  # a column's name, or several of which the first that is there counts


FULL = "full"  # the run of a group's own network
SIZED = r"n\d+-r\d+"  # those of smaller training sets
ONE_WIDTH = "'imagenet' fits 'width: 1' only; give null or a file"
INCEPTION_MINIMUM = 75  # pixels; a smaller image has no pixel left at the end of InceptionV3


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def known(self) -> dict[str, Any]:
        """Plain values, for a rule's params."""
        return self.model_dump(mode="json", by_alias=True)

    def shown(self) -> dict[str, Any]:
        """Plain values for the report, without the fields that say where files lie."""
        plain = self.known()
        found: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Model):
                found[name] = value.shown()
            elif isinstance(value, dict) and all(isinstance(v, Model) for v in value.values()):
                found[name] = {key: entry.shown() for key, entry in value.items()}
            elif IS_PATH not in field.metadata:
                found[field.alias or name] = plain[field.alias or name]
        return found


# --- where the data come from -----------------------------------------------------------------


class PhantomXray(Model):
    norm: Count = 800
    aorta: Count = 200
    tuberculosis: Count = 70
    other: Annotated[int, Field(ge=0)] = 60
    broken: Annotated[int, Field(ge=0)] = 12


class PhantomFields(Model):
    patients_per_organ: Count = 10
    fields_per_patient: Count = 1
    width: Annotated[int, Field(ge=256, le=8192)] = 2048
    height: Annotated[int, Field(ge=256, le=8192)] = 1536


class PhantomSlides(Model):
    slides: Count = 12
    side: Annotated[int, Field(ge=1024, le=100_000)] = 4096
    broken: Annotated[int, Field(ge=0)] = 3


class Phantom(Model):
    """The synthetic hospital: how much of each kind it makes."""

    root: Place = "hospital"
    xray: PhantomXray | None = None
    fields: PhantomFields | None = None
    slides: PhantomSlides | None = None


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
ATTACK_KINDS = ("gradient", "noise", "external")
TILED = ("microscope_fields", "slides")  # kinds of source that own the pixels of their groups


# --- groups -----------------------------------------------------------------------------------


class Where(Model):
    label: Label | None = None
    class_: Annotated[Name | None, Field(alias="class")] = None
    age: tuple[float, float] | None = None
    sex: Literal["F", "M"] | None = None
    view: list[str] | None = None

    @field_validator("age")
    @classmethod
    def _ascending(cls, age: tuple[float, float] | None) -> tuple[float, float] | None:
        if age is not None and not 0 <= age[0] <= age[1] <= 130:
            raise mistake("a range of full years [from, to], 0 <= from <= to <= 130")
        return age


class Class(Model):
    """One class of a group: which records, and how many of them."""

    source: Name
    where: Where = Where()
    count: Count | Literal["all"] | None = None
    at_most: Count | None = None
    augment_to: Count | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.count is None) == (self.at_most is None):
            raise mistake("exactly one of 'count' (a number or all) and 'at_most' must be given")
        if self.augment_to and isinstance(self.count, int) and self.augment_to < self.count:
            raise mistake("'augment_to' must not be smaller than 'count'")
        return self


class Image(Model):
    size: Annotated[int, Field(ge=16, le=2048)] = 256
    window: Literal["voi", "percentile", "full"] = "percentile"  # what a grey value of DICOM means
    crop: Literal["none", "aorta"] = "none"
    least_confidence: Annotated[float, Field(ge=0, le=1)] = 0.4  # that the aorta was found
    boxes: Annotated[str | None, IS_PATH] = None  # windows by hand, before those found

    @model_validator(mode="after")
    def _boxes_of_a_crop(self) -> Self:
        if self.boxes and self.crop != "aorta":
            raise mistake("'boxes' goes with 'crop: aorta'")
        return self


class Augment(Model):
    """How far copies of an image may differ from it; drawn evenly between -limit and limit."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 7.0  # degrees
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.04  # of the side
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    brightness: Annotated[float, Field(ge=0, le=0.5)] = 0.06  # of the full range
    contrast: Annotated[float, Field(ge=0, le=0.9)] = 0.12
    noise: Annotated[float, Field(ge=0, le=0.5)] = 0.012  # standard deviation, of the full range
    flip: bool = False  # mirror every second copy; a chest is not symmetric


# torchvision's classification networks.
ARCHITECTURES = (
    *("alexnet", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *(f"efficientnet_b{n}" for n in range(8)),
    *("efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s"),
    *("googlenet", "inception_v3", "maxvit_t"),
    *("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"),
    *("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *(f"regnet_x_{n}" for n in ("16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *(f"regnet_y_{n}" for n in ("128gf", "16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf")),
    *("regnet_y_8gf", "resnet101", "resnet152", "resnet18", "resnet34", "resnet50"),
    *("resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d"),
    *(f"shufflenet_v2_x{n}" for n in ("0_5", "1_0", "1_5", "2_0")),
    *("squeezenet1_0", "squeezenet1_1"),
    *("swin_b", "swin_s", "swin_t", "swin_v2_b", "swin_v2_s", "swin_v2_t"),
    *(f"vgg{n}" for n in ("11", "11_bn", "13", "13_bn", "16", "16_bn", "19", "19_bn")),
    *("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"),
    *("wide_resnet101_2", "wide_resnet50_2"),
)


def _architecture(name: str) -> str:
    if name not in ARCHITECTURES and not re.fullmatch(r"timm/[A-Za-z0-9_.]{1,80}", name):
        near = _nearest(name, ARCHITECTURES)
        raise mistake(
            "no network of torchvision's{near}; a name of its classification networks, or "
            "timm/NAME for one of timm's",
            near=near,
        )
    return name


Architecture = Annotated[str, AfterValidator(_architecture)]


# By a file's suffix; safetensors hold weights alone and want an architecture beside them.
NETWORK_FORMATS = {
    **{".pt2": "exported program", ".onnx": "onnx", ".safetensors": "weights"},
    **{".pt": "torchscript", ".ts": "torchscript", ".torchscript": "torchscript"},
}


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Input(Model):
    """What a network from elsewhere is used to see."""

    size: Count | None = None  # pixels; if given, `image.size` must be the same
    channels: Literal[1, 3] = 3
    range: tuple[float, float] = (0.0, 1.0)  # the values of black and of white
    # In that range, one for all channels or one each; null: the architecture's, or else 0 and 1.
    mean: Annotated[list[float], BeforeValidator(_several)] | None = None
    std: Annotated[list[Annotated[float, Field(gt=0)]], BeforeValidator(_several)] | None = None
    layout: Literal["channels_first", "channels_last"] = "channels_first"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise mistake("'range' is [black, white], and black is less")
        given = [values for values in (self.mean, self.std) if values is not None]
        if any(len(values) not in (1, self.channels) for values in given):
            raise mistake("'mean' and 'std' have one number for all channels, or one each")
        return self


class Network(Model):
    """A network that was trained elsewhere; the group's images are all for validation then."""

    file: FilePath
    classes: Annotated[list[Name], Field(min_length=2)]  # in the order of its outputs
    architecture: Architecture | None = None  # of weights alone (safetensors)
    input: Input | None = None  # null: as the architecture's ImageNet weights; else Input's own
    outputs: Literal["logits", "probabilities"] = "logits"
    trust: bool = False  # TorchScript is a program of its own: whoever says true, runs it

    @model_validator(mode="after")
    def _fits(self) -> Self:
        suffix = PurePath(self.file).suffix.lower()
        kind = NETWORK_FORMATS.get(suffix)
        if kind is None:
            raise mistake(
                "file: '{suffix}' is no kind of network; one of {known}",
                suffix=suffix,
                known=", ".join(NETWORK_FORMATS),
            )
        if (kind == "weights") != (self.architecture is not None):
            raise mistake(
                "'architecture' goes with a file of weights (.safetensors), and only with one"
            )
        if kind == "torchscript" and not self.trust:
            raise mistake(
                "file: TorchScript is a program that reading it would run; give an exported "
                "program (.pt2), or say 'trust: true' if you know who made it"
            )
        if len(set(self.classes)) < len(self.classes):
            raise mistake("'classes' names one twice")
        return self


class Training(Model):
    """How a group's network is made. What stands here but for the last part decides its weights."""

    architecture: Architecture = "inception_v3"
    width: Annotated[float, Field(gt=0, le=1)] = 1.0  # of inception_v3's channel counts
    weights: Annotated[str | None, IS_PATH] = None  # imagenet, or a safetensors file
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None  # null: the architecture's own
    auxiliary: Annotated[float, Field(ge=0, le=1)] = 0.4  # weight of auxiliary heads' loss
    optimizer: Literal["adam", "adamw"] = "adam"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    epochs: Count = 20
    batch: Annotated[int, Field(ge=2)] = 32
    augment: Augment | None = None  # anew in each epoch; copies made before are a class's matter
    keep: Literal["last", "best"] = "last"  # best: the epoch with the least loss on `held_out`
    patience: Count | None = None  # epochs without a smaller one, after which training ends
    held_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.1  # of the training images, by patient
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"  # others on CUDA only
    deterministic: bool = False  # on CUDA; on a CPU it always is
    gpus: Annotated[int, Field(ge=1, le=16)] = 1  # that share each batch
    tensorboard: bool = False
    threads: Count = 2
    mem_mb: Count = 3000
    runtime: Count = 60  # minutes

    @field_validator("width")
    @classmethod
    def _sixteenths(cls, width: float) -> float:
        if (width * 16) % 1:
            raise mistake("a multiple of 1/16, so that all channel counts stay whole")
        return width

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.width != 1 and self.architecture != "inception_v3":
            raise mistake(
                "'width: {width}' is of inception_v3; leave it out for {architecture}",
                width=self.width,
                architecture=self.architecture,
            )
        if self.batch < 2 * self.gpus:
            raise mistake("'batch' must be at least 2 images for each of 'gpus'")
        return self


def _network_kind(raw: Any) -> str:
    """A file makes it a network that exists already."""
    there = isinstance(raw, Network) or (isinstance(raw, dict) and "file" in raw)
    return "brought" if there else "trained"


AnyNetwork = Annotated[
    Annotated[Network, Tag("brought")] | Annotated[Training, Tag("trained")],
    Discriminator(_network_kind),
]
OF_ARCHITECTURE = ("width", "weights", "dropout")  # what another one does not take over


class Group(Model):
    title: str
    image: Image = Image()
    balance: list[Literal["sex", "class"]] = []
    augment: Augment = Augment()
    classes: Annotated[dict[Name, Class], Field(min_length=2)]
    network: Network | None = None  # one that exists already; null: it is trained
    networks: dict[Name, AnyNetwork] = {}  # more of them; keys left out are those of `training`
    exclude: Annotated[str | None, IS_PATH] = None
    shards: Count = 1
    paper_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _counts_fit_the_balance(self) -> Self:
        for name, entry in self.classes.items():
            if "sex" in self.balance and isinstance(entry.count, int) and entry.count % 2:
                raise mistake(
                    "classes.{name}.count is {count}; with 'balance: [sex]' it must be even",
                    name=name,
                    count=entry.count,
                )
            if "class" in self.balance and isinstance(entry.count, int):
                raise mistake(
                    "classes.{name}.count is {count}; 'balance: [class]' is for 'at_most' and "
                    "'count: all', exact counts are what they are",
                    name=name,
                    count=entry.count,
                )
        return self


# --- network and attacks ----------------------------------------------------------------------


class Split(Model):
    training: Annotated[float, Field(gt=0, lt=1)] = 0.8
    by: Literal["patient"] = "patient"


class Attack(Model):
    epsilon: Annotated[
        list[Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(min_length=1)
    ]
    max_iter: Count = 20
    images: Count | Literal["all"] = "all"
    export: Annotated[int, Field(ge=0)] = 0  # images of each group written as PNG
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"  # of the network; others on CUDA only
    shards: Count = 1
    batch: Count | None = None  # images at a time; null: what fits into mem_mb or the GPU
    threads: Count = 2
    mem_mb: Count = 3000
    runtime: Count = 60  # minutes

    @property
    def longest(self) -> float:
        """The largest amplitude that makes sense."""
        return 1.0

    @field_validator("epsilon")
    @classmethod
    def _ascending(cls, epsilon: list[float]) -> list[float]:
        if sorted(set(epsilon)) != epsilon:
            raise mistake("amplitudes in rising order, none twice, in units of the range [0, 1]")
        return epsilon

    @model_validator(mode="after")
    def _within_the_range(self) -> Self:
        if self.epsilon[-1] > self.longest:
            raise mistake(
                "epsilon: {stands}; at most 1, the full intensity range", stands=self.epsilon[-1]
            )
        return self


# What the well-known attacks are made of. FGSM is one step that reaches the edge of every box.
FORMS: dict[str, dict[str, Any]] = {
    "fgsm": {"step": "sign", "start": "clean", "momentum": 0.0, "alpha": 1.0, "max_iter": 1},
    "bim": {"step": "sign", "start": "clean", "momentum": 0.0},
    "pgd": {"step": "sign", "start": "random", "momentum": 0.0},
    "mi-fgsm": {"step": "sign", "start": "clean", "momentum": 1.0},
    "pgd-l2": {"step": "l2", "start": "random", "momentum": 0.0, "clip": "l2"},
    "apgd-ce": {"schedule": "apgd", "start": "random"},
    "apgd-dlr": {"schedule": "apgd", "start": "random", "gradient_of": "dlr"},
}
LEAST_LIKELY = "least_likely"
_OF_ALL_FORMS = {"gradient_of": "cross_entropy", "clip": "iterate", "schedule": "constant"}


class GradientAttack(Attack):
    """Eq. 1 of the protocol and its relatives, put together of small parts."""

    kind: Literal["gradient"] = "gradient"
    form: Literal["fgsm", "bim", "pgd", "mi-fgsm", "pgd-l2", "apgd-ce", "apgd-dlr"] | None = (
        None  # a well-known attack by its name; stands for the parts that it is made of
    )
    gradient_of: Literal["probability", "logit", "cross_entropy", "margin", "dlr"] = "probability"
    target: Name | None = None  # a class's name or least_likely; null: away from the true class
    step: Literal["raw", "sign", "l2"] | None = None  # raw, unless the schedule has its own
    momentum: Annotated[float, Field(ge=0)] = 0.0
    clip: Literal["iterate", "l2", "gradient"] = "iterate"
    start: Literal["clean", "random"] = "clean"
    restarts: Count = 1
    schedule: Literal["constant", "apgd"] = "constant"
    lr: Annotated[float, Field(gt=0)] | None = None
    alpha: Annotated[float, Field(gt=0)] | None = None
    # Work that need not be done; each can be left out of the list to see that nothing changes.
    shortcuts: list[Literal["sharing", "repeats", "wrong"]] = ["sharing", "repeats", "wrong"]

    @property
    def longest(self) -> float:
        return float("inf") if self.clip == "l2" else 1.0

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, raw: Any) -> Any:
        """The parts that a form stands for; a step where the schedule has none."""
        if not isinstance(raw, dict):
            return raw
        parts = FORMS.get(str(raw.get("form")))
        if parts is not None:
            parts = _OF_ALL_FORMS | parts
            for part, value in parts.items():
                if raw.get(part, value) != value:
                    raise mistake(
                        "form: {form} means '{part}: {value}', but {stands} stands there; leave "
                        "one of the two out",
                        **{"form": raw["form"], "part": part, "value": value, "stands": raw[part]},
                    )
            raw = {**raw, **parts}
        if raw.get("schedule", "constant") == "constant":
            raw = {**raw, "step": raw.get("step") or "raw"}
        return raw

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for wrong, why in (
            (
                self.schedule == "apgd" and (self.step or self.momentum or self.lr or self.alpha),
                "'schedule: apgd' has its own step, momentum and rate; leave out 'step', "
                "'momentum', 'lr' and 'alpha'",
            ),
            (
                self.schedule == "apgd" and self.clip == "gradient",
                "'schedule: apgd' needs a box or ball; use 'clip: iterate' or 'clip: l2'",
            ),
            (
                self.step == "raw" and (self.lr is None or self.alpha is not None),
                "'step: raw' takes 'lr' and no 'alpha'",
            ),
            (
                self.step in ("sign", "l2") and (self.alpha is None or self.lr is not None),
                f"'step: {self.step}' takes 'alpha' and no 'lr'",
            ),
            (
                self.step == "sign" and (self.alpha or 0) > 1,
                f"alpha: {self.alpha}; at most 1 with 'step: sign', the full intensity range",
            ),
            (
                self.clip == "gradient" and self.step != "raw",
                "'clip: gradient' bounds a raw gradient; with 'step: sign' or 'l2' use iterate",
            ),
            (
                self.momentum and self.step == "raw",
                "'momentum' adds up gradients of length 1, which are not raw; use 'step: sign' "
                "or 'step: l2'",
            ),
            (
                self.start == "random" and self.clip == "gradient",
                "'start: random' draws from a box or ball, and 'clip: gradient' has none; use "
                "'start: clean'",
            ),
            (
                self.restarts > 1 and self.start == "clean",
                "'restarts' from the clean image would all be one; use 'start: random'",
            ),
            (
                self.gradient_of == "dlr" and self.target is not None,
                "'gradient_of: dlr' has no target here; use margin",
            ),
        ):
            if wrong:
                raise mistake("{why}", why=why)
        return self


class NoiseAttack(Attack):
    """The control: uniform noise of the same amplitude, drawn anew at each iteration."""

    kind: Literal["noise"]


class ExternalAttack(Attack):
    """An attack of another library, by its class's name there."""

    kind: Literal["external"]
    library: Literal["art", "foolbox", "torchattacks"]
    name: Identifier
    arguments: dict[str, bool | int | float | str | None] = {}
    # What the library calls the number of iterations; null: it has none, and max_iter is one run.
    iterations_as: Identifier | None = None
    at: list[Count] = []  # iterations to run it for; nothing: max_iter alone

    @property
    def longest(self) -> float:
        return float("inf")  # the library's norm is not known here

    @model_validator(mode="after")
    def _runs(self) -> Self:
        if self.export:
            raise mistake("'export' makes images again, which is for kind gradient and noise")
        if self.at and self.iterations_as is None:
            raise mistake("'at' needs 'iterations_as', the library's word for iterations")
        if sorted(set(self.at)) != self.at or (self.at and self.at[-1] != self.max_iter):
            raise mistake("at: {at}; rising, none twice, max_iter the last", at=self.at)
        return self


def _attack_kind(raw: Any) -> str:
    return str(raw.get("kind", "gradient") if isinstance(raw, dict) else raw.kind)


AnyAttack = Annotated[
    Annotated[GradientAttack, Tag("gradient")]
    | Annotated[NoiseAttack, Tag("noise")]
    | Annotated[ExternalAttack, Tag("external")],
    Discriminator(_attack_kind),
]


class Checks(Model):
    """The dear ones of the checks of each attack: on how many images, and how far they go."""

    images: Annotated[int, Field(ge=0)] = 8  # 0: the cheap checks alone
    queries: Count = 200  # of Square, an image


class TrainingSize(Model):
    """Networks trained on keyed parts of one group's training images (Fig. 3d)."""

    group: Name
    sizes: Annotated[list[Count], Field(min_length=1)]
    repeats: Count = 3
    attacks: Annotated[list[Name], Field(min_length=1)]


class OperatingPoints(Model):
    """Where Figs. 1-3 cut the response surface."""

    attack: Name | None = None  # of Figs. 1 and 2; the first of the study if not given
    epsilon: Epsilon = 0.10  # Figs. 3c and 3d
    iterations: Count = 20
    epsilons_over_iterations: list[Epsilon] = [0.02, 0.10]  # Fig. 3b
    flips_epsilon: Epsilon = 0.02  # Fig. 2


class Measures(Model):
    """How the response surfaces are measured."""

    success: Literal["final", "any"] = "final"  # any: flipped at some iteration up to this one
    draws: Annotated[int, Field(ge=200, le=100_000)] = 2000  # of the bootstrap over patients


class Privacy(Model):
    key: Place = "private/key"
    folder: Place = ""  # private/<name of the results folder>


class Study(Model):
    study: Name
    seed: Annotated[int, Field(ge=0)] = 2019
    results: Place = ""
    privacy: Privacy = Privacy()
    phantom: Phantom | None = None
    sources: Annotated[dict[Name, AnySource], Field(min_length=1)]
    groups: Annotated[dict[Name, Group], Field(min_length=1)]
    split: Split = Split()
    training: Training = Training()
    attacks: Annotated[dict[Name, AnyAttack], Field(min_length=1)]
    checks: Checks = Checks()
    training_size: TrainingSize | None = None
    operating_points: OperatingPoints = OperatingPoints()
    measures: Measures = Measures()

    @model_validator(mode="before")
    @classmethod
    def _default_folders(cls, raw: Any) -> Any:
        """Two studies share neither results nor the paths that lead to their files."""
        if isinstance(raw, dict):
            results = str(raw.get("results") or f"results/{raw.get('study')}").rstrip("/")
            privacy = raw.get("privacy") or {}
            if isinstance(privacy, dict) and not privacy.get("folder"):
                privacy = {**privacy, "folder": f"private/{results.rsplit('/', 1)[-1]}"}
            raw = {**raw, "results": results, "privacy": privacy}
        return raw

    @model_validator(mode="before")
    @classmethod
    def _as_the_others(cls, raw: Any) -> Any:
        """What a group's further networks do not say of their training is the study's."""

        def mapping(value: Any) -> dict[str, Any]:
            return value if isinstance(value, dict) else {}

        def filled(entry: Any) -> Any:
            if not isinstance(entry, dict) or _network_kind(entry) == "brought":
                return entry
            usual = dict(mapping(raw.get("training")))
            try:
                Training.model_validate(usual)
            except ValidationError:  # told once, where it stands
                return entry
            own = usual.get("architecture", "inception_v3")
            if entry.get("architecture", own) != own:
                usual = {k: v for k, v in usual.items() if k not in OF_ARCHITECTURE}
            return {**usual, **entry}

        groups = {
            name: {**group, "networks": {n: filled(e) for n, e in group["networks"].items()}}
            for name, group in mapping(mapping(raw).get("groups")).items()
            if isinstance(group, dict) and isinstance(group.get("networks"), dict)
        }
        return {**raw, "groups": {**raw["groups"], **groups}} if groups else raw

    def modality(self, group: str) -> str:
        """xray, histology or other: what the group's first source says."""
        return self.sources[next(iter(self.groups[group].classes.values())).source].modality

    def channels(self, group: str) -> int:
        """A grey X-ray is one channel, also to the attack; all else is colour."""
        return 1 if self.modality(group) == "xray" else 3

    def sources_of(self, group: str) -> list[str]:
        return sorted({entry.source for entry in self.groups[group].classes.values()})

    def tiled(self, group: str) -> bool:
        """Whether the group's pixels are tiles that its sources own."""
        return all(self.sources[source].kind in TILED for source in self.sources_of(group))

    def training_share(self, group: str) -> float:
        """How much of a group is learned from; nothing where the network exists already."""
        return 0.0 if self.groups[group].network else self.split.training

    def networks(self, group: str) -> dict[str, "Network | Training"]:
        """By run: the group's network, `full`, and more of them on the same images."""
        own = self.groups[group]
        return {FULL: own.network or self.training, **own.networks}

    def runs(self, group: str) -> list[str]:
        """`full`, other networks, and for the group of `training_size` one per size and repeat."""
        more = []
        if self.training_size and self.training_size.group == group:
            more = [
                f"n{size}-r{repeat}"
                for size in self.training_size.sizes
                for repeat in range(1, self.training_size.repeats + 1)
            ]
        return [*self.networks(group), *more]

    def attacks_of(self, group: str, run: str) -> list[str]:
        if run in self.networks(group) or self.training_size is None:
            return list(self.attacks)
        return list(self.training_size.attacks)

    def synthetic(self, source: str) -> bool:
        """Whether the synthetic hospital makes the source."""
        entry = self.sources[source]
        table = entry.reports.table if isinstance(entry, DicomArchive) else entry.table
        place = table or entry.root
        return self.phantom is not None and PurePath(place).is_relative_to(self.phantom.root)

    def target(self, group: str, attack: str) -> int | str | None:
        """What a targeted attack aims at: a class's index in the group, least_likely or None."""
        wanted = getattr(self.attacks[attack], "target", None)
        classes = list(self.groups[group].classes)
        return classes.index(wanted) if wanted in classes else wanted

    def shown_attack(self) -> str:
        """The attack of Figs. 1 and 2, whose images are made again for them."""
        own = [a for a, attack in self.attacks.items() if attack.kind != "external"]
        return self.operating_points.attack or next(iter([*own, *self.attacks]))


def _cross_checks(study: Study) -> list[str]:
    """Mistakes that lie between the sections."""
    found = []

    def reference(field: str, value: str, known: Iterable[str], what: str) -> bool:
        if value not in known:
            near = _nearest(value, known)
            found.append(f"{field}: {value!r} is no {what} of this study{near}; {_list(known)}")
            return False
        return True

    for g, group in study.groups.items():
        kinds = set()
        channels = set()
        for c, entry in group.classes.items():
            at = f"groups.{g}.classes.{c}"
            if not reference(f"{at}.source", entry.source, study.sources, "source"):
                continue
            source = study.sources[entry.source]
            kinds.add(source.kind in TILED)
            channels.add(source.modality == "xray")
            if isinstance(source, ImageTable) and entry.where.label:
                names = source.labels.names if source.labels else {}
                reference(f"{at}.where.label", entry.where.label, names, "label of its source")
            if isinstance(source, Slides) and entry.where.class_:
                known = source.tile_classes
                reference(f"{at}.where.class", entry.where.class_, known, "class of its source")
            if isinstance(source, MicroscopeFields | Slides) and group.image.size > source.tile:
                found.append(
                    f"groups.{g}.image.size: {group.image.size} is larger than the tiles of "
                    f"source {entry.source} ({source.tile}); at most that is allowed"
                )
            if group.image.crop == "aorta" and source.modality != "xray":
                found.append(
                    f"groups.{g}.image.crop: 'aorta' needs X-rays, but source {entry.source} "
                    f"is {source.modality}; use none"
                )
            if group.image.window != "percentile" and not isinstance(source, DicomArchive):
                found.append(
                    f"groups.{g}.image.window: {group.image.window!r} is for DICOM files, but "
                    f"source {entry.source} is of kind {source.kind}; leave it out"
                )
            if entry.augment_to and group.network:
                found.append(
                    f"{at}.augment_to: a network that exists already learns from no copies; leave "
                    "it out"
                )
            if entry.augment_to and source.kind in TILED:
                found.append(
                    f"{at}.augment_to: tiles belong to their source and are not augmented; "
                    "leave it out"
                )
        found += _network_checks(study, g, grey=channels == {True})
        if len(kinds) > 1 or len(channels) > 1:
            found.append(
                f"groups.{g}.classes: sources of different kinds in one group; all classes must "
                "come from tile sources or none, and all be X-rays or none"
            )
    for source_name in study.sources:
        if source_name in study.groups:
            found.append(f"sources.{source_name}: a group has the same name; choose another")
    if study.training_size:
        size = study.training_size
        if reference("training_size.group", size.group, study.groups, "group"):
            found += _size_checks(size, study.groups[size.group])
            if study.groups[size.group].network:
                found.append(
                    f"training_size.group: {size.group} has a network that exists already; name a "
                    "group that is trained"
                )
        for attack in size.attacks:
            reference("training_size.attacks", attack, study.attacks, "attack")
    shown = study.shown_attack()
    if (
        reference("operating_points.attack", shown, study.attacks, "attack")
        and study.attacks[shown].kind == "external"
    ):
        found.append(
            f"operating_points.attack: {shown!r} is of another library, and its images are not "
            "made again for figures; name one of kind gradient or noise"
        )
    found += _attack_checks(study)
    epsilon = study.operating_points.epsilon
    doses = sorted({e for attack in study.attacks.values() for e in attack.epsilon})
    if not any(abs(dose - epsilon) < 1e-9 for dose in doses):
        found.append(
            f"operating_points.epsilon: {epsilon} is an amplitude of no attack; one of {doses}"
        )
    if study.training.weights == "imagenet" and study.training.width != 1:
        found.append(f"training.weights: {ONE_WIDTH}")
    return found


def _network_checks(study: Study, g: str, grey: bool) -> list[str]:
    """Mistakes between a group and the networks that it is given."""
    group, found = study.groups[g], []
    for name in group.networks:
        if name in (FULL, "images") or re.fullmatch(SIZED, name):
            found.append(
                f"groups.{g}.networks.{name}: {name!r} is the name of another run or folder; "
                "choose another"
            )
    for run, network in study.networks(g).items():
        at = f"groups.{g}.network" + (f"s.{run}" if run != FULL else "")
        if network.architecture == "inception_v3" and group.image.size < INCEPTION_MINIMUM:
            found.append(
                f"groups.{g}.image.size: {group.image.size}, but inception_v3 takes "
                f"{INCEPTION_MINIMUM} pixels and more"
            )
        if isinstance(network, Training):
            if group.network:
                found.append(
                    f"{at}: nothing is left to train on beside groups.{g}.network, for which all "
                    "images are validation; give a 'file' here, or make that one of 'networks'"
                )
            if network.tensorboard != study.training.tensorboard:
                found.append(
                    f"{at}.tensorboard: {str(network.tensorboard).lower()}, but "
                    f"training.tensorboard is {str(study.training.tensorboard).lower()}; it is for "
                    "all networks or none"
                )
            if network.weights == "imagenet" and network.width != 1 and run != FULL:
                found.append(f"{at}.weights: {ONE_WIDTH}")
            continue
        if set(network.classes) != set(group.classes):
            found.append(
                f"{at}.classes: {network.classes}; the group's classes, {list(group.classes)}, in "
                "the order of the network's outputs"
            )
        seen = network.input
        if seen and seen.size is not None and seen.size != group.image.size:
            found.append(
                f"groups.{g}.image.size: {group.image.size}, but a network takes {seen.size} "
                f"pixels ({at}.input.size)"
            )
        if seen and seen.channels == 1 and not grey:
            found.append(f"{at}.input.channels: 1, but the group's images have colours")
    return found


def _attack_checks(study: Study) -> list[str]:
    """Attacks that a group of the study has too few, or other, classes for."""
    found = []
    for name, attack in study.attacks.items():
        if not isinstance(attack, GradientAttack):
            continue
        for g, group in study.groups.items():
            if attack.gradient_of == "dlr" and len(group.classes) < 3:
                found.append(
                    f"attacks.{name}.gradient_of: 'dlr' compares three classes, but group {g} has "
                    f"{len(group.classes)}; use margin"
                )
            if attack.target not in (None, LEAST_LIKELY, *group.classes):
                found.append(
                    f"attacks.{name}.target: {attack.target!r} is no class of group {g}; "
                    f"{LEAST_LIKELY}, or a class that every group has"
                )
    return found


def _size_checks(size: TrainingSize, group: Group) -> list[str]:
    classes = len(group.classes)
    counts = [entry.augment_to or entry.count for entry in group.classes.values()]
    most = min((n for n in counts if isinstance(n, int)), default=None)
    found = []
    for n in size.sizes:
        if n % classes or n < 2 * classes:
            found.append(
                f"training_size.sizes: {n}; a multiple of {classes}, the number of classes of "
                f"{size.group}, and at least {2 * classes}"
            )
        elif most is not None and n > most * classes:
            found.append(
                f"training_size.sizes: {n} is more than {size.group} has; at most {most * classes}"
            )
    if len(set(size.sizes)) < len(size.sizes) or len(set(size.attacks)) < len(size.attacks):
        found.append("training_size: a size or an attack stands twice; each once")
    return found


# --- messages ---------------------------------------------------------------------------------


def parse(raw: dict[str, Any]) -> Study:
    """The study in `raw`, or a UserError with one line per mistake."""
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        seen = dict.fromkeys(_line(raw, e) for e in error.errors(include_url=False))
        raise UserError(_message(list(seen))) from None
    if found := _cross_checks(study):
        raise UserError(_message(found))
    return study


def _message(lines: list[str]) -> str:
    head = "The study has a mistake" if len(lines) == 1 else f"The study has {len(lines)} mistakes"
    return "\n".join([f"{head}:", *(f"  {line}" for line in lines)])


def _line(raw: Any, error: Any) -> str:
    """`path.of.the.field: what stands there; what may`."""
    path, model = _locate(raw, error["loc"])
    stands = error["input"]
    shown = "" if isinstance(stands, dict) else f"{stands!r}: "
    if error["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"{path}: unknown key{_nearest(path.rsplit('.', 1)[-1], known)}; {_list(known)}"
    if error["type"] == "missing":
        return f"{path}: missing; it must be given"
    if error["type"] == "string_pattern_mismatch":
        label = error["ctx"]["pattern"].startswith("^[a-z]")
        rule = "a small letter, then small letters, digits or '_'" if label else NAME_RULE
        return f"{path}: {stands!r} is no valid name; {rule}"
    if error["type"].startswith("union_tag"):
        told = stands.get("kind") if isinstance(stands, dict) else stands
        kinds = SOURCE_KINDS if path.startswith("sources.") else ATTACK_KINDS
        return f"{path}.kind: {told!r} is no kind{_nearest(str(told), kinds)}; {_list(kinds)}"
    text = error["msg"]
    return f"{path}: {shown}{text[:1].lower()}{text[1:]}"


def _locate(raw: Any, loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel]]:
    """The field's path as its author knows it, and the model that the last part belongs to."""
    path: list[str] = []
    kind: Any = Study
    model: type[BaseModel] = Study
    for i, part in enumerate(loc):
        inside = isinstance(raw, dict) and part in raw
        inside = inside or (isinstance(raw, list) and isinstance(part, int) and part < len(raw))
        kind = _resolve(kind, raw)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            if not inside and part not in fields:
                if i == len(loc) - 1 and not path:
                    path.append(str(part))
                continue  # the tag of a union, not a key of the file
            kind = fields[part].annotation if part in fields else Any
        elif get_origin(kind) is dict:
            if part == "[key]":
                continue
            kind = get_args(kind)[1]
        elif not inside:
            continue
        path.append(str(part))
        raw = raw[part] if inside else None
    # One that is no name can hold a line break, or turn the line round.
    shown = [part if part.isprintable() else ascii(part) for part in path]
    return ".".join(shown) or "the file", model


def _resolve(kind: Any, raw: Any) -> Any:
    """Look through Annotated, Optional and unions told apart by `kind:`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        choices = [_resolve(choice, raw) for choice in get_args(kind) if choice is not type(None)]
        models = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if Training in models:
            return Network if _network_kind(raw) == "brought" else Training
        told = raw.get("kind", "gradient") if isinstance(raw, dict) else None
        for choice in models:
            if "kind" in choice.model_fields and told in get_args(
                choice.model_fields["kind"].annotation
            ):
                return choice
        return models[0] if models else (choices[0] if choices else Any)
    return kind


def _nearest(value: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(value, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _list(known: Iterable[str]) -> str:
    return f"known: {', '.join(known) or 'none'}"
