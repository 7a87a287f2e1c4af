from job import job, settings

from pgdose.analysis import abstention, measures
from pgdose.analysis.decisions import clean_decisions
from pgdose.analysis.measures import Abstaining
from pgdose.analysis.settings import HarmSettings, MeasureSettings
from pgdose.attack import surface_table
from pgdose.attack.surface_table import surface_shards
from pgdose.cohort import image_draws
from pgdose.study.doses import Doses
from pgdose.tables import clean_logits, parquet

with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    table = parquet.read_table(inputs.members)
    members, validation = table.set_index("member"), table[table["part"] == "validation"]
    how = MeasureSettings(**settings(params))
    run, raises_wrong_class = settings(params, "run"), settings(params, "raises_wrong_class")
    unattacked, clean = {}, None
    if raises_wrong_class is not None:
        clean = abstention.clean_scores(
            clean_logits.read_table(inputs.clean), members, how.draws, how.seed
        )
        unattacked = {"abstention": abstention.without_attack(clean)}
    by_attack = {}
    for attack, doses in settings(params, "doses").items():
        surface = surface_table.read_surface(
            surface_shards(inputs.surfaces, attack), inputs.network, Doses(**doses)
        )
        drawn = image_draws.attacked(
            validation, settings(params, "images")[attack], how.seed, run["group"]
        )["member"]
        abstaining = clean and Abstaining(clean, drawn, raises_wrong_class[attack])
        by_attack[attack] = one = measures.measure_attack(
            surface,
            members,
            how,
            bounds_change=attack not in params.gradient_clipped,
            sample=clean_decisions(drawn, clean_logits.read(inputs.clean, drawn)),
            of_errors=HarmSettings(**settings(params, "harm")),
            abstaining=abstaining,
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
        by_attack, run, dict(snakemake.output), settings(params, "columns"), unattacked
    )
