"""Which rows belong to which shard, and which shards to which attack."""


def shard_rows(n: int, shard: int, shards: int) -> range:
    """The rows of `shard` (from 0) of n rows, cut into `shards` runs of nearly equal length."""
    return range(n * shard // shards, n * (shard + 1) // shards)
