"""The rows of Figs. 3a to 3d: what is drawn, and saved as CSV beside each figure.

ASR is the attack success rate; it is NaN where no image was attacked.
"""

from collections.abc import Sequence

import pandas as pd

from pgdose.analysis.operating_point import at
from pgdose.plots.rows import main_networks
from pgdose.plots.style import Groups
from pgdose.study.doses import same_epsilon

_RATE = ["n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]


def over_epsilon(
    asr: pd.DataFrame, groups: Groups, iterations: int, doses_reached: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The rows of Fig. 3a: each attack at its operating iteration.

    Args:
        asr: `group role attack epsilon iteration n_attacked n_flipped asr ci_low ci_high`; main
            networks are selected.
        groups: the study's groups.
        iterations: the operating point; an attack with fewer iterations is shown at its last one.
        doses_reached: `group role attack epsilon reached`; without it all are.

    Returns:
        `group attack epsilon iteration n_attacked n_flipped asr ci_low ci_high reached`; what was
        not reached is a copy of a lower amplitude.
    """
    rows = _columns(
        at(_of_groups(main_networks(asr), groups), iterations=iterations), ["epsilon", "iteration"]
    )
    return with_reached(rows, doses_reached)


def with_reached(rows: pd.DataFrame, doses_reached: pd.DataFrame | None) -> pd.DataFrame:
    """The rows with `reached`: whether the amplitude is a dose of the group and attack."""
    if doses_reached is None or doses_reached.empty:
        return rows.assign(reached=True)
    place = ["group", "attack", "epsilon"]
    known = main_networks(doses_reached)[[*place, "reached"]]
    joined = rows.merge(known, how="left", on=place)
    return joined.assign(reached=joined["reached"].astype("boolean").fillna(True).astype(bool))


def over_iterations(asr: pd.DataFrame, groups: Groups, epsilons: Sequence[float]) -> pd.DataFrame:
    """The rows of Fig. 3b: every iteration at the given amplitudes.

    Before the first iteration nothing is flipped, by definition: those rates have no interval.

    Args:
        asr: as for `over_epsilon`, and so is what is returned.
        groups: the study's groups.
        epsilons: the amplitudes to show; an attack is left out at those that it does not have.
    """
    rows = _of_groups(main_networks(asr), groups)
    shown = [e for e in rows["epsilon"].unique() if any(same_epsilon(e, o) for o in epsilons)]
    rows = rows[rows["epsilon"].isin(shown)]
    clean = rows["iteration"] == 0
    rows = rows.assign(**{end: rows[end].mask(clean) for end in ("ci_low", "ci_high")})
    return _columns(rows, ["epsilon", "iteration"])


def over_confidence(
    confidence: pd.DataFrame, groups: Groups, epsilon: float, iterations: int
) -> pd.DataFrame:
    """The rows of Fig. 3c: the bins that hold images, at the operating point.

    Args:
        confidence: `group role attack epsilon iteration bin_low bin_high n_attacked n_flipped asr
            ci_low ci_high`; main networks are selected. Returned without `role`.
        groups: the study's groups.
        epsilon: the operating point's amplitude; an attack that was not measured there is shown at
            the nearest amplitude that was.
        iterations: the operating point's iterations, as for `over_epsilon`.
    """
    rows = _of_groups(main_networks(confidence), groups)
    rows = at(rows[rows["n_attacked"] > 0], iterations=iterations, epsilon=epsilon)
    return _columns(rows, ["epsilon", "iteration", "bin_low", "bin_high"])


def over_training_size(training_size: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """The rows of Fig. 3d: every training and amplitude, at each attack's last iteration.

    Args:
        training_size: `group attack epsilon iteration size repeat accuracy n_attacked n_flipped
            asr ci_low ci_high`; returned in this order.
        groups: the study's groups.
    """
    rows = _of_groups(training_size, groups)
    rows = rows[rows["iteration"] == rows.groupby("attack")["iteration"].transform("max")]
    return _columns(rows, ["epsilon", "iteration", "size", "repeat", "accuracy"])


def _of_groups(table: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    return table[table["group"].isin(list(groups))]


def _columns(rows: pd.DataFrame, places: list[str]) -> pd.DataFrame:
    return rows[["group", "attack", *places, *_RATE]].reset_index(drop=True)
