"""What each check compares, when it fails, and what to do; thresholds are those of the code."""

from typing import NamedTuple

from pgdose.attack.diagnostics import cheap, known_positives


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


class CheckText(NamedTuple):
    """The figure of a check, when the check fails, what that means, and what to do."""

    figure: str
    fails: str
    means: str
    remedy: str


CHEAP_TEXTS = {
    "repeatable": CheckText(
        "largest difference of the logits of the same images in two passes",
        f"over {cheap.REPEATABLE:g} of the largest logit, or a layer is in training mode",
        "dropout or batch statistics change the network between two steps",
        "export the network in evaluation mode; remove noise from its forward pass",
    ),
    "outputs are logits": CheckText(
        "share of the images whose outputs are all at least 0 and add up to 1",
        "0.5 or more",
        "a softmax at the end makes gradients vanish where the network is sure",
        "set `outputs: probabilities` of the network, or export it without the softmax",
    ),
    "inputs in range": CheckText(
        "how far the images lie outside [0, 1]",
        "over 0, or all pixels have one value",
        "epsilon is in units of [0, 1], so it has no meaning here",
        "scale the images to [0, 1]; put the preprocessing into the network's `input`",
    ),
    "clean prediction": CheckText(
        "largest difference between the logits stored in `clean.parquet` and those at iteration 0, "
        f"or those of the network as attacked on {cheap.PROBED} images",
        f"over {cheap.TOLERANCES['fp32']:g} (bf16: {cheap.TOLERANCES['bf16']:g}) of the largest "
        "logit",
        "the attack ran on other weights, other images or another preprocessing",
        "delete the run's surfaces and start the study again; if it stays, report a bug",
    ),
    "box kept": CheckText(
        "largest change of an image over its epsilon",
        "over 1, but for rounding",
        "the attack changes images by more than it may, so its rates are too high",
        "for an attack of another library: give epsilon in the library's norm",
    ),
    "dose reached": CheckText(
        "share of the epsilons that no image was changed by",
        "any",
        "the steps are too short: results there repeat those of a smaller epsilon",
        "give `alpha: {of_epsilon: 0.25}`, longer or more steps, or leave out these epsilons",
    ),
    "gradients": CheckText(
        "mean share of the entries of the first gradient that are exactly 0, in the worst bin of "
        "clean confidence (all bins are in `details`)",
        f"{cheap.TOO_MANY_ZEROS:g} or more, or any entry is not finite",
        "the gradient is masked, so the attack cannot see its way; usual networks have 0.06 to "
        "0.19",
        "attack the logits (`gradient_of: margin`); for a defence that rounds see "
        "[defences](../how-to/defences.md#check-that-no-gradient-is-masked)",
    ),
    "loss rises": CheckText(
        "rise of the mean loss that the attack raises, at the worst epsilon at which not every "
        "image flips",
        f"no rise, or a fall on the way by more than {_percent(cheap.MOST_FALL)} of the rise",
        "the gradient does not lead to success, or the steps are too long",
        "use shorter steps, or an attack with its own schedule (`form: apgd-ce`)",
    ),
    "loss levels off": CheckText(
        "share of the fall of the mean probability of the true class in the last "
        f"{_percent(cheap.LAST)} of the iterations, at the worst epsilon at which not every image "
        "flips",
        f"over {_percent(cheap.MOST_LATE)} (a steady descent has {_percent(cheap.LAST)})",
        "more iterations would flip more images",
        "raise `max_iter`",
    ),
    "monotone in epsilon": CheckText(
        "share of the images flipped at the smaller and not at the larger of two neighbouring "
        "epsilons, for the worst pair",
        f"over {_percent(cheap.MOST_VIOLATIONS)}",
        "the larger box holds the smaller one, so the attack is too weak in the larger",
        "use steps in parts of epsilon (`alpha: {of_epsilon: 0.25}`), or more iterations",
    ),
    "no silent success": CheckText(
        "share of the images that are wrong at some iteration and right at the last, at the worst "
        "epsilon",
        f"over {_percent(cheap.MOST_SILENT)}",
        "the last iterate, which counts, hides successes: steps longer than epsilon do that",
        "use shorter steps, or read `asr_any`",
    ),
    "noise keeps the classes apart": CheckText(
        "largest share of the images that are predicted as one class under noise, at the worst "
        "epsilon",
        f"over {_percent(cheap.MOST_ALIKE)}, and it was less without noise",
        "noise of this size pushes all images to one class, so it is no control there",
        "compare with noise at smaller epsilons only",
    ),
}

