"""The synthetic hospital: what a real site would hand over, drawn from a seed.

`xray` writes a DICOM archive of chest radiographs with its reports, `fields` microscope fields,
`slides` pyramidal slides with a pathologist's outlines; each writes the truth beside them, which
real sites do not have. Every file is the same, byte for byte, for the same seed, and asking for
more of a kind leaves the earlier ones as they were. The rest of pgdose can't tell these sources
from real ones, and nothing here is more than a likeness: no measure taken on it says anything
about patients.
"""
