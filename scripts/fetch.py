from job import job

from pacs_job import pacs_source

from pgdose.pacs.fetching import fetch
from pgdose.tables import parquet
from pgdose.tables.pacs_schemas import FETCHED

with job(snakemake) as log, pacs_source(snakemake) as (source, credentials):
    listed = parquet.read_table(snakemake.input[0])
    rows = listed[listed["shard"] == int(snakemake.wildcards.shard)].to_dict("records")
    fetched = fetch(rows, source, credentials, log)
    parquet.write_rows(fetched, snakemake.output[0], FETCHED, private=True)
