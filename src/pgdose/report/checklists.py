"""Reporting checklists, and where the results of a study answer each item.

CLAIM: Tejani et al. 2024, Checklist for Artificial Intelligence in Medical Imaging, 44 items.
STARD: Bossuyt et al. 2015, 30 items (34 with their halves), which STARD-AI (Sounderajah et al.
2025) keeps and adds to. Items are in our words: fill in the published form, not this list.
"""

from collections.abc import Collection
from dataclasses import dataclass

HERE, IN_PART, YOU = "here", "in part", "you"
FIRST = "first"  # the lines before the sections
# What an item may need; without it the page cannot answer.
LIMIT = "limit"  # declared in the study
AGREEMENT = "agreement"  # of the labeller with labels by hand
TABLES = ("confusion", "demographics", "doses", "subgroups")  # that have rows


@dataclass(frozen=True)
class Item:
    """An item of a checklist.

    answered: by these results, by them in part, or by whoever hands them in
    section:  of the evidence page, where these results answer; empty for `you`
    add:      what is to be added
    needs:    LIMIT, AGREEMENT or one of TABLES: a study without it does not answer
    """

    number: str
    asks: str
    answered: str
    section: str = ""
    add: str = ""
    needs: str = ""

    def answered_with(self, shown: Collection[str]) -> str:
        """Who answers, where the page shows this of what items may need."""
        return YOU if self.needs and self.needs not in shown else self.answered


CLAIM = (
    Item("1", "Title or abstract names the AI method", YOU, add="this is a study of robustness"),
    Item("2", "Structured summary", IN_PART, "first", "your own wording"),
    Item("3", "Background, intended use and role", YOU, add="what the classifier is for"),
    Item(
        "4", "Aims and hypotheses", IN_PART, "limits", "your aims; why and when this limit", LIMIT
    ),
    Item("5", "Prospective or retrospective", YOU, add="how the images came about"),
    Item("6", "Goal of the study", IN_PART, "threat", "the goal of your study"),
    Item("7", "Sources of the data", IN_PART, "data", "names and dates of the sources"),
    Item("8", "Inclusion and exclusion", IN_PART, "data", "whom your archive holds"),
    Item("9", "Preprocessing", IN_PART, "made", "what was done before the images were handed in"),
    Item("10", "Selection of subsets", HERE, "made"),
    Item("11", "De-identification", YOU, add="what your site does"),
    Item("12", "Missing data", IN_PART, "data", "what your records lack"),
    Item("13", "How images were acquired", YOU, add="devices and protocols"),
    Item("14", "Definition of the reference standard", IN_PART, "data", "what a label means"),
    Item("15", "Why this reference standard", YOU, add="reasons"),
    Item("16", "Who annotated", YOU, add="readers, or that labels come from reports"),
    Item("17", "Annotation of the test set", IN_PART, "data", "who set the labels", AGREEMENT),
    Item("18", "Agreement between readers", YOU, add="if several read the same images"),
    Item("19", "How images were divided", HERE, "data"),
    Item("20", "Parts are disjoint by", HERE, "data"),
    Item("21", "Intended sample size", IN_PART, "limits", "the size you planned, and why", LIMIT),
    Item("22", "The model", IN_PART, "made", "of a network that you brought: its description"),
    Item("23", "Software", HERE, "made"),
    Item("24", "Initial weights", YOU, add="random, unless your study gives training.weights"),
    Item("25", "Training", IN_PART, "made", "of a network that you brought"),
    Item("26", "How the final model was chosen", IN_PART, "made", "of a network that you brought"),
    Item("27", "Ensembles", IN_PART, "made", "of a network that you brought"),
    Item("28", "Metrics", HERE, "accuracy"),
    Item("29", "Uncertainty and significance", HERE, "accuracy"),
    Item("30", "Robustness or sensitivity analysis", HERE, "doses", "one that you made", "doses"),
    Item("31", "Explainability", YOU, add="none is made here"),
    Item("32", "Evaluation on internal data", HERE, "accuracy"),
    Item("33", "Testing on external data", YOU, add="whether the images are from elsewhere"),
    Item("34", "Registration of a trial", YOU, add="number, or that it is none"),
    Item("35", "Numbers included and excluded", HERE, "data"),
    Item("36", "Demography of each part", IN_PART, "data", "what is not shown", "demographics"),
    Item("37", "Performance with uncertainty", HERE, "accuracy"),
    Item("38", "Diagnostic performance and its precision", HERE, "accuracy"),
    Item("39", "Analysis of failures", IN_PART, "accuracy", "a reader's look at wrong images"),
    Item("40", "Limitations", IN_PART, "not-tested", "those of your data and labels"),
    Item("41", "Implications for practice", YOU, add="what follows for your use"),
    Item("42", "Full protocol", HERE, "made"),
    Item("43", "Availability of software, model and data", IN_PART, "made", "of model and data"),
    Item("44", "Funding", YOU, add="sources, and their role"),
)

