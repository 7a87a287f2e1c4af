"""Slips in YAML: each is refused with its line, what stands there and what to write."""

from pathlib import Path

import pytest
import yaml
from helpers.workflow import PROJECT, SMALL, checkout, planned, snakemake
from hypothesis import given
from hypothesis import strategies as st

from pgdose.cli.check import check
from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.study.content_limits import load_document, load_yaml
from pgdose.study.study_file import read_study_file

TEXT = (PROJECT / SMALL).read_text()

# The text, the number of the line with the slip, and words of the message.
SLIPS = {
    "tab as indentation": ("a:\n\tb: 1\n", 2, "a tab stands here; write spaces"),
    "tab below a value": ("a:\n  b: 1\n  \tc: 2\n", 3, "a tab stands here; write spaces"),
    "tab behind a colon": ("a: 1\nb:\t2\n", 2, "a tab stands here; write spaces"),
    "no-break space as indentation": (
        "a:\n  b: 1\n\xa0\xa0c: 2\n",
        3,
        "a no-break space stands before 'c'; write spaces instead",
    ),
    "no-break space behind a colon": ("a: 1\nb:\xa02\nc: 3\n", 2, "a no-break space stands here"),
    "no-break spaces alone": ("\xa0\xa0a: 1\n", 1, "a no-break space stands before 'a'"),
    "zero width space": (
        "a: 1\nb: x\u200b\n",
        2,
        "a zero width space stands behind 'x'; remove it",
    ),
    "byte order mark inside": (
        "a: 1\n\ufeffb: 2\n",
        2,
        "a zero width no-break space stands before 'b'",
    ),
    "missing colon": ("a: 1\nb 2\nc: 3\n", 2, "'b 2' has no colon; write KEY: VALUE"),
    "missing colon above a section": ("a: 1\nb\n  c: 3\n", 2, "'b' has no colon; write KEY:"),
    "missing colon at the end": ("a: 1\nb 2\n", 2, "'b 2' has no colon"),
    "no space behind a colon": ("a: 1\nb:2\nc: 3\n", 2, "write 'b: 2'"),
    "no space behind a colon in braces": ("a: 1\nb: {c:1, d: 2}\n", 2, "write 'c: 1'"),
    "two colons": ("a: 1\ntitle: Age: 20-35\n", 2, 'put it in quotes: title: "Age: 20-35"'),
    "two colons and quotes": ('t: Age: "x" # y\n', 1, "put it in quotes: t: 'Age: \"x\"'"),
    "two colons in a list": ("a:\n  - t: Age: 2\n", 2, 'put it in quotes: t: "Age: 2"'),
    "two colons in braces": ("a: 1\nb: {t: Age: 2, c: 3}\n", 2, 'in quotes: t: "Age: 2"'),
    "indented too far": ("a: 1\n  b: 2\n", 2, "indented further than line"),
    "indented too little": (
        "a:\n    b: 1\n  c: 2\n",
        3,
        "'c: 2' is indented by 2 spaces, as no line of its section is; indent it by 0 or 4",
    ),
    "list entry among keys": ("a:\n  b: 1\n  - c\n", 3, "is an entry of a list among keys"),
    "key among list entries": ("a:\n  - b\n  c: 1\n", 3, "stands among the entries of a list"),
    "backslashes": ('a: 1\nroot: "C:\\data"\n', 2, "write single quotes, or '/' in place of"),
    "backslashes that mean something": (
        'a: 1\nroot: "C:\\new\\table"\n',
        2,
        "write single quotes, or '/' in place of",
    ),
    "backslashes of a server": ('root: "\\\\server\\new"\n', 1, "write single quotes, or '/'"),
    "quotes that do not end": ('a: 1\ntitle: "x\nb: 2\n', 2, "the quotes that begin here do not"),
    "text behind quotes": ('a: 1\nt: "x" y\n', 2, "'y' stands behind the end of a value; put the"),
    "braces of a path": ("a: 1\nlayout: {class}/{patient}\n", 2, "put the whole value in quotes"),
    "curly quotes": ("a: 1\ntitle: “Age 20”\n", 2, "has curly quotes"),
    "curly quotes and a colon": ("a: 1\ntitle: “Age: 20”\n", 2, "has curly quotes"),
    "curly quotes of a key": ("“a”: 1\n", 1, "has curly quotes"),
    "a star": ("a: 1\nb: *.tif\n", 2, "a text may not begin with '*'; put it in quotes"),
    "a star and letters": ("a: 1\nb: *tif\n", 2, "'*tif' stands for what '&tif' marks"),
    "a per cent sign": ("a: 1\nb: %x\n", 2, "a text may not begin with '%'; put it in quotes"),
    "an at sign": ("a: 1\nb: @x\n", 2, "a text may not begin with '@'"),
    "a bar": ("a:\n  separator: |\nb: 1\n", 2, "no text follows '|'; put it in quotes"),
    "a bar at the end": ("separator: |\n", 1, "no text follows '|'; put it in quotes"),
    "a bar in braces": ("a: {separator: |}\n", 1, "a text may not begin with '|'"),
    "larger than": ("a: 1\ntitle: > 5 years\n", 2, "a text may not begin with '>'"),
    "a comma": ("a: 1\nseparator: ,\n", 2, "',' stands where a value must; put it in quotes"),
    "an exclamation mark": ("a: 1\nb: !x y\n", 2, "a text may not begin with '!'"),
    "an equals sign": ("a: 1\nb: =\n", 2, "nor be '=' or '<<'; put it in quotes"),
    "a list behind a key": ("a: 1\nb: - c\n", 2, "write [A, B], or '- A' below it"),
    "brackets that stay open": ("a: 1\nb: [1, 2\nc: 3\n", 2, "'[' that stands here is not closed"),
    "braces that stay open": ("a: 1\nb: {c: 1\n", 2, "'{' that stands here is not closed"),
    "brackets that were not opened": ("a: 1\nb: 2]\nc: ]\n", 3, "']' stands where a value must"),
    "a missing comma": ('a: ["b" "c"]\n', 1, "a comma is missing before"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "a second document begins here; keep one"),
    "a document's end": ("a: 1\n...\nb: 2\n", 3, "a second document begins here; keep one"),
    "a key twice": ("A: 1\nB: 2\nA: 3\n", 3, "the key 'A' stands twice, first in line"),
    "a key twice in braces": ("a: {b: 1, b: 2}\n", 1, "the key 'b' stands twice"),
    "a key twice in JSON": ('{"a": 1,\n "a": 2}\n', 2, "the key 'a' stands twice"),
    "No as a key": ("a:\n  Yes: 1\n  No: 2\n", 2, "the key 'Yes' is true or false to YAML; put"),
    "off as a key": ("a: {off: 1}\n", 1, "the key 'off' is true or false to YAML; put it in"),
    "null as a key": ("a: 1\nnull: 2\n", 2, "the key 'null' is nothing to YAML; put it in quotes"),
    "a number as a key": ("a: 1\n2: 2\n", 2, "the key '2' is a number to YAML; put it in quotes"),
    "a fraction as a key": ("1.0: 2\n", 1, "the key '1.0' is a number to YAML; put it in quotes"),
    "a date as a key": ("2020-01-02: 2\n", 1, "the key '2020-01-02' is a date to YAML; put it in"),
    "a list as a key": ("a: 1\n[b]: 2\n", 2, "a key must be a text, not a list or a mapping"),
    "no key": ("a: 1\n: 2\n", 2, "a key is missing before the colon"),
    "octal": ("a: 1\nb: 0123\n", 2, "YAML reads 0123 as the number 83 (octal); write 83, or put"),
    "base 60": ("a: 1\nb: 1:30\n", 2, "a number to the base 60; put it in quotes"),
    "a merge of nothing": ("a: 1\nb: {<<: c}\n", 2, "'<<' takes mappings that an '&name' marks"),
    "a control character": ("a: 1\nb: x\x07\n", 2, "a character stands here that no text has"),
}


