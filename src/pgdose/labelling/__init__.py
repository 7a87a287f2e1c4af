"""Labels from free-text radiological reports: lexicons, clauses, reports, tables of reports."""
