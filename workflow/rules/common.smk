# The study, and where its files are. Everything that rules share stands here.

import json
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir, "src")))

from pgdose import rerun_digest
from pgdose.analysis.registry import RESULT_TABLES
from pgdose.errors import UserError
from pgdose.preflight import check_inputs
from pgdose.study.runs import SIZED
from pgdose.study.networks import ExistingNetwork
from pgdose.study.parsing import parse as parse_study


def read_study():
    """The study in force; a wrong one stops here, before any job."""
    try:
        study = parse_study(dict(config))
        check_inputs(study)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return study


STUDY = read_study()
RESULTS = STUDY.results
PRIVATE = STUDY.privacy.folder
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
HOSPITAL = STUDY.phantom.root if STUDY.phantom else "hospital"


onstart:
    # Before Snakemake makes them, which would be for everybody. Parsing is not to pay for it.
    from pgdose.tables.output_files import private_folder

    for folder in (Path("private"), Path(PRIVATE)):
        if Path(PRIVATE).is_relative_to(folder):
            private_folder(folder)


def names(those):
    """A wildcard's pattern: one of these names, or nothing at all."""
    return "|".join(sorted(those)) or "(?!)"


def sources_of_kind(*kinds):
    return names(s for s, source in STUDY.sources.items() if source.kind in kinds)


# Runs that are no training of a smaller set.
NETWORKS = names({run for group in STUDY.groups for run in STUDY.networks(group)})


wildcard_constraints:
    source=names(STUDY.sources),
    group=names(STUDY.groups),
    run=f"{NETWORKS}|{SIZED}",
    attack=names(STUDY.attacks),
    shard=r"\d+",


def check_group_names(rules):
    """Group names are targets, so they must differ from the names of rules."""
    for group in STUDY.groups:
        if group in rules:
            raise WorkflowError(
                f"groups.{group}: {group!r} is the name of a rule; choose another. "
                f"Reserved: {', '.join(sorted(rules))}"
            )


def script_digest(name):
    """Changes when the code changes that scripts/<name> runs; a comment does not count."""
    return rerun_digest.digest(Path(workflow.basedir, "scripts", name))


def grows(amount):
    """A resource that a job gets again as much of when it is tried again."""
    return lambda w, attempt: attempt * (amount(w) if callable(amount) else amount)


def as_json(value):
    """A rule's settings as one string: what Snakemake compares must have one spelling."""
    return json.dumps(value)


def attack_settings(group, attack):
    """What of an attack its result depends on; the rest is how the job is run."""
    return {
        **STUDY.attacks[attack].settings("attack"),
        "target": STUDY.target(group, attack),
    }


def shards(of):
    return range(of.shards)


def phantom_amounts(part):
    """How much of a part the synthetic hospital is to make; nothing if it is not wanted."""
    wanted = getattr(STUDY.phantom, part) if STUDY.phantom else None
    return as_json(wanted.to_dict() if wanted else {})


def key_seed(source):
    """The synthetic hospital's ids repeat; a real site's key is secret."""
    return STUDY.seed if STUDY.synthetic(source) else None


def kinds_of(group):
    return as_json({s: STUDY.sources[s].kind for s in STUDY.sources_of(group)})


def archives(group):
    """Those of a group's sources that are DICOM files."""
    kinds = {s: STUDY.sources[s].kind for s in STUDY.sources_of(group)}
    return [source for source, kind in kinds.items() if kind == "dicom_archive"]


def fitness(group):
    """What of `image` decides who can be a member."""
    image = STUDY.groups[group].image
    needed = {"window": image.window, "crop": image.crop}
    if image.crop != "none":
        needed["least_confidence"] = image.least_confidence
    return needed


def own_shards(group):
    """Into how many stores a group's images go; tiles stay in those of their source."""
    return 0 if STUDY.tiled(group) else STUDY.groups[group].shards


def augmentation(group):
    """How far copies may differ; nothing for a group without copies."""
    copies = any(c.augment_to for c in STUDY.groups[group].classes.values())
    return STUDY.groups[group].augment.to_dict() if copies else {}


def made_by_phantom(source):
    """What stands for the files of a source that the synthetic hospital makes."""
    if not STUDY.synthetic(source):
        return []
    if STUDY.sources[source].kind == "microscope_fields":
        return f"{HOSPITAL}/fields.csv"
    return STUDY.sources[source].reports.table


def reported():
    """Sources with reports."""
    return [s for s, entry in STUDY.sources.items() if entry.kind == "dicom_archive"]


def hand_labelled():
    """Sources with reports, some of them with labels by hand."""
    return [s for s in reported() if STUDY.sources[s].reports.hand_labels]


def report_settings(source, *names):
    """Some of the reports' settings; where the reports lie is an input."""
    return as_json(
        {name: getattr(STUDY.sources[source].reports, name) for name in names}
    )


