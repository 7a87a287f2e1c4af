"""The response surface on disk: one module writes it, reads it, and says which images flipped.

A shard is a Parquet file with one row for each attacked member and epsilon, members rising:

    member         int32
    level          int16, position of epsilon in the attack's epsilons
    epsilon        float64
    logits         fixed list of float32: (max_iter + 1) x classes, iteration 0 (the clean image)
                   first; NaN at iterations that were not measured
    stored         fixed list of float32: logits of the last iterate rounded to 8 bits
    change         float32, size of the change at the last iterate, in the unit of epsilon
    zero_gradient  float32, share of the first gradient that is exactly 0; NaN without a gradient
    bad_gradient   float32, share of it that is not finite
    other_labels   float32, how many labels that are not audited change by the last iterate; only of
                   networks with several labels

The metadata of the file holds `format_version`, `doses` (JSON), what the job adds to them, and of a
network whose decision has a threshold `offset` (see `clean_logits.offset_of`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pgdose.errors import Damaged, UserError
from pgdose.study.doses import Doses
from pgdose.tables.output_files import file_digest
from pgdose.tables.parquet import read_metadata, read_parquet, write_table

FORMAT_VERSION = "1"
AGAIN = "delete it and run again"


@dataclass(frozen=True)
class SurfaceTable:
    """The surface of m attacked members at e epsilons and k = max_iter + 1 iterations.

    members:       (m,) int, rising
    doses:         the e epsilons and max_iter
    logits:        (m, e, k, classes) float32; NaN where not measured
    stored:        (m, e, classes) float32; NaN where not measured
    change:        (m, e) float32; NaN where not measured
    zero_gradient: (m,) float32
    bad_gradient:  (m,) float32
    metadata:      of each shard, in the order in which they were read
    other_labels:  (m, e) float32; NaN where the network has no other labels

    ValueError if the shapes do not agree.
    """

    members: np.ndarray
    doses: Doses
    logits: np.ndarray
    stored: np.ndarray
    change: np.ndarray
    zero_gradient: np.ndarray
    bad_gradient: np.ndarray
    metadata: list[dict[str, str]]
    other_labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        m, e, k = len(self.members), len(self.doses), self.doses.max_iter + 1
        expected = {
            "logits": (m, e, k, self.classes),
            "stored": (m, e, self.classes),
            "change": (m, e),
            "zero_gradient": (m,),
            "bad_gradient": (m,),
            "other_labels": (m, e),
        }
        for name, shape in expected.items():
            if getattr(self, name) is not None and getattr(self, name).shape != shape:
                raise ValueError(f"{name} of shape {getattr(self, name).shape}, not {shape}")

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.logits.shape[-1])

    def predicted(self) -> np.ndarray:
        """(m, e, k) int16, the class with the largest logit; -1 where a logit is not finite."""
        return _predicted(self.logits)

    def predicted_stored(self) -> np.ndarray:
        """(m, e) int16, the same of the images as stored in 8 bits."""
        return _predicted(self.stored)

    def flipped(self, true: np.ndarray) -> np.ndarray:
        """(m, e, k) bool, whether the iterate is taken for another class than `true`, (m,) int.

        False where nothing was measured.
        """
        return is_flipped(self.predicted(), np.asarray(true)[:, None, None])


def is_flipped(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Whether another class than the true one is predicted; False where none is (-1)."""
    flipped: np.ndarray = (predicted >= 0) & (predicted != true)
    return flipped


def _predicted(logits: np.ndarray) -> np.ndarray:
    finite = np.isfinite(logits).all(axis=-1)
    return np.where(finite, logits.argmax(axis=-1), -1).astype(np.int16)


def write_surface(surface: SurfaceTable, path: str | Path) -> None:
    """Write one shard, atomically; its metadata is `surface.metadata[0]`."""
    m, e = surface.change.shape
    doses = {"epsilons": list(surface.doses.epsilons), "max_iter": surface.doses.max_iter}
    table = pa.table(
        {
            "member": pa.array(np.repeat(surface.members, e), pa.int32()),
            "level": pa.array(np.tile(np.arange(e), m), pa.int16()),
            "epsilon": pa.array(np.tile(np.asarray(surface.doses.epsilons, np.float64), m)),
            "logits": float_lists(surface.logits, surface.logits.shape[2] * surface.classes),
            "stored": float_lists(surface.stored, surface.classes),
            "change": pa.array(surface.change.ravel(), pa.float32()),
            "zero_gradient": pa.array(np.repeat(surface.zero_gradient, e), pa.float32()),
            "bad_gradient": pa.array(np.repeat(surface.bad_gradient, e), pa.float32()),
        }
    )
    others = surface.other_labels
    if others is not None and not np.isnan(others).all():
        table = table.append_column("other_labels", pa.array(others.ravel(), pa.float32()))
    about = {"format_version": FORMAT_VERSION, "doses": json.dumps(doses)}
    write_table(table, path, metadata={**surface.metadata[0], **about})


def is_made_from(path: str | Path, digest: str) -> bool:
    """Whether a shard is whole and was written with `made_from: <digest>` in its metadata."""
    try:
        read_parquet(path)
        return read_metadata(path).get("made_from") == digest
    except (FileNotFoundError, Damaged):
        return False


