"""docs/reference/commands.md: every command and option, from the parsers of `pgdose.cli`."""

import argparse
from collections.abc import Iterator

from pgdose.cli.commands import COMMANDS, Command
from pgdose.reference.markdown import code, heading, page, table

PATH = "docs/reference/commands.md"
HOW_TO = {
    "audit": "[Audit a network](../how-to/audit.md)",
    "init": "[Use your own data](../how-to/your-data.md)",
    "run": "[Run, stop and resume a study](../how-to/running.md)",
    "check": "[Check a study before its run](../how-to/check-a-study.md)",
    "doctor": "[Check a study before its run](../how-to/check-a-study.md#check-the-machine)",
    "gate": "[Let a build fail on a weak network](../how-to/gate.md)",
    "verify": "[Reliability](../explanation/reliability.md)",
    "label": "[Tune a lexicon](../tutorials/lexicon.md)",
}

INSTALLED = """\
The commands work in a checkout, and in any folder after `pip install 'pgdose[workflow]'`: the
package carries the Snakefile with its rules and scripts, the profiles and the lexicons. A path such
as `resources/lexicons/ru.yaml` in a study means the file of your folder or, if there is none, that
of the package."""


def pages() -> dict[str, str]:
    parts = [
        "`pgdose` alone lists all commands; `pgdose COMMAND --help` prints the section of one.",
        INSTALLED,
        *_overview(),
    ]
    for command in COMMANDS:
        parts += _described(command)
    sources = "src/pgdose/cli/commands.py and src/pgdose/cli/options.py"
    return {PATH: page("Commands", sources, *parts)}


def _overview() -> Iterator[str]:
    for use in dict.fromkeys(command.use for command in COMMANDS):
        rows = [
            (f"[`pgdose {command.name}`](#pgdose-{command.name})", _sentence(command.summary))
            for command in COMMANDS
            if command.use == use
        ]
        yield heading(2, use)
        yield table(["command", "what it does"], rows)


def _described(command: Command) -> Iterator[str]:
    parser = argparse.ArgumentParser(prog=f"pgdose {command.name}")
    command.add_options(parser)
    yield heading(2, code(f"pgdose {command.name}"))
    yield _sentence(command.summary)
    yield f"```text\n{_usage(parser)}\n```"
    if parser.epilog:
        raw = parser.formatter_class is argparse.RawDescriptionHelpFormatter
        yield f"```text\n{parser.epilog}\n```" if raw else parser.epilog
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if not isinstance(a, argparse._HelpAction)]
        if not actions:
            continue
        if group.title not in ("positional arguments", "options"):
            yield f"{str(group.title)[:1].upper()}{str(group.title)[1:]}:"
        kind = "option" if actions[0].option_strings else "argument"
        yield table([kind, "meaning"], [(_names(a), _meaning(a)) for a in actions])
    if command.name in HOW_TO:
        yield f"How to use it: {HOW_TO[command.name]}."


def _usage(parser: argparse.ArgumentParser) -> str:
    """One line: what must be given, then `[options]`."""
    parts = [parser.prog]
    optional = False
    for action in parser._actions:
        if not action.option_strings:
            value = _value(action)
            parts.append(f"[{value}]" if action.nargs in ("?", argparse.REMAINDER) else value)
        elif action.required:
            parts.append(f"{action.option_strings[0]} {_value(action)}")
        elif not isinstance(action, argparse._HelpAction):
            optional = True
    return " ".join([*parts, "[options]"] if optional else parts)


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return code(_value(action))
    value = "" if action.nargs == 0 else f" {_value(action)}"
    return ", ".join(code(f"{name}{value}") for name in action.option_strings)


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _meaning(action: argparse.Action) -> str:
    """The help text, with %(default)s and the like filled in."""
    text = (action.help or "") % {**vars(action), "prog": "pgdose"}
    return f"required: {text}" if action.option_strings and action.required else text


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."
