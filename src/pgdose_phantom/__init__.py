"""The synthetic hospital: what a real site would hand over, drawn from a seed.

`xray` writes a DICOM archive of chest radiographs with its reports, `fields` microscope fields,
`slides` pyramidal slides with a pathologist's outlines; each also writes the truth, which real
sites do not have. The same seed gives the same files, byte for byte, and more of a kind leave the
earlier ones as they were. The library cannot tell these sources from real ones and never imports
this package. The images are only a likeness: no measure taken on them says anything about patients.
"""
