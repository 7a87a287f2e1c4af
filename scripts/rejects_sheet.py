from job import job, settings

from pgdose.plots import sheet_samples, sheets, style
from pgdose.tables import parquet, private_paths
from pgdose.xray.source_images import ImageSettings, read_source_image

with job(snakemake):
    params = snakemake.params
    rejects = parquet.read_table(snakemake.input.rejects)
    sample = sheet_samples.sample_rejects(rejects, params.seed)
    paths = private_paths.read_paths(snakemake.input.paths, sample["record_id"])

    image_settings = ImageSettings(**settings(params, "images"))

    def read(record_id):
        return read_source_image(paths[record_id], image_settings).pixels

    images = sheet_samples.rejected_images(sample["record_id"], read)
    captions = sheet_samples.captions(sample, "reason")
    style.save(sheets.contact_sheet(images, captions), snakemake.output[0])
