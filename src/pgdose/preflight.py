"""Checks of a study's inputs before any job: its folders, files and columns are there.

Runs whenever the Snakefile is parsed, so it imports nothing heavy. Sources of the synthetic
hospital are left out, since it may not have made them yet.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from pgdose.errors import UserError
from pgdose.pacs.input_checks import pacs_mistakes
from pgdose.study.network_content import misfit
from pgdose.study.networks import ExistingNetwork
from pgdose.study.onnx_locations import data_files
from pgdose.study.sources import AnySource, DicomArchive, PacsArchive
from pgdose.study.study import Study
from pgdose.study.training import Training
from pgdose.study.yaml_file import read_yaml
from pgdose.tables.key_traces import key_entries, private_tables, unrecorded
from pgdose.tables.site_key import check_key, is_missing, load_key
from pgdose.user_tables.formats import UserTable, find_columns, read_header
from pgdose.user_tables.source_tables import (
    BOX_COLUMNS,
    EXCLUSION_COLUMNS,
    describing_table,
    hand_label_table,
    label_table,
    list_table,
    report_table,
)

PRIVATE_HEAD = "The private folders of the study are not yours:"
KEY_HEAD = "The key of the study's ids is not in order:"
INPUTS_HEAD = "The study's inputs are not in order:"
SHARDS_READ = 20  # of a source that has no records yet


def check_inputs(study: Study) -> None:
    """Raises one UserError with a line for each folder, file, column or label that is missing."""
    if lines := private_mistakes(study):
        raise UserError("\n".join([PRIVATE_HEAD, *(f"  {line}" for line in lines)]))
    if lines := key_mistakes(study):
        raise UserError("\n".join([KEY_HEAD, *(f"  {line}" for line in lines)]))
    if lines := input_mistakes(study):
        raise UserError("\n".join([INPUTS_HEAD, *(f"  {line}" for line in lines)]))


def private_mistakes(study: Study) -> list[str]:
    """A line for each private folder of another user that we may not use.

    What lies in it looks as if it were missing: Snakemake would plan to make it again, and a key
    there would count as lost.
    """
    private = Path(study.privacy.folder)
    of_sources = [private / name for name in study.sources]
    lines = []
    for folder in dict.fromkeys([Path("private"), private, *of_sources]):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # of a folder with a line
            owner = folder.stat().st_uid
            if os.geteuid() not in (owner, 0) and not _is_usable(folder):
                name = _user_name(owner)
                lines.append(
                    f"{folder}/ belongs to {name}, and nobody else may use it, since it leads to "
                    f"the files of patients; start Snakemake as {name}, have the folder given to "
                    "you (chown -R), or work in a checkout of your own"
                )
    return lines


def _is_usable(folder: Path) -> bool:
    """Whether we may do all there; some network disks show one owner to everybody."""
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK) and all(
        os.access(path, os.R_OK | os.W_OK) for path in folder.iterdir()
    )


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # an account of another machine
        return f"user {user}"


def input_mistakes(study: Study) -> list[str]:
    """A line for each folder, file, column or label that is missing."""
    checks = (_source_files, _lexicons, _group_files, _network_files)
    return [line for check in checks for line in check(study)]


def key_mistakes(study: Study) -> list[str]:
    """A line for each source or group, or other study, whose ids a lost or another key made.

    Only if the study needs the key: it must fit the ids that this study has, and it must not be
    made anew where the tables of any study were made with one, or do not say so.
    """
    if all(study.synthetic(name) for name in study.sources):
        return []
    path, private = Path(study.privacy.key), Path(study.privacy.folder)
    synthetic = {name for name in study.sources if study.synthetic(name)}
    made = {}
    for folder in sorted({*Path(study.results, "sources").glob("*"), *private.glob("*")}):
        if folder.name in synthetic:
            continue
        shards = [*folder.glob("slides/*.parquet"), *folder.glob("slide_files/*.parquet")]
        tables = [folder / "records.parquet", folder / "paths.parquet", *shards[:SHARDS_READ]]
        made[f"{folder}/"] = key_entries(tables)
    for folder in sorted(Path(study.results, "groups").glob("*")):
        tables = [folder / "planned.parquet", folder / "members.parquet"]
        made[f"{folder}/"] = key_entries(tables) - {""}  # of earlier versions
    if is_missing(path):
        inputs = {os.path.realpath(source.root) for source in study.sources.values()}
        inputs |= {os.path.realpath(private / name) for name in synthetic}
        for place in dict.fromkeys((Path("private"), path.parent, private.parent)):
            for folder, table in private_tables(place, inputs):
                made[f"{folder}/"] = made.get(f"{folder}/", set()) | key_entries([table])
    else:
        _verify(study, made)
    return check_key(path, made)


def _verify(study: Study, made: dict[str, set[str]]) -> None:
    """Try the key on the ids of this study's tables that do not say which key made them."""
    for name, source in study.sources.items():
        paths = Path(study.privacy.folder, name, "paths.parquet")
        if made.get(f"{paths.parent}/") == {""}:
            with contextlib.suppress(UserError, OSError):  # `check_key` says what is wrong with it
                key = load_key(Path(study.privacy.key))
                made[f"{paths.parent}/"] = {unrecorded(paths, Path(source.root), name, key)}


