"""Meaning of each column of the tables below `sources/`, `groups/` and `figures/`, by file.

The tables of the whole study, `tables/<name>.csv`, have theirs in the registry of result tables.
The types of Parquet tables are those of their schemas; here stand unit and range of their numbers.

No job imports it: what a page says reruns nothing.
"""

from collections.abc import Mapping

from pgdose.tables.column_values import (
    AMPLITUDE,
    FLAG,
    INTEGER,
    ITERATION,
    NUMBER,
    POSITION,
    PROBABILITY,
    RANGE,
    SHARE,
    Column,
    Values,
    count,
    words,
)

Columns = Mapping[str, Column]

_PIXELS = Values(NUMBER, "pixels of the original")
_PLACE = Values(INTEGER, "pixels of level 0", 0)
_LOGITS = Values(f"list of {NUMBER}", "logits")
_RECORD = Column("opaque id of the record; `pgdose where RECORD_ID` leads to its file")
_PATIENT = Column("opaque id of the patient")
_MEMBER = Column("number of the image in its group, as in `members.parquet`", POSITION)
_REASON = Column("reason code, see [reasons of rejection](rejection-reasons.md)")
_DETAIL = Column("details in words; never a text of the file")
_STAGE = Column("stage that rejected it", words("index", "screen", "group", "render"))
_CLASS = Column("class of the group")
_GROUP = Column("study group")
_ATTACK = Column("name of the attack in the study")
_EPSILON = Column("amplitude", AMPLITUDE)
_ITERATION = Column("iteration of the attack; 0 is the clean image", ITERATION)
_N_ATTACKED = Column("images that were right before the attack, and measured", count("images"))
_N_FLIPPED = Column("those of them that are wrong after it", count("images"))
_ASR = Column("attack success rate, n_flipped / n_attacked", SHARE)
_CI = {
    "ci_low": Column("lower end of its 95 % interval, by patients", SHARE),
    "ci_high": Column("upper end", SHARE),
}
_SUCCESS = {"n_attacked": _N_ATTACKED, "n_flipped": _N_FLIPPED, "asr": _ASR, **_CI}
_CURVE = {"group": _GROUP, "attack": _ATTACK, "epsilon": _EPSILON, "iteration": _ITERATION}
_REACHED = Column("whether epsilon is a dose: some image was changed by as much", FLAG)
_BINS = {
    "bin_low": Column("lower end of the bin of clean confidence, in it", SHARE),
    "bin_high": Column("upper end", SHARE),
}
_SCALES = words("table", "mpp", "ome", "description", "objective")
_STATE = words("present", "absent", "uncertain")
_STATES = words("present", "uncertain", "absent", "unmentioned")


def _interval(name: str, meaning: str, values: Values) -> dict[str, Column]:
    return {
        name: Column(meaning, values),
        f"{name}_low": Column("lower end of its 95 % interval", values),
        f"{name}_high": Column("upper end", values),
    }


REJECTS: Columns = {"record_id": _RECORD, "stage": _STAGE, "reason": _REASON, "detail": _DETAIL}
LEFT_OUT: Columns = {**REJECTS, "class": _CLASS}
MISSING: Columns = {"member": _MEMBER, "reason": _REASON, "detail": _DETAIL}

