"""Schemas of the tables about a trained network."""

import pyarrow as pa

CLEAN = pa.schema([("member", pa.int32()), ("logits", pa.list_(pa.float32()))])
