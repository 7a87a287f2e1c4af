"""The rejects of a whole source: of its index, of its screening, and repeated images."""

import pandas as pd

from pgdose.tables.rejects import REJECTS
from pgdose.xray.reject_reasons import REASONS


def reject_all(
    index_rejects: pd.DataFrame, screened: pd.DataFrame, instances: pd.Series
) -> pd.DataFrame:
    """All rejects of a source: of the index, of the screening, and all but one of equal images.

    `instances` gives the hashed SOPInstanceUID of a record_id. Of equal images the usable one with
    the smallest record_id stays. Returns a table of REJECTS, sorted.
    """
    usable = screened["usable"].astype(bool)
    parts = [index_rejects, screened[~usable].assign(stage="screen")]
    kept = screened[usable].sort_values("record_id")
    kept = kept.assign(instance=kept["record_id"].map(instances))
    for reason, column in (("duplicate_uid", "instance"), ("duplicate_pixels", "pixel_hash")):
        repeated = kept[column].notna() & kept[column].duplicated()
        parts.append(kept[repeated].assign(stage="screen", reason=reason, detail=REASONS[reason]))
        kept = kept[~repeated]
    rejects = pd.concat([part[REJECTS.names] for part in parts])
    return rejects.sort_values(["stage", "reason", "record_id"])
