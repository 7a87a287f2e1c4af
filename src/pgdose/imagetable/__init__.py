"""Sources of ready images that a table describes; `xray.source_images` reads their pixels.

index  one record an image, from the table's rows
"""
