"""The common ground of all tables: their schemas, keyed identities and draws, atomic writing.

Every random choice in pgdose is *keyed*: it depends on (seed, purpose, record_id) and on nothing
else, so that neither shards, jobs, threads nor the presence of other records change it.
"""

import contextlib
import glob
import hashlib
import hmac
import itertools
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pgdose.errors import Damaged, UserError

# Columns of CSV tables that hold what a person named.
NAMES = (
    *("group", "run", "attack", "source", "label", "title"),
    *("class", "predicted", "flipped_to", "class_before", "class_after"),
)
ID_DIGITS = 20  # 80 bits: two of 10 million records share an id with a probability under 1e-10

REJECTS = pa.schema(
    [
        ("record_id", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
PATHS = pa.schema(
    [
        ("record_id", pa.string()),
        ("path", pa.binary()),  # bytes as the file system has them, which need not be UTF-8
        ("size", pa.int64()),  # when the source was indexed; null if the file was not there
        ("modified", pa.int64()),  # nanoseconds since 1970
    ]
)
RECORDS = pa.schema(
    [
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("source", pa.string()),
        ("class", pa.string()),
        ("age", pa.float64()),
        ("sex", pa.string()),
        ("view", pa.string()),
        ("body_part", pa.string()),
        ("instance", pa.string()),  # keyed hash of the SOPInstanceUID
        ("mojibake", pa.bool_()),  # the file's text looks wrongly declared
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("bits_stored", pa.int16()),
        ("photometric", pa.string()),
        ("transfer_syntax", pa.string()),
        ("mm_per_px", pa.float64()),
        ("um_per_px", pa.float64()),
        ("parent", pa.string()),  # record_id of the field or slide that a tile was cut from
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("level", pa.int16()),
        ("extent", pa.float64()),  # of a tile along a side, pixels of level 0
        ("scale_from", pa.string()),  # what told um_per_px: table, mpp or objective
        ("tissue_share", pa.float64()),
        ("class_share", pa.float64()),
        ("store", pa.string()),  # tiles: the store below the results folder, and the row in it
        ("row", pa.int32()),
    ]
)
HEADERS = pa.schema(  # private: `link` is an identifier that joins a film to its report
    [*RECORDS, ("link", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)
_MENTION = [  # where a report says something: positions in its text, never the text
    ("label", pa.string()),
    ("state", pa.string()),  # present, absent or uncertain
    ("start", pa.int32()),
    ("end", pa.int32()),
    ("pattern", pa.string()),  # the lexicon's entries that decided
    ("cue", pa.string()),
]
MENTIONS = pa.schema([("record_id", pa.string()), *_MENTION])
REPORT_MENTIONS = pa.schema([("report", pa.int64()), *_MENTION])  # private; a row of the table
CONFLICTS = pa.schema([("record_id", pa.string()), ("label", pa.string()), ("state", pa.string())])
SCREEN = pa.schema(
    [
        ("record_id", pa.string()),
        ("usable", pa.bool_()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("pixel_hash", pa.string()),
        ("voi", pa.string()),  # what `image.window: voi` would apply; null where there is nothing
        ("aorta_x", pa.float64()),  # the aorta window in pixels of the original
        ("aorta_y", pa.float64()),
        ("aorta_side", pa.float64()),
        ("aorta_confidence", pa.float64()),
    ]
)
_WORD = pa.dictionary(pa.int32(), pa.string())  # a few words, millions of times
CANDIDATES = pa.schema(  # tiles of slides that a class may take; what they share is in SLIDES
    [
        ("parent", _WORD),
        ("class", _WORD),
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("tissue_share", pa.float64()),
        ("class_share", pa.float64()),
        ("draw", pa.float64()),
    ]
)
SLIDES = pa.schema(  # what became of each slide
    [
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("reason", pa.string()),  # why it was rejected, null if it was not
        ("detail", pa.string()),
        ("columns", pa.int32()),  # of level 0
        ("rows", pa.int32()),
        ("levels", pa.int16()),
        ("level", pa.int16()),  # that tiles are read from
        ("extent", pa.float64()),  # of a tile along a side, pixels of level 0
        ("um_per_px", pa.float64()),  # of a tile
        ("scale_from", pa.string()),
        ("threshold", pa.float64()),  # of tissue
        ("tissue_share", pa.float64()),  # of the slide
        ("ink_share", pa.float64()),
        ("drawn", pa.string()),  # classes that its outlines name
        ("mended", pa.int32()),  # outlines
        ("dropped", pa.int32()),
    ]
)
MEMBERS = pa.schema(
    [
        ("member", pa.int32()),
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("class", pa.string()),
        ("class_index", pa.int16()),
        ("part", pa.string()),
        ("copy", pa.int32()),
        ("augmentation", pa.string()),  # of a copy: its parameters, as JSON
        ("window", pa.string()),  # how the file's values became grey
        ("crop_x", pa.float64()),  # the square that was cut out, in pixels of the original
        ("crop_y", pa.float64()),
        ("crop_side", pa.float64()),
        ("store", pa.string()),
        ("row", pa.int32()),
    ]
)
MISSING = pa.schema([("member", pa.int32()), ("reason", pa.string()), ("detail", pa.string())])
CLEAN = pa.schema([("member", pa.int32()), ("logits", pa.list_(pa.float32()))])


def surface_table(
    members: np.ndarray,
    epsilons: Sequence[float],
    *,
    logits: np.ndarray,
    stored: np.ndarray,
    change: np.ndarray,
    zero_gradient: np.ndarray,
    bad_gradient: np.ndarray,
) -> pa.Table:
    """One row per attacked member and epsilon, sorted; what `attack.Surface` says of them.

    `logits` is members x epsilons x (max_iter + 1) x classes, float; a row holds the last two
    dimensions in one list of fixed length, iteration 0 first. `stored` is members x epsilons x
    classes, `change` members x epsilons, the gradient's shares one for each member.
    """
    m, e = logits.shape[:2]

    def lists(values: np.ndarray, length: int) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
        return pa.FixedSizeListArray.from_arrays(flat, length)

    return pa.table(
        {
            "member": pa.array(np.repeat(members, e), pa.int32()),
            "epsilon": pa.array(np.tile(np.asarray(epsilons, dtype=np.float64), m)),
            "logits": lists(logits, logits.shape[2] * logits.shape[3]),
            "stored": lists(stored, stored.shape[2]),
            "change": pa.array(change.ravel(), pa.float32()),
            "zero_gradient": pa.array(np.repeat(zero_gradient, e), pa.float32()),
            "bad_gradient": pa.array(np.repeat(bad_gradient, e), pa.float32()),
        }
    )


def transfer_table(
    members: np.ndarray, judges: Sequence[str], epsilons: Sequence[float], logits: np.ndarray
) -> pa.Table:
    """One row per attacked member, judge and epsilon (0: the clean image).

    `logits` is members x judges x (1 + epsilons) x classes, what `attack.Transfer` says of them.
    """
    m, j, e, classes = logits.shape
    flat = pa.array(np.ascontiguousarray(logits, np.float32).ravel())
    return pa.table(
        {
            "member": pa.array(np.repeat(members, j * e), pa.int32()),
            "judge": pa.array(np.tile(np.repeat(list(judges), e), m), pa.string()),
            "epsilon": pa.array(np.tile(np.asarray([0.0, *epsilons], np.float64), m * j)),
            "logits": pa.FixedSizeListArray.from_arrays(flat, classes),
        }
    )


def read_surface(
    paths: Iterable[str | Path], network: str | Path, columns: list[str] | None = None
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The shards of a surface as one table, and the metadata of each.

    UserError if one is of another network: the file `network` is not the one that was attacked.
    """
    own, known = file_digest(network), []
    paths = list(paths)
    for path in paths:
        told = read_metadata(path)
        if told.get("network") != own:
            raise UserError(
                f"{path}: a surface of another network ({told.get('network')}, but {network} is "
                f"{own}); delete it and run again"
            )
        known.append(told)
    return read_tables(paths, columns), known


def records_schema(labels: Iterable[str]) -> pa.Schema:
    """RECORDS with one tri-state column `label_<name>` (1, 0 or null) for each label."""
    return pa.schema([*RECORDS, *_label_columns(labels)])


def report_labels_schema(labels: Iterable[str]) -> pa.Schema:
    """Labels of the reports themselves; private, since `link` is an identifier."""
    columns = [("report", pa.int64()), ("link", pa.string())]
    return pa.schema([*columns, *_label_columns(labels)])


def _label_columns(labels: Iterable[str]) -> list[tuple[str, pa.DataType]]:
    return [(f"label_{name}", pa.int8()) for name in labels]


# --- identities and draws ---------------------------------------------------------------------


def load_key(path: Path, seed: int | None = None) -> bytes:
    """The secret of a site's opaque ids; made on first use, readable by its owner only.

    With a `seed` (the synthetic hospital) the key is derived from it, so that ids repeat.
    """
    if seed is not None:
        return hashlib.sha256(f"pgdose synthetic hospital {seed}".encode()).digest()
    if not path.exists():
        _make_private(path.parent)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):  # another job was first: take its key
            path.hardlink_to(beside)
        beside.unlink()
    if path.stat().st_mode & 0o077:  # it was copied here, maybe
        with contextlib.suppress(PermissionError):  # another's, who may let us read it
            path.chmod(0o600)
    return bytes.fromhex(path.read_text().strip())


def opaque(key: bytes, *names: str) -> str:
    """A keyed hash (HMAC-SHA256) of a name: says nothing about it to who lacks the key."""
    text = "\0".join(names).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:ID_DIGITS]


def _hashes(seed: int, purpose: str, names: Iterable[str]) -> Iterator[bytes]:
    keyed = hashlib.blake2b(f"{seed}\0{purpose}\0".encode(), digest_size=16)
    for name in names:
        one = keyed.copy()
        one.update(name.encode())
        yield one.digest()


def draw(seed: int, purpose: str, ids: Iterable[str]) -> np.ndarray:
    """One keyed uniform number in [0, 1) for each id; float64 array."""
    names = ids.tolist() if isinstance(ids, pd.Series | pd.Index) else ids
    hashes = np.frombuffer(b"".join(_hashes(seed, purpose, names)), dtype=">u8")
    return (hashes[::2] >> 11) / 2.0**53


def generator(seed: int, purpose: str, name: str) -> np.random.Generator:
    """A keyed random generator, for whoever needs more than one number."""
    return np.random.default_rng(int.from_bytes(next(_hashes(seed, purpose, [name])), "big"))


# --- files ------------------------------------------------------------------------------------


def file_digest(*paths: str | Path) -> str:
    """16 hex digits of the files' contents."""
    total = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def private_folder(path: Path) -> Path:
    """A folder that only its owner can enter (Snakemake may have made it for all)."""
    _make_private(path)
    path.chmod(0o700)
    return path


def _make_private(path: Path) -> None:
    """Makes a folder, and those above it that are not there, for their owner alone."""
    for folder in [*reversed(path.parents), path]:
        folder.mkdir(exist_ok=True, mode=0o700)


@contextlib.contextmanager
def atomic(path: str | Path, private: bool = False) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends, and vanishes if it fails."""
    path = Path(path)
    if private:
        private_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: many writers choose their format by it.
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    killed = f".{glob.escape(path.stem)}.[0-9]*{glob.escape(path.suffix)}"
    for left in path.parent.glob(killed):  # by a job that could not clean up
        left.unlink(missing_ok=True)
    try:
        if private:
            beside.touch(mode=0o600)
        yield beside
        _settle(beside)
        beside.replace(path)
        _settle(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Until a file, or what a folder lists, would outlive a loss of power."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_table(
    table: pd.DataFrame | pa.Table,
    path: str | Path,
    schema: pa.Schema | None = None,
    metadata: Mapping[str, str] | None = None,
    private: bool = False,
) -> None:
    """Write Parquet, atomically. Columns that `schema` names and the table lacks become null."""
    if isinstance(table, pd.DataFrame):
        if schema is not None:
            table = table.reindex(columns=schema.names)
        table = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    with atomic(path, private) as beside:
        sealed = table.cast(_sealed(table.schema, metadata or {}))
        pq.write_table(sealed, beside, write_page_checksum=True)


def _checksum(schema: pa.Schema, told: Mapping[str, str]) -> str:
    """Of what stands at the end of a file, which its pages' checksums leave out."""
    # Parquet has a name of its own for the items of a list.
    columns = [(field.name, str(field.type).replace("<item:", "<element:")) for field in schema]
    text = json.dumps([columns, dict(told)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _sealed(schema: pa.Schema, told: Mapping[str, str]) -> pa.Schema:
    return schema.with_metadata({**told, "checksum": _checksum(schema, told)})


def _told(schema: pa.Schema, path: str | Path) -> dict[str, str]:
    told = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    if told.pop("checksum", None) != _checksum(schema, told):
        raise Damaged(path, "its checksum does not fit")
    return told


def read_metadata(path: str | Path) -> dict[str, str]:
    """What `write_table` was given as metadata; Damaged if it is not that."""
    with _whole(path):
        return _told(pq.read_schema(path), path)


def read_parquet(path: str | Path, **options: Any) -> pa.Table:
    """Read Parquet with pyarrow's options; Damaged if it is not as it was written."""
    read_metadata(path)
    with _whole(path):
        return pq.read_table(path, page_checksum_verification=True, **options)


@contextlib.contextmanager
def _whole(path: str | Path) -> Iterator[None]:
    """What Arrow says of a file that is cut off or has other bytes, as Damaged.

    It says so with OSError too, but without a number: with one it is the disk, the network or the
    memory that failed, and the file may be as it was.
    """
    try:
        yield
    except (MemoryError, pa.ArrowCancelled):
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Damaged(path, f"{type(error).__name__} when it was read") from None


def read_table(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read Parquet; small integers with nulls stay integers."""
    nullable = {pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()}
    return read_parquet(path, columns=columns).to_pandas(types_mapper=nullable.get)


def write_rows(
    rows: Iterable[dict], path: str | Path, schema: pa.Schema, private: bool = False
) -> int:
    """Write rows as they come, atomically, and say how many; only 10,000 are held at a time."""
    waiting = iter(rows)
    count = 0
    with (
        atomic(path, private) as beside,
        pq.ParquetWriter(beside, _sealed(schema, {}), write_page_checksum=True) as writer,
    ):
        while some := list(itertools.islice(waiting, 10_000)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count


class Listed(NamedTuple):
    """A file of a source as it was when the source was indexed."""

    path: Path
    size: int | None  # bytes; None: it was not there
    modified: int | None  # nanoseconds since 1970


def listed(path: str | Path) -> Listed:
    """A file as it is now."""
    path = Path(path)
    try:
        stat = path.stat()
    except (OSError, ValueError):  # not there, or a name that cannot be
        return Listed(path, None, None)
    return Listed(path, stat.st_size, stat.st_mtime_ns)


def read_paths(path: str | Path, wanted: Iterable[str]) -> dict[str, Listed]:
    """The files of the `wanted` record_ids."""
    table = read_parquet(path)
    table = table.filter(pc.is_in(table["record_id"], pa.array(list(wanted), pa.string())))
    return {
        row["record_id"]: Listed(Path(os.fsdecode(row["path"])), row["size"], row["modified"])
        for row in table.to_pylist()
    }


def read_shard(path: str | Path, shard: int, shards: int) -> list[tuple[str, Path]]:
    """(record_id, file) of one shard of a table of paths."""
    table = read_parquet(path, memory_map=True)
    rows = shard_rows(len(table), shard, shards)
    table = table.slice(rows.start, len(rows))
    files = (Path(os.fsdecode(name)) for name in table["path"].to_pylist())
    return list(zip(table["record_id"].to_pylist(), files, strict=True))


def read_tables(paths: Iterable[str | Path], columns: list[str] | None = None) -> pd.DataFrame:
    """Several tables as one, in the order given; a column that one of them lacks is null there."""
    parts = []
    for path in paths:
        wanted = columns
        if columns is not None:
            with _whole(path):
                wanted = [name for name in pq.read_schema(path).names if name in columns]
        parts.append(read_table(path, wanted))
    table = pd.concat(parts, ignore_index=True)
    return table if columns is None else table.reindex(columns=columns)


def read_members(path: str | Path, missing: Iterable[str | Path]) -> pd.DataFrame:
    """The members whose images are there; `missing` are the tables of failed rows, if any."""
    members = read_table(path)
    for lost in missing:
        members = members[~members["member"].isin(read_table(lost)["member"])]
    return members


def read_people(paths: Iterable[str | Path], record_ids: Iterable[str]) -> pd.DataFrame:
    """Sex and age (years) of records, in their order, out of several sources' tables of records."""
    wanted = list(record_ids)
    people = read_tables(paths, ["record_id", "sex", "age"]).set_index("record_id")
    return people.reindex(wanted)


def read_candidates(paths: Iterable[str | Path], columns: list[str] | None = None) -> pd.DataFrame:
    """Several tables of CANDIDATES as one; their words are categories, sorted as they came."""
    parts = [read_parquet(path, columns=columns) for path in paths]
    return pa.concat_tables(parts).unify_dictionaries().to_pandas()


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write CSV, atomically; floats as the shortest text that reads back equal."""
    with atomic(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """What `write_csv` wrote: only an empty cell is missing, and names are text, be they "NA"."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(NAMES, str))


def write_json(value: Any, path: str | Path) -> None:
    """Write JSON, atomically and with sorted keys."""
    with atomic(path) as beside:
        beside.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def rejects(rows: Iterable[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Rejects from (record_id, stage, reason, detail) tuples."""
    return pd.DataFrame(list(rows), columns=REJECTS.names, dtype="str")


def write_index(
    kept: pd.DataFrame,
    rejected: Iterable[tuple[str, str, str, str]],
    paths: Iterable[dict],
    output: Any,
    schema: pa.Schema,
) -> None:
    """What every index leaves: `output.records` (of `schema`), `.rejects`, private `.paths`."""
    write_table(kept, output.records, schema)
    write_table(rejects(rejected), output.rejects, REJECTS)
    write_paths(paths, output.paths)


def write_paths(paths: Iterable[dict], output: str | Path) -> int:
    """Write {record_id, path} pairs to a private table, and how the files are; says how many.

    A pair with `size` and `modified` was looked at before: so they stay.
    """

    now = lru_cache(10_000)(listed)  # many tiles are of one file
    stamped = (e if "size" in e else e | now(e["path"])._asdict() for e in paths)
    rows = (entry | {"path": os.fsencode(entry["path"])} for entry in stamped)
    return write_rows(rows, output, PATHS, private=True)


def shard_rows(n: int, shard: int, shards: int) -> range:
    """The rows of `shard` when n rows are cut into `shards` runs of as equal a length as can be."""
    return range(n * shard // shards, n * (shard + 1) // shards)


def place_tiles(tiles: pd.DataFrame, source: str, shards: int) -> pd.DataFrame:
    """Records of tiles with `store` and `row`: whole fields or slides go to one shard."""
    tiles = tiles.sort_values(["parent", "y", "x"]).reset_index(drop=True)
    parents = sorted(tiles["parent"].unique())
    shard_of = {parents[i]: s for s in range(shards) for i in shard_rows(len(parents), s, shards)}
    shard = tiles["parent"].map(shard_of)
    tiles["store"] = [f"sources/{source}/tiles/{s}.npy" for s in shard]
    tiles["row"] = tiles.groupby(shard).cumcount()
    return tiles
