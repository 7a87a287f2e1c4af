"""Microscope fields and whole slides: from files to records and tiles.

fields          microscope fields: their records, and cutting them into tiles
field_reasons   why fields and their tiles are rejected
slides          finding, opening and reading whole slides
outlines        what a pathologist drew on a slide, one region a class
survey          one slide: grid, tissue, outlines, and the tiles that a class may take
settings        the settings of that survey
grid            at which scale tiles are read, and where they may lie
tissue          which part of the overview is tissue
focus           how sharp a tile is
regions         how much of a tile a region covers, and its contours
candidates      the surveys of a shard of slides as tables
tile_selection  which candidates are taken, evenly over patients
tile_placement  which store holds a tile, and which row of it
tiling          cutting the tiles of a shard into a store
"""
