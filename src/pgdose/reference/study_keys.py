"""docs/reference/study-keys.md: every key of the study file, from the models of `pgdose.study`.

The description of a key stands below its field, see `study.descriptions`; type, bounds and default
are those of `pgdose schema`. Here stands only how the keys are divided into sections.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pgdose.cli.schema import study_schema
from pgdose.reference.markdown import bullet, code, heading, page, table
from pgdose.study.descriptions import parse

PATH = "docs/reference/study-keys.md"


@dataclass(frozen=True)
class Section:
    """The keys of one model at one place of the study file.

    title:  the heading
    model:  name of the model in the JSON schema
    path:   the keys that lead to it, "" for the file itself; several places are joined by ", "
    reruns: what a changed value makes again, for keys that say nothing about it
    text:   what stands below the heading
    of:     a model whose keys stand in a section of their own and are left out here
    level:  of the heading
    """

    title: str
    model: str
    path: str
    reruns: str
    text: str = ""
    of: str = ""
    level: int = 3


# What "Reruns" says, from much to little.
RERUNS = [
    ("everything", "all jobs of the study"),
    (
        "the source",
        "the records of the source (its files are listed, read and labelled), and all that follows",
    ),
    (
        "the screening",
        "one pass over the pixels of the source: images are screened, tiles are cut; and all that "
        "follows",
    ),
    ("the group", "who takes part in the group, and all that follows"),
    ("the images", "the images of the group, its networks, and all that follows"),
    ("the network", "the network is trained or imported, all attacks on it, and their tables"),
    ("the attack", "the attack on every network, and its tables; no other attack"),
    (
        "the measures",
        "the success rates, tables, figures and conclusions, from response surfaces that are there",
    ),
    ("the page", "`report.html` and `manifest.sha256` alone, in seconds"),
]

KEYS_OF = "the keys of "
_SOURCE = "sources.<source>"
_GROUP = "groups.<group>"
_NETWORKS = f"{_GROUP}.networks.<network>"
_ATTACK = "attacks.<attack>"

SECTIONS = [
    Section("The whole study", "Study", "", "the page", level=2),
    Section("Privacy", "Privacy", "privacy", "everything"),
    Section("Split", "Split", "split", "the group"),
    Section(
        "Synthetic hospital",
        "Phantom",
        "phantom",
        "the source",
        "Makes what a real site would hand over. A part that is left out is not made.",
        level=2,
    ),
    Section("Synthetic films", "PhantomXray", "phantom.xray", "the source"),
    Section("Synthetic fields", "PhantomFields", "phantom.fields", "the source"),
    Section("Synthetic slides", "PhantomSlides", "phantom.slides", "the source"),
    Section(
        "Source: DICOM archive",
        "DicomArchive",
        _SOURCE,
        "the source",
        "`kind: dicom_archive`. Give `reports` and `lexicon`, `label_table`, or all three. "
        "Explanation: [what is read of a film](../explanation/xray.md).",
        level=2,
    ),
    Section(
        "Reports",
        "Reports",
        f"{_SOURCE}.reports",
        "the source",
        "Give one of `table`, `documents` and `hl7`. How-to: [reports](../how-to/reports.md). "
        "Explanation: [labelling](../explanation/labelling.md).",
    ),
    Section(
        "Labels by hand",
        "HandLabels",
        f"{_SOURCE}.reports.hand_labels",
        "`agreement.csv`, `label_confusion.csv`, `label_errors.csv` of the source",
    ),
    Section("Table of labels", "LabelTable", f"{_SOURCE}.label_table", "the source"),
    Section(
        "Columns of labels",
        "TableLabels",
        f"{_SOURCE}.label_table.labels, {_SOURCE}.labels",
        "the source",
        "Give `column` and `names`, or `columns`.",
    ),
    Section("Screening of films", "FilmScreen", f"{_SOURCE}.screen", "the screening"),
    Section(
        "Source: PACS",
        "PacsArchive",
        _SOURCE,
        "the source",
        "`kind: pacs`. All keys of a [DICOM archive](#source-dicom-archive), which hold for the "
        "films that were fetched, and these. How-to: [films from a PACS](../how-to/pacs.md).",
        of="DicomArchive",
        level=2,
    ),
    Section(
        "Server",
        "Server",
        f"{_SOURCE}.server",
        "the source",
        "Give one of `dicomweb` and `dimse`.",
    ),
    Section("DICOMweb", "DicomWeb", f"{_SOURCE}.server.dicomweb", "the source"),
    Section("DIMSE", "Dimse", f"{_SOURCE}.server.dimse", "the source"),
    Section("Listener of C-MOVE", "Listener", f"{_SOURCE}.server.dimse.listen", "the page"),
    Section("Encryption", "Tls", f"{_SOURCE}.server.tls", "the page"),
    Section("Find", "Find", f"{_SOURCE}.find", "the source"),
    Section("Fetch", "Fetch", f"{_SOURCE}.fetch", "the page"),
    Section(
        "Source: microscope fields",
        "MicroscopeFields",
        _SOURCE,
        "the source",
        "`kind: microscope_fields`. Give `table` or `layout`. Explanation: "
        "[histology](../explanation/histology.md).",
        level=2,
    ),
    Section("Columns of fields", "FieldColumns", f"{_SOURCE}.columns", "the source"),
    Section(
        "Source: slides",
        "Slides",
        _SOURCE,
        "the source",
        "`kind: slides`. Explanation: [histology](../explanation/histology.md).",
        level=2,
    ),
    Section("Columns of slides", "SlideColumns", f"{_SOURCE}.columns", "the source"),
    Section("Tissue", "Tissue", f"{_SOURCE}.tissue", "the source"),
    Section(
        "Source: table of images",
        "ImageTable",
        _SOURCE,
        "the source",
        "`kind: table`. Give `table`, `layout`, or both. How-to: "
        "[your data](../how-to/your-data.md), with ten layouts.",
        level=2,
    ),
    Section("Columns of images", "TableColumns", f"{_SOURCE}.columns", "the source"),
    Section("Words for the sexes", "SexWords", f"{_SOURCE}.sex_words", "the source"),
    Section("Screening of images", "Screen", f"{_SOURCE}.screen", "the screening"),
    Section(
        "Groups",
        "Group",
        _GROUP,
        "the group",
        "How-to: [choose who is in a group](../how-to/groups.md).",
        level=2,
    ),
    Section(
        "Classes",
        "Class",
        f"{_GROUP}.classes.<class>",
        "the group",
        "Give `count` or `at_most`. A record that fits two classes of the group is left out.",
    ),
    Section("Where", "Where", f"{_GROUP}.classes.<class>.where", "the screening"),
    Section("Where not", "Conditions", f"{_GROUP}.classes.<class>.where.not", "the screening"),
    Section(
        "Images of a group",
        "Image",
        f"{_GROUP}.image",
        "the group",
        "How-to: [size, proportions and grey values](../how-to/images.md).",
    ),
    Section(
        "Lists of records",
        "TableFile",
        f"{_GROUP}.exclude, {_GROUP}.image.boxes",
        "the group",
        "The path of the table may stand alone: `exclude: left_out.csv`.",
    ),
    Section(
        "Augmentation",
        "Augment",
        f"{_GROUP}.augment, training.augment, {_NETWORKS}.augment",
        "the group, if it has copies; of a training, the network",
        "Limits of what is varied; each change is drawn evenly between minus and plus its limit.",
    ),
    Section(
        "Network from a file",
        "ExistingNetwork",
        f"{_GROUP}.network, {_NETWORKS}",
        "the network",
        "How-to: [what its outputs mean](../how-to/your-data.md#a-network-what-its-outputs-mean). "
        "Reference: [files of networks](network-files.md).",
        level=2,
    ),
    Section("Input of a network", "Input", f"{_GROUP}.network.input", "the network"),
    Section(
        "Further networks: trained",
        "Training",
        _NETWORKS,
        "the network",
        "All keys of [training](#training) but `repeats`; those that are left out are the ones of "
        "section `training`. With another `architecture`, `width`, `weights` and `dropout` are "
        "not taken from there. How-to: [several networks](../how-to/several-networks.md).",
        of="RepeatedTraining",
        level=2,
    ),
    Section(
        "Further networks: defended",
        "DefendedNetwork",
        _NETWORKS,
        "the network",
        "How-to: [defences](../how-to/defences.md).",
        level=2,
    ),
    Section(
        "Defences",
        "InputDefence",
        f"{_NETWORKS}.defence",
        "the network",
        "Give one of these keys.",
    ),
    Section("JPEG", "Jpeg", f"{_NETWORKS}.defence.jpeg", "the network"),
    Section("Bit depth", "BitDepth", f"{_NETWORKS}.defence.bit_depth", "the network"),
    Section("Median", "Median", f"{_NETWORKS}.defence.median", "the network"),
    Section(
        "Smoothing",
        "Smoothing",
        f"{_NETWORKS}.defence.smoothing",
        "the network",
        "How-to: [certificates](../how-to/certificates.md).",
    ),
    Section(
        "Further networks: ensembles",
        "EnsembleNetwork",
        _NETWORKS,
        "the network",
        level=2,
    ),
    Section(
        "Training",
        "RepeatedTraining",
        "training",
        "the network",
        "Explanation: [training](../explanation/training.md).",
        level=2,
    ),
    Section(
        "Adversarial training",
        "AdversarialTraining",
        f"training.adversarial, {_NETWORKS}.adversarial",
        "the network",
        "The section of an entry of `networks` replaces that of `training` as a whole. "
        "Explanation: [how to choose these keys]"
        "(../explanation/training.md#train-a-network-that-resists).",
    ),
    Section(
        "Gradient attacks",
        "GradientAttack",
        _ATTACK,
        "the attack",
        "`kind: gradient`, which may be left out. `gradient_of`, `step`, `clip`, `start` and "
        "`schedule` are the parts of the attack: see [attacks](attacks.md).",
        level=2,
    ),
    Section("Step in parts of epsilon", "OfEpsilon", f"{_ATTACK}.alpha", "the attack"),
    Section("Export", "Export", f"{_ATTACK}.export", "exported images"),
    Section("Noise", "NoiseAttack", _ATTACK, "the attack", "`kind: noise`.", level=2),
    Section(
        "Attacks of other libraries",
        "ExternalAttack",
        _ATTACK,
        "the attack",
        "`kind: external`. `epsilon` is bounded as the library bounds it.",
        level=2,
    ),
    Section(
        "Checks",
        "Checks",
        "checks",
        "the checks of all attacks",
        "Reference: [the checks](checks.md).",
        level=2,
    ),
    Section(
        "Training size",
        "TrainingSize",
        "training_size",
        "the networks that are new",
        "One section, or a list with one a group. Explanation: "
        "[conclusion 5](../explanation/conclusions.md#5-training_size).",
        level=2,
    ),
    Section("Operating points", "OperatingPoints", "operating_points", "the measures", level=2),
    Section("Measures", "Measures", "measures", "the measures", level=2),
    Section(
        "Margins",
        "Margins",
        "measures.margins",
        "`tables/defence.csv`, and the page",
        "How-to: [what helps](../how-to/what-helps.md).",
    ),
    Section(
        "Corruptions",
        "Corruption",
        "controls.<control>",
        "the control",
        "`kind: corruption`. How-to: [controls](../how-to/controls.md).",
        level=2,
    ),
    Section(
        "Universal perturbations",
        "UniversalPerturbation",
        "controls.<control>",
        "the control",
        "`kind: universal`. How-to: [universal perturbations](../how-to/universal.md).",
        level=2,
    ),
    Section(
        "Acceptance",
        "Limit",
        "acceptance",
        "`tables/acceptance.csv`, and the page",
        "One section, or a list of them. Command: [`pgdose gate`](commands.md#pgdose-gate).",
        level=2,
    ),
]


INTRODUCTION = [
    "Every key that a study file may hold. [How a study file is built](study.md) comes first. "
    "Search this page for a key (`balance`) or for a word of its meaning (equal). `<source>`, "
    "`<group>`, `<class>`, `<network>`, `<attack>` and `<control>` stand for names of your choice. "
    "A key may be left out unless it is *required*.",
    "A changed value makes results again at the next start. Below each heading, and at some keys, "
    "stands which:",
]


def pages() -> dict[str, str]:
    sources = "src/pgdose/study/*.py and src/pgdose/reference/study_keys.py"
    return {PATH: page("Keys of the study file", sources, *INTRODUCTION, *_parts())}


def _parts() -> Iterator[str]:
    yield table(["a change reruns", "that is"], RERUNS)
    schemas = models()
    for section in SECTIONS:
        yield heading(section.level, section.title)
        place = f"Keys below {_places(section.path)}." if section.path else ""
        reruns = f"A change reruns {section.reruns}, where a key says nothing else."
        yield " ".join(part for part in (place, section.text, reruns) if part)
        yield "\n".join(_entry(section, key, schemas) for key in keys(section, schemas))


def models() -> dict[str, Any]:
    """The JSON schemas of all models, by name."""
    schema = study_schema()
    return {"Study": schema, **schema["$defs"]}


def keys(section: Section, schemas: dict[str, Any]) -> list[str]:
    """The keys that a section shows."""
    left_out = schemas[section.of]["properties"] if section.of else ()
    shown = schemas[section.model]["properties"]
    # The kind of a source stands in each of its models, with another meaning.
    selected = [key for key in shown if key not in left_out or key == "kind"]
    return sorted(selected, key=lambda key: key != "kind")


def _entry(section: Section, key: str, schemas: dict[str, Any]) -> str:
    schema = schemas[section.model]["properties"][key]
    if "description" not in schema:
        raise ValueError(f"{section.model}.{key}: write its description below the field")
    meaning = parse(schema["description"])
    path = f"{section.path.split(', ')[0]}.{key}" if section.path else key
    facts = [kind_of(schema)]
    facts += [f"unit: {meaning.unit}"] if meaning.unit not in ("", "none") else []
    if key in schemas[section.model].get("required", ()):
        facts.append("*required*")
    elif (default := _default(schema)) is not None:
        facts.append(f"default: {default}")
    facts += [f"condition: {meaning.only}"] if meaning.only else []
    facts += [f"reruns {meaning.reruns}"] if meaning.reruns else []
    return bullet(f"**{code(path)}**: {meaning.text}", "; ".join(facts))


def _places(paths: str) -> str:
    return " and ".join(map(code, paths.split(", ")))


def _default(schema: dict[str, Any]) -> str | None:
    """The default as YAML writes it; None for sections, whose keys have their own."""
    value = schema.get("default")
    if "default" not in schema or (isinstance(value, dict) and value):
        return None
    return "none" if value in (None, "") else code(_yaml(value))


def _yaml(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(entry)}" for key, entry in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def kind_of(schema: dict[str, Any]) -> str:
    """The type of a value, with its bounds, in words."""
    if "$ref" in schema:
        return f"{KEYS_OF}{_link(schema['$ref'].rpartition('/')[2])}"
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return _or(map(code, schema["enum"]))
    if options := schema.get("anyOf") or schema.get("oneOf"):
        kinds = [kind_of(option) for option in options if option != {"type": "null"}]
        sections = [kind for kind in kinds if kind.startswith(KEYS_OF)]
        others = [kind for kind in kinds if kind not in sections]
        links = _or(kind.removeprefix(KEYS_OF) for kind in sections)
        return _or(dict.fromkeys([*others, *([KEYS_OF + links] if links else [])]))
    return {"array": _list, "object": _mapping, "string": _text, "boolean": _truth}.get(
        schema.get("type", ""), _number
    )(schema)


def _link(model: str) -> str:
    section = next(section for section in SECTIONS if section.model == model)
    anchor = "".join(c for c in section.title.lower().replace(" ", "-") if c.isalnum() or c == "-")
    return f"[{section.title}](#{anchor})"


def _or(words: Any) -> str:
    words = list(words)
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _list(schema: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        kinds = list(dict.fromkeys(kind_of(item) for item in schema["prefixItems"]))
        return f"a list of two, each {_or(kinds)}"
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    amount = ""
    if least and least == most:
        amount = f", {least} of them"
    elif least > 1 or most:
        amount = f", {least} to {most} of them" if most else f", {least} or more of them"
    return f"a list, each entry {kind_of(schema['items'])}{amount}"


def _mapping(schema: dict[str, Any]) -> str:
    values = schema.get("additionalProperties") or next(iter(schema["patternProperties"].values()))
    least = schema.get("minProperties", 0)
    amount = f", {least} or more" if least > 1 else ""
    return f"names{amount}, each with {kind_of(values)}"


def _truth(schema: dict[str, Any]) -> str:
    return "`true` or `false`"


def _text(schema: dict[str, Any]) -> str:
    if schema.get("format") == "date":
        return "a date or `null`"
    pattern = schema.get("pattern", "")
    if "/" in pattern:
        return "a division such as `8/255`"
    return "a name" if pattern.startswith("^[A-Za-z]") else "text"


def _number(schema: dict[str, Any]) -> str:
    if "type" not in schema:
        return "any value"
    name = {"integer": "a whole number", "number": "a number"}[schema["type"]]
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{name} from {low:,g} to {_figure(high)}"
    bounds = [
        f"{word} {_figure(bound)}"
        for word, bound in (("at least", low), ("over", over), ("at most", high), ("under", under))
        if bound is not None
    ]
    return f"{name} {' and '.join(bounds)}" if bounds else name


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"
