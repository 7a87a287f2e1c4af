"""Schemas of the tables about a network."""

import pyarrow as pa

CLEAN = pa.schema([("member", pa.int32()), ("logits", pa.list_(pa.float32()))])
# Of randomised smoothing, see `analysis.certificates.certificates`.
CERTIFICATE = pa.schema(
    [
        ("member", pa.int32()),
        ("class_index", pa.int16()),  # -1: abstains
        ("correct", pa.bool_()),
        ("n_top", pa.int32()),
        ("samples", pa.int32()),
        ("p_low", pa.float64()),
        ("radius", pa.float64()),
    ]
)
