from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.errors import UserError
from pgdose.sources import dicom, files, reports
from pgdose.sources.table import read_columns

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    columns = settings(snakemake.params, "columns")
    files.check_folder(root, f"sources.{source}.root")
    texts = read_columns(
        Path(snakemake.input.reports),
        {"id": columns["id"], "text": columns["text"]},
        f"sources.{source}.reports",
    )
    texts = texts[texts["id"] != ""]
    log.info("%s: %d reports have an id that stood before", source, texts["id"].duplicated().sum())
    texts = texts.drop_duplicates("id")
    lexicon = reports.load_lexicon(Path(snakemake.input.lexicon))
    key = records.load_key(Path(snakemake.params.key), snakemake.params.key_seed)
    found, paths, rejects = dicom.index(
        root, key=key, source=source, tag=columns["tag"], patients=snakemake.params.patients
    )
    table = pd.DataFrame(found, columns=[*records.RECORDS.names, "link"])
    own = table["link"].map(texts.set_index("id")["text"])
    table = table.join(reports.label_reports(own, lexicon))
    labels = [name.removeprefix("label_") for name in table if name.startswith("label_")]
    if len(table) and own.isna().all():
        raise UserError(
            f"sources.{source}.reports: not one of {len(table)} images has a report; is "
            f"{columns['tag']} what the column {columns['id']!r} holds?"
        )
    log.info(
        "%s: %d files, %d readable, %d without a report",
        *(source, len(paths), len(table), int(own.isna().sum())),
    )
    table = table.drop(columns="link").sort_values("record_id")
    records.write_index(table, rejects, paths, snakemake.output, records.records_schema(labels))
