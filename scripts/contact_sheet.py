from job import job, settings

from pgdose.cohort import images
from pgdose.plots import sheet_samples, sheets, style
from pgdose.tables import parquet, private_paths


def film_reader(tables, sources, window, record_ids):
    """A function that reads the whole film of a record, from `tables` of private paths."""
    # Imported here, with pydicom: most groups are not cut out of films.
    from pgdose.xray.source_images import ImageSettings, read_source_image

    files = {
        record_id: (file, ImageSettings(**sources[source]))
        for source, table in zip(sources, tables, strict=True)
        for record_id, file in private_paths.read_paths(table, record_ids).items()
    }
    return lambda record_id: read_source_image(*files[record_id], window).pixels


with job(snakemake):
    inputs, params = snakemake.input, snakemake.params
    members = images.load_members(inputs.members, params.results, **settings(params, "shape"))
    confidence = None
    if inputs.screens:
        screened = parquet.read_tables(inputs.screens, ["record_id", "aorta_confidence"])
        confidence = screened.set_index("record_id")["aorta_confidence"]
    sample = sheet_samples.sample_members(members.table, params.seed, confidence)
    pixels = members.read(sample.index)
    pixels = pixels[:, 0] if members.channels == 1 else pixels.transpose(0, 2, 3, 1)
    captions = sheet_samples.captions(sample, "class", "caption")
    if inputs.screens:
        sources = settings(params, "sources")
        read = film_reader(inputs.paths, sources, params.window, sample["record_id"])
        films, windows = sheet_samples.films_with_windows(sample, read)
        figure = sheets.aorta_sheet(films, windows, list(pixels), captions)
    else:
        figure = sheets.contact_sheet(list(pixels), captions)
    style.save(figure, snakemake.output[0])
