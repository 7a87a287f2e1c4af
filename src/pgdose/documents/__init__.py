"""Reports that do not come as a table: DICOM documents and HL7 v2 messages become one.

report_table          all documents or messages of a source -> the private table of reports
report                one report, and why a document or message gives none
reasons               those reasons, by their codes
versions              of several versions of a report, which ones count
moments               when a report was written, to be compared
hl7_files             the messages of a file, and whether each is whole
hl7_messages          one message: its segments, fields and escapes
hl7_orders            which segments of a message belong to which examination
hl7_attachments       documents within its observations
hl7_reports           the reports of an ORU message
hl7_encodings         the character set of a message
dicom_documents       the report of a DICOM document, and the numbers that it is found by
structured_reports    the text of a DICOM structured report
embedded_documents    the text of a document inside another: PDF, CDA, RTF, HTML, plain
cda                   the text of a clinical document (CDA)
pdf                   the text layer of a PDF
pdf_contents          what a PDF shows beside it: pictures, values of forms, notes

It stands above `labelling`, `xray` and `user_tables`: it reads files as `xray` does and hands over
what `labelling` reads as a table that a person could have made. It stands below `pacs`, which
fetches documents and knows nothing of their texts.
"""
