from job import job, of_attack, settings

from pgdose.analysis import bootstrap, doses, evidence, outcomes, success
from pgdose.attack import surface_table
from pgdose.tables import parquet, result_csv

with job(snakemake) as log:
    params, given, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    members = parquet.read_table(given.members).set_index("member")
    classes = members.drop_duplicates("class_index").sort_values("class_index")["class"]
    for place, (attack, known) in enumerate(settings(params, "doses").items()):
        surface, shards = surface_table.read_surface(
            of_attack(given.surfaces, attack), given.network
        )
        found = outcomes.outcomes(
            surface,
            members["class_index"],
            len(classes),
            epsilons=known["epsilon"],
            max_iter=known["max_iter"],
        )
        if found.unknown:
            log.warning("%s: %d images left out, no logits or no numbers", attack, found.unknown)
        whose = members.loc[found.members]
        patients = bootstrap.draw_patients(whose["patient"], params.draws, params.seed)
        iteration = success.operating_iteration(found.iterations, params.iterations)
        counts = {n: sum(int(shard[n]) for shard in shards) for n in ("n_images", "n_correct")}
        point = {"iteration": iteration, "success": params.success}
        of_what = {"group": wildcards.group, "run": wildcards.run, "attack": attack}
        tables = {
            "asr": success.success(found, patients, **counts),
            "confidence": success.by_confidence(found, patients, iteration=iteration),
            "storage": success.stored(found, surface, patients),
            "transitions": doses.transitions(found, iteration, classes.tolist()),
            "doses": doses.curve_summary(found, patients, **point),
            "subgroups": doses.subgroups(found, patients, whose, **point),
        }
        for name, table in tables.items():
            table = table.assign(**of_what)[[*of_what, *table.columns]]
            result_csv.write_csv(table, snakemake.output[name][place])
        told = evidence.evidence(found, patients, epsilon=params.operating_epsilon, **point)
        evidence.write(told, snakemake.output.evidence[place])
        images = whose[["patient"]].reset_index()
        images["confidence"] = found.confidence
        images["smallest_epsilon"] = doses.smallest_epsilon(found, **point)
        change = surface.dropna(subset="change")
        bounded = bool((change["change"] <= change["epsilon"] + 1e-6).all())
        about = {"bounded": str(bounded)}
        parquet.write_table(images, snakemake.output.images[place], metadata=about)