def line_of(words: str) -> int:
    return TEXT[: TEXT.index(words)].count("\n") + 1


def refusal(text: str) -> str:
    with pytest.raises(UserError) as caught:
        load_yaml(text)
    return str(caught.value)


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_has_its_line_and_what_to_write(name: str) -> None:
    text, line, words = SLIPS[name]
    message = refusal(text)
    assert message.startswith(f"line {line}: ") and words in message
    assert "\n" not in message and len(message) < 250 and message.isprintable()


@pytest.mark.parametrize("name", SLIPS)
def test_lines_of_windows_count_alike(name: str) -> None:
    text, line, words = SLIPS[name]
    message = refusal(text.replace("\n", "\r\n"))
    assert message.startswith(f"line {line}: ") and words in message


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_below_other_lines_is_found_there(name: str) -> None:
    text, line, words = SLIPS[name]
    above = "# a comment: with a colon\nother: [1, 2]  # more\nmore:\n  deep: {x: y}\n\n"
    if name in ("no-break spaces alone", "a document's end", "two documents"):
        above = above.rstrip("\n") + "\n"
    if name in ("a key twice in JSON",):
        return
    message = refusal(above + text)
    number = line + above.count("\n")
    assert message.startswith(f"line {number}: ") and words in message


@pytest.mark.parametrize("name", SLIPS)
def test_studies_and_lexicons_have_the_same_messages(name: str, tmp_path: Path) -> None:
    text, _, _ = SLIPS[name]
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode())
    message = refusal(text)
    with pytest.raises(UserError) as study:
        check(path)
    assert str(study.value) == f"{path}: {message}"
    with pytest.raises(UserError) as lexicon:
        load_lexicon(path)
    assert str(lexicon.value) == f"mine.yaml: {message}"


