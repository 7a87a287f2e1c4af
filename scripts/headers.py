from pathlib import Path

from job import job, progress, settings

from pgdose import records
from pgdose.sources import dicom

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    files = records.read_shard(snakemake.input[0], int(snakemake.wildcards.shard), params.shards)
    found = dicom.headers(
        progress(files, log, "files"),
        key=records.load_key(Path(params.key), params.key_seed),
        source=source,
        tag=params.tag,
        patients=params.patients,
        encoding=params.encoding or None,
        root=Path(params.root),
        **settings(params, "codes"),
    )
    records.write_rows(found, snakemake.output[0], records.HEADERS, private=True)
