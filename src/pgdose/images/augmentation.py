"""The random parameters by which an augmented copy differs from its original.

They are drawn here and stand in the table of members; `rendering.augment` applies them.
"""

from collections.abc import Iterable, Mapping

import numpy as np

LIMITS = {"rotation", "shift", "scale", "brightness", "contrast", "noise", "flip"}
DIGITS = 6  # of a parameter, so that JSON holds it exactly


def draw_augmentation(
    rng: np.random.Generator,
    limits: Mapping[str, float | bool] | Iterable[tuple[str, float | bool]],
) -> dict[str, float | int]:
    """The parameters of one copy, for `rendering.augment`; all are 0 where nothing changes.

    `limits` are the study's `augment`, a mapping or the model itself, with all of LIMITS. Each
    parameter is drawn evenly between minus and plus its limit, except `noise`, which is the limit
    itself, `noise_seed` (32 bits) and `flip`, which is 1 for every second copy if `flip` is set.

    Raises:
        ValueError: `limits` has other names than LIMITS.
    """
    limits = dict(limits)
    if wrong := LIMITS.symmetric_difference(limits):
        raise ValueError(
            f"limits of augmentation: {', '.join(sorted(wrong))} missing or unknown; "
            f"give all of {', '.join(sorted(LIMITS))}"
        )
    parameters = {
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
    # Always drawn, so that asking for flips changes nothing else.
    noise_seed, flip = int(rng.integers(2**32)), bool(rng.integers(2))
    return {
        **parameters,
        "noise": round(float(limits["noise"]), DIGITS),
        "noise_seed": noise_seed,
        "flip": int(flip and bool(limits["flip"])),
    }
