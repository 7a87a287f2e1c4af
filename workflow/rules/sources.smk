# From a site's files to records (headers and labels), then one pass over the pixels.

RECORDS = dict(
    records=f"{RESULTS}/sources/{{source}}/records.parquet",
    rejects=f"{RESULTS}/sources/{{source}}/index_rejects.parquet",
)
PATHS = f"{PRIVATE}/{{source}}/paths.parquet"


rule list_archive:
    """List the files of a DICOM archive."""
    input:
        made=lambda w: made_by_phantom(w.source),
    output:
        PATHS,
    log:
        f"{LOGS}/list_archive/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/list_archive/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("dicom_archive"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(240),
    params:
        root=lambda w: STUDY.sources[w.source].root,
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        code=script_digest("list_archive.py"),
    script:
        "../../scripts/list_archive.py"


rule headers:
    """Read the headers of a shard of a DICOM archive."""
    input:
        PATHS,
    output:
        f"{PRIVATE}/{{source}}/headers/{{shard}}.parquet",
    log:
        f"{LOGS}/headers/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/headers/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("dicom_archive"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(240),
    params:
        shards=lambda w: STUDY.sources[w.source].shards,
        tag=lambda w: STUDY.sources[w.source].reports.tag,
        encoding=lambda w: STUDY.sources[w.source].encoding or "",
        root=lambda w: STUDY.sources[w.source].root,
        codes=lambda w: codes(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        code=script_digest("headers.py"),
    script:
        "../../scripts/headers.py"


rule label_reports:
    """Label the reports of an archive: norm, and each finding of the lexicon."""
    input:
        reports=lambda w: STUDY.sources[w.source].reports.table,
        lexicon=lambda w: STUDY.sources[w.source].lexicon,
    output:
        labels=f"{PRIVATE}/{{source}}/labels.parquet",
        mentions=f"{PRIVATE}/{{source}}/mentions.parquet",
    log:
        f"{LOGS}/label_reports/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/label_reports/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("dicom_archive"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        reports=lambda w: report_settings(
            w.source, "id", "text", "encoding", "negation"
        ),
        code=script_digest("label_reports.py"),
    script:
        "../../scripts/label_reports.py"


rule index_archive:
    """Join the headers of films to the labels of their reports: one record a film."""
    input:
        headers=lambda w: of_shards(w.source, "headers", root=PRIVATE),
        labels=f"{PRIVATE}/{{source}}/labels.parquet",
        mentions=f"{PRIVATE}/{{source}}/mentions.parquet",
    output:
        **RECORDS,
        mentions=f"{RESULTS}/sources/{{source}}/mentions.parquet",
        conflicts=f"{RESULTS}/sources/{{source}}/conflicts.parquet",
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
        mem_mb=grows(8000),
        runtime=grows(60),
    params:
        reports=lambda w: report_settings(w.source, "id", "tag"),
        code=script_digest("index_archive.py"),
    script:
        "../../scripts/index_archive.py"


rule agreement:
    """Measure the labeller against labels by hand: precision, recall and F1 of each finding."""
    input:
        labels=f"{PRIVATE}/{{source}}/labels.parquet",
        mentions=f"{PRIVATE}/{{source}}/mentions.parquet",
        headers=lambda w: of_shards(w.source, "headers", root=PRIVATE),
        hand=lambda w: STUDY.sources[w.source].reports.hand_labels.table,
    output:
        agreement=f"{RESULTS}/sources/{{source}}/agreement.csv",
        confusion=f"{RESULTS}/sources/{{source}}/label_confusion.csv",
        errors=f"{RESULTS}/sources/{{source}}/label_errors.csv",
    log:
        f"{LOGS}/agreement/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/agreement/{{source}}.tsv"
    wildcard_constraints:
        source=names(hand_labelled()),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        seed=STUDY.seed,
        id=lambda w: STUDY.sources[w.source].reports.hand_labels.id,
        code=script_digest("agreement.py"),
    script:
        "../../scripts/agreement.py"


rule index_table:
    """Read a table of ready images: one record an image."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
    output:
        **RECORDS,
        paths=PATHS,
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
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: table_settings(w.source),
        codes=lambda w: codes(w.source),
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_table.py"),
    script:
        "../../scripts/index_table.py"


rule index_fields:
    """Index the tiles of microscope fields: one record a tile."""
    input:
        table=lambda w: STUDY.sources[w.source].table or made_by_phantom(w.source),
    output:
        **RECORDS,
        paths=PATHS,
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
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: field_settings(w.source),
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_fields.py"),
    script:
        "../../scripts/index_fields.py"


rule candidates:
    """Survey a shard of slides: tissue, outlines, and the candidate tiles of each class."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
    output:
        candidates=f"{RESULTS}/sources/{{source}}/candidates/{{shard}}.parquet",
        slides=f"{RESULTS}/sources/{{source}}/slides/{{shard}}.parquet",
        slide_files=f"{PRIVATE}/{{source}}/slide_files/{{shard}}.parquet",
        seconds=f"{BENCHMARKS}/slides/{{source}}-{{shard}}.csv",
    log:
        f"{LOGS}/candidates/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/candidates/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("slides"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(240),
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: slide_settings(w.source),
        shards=lambda w: STUDY.sources[w.source].shards,
        seed=STUDY.seed,
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("candidates.py"),
    script:
        "../../scripts/candidates.py"


