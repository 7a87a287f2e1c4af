from job import job, settings

from pgdose.analysis.study_description import StudyDescription, write_description
from pgdose.report import provenance

with job(snakemake):
    params = snakemake.params
    description = StudyDescription(
        settings=settings(params, "study"),
        modality=settings(params, "modality"),
        classes=settings(params, "classes"),
        synthetic=tuple(settings(params, "synthetic")),
        versions=provenance.versions(),
        commit=provenance.commit(),
    )
    write_description(snakemake.output[0], description)
