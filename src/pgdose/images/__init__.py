"""Pictures and image stores, whatever they show.

codecs           reading a picture as uint8
deep_color       reading pictures of 16 bits a colour channel in full
tiff_pages       the pages of a TIFF that somebody gave
grey_levels      counts of grey values, percentiles, lookup tables
rendering        one image cropped, resized, augmented
augmentation     the random parameters of augmented copies
perceptual_hash  pictures that look alike have hashes that differ in few bits
stores           images at network size in one `.npy` file
"""
