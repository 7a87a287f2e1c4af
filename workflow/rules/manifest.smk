# The list of all results, which is written when everything else is there.


rule manifest:
    """List every result with its size and SHA-256, for `pgdose verify`."""
    input:
        everything(),
        unread_results(),
    output:
        f"{RESULTS}/manifest.sha256",
    log:
        f"{LOGS}/manifest.log",
    benchmark:
        f"{BENCHMARKS}/manifest.tsv"
    conda:
        "../../envs/data.yaml"
    # No localrule: it reads all results, which may be 100 GB.
    threads: 2
    params:
        results=lambda w: RESULTS,
        study=lambda w: STUDY.study,
        patterns=patterns_of_outputs,
        code=script_digest("write_manifest.py"),
    script:
        "../../scripts/write_manifest.py"
