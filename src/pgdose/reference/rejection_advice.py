"""What a user does about each reason of rejection; what happened stands in the registries."""

AGAIN = "index the source again: `-R list_archive` (films), `index_table`, `index_fields` or "
AGAIN += "`candidates` (slides)"

INDEX_ADVICE = {
    "file_missing": "correct the table, or put the file back and index the source again",
    "no_permission": "give yourself the right to read the file",
    "outside_root": "put the file itself below `root`, or correct the name in the table",
    "file_unsure": "give the path from `root`, with folder and suffix, in the table",
    "not_in_layout": "rename or move the file, or add a pattern to `layout`",
    "conflicting_rows": "correct the table, or set `several` of the source",
    "archive": "unpack it below `root`",
    "not_dicom": "nothing for a web page, text or picture; list pictures in a source of their own",
    "unreadable_header": "export the file again",
    "no_image": "nothing for a report; export a film again",
    "other_modality": "nothing, or add the modality to `modalities`",
    "not_upright": "set `sources.<source>.orientation` to `turn` or `as_stored`",
    "not_an_image": "save it in a supported format, such as PNG or TIFF",
    "several_pages": "save each page as a file of its own",
    "not_8_or_16_bit": "save it as unsigned numbers of 8 or 16 bits",
    "absurd_size": "check the file; the limits are 100 million pixels and a header of 64 MB",
    "not_grey": "nothing for a photograph or a print; export a film as MONOCHROME",
    "multi_frame": "export each frame as an image of its own, if it is a film",
    "not_16_bit": "export the film with 8 or 16 bits allocated",
    "bad_bits": "export the film again",
    "no_patient": "add the patient's number in the archive or the table",
    "not_fetched": "`detail` has the server's status: ask the administrator, then "
    "`-R list_on_pacs`, or `-R fetch` to ask for it again",
    "cut_short": "look for a proxy or a full disk of the server, then `-R fetch`",
    "other_instance": "tell the administrator: the archive mixes up films",
    "listed_twice": "have the archive corrected, then `-R list_on_pacs`",
}

SCREEN_ADVICE = {
    "file_changed": AGAIN,
    "no_decoder": "run `pgdose doctor`, and install what it names, or export in another syntax",
    "unreadable_pixels": "export the file again",
    "decoder_crashed": "export the file again, or in another transfer syntax",
    "bad_lut": "export the film again, without the table or with a whole one",
    "bad_rescale": "export the film again",
    "no_window": "set `image.window: percentile`, or leave such films out",
    "over_bits": "set `bits` of the source to the number that `detail` names",
    "under_bits": "set `bits` to the number that `detail` names if most images have this reason; a "
    "single image is too dark to use",
    "transparent": "save the picture without transparency",
    "lateral": "nothing; change `screen.lateral_score` if frontal films are rejected",
    "not_chest": "nothing, or add the word of the header to `screen.body_parts`",
    "tiny": "nothing, or lower `screen.smallest`",
    "blank": "look at it; lower `screen.least_spread` if it is a real film",
    "saturated": "look at it; raise `screen.most_at_ends` if it is a real film",
    "burned_in_text": "mask the letters in a copy, or set `screen.burned_in_text: count`",
    "duplicate_uid": "nothing: one of the files is used",
    "duplicate_pixels": "nothing: one of the images is used",
}

FIELD_ADVICE = {
    "incomplete_row": "fill in both in the table, or correct the names of files and folders",
    "other_size": AGAIN,
}

