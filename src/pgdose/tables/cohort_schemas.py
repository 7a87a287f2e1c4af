"""Schemas of the tables of a group's members."""

import pyarrow as pa

# planned.parquet: who was chosen and split; members.parquet: those of them that can be read.
MEMBERS = pa.schema(
    [
        ("member", pa.int32()),
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("class", pa.string()),
        ("class_index", pa.int16()),
        ("sex", pa.string()),
        ("age", pa.float64()),  # years
        ("part", pa.string()),
        ("copy", pa.int32()),
        ("augmentation", pa.string()),  # of a copy: its parameters, as JSON
        ("window", pa.string()),  # how the file's values became grey
        ("crop_x", pa.float64()),  # the square that was cut out, in pixels of the original
        ("crop_y", pa.float64()),
        ("crop_side", pa.float64()),
        ("store", pa.string()),
        ("row", pa.int32()),
    ]
)
# Planned members whose image could not be read after all.
MISSING = pa.schema([("member", pa.int32()), ("reason", pa.string()), ("detail", pa.string())])
