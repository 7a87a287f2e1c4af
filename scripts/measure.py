from job import job, settings

from pgdose.analysis import measures
from pgdose.analysis.settings import MeasureSettings
from pgdose.attack import surface_table
from pgdose.attack.surface_table import surface_shards
from pgdose.study.doses import Doses
from pgdose.tables import parquet

with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    members = parquet.read_table(inputs.members).set_index("member")
    how = MeasureSettings(**settings(params))
    by_attack = {}
    for attack, doses in settings(params, "doses").items():
        surface = surface_table.read_surface(
            surface_shards(inputs.surfaces, attack), inputs.network, Doses(**doses)
        )
        by_attack[attack] = one = measures.measure_attack(
            surface, members, how, bounds_change=attack not in params.gradient_clipped
        )
        if one.n_unknown:
            log.warning(
                "%s: %d images left out: logits missing or not finite", attack, one.n_unknown
            )
        if one.too_few_patients:
            log.warning(
                "%s: the attacked images are of %d patients, and no interval rests on under four; "
                "add patients to the group's validation part",
                *(attack, one.too_few_patients),
            )
    measures.write_run(
        by_attack, settings(params, "run"), dict(snakemake.output), settings(params, "columns")
    )
