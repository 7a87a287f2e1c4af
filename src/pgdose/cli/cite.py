"""`pgdose cite RESULTS`: how to cite pgdose and the results of a study."""

from pathlib import Path

from pgdose.analysis.study_description import read_description
from pgdose.manifest import document
from pgdose.manifest.files import MANIFEST, sha256_of
from pgdose.report import provenance


def cite(results: Path) -> list[str]:
    """The software, and the study with the digest of its manifest, as text and as BibTeX."""
    manifest = document.read_finished(results)
    description = read_description(results)
    digest = sha256_of(results / MANIFEST)[1]
    software = provenance.citation(description.versions, description.commit)
    year = manifest.written.year
    synthetic = ", on synthetic data" * description.is_synthetic
    version = description.versions.get("pgdose", "")
    return [
        software,
        "",
        f"Results of the pgdose study “{description.name}”{synthetic}, {year}. pgdose {version}, "
        f"{len(manifest.entries)} files, SHA-256 of the manifest {digest}.",
        "",
        "@software{pgdose,",
        f"  author = {{{provenance.AUTHORS}}},",
        f"  title = {{{provenance.TITLE}}},",
        f"  version = {{{version}}},",
        f"  year = {{{year}}}",
        "}",
        f"@misc{{pgdose-{description.name},",
        f"  title = {{Results of the pgdose study {description.name}}},",
        f"  year = {{{year}}},",
        f"  note = {{SHA-256 of the manifest: {digest}}}",
        "}",
    ]
