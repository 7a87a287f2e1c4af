from pathlib import Path

from job import job, progress, settings

from pgdose.tables import keyed, parquet, private_paths
from pgdose.tables.record_schemas import HEADERS
from pgdose.xray import dicom

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    files = private_paths.read_shard(
        snakemake.input[0], int(snakemake.wildcards.shard), params.shards
    )
    found = dicom.headers(
        progress(files, log, "files"),
        key=keyed.load_key(Path(params.key), params.key_seed),
        source=source,
        tag=params.tag,
        patients=params.patients,
        encoding=params.encoding or None,
        root=Path(params.root),
        **settings(params, "codes"),
    )
    parquet.write_rows(found, snakemake.output[0], HEADERS, private=True)