RECORDS: Columns = {
    "record_id": _RECORD,
    "patient": _PATIENT,
    "source": Column("source of the study"),
    "class": Column("class of the source; empty for films"),
    "age": Column("age at the examination", Values(NUMBER, "years", 0, 120)),
    "sex": Column("sex", words("F", "M")),
    "view": Column("view position of a film, such as PA"),
    "body_part": Column("BodyPartExamined of a film, if it is one of `screen.body_parts`"),
    "instance": Column("keyed hash of the SOPInstanceUID; equal for two copies of a film"),
    "mojibake": Column("whether the file seems to declare a wrong character set", FLAG),
    "rows": Column("height of the image", Values(INTEGER, "pixels", 1)),
    "columns": Column("width of the image", Values(INTEGER, "pixels", 1)),
    "bits_stored": Column("bits of a channel that are in use", Values(INTEGER, "bits", 1, 32)),
    "photometric": Column("PhotometricInterpretation of a film"),
    "transfer_syntax": Column("UID of the transfer syntax of a film"),
    "mm_per_px": Column("scale of a film", Values(NUMBER, "mm to a pixel", 0)),
    "turned": Column("whether the film was turned upright: its file holds it otherwise", FLAG),
    "um_per_px": Column("scale of a tile", Values(NUMBER, "micrometres to a pixel", 0)),
    "parent": Column("record_id of the field or slide that the tile was cut from"),
    "x": Column("left edge of the tile", _PLACE),
    "y": Column("upper edge of the tile", _PLACE),
    "level": Column("pyramid level of the slide that the tile is read from", POSITION),
    "extent": Column("side of the tile", Values(NUMBER, "pixels of level 0", 0)),
    "scale_from": Column("what gives `um_per_px`: the table or the file's metadata", _SCALES),
    "colour": Column("colours of a slide's tile", words("as_stored", "srgb")),
    "tissue_share": Column("share of the tile that is tissue", SHARE),
    "class_share": Column("share of the tile that lies in its class", SHARE),
    "store": Column("path of the store of the tile's pixels, below the results folder"),
    "row": Column("row of the tile in its store", POSITION),
}
LABELS: Columns = {
    "label_<finding>": Column(
        "whether the record has the label: 1 present, 0 absent; empty: uncertain or unknown. One "
        "column for each label of the source",
        Values(INTEGER, "", 0, 1),
    )
}
REPEATED: Columns = {
    "record_id": _RECORD,
    "n_rows": Column("rows or reports of the record", count("rows")),
    "differ": Column("what they disagree on: label, patient, age, ..."),
    "several": Column("how the study reads them", words("union", "join", "first", "last")),
}
MENTIONS: Columns = {
    "record_id": _RECORD,
    "label": Column("label that the report mentions"),
    "state": Column("what it says of the label", _STATE),
    "start": Column("first character of the words, in the plain text of the report", POSITION),
    "end": Column("character after the last one", POSITION),
    "pattern": Column("entry of the lexicon that matched, such as findings.aorta.patterns[0]"),
    "cue": Column("entry of the lexicon that made it absent or uncertain, if one did"),
}
CONFLICTS: Columns = {
    "record_id": _RECORD,
    "label": Column("label that a report mentions although it is a norm phrase"),
    "state": Column("what the report says of it", _STATE),
}
AGREEMENT: Columns = {
    "label": Column("label"),
    "n": Column("reports that were judged", count("reports")),
    "n_present": Column("those of them that have the label by hand", count("reports")),
    "true_positive": Column("present by hand and by the labeller", count("reports")),
    "false_positive": Column("present by the labeller alone", count("reports")),
    "false_negative": Column("present by hand alone", count("reports")),
    "true_negative": Column("present by neither", count("reports")),
    **_interval("precision", "true_positive / (true_positive + false_positive)", SHARE),
    **_interval("recall", "true_positive / (true_positive + false_negative)", SHARE),
    **_interval("f1", "harmonic mean of precision and recall", SHARE),
    **_interval("kappa", "Cohen's kappa, agreement beyond chance", Values(NUMBER, "", -1, 1)),
}
LABEL_CONFUSION: Columns = {
    "label": Column("label"),
    "hand": Column("state by hand", _STATES),
    "found": Column("state by the labeller", _STATES),
    "n": Column("reports", count("reports")),
}
LABEL_ERRORS: Columns = {
    "record_id": _RECORD,
    "label": Column("label with a false alarm or a miss"),
    "hand": Column("state by hand", _STATES),
    "found": Column("state by the labeller", _STATES),
}
SCREEN: Columns = {
    "record_id": _RECORD,
    "usable": Column("whether the image passed the screening", FLAG),
    "reason": _REASON,
    "detail": _DETAIL,
    "pixel_hash": Column("hash of the pixels; equal for equal pixels"),
    "perceptual_hash": Column("pHash of 256 bits; similar for pictures that look alike"),
    "text_regions": Column(
        "rows of letters in the pixels; empty for tissue, and for images rejected before",
        count("rows"),
    ),
    "says_burned_in": Column("BurnedInAnnotation; empty if the file does not state it", FLAG),
    "focus": Column(
        "variance of a tile's Laplacian, where `least_focus` is set",
        Values(NUMBER, "squared grey levels of 255", 0),
    ),
    "voi": Column("what `image.window: voi` would apply; empty if the film has no window"),
    "aorta_x": Column("centre of the aorta window", _PIXELS),
    "aorta_y": Column("centre of the aorta window", _PIXELS),
    "aorta_side": Column("side of the aorta window", _PIXELS),
    "aorta_confidence": Column("confidence of the aorta window", SHARE),
}
CANDIDATES: Columns = {
    "parent": Column("record_id of the slide"),
    "class": Column("class that may take the tile"),
    "x": Column("left edge of the tile", _PLACE),
    "y": Column("upper edge of the tile", _PLACE),
    "tissue_share": Column("share of the tile that is tissue", SHARE),
    "class_share": Column("share of the tile that lies in the class", SHARE),
    "draw": Column("keyed random number; the tiles with the smallest are taken", SHARE),
}
SLIDES: Columns = {
    "record_id": _RECORD,
    "patient": _PATIENT,
    "reason": Column("reason code of a rejected slide; empty if it is usable"),
    "detail": _DETAIL,
    "content": Column("digest of the slide; equal for two names of one slide"),
    "columns": Column("width of level 0", Values(INTEGER, "pixels", 1)),
    "rows": Column("height of level 0", Values(INTEGER, "pixels", 1)),
    "levels": Column("levels of the pyramid", Values(INTEGER, "levels", 1)),
    "level": Column("level that tiles are read from", POSITION),
    "extent": Column("side of a tile", Values(NUMBER, "pixels of level 0", 0)),
    "um_per_px": Column("scale of the tiles", Values(NUMBER, "micrometres to a pixel", 0)),
    "scale_from": Column("what gives `um_per_px`: the table or the file's metadata", _SCALES),
    "threshold": Column("threshold of tissue", Values(NUMBER, "that of `tissue.method`", 0)),
    "tissue_share": Column("share of the slide that is tissue", SHARE),
    "ink_share": Column("share of the slide that is pen marks", SHARE),
    "unreadable_share": Column("share of the slide that could not be read", SHARE),
    "dark": Column("whether the slide is dark: no bright field", FLAG),
    "colour": Column("colours of its tiles", words("as_stored", "srgb")),
    "drawn": Column("classes that its outlines name"),
    "in_class": Column("classes that have a tile of their own on it, glass or not"),
    "on_tissue": Column("those of them that have a tile with enough tissue"),
    "inked": Column("those of these that lose such tiles to pen marks"),
    "mended": Column("outlines that crossed themselves and were mended", count("outlines")),
    "dropped": Column("outlines that were left out", count("outlines")),
    "notes": Column("what was guessed about its outlines; empty if nothing was"),
}
SLIDES_TABLE: Columns = {
    "record_id": _RECORD,
    "patient": _PATIENT,
    "state": Column(
        "what became of the slide", words("used", "not needed", "no tiles", "rejected")
    ),
    **{name: column for name, column in SLIDES.items() if name not in ("record_id", "patient")},
    "candidates_<class>": Column("tiles that the class may take, one column each", count("tiles")),
    "tiles_<class>": Column("those of them that were taken, one column each", count("tiles")),
    "unreadable": Column("tiles that were taken and could not be read", count("tiles")),
}
MEMBERS: Columns = {
    "member": Column("number of the image in its group", POSITION),
    "record_id": _RECORD,
    "patient": _PATIENT,
    "class": _CLASS,
    "class_index": Column("number of the class, in the order of the study", POSITION),
    "sex": Column("sex", words("F", "M")),
    "age": Column("age at the examination", Values(NUMBER, "years", 0, 120)),
    "part": Column("side of the split", words("training", "validation")),
    "copy": Column("0: the original; from 1: an augmented copy", POSITION),
    "augmentation": Column("parameters of a copy, as JSON"),
    "window": Column(
        "what made grey levels of the file's values: percentile, full, or voi and what the file "
        "offers; none for images that are no X-rays"
    ),
    "crop_x": Column("centre of the square that was cut out", _PIXELS),
    "crop_y": Column("centre of the square that was cut out", _PIXELS),
    "crop_side": Column("side of the square that was cut out", _PIXELS),
    "store": Column("path of the store of the image's pixels, below the results folder"),
    "row": Column("row of the image in its store", POSITION),
}
REJECTS_BY_CLASS: Columns = {
    "class": _CLASS,
    "stage": Column("see the table `rejects_by_class` above, which joins all groups"),
    "reason": _REASON,
    "n": Column("records that the reason could have left out", count("records")),
    "n_left_out": Column("those of them that it left out", count("records")),
    "share": Column("n_left_out / n", SHARE),
    "p": Column("Fisher's exact test of the class against all others", PROBABILITY),
    "p_adjusted": Column("the same after Holm's correction", PROBABILITY),
    "uneven": Column("whether p_adjusted is under 0.01", FLAG),
}
NEAR_DUPLICATES: Columns = {
    "record_a": Column("record_id of one of the two"),
    "record_b": Column("record_id of the other"),
    "distance": Column(
        "bits of the perceptual hash that differ, of 256", Values(INTEGER, "bits", 0, 256)
    ),
    "class_a": _CLASS,
    "class_b": _CLASS,
    "part_a": Column("side of the split", words("training", "validation")),
    "part_b": Column("side of the split", words("training", "validation")),
}
TRAINING: Columns = {
    "epoch": Column("epoch, from 1", Values(INTEGER, "epochs", 1)),
    "lr": Column("learning rate at its end", Values(NUMBER, "", 0)),
    "loss": Column("mean loss of the training images", Values(NUMBER, "")),
    "training_accuracy": Column("accuracy on training images; empty if no clean ones", SHARE),
    "validation_accuracy": Column("accuracy on validation images", SHARE),
    "at_once": Column("images that were computed at once", Values(INTEGER, "images", 1)),
    "kept": Column("1: the network has the weights of this epoch", Values(INTEGER, "", 0, 1)),
    "held_out_loss": Column("mean loss of the held-out images, if there are some", Values(NUMBER)),
    "held_out_accuracy": Column("accuracy on the held-out images, if there are some", SHARE),
    "adversarial_accuracy": Column("accuracy on attacked training images, if there are", SHARE),
}
CLEAN: Columns = {
    "member": _MEMBER,
    "logits": Column("logits of the clean image, in the order of the classes", _LOGITS),
}
SURFACE: Columns = {
    "member": _MEMBER,
    "level": Column("position of epsilon among those of the attack, from 0", POSITION),
    "epsilon": _EPSILON,
    "logits": Column(
        "(max_iter + 1) x classes, iteration 0 (the clean image) first; NaN at iterations that "
        "were not measured",
        _LOGITS,
    ),
    "stored": Column("logits of the last iterate, rounded to 8 bits", _LOGITS),
    "change": Column("size of the change at the last iterate", AMPLITUDE),
    "zero_gradient": Column("share of the first gradient that is exactly 0", SHARE),
    "bad_gradient": Column("share of the first gradient that is not finite", SHARE),
    "other_labels": Column(
        "labels that are not audited and change by the last iterate; only of networks with "
        "several labels",
        Values(NUMBER, "labels", 0),
    ),
}
TRANSFER: Columns = {
    "member": _MEMBER,
    "judge": Column("run of the network that classifies the image"),
    "epsilon": Column("amplitude; 0: the clean image", AMPLITUDE),
    "logits": Column("logits of the judge, in the order of the classes", _LOGITS),
}
CONTROLLED: Columns = {
    "control": Column("name of the control in the study"),
    "severity": Column("severity of a corruption", Values(INTEGER, "", 1, 5)),
    "epsilon": Column("amplitude of a universal perturbation", AMPLITUDE),
    "judge": Column("run of the network that classifies the image"),
    "member": _MEMBER,
    "logits": Column("logits of the judge, in the order of the classes", _LOGITS),
    "l_inf": Column("largest change of a pixel", Values(NUMBER, RANGE, 0, 1)),
    "l2": Column("length of the change (L2)", AMPLITUDE),
}
CERTIFICATE: Columns = {
    "member": _MEMBER,
    "class_index": Column("certified class; -1: none", Values(INTEGER, "", -1)),
    "correct": Column("whether the certified class is the true one", FLAG),
    "n_top": Column("copies of the class that selection chose", count("copies")),
    "samples": Column("copies", count("copies")),
    "p_low": Column("lower bound of the probability of that class", PROBABILITY),
    "radius": Column("certified L2 length of a change", AMPLITUDE),
}
DIAGNOSTICS: Columns = {
    "attack": _ATTACK,
    "check": Column("name of the check, see [checks](checks.md)"),
    "verdict": Column("its verdict", words("passed", "failed", "not done")),
    "says": Column("its reason, one sentence"),
    "figure": Column("the number that the verdict rests on, if it is one", Values(NUMBER)),
    "details": Column("further numbers, as JSON"),
    "n_images": Column("images of the sample", count("images")),
    "n_correct": Column("those of them that are right before the attack", count("images")),
    "steps_per_image": Column(
        "gradients for each attacked image; empty without one", Values(NUMBER, "gradients", 0)
    ),
    "device": Column("device of all shards: cpu or cuda"),
    "precision": Column("precision of all shards"),
    "batch": Column("images at a time, of all shards"),
    "largest_change": Column("largest change of an image, by epsilon", Values("", RANGE, 0)),
}
IMAGES: Columns = {
    "group": _GROUP,
    "run": Column("folder of the network below the group's"),
    "role": Column("see above", words("main", "repeat", "further", "sized")),
    "size": Column("training images of a sized run", Values(INTEGER, "images", 1)),
    "repeat": Column("repeat of the run", Values(INTEGER, "", 1)),
    "attack": _ATTACK,
    "member": _MEMBER,
    "patient": _PATIENT,
    "confidence": Column("clean confidence", SHARE),
    "smallest_level": Column(
        "position of the smallest epsilon that flips the image at the operating iteration; the "
        "number of epsilons if none does",
        POSITION,
    ),
    "smallest_epsilon": Column("that epsilon; inf if none flips the image", AMPLITUDE),
    "first_iteration": Column(
        "first iteration that flips the image at that epsilon; -1 if none",
        Values(INTEGER, "iterations", -1),
    ),
    "operating_first": Column(
        "first iteration that flips the image at the operating epsilon; -1 if none",
        Values(INTEGER, "iterations", -1),
    ),
}
CONCLUSION_DRAWS: Columns = {
    "attack": _ATTACK,
    "draw": Column("0: the sample itself; from 1: draws of the bootstrap", POSITION),
    "by_epsilon": Column(
        "ASR at each epsilon, at the operating iteration", Values(f"list of {NUMBER}", "share")
    ),
    "by_iteration": Column(
        "ASR at the operating epsilon at the iterations 1, K - K // 4 and K, K the last one",
        Values(f"list of {NUMBER}", "share"),
    ),
    "pairs": Column(
        "mean numbers of pairs of images by confidence, for conclusion 4",
        Values(f"list of {NUMBER}", "pairs"),
    ),
}
EXPORTED: Columns = {
    "member": _MEMBER,
    "epsilon": _EPSILON,
    "iteration": _ITERATION,
    "class_before": Column("predicted class of the original"),
    "class_after": Column("predicted class of the adversarial image"),
    "class_after_storage": Column("the same of the image as its file holds it, in 8 bits"),
    "confidence_before": Column("probability of class_before", SHARE),
    "confidence_after": Column("probability of class_after", SHARE),
    "row": Column("upper edge of the picture in its DICOM file, with `dicom: true`", POSITION),
    "column": Column("left edge of the picture in its DICOM file, with `dicom: true`", POSITION),
}

