from pathlib import Path

from job import job, settings

from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.report_tables import label_report_file
from pgdose.tables import parquet, report_schemas
from pgdose.user_tables import notes
from pgdose.user_tables.source_tables import report_table

with job(snakemake) as log:
    inputs, output, reports = snakemake.input, snakemake.output, settings(snakemake.params)
    source, guesses = snakemake.wildcards.source, []
    if "origin" in reports:  # made of documents or messages by read_reports
        guesses += notes.from_metadata(parquet.read_metadata(inputs.reports))
    lexicon = load_lexicon(Path(inputs.lexicon))
    table = report_table(Path(inputs.reports), source, reports)
    labels, mentions = label_report_file(
        table, lexicon, reports["several"], reports["negation"], guesses, reports["norm"]
    )
    notes.log_notes(log, table.field, guesses)
    place = {"table": inputs.reports, "settings": snakemake.params.settings}
    metadata = place | notes.as_metadata(guesses, "reports")
    schema = report_schemas.report_labels_schema(lexicon.names)
    parquet.write_table(labels, output.labels, schema, metadata, private=True)
    schema = report_schemas.REPORT_MENTIONS
    parquet.write_table(mentions, output.mentions, schema, private=True)
