# What rules/pacs.smk asks of the study.

import hashlib

ONE_PACS = one_of(sources_of_kind("pacs"))
LISTED = f"{PRIVATE}/{{source}}/listed.parquet"
NOT_FETCHED = f"{PRIVATE}/{{source}}/not_fetched.parquet"
# The scripts read the source with them; what results depend on stands in params.
PACS_MODELS = ("pgdose.study.sources", "pgdose.study.pacs")

# One job at a time asks a PACS, so that `per_second` and `at_once` of the study hold for all of its
# jobs together. The profiles say it too, but `--resources gpu=0` puts theirs aside.
if "pacs" not in workflow.global_resources:
    workflow.register_resource("pacs", 1)


def not_fetched_of(w):
    """The table of the instances that a PACS listed and did not deliver; none of a folder."""
    return [NOT_FETCHED.format(source=w.source)] if source_of(w).kind == "pacs" else []


def listed_of(w):
    """The table of what a PACS listed; none of a folder."""
    return [LISTED.format(source=w.source)] if source_of(w).kind == "pacs" else []


def searched_in(w):
    """A digest of which archive is asked. Params stand in Snakemake's report, addresses shall not."""
    server = source_of(w).server
    archive = server.dicomweb or [
        server.dimse.host,
        server.dimse.port,
        server.dimse.called,
    ]
    return hashlib.sha256(repr(archive).encode()).hexdigest()[:16]


def search_settings(w):
    """What is searched for."""
    entry = source_of(w)
    settings = {
        "find": entry.find.to_dict(),
        "modalities": entry.asked_modalities,
        "documents": entry.asks_for_documents,
    }
    return as_json(settings)
