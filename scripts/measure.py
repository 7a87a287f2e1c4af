from job import job, settings

from pgdose import records
from pgdose.analysis import success

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    surface, shards = records.read_surface(snakemake.input.surfaces, snakemake.input.network)
    class_index = records.read_table(snakemake.input.members).set_index("member")["class_index"]
    epsilons = settings(params, "epsilon")
    n_images, n_correct = (sum(int(s[name]) for s in shards) for name in ("n_images", "n_correct"))
    asr = success.success(
        surface,
        class_index,
        params.classes,
        epsilons=epsilons,
        max_iter=params.max_iter,
        n_images=n_images,
        n_correct=n_correct,
    )
    confidence = success.by_confidence(
        surface,
        class_index,
        params.classes,
        epsilons=epsilons,
        iteration=success.operating_iteration(asr["iteration"], params.iterations),
    )
    storage = success.stored(surface, class_index, params.classes, epsilons)
    for table, path in zip((asr, confidence, storage), snakemake.output, strict=True):
        for place, name in enumerate(("group", "run", "attack")):
            table.insert(place, name, getattr(wildcards, name))
        records.write_csv(table, path)
