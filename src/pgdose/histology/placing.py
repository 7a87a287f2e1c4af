"""Where tiles are stored: which store, and which row of it."""

import pandas as pd

from pgdose.tables.sharding import shard_rows


def place_tiles(tiles: pd.DataFrame, source: str, shards: int) -> pd.DataFrame:
    """Records of tiles with `store` and `row`: whole fields or slides go to one shard."""
    tiles = tiles.sort_values(["parent", "y", "x"]).reset_index(drop=True)
    parents = sorted(tiles["parent"].unique())
    shard_of = {parents[i]: s for s in range(shards) for i in shard_rows(len(parents), s, shards)}
    shard = tiles["parent"].map(shard_of)
    tiles["store"] = [f"sources/{source}/tiles/{s}.npy" for s in shard]
    tiles["row"] = tiles.groupby(shard).cumcount()
    return tiles
