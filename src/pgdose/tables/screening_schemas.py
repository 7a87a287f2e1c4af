"""Schema of the table that screening writes."""

import pyarrow as pa

SCREEN = pa.schema(
    [
        ("record_id", pa.string()),
        ("usable", pa.bool_()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("pixel_hash", pa.string()),
        ("perceptual_hash", pa.string()),  # of the picture, see images.perceptual_hash
        # Rows of letters in the pixels; null for tiles, tissue, and images rejected before
        ("text_regions", pa.int32()),
        ("says_burned_in", pa.bool_()),  # BurnedInAnnotation; null if the file does not say
        ("focus", pa.float64()),  # of a tile, where `least_focus` is set
        (
            "voi",
            pa.string(),
        ),  # what `image.window: voi` would apply; null if the film has no window
        ("aorta_x", pa.float64()),  # the aorta window in pixels of the original
        ("aorta_y", pa.float64()),
        ("aorta_side", pa.float64()),
        ("aorta_confidence", pa.float64()),
    ]
)
