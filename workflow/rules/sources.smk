# From a site's files to records (headers and labels), then one pass over the pixels.

INDEX = dict(
    records=f"{RESULTS}/sources/{{source}}/records.parquet",
    rejects=f"{RESULTS}/sources/{{source}}/index_rejects.parquet",
    paths=f"{PRIVATE}/{{source}}/paths.parquet",
)


rule index_archive:
    """Read the headers of a DICOM archive and label its reports."""
    input:
        reports=lambda w: STUDY.sources[w.source].reports.table,
        lexicon=lambda w: STUDY.sources[w.source].lexicon,
    output:
        **INDEX,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_archive/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("dicom_archive"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        root=lambda w: STUDY.sources[w.source].root,
        columns=lambda w: as_json(STUDY.sources[w.source].reports.known()),
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_archive.py"),
    script:
        "../../scripts/index_archive.py"


rule index_table:
    """Read a table of ready images: one record an image."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
    output:
        **INDEX,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_table/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("table"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: as_json(STUDY.sources[w.source].known()),
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_table.py"),
    script:
        "../../scripts/index_table.py"


rule index_fields:
    """List the tiles of the microscope fields."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
    output:
        **INDEX,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_fields/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("microscope_fields"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: as_json(STUDY.sources[w.source].known()),
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_fields.py"),
    script:
        "../../scripts/index_fields.py"


rule index_slides:
    """Find the tiles of tissue in and out of the outlines, and choose among them."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
    output:
        **INDEX,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_slides/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("slides"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: as_json(STUDY.sources[w.source].known()),
        seed=STUDY.seed,
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_slides.py"),
    script:
        "../../scripts/index_slides.py"


rule screen:
    """Look at the pixels of every image that a group could choose: usable, or why not."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        paths=f"{PRIVATE}/{{source}}/paths.parquet",
    output:
        f"{RESULTS}/sources/{{source}}/screen/{{shard}}.parquet",
    log:
        f"{LOGS}/screen/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/screen/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("dicom_archive", "table"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        kind=lambda w: STUDY.sources[w.source].kind,
        modality=lambda w: STUDY.sources[w.source].modality,
        shards=lambda w: STUDY.sources[w.source].shards,
        wanted=lambda w: as_json(wanted_of(w.source)),
        code=script_digest("screen.py"),
    script:
        "../../scripts/screen.py"


rule tile:
    """Cut the tiles of a shard of fields or slides into a store."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        paths=f"{PRIVATE}/{{source}}/paths.parquet",
    output:
        tiles=f"{RESULTS}/sources/{{source}}/tiles/{{shard}}.npy",
        screen=f"{RESULTS}/sources/{{source}}/screen/{{shard}}.parquet",
    log:
        f"{LOGS}/tile/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/tile/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("microscope_fields", "slides"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        kind=lambda w: STUDY.sources[w.source].kind,
        tile=lambda w: STUDY.sources[w.source].tile,
        code=script_digest("tile.py"),
    script:
        "../../scripts/tile.py"


rule rejects:
    """All that was discarded of a source, with reasons."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        index=f"{RESULTS}/sources/{{source}}/index_rejects.parquet",
        screens=lambda w: screens(w.source),
    output:
        f"{RESULTS}/sources/{{source}}/rejects.parquet",
    log:
        f"{LOGS}/rejects/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/rejects/{{source}}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=script_digest("rejects.py"),
    script:
        "../../scripts/rejects.py"
