"""What a person sees while Snakemake carries out a study: one line a job, and how long is left.

In reading order:

    handler     stands before Snakemake's own log handler and writes the lines
    plan        Snakemake's plan, and the seconds of an earlier run
    estimate    the time left: seconds expected of each job, and the rest of the run played through
    lines       words and columns
    clock       what to say where files lie in the future
"""
