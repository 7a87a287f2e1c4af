"""Pictures and image stores: codecs, grey levels, resizing and cropping, augmentation."""
