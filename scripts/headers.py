from pathlib import Path

from job import job, settings

from pgdose.errors import Rejected
from pgdose.progress import log_progress
from pgdose.tables import keyed, parquet, private_paths, site_key, source_index
from pgdose.tables.pacs_schemas import NOT_FETCHED
from pgdose.tables.record_schemas import HEADERS
from pgdose.xray.headers import HeaderSettings, read_headers

with job(snakemake) as log:
    params, shard = snakemake.params, int(snakemake.wildcards.shard)
    key = site_key.load_key(Path(params.key), params.key_seed)
    made_with = site_key.key_metadata(key, params.key_seed)
    source_index.common_key(snakemake.input, snakemake.wildcards.source, made_with)
    files = private_paths.read_shard(snakemake.input.paths, shard, params.shards)
    not_fetched = parquet.read_tables(snakemake.input.not_fetched, NOT_FETCHED.names)
    rows = read_headers(
        log_progress(files, log, "files"),
        keyed.SourceIds(key, snakemake.wildcards.source, params.patients),
        HeaderSettings(
            encoding=params.encoding or None,
            **settings(params, "tags"),
            **settings(params, "codes"),
            **settings(params, "films"),
        ),
        root=Path(params.root),
        absent={r.record_id: Rejected(r.reason, r.detail) for r in not_fetched.itertuples()},
    )
    parquet.write_rows(rows, snakemake.output[0], HEADERS, made_with, private=True)
