"""Schemas of the tables that describe the images of a source: records, and DICOM headers."""

from collections.abc import Iterable

import pyarrow as pa

from pgdose.tables.label_columns import label_columns

RECORDS = pa.schema(
    [
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("source", pa.string()),
        ("class", pa.string()),
        ("age", pa.float64()),
        ("sex", pa.string()),
        ("view", pa.string()),
        ("body_part", pa.string()),
        ("instance", pa.string()),  # keyed hash of the SOPInstanceUID
        ("mojibake", pa.bool_()),  # the file seems to declare a wrong character set
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("bits_stored", pa.int16()),
        ("photometric", pa.string()),
        ("transfer_syntax", pa.string()),
        ("mm_per_px", pa.float64()),
        ("turned", pa.bool_()),  # a film that was turned upright: its file holds it otherwise
        ("um_per_px", pa.float64()),
        ("parent", pa.string()),  # record_id of the field or slide that a tile was cut from
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("level", pa.int16()),
        ("extent", pa.float64()),  # side of a tile, pixels of level 0
        ("scale_from", pa.string()),  # where um_per_px comes from, see histology.slides.scale
        ("colour", pa.string()),  # tiles of slides: as_stored, or srgb by the slide's profile
        ("tissue_share", pa.float64()),
        ("class_share", pa.float64()),
        ("store", pa.string()),  # tiles: the store below the results folder, and the row in it
        ("row", pa.int32()),
    ]
)
# Records with several rows in their source's table, or several reports, that differ.
REPEATED = pa.schema(
    [
        ("record_id", pa.string()),
        ("n_rows", pa.int32()),
        ("differ", pa.string()),  # what they disagree on: label, patient, age, ...
        ("several", pa.string()),  # what the study makes of them
    ]
)
HEADERS = pa.schema(  # private: identifiers join a film to its report, and to its row of labels
    [
        *RECORDS,
        ("link", pa.string()),
        ("table_link", pa.string()),
        ("stored", pa.string()),  # how a film lies in its file, see xray.orientation
        ("says_modality", pa.bool_()),  # its header tells what kind of image it is
        ("impossible_age", pa.bool_()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


def records_schema(labels: Iterable[str]) -> pa.Schema:
    """RECORDS and the columns of `labels`, see `label_columns`."""
    return pa.schema([*RECORDS, *label_columns(labels)])
