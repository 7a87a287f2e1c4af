import time
from pathlib import Path

import pandas as pd
from job import job, settings
from listing import list_slides, of_shard

from pgdose.errors import Rejected
from pgdose.histology import slides
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, result_csv
from pgdose.tables.slide_schemas import CANDIDATES, SLIDES

with job(snakemake) as log:
    wanted, root = settings(snakemake.params), Path(snakemake.params.root)
    listed, _, _ = list_slides(snakemake, wanted["columns"])
    tiles, states, seconds, seen = [], [], [], []
    for row in log_progress(of_shard(listed, snakemake), log, "slides"):
        start = time.perf_counter()
        now = private_paths.stat_file(row["path"])  # before anything is read of it
        seen.append({"record_id": row["record_id"], **now._asdict()})
        state = {"record_id": row["record_id"], "patient": row["patient_id"]}
        try:
            found = slides.look(row, root, wanted)
            tiles.append(slides.candidates(found, row["record_id"], snakemake.params.seed))
            state |= found.state
        except Rejected as r:
            log.info("%s: %s, %s", row["record_id"], r.reason, r.detail)
            state |= {"reason": r.reason, "detail": r.detail}
        states.append(state)
        seconds.append((row["record_id"], round(time.perf_counter() - start, 3)))
    found = pd.concat(tiles) if tiles else pd.DataFrame(columns=CANDIDATES.names)
    log.info("%d slides, %d candidates", len(states), len(found))
    parquet.write_table(found, snakemake.output.candidates, CANDIDATES)
    parquet.write_table(pd.DataFrame(states), snakemake.output.slides, SLIDES)
    private_paths.write_paths(seen, snakemake.output.seen)
    timed = pd.DataFrame(seconds, columns=["record_id", "seconds"])
    result_csv.write_csv(timed, snakemake.output.seconds)
