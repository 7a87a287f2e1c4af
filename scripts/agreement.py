from pathlib import Path

from job import job, settings

from pgdose.analysis import agreement
from pgdose.tables import parquet, result_csv
from pgdose.user_tables import source_tables

with job(snakemake) as log:
    source, inputs, output = snakemake.wildcards.source, snakemake.input, snakemake.output
    labeller = agreement.labeller_states(
        parquet.read_table(inputs.labels), parquet.read_table(inputs.mentions)
    )
    if by_hand := settings(snakemake.params, "hand_labels"):
        field = f"sources.{source}.reports.hand_labels"
        table = source_tables.hand_label_table(Path(inputs.hand), source, by_hand)
        hand = agreement.hand_states(table, list(labeller))
    else:
        field = f"sources.{source}.label_table"
        hand = agreement.film_states(parquet.read_table(inputs.hand))
    n_by_hand = len(hand)
    labeller, hand = agreement.reports_of_both(labeller, hand, field)
    log.info(
        "%s: %d reports labelled by hand, %d of them in its table of reports",
        source,
        n_by_hand,
        len(hand),
    )
    measured = agreement.measure_agreement(labeller, hand, seed=snakemake.params.seed)
    result_csv.write_csv(measured, output.agreement)
    result_csv.write_csv(agreement.label_confusion(labeller, hand), output.confusion)
    errors = agreement.label_errors(labeller, hand)
    headers = parquet.read_tables(inputs.headers, ["record_id", "link"])
    result_csv.write_csv(agreement.errors_by_record(errors, headers), output.errors)
