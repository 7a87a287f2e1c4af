"""X-ray films: DICOM headers, decoding, grey values, screening, anatomy."""
