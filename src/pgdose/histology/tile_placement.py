"""Which store holds a tile, and which row of it."""

import pandas as pd

from pgdose.tables.sharding import shard_rows


def store_name(source: str, shard: int | str) -> str:
    """The store of a shard's tiles, relative to the folder of results."""
    return f"sources/{source}/tiles/{shard}.npy"


def place_tiles(tiles: pd.DataFrame, source: str, shards: int) -> pd.DataFrame:
    """Records of tiles with `store` and `row`; all tiles of a field or slide go to one shard."""
    tiles = tiles.sort_values(["parent", "y", "x"]).reset_index(drop=True)
    parents = sorted(tiles["parent"].unique())
    shard_of = {parents[i]: s for s in range(shards) for i in shard_rows(len(parents), s, shards)}
    shard = tiles["parent"].map(shard_of)
    tiles["store"] = [store_name(source, s) for s in shard]
    tiles["row"] = tiles.groupby(shard).cumcount()
    return tiles
