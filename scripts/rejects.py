from job import job

from pgdose import records, screen

with job(snakemake) as log:
    index = records.read_table(snakemake.input.index)
    screened = records.read_tables(snakemake.input.screens)
    instances = records.read_table(snakemake.input.records, ["record_id", "instance"])
    found = screen.rejects(index, screened, instances.set_index("record_id")["instance"])
    for reason, count in found["reason"].value_counts().items():
        log.info("%s: %s %d", snakemake.wildcards.source, reason, count)
    records.write_table(found, snakemake.output[0], records.REJECTS)
