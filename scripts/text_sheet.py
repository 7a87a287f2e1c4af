from job import job, settings

from pgdose.plots import framed_text, sheet_samples, sheets, style
from pgdose.tables import parquet, private_paths
from pgdose.xray.source_images import ImageSettings, read_source_image

with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    columns = ["record_id", "text_regions", "says_burned_in"]
    sample = framed_text.sample(parquet.read_tables(inputs.screens, columns), params.seed)
    paths = private_paths.read_paths(inputs.paths, sample["record_id"])
    image_settings = ImageSettings(**settings(params, "images"))

    def read(record_id):
        return read_source_image(paths[record_id], image_settings).pixels

    pictures = framed_text.framed(sample["record_id"], read)
    captions = sheet_samples.captions(sample, "caption")
    style.save(sheets.text_sheet(pictures, captions), snakemake.output[0], private=True)
    if len(sample):
        log.warning(
            "text may be burned into the pixels of images, see tables/sources.csv; %d of them are "
            "in text_regions.png in the private folder of this source, for you alone: look at it "
            "before you pass pictures on",
            len(sample),
        )
