from pathlib import Path

from job import job, settings
from listing import list_slides

from pgdose.errors import UserError
from pgdose.histology import placing, slides
from pgdose.tables import keyed, parquet, private_paths, slide_schemas, source_index
from pgdose.tables.record_schemas import RECORDS

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    wanted = settings(params)
    listed, paths, rejects = list_slides(snakemake, wanted["columns"])
    key = keyed.load_key(Path(params.key), params.key_seed)
    states = parquet.read_tables(snakemake.input.slides)
    rejected = states[states["reason"].notna()]
    rejects += [(row.record_id, "index", row.reason, row.detail) for row in rejected.itertuples()]
    for reason, count in rejected["reason"].value_counts().items():
        log.info("%s: %s %d", source, reason, count)
    if len(rejected) == len(states):
        raise UserError(f"sources.{source}: not one of its {len(states)} slides can be used")
    found = slide_schemas.read_candidates(snakemake.input.candidates)
    chosen = slides.choose(found, states, wanted["tiles_per_class"], wanted["tile_classes"], source)
    chosen = slides.as_records(chosen, states, listed, key=key, source=source, tile=wanted["tile"])
    log.info("%s: %d slides, %d candidates, %d tiles", source, len(states), len(found), len(chosen))
    paths += chosen[["record_id", "path"]].to_dict("records")
    looked = [private_paths.read_paths(path, states["record_id"]) for path in snakemake.input.seen]
    seen = {slide.path: slide._asdict() for shard in looked for slide in shard.values()}
    paths = [entry | seen.get(Path(entry["path"]), {}) for entry in paths]
    kept = placing.place_tiles(chosen, source, wanted["shards"])
    source_index.write_index(kept, rejects, paths, snakemake.output, RECORDS)