STARD = (
    Item("1", "Title or abstract names a measure of accuracy", YOU, add="this is on robustness"),
    Item("2", "Structured abstract", IN_PART, "first", "your own wording"),
    Item("3", "Background, intended use and clinical role", YOU, add="what the test is for"),
    Item(
        "4",
        "Objectives and hypotheses",
        IN_PART,
        "limits",
        "your aims; why and when this limit",
        LIMIT,
    ),
    Item("5", "Data collection before or after the test", YOU, add="how the images came about"),
    Item("6", "Eligibility", IN_PART, "data", "whom your archive holds"),
    Item("7", "How participants were identified", YOU, add="symptoms, referrals, registry"),
    Item("8", "Where and when", YOU, add="setting, place, dates"),
    Item("9", "Consecutive, random or convenience series", IN_PART, "data", "of your archive"),
    Item("10a", "Index test", IN_PART, "made", "of a network that you brought"),
    Item("10b", "Reference standard", IN_PART, "data", "what a label means"),
    Item("11", "Why this reference standard", YOU, add="reasons"),
    Item("12a", "Cut-offs", IN_PART, "accuracy", "a threshold, if not the largest probability"),
    Item("12b", "Cut-offs of the reference standard", YOU, add="if there are any"),
    Item("13a", "What those who did the index test knew", YOU, add="of readers, if there are any"),
    Item("13b", "What those who set the reference standard knew", YOU, add="of your readers"),
    Item("14", "How accuracy was estimated", HERE, "accuracy"),
    Item("15", "Indeterminate results", YOU, add="of the test and of the labels"),
    Item("16", "Missing data", IN_PART, "data", "what your records lack"),
    Item("17", "Variability", IN_PART, "subgroups", "accuracy by subgroup", "subgroups"),
    Item("18", "Intended sample size", YOU, add="the size that you planned, and why"),
    Item("19", "Flow of participants", IN_PART, "data", "the diagram: in report.html, by group"),
    Item("20", "Characteristics", IN_PART, "data", "clinical characteristics", "demographics"),
    Item("21a", "Severity of disease", YOU, add="its distribution"),
    Item("21b", "Other diagnoses of those without it", YOU, add="their distribution"),
    Item("22", "Time between test and reference standard", YOU, add="interval and treatment"),
    Item("23", "Cross tabulation", HERE, "accuracy", "the table", "confusion"),
    Item("24", "Estimates and their precision", HERE, "accuracy"),
    Item("25", "Adverse events", YOU, add="none is possible here; say so"),
    Item("26", "Limitations", IN_PART, "not-tested", "those of your data and labels"),
    Item("27", "Implications for practice", YOU, add="what follows for your use"),
    Item("28", "Registration", YOU, add="number and registry"),
    Item("29", "Full protocol", IN_PART, "made", "where yours can be read"),
    Item("30", "Funding", YOU, add="sources, and their role"),
)
# What STARD-AI asks besides; it numbers its items in its own way.
STARD_AI = (
    Item("", "Ethics, consent or waiver", YOU, add="decision of your board"),
    Item("", "Origin, annotation and de-identification of data", IN_PART, "data", "at your site"),
    Item("", "Division into training, tuning and test", HERE, "data"),
    Item("", "Preprocessing of inputs", IN_PART, "made", "before images were handed in"),
    Item("", "Version of the index test, and what it runs on", IN_PART, "made", "in your clinic"),
    Item("", "Fairness", IN_PART, "subgroups", "accuracy by group of patients", "subgroups"),
    Item("", "Test data from elsewhere than training data", YOU, add="whether they are"),
    Item("", "Inputs that are poor or were changed", IN_PART, "doses", "poor ones", "doses"),
    Item("", "Human oversight and place in the workflow", YOU, add="who decides, on what"),
    Item("", "Commercial interests", YOU, add="of all who took part"),
    Item("", "Availability of code, model and data; audits", IN_PART, "made", "of model and data"),
)
