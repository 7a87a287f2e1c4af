from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose.labelling import reports
from pgdose.tables import parquet, report_schemas
from pgdose.tables.user_tables import read_pieces

with job(snakemake) as log:
    source, given = snakemake.wildcards.source, settings(snakemake.params, "reports")
    lexicon = reports.load_lexicon(Path(snakemake.input.lexicon))
    columns = {"id": given["id"], "text": given["text"]}
    field = f"sources.{source}.reports"
    labels, mentions = [], []
    table = Path(snakemake.input.reports)
    for piece in read_pieces(table, columns, field, given["encoding"]):
        if piece.empty:
            continue
        reports.check_encoding(piece["text"], field, table.name)
        found, where = reports.label_reports(piece["text"], lexicon, given["negation"])
        labels.append(found.assign(link=piece["id"].str.strip()))
        mentions.append(where)
        log.info("%s: %d reports labelled", source, piece.index[-1] + 1)
    names = [f"label_{name}" for name in lexicon.names]
    of_reports = pd.concat(labels) if labels else pd.DataFrame(columns=["link", *names])
    of_reports = of_reports.rename_axis("report").reset_index()
    of_reports = of_reports[of_reports["link"] != ""]
    again = of_reports["link"].duplicated()
    log.info("%s: %d reports have an id that stood before", source, again.sum())
    schema = report_schemas.report_labels_schema(lexicon.names)
    place = {"table": str(table), "text": given["text"], "encoding": given["encoding"]}
    parquet.write_table(of_reports[~again], snakemake.output.labels, schema, place, private=True)
    where = pd.concat(mentions).rename(columns={"index": "report"}) if mentions else None
    where = pd.DataFrame(columns=["report"]) if where is None else where
    schema = report_schemas.REPORT_MENTIONS
    parquet.write_table(where, snakemake.output.mentions, schema, private=True)
