"""Every reason for which outlines of a slide, or a field's class, are rejected, by its code.

The codes stand in the column `reason` of rejects.parquet and slides.csv; `detail` says more.
What a user does about each: `reference.rejection_advice`.
"""

OUTLINE_REASONS = {
    "no_outlines": "the table names neither outlines nor a class for the slide",
    "unknown_outlines": "the file is in none of the formats that can be read",
    "unreadable_outlines": "the file is missing, damaged, cut off, or not what its suffix says",
    "invalid_outline": "a coordinate is no finite number, or outlines cross themselves too often",
    "unmapped_class": "a word or colour of the file is in none of the study's `classes`",
    "undrawn_class": "only shapes without an area (points, lines, arrows) stand for a class",
    "open_outline": "an open line goes round more than a tile outside of all outlines",
    "nothing_drawn": "no shape of the file has an area, and the table gives no class",
    "outlines_outside": "the outlines reach beyond the slide: they are another slide's",
    "outlines_on_glass": "less than 5 % of what the outlines enclose is tissue",
    "not_in_pixels": "the outlines are in micrometres, degrees, percent or a map's coordinates",
    "no_scale": "the slide does not say where nanometres, or the study's `mpp`, lie on it",
    "wrong_aspect": "the mask has other proportions than the slide",
    "absurd_size": "the outlines are larger than any that people draw",
    "no_class_name": "the class of a field is no name, and there are no `classes` for its words",
}
