"""Pictures and image stores, whatever they show.

codecs           reading a picture as uint8
picture_header   size, bits, pages and orientation of a picture
deep_values      reading pictures of more than 8 bits a channel in full
tiff_pages       the pages of a TIFF, and which of them is its picture
grey_levels      counts of grey values, percentiles, lookup tables
fitting          an image brought to its group's size: squeezed, cropped, padded
rendering        what that takes: resizing, windows of an image, augmenting
augmentation     the random parameters of augmented copies
burned_in_text   rows of letters in the pixels of a picture
perceptual_hash  pictures that look alike have hashes that differ in few bits
secondary_capture   pictures of an attack as DICOM, in a frame that says what they are
stores           images at network size in one `.npy` file
"""
