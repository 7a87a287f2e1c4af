"""Generates the pages of docs/reference from registries, models, docstrings and the command line.

    make reference                       # write every page
    python -m pgdose.reference --check   # name the pages that are not up to date; exit status 1

pages      every page, by its path below the project's root
markdown   tables, headings and links

One module per page or group of pages. Each has a function `pages()` that returns {path: text}; to
add one, write the module and name it in `pages.MODULES`:

commands   docs/reference/commands.md: every command and option of `pgdose`
study_keys docs/reference/study-keys.md: every key of the study file
results    docs/reference/results.md: every result file, and every column of its tables
shared_results  docs/reference/shared-results.md: what is shared, and the tables of an atlas
attacks    docs/reference/attacks.md: steps, losses, norms, controls, attacks of other libraries
checks     docs/reference/checks.md: every check of attacks, networks and cohorts; `check_texts`
reasons    docs/reference/rejection-reasons.md: every reason code; `rejection_advice`
api        docs/reference/api.md: everything that the docs import from pgdose

No job of the workflow imports this package, so that a change of a page reruns nothing.
"""
