"""The synthetic hospital: what a real site would hand over, drawn from a seed.

The same seed gives the same files, byte for byte, and more of a kind leave the earlier ones as they
were. Each department also writes the truth, which real sites do not have. The library cannot tell
these sources from real ones and never imports this package. The images are only a likeness: no
measure taken on them says anything about patients.

xray            the X-ray department: a DICOM archive, its reports, the truth
films           its patients, days, kinds of films and numbers
film_files      one film: its file, and its rows of the tables
chest           drawing one chest film
chest_anatomy   what every chest has, as density
chest_disease   the shadows of findings
chest_shapes    the grid of a film, and shapes and textures on it
exposure        position on the detector, grey scale and grain
export          the pixels as they are written into a DICOM file
header          the header of a film's file: names, ages and sexes as stations write them
broken_films    files that nobody can use, and copies of good films
report_texts    reports on films
report_phrases  the phrases of which they are put together
report_typing   slips and odd spellings of many keyboards
fields          the pathology laboratory: microscope fields
field_textures  the textures of ovary and thyroid
slides          the pathology laboratory: whole slides with outlines
slide_regions   the tissue of a slide, and the tumour
slide_texture   the texture of breast tissue
outlines        outlines in the formats of viewers
pen_marks       marks of a felt pen
stain           tools for drawing stained tissue
svs             a slide file as an Aperio scanner writes it
folder          folders that a writer may clear
"""
