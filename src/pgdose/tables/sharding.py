"""Which rows belong to which shard, and which shards to which attack."""

from collections.abc import Iterable
from pathlib import Path


def shard_rows(n: int, shard: int, shards: int) -> range:
    """The rows of `shard` (from 0) of n rows, cut into `shards` runs of nearly equal length."""
    return range(n * shard // shards, n * (shard + 1) // shards)


def surface_shards(paths: Iterable[str], attack: str) -> list[str]:
    """Of the files <run>/<attack>/surface/<shard>.parquet of a run those of one attack."""
    return [path for path in paths if Path(path).parent.parent.name == attack]
