# The study, the patterns of wildcards, and the paths of files that several stages share.

import json
import re

from snakemake.logging import logger

from pgdose import rerun_digest
from pgdose.analysis import table_registry
from pgdose.study.harm import harm_settings, norm_of
from pgdose.study.onnx_locations import data_files
from pgdose.preflight import check_inputs
from pgdose.study.sources import ARCHIVES
from pgdose.study.parsing import parse as parse_study
from pgdose.study.runs import MAIN_RUN
from pgdose.study.warnings import study_warnings


def read_study():
    """The study; a mistake in it stops the workflow here, before any job."""
    try:
        study = parse_study(dict(config), documents=STUDY_FILES)
        check_inputs(study)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return study


STUDY = read_study()
WARNINGS = study_warnings(STUDY)  # what it may say, but hardly means
RESULTS = STUDY.results
PRIVATE = STUDY.privacy.folder
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
RUN = f"{RESULTS}/groups/{{group}}/{{run}}"


# Jobs on a cluster run Snakemake themselves; these lines are for the run that a person started.
if workflow.exec_mode == ExecMode.DEFAULT:
    for line in WARNINGS:
        logger.warning(line)


def prepare_private():
    """Make the private folders, and the key of the ids where a study of real data has none."""
    # Snakemake would make them readable for everybody. Imported here, since only a real run needs it.
    from pgdose.tables.output_files import private_folder
    from pgdose.tables.site_key import make_key

    for folder in (Path("private"), Path(PRIVATE)):
        if Path(PRIVATE).is_relative_to(folder):
            private_folder(folder)
    # Here and in no job: `check_inputs` has found out that no results need a lost key.
    if not all(STUDY.synthetic(source) for source in STUDY.sources):
        make_key(Path(STUDY.privacy.key))


onstart:
    catch_signals()
    prepare_private()


if IS_MODULE and IS_REAL_RUN:  # Snakemake passes over the `onstart` of a module
    prepare_private()


def one_of(names):
    """A wildcard's pattern: one of these names, or nothing at all."""
    return "|".join(sorted(names)) or "(?!)"


wildcard_constraints:
    source=one_of(STUDY.sources),
    group=one_of(STUDY.groups),
    run=one_of({name for group in STUDY.groups for name in STUDY.runs(group)}),
    attack=one_of(STUDY.attacks),
    shard=r"\d+",


def check_group_names(rules):
    """Group names are targets, so they must differ from the names of rules."""
    for group in STUDY.groups:
        if workflow.modifier.modify_rulename(group) in rules:
            raise WorkflowError(
                f"groups.{group}: {group!r} is the name of a rule; choose another. "
                f"Reserved: {', '.join(sorted(rules))}"
            )


# --- params and resources -------------------------------------------------------------------


def as_json(value):
    """A rule's settings as one string: what Snakemake compares must have one spelling.

    Study text goes to rules only this way. Snakemake would read {G1} in a title as a wildcard, and
    its report puts params into the page as they are, so braces and angle brackets in texts are
    written as JSON's escapes. The braces of JSON itself are followed by a quote.
    """
    text = re.compile(r'"(?:[^"\\]|\\.)*"')
    escaped = {character: f"\\u{ord(character):04x}" for character in "{}<>&"}
    return text.sub(
        lambda match: match.group().translate(str.maketrans(escaped)), json.dumps(value)
    )


def script_digest(name, without=()):
    """Changes when the code that scripts/<name> runs changes; comments do not count.

    `without` names modules that are imported and not used, see `rerun_digest.source_files`.
    """
    return rerun_digest.digest(ROOT / "scripts" / name, without)


def page_digest(*names):
    """Changes when one of the files changes that a page is made of."""
    folder = rerun_digest.SOURCE / "pgdose" / "report" / "page_files"
    return rerun_digest.digest_of_files([folder / name for name in names])


def grows(amount):
    """A resource that grows with each attempt. What a profile's defaults give is not repeated."""
    return lambda w, attempt: attempt * (amount(w) if callable(amount) else amount)


# --- sources ----------------------------------------------------------------------------------


def sources_of_kind(*kinds):
    return [name for name, entry in STUDY.sources.items() if entry.kind in kinds]


def hand_labelled():
    """Archives whose labeller is measured, against labels by hand or of a table."""
    archives = {name: STUDY.sources[name] for name in sources_of_kind(*ARCHIVES)}
    return [
        name
        for name, archive in archives.items()
        if archive.reports and (archive.reports.hand_labels or archive.label_table)
    ]


def source_file(file, sources=None):
    """A file of every source, or of some."""
    names = STUDY.sources if sources is None else sources
    return [f"{RESULTS}/sources/{name}/{file}" for name in names]


def source_shards(source, folder, ending=".parquet", root=f"{RESULTS}/sources"):
    """A file of every shard of a source."""
    shards = range(STUDY.sources[source].shards)
    return [f"{root}/{source}/{folder}/{shard}{ending}" for shard in shards]


def screens(source):
    return source_shards(source, "screen")


def private_paths(group):
    """The tables that lead to the files of a group's sources."""
    return [f"{PRIVATE}/{name}/paths.parquet" for name in STUDY.sources_of(group)]


# --- groups -----------------------------------------------------------------------------------


def group_file(file, groups=None):
    """A file of every group, or of some."""
    names = STUDY.groups if groups is None else groups
    return [f"{RESULTS}/groups/{name}/{file}" for name in names]


