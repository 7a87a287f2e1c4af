"""Corruptions: changes of images that happen in a clinic or a laboratory, in five severities.

Images are n x channels x rows x columns, float in [0, 1], of 1 or 3 channels. What is random in a
corruption depends on the image's key alone, and is the same at all severities: a marker grows at
its place. docs/reference/attacks.md lists all of them.

    gradings     the parameters of each severity, and where they are from
    registry     from a corruption's name to its function; the way in
    xray         exposure, quantum noise, grid lines, marker
    microscopy   stain, bubbles, illumination
    blur         motion and defocus
    rotation     rotation
    jpeg         compression
    keyed_draws  random numbers of an image and a corruption
    judging      what a network makes of corrupted images
    table        that on disk

    documentation  the table of severities in docs/reference/attacks.md
"""
