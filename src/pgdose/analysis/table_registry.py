"""The registry of result tables: every table below tables/, its columns and its caption, once.

The workflow, the page and the reference are made from it.

    python -m pgdose.analysis.table_registry     # write their captions for Snakemake's report

A new column: add it to its table here and make it in the table's `maker`; its type, unit and range
stand in `result_values`. Then `make reference`.

A new table: add it here, with the function that makes it and the rule that writes it. Tables of
`measure` are gathered in `measures.measure_attack`, those of `quality` in
`network_tables.network_tables`, those of `tables` in `study_tables.findings`; another rule stands
in workflow/rules/analysis.smk. Then run the command above, and show the table in `report`.

Both: a column that holds names which a person chose enters TEXT_COLUMNS in tables/result_csv.py.
A column that goes or changes its meaning raises FORMAT_VERSION in `result_files`; one more column
does not.

Imports nothing, since the Snakefile reads it. Of the jobs only the report imports it: a rule passes
the others the columns, so that another caption reruns no more than the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CAPTION_FOLDER = Path(__file__).resolve().parents[3] / "workflow" / "report"


@dataclass(frozen=True)
class ResultTable:
    """A table of results, tables/<name>.csv.

    maker:               the function below `pgdose` that makes its rows
    rule:                the rule that writes it; those of `measure` are made for each run, and
                         `tables` joins them
    columns:             each with its meaning, in their order; "<finding>" stands for one column
                         for each finding of the study
    caption:             one or two sentences, for the page and Snakemake's report
    on_page:             whether report.html shows it
    in_snakemake_report: whether `snakemake --report` shows it
    """

    name: str
    maker: str
    rule: str
    columns: Mapping[str, str]
    caption: str
    on_page: bool = True
    in_snakemake_report: bool = True


_GROUP = {"group": "study group"}
_RUN = {
    **_GROUP,
    "run": "folder of the network below the group's",
    "role": "what the network is for: main, the group's own; repeat, the same architecture, "
    "trained once more; further, another one on the same images; sized, trained on a part of the "
    "training images",
    "size": "training images of a sized run; empty for others",
    "repeat": "repeat of a sized run, from 1; of the main run, from 2; empty for others",
}
_ATTACK = {"attack": "name of the attack in the study"}
_EPSILON = {"epsilon": "amplitude, in units of the full intensity range [0, 1]"}
_ITERATION = {"iteration": "iteration of the attack; 0 is the clean image"}
_ENDS = {
    "ci_low": "lower end of its 95 % interval, by patients",
    "ci_high": "upper end",
}
_WILSON = {
    "wilson_low": "lower end of Wilson's 95 % interval, by images",
    "wilson_high": "upper end",
}


def _share(name: str, meaning: str) -> dict[str, str]:
    """A share with its intervals."""
    return {
        name: meaning,
        f"{name}_low": "lower end of its 95 % interval, by patients",
        f"{name}_high": "upper end",
        f"{name}_wilson_low": "lower end of Wilson's 95 % interval, by images",
        f"{name}_wilson_high": "upper end",
    }


_ATTACKED = {
    "n_attacked": "images that were right before the attack, and measured",
    "n_flipped": "those of them that are wrong after it",
}
_ASR = {**_ATTACKED, "asr": "attack success rate (ASR): n_flipped / n_attacked", **_ENDS}
_ANY = {
    "n_flipped_any": "images that are wrong at some iteration up to this one",
    "asr_any": "share of the attacked images that are wrong at some iteration up to this one: "
    "n_flipped_any / n_attacked",
    "any_low": "lower end of its 95 % interval, by patients",
    "any_high": "upper end",
}
_NO_INTERVAL = {"no_interval": "why there is no interval by patients; empty if there is one"}
_ACCURACY = {"accuracy": "share of the clean validation images that are classified correctly"}
_QUALITY = {
    "n_patients": "patients of the validation images",
    **_ACCURACY,
    **_ENDS,
    **_WILSON,
    "ece": "expected calibration error",
    "ece_low": "lower end of its 95 % interval, by patients",
    "ece_high": "upper end",
    "auc": "area under the ROC curve, the mean over the classes",
    "auc_low": "lower end of its 95 % interval, by patients",
    "auc_high": "upper end",
}
_SIZES = {
    "n_images": "images, copies included",
    "n_training": "those of them that are for training",
    "n_validation": "those of them that are for validation",
}
_CONTROL = {
    "control": "name of the control in the study",
    "kind": "corruption or universal",
    "corruption": "which corruption; empty for a universal perturbation",
    "severity": "of the corruption, 1 to 5; empty for a universal perturbation",
    "epsilon": "of the universal perturbation; empty for a corruption",
}
_CONCLUSION = {"conclusion": "name of the conclusion"}
_ESTIMATE = {
    "estimate": "value of the statistic",
    "ci_low": "lower end of its interval",
    "ci_high": "upper end",
}

_TABLES = [
    ResultTable(
        "sources",
        "analysis.source_counts.all_sources",
        "table_sources",
        {
            "source": "source of the study",
            "found": "files or rows",
            "readable": "those that became records",
            "screened": "records that a group of the study could choose",
            "usable": "those of them that passed the screening",
            "<finding>": "records with this label, one column each",
            "any_finding": "records with some finding",
            "several_findings": "records with more than one",
            "norm_conflicts": "reports that are a norm phrase and mention a finding",
            "mojibake": "files that seem to declare a wrong character set",
            "text_in_pixels": "images with rows of letters in their pixels, of those searched",
            "says_burned_in": "those whose BurnedInAnnotation is YES",
            "several_rows": "records with several rows or reports that differ, see `several`",
            "notes": "what was guessed, or not understood, in the source's tables",
        },
        "What was found in each source, what is usable, and how often each finding occurs.",
    ),
    ResultTable(
        "table1",
        "analysis.table1.table1",
        "table1",
        {
            **_GROUP,
            "title": "title of the group",
            **_SIZES,
            **_QUALITY,
            "paper_accuracy": "accuracy in the paper",
        },
        "Table 1: groups, numbers of images and patients, accuracy beside the paper's, and "
        "expected calibration error.",
    ),
    ResultTable(
        "class_counts",
        "analysis.table1.class_counts",
        "table1",
        {
            **_GROUP,
            "class": "class of the group",
            **_SIZES,
            "n_copies": "those of them that are copies, see `augment_to`",
            "n_patients": "patients of the images; 0 if they are unknown",
        },
        "Numbers of images of each class.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "demographics",
        "analysis.demographics.demographics",
        "table1",
        {
            **_GROUP,
            "part": "training or validation",
            "by": "sex or age",
            "value": "the sex, or the years",
            "n_patients": "patients (images, if the patients are unknown); empty where the "
            "number is from 1 to 4, or would give such a number away",
        },
        "Sex and age of the patients of each part.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "rejects_by_class",
        "cohort.rejects_by_class.join_groups",
        "table_rejects",
        {
            **_GROUP,
            "class": "class of the group",
            "stage": "what left the records out: survey, screen, group or render; `depth` leaves "
            "none out",
            "reason": "why; for `depth`, bits a channel other than the group's commonest",
            "n": "records that fit the class; for `render` its planned members, for `survey` "
            "slides with tiles of the class, for `depth` files of its members",
            "n_left_out": "those of them that were left out for this reason; slides that lost some "
            "tiles to pen marks, or have no tissue in the class; for `depth`, files of so many "
            "bits",
            "share": "n_left_out / n",
            "p": "Fisher's exact test of the class against all others of the group; empty for "
            "several_classes, whose records are the same ones in each class",
            "p_adjusted": "the same after Holm's correction over the tests of the group",
            "uneven": "whether p_adjusted is under 0.01",
        },
        "What share of each class was left out for each reason, and whether the shares differ.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "networks",
        "analysis.quality.quality",
        "quality",
        {
            **_RUN,
            "network": "architecture, and the method of its adversarial training; the kind of its "
            "file; or the defence or networks that it is made of",
            "n_images": "clean validation images",
            **_QUALITY,
        },
        "Accuracy, area under the ROC curve and calibration error of every network, with intervals "
        "by patient.",
    ),
    ResultTable(
        "calibration",
        "analysis.quality.calibration",
        "quality",
        {
            **_RUN,
            "bin_low": "lower end of the bin of confidence, in it",
            "bin_high": "upper end",
            "n": "images in the bin",
            "confidence": "their mean confidence",
            "accuracy": "share of them that is classified correctly",
            **_ENDS,
        },
        "The reliability curve of every network: accuracy by confidence.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "confusion",
        "analysis.quality.confusion",
        "quality",
        {
            **_RUN,
            "class": "true class",
            "predicted": "predicted class",
            "n": "images",
            "share": "of the images of the class",
            **_ENDS,
        },
        "The confusion matrix of every network on clean validation images.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "network_checks",
        "analysis.network_checks.network_checks",
        "quality",
        {
            **_RUN,
            "check": "name of the check",
            "verdict": "passed, failed or not done; a note of an import is not done",
            "says": "the numbers that it rests on, or the note",
        },
        "Whether each network is better than chance and its running statistics fit.",
        on_page=False,
        in_snakemake_report=False,
    ),
    ResultTable(
        "transfer",
        "analysis.transfer.transfer",
        "table_transfer",
        {
            **_GROUP,
            **_ATTACK,
            **{name: text for name, text in _RUN.items() if name != "group"},
            **_ITERATION,
            "judge": "run of the network that classifies the images",
            **_EPSILON,
            "n_attacked": "images that both networks classify correctly before the attack",
            "n_patients": "patients of these images",
            "n_flipped": "those of them that the judge misclassifies after it",
            "asr": "n_flipped / n_attacked",
            **_ENDS,
            **_WILSON,
            "n_source_flipped": "images that the attacked network misclassifies after the attack",
            "n_followed": "those of them that the judge misclassifies too",
            "follow": "n_followed / n_source_flipped",
            "follow_low": "lower end of its 95 % interval, by patients",
            "follow_high": "upper end",
        },
        "How often an attack on one network of a group flips the prediction of another network of "
        "the same group.",
    ),
    ResultTable(
        "certified",
        "analysis.certified.certified",
        "table_certified",
        {
            **_RUN,
            "base": "run of the network behind the smoothing",
            "sigma": "standard deviation of the noise",
            "alpha": "probability, for each image, that its certificate is wrong",
            "radius": "L2 length of a change, in units of the full intensity range",
            "n_images": "validation images that were certified; in rows of an attack those of them "
            "that are of its sample, right or wrong before, and whose outcome is known of both "
            "networks",
            "n_patients": "patients of these images; 0 if they are unknown",
            "n_certified": "those of the images that are certified for their true class up to the "
            "radius",
            **_share("certified", "n_certified / n_images"),
            "n_abstained": "images without a certificate, even of radius 0",
            "abstained": "n_abstained / n_images",
            "attack": "an attack without a target and with `clip: l2`, of which the radius is 0 "
            "or an epsilon; empty in rows that stand for certificates alone",
            "iteration": "iteration of the attack; the operating point",
            "n_robust": "images that the smoothed network gets right under the attack",
            **_share("robust", "n_robust / n_images"),
            "n_contradicted": "certified images that the smoothed network gets wrong under the "
            "attack: it is the mean over few draws, the certificate is for all draws",
            "n_base_robust": "images that the base network gets right under the attack",
            **_share("base_robust", "n_base_robust / n_images"),
        },
        "Smoothed networks: the share of images that are certified against every change up to an "
        "L2 length, beside the share that resists an attack of this length.",
    ),
    ResultTable(
        "controls",
        "analysis.controls.controls",
        "table_controls",
        {
            **_RUN,
            **_CONTROL,
            "judge": "run of the network that classifies the images; of a corruption the same run",
            "n_images": "validation images that were changed",
            "n_attacked": "those of them that are right before the change, and measured",
            "n_patients": "patients of these images",
            "n_flipped": "those of them that are wrong after the change",
            "asr": "n_flipped / n_attacked",
            **_ENDS,
            **_WILSON,
            **_NO_INTERVAL,
            "l_inf": "largest change of a pixel of an image, the median over the n_images",
            "l_inf_low": "its 5 % quantile",
            "l_inf_high": "its 95 % quantile",
            "l2": "length of an image's change (L2), the median over the n_images",
            "l2_low": "its 5 % quantile",
            "l2_high": "its 95 % quantile",
        },
        "How often changes that are no attack on one image flip a right diagnosis: corruptions by "
        "severity, universal perturbations by epsilon; with the size of the change.",
    ),
    ResultTable(
        "control_doses",
        "analysis.control_doses.control_doses",
        "table_controls",
        {
            **_RUN,
            **_CONTROL,
            **_ATTACK,
            **_ITERATION,
            "n_attacked": "images that are right before, and that control and attack changed",
            "n_patients": "patients of these images",
            "n_flipped": "those of them that the control flips",
            "asr": "n_flipped / n_attacked",
            "dose": "epsilon at which the attack flips as many; if there is none, the nearest one "
            "that was measured",
            "bound": "exact; under: the attack flips more at its smallest epsilon, or the control "
            "nothing; over: the attack flips fewer at its largest epsilon",
            "dose_low": "lower end of the dose's 95 % interval, by patients; 0: under the smallest "
            "epsilon",
            "dose_high": "upper end; inf: over the largest epsilon",
            "reads": "the row as a sentence",
        },
        "The dose of each attack that flips as many right diagnoses as a control does.",
    ),
    ResultTable(
        "asr",
        "analysis.success.success_rates",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            **_ITERATION,
            "n_images": "validation images of the sample",
            "n_correct": "those of them that are right before the attack",
            **_ASR,
            **_WILSON,
            "n_wrong": "images that are wrong before the attack",
            "n_resisted": "attacked images that are still right",
            "n_unknown": "images with missing or non-finite logits, not counted as attacked",
            **_ANY,
            **_NO_INTERVAL,
        },
        "Attack success rate (ASR) of every attack on every network, by amplitude and iteration.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "confidence",
        "analysis.success.success_by_confidence",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            **_ITERATION,
            "bin_low": "lower end of the bin of clean confidence, in it",
            "bin_high": "upper end",
            **_ASR,
            **_WILSON,
            **_ANY,
            **_NO_INTERVAL,
        },
        "ASR by clean confidence, in the protocol's bins.",
    ),
    ResultTable(
        "confidence_fine",
        "analysis.success.success_by_fine_confidence",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            **_ITERATION,
            "bin_low": "lower end of the bin of clean confidence, in it",
            "bin_high": "upper end",
            **_ASR,
            **_WILSON,
            **_ANY,
            **_NO_INTERVAL,
        },
        "ASR by clean confidence in finer bins: under 0.9, then from 0.9, 0.95, 0.99 and 0.999.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "doses_reached",
        "analysis.doses_reached.doses_reached",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            "largest_change": "largest change of any attacked image, in the unit of epsilon",
            "reached": "whether epsilon is a dose; else it is a copy of a lower one and left out "
            "of rises, areas and medians",
        },
        "How far each attack went at each amplitude: one that no image ever reaches is no dose.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "storage",
        "analysis.storage.survival_of_storage",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            **_ATTACKED,
            "n_survived": "flips that are left when the image is rounded to 8 bits",
            "n_stored": "all flips of the rounded images, also those that rounding brings",
            "survival": "n_survived / n_flipped",
            **_ENDS,
        },
        "Flips that survive when the adversarial image is stored in 8 bits.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "other_labels",
        "analysis.other_labels.changes_of_other_labels",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            "n_attacked": "images that were right before the attack, and measured",
            "n_changed": "those of them of which another label than the audited one changes by the "
            "last iteration",
            "share": "n_changed / n_attacked",
            **_ENDS,
            "mean_changed": "mean number of other labels that change in an attacked image",
        },
        "What an attack on one label of a network with several labels does to the others, each "
        "taken as present over 0.5.",
        on_page=False,
        in_snakemake_report=False,
    ),
    ResultTable(
        "abstention",
        "analysis.abstention.under_attack",
        "measure",
        {
            **_RUN,
            "score": "what images are rejected by: confidence, margin or disagreement",
            "attack": "name of the attack in the study; empty for clean images",
            "epsilon": "amplitude, in units of the full intensity range [0, 1]; 0 for clean images",
            "iteration": "the operating iteration; 0 for clean images",
            "choice": "last: the iterate of this iteration; best: of the iterates up to it the one "
            "that is wrong and most certain; empty for clean images",
            "knows_detector": "yes: the attack goes on to raise the score of the wrong diagnosis; "
            "no: it does not; empty for clean images, and where that is unknown",
            "clean_rejected": "share of all clean validation images that the threshold may reject",
            "threshold": "images with a score under it are rejected (of disagreement, over it); "
            "empty where none is",
            "n_images": "images of the sample, right and wrong ones",
            "n_patients": "patients of these images; 0 if they are unknown",
            "n_rejected": "images that are rejected under this attack",
            "rejected": "n_rejected / n_images",
            "n_accepted": "all others",
            "n_wrong": "those of them with a wrong diagnosis",
            "error": "n_wrong / n_accepted",
            **_ENDS,
            **_WILSON,
            "n_flipped": "images that the attack flips",
            "n_caught": "those of them that are rejected",
            "caught": "n_caught / n_flipped",
            "caught_low": "lower end of its 95 % interval, by patients",
            "caught_high": "upper end",
            "aurc": "mean error of the k most certain images over all k, the same in all rows of a "
            "curve",
        },
        "Abstention: the error among accepted images over the share that is rejected, clean and "
        "under each attack, with thresholds that were chosen on clean images.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "transitions",
        "analysis.transitions.transitions",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            **_ITERATION,
            "class": "true class",
            "flipped_to": "predicted class; the same for images that resisted",
            "n": "images",
        },
        "Which class flips to which.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "harm",
        "analysis.harm.harm",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            "epsilon": "amplitude, in units of the full intensity range [0, 1]; 0: before the "
            "attack, of the same images",
            **_ITERATION,
            "error": "missed: a disease taken for norm; false_alarm: norm taken for a disease; "
            "asymmetry: missed less false_alarm; asymmetry_change: the same less that before the "
            "attack; C1->C2: images of C1 taken for C2; expected_harm: mean weight over all images",
            "class": "true class; empty: all classes that the error can be of",
            "n_images": "images of these classes in the attack's sample, also those that were "
            "wrong before the attack",
            "n_patients": "patients of these images, of an asymmetry those of the side with fewer; "
            "0 if they are unknown",
            "n": "images with the error; empty for an asymmetry",
            "rate": "n / n_images, the difference of two such shares, or the mean weight",
            **_ENDS,
            "wilson_low": "lower end of Wilson's 95 % interval, by images; of shares alone",
            "wilson_high": "upper end",
            "verdict": "of an asymmetry: which error is the more frequent, or undecided; empty for "
            "other rows",
            "norm_classes": "the classes without disease, joined by +; empty if they are unknown",
            "norm_from": "who tells them: study (`norm` names them) or where (guessed from the "
            "conditions of the classes)",
            "weights": "of expected_harm: study (the weights of `harm`; 1 for confusions left "
            "out), or equal (all are 1, so it is the error rate); empty for other rows",
        },
        "Missed disease, false alarms and every other confusion, before and after the attack, as "
        "shares of all images of the true class; and the expected harm of an image.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "doses",
        "analysis.dose_summary.dose_summary",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            "n_attacked": "images that were right before the attack, and measured",
            "n_patients": "patients of these images",
            "auc": "area under ASR over epsilon, from 0 to the largest that was reached, as a mean "
            "ASR",
            "auc_low": "lower end of its 95 % interval, by patients",
            "auc_high": "upper end",
            "median_epsilon": "median of the smallest epsilon that flips an image; inf if no dose "
            "flips half of them",
            "median_low": "lower end of its 95 % interval, by patients",
            "median_high": "upper end",
            "median_bound": "exact; at most: the smallest dose flips half of the images or more; "
            "over: no dose flips half of them",
            "n_at_smallest": "images that the smallest dose flips",
            "n_never": "images that no dose flips",
            "smallest_epsilon": "smallest epsilon that was reached",
            "largest_epsilon": "largest epsilon that was reached",
        },
        "Area under the dose-response curve, and the median of the smallest amplitude that flips "
        "an image.",
    ),
    ResultTable(
        "subgroups",
        "analysis.subgroups.success_of_subgroups",
        "measure",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            **_ITERATION,
            "by": "sex or age",
            "value": "the subgroup",
            **_ASR,
            "difference": "asr less that of all other images whose sex or age is known",
            "difference_low": "lower end of its 95 % interval, by patients",
            "difference_high": "upper end",
        },
        "ASR by sex and age, and the difference from the group's other images.",
    ),
    ResultTable(
        "worst_case",
        "analysis.worst_case.worst_case",
        "tables",
        {
            **_GROUP,
            **_EPSILON,
            "attacks": "the attacks that are bounded by epsilon, joined by +",
            "n_attacked": "images on which all of them were tried",
            "n_flipped": "those that any of them flips at a dose up to epsilon",
            "asr": "n_flipped / n_attacked",
            **_ENDS,
        },
        "Images that any of the attacks flips at a dose up to each amplitude.",
    ),
    ResultTable(
        "acceptance",
        "analysis.acceptance.judge_all",
        "acceptance",
        {
            **_RUN,
            **_ATTACK,
            **_EPSILON,
            "iteration": "the last iteration; flips at any iteration up to it count",
            "max_asr": "the limit",
            "confidence": "of each bound, one-sided",
            "n_attacked": "images that were right before the attack, and measured",
            "n_patients": "patients of these images; empty if they are unknown",
            "n_flipped": "images that are wrong at some iteration up to the last",
            "asr": "n_flipped / n_attacked",
            "low": "lower bound of the rate, by patients",
            "high": "upper bound",
            "n_unknown": "images with missing or non-finite logits; with any, no limit is kept",
            "verdict": "pass: high is at most max_asr; fail: low is over it; else undecided",
        },
        "Whether each network keeps the limits of the study's section `acceptance`.",
        on_page=False,
        in_snakemake_report=False,
    ),
    ResultTable(
        "defence",
        "analysis.defence.compare_all",
        "table_defence",
        {
            **_RUN,
            "defence": "how the network is defended, in words",
            "quantity": "overall: mean_asr under the attack that decides; asr: as in asr.csv; "
            "asr_common: of the images that both networks get right; robust_accuracy: share of the "
            "attack's sample that is right after it; mean_asr, mean_asr_common, "
            "mean_robust_accuracy: their means over the amplitudes that the attack reached on both "
            "networks; accuracy, ece, auc: on clean validation images; training_passes: passes of "
            "the training for each image and epoch, 1 for plain training",
            "attack": "name of the attack in the study; empty for clean images",
            "epsilon": "amplitude, in units of the full intensity range [0, 1]; empty for a mean "
            "over the amplitudes",
            "iteration": "operating iteration of the attack",
            "by": "class, sex or age; empty for all images",
            "value": "the class or the subgroup",
            "n_images": "images that count for either network; 0 where none do",
            "n_patients": "patients of these images; 0 if they are unknown",
            "undefended": "the quantity of the group's main network",
            "defended": "the quantity of the defended network",
            "difference": "defended - undefended",
            "ci_low": "lower end of its 95 % interval, by patients: both outcomes of an image are "
            "drawn together",
            "ci_high": "upper end",
            "verdict": "by the study's margins. Under attack: helps, does not help, undecided or "
            "not to be trusted; of accuracy: kept, lost or undecided; empty without an interval, "
            "for noise, and where there is no margin",
            "reason": "why a verdict is not to be trusted, or why there is none",
        },
        "What helps: each defended network of a group beside the group's main network, on the same "
        "images, with the interval of the difference.",
    ),
    ResultTable(
        "training_size",
        "analysis.training_sizes.training_size",
        "tables",
        {
            **_GROUP,
            **_ATTACK,
            "epsilon": "operating epsilon, the nearest one that the attack has",
            **_ITERATION,
            "size": "training images",
            "repeat": "repeat of the size, from 1",
            **_ACCURACY,
            **_ASR,
        },
        "ASR and accuracy by the number of training images: mean and spread over the trainings of "
        "one size.",
    ),
    ResultTable(
        "training_size_summary",
        "analysis.training_sizes.training_size_summary",
        "tables",
        {
            **_GROUP,
            **_ATTACK,
            "epsilon": "operating epsilon, the nearest one that the attack has",
            **_ITERATION,
            "size": "training images",
            "repeats": "trainings of this size",
            "asr": "mean attack success rate",
            "asr_sd": "its standard deviation over the repeats; empty for one",
            "accuracy": "mean accuracy",
            "accuracy_sd": "its standard deviation over the repeats; empty for one",
        },
        "ASR and accuracy by the number of training images, over the repeats of each size.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "conclusions",
        "analysis.conclusion_tables.conclude",
        "tables",
        {
            **_CONCLUSION,
            **_ATTACK,
            **_ESTIMATE,
            "verdict": "supported, contradicted or undecided",
            "scope": "of what the verdict is said, if the conclusion has several readings: the one "
            "that says most, of those that are decided",
            "paper": "what the paper found",
            "test": "how it is tested",
            "reason": "the numbers that the verdict rests on",
            "statistic": "what is estimated",
            "p": "two-sided p-value of the verdict, before the correction over the attacks",
            "p_adjusted": "the same after Holm's correction; a verdict needs at most 0.05",
            "n": "patients, groups or trainings that it rests on",
            "unit": "what n counts: patients, groups or trainings",
            "lacking": "how many more of them an undecided verdict lacks; inf if 1,000 times as "
            "many would not do; empty if it is decided, or lacks something else",
            "lacks": "the same in words, or what else is lacking; empty if it is decided",
            "applies": "whether the conclusion applies to the study",
            "unfit": "why it does not; empty if it does",
            "networks": "most trained networks of a group; with 1 the interval is for this one",
            "second": "a second statistic, which decides nothing; empty if there is none",
            "second_estimate": "value of the second statistic",
            "second_low": "lower end of its 95 % interval",
            "second_high": "upper end",
            "second_says": "what the second statistic says, in words",
        },
        "The paper's five conclusions, each tested under each attack: *supported*, *contradicted* "
        "or *undecided*, with the test, its estimate and the reason.",
    ),
    ResultTable(
        "trends",
        "analysis.conclusion_tables.conclude",
        "tables",
        {
            **_GROUP,
            **_ATTACK,
            **_CONCLUSION,
            "statistic": "what is estimated",
            **_ESTIMATE,
            "n_patients": "patients that it rests on",
            "state": "shows it, does not, can't be told, at the ceiling, not measured, under "
            "four patients or of unknown patients",
        },
        "What each group contributes to the conclusions 1, 3 and 4.",
    ),
    ResultTable(
        "confidence_ratio",
        "analysis.confidence_drop.ratios",
        "tables",
        {
            **_ATTACK,
            **_EPSILON,
            "iteration": "at the operating epsilon: flips up to this iteration; empty: at the "
            "operating iteration, flips at any dose up to epsilon",
            "n_over": "attacked images of a clean confidence of 0.95 and more, of groups with both",
            "n_flipped_over": "those of them that flip",
            "n_under": "attacked images of a lower confidence, of the same groups",
            "n_flipped_under": "those of them that flip",
            "ratio": "ASR over 0.95 / ASR under it, Mantel-Haenszel over the groups",
            **_ENDS,
            "state": "measured, at the ceiling or at the floor (no ratio), can't be told or not "
            "measured",
        },
        "ASR of confident images relative to the others, at every dose off the ceiling and the "
        "floor.",
        in_snakemake_report=False,
    ),
    ResultTable(
        "paper_claims",
        "analysis.paper_claims.paper_claims",
        "tables",
        {
            **_GROUP,
            **_CONCLUSION,
            **_ATTACK,
            "paper": "what the paper says of this group: yes, no, or not said",
            "state": "what this study says, as in trends",
            "agrees": "yes, no or open",
        },
        "The paper's claims group by group (grows with epsilon, reaches its limit, drops over "
        "0.95) beside what this study finds.",
        in_snakemake_report=False,
    ),
]

#: By name, in the order of the results tree.
RESULT_TABLES: Mapping[str, ResultTable] = {table.name: table for table in _TABLES}

#: The columns of a run's measures that are not a result table: each attacked image.
IMAGES = [
    *_RUN,
    *_ATTACK,
    *("member", "patient", "confidence", "smallest_level", "smallest_epsilon"),
    *("first_iteration", "operating_first"),
]


def tables_of(rule: str) -> list[str]:
    """The names of the tables that a rule makes."""
    return [name for name, table in RESULT_TABLES.items() if table.rule == rule]


def columns_of(*rules: str) -> dict[str, list[str]]:
    """The columns of each table that these rules make: what a rule passes to its job."""
    return {name: list(RESULT_TABLES[name].columns) for rule in rules for name in tables_of(rule)}


def captions() -> dict[str, str]:
    """The files of captions in workflow/report/ by name, and their text."""
    return {
        f"{name}.rst": f"{table.caption}\n"
        for name, table in RESULT_TABLES.items()
        if table.in_snakemake_report
    }


if __name__ == "__main__":
    for file, text in captions().items():
        (CAPTION_FOLDER / file).write_text(text, encoding="utf-8")
