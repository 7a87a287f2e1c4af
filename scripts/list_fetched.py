from pathlib import Path

from job import job

from pgdose.pacs.fetched_files import source_files
from pgdose.tables import parquet, private_paths, site_key
from pgdose.tables.keyed import SourceIds
from pgdose.tables.pacs_schemas import NOT_FETCHED

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    key = site_key.load_key(Path(params.key), params.key_seed)
    made_with = site_key.key_metadata(key, params.key_seed)
    fetched = parquet.read_tables(snakemake.input)
    tables = source_files(fetched, Path(params.root), SourceIds(key, source))
    count = private_paths.write_paths(tables.files, snakemake.output.paths, made_with)
    private_paths.write_paths(tables.documents, snakemake.output.documents, made_with)
    rejects, output = tables.not_fetched, snakemake.output.not_fetched
    parquet.write_rows(rejects, output, NOT_FETCHED, made_with, private=True)
    log.info("%s: %d instances, %d of them not fetched", source, count, len(rejects))
