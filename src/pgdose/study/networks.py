"""Keys `network` and `networks` of a group: networks that exist already, and further ones."""

from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from pgdose.study.base import IS_PATH, JOB_ONLY, Model, Name, Real, mistake
from pgdose.study.field_types import InputFile
from pgdose.study.image_size import DeclaredSize
from pgdose.study.network_kinds import kind_of_suffix, refusal
from pgdose.study.suggestions import one_of
from pgdose.study.training import Architecture, Training

# By the suffix of a network's file. A file of weights needs an architecture beside it.
NETWORK_FORMATS = {
    **{".pt2": "exported program", ".onnx": "onnx", ".safetensors": "weights"},
    **{".pt": "torchscript", ".ts": "torchscript", ".torchscript": "torchscript"},
}
FORMAT_NAMES = {
    **{"exported program": "an exported program", "onnx": "an ONNX model"},
    **{"weights": "a file of weights (safetensors)", "torchscript": "a TorchScript file"},
}
OF_FOLDER = ". If it is a folder of TensorFlow, it is {what}"


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Input(Model):
    """The input that a network from elsewhere expects."""

    # Pixels of a side, or [height, width]; if given, `image.size` must be the same.
    size: DeclaredSize | None = None
    channels: Literal[1, 3] = 3
    range: tuple[Real, Real] = (0.0, 1.0)  # the values of black and of white
    # In that range, one for all channels or one each. null: those of the architecture's ImageNet
    # weights if there is one, else 0 and 1.
    mean: Annotated[list[Real], BeforeValidator(_as_list)] | None = None
    std: Annotated[list[Annotated[Real, Field(gt=0)]], BeforeValidator(_as_list)] | None = None
    layout: Literal["channels_first", "channels_last"] = "channels_first"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise mistake("must be [black, white] with black < white", field="range")
        for field in ("mean", "std"):
            values = getattr(self, field)
            if values is not None and len(values) not in (1, self.channels):
                raise mistake(
                    "must hold one number for all channels, or {channels} numbers",
                    field=field,
                    channels=self.channels,
                )
        return self


class ExistingNetwork(Model):
    """A network trained elsewhere; all images of its group are for validation."""

    file: Annotated[InputFile, IS_PATH, JOB_ONLY]
    classes: Annotated[list[Name], Field(min_length=2)]  # in the order of the outputs
    architecture: Architecture | None = None  # for files of weights (.safetensors) alone
    # null: as the architecture's ImageNet weights, or Input's defaults without an architecture
    input: Input | None = None
    outputs: Literal["logits", "probabilities"] = "logits"
    trust: bool = False  # allows TorchScript, which runs as a program when it is read

    @property
    def format(self) -> str:
        """One of NETWORK_FORMATS' values."""
        return NETWORK_FORMATS[PurePath(self.file).suffix.lower()]

    @model_validator(mode="after")
    def _check(self) -> Self:
        suffix = PurePath(self.file).suffix.lower()
        if suffix not in NETWORK_FORMATS:
            if kind := kind_of_suffix(self.file):
                raise mistake("is {what}", field="file", what=refusal(kind, self.file))
            raise mistake(
                "'{suffix}' is not a network format; {choices}" + ("" if suffix else OF_FOLDER),
                field="file",
                suffix=suffix,
                what=refusal("savedmodel", f"{self.file}/saved_model.pb"),
                choices=one_of(NETWORK_FORMATS),
            )
        if self.format == "weights" and self.architecture is None:
            raise mistake("a .safetensors file holds only weights; give 'architecture' too")
        if self.format != "weights" and self.architecture is not None:
            raise mistake("'architecture' is only for .safetensors files; leave it out")
        if self.format == "torchscript" and not self.trust:
            raise mistake(
                "reading a TorchScript file can run code from it; give an exported program (.pt2), "
                "or set 'trust: true' if you know who made the file. If torch.save wrote it, it "
                "is {what}",
                field="file",
                what=refusal("torch", self.file),
            )
        if len(set(self.classes)) < len(self.classes):
            raise mistake("must name each class once", field="classes")
        return self


def network_kind(raw: Any) -> Literal["existing", "trained"]:
    """Tells an entry of `networks` apart, before it is validated: one with a `file` exists."""
    exists = isinstance(raw, ExistingNetwork) or (isinstance(raw, dict) and "file" in raw)
    return "existing" if exists else "trained"


AnyNetwork = Annotated[
    Annotated[ExistingNetwork, Tag("existing")] | Annotated[Training, Tag("trained")],
    Discriminator(network_kind),
]
