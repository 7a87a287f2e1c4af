"""The registry of commands: what each is called, is for, takes and runs. A new one is added here.

A command imports its module when it runs: no command waits for another's libraries.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pgdose.cli import options

Arguments = argparse.Namespace


class Answer(NamedTuple):
    """What a command prints, and its exit status."""

    lines: list[str]
    status: int = 0


def _audit(arguments: Arguments) -> Answer:
    from pgdose.cli.audit import audit

    return Answer(*audit(arguments))


def _demo(arguments: Arguments) -> Answer:
    from pgdose.cli.demo import demo

    return Answer(*demo(arguments.folder, arguments.quick, arguments.cores))


def _init(arguments: Arguments) -> Answer:
    from pgdose.cli.init import init

    return Answer(init(arguments.kind, arguments.file))


def _run(arguments: Arguments) -> Answer:
    from pgdose.cli.workflow import run_study

    return Answer([], run_study(arguments.study, arguments.options))


def _check(arguments: Arguments) -> Answer:
    from pgdose.cli.check import check, expect

    lines = check(arguments.study)
    return Answer(lines if arguments.quick else [*lines, *expect(arguments.study)])


def _doctor(arguments: Arguments) -> Answer:
    from pgdose.cli.doctor import doctor

    return Answer(*doctor(arguments.json, Path()))


def _gate(arguments: Arguments) -> Answer:
    from pgdose.cli import gate

    keys = ("attack", "epsilon", "max_asr", "confidence")
    wanted = {key: getattr(arguments, key) for key in keys}
    rows = gate.gate(arguments.results, wanted, arguments.group)
    if arguments.json:
        gate.write_json(rows, arguments.json)
    if arguments.junit:
        gate.write_junit(rows, arguments.junit)
    line = gate.summary(rows)
    return Answer([line], 0 if line.startswith("PASS") else 1)


def _verify(arguments: Arguments) -> Answer:
    from pgdose.cli.verify import verify

    return Answer(verify(arguments.results, arguments.sign, arguments.public_key))


def _cite(arguments: Arguments) -> Answer:
    from pgdose.cli.cite import cite

    return Answer(cite(arguments.results))


def _share(arguments: Arguments) -> Answer:
    from pgdose.cli.share import share

    return Answer(
        share(
            arguments.results,
            arguments.out,
            arguments.name,
            arguments.smallest_count,
            arguments.yes,
        )
    )


def _pool(arguments: Arguments) -> Answer:
    from pgdose.cli.pool import pool

    return Answer(pool(arguments.folders, arguments.out))


def _where(arguments: Arguments) -> Answer:
    from pgdose.cli.where import where

    return Answer(sorted(set(where(arguments.record_id, arguments.private).values())))


def _evidence(arguments: Arguments) -> Answer:
    from pgdose.cli.evidence import evidence
    from pgdose.cli.where import where

    files = where(arguments.record_id, arguments.private)
    report = evidence(arguments.record_id, next(iter(files)))
    return Answer(sorted(set(files.values())) + report)


def _disagreements(arguments: Arguments) -> Answer:
    from pgdose.cli.disagreements import disagreements

    return Answer(disagreements(arguments.study, arguments.source))


def _label(arguments: Arguments) -> Answer:
    from pgdose.cli.label import label

    return Answer(label(arguments))


def _words(arguments: Arguments) -> Answer:
    from pgdose.cli.words import words

    return Answer(words(arguments.study, arguments.source))


def _schema(arguments: Arguments) -> Answer:
    from pgdose.cli.schema import schema

    return Answer(schema().splitlines())


def _migrate(arguments: Arguments) -> Answer:
    from pgdose.cli.migrate import migrate

    return Answer(migrate(arguments.study))


class Command(NamedTuple):
    """A command.

    use:          the heading that it stands under in the list of commands
    summary:      its line there, and the first of its --help
    add_options:  adds its arguments to a parser
    error_status: the exit status after a UserError
    """

    name: str
    use: str
    summary: str
    run: Callable[[Arguments], Answer]
    add_options: Callable[[argparse.ArgumentParser], None]
    error_status: int = 1


START, RESULTS = "Carry out a study", "Use its results"
RECORDS = "Look at records and reports (these show private data)"
FILES = "Keep study files"

COMMANDS = [
    Command(
        "demo",
        START,
        "carry out a small study of a synthetic hospital: two groups, two minutes, no data needed",
        _demo,
        options.demo,
    ),
    Command(
        "audit",
        START,
        "measure the dose-response of a network that you have, on images and labels",
        _audit,
        options.audit,
    ),
    Command(
        "init",
        START,
        "write a study file with comments for your kind of data",
        _init,
        options.init,
    ),
    Command(
        "run",
        START,
        "carry out a study with Snakemake, or resume it",
        _run,
        options.run,
    ),
    Command(
        "check",
        START,
        "print all mistakes of a study file, then the jobs, hours and disk space to expect",
        _check,
        options.check,
    ),
    Command(
        "doctor",
        START,
        "print what this machine and installation lack, and what makes studies slow",
        _doctor,
        options.doctor,
    ),
    Command(
        "gate",
        RESULTS,
        "compare the results with a limit: exit status 0 if all networks surely keep it, 1 if not, "
        "2 for errors",
        _gate,
        options.gate,
        error_status=2,
    ),
    Command(
        "verify",
        RESULTS,
        "check that all results are there and unchanged; sign them",
        _verify,
        options.verify,
    ),
    Command("cite", RESULTS, "say how to cite pgdose and the results", _cite, options.results),
    Command(
        "share",
        RESULTS,
        "write a small folder without private data that others can pool with theirs",
        _share,
        options.share,
    ),
    Command(
        "pool",
        RESULTS,
        "write an atlas of several studies, from the folders that they shared",
        _pool,
        options.pool,
    ),
    Command("where", RECORDS, "print the path of a record's file", _where, options.record),
    Command(
        "evidence",
        RECORDS,
        "show a record's report, and the words in it that made each label",
        _evidence,
        options.record,
    ),
    Command(
        "disagreements",
        RECORDS,
        "write a page of the reports that a person labelled differently",
        _disagreements,
        options.disagreements,
    ),
    Command(
        "label",
        RECORDS,
        "show how the labeller reads reports, and why: for tuning a lexicon",
        _label,
        options.label,
    ),
    Command(
        "words",
        RECORDS,
        "list the class words in the files of a study's sources, and the class of each",
        _words,
        options.words,
    ),
    Command("schema", FILES, "print the JSON schema of a study file", _schema, options.nothing),
    Command(
        "migrate", FILES, "rewrite an older study file for this version", _migrate, options.study
    ),
]
