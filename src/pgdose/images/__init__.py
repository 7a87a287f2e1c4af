"""Image stores, codecs, resizing, augmentation."""
