"""Results of many studies: what one gives away, and what several say together.

scales         a rate, its effective number of images, and the scale on which rates are pooled
shared_study   the folder that a study gives away: its files, writing and reading them checked
shared_schema  what its files may hold
shared_rise    the rise over epsilon of rates as they are shared
sharing        from a results folder to what is given away
meta_analysis  random effects over studies, and meta-regression
comparability  which attacks of several studies are the same, and what differs in others
same_study     whether two shares are of one study
pooling        from shared studies to the tables of an atlas

Nothing here reads a record, an image or a network.
"""
