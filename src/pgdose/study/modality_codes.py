"""Codes of the DICOM attribute Modality, in a study and in files."""

# The codes of images, PS3.3 C.7.3.1.1.1, with retired ones that old archives hold.
STANDARD_MODALITIES = (
    *("AR", "BDUS", "BI", "BMD", "CR", "CT", "CS", "CFM", "CD", "DD", "DG", "DF", "DMS", "DS"),
    *("DX", "DM", "EC", "EM", "ES", "FA", "FS", "FID", "GM", "HC", "IO", "IVOCT", "IVUS", "KER"),
    *("KO", "LEN", "LP", "LS", "MA", "MG", "MR", "MS", "NM", "OAM", "OCT", "OP", "OPM", "OPR"),
    *("OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "OT", "PA", "PR", "PT", "PX", "RF", "RG", "RTDOSE"),
    *("RTIMAGE", "SC", "SM", "SR", "ST", "TG", "US", "VA", "VF", "XA", "XC"),
)
FILM_MODALITIES = ("CR", "DX", "RF")  # computed and digital radiography, and radiofluoroscopy
