from job import job, settings

from pgdose.labelling.conflicts import find_conflicts
from pgdose.tables import parquet, source_index
from pgdose.tables.record_schemas import records_schema
from pgdose.tables.rejects import REJECTS
from pgdose.tables.report_schemas import CONFLICTS, MENTIONS
from pgdose.xray import archive_index

with job(snakemake) as log:
    source, output = snakemake.wildcards.source, snakemake.output
    links = settings(snakemake.params, "reports")
    made_with = source_index.common_key(snakemake.input.headers, source)
    headers = parquet.read_tables(snakemake.input.headers)
    labels = parquet.read_table(snakemake.input.labels)
    films = archive_index.join_labels(headers, labels)
    archive_index.check_links(films, f"sources.{source}.reports", links["tag"], links["id"])
    mentions = archive_index.film_mentions(films, parquet.read_table(snakemake.input.mentions))
    contradictory = find_conflicts(
        films.set_index("record_id"), mentions.rename(columns={"record_id": "index"})
    )
    log.info(
        "%s: %d files, %d readable, %d without a report, %d with a norm phrase and a finding",
        *(source, len(headers), len(films), films["report"].isna().sum(), len(contradictory)),
    )
    if misdeclared := int(films["mojibake"].sum()):
        log.warning(
            "sources.%s: %d files seem to declare a wrong character set; set sources.%s.encoding "
            "(cp1251, koi8-r, ...), see docs/study.md",
            *(source, misdeclared, source),
        )
    names = [name.removeprefix("label_") for name in labels if name.startswith("label_")]
    parquet.write_table(films, output.records, records_schema(names), made_with)
    parquet.write_table(archive_index.header_rejects(headers), output.rejects, REJECTS, made_with)
    parquet.write_table(mentions, output.mentions, MENTIONS)
    conflicts = archive_index.film_conflicts(mentions, contradictory)
    parquet.write_table(conflicts, output.conflicts, CONFLICTS)
