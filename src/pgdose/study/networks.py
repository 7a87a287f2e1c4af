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

from pgdose.study.base import IS_PATH, JOB_ONLY, Integer, Model, Name, Real, mistake
from pgdose.study.defended_networks import DefendedNetwork, EnsembleNetwork
from pgdose.study.field_types import InputFile, Title
from pgdose.study.image_size import DeclaredSize
from pgdose.study.network_kinds import kind_of_suffix, refusal
from pgdose.study.suggestions import nearest, one_of
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

    size: DeclaredSize | None = None
    """Size of the images that the network takes: a side, or `[height, width]`. If given,
    `image.size` must be the same.

    Unit: pixels
    """
    channels: Literal[1, 3] = 3
    """Channels of its images: 3, or 1 for grey ones.

    Unit: channels
    """
    range: tuple[Real, Real] = (0.0, 1.0)
    """Values of black and of white, `[black, white]`.

    Unit: the network's values
    """
    mean: Annotated[list[Real], BeforeValidator(_as_list)] | None = None
    """Subtracted from the values in `range`: one number, or one for each channel. Left out: those
    of the architecture's ImageNet weights, without an architecture 0.

    Unit: the network's values
    """
    std: Annotated[list[Annotated[Real, Field(gt=0)]], BeforeValidator(_as_list)] | None = None
    """What the values are divided by then: one number, or one for each channel. Left out: those of
    the architecture's ImageNet weights, without an architecture 1.

    Unit: the network's values
    """
    layout: Literal["channels_first", "channels_last"] = "channels_first"
    """Order of the axes: `channels_first`, or `channels_last` as of most networks of TensorFlow."""

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


# Kinds of outputs that are one number for each image; the classes are then [negative, positive].
OF_ONE_NUMBER = ("logit", "sigmoid", "multilabel")


class Outputs(Model):
    """What the outputs of a network mean."""

    outputs: Literal["logits", "probabilities", "logit", "sigmoid", "multilabel"] = "logits"
    """What the outputs mean. One for each class: `logits`, or `probabilities` behind a softmax. One
    for two classes: `logit`, or `sigmoid` behind a sigmoid. One for each of several labels:
    `multilabel`.
    """
    threshold: Annotated[Real, Field(gt=0, lt=1)] | None = None
    """The second class is predicted where its probability is over it. Left out: 0.5.

    Unit: share
    Only: with two classes
    """
    label: Annotated[Integer, Field(ge=0, lt=100_000)] | Title | None = None
    """The label that is audited: the number of its output, from 0, or its name in `labels`.

    Unit: none
    Only: needed with `outputs: multilabel`
    """
    labels: list[Title] | None = None
    """Names of all outputs, in their order. A `.safetensors` file needs them.

    Only: with `outputs: multilabel`
    """
    activation: Literal["none", "sigmoid"] | None = None
    """`sigmoid`: the outputs are probabilities, and the file does not show it. `none`: the outputs
    are logits, although they lie in [0, 1]. Left out: as the file shows.

    Only: `sigmoid` with `outputs: multilabel`; `none` not with `probabilities` or `sigmoid`
    """

    @property
    def label_index(self) -> int:
        """The number of the output that is audited; 0 for networks with one output."""
        if isinstance(self.label, str):
            assert self.labels is not None  # the model checks it
            return self.labels.index(self.label)
        return self.label or 0

    def width(self, classes: int) -> int:
        """How many outputs the network has for so many classes; several labels must be named."""
        if self.outputs == "multilabel":
            return len(self.labels or ())
        return 1 if self.outputs in OF_ONE_NUMBER else classes

    def class_mistake(self, classes: int) -> str | None:
        """What is wrong if a network with these outputs is to have so many classes."""
        if self.outputs in OF_ONE_NUMBER and classes != 2:
            return (
                f"holds {classes} classes, but 'outputs: {self.outputs}' is one number for two "
                "classes; list two, [negative, positive]"
            )
        return None

    @model_validator(mode="after")
    def _check_outputs(self) -> Self:
        several = self.outputs == "multilabel"
        for field in ("label", "labels"):
            if getattr(self, field) is not None and not several:
                raise mistake(
                    "is for networks with several labels, but 'outputs' is {outputs}; leave it "
                    "out, or set 'outputs: multilabel'",
                    field=field,
                    outputs=self.outputs,
                )
        if several and self.label is None:
            raise mistake(
                "'outputs: multilabel' needs the label to be audited; give the number of its "
                "output, from 0, or its name with 'labels'",
                field="label",
            )
        self._check_label_names()
        self._check_activation()
        return self

    def _check_label_names(self) -> None:
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise mistake("must name each output once", field="labels")
        if isinstance(self.label, str):
            if self.labels is None:
                raise mistake(
                    "is the name '{label}', but 'labels' does not name the outputs; give 'labels' "
                    "in the order of the outputs, or the number of the output, from 0",
                    field="label",
                    label=self.label,
                )
            if self.label not in self.labels:
                raise mistake(
                    "'{label}' is not one of 'labels'{nearest}; {choices}",
                    field="label",
                    label=self.label,
                    nearest=nearest(self.label, self.labels),
                    choices=one_of(self.labels),
                )
        elif self.label is not None and self.labels is not None and self.label >= len(self.labels):
            raise mistake(
                "{label} is not one of the {count} outputs in 'labels'; use 0 to {last}",
                field="label",
                label=self.label,
                count=len(self.labels),
                last=len(self.labels) - 1,
            )

    def _check_activation(self) -> None:
        if self.activation == "sigmoid" and self.outputs != "multilabel":
            raise mistake(
                "'sigmoid' is for 'outputs: multilabel'; leave it out, and set 'outputs: sigmoid' "
                "if the network has one output behind a sigmoid",
                field="activation",
            )
        if self.activation == "none" and self.outputs in ("probabilities", "sigmoid"):
            raise mistake(
                "'none' contradicts 'outputs: {outputs}'; leave one of them out",
                field="activation",
                outputs=self.outputs,
            )


