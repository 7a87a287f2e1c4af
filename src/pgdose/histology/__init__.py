"""Microscope fields and whole slides: from files to records and tiles.

fields            microscope fields: their records, and cutting them into tiles
slide_table       the slides that a source's table lists
survey            one slide: grid, tissue, outlines, and the tiles that a class may take
settings          the settings of that survey
slide_opening     opening a slide safely
slide_formats     what OpenSlide does not read, and how to convert it
folder_slides     slides that a table names by their folder
slide_reading     regions of a slide as RGB, again after an error
slide_scale       micrometres per pixel, and where they are from
slide_identity    what is equal for two names of one slide
slide_copies      slides that stand in a table under several names
slide_notes       what a person should look at
slide_reasons     the codes of rejected slides and tiles
focus             how sharp a tile is
slide_companions  the other files of a slide, which must lie in its folder
grid              at which scale tiles are read, and where they may lie
overview          a slide at low resolution
tissue            which part of the overview is tissue
outlines          a pathologist's outlines of a slide, one region a class
outline_reasons   the code of every reason for which outlines are rejected
outline_checks    what speaks against outlines: lost shapes, another slide's, other units
outline_units     whether outlines were exported in micrometres
slide_geometry    what outlines need to know of their slide: size, bounds, scale
class_words       which class the words and colours of outlines stand for
drawing           the shapes of an outline file, and mending them
outline_formats   which format an outline file has, and its text
geojson_outlines  GeoJSON of QuPath and others
asap_outlines     XML of ASAP
layer_outlines    XML of ImageScope and HALO
ndpa_outlines     XML of NDP.view2
rectangle_outlines  tables of rectangles
masks             masks, whose pixel values are classes
mask_counting     the pixels of a mask by class, block by block
regions           how much of a tile a region covers, and its contours
candidates        the surveys of a shard of slides as tables
tile_selection    which candidates are taken, evenly over patients
tile_placement    which store holds a tile, and which row of it
slide_tiles       reading tiles of a slide at the study's scale
tiling            cutting the tiles of a shard into a store
"""
