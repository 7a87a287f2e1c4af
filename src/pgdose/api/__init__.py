"""The notebook's way in: `pgdose.dose_response` and what it returns.

In reading order:

    measure     `dose_response`: from a network, images and labels to a DoseResponse
    result      DoseResponse: rates, curve, table, checks, page
    images      arrays and pictures to one tensor in [0, 1]
    labels      true classes, names of classes, patients
    attacks     names and mappings to an entry of the study
    network     any torch module as the attack engine takes it, and left as it was
    engine      the surface and the checks, by the code that a study's jobs run
    bar         the progress bar
    page        the result as one HTML page
"""

from pgdose.api.measure import dose_response
from pgdose.api.result import DoseResponse

__all__ = ["DoseResponse", "dose_response"]
