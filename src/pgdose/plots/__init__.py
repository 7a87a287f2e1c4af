"""Measures in, figures out. Knows nothing of networks, sources or Snakemake.

In reading order:

    style          how every figure looks and is saved; every colour
    axes           what the printed and the page's interactive curves share
    rows           which rows of a result table are shown

    curve_rows     the rows of Figs. 3a to 3d, saved beside each figure
    panels         their panels: the grid, rates with intervals
    curves         Figs. 3a and 3b: success over amplitude and over iterations
    confidence     Fig. 3c: success over clean confidence
    training_size  Fig. 3d: success and accuracy over the number of training images
    certified      certified accuracy of smoothed networks over the radius
    harm           missed disease, false alarms and expected harm over amplitude
    control_rows   the rows of the figure of controls
    controls       success over the size of the change: attacks and controls

    defence        what helps: defended networks beside the main one
    abstention     error among accepted images over the share that is rejected

    examples       Figs. 1 and 2: adversarial images beside their originals
    heatmap        a group's response surface
    dose_response  the curve of one network under one attack, for a notebook
    network        a group's network: training, confusion, reliability
    universal      perturbations of all images of a group, magnified
    forest         the studies of an atlas and what is pooled of them

    sheet_samples  which images a person checks on the sheets
    framed_text    those with burned-in text, for their owner alone
    sheets         the sheets: contact sheets, the aorta's windows, slides with their tiles

workflow/rules/figures.smk says what a new figure needs.
"""
