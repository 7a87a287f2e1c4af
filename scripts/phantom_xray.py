from pathlib import Path

from job import job, settings

from pgdose_phantom.xray import ArchiveFiles, FilmCounts, write_archive

with job(snakemake):
    files = ArchiveFiles(
        Path(snakemake.params.root),
        Path(snakemake.output.reports),
        Path(snakemake.output.truth),
        Path(snakemake.output.hand_labels),
    )
    counts = FilmCounts(**settings(snakemake.params, "amounts"))
    write_archive(files, counts, seed=snakemake.params.seed)
