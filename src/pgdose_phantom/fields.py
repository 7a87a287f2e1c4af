"""The pathology laboratory, first half: microscope fields as cameras write them.

`field_textures` draws them.
"""

from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import tifffile
from PIL import Image

from pgdose.tables.keyed import generator
from pgdose.tables.result_csv import write_csv
from pgdose_phantom.field_textures import draw_field, draw_staining
from pgdose_phantom.folder import fresh_folder

ORGANS = ("ovary", "thyroid")
# In turn; their number is odd, so that the two kinds of tissue get each format equally often.
FORMATS = (
    "jpg", "jpg", "tif", "jpg", "png", "bmp", "jpg", "tif_16", "jpg", "png_rgba", "jpg", "png_16",
    "jpg",
)  # fmt: skip


@dataclass(frozen=True)
class FieldAmounts:
    """How many fields are drawn, and their size in pixels."""

    patients_per_organ: int
    fields_per_patient: int  # of the tumour, and as many of normal tissue
    width: int
    height: int


def write_fields(
    root: Path,
    table: Path,
    truth: Path,
    *,
    seed: int,
    amounts: FieldAmounts,
) -> None:
    """Write fields under the folder `root`, and the tables `truth` and `table` (CSV files).

    Half of the fields are JPEG, the rest TIFF and PNG (of 8 or 16 bits, PNG with an opaque alpha
    channel, too) and BMP. `table`: file (relative to `root`), patient, class. `truth`: the same and
    the staining of the patient's sections.

    The same arguments give the same bytes. What an earlier run wrote is replaced.
    """
    for old in (truth, table):
        old.unlink(missing_ok=True)
    fresh_folder(root)
    rows = []
    for organ, first_format in zip(ORGANS, (0, 6), strict=True):
        for number in range(amounts.patients_per_organ):
            rows += _write_patient(root, organ, number, first_format, seed=seed, amounts=amounts)
    columns = ["file", "patient", "class"]
    all_columns = pd.DataFrame(rows, columns=None if rows else columns)
    write_csv(all_columns, truth, for_spreadsheets=False)
    write_csv(all_columns[columns], table, for_spreadsheets=False)


def _write_patient(
    root: Path, organ: str, number: int, first_format: int, *, seed: int, amounts: FieldAmounts
) -> list[dict]:
    """Write the fields of one patient; returns their rows of the truth.

    `first_format`: where in FORMATS the organ's first patient begins.
    """
    patient = f"{organ[0].upper()}{number + 1:03d}"
    staining = draw_staining(generator(seed, "field stain", patient))
    rows = []
    for turn, kind in enumerate(("tumour", "norm")):
        for repeat in range(amounts.fields_per_patient):
            rng = generator(seed, "field", f"{patient} {kind} {repeat}")
            label = f"{organ}_{kind}"
            picture = draw_field(rng, label, staining, amounts.width, amounts.height)
            form = FORMATS[(first_format + 2 * (number + repeat) + turn) % len(FORMATS)]
            suffix = form.split("_")[0]
            file = f"{organ}/{patient}_{kind}_{repeat + 1}.{suffix}"
            save_field(picture, root / file, form)
            rows.append({"file": file, "patient": patient, "class": label, **staining})
    return rows


def save_field(picture: np.ndarray, file: Path, form: str) -> None:
    """Write RGB, uint8, in one of FORMATS."""
    file.parent.mkdir(parents=True, exist_ok=True)
    deep = picture.astype(np.uint16) * 257  # 255 becomes 65535
    if form == "tif_16":
        tifffile.imwrite(
            file, deep, photometric="rgb", compression="adobe_deflate", metadata=None,
            software=False,
        )  # fmt: skip
    elif form == "png_16":
        file.write_bytes(imagecodecs.png_encode(deep, level=3))
    elif form == "jpg":
        Image.fromarray(picture).save(file, quality=92)
    elif form == "tif":
        Image.fromarray(picture).save(file, compression="tiff_lzw")
    elif form == "bmp":
        Image.fromarray(picture).save(file)
    else:
        mode = "RGBA" if form == "png_rgba" else "RGB"
        Image.fromarray(picture).convert(mode).save(file, compress_level=3)
