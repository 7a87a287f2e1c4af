from pathlib import Path

from job import job, settings

from pgdose.progress import log_progress
from pgdose.tables import keyed, parquet, private_paths
from pgdose.tables.record_schemas import HEADERS
from pgdose.xray.headers import HeaderSettings, read_headers

with job(snakemake) as log:
    params, shard = snakemake.params, int(snakemake.wildcards.shard)
    key = keyed.load_key(Path(params.key), params.key_seed)
    files = private_paths.read_shard(snakemake.input[0], shard, params.shards)
    rows = read_headers(
        log_progress(files, log, "files"),
        keyed.SourceIds(key, snakemake.wildcards.source, params.patients),
        HeaderSettings(
            tag=params.tag, encoding=params.encoding or None, **settings(params, "codes")
        ),
        root=Path(params.root),
    )
    parquet.write_rows(rows, snakemake.output[0], HEADERS, private=True)
