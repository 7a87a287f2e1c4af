"""Surfaces in, measures with confidence intervals out. Knows no networks.

In reading order:

    table_registry     every result table: columns, captions, who makes it
    result_files       how tables and measures are written and read, with their format version
    settings           the operating point, the definition of success, the bootstrap

    outcomes           what became of each attacked image: every measure of an attack starts here
    bootstrap          draws of patients
    intervals          intervals from the draws, and Wilson's
    success            attack success rates, with `confidence_bins`
    dose_summary       area under the dose-response curve, median of the smallest flipping dose
    subgroups          success by sex and age
    storage            flips that survive 8 bits
    other_labels       what an attack on one label does to the others
    transitions        which class flips to which
    measures           the tables of one run, gathered from those above

    operating_point    at which epsilon and iteration attacks are compared
    worst_case         images that any of the attacks flips
    training_sizes     success and accuracy by the number of training images
    study_tables       the tables over all runs: the two above and the conclusions

    conclusion_draws   what the conclusions need of each attack on each run
    verdicts           what makes a verdict: margins, trends
    conclusions        the five tests
    conclusion_tables  the tables conclusions and trends

    quality            accuracy, calibration, confusion on clean images, with `roc`
    output_order       which class each output of a network seems to be
    network_checks     whether attacks on a network mean anything
    network_tables     the tables of all networks
    table1             Table 1
    transfer           attacks on one network, judged by another

    source_counts      what each source held
    slide_outcomes     what became of each slide
    agreement          the labeller beside a person
    examples           which images the figures show and `export` writes
"""
