"""Which rows belong to which shard."""


def shard_rows(n: int, shard: int, shards: int) -> range:
    """The rows of `shard` (from 0) when n rows are cut into `shards` runs of nearly equal length."""
    return range(n * shard // shards, n * (shard + 1) // shards)
