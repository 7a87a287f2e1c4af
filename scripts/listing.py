"""The slides that a source's table lists; every script about slides begins with them."""

from pathlib import Path

from pgdose.histology import slides
from pgdose.tables import keyed, sharding, source_files
from pgdose.tables.user_tables import read_columns


def list_slides(snakemake, columns):
    """The table, paths and rejects of `slides.listed`."""
    params, source = snakemake.params, snakemake.wildcards.source
    source_files.check_folder(Path(params.root), f"sources.{source}.root")
    table = read_columns(Path(snakemake.input.table), columns, f"sources.{source}.columns")
    key = keyed.load_key(Path(params.key), params.key_seed)
    return slides.listed(table, Path(params.root), key=key, source=source, patients=params.patients)


def of_shard(listed, snakemake):
    """The rows of the job's shard, as dictionaries."""
    shard, shards = int(snakemake.wildcards.shard), snakemake.params.shards
    return listed.iloc[sharding.shard_rows(len(listed), shard, shards)].to_dict("records")