rule index_slides:
    """Select tiles among the candidates of all slides: one record a tile."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
        candidates=lambda w: of_shards(w.source, "candidates"),
        slides=lambda w: of_shards(w.source, "slides"),
        slide_files=lambda w: of_shards(w.source, "slide_files", root=PRIVATE),
    output:
        **RECORDS,
        paths=PATHS,
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
        mem_mb=grows(8000),
        runtime=grows(60),
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: as_json(choice_settings(w.source)),
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("index_slides.py"),
    script:
        "../../scripts/index_slides.py"


rule screen:
    """Screen the pixels of every image that a group could choose: usable, or why not."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        paths=PATHS,
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
        mem_mb=grows(2000),
        runtime=grows(240),
    params:
        kind=lambda w: STUDY.sources[w.source].kind,
        modality=lambda w: STUDY.sources[w.source].modality,
        shards=lambda w: STUDY.sources[w.source].shards,
        limits=lambda w: as_json(STUDY.sources[w.source].screen.to_dict()),
        classes=lambda w: as_json(wanted_of(w.source)),
        code=script_digest("screen.py"),
    script:
        "../../scripts/screen.py"


rule tile:
    """Cut the tiles of a shard of fields or slides into a store."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        paths=PATHS,
    output:
        tiles=f"{RESULTS}/sources/{{source}}/tiles/{{shard}}.npy",
        screen=f"{RESULTS}/sources/{{source}}/screen/{{shard}}.parquet",
        seconds=f"{BENCHMARKS}/tiles/{{source}}-{{shard}}.csv",
    log:
        f"{LOGS}/tile/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/tile/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("microscope_fields", "slides"),
    conda:
        "../../envs/data.yaml"
    threads: lambda w: getattr(STUDY.sources[w.source], "threads", 1)
    resources:
        mem_mb=grows(2000),
        runtime=grows(240),
    params:
        kind=lambda w: STUDY.sources[w.source].kind,
        tile=lambda w: STUDY.sources[w.source].tile,
        bits=lambda w: getattr(STUDY.sources[w.source], "bits", 8),
        code=script_digest("tile.py"),
    script:
        "../../scripts/tile.py"


rule tiles_sheet:
    """Some tiles of each class of a source, for a person's look."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        screens=lambda w: screens(w.source),
        stores=lambda w: of_shards(w.source, "tiles", "npy"),
    output:
        f"{RESULTS}/sources/{{source}}/tiles.png",
    log:
        f"{LOGS}/tiles_sheet/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/tiles_sheet/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("microscope_fields", "slides"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        results=lambda w: RESULTS,
        seed=STUDY.seed,
        code=script_digest("tiles_sheet.py"),
    script:
        "../../scripts/tiles_sheet.py"


rule slides_table:
    """What became of each slide: state, reason, scale, and tiles by class."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        candidates=lambda w: of_shards(w.source, "candidates"),
        slides=lambda w: of_shards(w.source, "slides"),
        screens=lambda w: screens(w.source),
    output:
        f"{RESULTS}/sources/{{source}}/slides.csv",
    log:
        f"{LOGS}/slides_table/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/slides_table/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("slides"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        classes=lambda w: STUDY.sources[w.source].tile_classes,
        code=script_digest("slides_table.py"),
    script:
        "../../scripts/slides_table.py"


rule thumbnails:
    """A picture of each slide of a shard: tissue, outlines and the tiles taken."""
    input:
        table=lambda w: STUDY.sources[w.source].table,
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
    output:
        directory(f"{RESULTS}/sources/{{source}}/thumbnails/{{shard}}"),
    log:
        f"{LOGS}/thumbnails/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/thumbnails/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("slides"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(240),
    params:
        root=lambda w: STUDY.sources[w.source].root,
        settings=lambda w: slide_settings(w.source),
        shards=lambda w: STUDY.sources[w.source].shards,
        key=STUDY.privacy.key,
        key_seed=lambda w: key_seed(w.source),
        patients=lambda w: STUDY.sources[w.source].patients or w.source,
        code=script_digest("thumbnails.py"),
    script:
        "../../scripts/thumbnails.py"


rule rejects:
    """List all rejects of a source, with reasons."""
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
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        code=script_digest("rejects.py"),
    script:
        "../../scripts/rejects.py"


rule rejects_sheet:
    """A sample of the images that the screen discarded, by reason, for a person's look."""
    input:
        rejects=f"{RESULTS}/sources/{{source}}/rejects.parquet",
        paths=PATHS,
    output:
        f"{RESULTS}/sources/{{source}}/rejects.png",
    log:
        f"{LOGS}/rejects_sheet/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/rejects_sheet/{{source}}.tsv"
    wildcard_constraints:
        source=sources_of_kind("dicom_archive", "table"),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        seed=STUDY.seed,
        kind=lambda w: STUDY.sources[w.source].kind,
        modality=lambda w: STUDY.sources[w.source].modality,
        code=script_digest("rejects_sheet.py"),
    script:
        "../../scripts/rejects_sheet.py"
