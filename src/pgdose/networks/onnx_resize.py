"""ONNX's Resize, which has more forms than torch's: one axis at a time, by a matrix of weights."""

import math

import torch
from torch import Tensor

from pgdose.networks.graph import Refused


def resize_axis(
    x: Tensor,
    axis: int,
    length: int,
    factor: float,
    *,
    mode: str,
    transformation: str,
    nearest: str,
    cubic: float,
    exclude_outside: bool,
    antialias: bool,
) -> Tensor:
    """Resize one axis to `length`; `factor` is the scale, which need not be their exact ratio.

    mode: nearest, linear or cubic; `transformation`, `nearest` (the rounding of mode nearest) and
    the others as the attributes of Resize.
    """
    old = x.shape[axis]
    centres = _centres(old, length, factor, transformation)
    if mode == "nearest":
        rounded = [_rounded(centre, nearest) for centre in centres]
        places = torch.tensor([min(max(place, 0), old - 1) for place in rounded], device=x.device)
        return x.index_select(axis, places)
    if mode not in ("linear", "cubic"):
        raise Refused("this mode of Resize is not read")
    stretch = max(1 / factor, 1.0) if antialias else 1.0
    reach = (1 if mode == "linear" else 2) * stretch
    weights = torch.zeros(length, old, dtype=torch.float64)
    for row, centre in enumerate(centres):
        for place in range(math.floor(centre - reach), math.ceil(centre + reach) + 1):
            weight = _kernel(abs(centre - place) / stretch, mode, cubic)
            if not (exclude_outside and not 0 <= place < old):
                weights[row, min(max(place, 0), old - 1)] += weight
    weights = weights / weights.sum(dim=1, keepdim=True)
    moved = x.movedim(axis, -1) @ weights.T.to(x)
    return moved.movedim(-1, axis)


def _centres(old: int, new: int, factor: float, transformation: str) -> list[float]:
    """Where the centre of each new pixel lies among the old ones.

    As torch and onnxruntime compute it: in float32, and with align_corners by the new length as it
    is, where ONNX's own reference takes the length before it is rounded down.
    """
    i = torch.arange(new, dtype=torch.float32)
    scale = torch.tensor(factor, dtype=torch.float32)
    match transformation:
        case "align_corners":
            centres = i * (old - 1) / max(new - 1, 1)
        case "asymmetric":
            centres = i / scale
        case "pytorch_half_pixel":
            centres = (i + 0.5) / scale - 0.5 if new > 1 else i
        case "half_pixel":
            centres = (i + 0.5) / scale - 0.5
        case "half_pixel_symmetric":
            offset = old / 2 * (1 - new / (factor * old))
            centres = offset + (i + 0.5) / scale - 0.5
        case _:
            raise Refused("this transformation of Resize is not read")
    result: list[float] = centres.double().tolist()
    return result


def _rounded(centre: float, nearest: str) -> int:
    match nearest:
        case "round_prefer_floor":
            return math.ceil(centre - 0.5)
        case "round_prefer_ceil":
            return math.floor(centre + 0.5)
        case "floor":
            return math.floor(centre)
        case "ceil":
            return math.ceil(centre)
    raise Refused("this rounding of Resize is not read")


def _kernel(distance: float, mode: str, a: float) -> float:
    """The weight of a pixel; cubic: Keys (1981), eq. 4, with the parameter a."""
    if mode == "linear":
        return max(1 - distance, 0.0)
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    if distance < 2:
        return a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a
    return 0.0
