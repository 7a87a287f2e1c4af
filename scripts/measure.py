from job import job, settings

from pgdose import records
from pgdose.analysis import bootstrap, doses, evidence, outcomes, success

with job(snakemake) as log:
    params, given, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    surface, shards = records.read_surface(given.surfaces, given.network)
    members = records.read_table(given.members).set_index("member")
    classes = members.drop_duplicates("class_index").sort_values("class_index")["class"]
    found = outcomes.outcomes(
        surface,
        members["class_index"],
        len(classes),
        epsilons=settings(params, "epsilon"),
        max_iter=params.max_iter,
    )
    if found.unknown:
        log.warning("%d images left out: logits missing or no numbers", found.unknown)
    whose = members.loc[found.members]
    patients = bootstrap.draw_patients(whose["patient"], params.draws, params.seed)
    iteration = success.operating_iteration(found.iterations, params.iterations)
    n_images, n_correct = (sum(int(s[name]) for s in shards) for name in ("n_images", "n_correct"))
    people = records.read_people(given.records, whose["record_id"])
    point = {"iteration": iteration, "success": params.success}
    tables = {
        "asr": success.success(found, patients, n_images=n_images, n_correct=n_correct),
        "confidence": success.by_confidence(found, patients, iteration=iteration),
        "storage": success.stored(found, surface, patients),
        "transitions": doses.transitions(found, iteration, classes.tolist()),
        "doses": doses.curve_summary(found, patients, **point),
        "subgroups": doses.subgroups(found, patients, people, **point),
    }
    for name, table in tables.items():
        for place, wildcard in enumerate(("group", "run", "attack")):
            table.insert(place, wildcard, getattr(wildcards, wildcard))
        records.write_csv(table, snakemake.output[name])
    told = evidence.evidence(found, patients, epsilon=params.operating_epsilon, **point)
    evidence.write(told, snakemake.output.evidence)
    images = whose[["patient"]].reset_index()
    images["confidence"] = found.confidence
    images["smallest_epsilon"] = doses.smallest_epsilon(found, **point)
    change = surface.dropna(subset="change")
    bounded = bool((change["change"] <= change["epsilon"] + 1e-6).all())
    records.write_table(images, snakemake.output.images, metadata={"bounded": str(bounded)})
