"""The study file: pydantic models of its sections, and the messages of their validation.

A key is in the module of its section, with its description below it:

study         the whole file, sections `split` and `privacy`; the workflow's questions to a study
sources       section `sources`; what a new kind of source touches
pacs          keys `server`, `find` and `fetch` of a source of kind `pacs`
groups        section `groups`
classes       keys `classes` (with `where`) and `image` of a group
image_size    sizes of images: a square's side, or height and width
augmentation  key `augment` of groups and of training
training      section `training`, and the architectures
repeated_training  its key `repeats`
adversarial_training  its key `adversarial`
networks      keys `network` and `networks` of a group
defended_networks  entries of `networks` that are made of others: defences and ensembles
defence_words  what tables call a defence, and how many passes its training takes
network_kinds  files of networks that are not read, and how to bring each
network_content  what a network's file is, by its first bytes
onnx_locations  files beside an ONNX model that hold its weights, which are inputs too
attacks       section `attacks`
controls      section `controls`: corruptions and universal perturbations
detectors     which attacks know a detector of low scores
doses         an attack's amplitudes (epsilon) and iterations
acceptance    section `acceptance`
evaluation    sections `checks`, `training_size`, `operating_points` and `measures`
phantom       section `phantom`, the synthetic hospital
runs          the runs of a group: one network each, and the attacks on it
attack_jobs   which attacks share a process
amplitudes    epsilons and other amplitudes, which may be divisions such as 8/255
class_titles  what a reader calls the classes of a group
harm          which classes are without disease, and what each confusion weighs
words         words of people's tables
class_patterns  which class a word stands for, by the words that the study lists
descriptions  the parts of a key's description: meaning, unit, condition, reruns
base          the base model and markers (`JOB_ONLY`, `UsedBy`) that all sections share
field_types   types of fields whose values need a check of their own
table_files   how tables that people made are named
modality_codes  codes of the DICOM attribute Modality
content_limits  how much a study, or another YAML file, may hold; the one reader of YAML
yaml_slips    sentences for what is wrong with a text of YAML
yaml_file     reading a YAML file that a person wrote
study_file    reading the file of a study, before Snakemake does
field_lines   the lines on which fields stand in their files
parsing       `parse`: from the content of a study file to a `Study`
places        where a study may write
cross_checks  mistakes between sections
control_checks  those of section `controls`
warnings      what a study may say, but hardly means
suggestions   words for messages: the nearest name, and what may stand there
messages      mistakes within a section: pydantic's errors as lines
error_texts   the words of these errors
sections      one section from a plain mapping, outside of a study file
error_locations  the keys of the file that the location of such an error stands for
unknown_keys  what to do about a key that its section does not have
value_hints   what to write in place of a value of the wrong type
versions      the format's version: a renamed key is a step here
migration     `pgdose migrate`: the text of an older file, rewritten

After a change of keys: `pgdose schema > workflow/schemas/study.schema.json`, and `make reference`,
which writes docs/reference/study-keys.md.
"""
