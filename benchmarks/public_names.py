"""Names that the tables, figures and texts on real images share."""

ALL, XRAY, COLOUR = "all", "X-ray", "colour"  # subsets of the groups
AS_PATIENTS = ", originals as patients"  # as if the images of other originals were independent
RAW = ["paper", "logit", "margin", "paper-literal"]  # attacks of a raw step
REAL = [*RAW, "sign", "apgd-ce"]  # all but noise
