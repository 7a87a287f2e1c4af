"""The rows of the figure of controls: attacks and controls by the size of their change.

An attack changes an image by up to its epsilon; of a control the sizes of all its changes are
measured, and their median is shown. Both sizes are largest changes of a pixel (`l_inf`) or lengths
(`l2`).
"""

from collections.abc import Mapping

import pandas as pd

from pgdose.analysis.operating_point import at
from pgdose.plots.curve_rows import with_reached
from pgdose.plots.rows import main_networks
from pgdose.plots.style import Groups

NORMS = ("l_inf", "l2")
_COLUMNS = [
    *("group", "norm", "kind", "name", "severity", "size", "size_low", "size_high"),
    *("n_attacked", "n_flipped", "asr", "ci_low", "ci_high"),
]


def over_size(
    asr: pd.DataFrame,
    controls: pd.DataFrame,
    groups: Groups,
    attacks: Mapping[str, str],
    iterations: int,
    doses_reached: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The rows of the figure, of the groups that have controls.

    Args:
        asr: as for `curve_rows.over_epsilon`, and so are `iterations` and `doses_reached`.
        controls: the table controls; the main networks are selected, judging their own images.
        groups: the study's groups.
        attacks: the attacks to show, and of which norm (NORMS) their epsilon is.
        iterations: the operating point's iterations.
        doses_reached: without it all doses were reached; others are left out.

    Returns:
        `group norm kind name severity size size_low size_high n_attacked n_flipped asr ci_low
        ci_high`; kind is attack, corruption or universal, name that of the attack or the control.
        There are controls in the norms that some attack has, or in l_inf if there is no attack.
    """
    shown = main_networks(controls)
    shown = shown[(shown["judge"] == shown["run"]) & shown["group"].isin(list(groups))]
    rates = main_networks(asr)
    rates = rates[rates["attack"].isin(list(attacks)) & rates["group"].isin(shown["group"])]
    if len(rates):
        rates = with_reached(at(rates, iterations=iterations), doses_reached)
        rates = rates[rates["reached"]]
    norms = [norm for norm in NORMS if norm in set(attacks.values())] or [NORMS[0]]
    size = {"size": rates["epsilon"], "size_low": rates["epsilon"], "size_high": rates["epsilon"]}
    curves = rates.assign(
        kind="attack", name=rates["attack"], norm=rates["attack"].map(attacks), **size
    )
    points = [
        shown.assign(
            norm=norm,
            name=shown["control"],
            **{name: shown[name.replace("size", norm)] for name in size},
        )
        for norm in norms
    ]
    tables = [table for table in (curves, *points) if len(table)]
    if not tables:
        return pd.DataFrame(columns=_COLUMNS)
    rows = pd.concat([table.reindex(columns=_COLUMNS) for table in tables], ignore_index=True)
    return rows.astype({"severity": "Int32"})
