"""Surfaces in, measures with confidence intervals out. Knows no networks.

In reading order:

    table_registry     every result table: columns, captions, who makes it
    result_files       how tables and measures are written and read, with their format version
    settings           the operating point, the definition of success, the bootstrap

    outcomes           what became of each attacked image: every measure of an attack starts here
    bootstrap          draws of patients, and how many patients a number rests on
    intervals          intervals from the draws, and Wilson's
    success            attack success rates, with `confidence_bins`
    doses_reached      how far the attack went at each epsilon
    dose_summary       area under the dose-response curve, median of the smallest flipping dose
    needed_dose        the dose that each image needs, by clean confidence
    subgroups          success by sex and age
    demographics       sex and age of each part, without small numbers
    storage            flips that survive 8 bits
    other_labels       what an attack on one label does to the others
    transitions        which class flips to which
    decisions          what the network decides for every image, attacked or not
    harm               missed disease, false alarms and expected harm
    abstention         error among accepted images, with `abstention_scores` and
                       with `abstention_curves`
    measures           the tables of one run, gathered from those above

    study_description  study.json: the settings, for programs
    result_values      type, unit and range of each column, for the reference
    operating_point    at which epsilon and iteration attacks are compared
    worst_case         images that any of the attacks flips
    acceptance         whether success is under a limit
    training_sizes     success and accuracy by the number of training images
    study_tables       the tables over all runs: the two above and the conclusions

    conclusion_draws     what the conclusions need of each attack on each run
    group_draws          the networks and the patients of a group
    contrasts            rises and growths of several groups, p-values of their means
    verdicts             what makes a verdict: margins, scopes, what is lacking
    most_groups          partial conjunction tests of more than half of the groups; Holm
    conclusions          conclusions 1 and 3, about most groups
    size_slopes          slopes over the training-set size, and their mean
    network_conclusions  conclusions 2 and 5, which compare networks
    confidence_drop      4, about clean confidence
    paper_claims         the paper's claims group by group
    conclusion_tables    the tables of the conclusions

    quality            accuracy, calibration, confusion on clean images, with `roc`
    output_order       which class each output of a network seems to be
    network_checks     whether attacks on a network mean anything
    network_tables     the tables of all networks
    table1             Table 1
    transfer           attacks on one network, judged by another
    certificates       the certified radius of each image, of a smoothed network
    certified          certified accuracy over the radius, beside L2 attacks
    controls           corruptions and universal perturbations, as often as they flip a diagnosis
    control_doses      the dose of an attack that flips as many

    paired             differences of two networks on the same images
    defence_verdicts   whether a defence helps, and which failed checks forbid to say so
    attacked_pair      both networks under one attack
    clean_pair         both networks on clean images
    defence            the table defence: each defended network beside its group's main one
    network_disagreement  abstention where the networks of a group disagree

    source_counts      what each source held
    slide_outcomes     what became of each slide
    agreement          the labeller beside a person
    examples           which images the figures show and `export` writes
"""
