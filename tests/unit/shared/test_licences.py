"""docs/reference/licences.md holds what requirements.txt pins, and nothing of this machine."""

import re
import runpy
import subprocess
import sys

import pytest
from helpers.workflow import PROJECT

PAGE = (PROJECT / "docs/reference/licences.md").read_text()
TOOL = runpy.run_path(str(PROJECT / ".ci/licences"))
PINS = TOOL["pins"]((PROJECT / "requirements.txt").read_text())


def test_the_table_has_exactly_what_is_pinned() -> None:
    text = PAGE.split(TOOL["START"])[1].split(TOOL["END"])[0]
    rows = re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \| ([^|]+) \|", text, re.M)
    table = {name: versions.split(", ") for name, versions, _ in rows if name != "package"}
    assert table == {name: versions for name, (versions, _) in PINS.items()}


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11),
    reason="the table is made under 3.11; others have other pins of some packages",
)
def test_the_tool_would_write_the_same() -> None:
    pytest.importorskip("piplicenses")
    command = [sys.executable, PROJECT / ".ci/licences", "--check"]
    run = subprocess.run([*map(str, command)], text=True, capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_licences_that_bind_are_named_above_the_table() -> None:
    """Of what the table says: under the GPL or its like, proprietary, or not stated."""
    above, text = PAGE.split(TOOL["START"])
    rows = re.findall(r"^\| ([a-z0-9-]+) \| [^|]+ \| ([^|]+) \|", text, re.M)
    binding = [n for n, says in rows if re.search(r"GPL|MPL|Mozilla|NVIDIA|not stated", says)]
    named = [name for name in binding if f"`{name}`" in above or name.startswith("nvidia-")]
    assert binding == named


def test_there_is_no_address_and_no_path_of_a_machine() -> None:
    assert not re.search(r"\S@\S|/home/|/root/|/tmp/|site-packages", PAGE)


def test_versions_and_who_requires_them_are_read() -> None:
    text = (
        "a-b==1.0 ; python_version < '3.12' \\\n    --hash=sha256:x\n    # via\n    #   c\n"
        "    #   pgdose (pyproject.toml)\na_b==2.0 \\\n    --hash=sha256:y\n    # via c\n"
    )
    assert TOOL["pins"](text) == {"a-b": (["1.0", "2.0"], ["c", "pgdose"])}
