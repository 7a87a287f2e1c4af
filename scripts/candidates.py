from pathlib import Path

from job import job, settings

from pgdose.histology import candidates
from pgdose.histology.slides import slide_table
from pgdose.progress import log_progress
from pgdose.tables import keyed, parquet, private_paths, result_csv, site_key
from pgdose.tables.slide_schemas import CANDIDATES, SLIDES

with job(snakemake) as log:
    params, entry = snakemake.params, settings(snakemake.params)
    folders = slide_table.slide_folders(params.root, params.outlines_root)
    key = site_key.load_key(Path(params.key), params.key_seed)
    made_with = site_key.key_metadata(key, params.key_seed)
    ids = keyed.SourceIds(key, snakemake.wildcards.source, params.patients)
    slides = slide_table.read_slide_list(
        Path(snakemake.input.table),
        entry,
        folders,
        ids,
        truth=Path(truth) if (truth := snakemake.input.get("truth")) else None,
    )
    shard = slides.shard(int(snakemake.wildcards.shard), params.shards)
    rows = log_progress(shard, log, "slides")
    result = candidates.survey_shard(rows, folders, entry, params.seed, ids)
    log.info("%d slides, %d candidates", len(result.slides), len(result.candidates))
    parquet.write_table(result.candidates, snakemake.output.candidates, CANDIDATES, made_with)
    parquet.write_table(result.slides, snakemake.output.slides, SLIDES, made_with)
    private_paths.write_paths(result.slide_files, snakemake.output.slide_files, made_with)
    result_csv.write_csv(result.seconds, snakemake.output.seconds)