def _source_files(study: Study) -> Iterator[str]:
    for name, source in study.sources.items():
        if study.synthetic(name):
            continue
        if isinstance(source, PacsArchive):
            yield from pacs_mistakes(name, source)
        elif not Path(source.root).is_dir():
            yield f"sources.{name}.root: there is no folder {source.root!r}; correct the path"
        if isinstance(source, DicomArchive) and source.reports and source.reports.hl7 is not None:
            yield from _messages(f"sources.{name}.reports.hl7", source.reports.hl7)
        outlines = getattr(source, "outlines_root", None)
        if outlines is not None and not Path(outlines).is_dir():
            yield f"sources.{name}.outlines_root: there is no folder {outlines!r}; correct the path"
        for table in _tables(name, source):
            yield from _table(table)


def _messages(field: str, folder: str) -> Iterator[str]:
    """A line if there is no folder of HL7 messages, or no file in it."""
    if not Path(folder).is_dir():
        yield f"{field}: there is no folder {folder!r}; give the folder of the HL7 messages"
    elif not any(names for _, _, names in os.walk(folder)):
        yield f"{field}: the folder {folder!r} holds no file; put the HL7 messages into it"


def _tables(name: str, source: AnySource) -> Iterator[UserTable]:
    """The tables that a source names, with the columns that they must have."""
    settings = source.to_dict()
    if not isinstance(source, DicomArchive):
        if source.table:
            yield describing_table(Path(source.table), name, settings)
        return
    if source.reports:
        if source.reports.table is not None:
            yield report_table(Path(source.reports.table), name, settings["reports"])
        if hand := source.reports.hand_labels:
            yield hand_label_table(Path(hand.table), name, settings["reports"]["hand_labels"])
    if labels := source.label_table:
        yield label_table(Path(labels.table), name, settings["label_table"])


def _table(table: UserTable) -> Iterator[str]:
    """A line if a table is missing, or cannot be read, or one of its columns is missing."""
    lines = list(_file(table.at, str(table.path)))
    yield from lines
    if not lines:
        try:
            find_columns(table, read_header(table))
        except UserError as error:
            yield str(error)


def _file(field: str, path: str | None) -> Iterator[str]:
    """A line if the study names a file that is not there."""
    if path is not None and not Path(path).is_file():
        yield f"{field}: there is no file {path!r}; correct the path"


def _lexicons(study: Study) -> Iterator[str]:
    """Lexicons that are missing, and labels of classes that a lexicon does not define."""
    for name, source in study.sources.items():
        if not isinstance(source, DicomArchive):
            continue
        if source.lexicon_file is None:
            labels = source.label_table.labels.all_names if source.label_table else []
            yield from _labels_of_classes(study, name, labels, "its table of labels")
            continue
        path = Path(source.lexicon_file)
        if not path.is_file():
            yield from _file(f"sources.{name}.lexicon", source.lexicon)
            continue
        try:
            content = read_yaml(path, path.name).content
        except UserError as error:
            yield f"sources.{name}.lexicon: {error}"
            continue
        findings = content.get("findings") if isinstance(content, dict) else None
        labels = ["norm", *(findings if isinstance(findings, dict) else ())]
        if source.label_table:
            labels += source.label_table.labels.all_names
        yield from _labels_of_classes(study, name, labels, f"the lexicon {path.name}")


def _labels_of_classes(study: Study, source: str, labels: list[str], what: str) -> Iterator[str]:
    """A line for each word of a class that is no label of the source."""
    for g, group in study.groups.items():
        for c, entry in group.classes.items():
            named = entry.where.named("label").items() if entry.source == source else ()
            for key, words in named:
                yield from (
                    f"groups.{g}.classes.{c}.where.{key}: {word!r} is not a label of {what}; use "
                    f"one of: {', '.join(map(str, labels)) or 'none'}"
                    for word in words
                    if word not in labels
                )


def _group_files(study: Study) -> Iterator[str]:
    for name, group in study.groups.items():
        lists = {
            "exclude": (group.exclude, EXCLUSION_COLUMNS),
            "image.boxes": (group.image.boxes, BOX_COLUMNS),
        }
        for key, (entry, columns) in lists.items():
            if entry:
                field = f"groups.{name}.{key}"
                yield from _table(list_table(Path(entry.table), field, columns, entry.to_dict()))


def _network_content(field: str, network: ExistingNetwork) -> Iterator[str]:
    """A line if a network's file is of another kind than its suffix says."""
    path = Path(network.file)
    with contextlib.suppress(OSError):
        if path.is_file() and (fault := misfit(path, network.format)):
            yield f"{field}.file: {path.name} {fault}"


def _network_files(study: Study) -> Iterator[str]:
    """Existing networks, and weights that trainings start from."""
    networks = {
        run.field: run.network
        for group in study.groups
        for run in study.runs(group).values()
        if run.role in ("main", "further")
    }
    for field, network in {"training": study.training, **networks}.items():
        if isinstance(network, ExistingNetwork):
            yield from _file(f"{field}.file", network.file)
            yield from _network_content(field, network)
            for data in data_files(network.file):
                yield from _file(f"{field}.file: weights beside it", str(data))
        elif isinstance(network, Training) and network.weights != "imagenet":
            yield from _file(f"{field}.weights", network.weights)
