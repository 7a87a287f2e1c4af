"""Whole slides: finding, opening and reading them.

slide_table  the slides that a source's table lists
folders      slides that a table names by their folder
companions   the other files of a slide, which must lie in its folder
formats      what OpenSlide does not read, and how to convert it
opening      opening a slide safely
reading      regions of a slide as RGB, again after an error
overview     a slide at low resolution
tiles        reading tiles of a slide at the study's scale
scale        micrometres per pixel, and where they are from
geometry     what outlines need to know of their slide: size, bounds, scale
identity     what is equal for two names of one slide
copies       slides that stand in a table under several names
notes        what a person should look at
reasons      the codes of rejected slides and tiles
"""
