import json

import pandas as pd
from job import job, settings

from pgdose.errors import Rejected
from pgdose.images import rendering, stores
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, sharding
from pgdose.tables.cohort_schemas import MISSING
from pgdose.xray.source_images import read_source_image

with job(snakemake) as log:
    params, group = snakemake.params, snakemake.wildcards.group
    shape, kinds = settings(params, "shape"), settings(params, "kinds")
    members = parquet.read_table(snakemake.input.planned)
    rows = sharding.shard_rows(len(members), int(snakemake.wildcards.shard), params.shards)
    members = members.iloc[rows]
    files = {
        record_id: (file, kinds[source])
        for source, table in zip(kinds, snakemake.input.paths, strict=True)
        for record_id, file in private_paths.read_paths(table, members["record_id"]).items()
    }
    modality = "xray" if shape["channels"] == 1 else "other"
    failed = []
    with stores.new_store(
        snakemake.output.images, len(members), shape["size"], shape["channels"]
    ) as store:
        of_records = members.groupby("record_id", sort=False)
        for record_id, copies in log_progress(of_records, log, "images"):
            try:
                film = read_source_image(*files[record_id], modality, params.window)
            except Rejected as r:
                failed += [(member, r.reason, r.detail) for member in copies["member"]]
                continue
            for copy in copies.to_dict("records"):
                square = (copy["crop_x"], copy["crop_y"], copy["crop_side"])
                image = rendering.render(
                    film.pixels,
                    shape["size"],
                    window=None if pd.isna(copy["crop_side"]) else square,
                    parameters=json.loads(copy["augmentation"]) if copy["copy"] else None,
                )
                store.put(copy["row"], image)
    log.info("%s: %d images, %d could not be read", group, len(members), len(failed))
    table = pd.DataFrame(failed, columns=["member", "reason", "detail"])
    parquet.write_table(table, snakemake.output.missing, MISSING)
