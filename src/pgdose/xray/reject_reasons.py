"""Every reason for which an X-ray or a ready image is rejected, by its code.

The codes stand in the column `reason` of rejects.parquet; `detail` says more about one image.
What a user does about each: `reference.rejection_advice`.
"""

INDEX_REASONS = {  # when the source is indexed, from the table that lists it and from headers
    "file_missing": "the file does not exist, or not any more",
    "no_permission": "the file may not be read",
    "outside_root": "a link, or a name in the table, that leads out of the source's root",
    "file_unsure": "the table's name could be that of several files",
    "not_in_layout": "the file's path does not match the study's layout",
    "conflicting_rows": "rows of one image disagree on what `several` cannot settle",
    "archive": "an archive such as ZIP; what lies in it is read when it is unpacked",
    "not_dicom": "the file is no DICOM: it has neither a preamble nor a data set",
    "unreadable_header": "the header breaks off before the pixels, or holds impossible values",
    "no_image": "a report or the like, or Rows or Columns is missing or 0",
    "other_modality": "an image of a modality that `modalities` does not list, such as CT",
    "not_upright": "`orientation: reject`, and it is stored mirrored or turned, or its header "
    "leaves that open",
    "not_an_image": "the file is not a picture in a supported format",
    "several_pages": "several pages or frames of the largest size, so none is the picture",
    "not_8_or_16_bit": "a picture of other than 1 to 16 bits, or of signed or real numbers",
    "absurd_size": "more pixels, bytes or elements than any film or picture has",
    "not_grey": "colours: by the header, or because its colour planes or its palette are not grey",
    "multi_frame": "NumberOfFrames is neither empty nor 1",
    "not_16_bit": "BitsAllocated is neither 8 nor 16",
    "bad_bits": "BitsStored, HighBit or PixelRepresentation is impossible",
    "no_patient": "the patient's number is missing; it keeps training and validation apart",
    # of a PACS
    "not_fetched": "the PACS lists it, and does not hand it over",
    "cut_short": "the PACS hands it over incomplete, however often it is asked for",
    "other_instance": "the PACS hands over another instance in its place",
    "listed_twice": "the PACS lists it in several series or studies, so that its place is unsure",
}
SCREEN_REASONS = {  # when its pixels are read, besides those above
    "file_changed": "its size or date has changed since the source was indexed",
    "no_decoder": "there is no decoder for its transfer syntax",
    "unreadable_pixels": "the pixels are missing, break off, are damaged or contradict the header",
    "decoder_crashed": "the decoder crashed, or needed too much memory or time",
    "bad_lut": "a Modality or VOI LUT contradicts its LUTDescriptor",
    "bad_rescale": "RescaleSlope is 0, or it or RescaleIntercept is not a number",
    "no_window": "`window: voi`, and the file has neither a VOI LUT nor a usable window",
    "over_bits": "a picture has values that `bits` of the study cannot hold",
    "under_bits": "all values of a picture fit into two bits fewer than `bits` promises",
    "transparent": "all of the picture is transparent",
    "lateral": "a lateral film, by its ViewPosition or by the image",
    "not_chest": "BodyPartExamined names another part of the body",
    "tiny": "its shorter side has fewer pixels than `screen.smallest`",
    "blank": "its greys spread less than `screen.least_spread`, or its percentiles are equal",
    "saturated": "more than `screen.most_at_ends` of its pixels are black or white",
    "burned_in_text": "`screen.burned_in_text: reject`, and letters are burned into its pixels",
    "duplicate_uid": "another usable file has the same SOPInstanceUID",
    "duplicate_pixels": "another usable image has the same pixels",
}
REASONS = INDEX_REASONS | SCREEN_REASONS
