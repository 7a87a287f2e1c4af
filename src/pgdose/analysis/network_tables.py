"""The tables of all networks: networks, calibration, confusion, network_checks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.analysis import quality
from pgdose.analysis.network_checks import network_checks
from pgdose.analysis.result_files import identity_columns
from pgdose.tables import clean_logits, parquet


@dataclass(frozen=True)
class NetworkImages:
    """A network and its clean validation images.

    identity:            group, run, role, size and repeat
    kind:                its architecture and adversarial training, the kind of its file, or what
                         it is made of
    members:             the group's table of members
    clean:               the run's table of clean logits
    accuracy_by_batches: as `network_checks` takes it
    notes:               of its import
    """

    identity: Mapping[str, Any]
    kind: str
    members: pd.DataFrame
    clean: pd.DataFrame
    accuracy_by_batches: float | None
    notes: Sequence[str] = ()


def read_network(
    identity: Mapping[str, Any], kind: str, members: str | Path, clean: str | Path
) -> NetworkImages:
    """Read the tables of a network.

    Training wrote the accuracy by batches into `clean`, an import its notes.
    """
    metadata = parquet.read_metadata(clean)
    by_batches = metadata.get("accuracy_by_batches")
    return NetworkImages(
        identity,
        kind,
        parquet.read_table(members),
        clean_logits.read_table(clean),
        None if by_batches is None else float(by_batches),
        json.loads(metadata.get("notes", "[]")),
    )


def failed_checks(network_checks: pd.DataFrame) -> list[str]:
    """A line for the log for each failed check of the table network_checks."""
    failed = network_checks[network_checks["verdict"] == "failed"]
    lines = zip(failed["group"], failed["run"], failed["check"], failed["says"], strict=True)
    return [f"{group}/{run}: {check}: {says}" for group, run, check, says in lines]


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
        "network_checks": network_checks(true, summary, network.accuracy_by_batches, network.notes),
    }
