"""What a pathologist drew on a slide.

reading        an outline file as one region a class
formats        which format an outline file has, and its text
geojson        GeoJSON of QuPath and others
asap           XML of ASAP
layers         XML of ImageScope and HALO
ndpa           XML of NDP.view2
rectangles     tables of rectangles
drawing        the shapes of an outline file, and mending them
class_words    which class the words and colours of outlines stand for
checks         what speaks against outlines: lost shapes, another slide's, other units
units          whether outlines were exported in micrometres
masks          masks, whose pixel values are classes
mask_counting  the pixels of a mask by class, block by block
reasons        the code of every reason for which outlines are rejected
"""