SLIDE_ADVICE = {
    "unreadable_slide": "copy or export the slide again, with all of its files",
    "unsupported_slide": "convert it as `detail` says",
    "several_slides": "name the file of one slide, or give each slide a folder of its own",
    "duplicate_slide": "nothing: the first that can be read is used",
    "conflicting_rows": "correct the table, or set `several` of the source",
    "unreadable_tile": "nothing: only this tile is lost",
    "out_of_focus": "look at the tile; lower `least_focus` if it is sharp",
    "damaged_profile": "set `colour: as_stored`, or export the slide again",
    "too_small": "nothing, or use smaller tiles",
    "absurd_size": "check the file; the limits are tiles of 8,192 pixels a side and 1,000 pages",
    "no_level": "set `mpp` in place of `level`, or add levels (`vips tiffsave --tile --pyramid`)",
    "no_scale": "give the scale in the table's column `mpp`",
    "uneven_scale": "give the scale in the table's column `mpp` if the file is wrong",
    "wrong_mpp": "correct the cell: micrometres per pixel, over 0 and up to 20",
    "too_coarse": "raise `mpp` of the study, or scan at a higher magnification",
    "no_tissue": "look at its thumbnail; change `tissue` of the source if tissue is missed",
    "no_patient": "fill in the patient in the table",
    "outside_root": "put the files themselves below `root`",
    "file_missing": "correct the table, or put the file back",
    "file_changed": AGAIN,
}

OUTLINE_ADVICE = {
    "no_outlines": "name the file of outlines, or the class of the whole slide, in the table",
    "unknown_outlines": "export as GeoJSON (QuPath), ASAP or ImageScope XML, or as a mask",
    "unreadable_outlines": "export the file again",
    "invalid_outline": "correct the outline, and export again",
    "unmapped_class": "add the word to one of `classes`, or to `ignore`; `pgdose words` lists all",
    "undrawn_class": "draw an outline around the class, or delete the shape",
    "open_outline": "close the line, or delete it",
    "nothing_drawn": "draw outlines, or give the class of the whole slide in the table",
    "outlines_outside": "name the outlines of this slide in the table",
    "outlines_on_glass": "name the outlines of this slide in the table; check its thumbnail",
    "not_in_pixels": "export the outlines in pixels of the slide's largest level",
    "no_scale": "give the scale in the table's column `mpp`",
    "wrong_aspect": "export the mask over the whole slide",
    "absurd_size": "save the mask as a tiled TIFF, or at a smaller scale",
    "no_class_name": "map the word to a class with `classes`; `pgdose words` lists all words",
}

GROUP_ADVICE = {
    "several_classes": "nothing, or make the classes of the group exclude each other",
    "excluded": "nothing, or remove the record from `exclude`",
    "no_window": "set `image.window: percentile`, or leave such films out",
    "aorta_not_found": "nothing; lower `image.least_confidence`, or give boxes by hand",
    "contradiction": "correct a label, or list the wrong record under `exclude` of the group",
    "duplicate_uid": "nothing: the record with the smallest id is used",
    "duplicate_pixels": "nothing: the record with the smallest id is used",
    "not_screened": "run `-R screen`",
}

REPORT_ADVICE = {
    "file_missing": "run again when the folder is complete",
    "no_permission": "give yourself the right to read the file",
    "outside_root": "put the file itself into the folder",
    "empty_file": "export the file again",
    "archive": "unpack it",
    "not_hl7": "export HL7 v2, or remove the file",
    "no_header": "export again: another file has the beginning of the message",
    "cut_short": "export the file again",
    "stray_line": "correct the export: a line break within a text needs an escape, and a log of "
    "messages their frames",
    "bad_delimiters": "correct the export: a separator within a text needs an escape",
    "encoding": "set `reports.encoding` (HL7) or `encoding` of the source (documents)",
    "not_dicom": "fetch the file again",
    "unreadable_header": "export the file again",
    "unreadable_document": "export the document again, and print a filled-in form or notes into "
    "its pages; reading stops after a minute or 100 pages",
    "encrypted": "remove the password",
    "no_text_layer": "export the reports as text, or run OCR over them",
    "other_format": "nothing, if the text is stored elsewhere",
    "absurd_size": "look at the file",
    "no_id": "name another field in `accession`, or another attribute in `tag`",
    "no_text": "nothing, if the report was sent with another order",
    "newer_unread": "mend the later version: it stands among those that could not be read",
    "other_patient": "name a field or attribute in `accession` or `tag` that numbers one "
    "examination alone, such as the Study Instance UID",
    **dict.fromkeys(
        [
            *("other_message", "no_document", "dose_report", "measurements", "key_objects"),
            *("procedure_log", "preliminary", "corrected", "replaced", "withdrawn", "withdrawal"),
            "duplicate",
        ],
        "nothing",
    ),
}
