"""`pgdose verify RESULTS`: whether image stores, tables and networks are as they were written."""

from pathlib import Path

from pgdose import tensor_files
from pgdose.errors import UserError
from pgdose.images import stores
from pgdose.tables import parquet


def verify(results: Path) -> list[str]:
    """A line with the number of files; UserError with a line for each damaged one."""
    checks = {".npy": _check_store, ".parquet": _check_table, ".safetensors": tensor_files.load}
    files = sorted(path for path in results.rglob("[!.]*") if path.suffix in checks)
    if not files:
        raise UserError(
            f"no image stores, tables or networks below {results}; "
            "give the results folder of a study"
        )
    lines = []
    for path in files:
        try:
            checks[path.suffix](path)
        except UserError as error:
            lines.append(f"{error}; delete it and make it again with `snakemake {path}`")
    if lines:
        raise UserError("\n".join([f"{len(lines)} of {len(files)} files are damaged:", *lines]))
    return [f"{len(files)} image stores, tables and networks are as they were written"]


def _check_table(path: Path) -> None:
    parquet.read_metadata(path)
    parquet.read_parquet(path)


def _check_store(path: Path) -> None:
    stores.Store(path).check()
