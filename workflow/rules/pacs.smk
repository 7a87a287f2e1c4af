# From a PACS to files below the source's root; the rules of sources.smk go on from there.
#
# Which server, with which login, how fast and at what hours: no result depends on it, so the scripts
# take it from the study, and it stands in no params.


rule list_on_pacs:
    """List the films that a PACS holds, without fetching them."""
    output:
        LISTED,
    log:
        f"{LOGS}/list_on_pacs/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/list_on_pacs/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_PACS,
    conda:
        "../../envs/data.yaml"
    resources:
        pacs=1,
        runtime=grows(1440),
    params:
        archive=searched_in,
        search=search_settings,
        shards=lambda w: source_of(w).shards,
        code=script_digest("list_on_pacs.py", PACS_MODELS),
    script:
        "../../scripts/list_on_pacs.py"


rule fetch:
    """Fetch the films of a shard from a PACS. What lies whole below the root is not fetched again."""
    input:
        LISTED,
    output:
        f"{PRIVATE}/{{source}}/fetched/{{shard}}.parquet",
    log:
        f"{LOGS}/fetch/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/fetch/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=ONE_PACS,
    conda:
        "../../envs/data.yaml"
    resources:
        pacs=1,
        runtime=grows(1440),
    params:
        root=lambda w: source_of(w).root,
        code=script_digest("fetch.py", PACS_MODELS),
    script:
        "../../scripts/fetch.py"


rule list_fetched:
    """List the films that were fetched, and those that the PACS listed and did not deliver."""
    input:
        lambda w: source_shards(w.source, "fetched", root=PRIVATE),
    output:
        paths=PATHS,
        documents=f"{PRIVATE}/{{source}}/documents.parquet",
        not_fetched=NOT_FETCHED,
    log:
        f"{LOGS}/list_fetched/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/list_fetched/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_PACS,
    conda:
        "../../envs/data.yaml"
    params:
        root=lambda w: source_of(w).root,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        code=script_digest("list_fetched.py"),
    script:
        "../../scripts/list_fetched.py"
