# From a site's files to records (headers and labels), then one pass over the pixels.


rule list_archive:
    """List the files of a DICOM archive. Those of a PACS: pacs.smk."""
    input:
        made=made_by_phantom,
        truth=files_of_phantom,
    output:
        PATHS,
    log:
        f"{LOGS}/list_archive/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/list_archive/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_FOLDER,
    conda:
        "../../envs/data.yaml"
    resources:
        runtime=grows(240),
    params:
        root=lambda w: source_of(w).root,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        code=script_digest("list_archive.py"),
    script:
        "../../scripts/list_archive.py"


rule headers:
    """Read the headers of a shard of a DICOM archive."""
    input:
        paths=PATHS,
        not_fetched=not_fetched_of,
    output:
        f"{PRIVATE}/{{source}}/headers/{{shard}}.parquet",
    log:
        f"{LOGS}/headers/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/headers/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=ONE_ARCHIVE,
    conda:
        "../../envs/data.yaml"
    resources:
        runtime=grows(240),
    params:
        shards=lambda w: source_of(w).shards,
        tags=link_tags,
        encoding=lambda w: source_of(w).encoding or "",
        root=lambda w: source_of(w).root,
        codes=codes,
        films=film_settings,
        patients=patients_of,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        code=script_digest("headers.py"),
    script:
        "../../scripts/headers.py"


rule read_reports:
    """Make a table of the reports in DICOM documents or HL7 messages."""
    input:
        documents=document_paths,
    output:
        reports=f"{PRIVATE}/{{source}}/reports.parquet",
        unread=f"{PRIVATE}/{{source}}/unread_reports.parquet",
    log:
        f"{LOGS}/read_reports/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/read_reports/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(reported("documents", "hl7")),
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=grows(8000),
        runtime=grows(240),
    params:
        root=folder_of_reports,
        settings=reading_settings,
        code=script_digest("read_reports.py"),
    script:
        "../../scripts/read_reports.py"


rule label_reports:
    """Label the reports of an archive: norm, and each finding of the lexicon."""
    input:
        reports=table_of_reports,
        lexicon=lambda w: source_of(w).lexicon_file,
    output:
        labels=f"{PRIVATE}/{{source}}/labels.parquet",
        mentions=f"{PRIVATE}/{{source}}/mentions.parquet",
    log:
        f"{LOGS}/label_reports/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/label_reports/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(reported()),
    conda:
        "../../envs/data.yaml"
    params:
        settings=report_settings,
        code=script_digest("label_reports.py"),
    script:
        "../../scripts/label_reports.py"


rule index_archive:
    """Join the headers of films to the labels of their reports and of a table: one record a film."""
    input:
        headers=lambda w: source_shards(w.source, "headers", root=PRIVATE),
        listed=listed_of,
        labels=if_reported("labels"),
        mentions=if_reported("mentions"),
        label_table=label_table_of,
    output:
        **RECORDS,
        mentions=f"{RESULTS}/sources/{{source}}/mentions.parquet",
        conflicts=f"{RESULTS}/sources/{{source}}/conflicts.parquet",
        film_labels=f"{PRIVATE}/{{source}}/film_labels.parquet",
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_archive/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_ARCHIVE,
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=grows(8000),
    params:
        reports=report_settings,
        label_table=label_table_settings,
        orientation=lambda w: source_of(w).orientation,
        code=script_digest("index_archive.py"),
    script:
        "../../scripts/index_archive.py"


rule agreement:
    """Measure the labeller against labels by hand: precision, recall and F1 of each finding."""
    input:
        labels=f"{PRIVATE}/{{source}}/labels.parquet",
        mentions=f"{PRIVATE}/{{source}}/mentions.parquet",
        headers=lambda w: source_shards(w.source, "headers", root=PRIVATE),
        hand=labels_by_hand,
    output:
        agreement=f"{RESULTS}/sources/{{source}}/agreement.csv",
        confusion=f"{RESULTS}/sources/{{source}}/label_confusion.csv",
        errors=f"{RESULTS}/sources/{{source}}/label_errors.csv",
    log:
        f"{LOGS}/agreement/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/agreement/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(hand_labelled()),
    conda:
        "../../envs/data.yaml"
    params:
        seed=STUDY.seed,
        hand_labels=hand_label_settings,
        code=script_digest("agreement.py"),
    script:
        "../../scripts/agreement.py"


rule index_table:
    """Read a table of ready images: one record an image."""
    input:
        table=lambda w: source_of(w).table or [],
    output:
        **RECORDS,
        paths=PATHS,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_table/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_TABLE,
    conda:
        "../../envs/data.yaml"
    params:
        root=lambda w: source_of(w).root,
        settings=lambda w: as_json(source_of(w).settings("index_table")),
        codes=codes,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        patients=patients_of,
        code=script_digest("index_table.py"),
    script:
        "../../scripts/index_table.py"


rule index_fields:
    """Index the tiles of microscope fields: one record a tile."""
    input:
        table=lambda w: source_of(w).table or made_by_phantom(w),
        truth=files_of_phantom,
    output:
        **RECORDS,
        paths=PATHS,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_fields/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_SET_OF_FIELDS,
    conda:
        "../../envs/data.yaml"
    params:
        root=lambda w: source_of(w).root,
        settings=lambda w: as_json(source_of(w).settings("index_fields")),
        key=STUDY.privacy.key,
        key_seed=key_seed,
        patients=patients_of,
        code=script_digest("index_fields.py"),
    script:
        "../../scripts/index_fields.py"


