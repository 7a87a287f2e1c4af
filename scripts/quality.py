from job import job, settings

from pgdose.analysis import network_tables, result_files

with job(snakemake) as log:
    params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
    members = dict(zip(settings(params, "groups"), inputs.members, strict=True))
    networks = (
        network_tables.read_network(run, kind, members[run["group"]], clean)
        for (run, kind), clean in zip(settings(params, "networks"), inputs.clean, strict=True)
    )
    tables = network_tables.network_tables(networks, params.draws, params.seed)
    for check in network_tables.failed_checks(tables["network_checks"]):
        log.info("%s", check)
    for name, columns in settings(params, "columns").items():
        result_files.write_result_table(tables[name], outputs[name], columns)
