"""Labels from free-text radiological reports.

clauses           what a clause says of each finding; follows one sentence through the labeller
segments          a report cut into words, sentences, clauses and sections
spelling          one spelling for the words of reports and lexicons
lexicon_file      reading a lexicon file: its sections
entry_texts       what a person writes as one entry of a lexicon
norm_phrases      the whole reports that the norm phrases of a lexicon stand for
norm_statements   reports that are norm because all their statements are unremarkable
entry_overlaps    entries that stand twice, contradict or cover each other
lexicon_mistakes  all mistakes and warnings of a lexicon file, each with its line
lexicon           a lexicon in memory
entries           the patterns of a lexicon, and how they match
vocabulary        which entries a word of a report belongs to
hits              where entries match in a clause, and which of the matches count
cue_scope         which findings a denial or doubt is about
reports           the labels of one report
report_tables     the labels of a table of reports
plain_text        a report without the marks of HTML, RTF and escaped line breaks
html_text         the text in HTML or XML
rtf_text          the text in RTF
report_looks      signs that an export spoiled a table of reports
explanations      why a report has its labels, and is norm or not
marked_text       a text cut where mentions and cues begin and end
lexicon_rules     what stands in a lexicon file at the rule of a mention
conflicts         reports with a norm phrase and a finding
"""
