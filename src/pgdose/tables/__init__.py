"""Tables on disk: schemas by stage, reading and writing, keyed ids and draws, private paths.

parquet            Parquet tables: written atomically with checksums, read back checked
result_csv         CSV tables of results
output_files       files that appear whole or not at all; digests of files
person_fields      ages, sexes and view positions as people write them
source_files       files below a source's root folder
packed_files       archives such as ZIP, known by their first bytes
source_index       what indexing a source produces
rejects            files and records that the study cannot use, with the reason
label_columns      the columns of labels, in records and in reports
report_schemas     schemas of labels, mentions and conflicts
record_schemas     schemas of records and of DICOM headers
pacs_schemas       schemas of what a PACS listed, and of what came of it
slide_schemas      schemas of slides and of their candidates
screening_schemas  schema of the screened images
cohort_schemas     schemas of a group's members
network_schemas    schemas about a network
control_schemas    schema of images that controls have changed
clean_logits       clean.parquet: logits of a run's clean validation images
reached_doses      which amplitudes of an attack are doses
descriptions       meaning of each column of these tables, for the page of results
column_values      type, unit and range of a column, for the same page
sharding           which rows belong to which shard
site_key           the secret key of a site's ids, and its fingerprint in tables
key_traces         tables of ids, and what they say of the key that made them
keyed              opaque ids, and random draws keyed by (seed, purpose, record_id)
private_paths      which file a record_id stands for
"""
