import json

from job import job

from pacs_job import pacs_source

from pgdose.pacs.listing import list_instances
from pgdose.pacs.listing_notes import check_not_empty, listing_notes
from pgdose.tables import parquet
from pgdose.tables.pacs_schemas import LISTED
from pgdose.user_tables import notes

with job(snakemake) as log, pacs_source(snakemake) as (source, credentials):
    listing = list_instances(source, credentials, log)
    check_not_empty(listing.rows, listing.counts)
    metadata = notes.as_metadata(listing_notes(listing.counts))
    metadata["counts"] = json.dumps(listing.counts)
    parquet.write_rows(listing.rows, snakemake.output[0], LISTED, metadata, private=True)
