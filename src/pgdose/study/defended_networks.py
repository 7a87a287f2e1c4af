"""Entries of `networks` that are made of others: defences at the input, and ensembles."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, WrapValidator, model_validator

from pgdose.study.amplitudes import Epsilon
from pgdose.study.base import Count, Integer, Model, Name, Real, Repeats, mistake
from pgdose.study.training import Training

JpegQuality = Annotated[Integer, Field(ge=1, le=100)]
DRAWS = 8  # qualities of a range


def _check_quality(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError as error:
        if any(isinstance(part, int) for entry in error.errors() for part in entry["loc"]):
            raise  # one entry of a list is wrong
        raise mistake(
            "must be a whole number from 1 to 100, or [lowest, highest] of two such numbers"
        ) from None


class Jpeg(Model):
    """Images are stored as JPEG and read again before the network sees them."""

    quality: Annotated[
        JpegQuality | Annotated[list[JpegQuality], Field(min_length=2, max_length=2)],
        WrapValidator(_check_quality),
    ]
    """Quality of the JPEG, or `[lowest, highest]`: the network's answer is then the mean over
    `draws` of them.

    Unit: JPEG quality
    """
    draws: Annotated[Repeats, Field(ge=2)] | None = None
    """Qualities of a range that are averaged, evenly spaced, each once. Left out: 8.

    Unit: qualities
    Only: with a range of `quality`
    """

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if isinstance(self.quality, int):
            if self.draws is not None:
                raise mistake(
                    "is for a range of qualities, but 'quality' is {quality}; leave it out, or set "
                    "'quality: [lowest, highest]'",
                    field="draws",
                    quality=self.quality,
                )
        elif self.quality[0] >= self.quality[1]:
            raise mistake("must be [lowest, highest] with lowest < highest", field="quality")
        return self

    @property
    def qualities(self) -> list[int]:
        """The qualities whose answers are averaged, evenly spaced, each once; mostly one."""
        if isinstance(self.quality, int):
            return [self.quality]
        lowest, highest = self.quality
        draws = min(self.draws or DRAWS, highest - lowest + 1)
        return [round(lowest + n * (highest - lowest) / (draws - 1)) for n in range(draws)]


class BitDepth(Model):
    """Grey values are rounded to so many bits (Xu et al. 2018)."""

    bits: Annotated[Integer, Field(ge=1, le=8)]
    """Bits to which grey values are rounded.

    Unit: bits
    """


class Median(Model):
    """Each pixel becomes the median of a window (Xu et al. 2018)."""

    size: Annotated[Integer, Field(ge=3, le=15)]
    """Side of the window, an odd number.

    Unit: pixels
    """

    @model_validator(mode="after")
    def _check_odd(self) -> Self:
        if self.size % 2 == 0:
            raise mistake("must be odd, so that the window has a middle", field="size")
        return self


class Smoothing(Model):
    """Randomised smoothing (Cohen et al. 2019): the answer is that of many noisy copies."""

    sigma: Epsilon
    """Standard deviation of the Gaussian noise.

    Unit: full intensity range [0, 1]
    """
    samples: Count = 1000
    """Noisy copies of an image that its certificate rests on.

    Unit: copies
    Reruns: the certificates
    """
    selection: Count = 100
    """Further copies, which choose the class that is certified.

    Unit: copies
    Reruns: the certificates
    """
    alpha: Annotated[Real, Field(gt=0, lt=0.5)] = 0.001
    """Probability, for each image, that its certificate is wrong.

    Unit: share
    Reruns: the certificates
    """
    draws: Annotated[Repeats, Field(ge=2)] = 16
    """Noise patterns over which the network's answer is averaged, for accuracy and attacks.

    Unit: patterns
    """
    images: Count | Literal["all"] = "all"
    """Validation images that are certified, or `all`.

    Unit: images
    Reruns: the certificates
    """

    @model_validator(mode="after")
    def _check_samples(self) -> Self:
        # With all copies of one class the lower bound is alpha^(1 / samples); it must be over 1/2.
        least = math.floor(math.log(self.alpha) / math.log(0.5)) + 1
        if self.samples < least:
            raise mistake(
                "{samples} copies can certify no image with 'alpha: {alpha}', not even where all "
                "agree; use at least {least}, better 1000 and more",
                field="samples",
                samples=self.samples,
                alpha=self.alpha,
                least=least,
            )
        return self


class InputDefence(Model):
    """One defence at the input."""

    jpeg: Jpeg | None = None
    """Images are stored as JPEG and read again."""
    bit_depth: BitDepth | None = None
    """Grey values are rounded to fewer bits."""
    median: Median | None = None
    """Each pixel becomes the median of a window."""
    smoothing: Smoothing | None = None
    """Randomised smoothing: the answer is the mean over noisy copies."""

    @property
    def kind(self) -> str:
        """The name of the defence."""
        return next(name for name in DEFENCES if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        count = sum(getattr(self, name) is not None for name in DEFENCES)
        remedy = (
            "give each defence a network of its own"
            if count
            else f"give its settings, such as {{jpeg: {EXAMPLES['jpeg']}}}"
        )
        if count != 1:
            raise mistake(
                "must hold one of {names}, but holds {count}; {remedy}",
                names=", ".join(DEFENCES),
                count=count or "none",
                remedy=remedy,
            )
        return self

    @property
    def copies(self) -> int:
        """How many copies of an image the network is shown for one answer."""
        if self.smoothing:
            return self.smoothing.draws
        return len(self.jpeg.qualities) if self.jpeg else 1

    def network_settings(self) -> dict[str, Any]:
        """What the network depends on, as JSON; `model_validate` reads it. No certificate's."""
        (name, settings), *_ = self.model_dump(mode="json", exclude_none=True).items()
        return {name: {key: settings[key] for key in settings if key not in OF_THE_CERTIFICATE}}

    @property
    def label(self) -> str:
        """As tables name it: `jpeg (quality 75)`."""
        if self.jpeg:
            quality = self.jpeg.quality
            ends = quality if isinstance(quality, list) else [quality]
            return f"jpeg (quality {' to '.join(map(str, ends))})"
        if self.bit_depth:
            return f"bit_depth ({self.bit_depth.bits} bit{'s' * (self.bit_depth.bits > 1)})"
        if self.median:
            return f"median (size {self.median.size})"
        assert self.smoothing
        return f"smoothing (sigma {self.smoothing.sigma:g})"


