from pathlib import Path

from job import job, settings

from pgdose.histology import tile_selection
from pgdose.histology.slides import slide_table
from pgdose.tables import keyed, parquet, private_paths, site_key, slide_schemas, source_index
from pgdose.tables.record_schemas import RECORDS
from pgdose.user_tables import notes

with job(snakemake) as log:
    params, source, entry = snakemake.params, snakemake.wildcards.source, settings(snakemake.params)
    key = site_key.load_key(Path(params.key), params.key_seed)
    made_with = site_key.key_metadata(key, params.key_seed)
    source_index.common_key(snakemake.input.slides, source, made_with)
    ids = keyed.SourceIds(key, source, params.patients)
    slide_list = slide_table.read_slide_list(
        Path(snakemake.input.table),
        entry,
        slide_table.slide_folders(params.root, params.outlines_root),
        ids,
        truth=Path(truth) if (truth := snakemake.input.get("truth")) else None,
    )
    slides = parquet.read_tables(snakemake.input.slides)
    notes_of_list = list(slide_list.notes)
    notes.log_notes(log, f"sources.{source}", notes_of_list)
    candidates = slide_schemas.read_candidates(snakemake.input.candidates)
    records, paths, rejects = tile_selection.index_tiles(candidates, slides, slide_list, entry, ids)
    of_outlines = slide_schemas.count_notes(slides.drop_duplicates("content"))
    guesses = [*slide_list.notes, *of_outlines]
    notes.log_notes(log, f"sources.{source}", guesses[len(notes_of_list) :])
    log.info("%s: %d slides, %d candidates", source, len(slides), len(candidates))
    log.info("%s: %d tiles selected", source, len(records))
    shards = [private_paths.read_paths(f, slides["record_id"]) for f in snakemake.input.slide_files]
    files = [file for shard in shards for file in shard.values()]
    paths = tile_selection.keep_file_stamps(paths, files)
    index = source_index.SourceIndex([], paths, rejects, slide_list.repeated)
    metadata = made_with | notes.as_metadata(guesses)
    source_index.write_index(records, index, snakemake.output, RECORDS, metadata)
