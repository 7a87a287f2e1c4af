from pathlib import Path

from job import job, settings

from pgdose.manifest.writing import write_manifest

with job(snakemake) as log:
    params = snakemake.params
    patterns = settings(params, "patterns")
    written = write_manifest(
        Path(params.results),
        patterns["files"],
        patterns["folders"],
        Path(snakemake.output[0]),
        params.study,
        threads=snakemake.threads,
    )
    size = sum(entry.size for entry in written.entries)
    log.info("%d files, %d MB", len(written.entries), size // 10**6)
    if written.unlisted:
        log.warning(
            "%d files are left out, since no rule of this study makes them: %s",
            len(written.unlisted),
            ", ".join(map(repr, written.unlisted[:10])),
        )