# Keys of smoothing that its network does not depend on.
OF_THE_CERTIFICATE = ("samples", "selection", "alpha", "images")
DEFENCES = ("jpeg", "bit_depth", "median", "smoothing")
# Settings of each for messages.
EXAMPLES = {
    "jpeg": "{quality: 75}",
    "bit_depth": "{bits: 5}",
    "median": "{size: 3}",
    "smoothing": "{sigma: 0.1}",
}
# Defences whose own gradient is 0 almost everywhere, since they round.
ROUNDING = ("jpeg", "bit_depth")


class _MadeOfOthers(Model):
    """An entry of `networks` that is made of others."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_keys_of_training(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, dict) else ():
            if key in Training.model_fields:
                raise mistake(
                    "is for networks that are trained, and this one is made of others; leave it "
                    "out, or give the trained network an entry of its own and name it here",
                    field=key,
                )
        return raw


class DefendedNetwork(_MadeOfOthers):
    """Another network of the group behind a defence at its input; nothing is trained."""

    defence: InputDefence
    """One defence at the input; nothing is trained."""
    of: Name = "full"
    """The network behind it: `full`, the main one, or another entry of `networks` that is not made
    of others.
    """
    gradient: Literal["bpda", "autograd"] | None = None
    """What an attack uses as the gradient of the defence: `bpda`, that of the identity; `autograd`,
    its own. Left out: `bpda` for `jpeg` and `bit_depth`, else `autograd`.
    """

    @property
    def used_gradient(self) -> str:
        """`gradient`, or what stands for it."""
        return self.gradient or self.default_gradient

    @property
    def default_gradient(self) -> str:
        """What stands for a `gradient` that is not given."""
        return "bpda" if self.defence.kind in ROUNDING else "autograd"

    def settings(self, rule: str = "") -> dict[str, Any]:
        """What the network depends on, beside those of which it is made."""
        return {"defence": self.defence.network_settings(), "gradient": self.used_gradient}

    @property
    def label(self) -> str:
        """As tables name it."""
        unusual = self.used_gradient != self.default_gradient
        gradient = f", gradient {self.gradient}" if unusual else ""
        return f"{self.defence.label}{gradient} before {self.of}"


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class EnsembleNetwork(_MadeOfOthers):
    """Several networks of the group together: the mean of their probabilities."""

    ensemble: Annotated[list[Name], Field(min_length=2, max_length=100), BeforeValidator(_as_list)]
    """Names of two or more networks of the group, each once, whose probabilities are averaged:
    `full`, or entries of `networks` that are no ensembles.
    """

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        if len(set(self.ensemble)) < len(self.ensemble):
            raise mistake("must name each network once", field="ensemble")
        return self

    def settings(self, rule: str = "") -> dict[str, Any]:
        """None: the network is the mean of those that it is made of, in the order of the list."""
        return {}

    @property
    def label(self) -> str:
        """As tables name it."""
        return f"ensemble of {', '.join(self.ensemble)}"
