"""Tables that people made: read as meant, or refused with the line; what was guessed is noted.

The way of a table, from its file to the rows of a source:

source_tables  the tables that a study names
formats        CSV, Excel or Parquet; encoding, separator, header and columns
header_words   the names of columns that a message may show
reader         the one reader: all cells as text, each row with its line
csv_rows       rows of CSV, strictly
excel_rows     rows of Excel
parquet_rows   rows of Parquet
source_rows    the files and patients of the rows
file_names     files that a table spells otherwise than the disk
layouts        what the folders and names of files say
identifiers    one spelling for one patient, and never one for two
odd_marks      what programs leave in cells: marks of no width, words for nothing
cells          how many cells of a column were understood, and which were not
sex_cells      sexes
label_cells    labels: words of one column, or a column for each finding
repeated_rows  several rows of one image: what they say together
notes          what was guessed or not understood, for log, table and page
"""
