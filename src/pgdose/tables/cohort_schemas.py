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
# What share of each class was left out for each reason: see cohort.rejects_by_class.
REJECTS_BY_CLASS = pa.schema(
    [
        ("class", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("n", pa.int64()),  # records that the reason could have left out
        ("n_left_out", pa.int64()),
        ("share", pa.float64()),
        ("p", pa.float64()),
        ("p_adjusted", pa.float64()),
        ("uneven", pa.bool_()),
    ]
)
# Members of different classes or parts whose pictures look the same: see cohort.near_duplicates.
NEAR_DUPLICATES = pa.schema(
    [
        ("record_a", pa.string()),
        ("record_b", pa.string()),
        ("distance", pa.int16()),  # bits of the perceptual hash that differ, of 256
        ("class_a", pa.string()),
        ("class_b", pa.string()),
        ("part_a", pa.string()),
        ("part_b", pa.string()),
    ]
)
