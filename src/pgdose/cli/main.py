"""The command line: `pgdose COMMAND ...`."""

import argparse
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from pgdose.cli.commands import COMMANDS
from pgdose.errors import UserError

ABOUT = "Measure the dose-response of adversarial attacks on medical image classifiers."


def _overview() -> str:
    """All commands, grouped by use."""
    return "\n".join(_overview_lines())


def _overview_lines() -> Iterator[str]:
    yield ABOUT
    width = max(len(command.name) for command in COMMANDS)
    for use in dict.fromkeys(command.use for command in COMMANDS):
        yield f"\n{use}:"
        for command in COMMANDS:
            if command.use == use:
                yield f"  {command.name:{width}}  {command.summary}"
    yield "\n`pgdose COMMAND --help` explains a command, docs/reference/commands.md all of them."


def installed_version() -> str:
    try:
        return version("pgdose")
    except PackageNotFoundError:  # a checkout on the path that nobody installed
        return "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pgdose",
        usage="pgdose [--version] COMMAND ...",
        description=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pgdose {installed_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    for command in COMMANDS:
        summary = f"{command.summary[0].upper()}{command.summary[1:]}."
        described = commands.add_parser(
            command.name, prog=f"pgdose {command.name}", description=summary
        )
        command.add_options(described)
        described.set_defaults(chosen=command)
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.command is None:
        print(_overview())
        return 0
    try:
        lines, status = arguments.chosen.run(arguments)
    except UserError as error:
        print(f"pgdose {arguments.command}: {error}", file=sys.stderr)
        return int(arguments.chosen.error_status)
    # A file's name need not be UTF-8; its bytes are passed on.
    sys.stdout.buffer.write(os.fsencode("".join(f"{line}\n" for line in lines)))
    return int(status)
