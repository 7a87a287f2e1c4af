from job import job, settings

from pgdose.analysis import result_files, transfer
from pgdose.tables import parquet

with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    members = {
        group: parquet.read_table(path).set_index("member")
        for group, path in zip(settings(params, "groups"), inputs.members, strict=True)
    }
    attacked = [
        transfer.TransferredAttack(
            run, attack, int(parquet.read_metadata(path)["iteration"]), parquet.read_table(path)
        )
        for (run, attack), path in zip(settings(params, "transfers"), inputs.transfers, strict=True)
    ]
    table = transfer.transfer_of_all(attacked, members, params.draws, params.seed)
    for columns in settings(params, "columns").values():
        result_files.write_result_table(table, snakemake.output[0], columns)
