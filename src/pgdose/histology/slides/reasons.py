"""Every reason for which a slide or a tile is rejected, by its code; outlines: `outlines.reasons`.

The codes stand in the column `reason` of rejects.parquet and slides.csv; `detail` says more.
What a user does about each: `reference.rejection_advice`.
"""

SLIDE_REASONS = {
    "unreadable_slide": "the file is missing, damaged, cut off, or over a fifth cannot be read",
    "unsupported_slide": "OpenSlide does not read its format; `detail` says how to convert it",
    "several_slides": "the folder that the table names holds several slides or DICOM series",
    "duplicate_slide": "another row names the same slide (a copy, a link, a file of its series)",
    "conflicting_rows": "the rows of the slide, or of its names, disagree",
    "unreadable_tile": "this place of the slide cannot be read",
    "out_of_focus": "the variance of the tile's Laplacian is below `least_focus`",
    "damaged_profile": "its ICC profile cannot be used, and `colour` is srgb",
    "too_small": "it is smaller than a tile",
    "absurd_size": "its header says more pixels, or larger tiles, than any slide has",
    "no_level": "it lacks the level that the study names",
    "no_scale": "neither the table nor the file says its scale, and the study gives `mpp`",
    "uneven_scale": "its pixels are not square, and the study gives `mpp`",
    "wrong_mpp": "the table's mpp is no number of micrometres",
    "too_coarse": "its pixels are larger than those of the study's `mpp`",
    "no_tissue": "no part of it looks like tissue",
    "no_patient": "the table names no patient for it",
    "outside_root": "a file of it lies outside of the source's folder",
    "file_missing": "its file, or that of its outlines, is not there",
    "file_changed": "its file has changed since the index",
}
