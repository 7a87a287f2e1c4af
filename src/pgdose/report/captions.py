"""Titles and captions of the figures, for the page and for Snakemake's report.

The operating point stands in the figures' panels. After a change write Snakemake's captions:

    python -m pgdose.report.captions

Captions of tables stand in `analysis.table_registry`.
"""

import re

from pgdose.analysis.table_registry import CAPTION_FOLDER
from pgdose.plots.axes import FEW, LEAST_OF_TWO, WIDE_RANGE
from pgdose.plots.style import EPSILON

TITLES = {
    "fig1": "Figure 1. Adversarial images",
    "fig2": "Figure 2. Flipped diagnoses",
    "fig3a": f"Figure 3a. Success and amplitude {EPSILON}",
    "fig3b": "Figure 3b. Success and iterations",
    "fig3c": "Figure 3c. Success and clean confidence",
    "fig3c_fine": "Figure 3c, finer towards 1. Is the drop sharp?",
    "fig3d": "Figure 3d. Success and training size",
    "fig_certified": "Certificates of smoothed networks",
    "fig_harm": f"Missed disease and false alarms over the amplitude {EPSILON}",
    "fig_expected_harm": f"Expected harm over the amplitude {EPSILON}",
    "fig_controls": "What else flips diagnoses",
    "fig_defence": "What helps: defended networks",
    "fig_abstention": "Abstention. Remaining error and rejected images",
}
CAPTIONS = {
    "fig1": (
        "Originals and their adversarial versions, one image in a row: of those that the attack "
        "flips at the operating point, the one whose right diagnosis the network was surest of. "
        "Amplitudes ε rise from left to right. Below each image stand the predicted class and its "
        "probability p, bold and framed where the diagnosis flipped, and the largest change of a "
        "pixel, max |Δ|. The last "
        "column is the change that the largest ε makes, magnified by the factor below it (grey: no "
        "change)."
    ),
    "fig2": (
        "Successful attacks: each pair has the original at the left and the adversarial image at "
        "the right, with the predicted class and its probability p before and after the attack. "
        "The dose stands above the pairs."
    ),
    "fig3a": (
        "Attack success rate (vertical) over the amplitude ε in units of the full intensity range "
        "(horizontal; logarithmic where an attack's doses span more than a factor of "
        f"{WIDE_RANGE}). Rows are kinds of images, columns attacks, at the iteration in their "
        "titles. Bands: 95 % intervals. Grey points: amplitudes that the attack never reached; "
        "they are copies of lower ones."
    ),
    "fig3b": (
        "Attack success rate (vertical) over the number of iterations (horizontal). Rows are kinds "
        "of images and amplitudes ε, columns attacks. The success rate is 0 at iteration 0 by "
        "definition. Bands: 95 % intervals."
    ),
    "fig3c": (
        "Attack success rate (vertical) over the clean confidence, which is the largest "
        "probability that the network gives the image before the attack (horizontal, bins of "
        f"0.05; confidences under {LEAST_OF_TWO:g} exist with more than two classes and stand "
        "apart). Rows are groups, columns attacks. Larger points are bins of more images, rates of "
        f"fewer than {FEW} images are faint, and bins without images are gaps. The shaded bin "
        "holds the confidences over 0.95. Bands and bars: 95 % intervals."
    ),
    "fig3c_fine": (
        "As Figure 3c, in bins that are finer towards a confidence of 1 and of one width on the "
        "page. A sharp drop begins at 0.95, where the shade begins; a gradual one before it. Rates "
        f"of fewer than {FEW} images are faint."
    ),
    "fig3d": (
        "Attack success rate with its 95 % interval, and at the right the accuracy on clean images "
        "(vertical), over the number of training images (horizontal, logarithmic), always on the "
        "same validation images. A point is one training, a line the mean of the trainings of one "
        "size, a band reaches from the lowest to the highest of them."
    ),
    "fig_certified": (
        "Certified accuracy (solid): the share of the images that were certified, right or wrong "
        "before, that keep their right class under every change up to an L2 length, the radius "
        "(horizontal). Dashed: the share of those that are of the attack's sample, too, that the "
        "smoothed network gets right under an attack of that length. Dotted: the same of the base "
        "network, without smoothing. Rows are groups, columns attacks. With so many "
        "copies no certificate reaches beyond the dotted vertical line, whatever the image. Bands "
        "and bars: 95 % intervals. The attacked network is the mean over few draws of noise, so "
        "its curve may lie a little under the certified one."
    ),
    "fig_harm": (
        "Of the images of the attack's sample with disease the share that is taken for norm, and "
        "of those without disease the share that is taken for some disease (vertical), whether "
        "right or wrong before the attack, over the amplitude "
        f"{EPSILON} (horizontal; logarithmic where doses span more than a factor of {WIDE_RANGE}). "
        "Rows are groups, columns attacks, at the iteration in their titles. Dotted: before the "
        "attack; images that were wrong then keep their diagnosis. Bands: 95 % intervals. Grey "
        "points: amplitudes that the attack never reached."
    ),
    "fig_expected_harm": (
        "The mean weight of the diagnoses of all images of the attack's sample (vertical), right "
        "or wrong before the attack, over the amplitude "
        f"{EPSILON} (horizontal). A right diagnosis weighs 0, an error what the study says, or 1. "
        "Each class counts by its share of the images here, not by its prevalence elsewhere. "
        "Dotted: before the attack. Bands: 95 % intervals."
    ),
    "fig_controls": (
        "Attacks and controls by the size of their change (horizontal, logarithmic) and how often "
        "they flip a right diagnosis (vertical). Attacks are lines over their amplitude ε. "
        "Controls stand at the median size of their changes; their severities are joined, and a "
        "larger marker is a higher one. Bands and bars: 95 % intervals."
    ),
    "fig_defence": (
        "Attack success rate (vertical) over the amplitude ε in units of the full intensity range "
        "(horizontal; logarithmic where an attack's doses span more than a factor of "
        f"{WIDE_RANGE}), of each group's main network and of its defended networks, each on the "
        "images that it classifies correctly before the attack. Rows are groups, columns attacks, "
        "at the iteration in their titles; at the right the accuracy on clean images. Bands and "
        "bars: 95 % intervals of each network alone. Whether two networks differ is told by the "
        "interval of their difference, in the table: two bands may overlap and the networks differ "
        "all the same. Grey points: amplitudes that the attack never reached."
    ),
    "fig_abstention": (
        "The error among accepted images (vertical) over the share of images that is rejected "
        "(horizontal), clean and under attack at the amplitudes ε in the titles. Images that the "
        "network trusts least are rejected first: by its confidence, by the margin of its first "
        "over its second logit (of two classes that is the same order), or where the networks of "
        "the group disagree. Thresholds are chosen on clean images and stay under attack; the "
        "point is the one that rejects 10 % of clean images. A curve that falls is a detector that "
        "works. A curve that rises is one that prefers attacked images: it rejects right diagnoses "
        "and keeps confident wrong ones, however well it does on clean images. Errors among fewer "
        f"than {FEW} images are faint. Bands: 95 % intervals of the lines of confidence."
    ),
}
#: The pictures of each group, in the order of its section.
PICTURES = {
    "network": (
        "The network: loss and accuracy over the epochs of its training, the confusion matrix and "
        "the reliability curve (accuracy over confidence) on clean validation images. The star is "
        "the accuracy of the network that is attacked: the statistics of its batch norm are "
        "settled after the last epoch."
    ),
    "heatmap": (
        "The response surface: attack success rate over amplitude and iterations. The cells follow "
        "the order of the doses and are all of one size. The line separates success rates under "
        "one half from those over it; unknown rates are hatched."
    ),
    "examples": "An original and its adversarial versions, as in Figure 1.",
}


def as_rst(text: str) -> str:
    """The text in reStructuredText, where some characters would be marks."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def files() -> dict[str, str]:
    """The files of the figures' captions in workflow/report/ by name, and their text."""
    return {f"{name}.rst": f"{as_rst(text)}\n" for name, text in {**CAPTIONS, **PICTURES}.items()}


if __name__ == "__main__":
    for file, text in files().items():
        (CAPTION_FOLDER / file).write_text(text, encoding="utf-8")
