from pathlib import Path

from job import job

from pgdose.tables import private_paths, site_key, source_files

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    source_files.check_folder(root, f"sources.{source}.root")
    if truth := snakemake.input.get("truth"):
        source_files.check_synthetic(root, Path(truth), f"sources.{source}")
    key = site_key.load_key(Path(snakemake.params.key), snakemake.params.key_seed)
    files = source_files.list_files(root, key=key, source=source)
    count = private_paths.write_paths(
        files, snakemake.output[0], site_key.key_metadata(key, snakemake.params.key_seed)
    )
    log.info("%s: %d files", source, count)
