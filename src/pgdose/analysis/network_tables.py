"""The tables of all networks: networks, calibration, confusion, network_checks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pgdose.analysis import quality
from pgdose.analysis.network_checks import network_checks


@dataclass(frozen=True)
class NetworkImages:
    """A network and its clean validation images.

    identity:            group, run, role, size and repeat
    kind:                its architecture, or the kind of its file
    members:             the group's table of members
    clean:               the run's table of clean logits
    accuracy_by_batches: as `network_checks` takes it
    """

    identity: Mapping[str, Any]
    kind: str
    members: pd.DataFrame
    clean: pd.DataFrame
    accuracy_by_batches: float | None


def network_tables(
    networks: Iterable[NetworkImages], draws: int, seed: int
) -> dict[str, pd.DataFrame]:
    """The four tables by their names, network after network."""
    parts: dict[str, list[pd.DataFrame]] = {
        name: [] for name in ("networks", "calibration", "confusion", "network_checks")
    }
    for network in networks:
        for name, table in _tables(network, draws, seed).items():
            parts[name].append(table.assign(**identity_columns(network.identity, len(table))))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _tables(network: NetworkImages, draws: int, seed: int) -> dict[str, pd.DataFrame]:
    members, clean = network.members, network.clean
    summary = quality.quality(members, clean, draws, seed)
    row = {"network": network.kind, "n_images": len(clean), **summary}
    true = quality.clean_images(members, clean).true
    return {
        "networks": pd.DataFrame([row]),
        "calibration": quality.calibration(members, clean, draws, seed),
        "confusion": quality.confusion(members, clean, draws, seed),
        "network_checks": network_checks(true, summary, network.accuracy_by_batches),
    }


def identity_columns(identity: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """The columns group, run, role, size and repeat; the last two are empty but for sized runs."""
    columns: dict[str, Any] = {name: identity[name] for name in ("group", "run", "role")}
    for name in ("size", "repeat"):
        columns[name] = pd.array([identity[name]] * rows, dtype="Int32")
    return columns
