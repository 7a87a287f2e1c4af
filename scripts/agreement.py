from pathlib import Path

from job import job

from pgdose.analysis import agreement
from pgdose.errors import UserError
from pgdose.tables import parquet, result_csv

with job(snakemake) as log:
    source, given, output = snakemake.wildcards.source, snakemake.input, snakemake.output
    labels = parquet.read_table(given.labels).set_index("report")
    links = labels.pop("link")
    found = agreement.found_states(labels, parquet.read_table(given.mentions)).set_index(links)
    field = f"sources.{source}.reports.hand_labels"
    hand = agreement.read_hand_labels(Path(given.hand), snakemake.params.id, list(found), field)
    known = hand.index.intersection(found.index)
    log.info("%s: %d reports labelled by hand, %d of them found", source, len(hand), len(known))
    if known.empty:
        raise UserError(f"{field}: not one of its {len(hand)} ids is that of a report")
    found, hand = found.loc[known], hand.loc[known]
    measured = agreement.agreement(found, hand, seed=snakemake.params.seed)
    result_csv.write_csv(measured, output.agreement)
    result_csv.write_csv(agreement.confusion(found, hand), output.confusion)
    # Accession numbers end here: films have opaque ids.
    headers = parquet.read_tables(given.headers, ["record_id", "link"])
    films = headers.dropna().drop_duplicates("link").set_index("link")["record_id"]
    wrong = agreement.errors(found, hand)
    wrong.insert(0, "record_id", wrong.pop("id").map(films))
    result_csv.write_csv(wrong, output.errors)
