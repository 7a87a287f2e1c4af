from pathlib import Path

from job import job, settings

from pgdose.documents import report_table
from pgdose.documents.report import Tally
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, report_schemas
from pgdose.user_tables import notes

with job(snakemake) as log:
    output, how = snakemake.output, settings(snakemake.params)
    field, root = f"sources.{snakemake.wildcards.source}.reports", Path(snakemake.params.root)
    tally = Tally()
    if how["origin"] == "hl7":
        outcomes = report_table.read_messages(root, how["accession"], how["encoding"], tally)
    else:
        files = private_paths.read_shard(snakemake.input.documents, 0, 1)
        paths = (path for _, path in log_progress(files, log, "files"))
        outcomes = report_table.read_documents(
            paths, root, how["tag"], how["encoding"], tally, how["only_documents"]
        )
    tables = report_table.settle_reports(outcomes, tally, field, how)
    notes.log_notes(log, field, tables.notes)
    metadata = notes.as_metadata(tables.notes)
    schema = report_schemas.REPORTS
    parquet.write_table(tables.reports, output.reports, schema, metadata, private=True)
    schema = report_schemas.UNREAD_REPORTS
    parquet.write_table(tables.unread, output.unread, schema, private=True)
