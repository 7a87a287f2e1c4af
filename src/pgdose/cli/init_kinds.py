"""The kinds of data that `pgdose init` has a file for: resources/init/<kind>.yaml."""

KINDS = {
    "dicom-reports": "films in DICOM, labelled by free-text reports",
    "pacs": "films fetched from a PACS, labelled by free-text reports",
    "dicom-labels": "films in DICOM, labelled by a table",
    "fields": "pictures from a microscope, each of one class",
    "slides": "whole slides with outlines, or of one class each",
    "table": "ready images that a table describes",
    "folders": "ready images in a folder for each class",
    "network": "a network that exists, and ready images with a table",
}
