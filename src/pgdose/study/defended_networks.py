"""Entries of `networks` that are made of others: defences at the input, and ensembles."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pgdose.study.base import Count, Integer, Model, Name, Real, Repeats, mistake

JpegQuality = Annotated[Integer, Field(ge=1, le=100)]


class Jpeg(Model):
    """Images are stored as JPEG and read again before the network sees them."""

    # One quality, or [lowest, highest]: the network's answer is the mean over `draws` of them.
    quality: JpegQuality | Annotated[list[JpegQuality], Field(min_length=2, max_length=2)]
    draws: Annotated[Repeats, Field(ge=2)] = 8  # of a range alone

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if isinstance(self.quality, list) and self.quality[0] >= self.quality[1]:
            raise mistake("must be [lowest, highest] with lowest < highest", field="quality")
        return self


class BitDepth(Model):
    """Grey values are rounded to so many bits (Xu et al. 2018)."""

    bits: Annotated[Integer, Field(ge=1, le=8)]


class Median(Model):
    """Each pixel becomes the median of a window (Xu et al. 2018)."""

    size: Annotated[Integer, Field(ge=3, le=15)]  # pixels of the window's side, odd

    @model_validator(mode="after")
    def _check_odd(self) -> Self:
        if self.size % 2 == 0:
            raise mistake("must be odd, so that the window has a middle", field="size")
        return self


class Smoothing(Model):
    """Randomised smoothing (Cohen et al. 2019): the answer is that of many noisy copies."""

    sigma: Annotated[Real, Field(gt=0, le=1)]  # of the Gaussian noise, images lie in [0, 1]
    samples: Count = 1000  # noisy copies of an image that its certificate rests on
    selection: Count = 100  # further copies, which choose the class that is certified
    alpha: Annotated[Real, Field(gt=0, lt=0.5)] = 0.001  # probability that a certificate is wrong
    draws: Annotated[Repeats, Field(ge=2)] = 16  # noise patterns whose mean the network gives
    images: Count | Literal["all"] = "all"  # validation images that are certified

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
    bit_depth: BitDepth | None = None
    median: Median | None = None
    smoothing: Smoothing | None = None

    @property
    def kind(self) -> str:
        """The name of the defence."""
        return next(name for name in DEFENCES if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        count = sum(getattr(self, name) is not None for name in DEFENCES)
        if count != 1:
            raise mistake(
                "must hold one of {names}, but holds {count}; give each defence a network of its "
                "own",
                names=", ".join(DEFENCES),
                count=count or "none",
            )
        return self


DEFENCES = ("jpeg", "bit_depth", "median", "smoothing")
# Defences whose own gradient is 0 almost everywhere, since they round.
ROUNDING = ("jpeg", "bit_depth")


class DefendedNetwork(Model):
    """Another network of the group behind a defence at its input; nothing is trained."""

    defence: InputDefence
    of: Name = "full"  # a run of the group: its main network, or another one
    # What an attack gets as the defence's gradient. bpda: that of the identity (Athalye et al.
    # 2018); autograd: its own. null: bpda for jpeg and bit_depth, whose own is 0; else autograd
    gradient: Literal["bpda", "autograd"] | None = None

    @property
    def used_gradient(self) -> str:
        """`gradient`, or what stands for it."""
        return self.gradient or ("bpda" if self.defence.kind in ROUNDING else "autograd")


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class EnsembleNetwork(Model):
    """Several networks of the group together: the mean of their probabilities."""

    ensemble: Annotated[list[Name], Field(min_length=2, max_length=100), BeforeValidator(_as_list)]

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        if len(set(self.ensemble)) < len(self.ensemble):
            raise mistake("must name each network once", field="ensemble")
        return self
