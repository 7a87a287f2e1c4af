"""`pgdose verify RESULTS`: whether the results of a study are as they were written.

With a manifest every file is compared with it. Image stores, tables and networks have checksums of
their own besides, which were written with them: those also tell what was damaged before there was
a manifest, and are all that there is in a study that has not come to its end.
"""

import getpass
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pgdose import tensor_files
from pgdose.errors import UserError
from pgdose.images import stores
from pgdose.manifest import comparison, document, signature
from pgdose.manifest.document import Manifest
from pgdose.manifest.files import (
    MANIFEST,
    SIGNATURE,
    describe,
    is_folder,
    problem_at,
    shown,
    snakemake,
    walk,
)
from pgdose.tables import parquet

PASSPHRASE = "PGDOSE_PASSPHRASE"  # the environment variable, where nobody can be asked

REPORT = "report.html"  # the last result of a study before its manifest

NO_MANIFEST = (
    f"There is no {MANIFEST}, which a study writes at its end: missing, swapped and added files, "
    "and changes of other files, go unseen. Run `snakemake` to the end, then verify again."
)

INTENDED = (
    "If you ran a part of the study again, or changed files on purpose, look at the lines above, "
    "then write the manifest anew with `snakemake -R manifest`. What you did not change was "
    "damaged: make it again as said, or restore it from a copy."
)


def verify(results: Path, sign: Path | None = None, public_key: Path | None = None) -> list[str]:
    """What was found in order; UserError with a line for each file that is not.

    Args:
        results: the results folder of a study.
        sign: a private key, with which to sign the manifest if all is in order.
        public_key: the key whose signature must stand beside the manifest.
    """
    if not is_folder(results):
        raise UserError(f"there is no folder {shown(results)}; give the results folder of a study")
    try:
        manifest = document.read(results)
    except FileNotFoundError:
        return _without_manifest(results, bool(sign or public_key))
    # Keys are read first: nobody waits for an hour to be told of a wrong passphrase.
    private = signature.load_private_key(sign, _passphrase) if sign else None
    public = private.public_key() if private else None
    if public_key:
        public = signature.load_public_key(public_key)
        if private and private.public_key() != public:
            names = f"{shown(public_key)} is not the public key of {shown(sign or '')}"
            raise UserError(f"{names}; give one of the two")
    lines, faults = _compare(results, manifest)
    if private and faults:
        faults.append("Nothing was signed.")
    else:
        if private:
            signature.sign(results, manifest.content, private)
        try:
            lines += _signed_by(results, manifest, public)
        except UserError as error:
            faults.append(str(error))
    if not faults:
        return lines
    raise UserError(
        "\n".join(
            [
                f"not everything is as in {manifest.title}:",
                *faults,
                INTENDED,
            ]
        )
    )


def _signed_by(results: Path, manifest: Manifest, key: Ed25519PublicKey | None) -> list[str]:
    """A line about the signature; none if there is none and none is wanted."""
    if key is None and not signature.is_signed(results):
        return []
    fingerprint = signature.check(results, manifest.content, key)
    if key is None:
        return [f"{SIGNATURE} names the key {fingerprint}; NOT checked: give --public-key for that"]
    return [f"{SIGNATURE} is a signature of it by the key {fingerprint}"]


def _passphrase() -> bytes:
    if PASSPHRASE in os.environ:
        return os.environb[PASSPHRASE.encode()]
    if not sys.stdin.isatty():
        raise UserError(f"the key has a passphrase; start from a terminal, or set {PASSPHRASE}")
    return getpass.getpass("Passphrase of the key: ").encode()


def _compare(results: Path, manifest: Manifest) -> tuple[list[str], list[str]]:
    """Lines about what is in order, and about what is not."""
    compared = comparison.compare(results, manifest)
    intact = [results / entry.path for entry in compared.intact]
    damaged = [
        f"{line}; it was so before the manifest was written" for line in _check_contents(intact)
    ]
    lines = [
        f"{len(manifest.entries)} files ({manifest.size / 10**6:.1f} MB) are as in "
        f"{manifest.title}",
        *compared.notes,
    ]
    return lines, compared.faults + damaged


def _without_manifest(results: Path, with_keys: bool) -> list[str]:
    """What the files' own checksums tell, of a study that has not come to its end."""
    if inside := sorted(path.parent for path in results.glob(f"*/{MANIFEST}")):
        folders = ", ".join(shown(folder) for folder in inside)
        raise UserError(
            f"{shown(results)} holds the results of several studies; give one: {folders}"
        )
    if with_keys:
        raise UserError(f"there is nothing to sign or to check. {NO_MANIFEST}")
    errors: list[OSError] = []
    names = sorted(walk(results, errors.append))
    files = [results / name for name in names if Path(name).suffix in CHECKS]
    ended = [name for name in (SIGNATURE, REPORT) if os.path.lexists(results / name)]
    if not files and not errors and not ended:
        raise UserError(
            f"no image stores, tables or networks below {shown(results)}; "
            "give the results folder of a study"
        )
    lines = [f"{shown(error.filename)}: {describe(error)}; make it readable" for error in errors]
    lines += _check_contents(files)
    if lines:
        lines = [f"{len(lines)} of {len(files)} files are damaged:", *lines]
    if ended:
        lines.append(
            f"{shown(results / MANIFEST)}: missing, though {' and '.join(ended)} is there, so "
            "it was deleted, or the study was not run to its end; restore it from a copy"
        )
    if lines:
        raise UserError("\n".join([*lines, NO_MANIFEST]))
    notes = [
        f"{shown(results / name)}: a link to a folder of the results, above them, or looked "
        "through under another name; not followed"
        for name in names
        if is_folder(results / name)
    ]
    first = f"{len(files)} image stores, tables and networks are as they were written"
    return [first, *notes, NO_MANIFEST]


def _check_contents(files: Iterable[Path]) -> list[str]:
    """A line for each file whose own checksums do not fit."""
    lines = []
    for path in files:
        if path.suffix not in CHECKS:
            continue
        again = f"delete it and make it again with {snakemake(path)}"
        if problem := problem_at(path):
            lines.append(f"{shown(path)}: {problem}; {again}")
            continue
        try:
            CHECKS[path.suffix](path)
        except UserError as error:
            lines.append(f"{shown(str(error))}; {again}")
        except OSError as error:
            lines.append(f"{shown(path)}: {describe(error)}; {again}")
        except MemoryError:
            lines.append(
                f"{shown(path)}: not checked, it takes more memory than there is; free some and "
                f"verify again, or {again}"
            )
    return lines


def _check_store(path: Path) -> None:
    stores.Store(path).check()


CHECKS = {".npy": _check_store, ".parquet": parquet.check, ".safetensors": tensor_files.check}
