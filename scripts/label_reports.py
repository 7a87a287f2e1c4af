from pathlib import Path

from job import job, settings

from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.report_tables import ReportTable, label_report_file
from pgdose.tables import parquet, report_schemas

with job(snakemake):
    lexicon = load_lexicon(Path(snakemake.input.lexicon))
    table = ReportTable(
        Path(snakemake.input.reports),
        f"sources.{snakemake.wildcards.source}.reports",
        **settings(snakemake.params, "reports"),
    )
    labels, mentions = label_report_file(table, lexicon)
    schema = report_schemas.report_labels_schema(lexicon.names)
    place = {"table": str(table.path), "text": table.text, "encoding": table.encoding}
    parquet.write_table(labels, snakemake.output.labels, schema, place, private=True)
    schema = report_schemas.REPORT_MENTIONS
    parquet.write_table(mentions, snakemake.output.mentions, schema, private=True)
