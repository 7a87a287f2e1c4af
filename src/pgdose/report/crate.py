"""ro-crate-metadata.json: the results as a Workflow Run RO-Crate, for archives and other programs.

It says which workflow made which tables, figures and pages from which study, with versions and
digests. Inputs are digests of the records that the workflow read, without names of files. The
profile is https://w3id.org/ro/wfrun/workflow/0.5, which builds on RO-Crate 1.1.
"""

import json
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from pgdose.analysis.study_description import FILE, StudyDescription
from pgdose.manifest.files import sha256_of
from pgdose.report.wording import quantity
from pgdose.tables import output_files

METADATA = "ro-crate-metadata.json"
WORKFLOW = "Snakefile"  # a copy of the workflow's entry lies beside the results
PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
BASE = "https://w3id.org/ro/crate/1.1"
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
LICENSE = (
    "Whoever owns the results decides on their licence. pgdose itself is under the MIT licence."
)


@dataclass(frozen=True)
class CrateData:
    """What a crate describes.

    results: the results folder, whose root the crate is
    files:   tables, figures and pages in it
    sources: by source the SHA-256 of its records, and their number
    """

    results: Path
    description: StudyDescription
    files: Sequence[Path]
    sources: Mapping[str, tuple[str, int]]

    @property
    def title(self) -> str:
        """What the study is about, in a sentence."""
        settings = self.description.settings
        attacks, groups = settings["attacks"], settings["groups"]
        synthetic = ", on images drawn by a program" * self.description.is_synthetic
        return (
            f"Dose-response of {quantity(len(attacks), 'adversarial attack')} on the classifiers "
            f"of {quantity(len(groups), 'study group')} of medical images{synthetic}."
        )


def write_crate(path: Path, data: CrateData, now: datetime | None = None) -> None:
    """Write the metadata, atomically; the files themselves are left where they are."""
    moment = (now or datetime.now(UTC)).replace(microsecond=0).isoformat()
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    root = crate.root_dataset
    root["name"] = f"Results of the pgdose study {data.description.name}"
    root["description"] = data.title
    root["datePublished"] = moment
    root["license"] = crate.add(
        ContextEntity(
            crate,
            "#license",
            properties={"@type": "CreativeWork", "name": "Licence", "description": LICENSE},
        )
    )
    root["conformsTo"] = [_profile(crate, *profile) for profile in PROFILES]
    crate.metadata["conformsTo"] = [{"@id": BASE}, {"@id": PROFILES[-1][0]}]
    workflow = _workflow(crate, data)
    crate.mainEntity = workflow
    results = [_file(crate, data.results, file) for file in sorted(data.files)]
    study = _file(crate, data.results, data.results / FILE)
    study["exampleOfWork"] = workflow["input"]
    inputs = [study, *(_source(crate, name, of) for name, of in data.sources.items())]
    root["mentions"] = [_run(crate, workflow, inputs, results, data, moment)]
    with output_files.atomic(path) as beside:
        text = json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False)
        Path(beside).write_text(f"{text}\n", encoding="utf-8")


def _profile(crate: ROCrate, identifier: str, name: str, version: str) -> Any:
    properties = {"@type": "CreativeWork", "name": name, "version": version}
    return crate.add(ContextEntity(crate, identifier, properties=properties))


def _workflow(crate: ROCrate, data: CrateData) -> Any:
    """The Snakefile, its language and the one parameter that it has, the study."""
    language = crate.add(
        ContextEntity(
            crate,
            SNAKEMAKE,
            properties={
                "@type": "ComputerLanguage",
                "name": "Snakemake",
                "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
                "url": {"@id": "https://snakemake.readthedocs.io"},
                "version": data.description.versions.get("snakemake", ""),
            },
        )
    )
    parameter = crate.add(
        ContextEntity(
            crate,
            "#study",
            properties={
                "@type": "FormalParameter",
                "additionalType": "File",
                "name": "study",
                "description": "settings of the study, without paths",
                "valueRequired": True,
            },
        )
    )
    workflow = crate.add_file(
        data.results / WORKFLOW,
        WORKFLOW,
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "pgdose",
            "description": "Dose-response of adversarial attacks on medical image classifiers",
            "version": data.description.versions.get("pgdose", ""),
            "license": "https://spdx.org/licenses/MIT",
            "conformsTo": {"@id": BIOSCHEMAS},
            **_digest(data.results / WORKFLOW),
        },
    )
    workflow["programmingLanguage"] = language
    workflow["input"] = parameter
    return workflow


def _file(crate: ROCrate, results: Path, path: Path) -> Any:
    name = str(path.relative_to(results))
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    properties = {"name": name, "encodingFormat": media_type, **_digest(path)}
    return crate.add_file(path, name, properties=properties)


def _digest(path: Path) -> dict[str, str]:
    size, digest = sha256_of(path)
    return {"contentSize": str(size), "sha256": digest}


def _source(crate: ROCrate, name: str, records: tuple[str, int]) -> Any:
    digest, number = records
    return crate.add(
        ContextEntity(
            crate,
            f"#source-{name}",
            properties={
                "@type": "PropertyValue",
                "name": f"source {name}: SHA-256 of its {number:,} records",
                "value": digest,
            },
        )
    )


def _run(
    crate: ROCrate,
    workflow: Any,
    inputs: Sequence[Any],
    results: Sequence[Any],
    data: CrateData,
    moment: str,
) -> Any:
    versions = ", ".join(f"{name} {of}" for name, of in data.description.versions.items())
    commit = f"; commit {data.description.commit}" if data.description.commit else ""
    action = crate.add(
        ContextEntity(
            crate,
            "#run",
            properties={
                "@type": "CreateAction",
                "name": f"Study {data.description.name}",
                "description": f"Versions: {versions}{commit}",
                "endTime": moment,
                "actionStatus": "http://schema.org/CompletedActionStatus",
            },
        )
    )
    action["instrument"] = workflow
    action["object"] = list(inputs)
    action["result"] = list(results)
    return action
