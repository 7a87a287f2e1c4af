"""Schemas of the private tables of a source of kind `pacs`: UIDs stand in them in clear."""

import hashlib

import pyarrow as pa

FILM, DOCUMENT = "film", "document"  # roles: an image, or a report of the same study

LISTED = pa.schema(  # one row an instance, sorted by it
    [
        ("study", pa.string()),
        ("series", pa.string()),
        ("instance", pa.string()),
        ("sop_class", pa.string()),  # null if the server does not say it
        ("modality", pa.string()),
        ("role", pa.string()),
        ("shard", pa.int32()),
        # In how many series it stands; of several, the first of them by its UIDs is in the row.
        ("times", pa.int32()),
    ]
)
FETCHED = pa.schema(
    [
        ("instance", pa.string()),
        ("role", pa.string()),
        ("path", pa.binary()),  # as in PATHS; null if it was not fetched
        ("size", pa.int64()),  # bytes; null if it was not fetched
        ("reason", pa.string()),  # see xray.reject_reasons; null if it was fetched
        ("detail", pa.string()),
    ]
)
NOT_FETCHED = pa.schema(  # of FETCHED those with a reason, by the ids of their records
    [
        ("record_id", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


def shard_of(study: str, shards: int) -> int:
    """The shard of all instances of a study, by its StudyInstanceUID."""
    digest = hashlib.blake2b(study.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards
