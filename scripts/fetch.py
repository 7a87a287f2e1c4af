from job import job

from pacs_job import pacs_source

from pgdose.pacs.fetching import fetch
from pgdose.tables import parquet
from pgdose.tables.pacs_schemas import FETCHED

with job(snakemake) as log, pacs_source(snakemake) as (source, credentials):
    is_of_shard = [("shard", "==", int(snakemake.wildcards.shard))]
    listed = parquet.read_parquet(snakemake.input[0], filters=is_of_shard)
    fetched = fetch(listed.to_pylist(), source, credentials, log)
    parquet.write_rows(fetched, snakemake.output[0], FETCHED, private=True)