# Keys of other kinds of networks, and what to do where they stand beside a file.
FOREIGN_KEYS = {
    "adversarial": (
        "needs training, and a network from a file is not trained; leave it out, and defend the "
        "network by an entry of its own under 'networks', {defence: ..., of: NAME}"
    ),
    **dict.fromkeys(
        ("defence", "ensemble"),
        "is an entry of its own under 'networks'; leave it out here, and name this network there",
    ),
}


class ExistingNetwork(Outputs):
    """A network trained elsewhere; all images of its group are for validation."""

    file: Annotated[InputFile, IS_PATH, JOB_ONLY]
    """Path of the file: `.pt2` (`torch.export.save`), `.onnx`, `.safetensors` (weights, with
    `architecture`), or TorchScript (`.pt`, `.ts`, `.torchscript`; with `trust: true`).
    """
    classes: Annotated[list[Name], Field(min_length=2)]
    """The group's classes in the order of the network's outputs; of one number for each image,
    `[negative, positive]`.
    """
    architecture: Architecture | None = None
    """Network that the weights belong to, as `training.architecture`.

    Only: needed with a `.safetensors` file, and only there
    """
    input: Input | None = None
    """The input that the network expects. Left out: three channels from 0 to 1; of weights, that of
    the architecture's ImageNet weights.
    """
    trust: bool = False
    """Allow a TorchScript file. It runs as a program, so know who made it.

    Only: needed with TorchScript
    """

    @property
    def format(self) -> str:
        """One of NETWORK_FORMATS' values."""
        return NETWORK_FORMATS[PurePath(self.file).suffix.lower()]

    @model_validator(mode="before")
    @classmethod
    def _refuse_keys_of_others(cls, raw: Any) -> Any:
        """Say what to do where an entry mixes a file with a training or a defence."""
        for key, text in FOREIGN_KEYS.items():
            if isinstance(raw, dict) and raw.get(key) is not None:
                raise mistake(text, field=key)
        return raw

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
        if self.format == "weights" and self.outputs == "multilabel" and not self.labels:
            raise mistake(
                "missing; a .safetensors file needs it with 'outputs: multilabel', since it says "
                "how many outputs the network has",
                field="labels",
            )
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
        if fault := self.class_mistake(len(self.classes)):
            raise mistake("{fault}", field="classes", fault=fault)
        if self.threshold is not None and len(self.classes) > 2:
            raise mistake(
                "is for two classes, but 'classes' holds {count}, of which the one with the "
                "largest output is predicted; leave it out",
                field="threshold",
                count=len(self.classes),
            )
        return self


NetworkKind = Literal["existing", "trained", "defended", "ensemble"]
# By the key that only entries of this kind have.
KIND_OF_KEY: dict[str, NetworkKind] = {
    **{"file": "existing", "defence": "defended", "ensemble": "ensemble"}
}


def network_kind(raw: Any) -> NetworkKind:
    """Tells an entry of `networks` apart, before it is validated; without a mark it is trained."""
    for key, kind in KIND_OF_KEY.items():
        if (isinstance(raw, dict) and key in raw) or hasattr(raw, key):
            return kind
    return "trained"


AnyNetwork = Annotated[
    Annotated[ExistingNetwork, Tag("existing")]
    | Annotated[Training, Tag("trained")]
    | Annotated[DefendedNetwork, Tag("defended")]
    | Annotated[EnsembleNetwork, Tag("ensemble")],
    Discriminator(network_kind),
]