def float_lists(values: np.ndarray, length: int) -> pa.Array:
    """The values in their order, as lists of `length` float32 each."""
    flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, length)


def read_surface(
    paths: Iterable[str | Path], network: str | Path, doses: Doses | None = None
) -> SurfaceTable:
    """The shards of a surface as one, members rising; rows that are missing are NaN.

    paths:   the shards, at least one
    network: the file of the network that was attacked
    doses:   those that the study gives the attack; None to take them from the shards

    UserError for a shard of another network, of other doses, of another version of pgdose, or
    with rows that contradict each other; Damaged if a file is not as it was written.
    """
    files = [Path(path) for path in paths]
    metadata = [_checked_metadata(path, network) for path in files]
    shards = [read_parquet(path) for path in files]
    doses = doses or _doses(metadata[0])
    for path, about, shard in zip(files, metadata, shards, strict=True):
        if _doses(about) != doses:
            raise UserError(
                f"{path}: the surface has {_listed(_doses(about))}, but the attack has "
                f"{_listed(doses)}; {AGAIN}"
            )
        _check_rows(path, shard, doses)
    try:
        rows = pa.concat_tables(shard.replace_schema_metadata() for shard in shards)
    except pa.ArrowInvalid:
        raise UserError(
            f"{files[0].parent}: the shards have different numbers of classes; delete them and "
            "run again"
        ) from None
    return _dense(rows, doses, metadata, files[0].parent)


def _checked_metadata(path: Path, network: str | Path) -> dict[str, str]:
    about = read_metadata(path)
    version = about.get("format_version", "none")
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path}: the surface has format {version}, but this version of pgdose reads format "
            f"{FORMAT_VERSION}; {AGAIN}"
        )
    digest = file_digest(network)
    if about.get("network") != digest:
        raise UserError(
            f"{path}: the surface belongs to another network (digest {about.get('network')}, but "
            f"{network} has {digest}); {AGAIN}"
        )
    return about


def _doses(about: dict[str, str]) -> Doses:
    return Doses(**json.loads(about["doses"]))


def _listed(doses: Doses) -> str:
    epsilons = ", ".join(f"{epsilon:g}" for epsilon in doses.epsilons)
    return f"epsilon {epsilons} and {doses.max_iter} iterations"


def _check_rows(path: Path, shard: pa.Table, doses: Doses) -> None:
    """UserError unless each row has an epsilon of the attack at its level, and all its logits."""
    level, epsilon = (shard[name].to_numpy() for name in ("level", "epsilon"))
    valid = (level >= 0) & (level < len(doses))
    valid &= np.asarray(doses.epsilons)[np.where(valid, level, 0)] == epsilon
    if not valid.all():
        raise UserError(
            f"{path}: the surface has epsilon {epsilon[~valid][0]:g} at level "
            f"{level[~valid][0]}, but the attack has {_listed(doses)}; {AGAIN}"
        )
    logits, classes = (shard.schema.field(name).type.list_size for name in ("logits", "stored"))
    if logits != (doses.max_iter + 1) * classes:
        raise UserError(
            f"{path}: the surface has {logits} logits in a row, but {doses.max_iter} iterations "
            f"of {classes} classes make {(doses.max_iter + 1) * classes}; {AGAIN}"
        )


def _dense(
    rows: pa.Table, doses: Doses, metadata: list[dict[str, str]], folder: Path
) -> SurfaceTable:
    member, level = (rows[name].to_numpy() for name in ("member", "level"))
    members, place = np.unique(member, return_inverse=True)
    m, e, k = len(members), len(doses), doses.max_iter + 1
    count = np.bincount(place * e + level, minlength=m * e)
    if (count > 1).any():
        twice = int(count.argmax())
        raise UserError(
            f"{folder}: member {members[twice // e]} has two rows at epsilon "
            f"{doses.epsilons[twice % e]:g}; delete the surface and run again"
        )

    def values(name: str, *shape: int) -> np.ndarray:
        column = rows[name].combine_chunks()
        flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        dense = np.full((m, e, *shape), np.nan, np.float32)
        dense[place, level] = flat.to_numpy(zero_copy_only=False).reshape(-1, *shape)
        return dense

    def of_members(name: str) -> np.ndarray:
        dense = np.full(m, np.nan, np.float32)
        dense[place] = rows[name].to_numpy()
        return dense

    classes = rows.schema.field("stored").type.list_size
    return SurfaceTable(
        members=members,
        doses=doses,
        logits=values("logits", k, classes),
        stored=values("stored", classes),
        change=values("change"),
        zero_gradient=of_members("zero_gradient"),
        bad_gradient=of_members("bad_gradient"),
        metadata=metadata,
        other_labels=values("other_labels") if "other_labels" in rows.column_names else None,
    )


def surface_shards(paths: Iterable[str], attack: str) -> list[str]:
    """Of the files <run>/<attack>/surface/<shard>.parquet of a run those of one attack."""
    return [path for path in paths if Path(path).parent.parent.name == attack]