MEANT = {
    "a byte order mark": ("\ufeffa: 1\n", {"a": 1}),
    "one document": ("---\na: 1\n...\n", {"a": 1}),
    "spaces around a key": ("a : 1\n", {"a": 1}),
    "quoted words": ("'No': 'yes'\n\"1\": '0123'\n", {"No": "yes", "1": "0123"}),
    "numbers": ("a: [1, -2.5, 0, 0.10, 1_000]\n", {"a": [1, -2.5, 0, 0.1, 1000]}),
    "a path of Windows": ("a: C:\\data\nb: 'C:\\new'\n", {"a": "C:\\data", "b": "C:\\new"}),
    "escapes": ('a: "\\t"\nb: "\\\\"\nc: "C:\\\\x"\n', {"a": "\t", "b": "\\", "c": "C:\\x"}),
    "a text of several lines": ("a: >\n  b\n  c\nd: |\n  e\n", {"a": "b c\n", "d": "e\n"}),
    "a blank inside": ("a: x\xa0y\n", {"a": "x\xa0y"}),
    "an apostrophe": ("a: patients’ age\n", {"a": "patients’ age"}),
    "colons": ("a: b:c\nd: {e: f:g}\n", {"a": "b:c", "d": {"e": "f:g"}}),
    "aliases": ("a: &a {x: 1}\nb: *a\nc: {<<: *a, x: 2}\n", None),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_written_well_is_read(name: str) -> None:
    text, content = MEANT[name]
    expected = yaml.safe_load(text) if content is None else content
    assert load_yaml(text) == expected
    assert load_yaml(text.replace("\n", "\r\n")) == expected


@given(
    st.lists(
        st.sampled_from([*"ab:-[]{}#&*!|>'\"%@`,?~ \t\n\\=0", "\xa0", "“", ": ", "- ", "\n  "]),
        max_size=25,
    )
)
def test_any_text_is_read_or_refused_in_one_sentence(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        load_document(text)
    except UserError as error:
        message = str(error)
        assert "\n" not in message and len(message) < 300
        number = int(message.split(":")[0].removeprefix("line "))
        assert 1 <= number <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("study: a\n".encode("utf-16"), "UTF-16"),
        ("study: a\n".encode("utf-16-le"), "UTF-16"),
        ("study: a\n".encode("utf-32"), "UTF-16"),
        ("a: 1\nb: тень\n".encode("cp1251"), "line 2: not UTF-8 text; save the file as UTF-8"),
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"- study: a\n", "remove the '- ' before its keys"),
        (b"study:a\n", "KEY: VALUE with a space"),
    ],
    ids=range(8),
)
def test_files_that_are_no_studies(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_windows_files_are_studies(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert read_study_file(path).content == yaml.safe_load(TEXT)


# Values that YAML reads as something else: the change of the study, and words of the message.
TITLE = 'title: "Tuberculosis / norm"'
VALUES = {
    "No": (TITLE, "title: No", "No must be a text; put it in quotes (YAML reads No as false)"),
    "a date": (TITLE, "title: 2020-01-02", "2020-01-02 must be a text; put it in quotes (YAML"),
    "a number": (TITLE, "title: 1_000", "1_000 must be a text; put it in quotes (YAML reads it as"),
    "nothing": (TITLE, "title: ~", "~ must be a text; write one"),
    "an empty value": (TITLE, "title:", "null must be a text; write one"),
    "on": ("seed: 7", "seed: on", "on must be a number (YAML reads yes, no"),
    "a text as a number": ("seed: 7", "seed: 1e3", "'1e3' must be a whole number; write 1000"),
    "a comma": ("paper_accuracy: 0.97", "paper_accuracy: 0,97", "must be a number; write 0.97"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_shown_as_it_is_written(name: str, tmp_path: Path) -> None:
    before, text, words = VALUES[name]
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace(before, text))
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.strip() == text)
    with pytest.raises(UserError) as caught:
        check(path)
    head, line, _more_may_follow = str(caught.value).splitlines()
    assert head == f"{path}: The study has a mistake:"
    assert line.startswith(f"  line {number}: ") and words in line


@pytest.mark.workflow
def test_snakemake_names_file_and_line(tmp_path: Path) -> None:
    """Of the default study and of others, before any job and with each of the profiles."""
    folder = checkout(tmp_path)
    twice = TEXT.replace("groups:\n", "groups:\n  X-TB: {}\n", 1)
    number = twice[: twice.rindex("  X-TB:")].count("\n") + 1
    slips = {
        TEXT + "\ttab: 1\n": f"line {TEXT.count(chr(10)) + 1}: a tab stands here",
        twice: f"line {number}: the key 'X-TB' stands twice",
        TEXT.replace(
            TITLE, "title: A: b"
        ): f"line {line_of(TITLE)}: the value has a second colon; put",
    }
    for text, words in slips.items():
        (folder / "config.yaml").write_text(text)
        (folder / "mine.yaml").write_text(text)
        for study, profile in ((None, "default"), ("mine.yaml", "default"), ("mine.yaml", "slurm")):
            run = snakemake(folder, "--dry-run", "--workflow-profile", profile, study=study)
            output = run.stdout + run.stderr
            assert run.returncode == 1 and "Traceback" not in output
            assert f"{study or 'config.yaml'}: {words}" in output
    (folder / "mine.yaml").write_text(twice)  # Snakemake would carry out what is left
    run = snakemake(folder, "--dry-run", "--workflow-profile", "none", study="mine.yaml")
    assert run.returncode == 1
    assert f"mine.yaml: line {number}: the key 'X-TB' stands twice" in run.stdout + run.stderr
    (folder / "mine.yaml").write_text(TEXT.replace("seed: 7", "seed: on"))
    run = snakemake(folder, "--dry-run", study="mine.yaml")
    number = line_of("seed: 7")
    assert f"line {number}: seed: on must be a number" in run.stdout + run.stderr
    (folder / "mine.yaml").write_text(TEXT)
    assert planned(snakemake(folder, "--dry-run", study="mine.yaml"))
