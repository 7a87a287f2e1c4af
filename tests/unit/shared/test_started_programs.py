"""Programs in Python that pgdose starts: none imports a module of the working folder."""

import re

from helpers.workflow import PROJECT

START = re.compile(r"\[\s*sys\.executable,\s*(\S+)")


def test_each_has_the_option_that_leaves_the_working_folder_out() -> None:
    sources = [*PROJECT.glob("src/**/*.py"), *PROJECT.glob("scripts/*.py")]
    starts = {path.name: START.findall(path.read_text(encoding="utf-8")) for path in sources}
    starts = {name: first for name, first in starts.items() if first}
    assert len(starts) >= 6
    assert all(first == '"-P",' for options in starts.values() for first in options), starts