def stores(group):
    """The image stores of a group: its own, or the tiles of its sources."""
    if STUDY.tiled(group):
        sources = STUDY.sources_of(group)
        return [
            file for name in sources for file in source_shards(name, "tiles", ".npy")
        ]
    shards = range(STUDY.groups[group].shards)
    return [f"{RESULTS}/groups/{group}/images/{shard}.npy" for shard in shards]


def image_shape(group, fitted=False):
    """The size and channels of a group's images, and how those of its stores are brought to them.

    The stores of a group that owns its pixels have the size already; `fitted` is for making them.
    """
    image = STUDY.groups[group].image
    shape = {"size": image.size, "channels": STUDY.channels(group)}
    fitted = fitted or STUDY.tiled(group)
    return as_json(shape | (image.fit_settings() if fitted else {}))


def image_settings(source):
    """What decides how the images of a source are read, see `xray.source_images`."""
    entry = STUDY.sources[source]
    return {
        "kind": "dicom_archive" if entry.kind in ARCHIVES else entry.kind,
        "modality": entry.modality,
        "orientation": getattr(entry, "orientation", None) or "turn",
        "bits": bits_of(source),
    }


def settings_of_images(w):
    return as_json(image_settings(w.source))


def settings_of_sources(w):
    return as_json({name: image_settings(name) for name in STUDY.sources_of(w.group)})


def bits_of(source):
    """How many bits of its deep pictures are in use."""
    return getattr(STUDY.sources[source], "bits", 16)


def modalities():
    return as_json({group: STUDY.modality(group) for group in STUDY.groups})


# --- runs -------------------------------------------------------------------------------------


def run_of(w):
    """The run that a job's wildcards name."""
    return STUDY.runs(w.group)[w.run]


def runs(*roles, groups=None):
    """The runs of all groups or of some, in the order of the study; of these roles, if named."""
    names = STUDY.groups if groups is None else groups
    all_runs = [run for group in names for run in STUDY.runs(group).values()]
    return [run for run in all_runs if not roles or run.role in roles]


def run_file(file, of):
    """A file of every run in a list."""
    return [f"{RESULTS}/groups/{run.path}/{file}" for run in of]


def surfaces(run, attack):
    """The shards of the response surface of one attack on a run."""
    shards = range(STUDY.attacks[attack].shards)
    folder = f"{RESULTS}/groups/{run.path}/{attack}/surface"
    return [f"{folder}/{shard}.parquet" for shard in shards]


def exports(group):
    """Folders of adversarial images; attacks of other libraries are not run again for them."""
    main = runs("main", groups=[group])
    attacks = STUDY.attacks.items()
    names = [
        name
        for name, attack in attacks
        if attack.export_settings.images and attack.kind != "external"
    ]
    return [folder for name in names for folder in run_file(f"{name}/images", main)]


def with_several_networks():
    return [name for name, group in STUDY.groups.items() if group.networks]


def transferred():
    """The runs and attacks whose images all networks of their group judge.

    Attacks of other libraries are not run again for it; noise is the same for all networks.
    """
    groups = with_several_networks()
    attacks = [
        name for name, attack in STUDY.attacks.items() if attack.kind == "gradient"
    ]
    networks = [run for run in runs("main", "further") if run.group in groups]
    return [(run, attack) for run in networks for attack in attacks]


def defended_groups():
    """The groups with a network that is made to resist attacks, beside a main one that is not."""
    undefended = [
        run.group
        for run in runs("main")
        if not getattr(run.network, "adversarial", None)
    ]
    groups = [run.group for run in runs() if run.is_defended]
    return list(dict.fromkeys(group for group in groups if group in undefended))


def compared_runs():
    """Of each of these groups the main network and the defended ones."""
    return [
        run
        for run in runs(groups=defended_groups())
        if run.role == "main" or run.is_defended
    ]


# --- results of the whole study -----------------------------------------------------------------


def result_tables():
    """The tables of the whole study; some only where the study asks for what they tell."""
    absent = {
        "transfer": not transferred(),
        "acceptance": not STUDY.acceptance,
        "certified": not smoothed_runs(),
        "controls": not controlled_runs(),
        "control_doses": not controlled_runs(),
        "defence": not defended_groups(),
    }
    names = [
        name for name in table_registry.RESULT_TABLES if not absent.get(name, False)
    ]
    return [f"{RESULTS}/tables/{name}.csv" for name in names]


def shown(path, caption, category, group=None):
    """An output that `snakemake --report` shows, with its caption in workflow/report/."""
    labels = {"group": group, "figure": caption} if group else {"name": caption}
    return report(
        path,
        caption=f"../report/{caption}.rst",
        category=category,
        subcategory=group,
        labels=labels,
    )


def results_of(group):
    """What a group's name as a target stands for."""
    return [
        *run_file("measures/asr.parquet", runs(groups=[group])),
        *run_file("diagnostics.parquet", runs(groups=[group])),
        *run_file("certificate.parquet", smoothed_runs([group])),
        *run_file("probe.html", [r for r in runs(groups=[group]) if r.is_imported]),
        *exports(group),
        *run_file(
            "corruptions.parquet", [r for r in corrupted_runs() if r.group == group]
        ),
        *run_file("universal.png", [r for r in universal_runs() if r.group == group]),
        *group_file(
            "disagreement.parquet", [g for g in with_disagreement() if g == group]
        ),
        *group_file("contact_sheet.png", [group]),
    ]