def table_settings(source):
    """What of a table's settings its index depends on."""
    return as_json(STUDY.sources[source].settings("index_table"))


def codes(source):
    """Which words of ViewPosition and BodyPartExamined the study asks a source for."""
    entry = STUDY.sources[source]
    asked = {view for where in wanted_of(source) for view in where["view"] or []}
    kept = {"views": sorted(asked)}
    if entry.kind == "dicom_archive":
        kept["parts"] = entry.screen.body_parts
    return as_json(kept)


def field_settings(source):
    """What of a source of fields its index depends on."""
    return as_json(STUDY.sources[source].settings("index_fields"))


def slide_settings(source):
    """What of a source of slides its candidates depend on."""
    return as_json(STUDY.sources[source].settings("candidates"))


def choice_settings(source):
    """What of a source of slides the choice among the candidates depends on."""
    entry = STUDY.sources[source]
    return {**entry.settings("index_slides"), "tile_classes": entry.tile_classes}


def cropped(group, files):
    """Files of each source of a group whose images are cut out of whole films."""
    if STUDY.groups[group].image.crop == "none":
        return []
    return [file for source in STUDY.sources_of(group) for file in files(source)]


def wanted_of(source):
    """The `where` of every class of every group that draws on a source, and its crop."""
    wanted = {
        as_json({**entry.where.to_dict(), "crop": group.image.crop})
        for group in STUDY.groups.values()
        for entry in group.classes.values()
        if entry.source == source
    }
    return [json.loads(where) for where in sorted(wanted)]


# --- files ----------------------------------------------------------------------------------


def records_of(group):
    return [f"{RESULTS}/sources/{s}/records.parquet" for s in STUDY.sources_of(group)]


def of_shards(source, folder, kind="parquet", root=f"{RESULTS}/sources"):
    """One file of every shard of a source."""
    return [
        f"{root}/{source}/{folder}/{shard}.{kind}"
        for shard in shards(STUDY.sources[source])
    ]


def screens(source):
    return of_shards(source, "screen")


def stores(group):
    """The image stores of a group: its own, or the tiles of its sources."""
    if STUDY.tiled(group):
        return [
            store
            for source in STUDY.sources_of(group)
            for store in of_shards(source, "tiles", "npy")
        ]
    return [
        f"{RESULTS}/groups/{group}/images/{shard}.npy"
        for shard in shards(STUDY.groups[group])
    ]


def missing(group):
    """Tables of the members whose image could not be read after all."""
    if STUDY.tiled(group):
        return []
    return [store.removesuffix(".npy") + ".missing.parquet" for store in stores(group)]


def image_shape(group):
    return as_json(
        {"size": STUDY.groups[group].image.size, "channels": STUDY.channels(group)}
    )


def events():
    """TensorBoard's files of a training, if the study asks for them."""
    folder = f"{RESULTS}/groups/{{group}}/{{run}}/tensorboard"
    return {"events": directory(folder)} if STUDY.training.tensorboard else {}


def is_brought(group, run):
    """Whether a run's network exists already."""
    return isinstance(STUDY.networks(group).get(run), ExistingNetwork)


def groups_with(brought):
    """The wildcard `group` of RUN, where the run's network is to be brought, or else trained."""
    pairs = [(g, run) for g in STUDY.groups for run in STUDY.runs(g)]
    return names(f"{g}(?=/{r}/)" for g, r in pairs if is_brought(g, r) == brought)


def training(group, run):
    """How a run's network is trained."""
    return STUDY.networks(group).get(run, STUDY.training)


def training_images(run):
    """How many images a run of training_size has; 0: all."""
    return int(run[1:].split("-")[0]) if re.fullmatch(SIZED, run) else 0


def network_settings(group, run):
    """What of a run's network its weights depend on; the rest is how the job is run."""
    return as_json(training(group, run).settings())


def kind_of_network(group, run):
    """What a table says of a network: how it is built, or of what kind its file is."""
    network = training(group, run)
    return network.architecture or Path(network.file).suffix.lower()


def start_weights(group, run):
    """The file that a training starts from, if there is one."""
    weights = training(group, run).weights
    return [] if weights in (None, "imagenet") else weights


def contact_sheet(group):
    return f"{RESULTS}/groups/{group}/contact_sheet.png"


def looks():
    """What a person looks over: what was discarded and what was cut, and the labeller's score."""
    found = [f"{RESULTS}/sources/{s}/agreement.csv" for s in hand_labelled()]
    for name, source in STUDY.sources.items():
        folder = f"{RESULTS}/sources/{name}"
        if source.kind in ("dicom_archive", "table"):
            found.append(f"{folder}/rejects.png")
        else:
            found.append(f"{folder}/tiles.png")
        if source.kind == "slides":
            found.append(f"{folder}/slides.csv")
            found += [f"{folder}/thumbnails/{shard}" for shard in shards(source)]
    return found


