"""The reasons for which only microscope fields and their tiles are rejected, by their code.

Others come from the table (`xray.reject_reasons`), the picture (the same) and the class
(`histology.outlines.reasons`). The codes stand in the column `reason` of rejects.parquet.
"""

FIELD_REASONS = {
    "incomplete_row": "the patient or the class is empty",
    "other_size": "the picture is smaller than when the source was indexed",
}
