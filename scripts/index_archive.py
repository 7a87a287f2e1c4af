from pathlib import Path

from job import job, settings

import pandas as pd

from pgdose.labelling.conflicts import find_conflicts
from pgdose.tables import parquet, source_index
from pgdose.tables.label_columns import label_names
from pgdose.tables.record_schemas import REPEATED, records_schema
from pgdose.tables.rejects import REJECTS
from pgdose.tables.report_schemas import CONFLICTS, MENTIONS, film_labels_schema
from pgdose.user_tables import notes, source_tables
from pgdose.user_tables.reader import read_columns
from pgdose.xray import archive_index

with job(snakemake) as log:
    source, inputs, output = snakemake.wildcards.source, snakemake.input, snakemake.output
    reports, labelled = (settings(snakemake.params, name) for name in ("reports", "label_table"))
    made_with = source_index.common_key(inputs.headers, source)
    headers = parquet.read_tables(inputs.headers)
    films, field = archive_index.usable_films(headers), f"sources.{source}"
    films = films.assign(report=pd.array([pd.NA] * len(films), "Int64"), differ=False)
    guesses, merged, states = [], None, pd.DataFrame(index=films.index)
    for listed in inputs.listed:
        guesses += notes.from_metadata(parquet.read_metadata(listed))
    archive_index.note_headers(films, snakemake.params.orientation, guesses)
    mentions, contradictory = archive_index.NO_MENTIONS, []
    if reports:
        labels = parquet.read_table(inputs.labels)
        guesses += notes.from_metadata(parquet.read_metadata(inputs.labels))
        films = archive_index.join_reports(films, labels, guesses)
        archive_index.check_links(films, f"{field}.reports", reports)
        mentions = archive_index.film_mentions(films, parquet.read_table(inputs.mentions))
        contradictory = find_conflicts(
            films.set_index("record_id"), mentions.rename(columns={"record_id": "index"})
        )
        log.info(
            "%s: %d films without a report, %d with a norm phrase and a finding",
            *(source, films["report"].isna().sum(), len(contradictory)),
        )
    if labelled:
        table = source_tables.label_table(Path(inputs.label_table), source, labelled)
        rows = read_columns(table, guesses)
        states, merged = archive_index.join_table(films, rows, labelled, table, guesses)
        films = archive_index.labels_of(films, states)
    notes.log_notes(log, field, guesses)
    log.info("%s: %d files, %d readable", source, len(headers), len(films))
    if misdeclared := int(films["mojibake"].sum()):
        log.warning(
            "sources.%s: %d files seem to declare a wrong character set; set sources.%s.encoding "
            "(cp1251, koi8-r, ...), see docs/reference/study.md",
            *(source, misdeclared, source),
        )
    schema = records_schema(label_names(films))
    metadata = made_with | notes.as_metadata(guesses)
    parquet.write_table(films, output.records, schema, metadata)
    parquet.write_table(archive_index.header_rejects(headers), output.rejects, REJECTS, made_with)
    repeated = archive_index.repeated_films(films, reports, merged, labelled)
    parquet.write_table(repeated, output.repeated, REPEATED, made_with)
    schema = film_labels_schema(label_names(states))
    by_film = films[["record_id", "link"]].join(states)
    parquet.write_table(by_film, output.film_labels, schema, made_with, private=True)
    parquet.write_table(mentions, output.mentions, MENTIONS)
    conflicts = archive_index.film_conflicts(mentions, contradictory)
    parquet.write_table(conflicts, output.conflicts, CONFLICTS)
