from job import job, settings

from pgdose.analysis import demographics, result_files, table1
from pgdose.tables import clean_logits, parquet

with job(snakemake):
    params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
    groups = [
        table1.GroupImages(**about, members=parquet.read_table(m), clean=clean_logits.read_table(c))
        for about, m, c in zip(
            settings(params, "groups"), inputs.members, inputs.clean, strict=True
        )
    ]
    tables = {
        "table1": table1.table1(groups, params.draws, params.seed),
        "class_counts": table1.class_counts(groups),
        "demographics": demographics.demographics({one.group: one.members for one in groups}),
    }
    for name, columns in settings(params, "columns").items():
        result_files.write_result_table(tables[name], outputs[name], columns)
