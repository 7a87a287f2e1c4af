# The synthetic hospital writes what a real site would hand over. Its rules take part only in
# studies that have a `phantom:` section and sources below its root.


rule phantom_xray:
    """Draw the X-ray archive: DICOM files, and the table of their reports."""
    output:
        reports=f"{HOSPITAL}/reports.csv",
        truth=f"{HOSPITAL}/truth/xray.csv",
        hand_labels=f"{HOSPITAL}/truth/hand_labels.csv",
    log:
        f"{LOGS}/phantom_xray.log",
    benchmark:
        f"{BENCHMARKS}/phantom_xray.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        root=lambda w: f"{HOSPITAL}/xray",
        seed=STUDY.seed,
        amounts=phantom_amounts("xray"),
        code=script_digest("phantom_xray.py"),
    script:
        "../../scripts/phantom_xray.py"


rule phantom_fields:
    """Draw the microscope fields and the table of their classes."""
    output:
        table=f"{HOSPITAL}/fields.csv",
        truth=f"{HOSPITAL}/truth/fields.csv",
    log:
        f"{LOGS}/phantom_fields.log",
    benchmark:
        f"{BENCHMARKS}/phantom_fields.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        root=lambda w: f"{HOSPITAL}/fields",
        seed=STUDY.seed,
        amounts=phantom_amounts("fields"),
        code=script_digest("phantom_fields.py"),
    script:
        "../../scripts/phantom_fields.py"


rule phantom_slides:
    """Draw the whole slides, their outlines and their table."""
    output:
        table=f"{HOSPITAL}/slides.csv",
        truth=f"{HOSPITAL}/truth/slides.csv",
    log:
        f"{LOGS}/phantom_slides.log",
    benchmark:
        f"{BENCHMARKS}/phantom_slides.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        root=lambda w: f"{HOSPITAL}/slides",
        seed=STUDY.seed,
        amounts=phantom_amounts("slides"),
        code=script_digest("phantom_slides.py"),
    script:
        "../../scripts/phantom_slides.py"