def surfaces(group, run, attack):
    return [
        f"{RESULTS}/groups/{group}/{run}/{attack}/surface/{shard}.parquet"
        for shard in shards(STUDY.attacks[attack])
    ]


def of_surfaces(group, run):
    """The shards of all attacks on a run."""
    return [s for a in STUDY.attacks_of(group, run) for s in surfaces(group, run, a)]


def attacks_of_sizes():
    return STUDY.training_size.attacks if STUDY.training_size else []


def of_attacks(file, group, runs=None):
    """One file of every attack on a group."""
    return [
        f"{RESULTS}/groups/{group}/{run}/{attack}/{file}"
        for run in runs or STUDY.runs(group)
        for attack in STUDY.attacks_of(group, run)
    ]


def of_sized_runs(file):
    """One file of every run of the group of training sizes, if there is one."""
    group = STUDY.training_size.group if STUDY.training_size else None
    return [f"{RESULTS}/groups/{group}/{run}/{file}" for run in sized_runs()]


def sized_runs():
    """The runs of training_size: the whole training set, and the smaller ones."""
    if not STUDY.training_size:
        return []
    group = STUDY.training_size.group
    return [run for run in STUDY.runs(group) if run not in STUDY.groups[group].networks]


def asr_tables(group):
    return of_runs("measures/asr.parquet", group)


def networked():
    """Groups with several networks."""
    return [g for g, group in STUDY.groups.items() if group.networks]


def transfers():
    """Whose images are judged by a group's other networks.

    Not those of other libraries, which are not made again; noise is the same for all networks.
    """
    return [
        (group, run, name)
        for group in networked()
        for run in STUDY.networks(group)
        for name, attack in STUDY.attacks.items()
        if attack.kind == "gradient"
    ]


def exports(group):
    """Folders of adversarial images; other libraries' attacks are not run again for them."""
    return [
        f"{RESULTS}/groups/{group}/full/{name}/images"
        for name, attack in STUDY.attacks.items()
        if attack.export and attack.kind != "external"
    ]


def of_networks(file):
    """One file of every network that is no training of a smaller set."""
    return [
        f"{RESULTS}/groups/{g}/{run}/{file}"
        for g in STUDY.groups
        for run in STUDY.networks(g)
    ]


def of_groups(file):
    """One file of every group's full run."""
    return [f"{RESULTS}/groups/{group}/full/{file}" for group in STUDY.groups]


def of_runs(file, group):
    """One file of every run of a group."""
    return [f"{RESULTS}/groups/{group}/{run}/{file}" for run in STUDY.runs(group)]


def of_all_runs(file):
    """One file of every run of every group."""
    return [path for group in STUDY.groups for path in of_runs(file, group)]


def result_tables():
    """The names of the result tables that this study has."""
    return [name for name in RESULT_TABLES if name != "transfer" or transfers()]


def tables():
    return [f"{RESULTS}/tables/{name}.csv" for name in result_tables()]


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


def shown_figure(path):
    """A figure of rules curves, pictures or group_figures; of its files the PNG is shown."""
    kind, name = Path(path).parent.name, Path(path).stem
    if not path.endswith(".png"):
        return path
    if kind == "figures":
        return shown(path, name, "Figures")
    return shown(path, kind, "Groups", name)


def shown_table(name):
    """A table of all groups together; asr.csv and others too long to look through are not shown."""
    path = f"{RESULTS}/tables/{name}.csv"
    shown_there = RESULT_TABLES[name].in_snakemake_report
    return shown(path, name, "Tables") if shown_there else path


CURVES = ["fig3a", "fig3b", "fig3c"] + (["fig3d"] if STUDY.training_size else [])


def figures():
    """Figs. 1 to 3; beside each curve stands the table it is drawn from."""
    pictures = [
        f"{name}.{kind}" for name in ("fig1", "fig2") for kind in ("png", "svg")
    ]
    curves = [f"{name}.{kind}" for name in CURVES for kind in ("png", "svg", "csv")]
    return [f"{RESULTS}/figures/{file}" for file in [*pictures, *curves]]


def group_figures():
    """Of every group: its heat map, its network, its examples."""
    return [
        f"{RESULTS}/figures/{name}/{group}.{kind}"
        for name, kinds in {
            "heatmap": ("png", "svg", "csv"),
            "network": ("png", "svg", "csv"),
            "examples": ("png", "svg"),
        }.items()
        for group in STUDY.groups
        for kind in kinds
    ]


def group_modalities():
    """For legends: {group: modality}; titles are left to Table 1."""
    return as_json({g: STUDY.modality(g) for g in STUDY.groups})
