"""The argument `images`: arrays, tensors or pictures, to one tensor with values in [0, 1]."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pgdose.api.labels import refuse_masked
from pgdose.errors import UserError

CHANNELS = (1, 3)
GREY_LEVELS = 255
ROUNDING = 1e-6  # how far out of [0, 1] resizing may carry a float
MODES = ("L", "RGB")  # of pictures of PIL that need no decision
ADVICE = "give n x rows x columns, n x rows x columns x 3 or n x 3 x rows x columns"
FLOATS = "give uint8 from 0 to 255, or floats from 0 to 1"


def read_images(images: Any) -> Tensor:
    """n x channels x rows x columns on the CPU, float32 or float64 in [0, 1]; 1 or 3 channels.

    UserError for anything that could be read in two ways, or that is no image in [0, 1].
    """
    values = _as_tensor(images)
    _check_kind(values)
    values = _channels_first(values)
    return _scaled(values)


def _as_tensor(images: Any) -> Tensor:
    if isinstance(images, str | PurePath):
        raise UserError(
            "images: a path; give the pixels as an array or as a list of pictures, or audit a "
            "folder with `pgdose audit --images FOLDER`"
        )
    if isinstance(images, Image.Image):
        raise UserError("images: one picture; give a list of pictures, [picture]")
    if isinstance(images, torch.utils.data.Dataset | torch.utils.data.DataLoader):
        raise UserError(
            "images: a dataset; give its pictures, torch.stack([image for image, _ in dataset])"
        )
    if isinstance(images, list | tuple):
        return _stacked(images)
    return _plain(images, "images")


def _plain(values: Any, name: str) -> Tensor:
    """An array or tensor as a tensor on the CPU, without its gradient."""
    if isinstance(values, Tensor):
        if values.layout != torch.strided:
            raise UserError(f"{name}: a sparse tensor; give its pixels, images.to_dense()")
        if values.is_quantized or values.is_complex() or values.is_meta:
            raise UserError(f"{name}: {_described(values)}; {FLOATS}")
        return values.detach().cpu()
    refuse_masked(values, name)
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind not in "biuf":
        kind = type(values).__name__ if array.dtype == object else array.dtype
        raise UserError(f"{name}: {kind}; give arrays of numbers, all of one size")
    if array.dtype.kind == "f" and array.dtype not in (np.float16, np.float32, np.float64):
        array = array.astype(np.float64)
    return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))


def _stacked(images: Sequence[Any]) -> Tensor:
    """A list of pictures of one size."""
    if not len(images):
        raise UserError("images: there are none; give at least one")
    parts = []
    for number, picture in enumerate(images):
        name = f"images: number {number}"
        if isinstance(picture, str | PurePath):
            raise UserError(f"{name} is a path; open it first, np.asarray(Image.open(path))")
        if isinstance(picture, Image.Image) and picture.mode not in MODES:
            raise UserError(
                f"{name} has the mode {picture.mode}; convert it first, "
                "picture.convert('L') or picture.convert('RGB')"
            )
        parts.append(_plain(picture, name))
        first = parts[0]
        if parts[-1].shape != first.shape or parts[-1].dtype != first.dtype:
            raise UserError(
                f"{name} is {_described(parts[-1])}, number 0 is {_described(first)}; bring all to "
                "one size and kind"
            )
    return torch.stack(parts)


def _described(values: Tensor) -> str:
    kind = str(values.dtype).removeprefix("torch.")
    return f"{' x '.join(map(str, values.shape)) or 'a single number'}, {kind}"


def _check_kind(values: Tensor) -> None:
    if values.ndim and not len(values):
        raise UserError("images: there are none; give at least one")
    if values.dtype != torch.uint8 and not values.is_floating_point():
        raise UserError(f"images: {_described(values)}; {FLOATS}, so that their white is known")


def _channels_first(values: Tensor) -> Tensor:
    shape = list(values.shape)
    if values.ndim == 2:
        raise UserError(f"images: one image of {_described(values)}; give several, images[None]")
    if values.ndim == 3:
        if shape[2] in CHANNELS:
            raise UserError(
                f"images: {_described(values)}, one colour image or {shape[0]} grey ones of "
                f"{shape[2]} columns; give one image as images[None]"
            )
        return values[:, None]
    if values.ndim != 4:
        raise UserError(f"images: {_described(values)}; {ADVICE}")
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first and last:
        raise UserError(
            f"images: {_described(values)} can be read with the channels first or last; {ADVICE}, "
            "with more than 3 rows and columns"
        )
    if not first and not last:
        raise UserError(
            f"images: {_described(values)}, neither 1 nor 3 channels; {ADVICE}, and leave out "
            "an alpha channel"
        )
    return values if first else values.permute(0, 3, 1, 2)


def _scaled(values: Tensor) -> Tensor:
    """uint8 divided by 255, or floats that lie in [0, 1] already."""
    if values.dtype == torch.uint8:
        if 0 < int(values.max()) <= 1:
            raise UserError(
                "images: uint8 without a value over 1, so all but black; multiply floats by 255 "
                "before you make them uint8, or give the floats"
            )
        return values.float() / GREY_LEVELS
    values = values if values.dtype == torch.float64 else values.float()
    bad = (~values.isfinite()).flatten(1).any(dim=1).nonzero()[:, 0]
    if len(bad):
        raise UserError(
            f"images: {len(bad)} of {len(values)} hold NaN or infinity, the first is number "
            f"{int(bad[0])}; leave them out or mend them"
        )
    low, high = float(values.min()), float(values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise UserError(f"images: floats from {low:.4g} to {high:.4g}; {_range_advice(low, high)}")
    if 0 < high <= 1.5 / GREY_LEVELS:
        raise UserError(
            f"images: floats from {low:.4g} to {high:.4g}, all but black; divide grey levels by "
            "255 once, not twice"
        )
    return values.clamp(0, 1)


def _range_advice(low: float, high: float) -> str:
    if low < 0:
        return (
            "they seem to be normalised already; give them in [0, 1], which is the unit of "
            "epsilon, and the normalisation as preprocessing={'mean': ..., 'std': ...}"
        )
    if high <= GREY_LEVELS + ROUNDING:
        return "divide grey levels by 255, or give them as uint8"
    return "divide them by their white, so that they lie in [0, 1], which is the unit of epsilon"
