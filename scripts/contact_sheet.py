import numpy as np
from job import job, settings
from PIL import Image

from pgdose.cohort import images
from pgdose.errors import Rejected
from pgdose.plots import sheets, style
from pgdose.tables import keyed, parquet, private_paths
from pgdose.xray.source_images import read_source_image

PER_CLASS = 20
FILM = 256  # pixels of the longer side of a whole film


def sample(members, screens, seed):
    """Of each class some at random; of cropped groups as many of the least sure windows first."""
    originals = members.table[members.table["copy"] == 0]
    order = keyed.draw(seed, "contact sheet", originals["record_id"])
    shown = originals.assign(draw=order, sureness=1.0)
    if screens:
        sure = parquet.read_tables(screens, ["record_id", "aorta_confidence"])
        sure = shown["record_id"].map(sure.set_index("record_id")["aorta_confidence"])
        least = sure.groupby(shown["class_index"]).rank(method="first") <= PER_CLASS
        shown["sureness"] = sure.where(least, 1.0)
        shown["caption"] = sure.map("sure {:.2f}".format).where(sure.notna(), "by hand")
    each = 2 * PER_CLASS if screens else PER_CLASS
    shown = shown.sort_values(["class_index", "sureness", "draw"])
    return shown.groupby("class_index").head(each)


def cropped(shown, crops, paths, kinds, window):
    """The sheet of a cropped group: whole films with the window drawn, the crop below each."""
    files = {
        record_id: (file, kinds[source])
        for source, table in zip(kinds, paths, strict=True)
        for record_id, file in private_paths.read_paths(table, shown["record_id"]).items()
    }
    films, windows = [], []
    for member in shown.to_dict("records"):
        file, kind = files[member["record_id"]]
        try:
            film = Image.fromarray(read_source_image(file, kind, "xray", window).pixels)
        except Rejected:  # gone since it was cut
            film = Image.new("L", (FILM, FILM), 230)
        smaller = min(1, FILM / max(film.size))
        film.thumbnail((FILM, FILM))
        films.append(np.asarray(film))
        windows.append([member[name] * smaller for name in ("crop_x", "crop_y", "crop_side")])
    captions = shown["class"] + " " + shown["caption"] + "\n" + shown["record_id"]
    return sheets.aorta_sheet(films, windows, crops, captions.tolist())


with job(snakemake):
    given, params = snakemake.input, snakemake.params
    members = images.load_members(given.members, params.results, **settings(params, "shape"))
    shown = sample(members, given.screens, params.seed)
    pixels = members.read(shown.index)
    pixels = pixels[:, 0] if members.channels == 1 else pixels.transpose(0, 2, 3, 1)
    if given.screens:
        kinds = settings(params, "kinds")
        figure = cropped(shown, list(pixels), given.paths, kinds, params.window)
    else:
        captions = (shown["class"] + "\n" + shown["record_id"]).tolist()
        figure = sheets.contact_sheet(list(pixels), captions)
    style.save(figure, snakemake.output[0])
