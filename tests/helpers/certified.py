"""Made-up certificates of smoothed networks, and attacks on them."""

import numpy as np
import pandas as pd

from pgdose.analysis.certificates import certificates, largest_radius
from pgdose.analysis.certified import RobustImages, SmoothedRun
from pgdose.study.defended_networks import Smoothing

GROUPS = {"X-TB": "xray", "H-BR": "histology"}
EPSILONS = [0.0, 0.2, 0.4, 0.8]


def smoothed_run(
    group: str = "X-TB",
    run: str = "smooth",
    sigma: float = 0.25,
    images: int = 60,
    attacks: tuple[str, ...] = ("pgd-l2",),
    sample: int = 40,
) -> SmoothedRun:
    """Three images of a patient; attacks were made on the first `sample` images."""
    rng = np.random.default_rng(len(group) + images)
    smoothing = Smoothing(sigma=sigma)
    n_top = np.sort(rng.integers(300, 1001, images))[::-1].copy()
    n_top[: images // 4] = 1000
    chosen = (rng.uniform(size=images) < 0.1).astype(int)
    certificate = certificates(np.arange(images), np.zeros(images), chosen, n_top, smoothing)
    # The base network knows no sigma: it is the same behind every smoothing.
    of_base = certificate.assign(radius=certificate["radius"] * 0.25 / sigma)
    return SmoothedRun(
        identity={"group": group, "run": run, "role": "further", "size": None, "repeat": None},
        base="full",
        smoothing=smoothing,
        certificate=certificate,
        patients=pd.Series([f"p{i // 3}" for i in range(images)]),
        attacks={
            name: (
                _robust(certificate, sample, 1.7 + 0.6 * place, largest_radius(smoothing)),
                _robust(of_base, sample, 0.4 + 0.2 * place, largest_radius(Smoothing(sigma=0.25))),
            )
            for place, name in enumerate(attacks)
        },
    )


def _robust(certificate: pd.DataFrame, sample: int, times: float, largest: float) -> RobustImages:
    """Right up to so many times the radius."""
    shown = certificate.head(sample)
    reach = (shown["radius"] * times).to_numpy()[:, None] + 0.1 * largest
    right = shown["correct"].to_numpy()[:, None] & (reach >= np.array(EPSILONS))
    return RobustImages(20, pd.DataFrame(right, index=shown["member"], columns=EPSILONS))
