"""Which rows belong to which shard."""


def shard_rows(n: int, shard: int, shards: int) -> range:
    """The rows of `shard` when n rows are cut into `shards` runs of as equal a length as can be."""
    return range(n * shard // shards, n * (shard + 1) // shards)
