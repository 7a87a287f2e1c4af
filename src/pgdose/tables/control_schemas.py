"""Schemas of the tables about controls: corruptions and universal perturbations."""

import pyarrow as pa

# What a network makes of each changed image. A corruption has a severity, a universal perturbation
# an epsilon; the other one is null. `judge` is the run that classifies; `l_inf` is the largest
# change of a pixel of the image, `l2` the length of all its changes together.
CONTROLLED = pa.schema(
    [
        ("control", pa.string()),
        ("severity", pa.int32()),
        ("epsilon", pa.float64()),
        ("judge", pa.string()),
        ("member", pa.int32()),
        ("logits", pa.list_(pa.float32())),
        ("l_inf", pa.float32()),
        ("l2", pa.float32()),
    ]
)
