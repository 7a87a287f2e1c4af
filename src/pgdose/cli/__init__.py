"""The commands of `pgdose`: one module a command.

main      the command line
commands  the registry of commands; a new one is added here
options   the options of each
workflow  `run`: starts Snakemake with this installation's Snakefile
init      a study file with comments, for each kind of data
audit     the dose-response of a network that exists: writes a study and carries it out
where     the file that a record was read from
evidence  a record's report, and the words that made each label
disagreements  a page of the reports that a person labels otherwise
label     what the labeller reads in reports, and why
words     the words for classes in a study's files, and the class of each
verify    whether all results are there and as they were written; signs them
demo      a small study of the synthetic hospital, from its images to its page
check     whether a study file is in order, before Snakemake reads it
doctor    what of the machine and the installation is missing or slow
gate      holds results to a limit
cite      how to cite pgdose and the results of a study
share     a small folder to give away, without private data
pool      an atlas of what several studies shared
schema    the JSON schema of a study file
migrate   rewrites an older study file

init_kinds       the kinds of data that `init` has a file for
job_counts       the jobs that a study has left, by rule
expectation      the hours and bytes that they will take
network_work     what a study's networks take, by kinds of work
step_seconds     times the study's networks on this machine
installation     what this installation requires
labelled_images  the images of an audit, and the label of each
audit_classes    its classes, in the order of the network's outputs
audit_study      the text of its study file
outcome_lines    the main numbers of a finished study

report_files  the reports that `label` is given
label_lines   explained reports as lines of a terminal
start_options  what Snakemake would not refuse at its start, for the Snakefile
configfiles   is no command: the profiles call it before Snakemake reads the files of --configfile
kubernetes_volume  is no command: profiles/kubernetes fits Snakemake's plugin to a shared folder
"""
