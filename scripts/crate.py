import shutil
from pathlib import Path

from job import job, settings

from pgdose.analysis.study_description import read_description
from pgdose.manifest.files import sha256_of
from pgdose.report import crate
from pgdose.tables import output_files, parquet

with job(snakemake):
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    results = Path(outputs.metadata).parent
    with output_files.atomic(outputs.workflow) as beside:
        shutil.copyfile(Path(snakemake.scriptdir).parent / "Snakefile", beside)
    sources = {
        name: (sha256_of(Path(path))[1], len(parquet.read_table(path)))
        for name, path in zip(settings(params, "sources"), inputs.records, strict=True)
    }
    description = read_description(results)
    files = [Path(path) for path in [*inputs.tables, *inputs.figures, *inputs.pages]]
    crate.write_crate(Path(outputs.metadata), crate.CrateData(results, description, files, sources))
