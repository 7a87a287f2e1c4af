"""Every reason for which a file, document or message gives no report, or its report does not count.

The codes stand in `unread_reports.parquet`, a private table; how many there are of each, in the
notes of the source. What a user does about each: `reference.rejection_advice`.
"""

# What is lost: a person should look at these.
NOT_UNDERSTOOD = {
    "file_missing": "the file does not exist, or not any more",
    "no_permission": "the file may not be read",
    "outside_root": "a link that leads out of the folder",
    "empty_file": "the file has no bytes",
    "archive": "an archive such as ZIP; unpack it",
    "not_hl7": "no HL7 v2 message begins anywhere in the file (XML, FHIR, PDF, other bytes)",
    "no_header": "text before the file's first MSH or behind a batch: a message without its start",
    "cut_short": "the file or message breaks off",
    "stray_line": "a line behind a text that has ended: a rest of it, or another program's words",
    "bad_delimiters": "MSH-1 and MSH-2 do not name different delimiters, or one stands in a text",
    "encoding": "its bytes are no text in the character set that it declares; set the encoding",
    "not_dicom": "a file that a PACS hands over as a document, and that is no DICOM",
    "unreadable_header": "the DICOM file is damaged",
    "unreadable_document": "a PDF, CDA or attachment that is damaged or too much work to read, or "
    "a PDF with a filled-in form or notes",
    "encrypted": "a PDF with a password",
    "no_text_layer": "a PDF of pictures (a scan); export the reports as text, or run OCR over them",
    "other_format": "an attachment that is no text: a picture, a film, a model",
    "absurd_size": "a report of over a megabyte, or a file larger than any document",
    "no_id": "the field or attribute with the films' number is empty",
    "no_text": "no text stands in it",
}
# What is no report by its nature.
NO_REPORTS = {
    "other_message": "an HL7 message other than ORU",
    "no_document": "a DICOM file that a PACS lists among documents, and that is none",
    "dose_report": "a dose report",
    "measurements": "a document of measurements or of a program's marks alone",
    "key_objects": "a note of key images",
    "procedure_log": "a log of a procedure",
}
# What a later version of the same report takes the place of.
OUTDATED = {
    "preliminary": "a preliminary version, where a later or verified one is there",
    "corrected": "a version that a later message corrects",
    "replaced": "a document that a later one names as its predecessor",
    "withdrawn": "a report that a later message takes back",
    "withdrawal": "a message that takes a report back",
    "duplicate": "a copy of a document that another file holds",
}
# What could be read, and would be the wrong report: a person should look at these, too.
DOUBTFUL = {
    "newer_unread": "an earlier version of a report whose later version could not be read",
    "other_patient": "reports of several patients with one number",
}
REASONS = NOT_UNDERSTOOD | NO_REPORTS | OUTDATED | DOUBTFUL