_HARM: Columns = {
    "group": _GROUP,
    "attack": _ATTACK,
    "error": Column("as in the table `harm`"),
    "epsilon": Column("amplitude; 0: before the attack", AMPLITUDE),
    "iteration": _ITERATION,
    "n_images": Column("images that the error can be of", count("images")),
    "n": Column("images with the error", count("images")),
    "rate": Column("n / n_images, or the mean weight", Values(NUMBER, "share, or weight")),
    "ci_low": Column("lower end of its 95 % interval, by patients", Values(NUMBER)),
    "ci_high": Column("upper end", Values(NUMBER)),
    "reached": _REACHED,
}

FIGURES: Mapping[str, Columns] = {
    "fig3a": {**_CURVE, **_SUCCESS, "reached": _REACHED},
    "fig3b": {**_CURVE, **_SUCCESS},
    "fig3c": {**_CURVE, **_BINS, **_SUCCESS},
    "fig3c_fine": {**_CURVE, **_BINS, **_SUCCESS},
    "fig3d": {
        **_CURVE,
        "size": Column("training images", Values(INTEGER, "images", 1)),
        "repeat": Column("repeat of the size, from 1", Values(INTEGER, "", 1)),
        "accuracy": Column("share of the validation images that are right", SHARE),
        **_SUCCESS,
    },
    "fig_abstention": {
        "group": _GROUP,
        "attack": _ATTACK,
        "score": Column(
            "what images are rejected by", words("confidence", "margin", "disagreement")
        ),
        "condition": Column(
            "clean: no attack; small, operating: attacked at the small or the operating epsilon",
            words("clean", "small", "operating"),
        ),
        "epsilon": _EPSILON,
        "iteration": _ITERATION,
        "clean_rejected": Column("share of clean images that the threshold may reject", SHARE),
        "threshold": Column("images with a score under it are rejected", Values(NUMBER, "`score`")),
        "n_images": Column("images", count("images")),
        "rejected": Column("share of them that is rejected", SHARE),
        "n_accepted": Column("all others", count("images")),
        "error": Column("share of these that is wrong", SHARE),
        **_CI,
    },
    "fig_certified": {
        "group": _GROUP,
        "run": Column("folder of the network below the group's"),
        "sigma": Column("standard deviation of the noise", AMPLITUDE),
        "attack": Column("name of the attack; empty for certificates"),
        "iteration": _ITERATION,
        "shown": Column("what is shown", words("certified", "robust", "base_robust")),
        "radius": Column("L2 length of a change", AMPLITUDE),
        "n_images": Column("images", count("images")),
        "share": Column("share of them that is certified, or right under the attack", SHARE),
        "low": Column("lower end of its 95 % interval, by patients", SHARE),
        "high": Column("upper end", SHARE),
    },
    "fig_controls": {
        "group": _GROUP,
        "norm": Column("how sizes are measured in the panel", words("l_inf", "l2")),
        "kind": Column("what it is", words("attack", "corruption", "universal")),
        "name": Column("name of the attack or control"),
        "severity": Column("severity of a corruption", Values(INTEGER, "", 1, 5)),
        "size": Column("size of the change, the median over the images", AMPLITUDE),
        "size_low": Column("its 5 % quantile", AMPLITUDE),
        "size_high": Column("its 95 % quantile", AMPLITUDE),
        **_SUCCESS,
    },
    "fig_defence": {
        "group": _GROUP,
        "run": Column("folder of the network below the group's"),
        "defence": Column("how the network is defended, in words"),
        "attack": _ATTACK,
        "epsilon": _EPSILON,
        "iteration": _ITERATION,
        "rate": Column("attack success rate", SHARE),
        **_CI,
        "reached": _REACHED,
    },
    "fig_harm": _HARM,
    "fig_expected_harm": _HARM,
    "heatmap/<group>": {
        "attack": _ATTACK,
        "epsilon": _EPSILON,
        "iteration": _ITERATION,
        **_SUCCESS,
    },
    "network/<group>": {
        "panel": Column(
            "panel of the figure", words("training", "confusion", "reliability", "ece")
        ),
        "series": Column("what the row shows in it"),
        "epoch": Column("epoch of the training", Values(INTEGER, "epochs", 1)),
        "class": Column("true class"),
        "predicted": Column("predicted class"),
        "bin_low": Column("lower end of the bin of confidence", SHARE),
        "bin_high": Column("upper end", SHARE),
        "confidence": Column("mean confidence of the bin", SHARE),
        "value": Column("the value that is drawn", Values(NUMBER)),
        **_CI,
        "n": Column("images", count("images")),
    },
    "examples": {
        "figure": Column("1: Fig. 1; 2: Fig. 2", Values(INTEGER, "", 1, 2)),
        "group": _GROUP,
        "attack": _ATTACK,
        "epsilon": Column("amplitude; 0: the original", AMPLITUDE),
        "iteration": _ITERATION,
        "class_before": Column("predicted class of the original"),
        "class_after": Column("predicted class of this version"),
        "confidence_before": Column("probability of class_before", SHARE),
        "confidence_after": Column("probability of class_after", SHARE),
        "index": Column("number of the image in its group", POSITION),
    },
}
