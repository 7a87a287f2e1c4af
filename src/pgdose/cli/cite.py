"""`pgdose cite RESULTS`: how to cite pgdose and the results of a study."""

from pathlib import Path

from pgdose.analysis.study_description import read_description
from pgdose.errors import UserError
from pgdose.manifest import document
from pgdose.manifest.files import MANIFEST, is_folder, sha256_of, shown
from pgdose.report import provenance


def cite(results: Path) -> list[str]:
    """The software, and the study with the digest of its manifest, as text and as BibTeX."""
    if not is_folder(results):
        raise UserError(f"there is no folder {shown(results)}; give the results folder of a study")
    try:
        manifest = document.read(results)
    except FileNotFoundError:
        raise UserError(
            f"{shown(results)} has no manifest, so its study has not come to its end; run it to "
            "the end first"
        ) from None
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
