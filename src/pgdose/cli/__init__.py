"""The commands of `pgdose`: one module a command, and the parser in `main`.

main      the parser of the command line; a new command is added here
where     the file that a record was read from
evidence  a record's report, and the words that made each label
words     the words for classes in a study's files, and the class of each
verify    whether all results are there and as they were written; signs them
check     whether a study file is in order, before Snakemake reads it
schema    the JSON schema of a study file
migrate   rewrites an older study file

configfiles  is no command: the profiles call it before Snakemake reads the files of --configfile
"""
