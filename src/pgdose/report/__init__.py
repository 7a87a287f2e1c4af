"""Tables and figures in, the HTML page of a study out.

In reading order:

    page          the page as a whole
    templates     the templates of the pages, in page_files/
    data          what the page is made from
    collect       checks, devices, rejects and agreement, from the files of results
    provenance    versions, machine, time and memory

    wording       numbers and names as a reader sees them
    table_model   a table of the page, its headings and cells
    tables        cells from the rows of result tables
    images        pictures as data URIs
    captions      titles and captions of the figures, also for Snakemake's report

    headline      the finding in one sentence, and what is synthetic
    summary       the results in sentences
    conclusions   the matrix of verdicts, and each test
    interactive   the curves to hover over
    figures       those curves, and the printed figures
    study_tables  the tables over all groups
    harm          missed disease, false alarms and expected harm
    networks      groups with several networks, and transfer
    certificates  certified accuracy of their smoothed networks
    controls      what else flips diagnoses: corruptions and universal perturbations
    defences      what helps: defended networks beside the main one
    groups        the section of each group
    flow          the images of a group, from those found to those attacked
    cohorts       what was left out of each class, and images that look the same
    label_page    no part of it: a page of report texts, for tuning a lexicon
    probe_page    no part of it: a page for each network from elsewhere
    limitations   what a study cannot say
    appendix      what the results rest on: checks, sources, rejects, settings, machines

    evidence_page  no part of it: the page for a regulator's or a reviewer's file
    checklists     its reporting checklists, and what answers each item
    crate          the results as a research object crate
    atlas_page     the page of several studies together
"""
