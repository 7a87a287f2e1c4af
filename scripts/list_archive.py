from pathlib import Path

from job import job

from pgdose import records
from pgdose.sources import files

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    files.check_folder(root, f"sources.{source}.root")
    key = records.load_key(Path(snakemake.params.key), snakemake.params.key_seed)
    found = files.list_files(root, key=key, source=source)
    count = records.write_paths(found, snakemake.output[0])
    log.info("%s: %d files", source, count)
