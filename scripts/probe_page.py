import json
from pathlib import Path

from job import job

from pgdose.report.probe_page import write_probe_page

with job(snakemake):
    findings = json.loads(Path(snakemake.input.findings).read_text())
    write_probe_page(snakemake.output[0], findings)
