"""The folder from which a killed training or attack resumes: work/<rule>-<digest>.

Rules train, attack, transfer and certify keep their state there, and remove the folder when they
are done. `training.loop` writes the state of a training after each epoch (`training.state`),
`checkpoints` the finished batches of an attack (scripts attack.py, transfer.py and certify.py).
"""

import hashlib
import json
from pathlib import Path

from pgdose.tables.output_files import file_digest


def work_folder(snakemake, *small_inputs, device):
    """work/<rule>-<digest>: another study, code, input or device has another folder.

    The digest covers the params, the size and date of every input, the contents of the
    `small_inputs`, and the device's type.
    """
    params = {k: v for k, v in snakemake.params.items() if k != "results"}
    stamps = [(Path(f).stat().st_size, Path(f).stat().st_mtime_ns) for f in snakemake.input]
    identity = [snakemake.rule, dict(snakemake.wildcards.items()), params, stamps, device.type]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode())
    digest.update(file_digest(*small_inputs).encode())
    return Path("work", f"{snakemake.rule}-{digest.hexdigest()[:24]}")
