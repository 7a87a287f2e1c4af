"""How an augmented copy differs from its original: the limits, and the draw.

The parameters are drawn when members are made and stand in their table; `images.augment` applies
them. All are 0 where nothing changes.
"""

from collections.abc import Mapping

import numpy as np

#: How far a copy may differ; `images.augment` says what the numbers mean.
AUGMENTATION: Mapping[str, float | bool] = {
    "rotation": 7.0,
    "shift": 0.04,
    "scale": 0.06,
    "brightness": 0.06,
    "contrast": 0.12,
    "noise": 0.012,
    "flip": False,
}
DIGITS = 6  # of a parameter, so that JSON holds it exactly


def draw_augmentation(
    rng: np.random.Generator, limits: Mapping[str, float | bool] = AUGMENTATION
) -> dict[str, float | int]:
    """The parameters of one copy, for `images.augment`.

    Each is drawn evenly between minus and plus its limit, but for `noise`, which is the limit,
    `noise_seed` (32 bits) and `flip`, which is 1 for every second copy if the limits say so.
    `limits` are those of AUGMENTATION; what is left out has the value there.

    Raises:
        ValueError: there is no such limit.
    """
    if unknown := set(limits) - set(AUGMENTATION):
        raise ValueError(f"no such augmentation: {', '.join(sorted(unknown))}")
    limits = {**AUGMENTATION, **limits}
    drawn = {
        name: round(float(rng.uniform(-limit, limit)), DIGITS)
        for name, limit in (
            ("rotation", limits["rotation"]),
            ("shift_x", limits["shift"]),
            ("shift_y", limits["shift"]),
            ("scale", limits["scale"]),
            ("brightness", limits["brightness"]),
            ("contrast", limits["contrast"]),
        )
    }
    # Drawn in any case, so that asking for flips changes nothing else.
    noise_seed, flipped = int(rng.integers(2**32)), bool(rng.integers(2))
    noise = round(float(limits["noise"]), DIGITS)
    return {
        **drawn,
        "noise": noise,
        "noise_seed": noise_seed,
        "flip": int(flipped and bool(limits["flip"])),
    }
