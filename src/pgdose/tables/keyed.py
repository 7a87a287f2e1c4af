"""Keyed identities and keyed random draws.

Every random choice in pgdose is *keyed*: it depends on (seed, purpose, record_id) and on nothing
else, so that neither shards, jobs, threads nor the presence of other records change it.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgdose.names import UNKNOWN_PATIENT, UNKNOWN_PATIENTS

ID_DIGITS = 20  # 80 bits: two of 10 million records share an id with a probability under 1e-10


def opaque(key: bytes, *names: str) -> str:
    """A keyed hash (HMAC-SHA256) of a name: it says nothing about the name without the key."""
    text = "\0".join(names).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:ID_DIGITS]


class SourceIds(NamedTuple):
    """The opaque ids of one source's records and patients."""

    key: bytes  # see `site_key.load_key`
    source: str
    patients: str = ""  # name space of patient numbers; sources that share it share patients

    @property
    def unknown_patients(self) -> bool:
        """Whether nobody knows the patients: each record stands for one of its own."""
        return self.patients == UNKNOWN_PATIENTS

    def record(self, name: str) -> str:
        return opaque(self.key, self.source, name)

    def part(self, name: str, place: str) -> str:
        """Of a part of a record, as a tile."""
        return opaque(self.key, self.source, name, place)

    def patient(self, number: str) -> str:
        """The id begins with UNKNOWN_PATIENT where nobody knows who `number` is."""
        if self.unknown_patients:
            return UNKNOWN_PATIENT + opaque(self.key, self.source, "patient", number)
        return opaque(self.key, self.patients or self.source, "patient", number)

    def slide(self, digest: str) -> str:
        """Of the content of a slide, see `histology.slides.identity`."""
        return opaque(self.key, self.source, "slide", digest)

    def instance(self, uid: str) -> str:
        """Of a SOPInstanceUID."""
        return opaque(self.key, self.source, "instance", uid)


def _hashes(seed: int, purpose: str, names: Iterable[str]) -> Iterator[bytes]:
    """16 bytes for each name."""
    start = hashlib.blake2b(f"{seed}\0{purpose}\0".encode(), digest_size=16)
    for name in names:
        digest = start.copy()
        digest.update(name.encode())
        yield digest.digest()


def draw(seed: int, purpose: str, ids: Iterable[str]) -> np.ndarray:
    """One keyed uniform number in [0, 1) for each id; float64 array."""
    names = ids.tolist() if isinstance(ids, pd.Series | pd.Index) else ids
    hashes = np.frombuffer(b"".join(_hashes(seed, purpose, names)), dtype=">u8")
    return (hashes[::2] >> 11) / 2.0**53


def generator(seed: int, purpose: str, name: str) -> np.random.Generator:
    """A keyed random generator, where one number for each id is not enough."""
    return np.random.default_rng(int.from_bytes(next(_hashes(seed, purpose, [name])), "big"))
