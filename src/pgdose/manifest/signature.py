"""Ed25519 signatures of a manifest.

    # Ed25519 signature of manifest.sha256
    # of the manifest with sha256 90ab...
    # by the key with fingerprint 31cd...
    <the signature's 64 bytes in base64>

The two comments are for people, and to say what is wrong with a signature that does not fit; they
prove nothing. OpenSSL checks the last line too, which docs/how-to/verify-and-sign.md shows.
"""

import base64
import hashlib
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pgdose.errors import UserError
from pgdose.manifest.files import MANIFEST, SIGNATURE, describe, problem_at, shown
from pgdose.tables.output_files import atomic

MAKE_KEY = "make one with `openssl genpkey -algorithm ed25519 -aes256 -out key.pem`"
MAKE_PUBLIC_KEY = "make one with `openssl pkey -in key.pem -pubout -out public.pem`"
MOST_BYTES = 2**16  # of a key or a signature

_TEXT = """\
# Ed25519 signature of {name}
# of the manifest with sha256 {manifest}
# by the key with fingerprint {key}
{signature}
"""
_FORM = re.compile(
    _TEXT.format(
        name=re.escape(MANIFEST),
        manifest="(?P<manifest>[0-9a-f]{64})",
        key="(?P<key>[0-9a-f]{64})",
        signature="(?P<signature>[A-Za-z0-9+/]{86}==)",
    )
)


def load_private_key(path: Path, ask_passphrase: Callable[[], bytes]) -> Ed25519PrivateKey:
    """A private key for signing, PEM; UserError if it cannot be used, or others could read it."""
    content = _read(path, MAKE_KEY)
    name = shown(path)
    if path.stat().st_mode & 0o077:
        chmod = f"chmod 600 {shlex.quote(name)}"
        raise UserError(f"{name}: others may read this private key; run `{chmod}`")
    try:
        try:
            key = load_pem_private_key(content, None)
        except TypeError:  # it is encrypted
            key = load_pem_private_key(content, ask_passphrase())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UserError(
            f"{name}: no private key in PEM form, or a wrong passphrase; {MAKE_KEY}"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{name}: not an Ed25519 key; {MAKE_KEY}")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """A public key, PEM; UserError if it cannot be used."""
    try:
        key = load_pem_public_key(_read(path, MAKE_PUBLIC_KEY))
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{shown(path)}: no public key in PEM form; {MAKE_PUBLIC_KEY}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"{shown(path)}: not an Ed25519 key; {MAKE_PUBLIC_KEY}")
    return key


def _read(path: Path, advice: str) -> bytes:
    if problem := problem_at(path):
        raise UserError(f"{shown(path)}: {problem}; give a file that holds the key, or {advice}")
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise UserError(f"{shown(path)}: {describe(error)}; give another copy of it") from None


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key in DER form, 64 hex digits."""
    return _hex(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sign(results: Path, manifest: bytes, key: Ed25519PrivateKey) -> str:
    """Sign a manifest, and write the signature beside it; returns the key's fingerprint.

    UserError if the signature cannot be written.
    """
    name = fingerprint(key.public_key())
    signature = base64.b64encode(key.sign(manifest)).decode()
    text = _TEXT.format(name=MANIFEST, manifest=_hex(manifest), key=name, signature=signature)
    try:
        with atomic(results / SIGNATURE) as unfinished:
            unfinished.write_text(text)
    except OSError as error:
        raise UserError(
            f"{shown(results / SIGNATURE)}: not written ({error.strerror}); make the results "
            "folder writable, delete what stands at this path if it is a folder, then sign again"
        ) from None
    return name


def is_signed(results: Path) -> bool:
    return os.path.lexists(results / SIGNATURE)


def check(results: Path, manifest: bytes, key: Ed25519PublicKey | None) -> str:
    """The fingerprint of the key that a results folder says it was signed with.

    UserError if the signature is not one of this manifest or, with a key, not one by this key.
    """
    path = shown(results / SIGNATURE)
    again = "sign again with --sign, or ask for the signed results"
    if not is_signed(results):
        raise UserError(f"{path}: missing, so nobody signed these results; {again}")
    if problem := problem_at(results / SIGNATURE):
        raise UserError(f"{path}: {problem}; {again}")
    try:
        with (results / SIGNATURE).open("rb") as file:
            match = _FORM.fullmatch(file.read(MOST_BYTES).decode("utf-8", "replace"))
    except OSError as error:
        raise UserError(f"{path}: {describe(error)}; {again}") from None
    if match is None:
        raise UserError(f"{path}: damaged, it has not the form of a signature; {again}")
    signature = base64.b64decode(match["signature"])
    if base64.b64encode(signature).decode() != match["signature"]:  # bits that base64 ignores
        raise UserError(f"{path}: damaged, its last characters were changed; {again}")
    if match["manifest"] != _hex(manifest):
        raise UserError(
            f"{path}: the signature of another manifest; this one was written anew, or changed, "
            f"after the signature was made; {again}"
        )
    if key is None:
        return match["key"]
    if match["key"] != fingerprint(key):
        raise UserError(
            f"{path}: signed with the key {match['key']}, not with {fingerprint(key)}; "
            "give the public key of who signed"
        )
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        raise UserError(f"{path}: forged or damaged, this key did not make it; {again}") from None
    return match["key"]
