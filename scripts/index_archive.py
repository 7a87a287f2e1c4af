from job import job, settings

from pgdose.errors import UserError
from pgdose.labelling.conflicts import find_conflicts
from pgdose.tables import parquet, record_schemas

with job(snakemake) as log:
    source, given = snakemake.wildcards.source, settings(snakemake.params, "reports")
    found = parquet.read_tables(snakemake.input.headers)
    broken = found["reason"].notna()
    rejected = found[broken].assign(stage="index")[record_schemas.REJECTS.names]
    labels = parquet.read_table(snakemake.input.labels)
    names = [name.removeprefix("label_") for name in labels if name.startswith("label_")]
    table = found[~broken].merge(labels, on="link", how="left").sort_values("record_id")
    without = int(table["report"].isna().sum())
    if len(table) and without == len(table):
        raise UserError(
            f"sources.{source}.reports: not one of {len(table)} images has a report; is "
            f"{given['tag']} what the column {given['id']!r} holds?"
        )
    suspect = int(table["mojibake"].sum())
    if suspect:
        log.warning(
            "sources.%s: %d files hold text that looks like another character set than they "
            "declare; see docs/study.md on encoding: (cp1251, koi8-r, ...)",
            *(source, suspect),
        )
    mentions = parquet.read_table(snakemake.input.mentions)
    reported = table[["report", "record_id"]].dropna().astype({"report": "int64"})
    mentions = reported.merge(mentions, on="report").sort_values(["record_id", "start", "label"])
    at_odds = find_conflicts(
        table.set_index("record_id"), mentions.rename(columns={"record_id": "index"})
    )
    conflicts = mentions[mentions["record_id"].isin(at_odds) & mentions["label"].ne("norm")]
    conflicts = conflicts[conflicts["state"] != "absent"].sort_values(
        ["record_id", "label", "state"]
    )
    conflicts = conflicts.drop_duplicates(["record_id", "label"])  # present stands before uncertain
    log.info(
        "%s: %d files, %d readable, %d without a report, %d with a norm phrase and a finding",
        *(source, len(found), len(table), without, len(at_odds)),
    )
    output = snakemake.output
    parquet.write_table(table, output.records, record_schemas.records_schema(names))
    parquet.write_table(rejected, output.rejects, record_schemas.REJECTS)
    parquet.write_table(mentions, output.mentions, record_schemas.MENTIONS)
    parquet.write_table(conflicts, output.conflicts, record_schemas.CONFLICTS)
