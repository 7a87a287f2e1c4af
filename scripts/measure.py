import json

import pyarrow.parquet as pq
from job import job, settings

from pgdose import records
from pgdose.analysis import success

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    shards = [pq.read_schema(path).metadata for path in snakemake.input.surfaces]
    surface = records.read_tables(snakemake.input.surfaces)
    members = records.read_table(snakemake.input.members).set_index("member")
    epsilons, iterations = settings(params, "epsilon"), min(params.max_iter, params.iterations)
    n_images, n_correct = (
        sum(int(shard[name]) for shard in shards) for name in (b"n_images", b"n_correct")
    )
    asr = success.success(
        surface,
        members["class_index"],
        params.classes,
        epsilons=epsilons,
        max_iter=params.max_iter,
        n_images=n_images,
        n_correct=n_correct,
    )
    confidence = success.by_confidence(
        surface, members["class_index"], params.classes, epsilons=epsilons, iteration=iterations
    )
    for table, path in ((asr, snakemake.output.asr), (confidence, snakemake.output.confidence)):
        for place, name in enumerate(("group", "run", "attack")):
            table.insert(place, name, getattr(wildcards, name))
        records.write_csv(table, path)
    changes = [json.loads(shard[b"largest_change"]) for shard in shards]
    records.write_json(
        {
            "n_images": n_images,
            "n_correct": n_correct,
            "epsilon": epsilons,
            "largest_change": [max(column) for column in zip(*changes, strict=True)],
            "device": sorted({shard[b"device"].decode() for shard in shards}),
            "network": sorted({shard[b"network"].decode() for shard in shards}),
            "attack": json.loads(shards[0][b"attack"]),
        },
        snakemake.output.diagnostics,
    )