EXPENSIVE_TEXTS = {
    "stronger than noise": CheckText(
        "images that noise of the same size flips and the attack does not, as a share",
        "noise flips more images than the attack",
        "the gradient misleads the attack",
        "use `gradient_of: margin`; before a defence that rounds, set `gradient: bpda`",
    ),
    "large epsilon reaches chance": CheckText(
        "accuracy that is left at epsilon = 1 (`clip: l2`: the diagonal of the cube), with steps "
        "in proportion; a success at any smaller epsilon counts",
        "over 1 / classes",
        "with any change allowed, each image can become one of another class; the attack does not "
        "find it",
        "as for `gradients`; for raw steps raise `lr`",
    ),
    "enough iterations": CheckText(
        "change of the success rate with twice the iterations",
        "half of the 95 % Wilson interval of the rate on these images, or more",
        "the attack has not converged",
        "raise `max_iter`",
    ),
    "enough restarts": CheckText(
        "rise of the success rate with one more start, drawn at random",
        "half of the 95 % Wilson interval of the rate on these images, or more",
        "one start misses what another finds",
        "give `start: random` and raise `restarts`",
    ),
    "stronger than Square": CheckText(
        "share of the images that Square (a black-box attack) flips and this attack does not",
        "any",
        "an attack that knows the gradient must not lose against one that does not",
        "as for `gradients`",
    ),
    "finds a planted image": CheckText(
        "share of the images whose planted adversarial image the attack misses",
        f"over {_percent(known_positives.MOST_MISSED)}",
        "the attack misses success that surely exists in the box; see "
        "[a known positive](../explanation/attacks.md#whether-an-attack-can-be-believed)",
        "longer or more steps; for raw steps raise `lr`",
    ),
}

NETWORK_TEXTS = {
    "better than chance": CheckText(
        "accuracy on clean validation images, with its 95 % interval by patients",
        "the lower end is at most the share of the largest class",
        "flips of such a network say little",
        "check the order of `classes` and the `input` of an existing network; train longer",
    ),
    "running statistics fit": CheckText(
        "accuracy with the statistics of each batch in batch norm, less the accuracy",
        "over LARGEST_GAP",
        "the running statistics of batch norm do not fit the weights",
        "train longer, or with larger batches",
    ),
    "note of the import": CheckText(
        "nothing: it says what the import decided, and what the network's file leaves open",
        "never; its verdict is `not done`",
        "",
        "read it, and set the key that it names if the decision is wrong",
    ),
}

# Warnings of jobs and tables of a cohort: name, what it compares, when it appears, what to do.
COHORT_TEXTS = [
    (
        "unevenly spread reason",
        "`tables/rejects_by_class.csv`, column `uneven`; warning in the log and the report",
        "the share of each class that a reason leaves out, by Fisher's exact test with Holm's "
        "correction",
        "the adjusted p is at most UNEVEN",
        "look at the rejected images; change or switch off the filter",
    ),
    (
        "unevenly spread bit depth",
        "the same table, stage `depth`",
        "how many files of each class hold so many bits",
        "the adjusted p is at most UNEVEN",
        "use files of one kind: the network may tell the classes by their files",
    ),
    (
        "contradiction",
        "`groups/<group>/left_out.parquet`, reason `contradiction`",
        "pixels and SOPInstanceUIDs of the images of all classes of the group",
        "one image is in several classes; all its records are left out",
        "correct the labels, or list the wrong records in `exclude`",
    ),
    (
        "equal pixels under different patients",
        "warning in the log",
        "pixels of all images of the group",
        "patients share an image; it is used once",
        "correct the patients' numbers if they are one person",
    ),
    (
        "near duplicates",
        "`groups/<group>/near_duplicates.parquet`",
        "perceptual hashes of 256 bits of images in different classes, or in different parts",
        "at most MOST_BITS bits differ",
        "look at the pairs; list one of each pair of the same picture in `exclude`",
    ),
    (
        "few validation patients",
        "warning in the log",
        "patients of the validation part",
        "fewer than FEWEST_PATIENTS: intervals by patients need so many",
        "add patients",
    ),
    (
        "split out of balance",
        "warning in the log",
        "each stratum's share of training images, against `split.training`",
        "off by more than LOGGED_IMBALANCE",
        "nothing: patients with several images stay in one part",
    ),
    (
        "unknown ids",
        "warning in the log",
        "ids of `exclude` and `boxes`, against the ids of the records",
        "an id matches no record",
        "correct the list",
    ),
]