rule candidates:
    """Survey a shard of slides: tissue, outlines, and the candidate tiles of each class."""
    input:
        table=lambda w: source_of(w).table,
        truth=files_of_phantom,
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
        source=ONE_SET_OF_SLIDES,
    conda:
        "../../envs/data.yaml"
    resources:
        runtime=grows(240),
    params:
        root=lambda w: source_of(w).root,
        outlines_root=lambda w: source_of(w).outlines_root,
        settings=lambda w: as_json(source_of(w).settings("candidates")),
        shards=lambda w: source_of(w).shards,
        seed=STUDY.seed,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        patients=patients_of,
        code=script_digest("candidates.py"),
    script:
        "../../scripts/candidates.py"


rule index_slides:
    """Select tiles among the candidates of all slides: one record a tile."""
    input:
        table=lambda w: source_of(w).table,
        truth=files_of_phantom,
        candidates=lambda w: source_shards(w.source, "candidates"),
        slides=lambda w: source_shards(w.source, "slides"),
        slide_files=lambda w: source_shards(w.source, "slide_files", root=PRIVATE),
    output:
        **RECORDS,
        paths=PATHS,
    log:
        f"{LOGS}/index/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/index_slides/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_SET_OF_SLIDES,
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=grows(8000),
    params:
        root=lambda w: source_of(w).root,
        outlines_root=lambda w: source_of(w).outlines_root,
        settings=selection_settings,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        patients=patients_of,
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
        source=one_of(sources_of_kind(*ARCHIVES, "table")),
    conda:
        "../../envs/data.yaml"
    resources:
        runtime=grows(240),
    params:
        images=settings_of_images,
        shards=lambda w: source_of(w).shards,
        limits=lambda w: as_json(source_of(w).screen.to_dict()),
        classes=lambda w: as_json(screened_classes(w)),
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
        source=one_of(sources_of_kind("microscope_fields", "slides")),
    conda:
        "../../envs/data.yaml"
    threads: lambda w: getattr(source_of(w), "threads", 1)
    resources:
        runtime=grows(240),
    params:
        kind=lambda w: source_of(w).kind,
        tile=lambda w: source_of(w).tile,
        bits=lambda w: bits_of(w.source),
        colour=lambda w: getattr(source_of(w), "colour", "as_stored"),
        least_focus=lambda w: source_of(w).least_focus,
        code=script_digest("tile.py"),
    script:
        "../../scripts/tile.py"


rule tiles_sheet:
    """Some tiles of each class of a source, for a person to look over."""
    input:
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        screens=lambda w: screens(w.source),
        stores=lambda w: source_shards(w.source, "tiles", ".npy"),
    output:
        f"{RESULTS}/sources/{{source}}/tiles.png",
    log:
        f"{LOGS}/tiles_sheet/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/tiles_sheet/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(sources_of_kind("microscope_fields", "slides")),
    conda:
        "../../envs/data.yaml"
    params:
        results=lambda w: RESULTS,
        seed=STUDY.seed,
        code=script_digest("tiles_sheet.py"),
    script:
        "../../scripts/tiles_sheet.py"


rule slides_table:
    """What became of each slide: state, reason, scale, and tiles by class."""
    input:
        index_rejects=f"{RESULTS}/sources/{{source}}/index_rejects.parquet",
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
        candidates=lambda w: source_shards(w.source, "candidates"),
        slides=lambda w: source_shards(w.source, "slides"),
        screens=lambda w: screens(w.source),
    output:
        f"{RESULTS}/sources/{{source}}/slides.csv",
    log:
        f"{LOGS}/slides_table/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/slides_table/{{source}}.tsv"
    wildcard_constraints:
        source=ONE_SET_OF_SLIDES,
    conda:
        "../../envs/data.yaml"
    params:
        classes=lambda w: source_of(w).tile_classes,
        code=script_digest("slides_table.py"),
    script:
        "../../scripts/slides_table.py"


rule thumbnails:
    """A picture of each slide of a shard: tissue, outlines and the tiles taken."""
    input:
        table=lambda w: source_of(w).table,
        records=f"{RESULTS}/sources/{{source}}/records.parquet",
    output:
        directory(f"{RESULTS}/sources/{{source}}/thumbnails/{{shard}}"),
    log:
        f"{LOGS}/thumbnails/{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/thumbnails/{{source}}-{{shard}}.tsv"
    wildcard_constraints:
        source=ONE_SET_OF_SLIDES,
    conda:
        "../../envs/data.yaml"
    resources:
        runtime=grows(240),
    params:
        root=lambda w: source_of(w).root,
        outlines_root=lambda w: source_of(w).outlines_root,
        settings=lambda w: as_json(source_of(w).settings("candidates")),
        shards=lambda w: source_of(w).shards,
        key=STUDY.privacy.key,
        key_seed=key_seed,
        patients=patients_of,
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
    params:
        code=script_digest("rejects.py"),
    script:
        "../../scripts/rejects.py"


rule rejects_sheet:
    """A sample of the images that screening rejected, by reason, for a person to look over."""
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
        source=one_of(sources_of_kind(*ARCHIVES, "table")),
    conda:
        "../../envs/data.yaml"
    params:
        seed=STUDY.seed,
        images=settings_of_images,
        code=script_digest("rejects_sheet.py"),
    script:
        "../../scripts/rejects_sheet.py"


rule text_sheet:
    """Images with text burned into their pixels, framed: for the owner of the images alone."""
    input:
        screens=lambda w: screens(w.source),
        paths=PATHS,
    output:
        f"{PRIVATE}/{{source}}/text_regions.png",
    log:
        f"{LOGS}/text_sheet/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/text_sheet/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(searched_for_text()),
    conda:
        "../../envs/data.yaml"
    params:
        seed=STUDY.seed,
        images=settings_of_images,
        code=script_digest("text_sheet.py"),
    script:
        "../../scripts/text_sheet.py"
