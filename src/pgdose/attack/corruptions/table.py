"""The table corruptions.parquet: what a network makes of corrupted images."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pgdose.tables.control_schemas import CONTROLLED


def corruption_table(
    controls: Sequence[tuple[str, int, np.ndarray]], judge: str, values: Mapping[str, np.ndarray]
) -> pa.Table:
    """A row for each control, severity and member, in the schema CONTROLLED.

    controls: name of the control, severity and members, in the order of the values
    judge:    the run of the network
    values:   `logits`, rows x classes, `l_inf` and `l2`, as in `judging.judge`
    """
    lengths = [len(members) for _, _, members in controls]
    count = sum(lengths)
    columns = {
        "control": np.repeat([name for name, _, _ in controls], lengths),
        "severity": np.repeat([severity for _, severity, _ in controls], lengths),
        "epsilon": pa.nulls(count, pa.float64()),
        "judge": [judge] * count,
        "member": np.concatenate([members for _, _, members in controls]),
        "logits": list(np.asarray(values["logits"], np.float32)),
        "l_inf": np.asarray(values["l_inf"], np.float32),
        "l2": np.asarray(values["l2"], np.float32),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in CONTROLLED]
    return pa.Table.from_arrays(arrays, schema=CONTROLLED)
