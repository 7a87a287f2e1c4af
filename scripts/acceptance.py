from pathlib import Path

from job import job, settings

from pgdose.analysis import acceptance, result_files
from pgdose.analysis.acceptance import RunFiles
from pgdose.study.acceptance import Limit

with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    limits = [Limit.model_validate(limit) for limit in settings(params, "limits")]
    surfaces = [Path(path) for path in inputs.surfaces]
    runs = []
    for identity, members, network in zip(
        settings(params, "runs"), inputs.members, inputs.networks, strict=True
    ):
        folder = Path(network).parent
        own = {
            limit.attack: [p for p in surfaces if p.parent == folder / limit.attack / "surface"]
            for limit in limits
        }
        runs.append(RunFiles(identity, members, network, own))
    table = acceptance.judge_all(limits, runs)
    result_files.write_result_table(
        table, snakemake.output[0], settings(params, "columns")["acceptance"]
    )
    for row in table[table["verdict"] != acceptance.PASS].itertuples():
        log.warning("%s/%s: %s", row.group, row.run, acceptance.sentence(row._asdict()))
