"""Sources of ready images that a table or their folders describe.

index        one record an image, from the rows
image_files  what the header of an image says: a picture's, or a DICOM film's

`xray.source_images` reads their pixels.
"""
