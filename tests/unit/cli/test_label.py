"""`pgdose label`: what it shows of texts and tables, on a terminal and on a page."""

import io
import re
import stat
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.cli import label_lines
from pgdose.cli.label_lines import LabelLines, printable
from pgdose.cli.main import main
from pgdose.labelling.explanations import Explainer, Explanation
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.lexicon_rules import LexiconRules
from pgdose.labelling.marked_text import cut
from pgdose.labelling.reports import Mention

TEXTS = {
    "A1": "Пневмосклероз справа, очаг. теней не видно.",
    "A2": "Норма.",
    "A3": "<p>Фиброз.</p><p>Заключение: норма</p>",
    "A4": "Нельзя исключить пневмонию",
    "A5": "????",
    "A6": "<!-- фиброз",
    "A7": "Корни структурны, синусы свободны",
}
LEXICON = """\
language: ru
norm:
  phrases: [норма, корни и синусы свободны]
sections:
  conclusion: [заключение]
findings:
  pneumosclerosis: {patterns: [пневмоскл*]}
  focal_shadows: {patterns: [очаг]}
  fibrosis: {patterns: [фиброз*]}
  emphysema: {patterns: [эмфизем*]}
  pneumonia: {patterns: [пневмони*]}
negation:
  before: [без]
  after: [нет, не видно]
  statements: [пневмосклероз]
  terminators: [".", ";"]
uncertainty: [нельзя исключить]
abbreviations: [очаг]
"""
PNEUMONIA = "пневмония <script>alert(1)</script> <img src=x onerror=alert(1)> & \x1b[2Jа"


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "ru.yaml"
    path.write_text(LEXICON, encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reports.csv"
    pd.DataFrame({"id": list(TEXTS), "report": list(TEXTS.values())}).to_csv(path, index=False)
    return path


class Ran:
    """What the command printed, and its status."""

    def __init__(
        self, lexicon: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.lexicon, self.monkeypatch, self.capfd = lexicon, monkeypatch, capfd

    def __call__(self, *arguments: object) -> str:
        command = ["pgdose", "label", *map(str, arguments), "--lexicon", str(self.lexicon)]
        self.monkeypatch.setattr(sys, "argv", command)
        self.status = main()
        out, err = self.capfd.readouterr()
        return out + err


@pytest.fixture
def run(lexicon: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ran:
    return Ran(lexicon, monkeypatch, capfd)


def test_each_report_is_shown_with_its_marks_rules_and_labels(run: Ran, table: Path) -> None:
    shown = run(table)
    assert "\x1b" not in shown  # no terminal: no colours
    assert (
        "--- A1\n{Пневмосклероз}[pneumosclerosis: present] справа, "
        "{очаг}[focal_shadows: absent]. теней _не видно_.\n"
    ) in shown
    rule = (
        r"focal_shadows +absent +'очаг' findings\.focal_shadows\.patterns\[\d+\] \(line \d+: очаг\)"
    )
    assert re.search(rf"{rule}; 'не видно' negation\.after\[\d+\] \(line \d+: не видно\)", shown)
    assert "labels: pneumosclerosis present, focal_shadows absent" in shown
    assert "--- A2\n{Норма.}[norm: present]" in shown and "norm, by norm.phrases[" in shown
    assert re.search(r"in doubt: a norm phrase \(norm.*\), but fibrosis is present", shown)
    assert "no labels: it has no words" in shown
    assert "no labels: it holds HTML, RTF or base64 that is not understood" in shown
    assert "not norm: no norm phrase has 'структурны'" in shown
    assert re.search(r"^norm +1 +1 +0 +3$", shown, re.MULTILINE)
    assert "7 of 7 reports are shown" in shown


def test_what_has_no_effect_in_the_lexicon_is_shown(run: Ran, table: Path) -> None:
    run.lexicon.write_text(LEXICON.replace("[пневмоскл*]", "[пневмоскл*, пневмосклероз*]"))
    assert re.search(
        r"warning: .*ru\.yaml, line \d+: findings\.pneumosclerosis\.patterns\[1\]: is covered by",
        run(table),
    )


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--first", 2], "A1 A2"),
        (["--only", "norm=present"], "A2"),
        (["--only", "norm=uncertain"], "A3"),
        (["--only", "focal_shadows=absent"], "A1"),
        (["--only", "pneumosclerosis=present", "--only", "focal_shadows=absent"], "A1"),
        (["--only", "pneumosclerosis=present", "--only", "focal_shadows=present"], ""),
        (["--only", "fibrosis=unmentioned", "--first", 2], "A1 A2"),
        (["--sample", 100], "A1 A2 A3 A4 A5 A6 A7"),
        (["--no-negation", "--only", "focal_shadows=present"], "A1"),
    ],
)
def test_which_reports_are_shown(arguments: list, ids: str, run: Ran, table: Path) -> None:
    assert re.findall("^--- (.*)$", run(table, *arguments), re.MULTILINE) == ids.split()


def test_a_sample_is_drawn_from_all_reports_by_its_seed(run: Ran, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    texts = [f"Фиброз {n}" if n % 2 else "Норма" for n in range(300)]
    pd.DataFrame({"id": range(300), "text": texts}).to_csv(path, index=False)
    samples = [
        [int(n) for n in re.findall("^--- (.*)$", run(path, *options), re.MULTILINE)]
        for options in (["--sample", 20], ["--sample", 20], ["--sample", 20, "--seed", 1])
    ]
    assert samples[0] == samples[1] != samples[2]
    assert all(len(sample) == 20 and sample == sorted(sample) for sample in samples)
    assert max(samples[0]) > 200 and min(samples[0]) < 100
    odd = run(path, "--sample", 20, "--only", "fibrosis=present")
    assert all(int(n) % 2 for n in re.findall("^--- (.*)$", odd, re.MULTILINE))


@pytest.mark.parametrize("ending", ["xlsx", "parquet", "csv"])
def test_tables_of_each_kind(ending: str, run: Ran, tmp_path: Path) -> None:
    path, rows = tmp_path / f"reports.{ending}", pd.DataFrame({"nr": ["1"], "Befund": ["Фиброз"]})
    if ending == "csv":
        rows.to_csv(path, index=False, sep=";", encoding="cp1251")
    else:
        getattr(rows, {"xlsx": "to_excel", "parquet": "to_parquet"}[ending])(path, index=False)
    options = ["--encoding", "cp1251"] if ending == "csv" else []
    assert "--- 1\n{Фиброз}" in run(path, "--text", "Befund", "--id", "nr", *options)
    assert "--- line 2\n{Фиброз}" in run(path, "--text", "Befund", *options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_a_text_is_one_report(encoding: str, run: Ran, tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_bytes("Фиброз,\nэмфизема".encode(encoding))
    options = ["--encoding", "cp1251"] if encoding == "cp1251" else []
    assert "--- report.txt\n{Фиброз}[fibrosis: present],\n{эмфизема}" in run(path, *options)


def test_standard_input_is_one_report(run: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Фиброз".encode())))
    assert "--- standard input\n{Фиброз}[fibrosis: present]" in run("-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--text", "nix"], "--text: no column 'nix' in reports.csv; its columns are: id, report"),
        (["--id", "nix"], "--id: no column 'nix' in reports.csv"),
        (["--only", "fibrosi=present"], "no label of the lexicon, did you mean 'fibrosis'?"),
        (["--only", "fibrosis=1"], "write LABEL=STATE; use one of: present, uncertain"),
        (["--only", "differ"], "--only differ: there are no labels by hand; add --hand-labels"),
        (["--norm", "composed"], "--norm: 'composed' needs norm.composed in the lexicon"),
        (["--hand-labels", "nix.csv"], "nix.csv cannot be read: No such file"),
        (["--html", "/nowhere/at/all/x.html"], "/nowhere"),
    ],
)
def test_mistakes_name_the_option(arguments: list, words: str, run: Ran, table: Path) -> None:
    if arguments[0] == "--html":
        arguments = ["--html", str(table / "x.html")]  # below a file
        words = "give a file that you may write"
    shown = run(table, *arguments)
    assert run.status == 1
    assert shown.startswith("pgdose label: ") and words in shown and "option." not in shown


@pytest.mark.parametrize(
    ("name", "words"),
    [("nix.txt", "give a text file or a table"), ("nix.csv", "cannot be read: No such file")],
)
def test_a_file_that_is_not_there(name: str, words: str, run: Ran, tmp_path: Path) -> None:
    assert words in run(tmp_path / name) and run.status == 1


def test_a_text_in_another_encoding_is_refused(run: Ran, tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_bytes("Фиброз".encode("cp1251"))
    assert "set its encoding with --encoding, such as cp1251" in run(path)
    path = tmp_path / "reports.csv"
    path.write_bytes("text\nФиброз\n".encode("cp1251"))
    assert "--encoding: reports.csv is not utf-8 text" in run(path)


@pytest.mark.parametrize("start", ["MSH|^~\\&|RIS", "%PDF-1.7", "\0" * 128 + "DICM"])
def test_messages_and_documents_are_for_a_study(start: str, run: Ran, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text(f"{start} Норма")
    assert "and no text; run a study with it" in run(path) and run.status == 1


# Colours

STATES_IN_COLOUR = {"present": "1;31", "uncertain": "3;33", "absent": "32"}


def test_colours_mark_states_and_underline_cues(run: Ran, table: Path) -> None:
    shown = run(table, "--color", "always", "--first", 4)
    assert (
        "\x1b[1;31mПневмосклероз\x1b[0m справа, \x1b[32mочаг\x1b[0m. теней \x1b[4mне видно" in shown
    )
    assert "\x1b[36mНорма.\x1b[0m" in shown and "\x1b[3;33mпневмонию\x1b[0m" in shown
    assert all(f"\x1b[{code}m{name}" in shown for name, code in STATES_IN_COLOUR.items())  # legend


@pytest.mark.parametrize(
    ("is_terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),  # as no-color.org has it
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    is_terminal: bool, environment: dict, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(label_lines.sys.stdout, "isatty", lambda: is_terminal, raising=False)
    assert label_lines.has_colours("auto") is coloured
    assert label_lines.has_colours("always") and not label_lines.has_colours("never")


@given(st.text())
def test_a_terminal_is_given_no_commands(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert all(c == "\n" or c == "�" or c.isprintable() for c in shown)


def test_a_report_cannot_command_the_terminal(run: Ran, tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text(f"Фиброз {PNEUMONIA}\u202e\x07")
    shown = run(path)
    assert not set(shown) & {"\x1b", "\x07", "\u202e"} and "{пневмония}" in shown


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from(["a", "b", "norm"])),
        max_size=6,
    ),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=6),
)
def test_pieces_are_the_text_and_each_mention_is_whole(mentions: list, cues: list) -> None:
    text = "0123456789abcdefghijklmnopqrstu"
    read = [Mention(n, "present", at, at + size, "r", None) for at, size, n in sorted(mentions)]
    places = [(at, at + size) for at, size in cues]
    pieces = list(cut(Explanation(text, read, places, {}, "")))
    assert "".join(piece.text for piece in pieces) == text
    for mention in read:
        if mention.label != "norm":
            of_it = [piece.text for piece in pieces if mention in piece.mentions]
            assert "".join(of_it) == text[mention.start : mention.end]
    for piece in pieces:
        sizes = [mention.end - mention.start for mention in piece.mentions]
        assert sizes == sorted(sizes)
    for names in ("starting", "ending"):
        assert sum(len(getattr(piece, names)) for piece in pieces) == len(read)
    in_cues = {i for start, end in places for i in range(start, end)}
    at = 0
    for piece in pieces:
        assert piece.in_cue == (at in in_cues)
        at += len(piece.text)


def test_overlapping_mentions_each_have_their_mark(lexicon: Path) -> None:
    text = "abc def ghi"
    read = [Mention("x", "present", 0, 7, "r", None), Mention("y", "absent", 4, 11, "r", "c")]
    lines = LabelLines(LexiconRules(lexicon), colours=False)
    shown = list(lines.lines("1", Explanation(text, read, [None, (4, 7)], {"x": "present"}, "")))
    assert shown[1] == "{abc {_def_}[x: present] ghi}[y: absent]"
    read = [Mention("x", "present", 0, 7, "r", None), Mention("y", "absent", 4, 7, "r", "c")]
    shown = list(lines.lines("1", Explanation(text, read, [None, None], {"x": "present"}, "")))
    assert shown[1] == "{abc {def}[y: absent]}[x: present] ghi"


def test_a_cue_is_shown_where_it_denies(lexicon: Path) -> None:
    """Not where the same entry stands elsewhere in the report."""
    explanation = Explainer(load_lexicon(lexicon)).explain("Без фиброза. Далее без эмфиземы.")
    cues = [
        (mention.label, cue)
        for mention, cue in zip(explanation.mentions, explanation.cues, strict=True)
    ]
    assert cues == [("fibrosis", (0, 3)), ("emphysema", (19, 22))]


# The page


def test_the_page_is_for_its_owner_alone_and_says_so(run: Ran, table: Path) -> None:
    folder = table.parent
    folder.chmod(0o755)
    page = folder / "out.html"
    assert "it holds texts of reports: keep it private" in run(table, "--html", page)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755  # other people's folder stays as it is
    text = page.read_text(encoding="utf-8")
    assert "This page holds the texts of reports." in text
    assert 'class="absent" title="focal_shadows: absent">очаг</span>' in text


def test_the_page_loads_nothing_and_escapes_everything(run: Ran, tmp_path: Path) -> None:
    path, page = tmp_path / "reports.csv", tmp_path / "out.html"
    bad = '"><script>alert(1)</script>'
    pd.DataFrame({"id": [bad], "text": [f"<ab {PNEUMONIA}"]}).to_csv(path, index=False)
    run(path, "--html", page)
    text = page.read_text(encoding="utf-8")
    assert text.count("<script>") == 1 and "<img" not in text
    assert not re.findall(r"""(?:src|href|url|@import)\s*[=(]?\s*["']?(?:https?:|//)""", text)
    assert "default-src 'none'" in text


# Labels by hand


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    path = tmp_path / "hand.csv"
    rows = "id,fibrosis,norm\nA1,1,0\nA2,,1\nA3,present,?\nA4,0,\nA6,1,\nA9,1,\n"
    path.write_text(rows)
    return path


def test_labels_by_hand_are_measured_and_differences_shown(
    run: Ran, table: Path, hand: Path
) -> None:
    shown = run(table, "--hand-labels", hand)
    assert re.findall("^--- (.*)$", shown, re.MULTILINE) == ["A1", "A2", "A3", "A4", "A6"]
    assert "differs: fibrosis is present by hand, unmentioned by the labeller" in shown
    # fibrosis: present by hand in A1, A3, A6; the labeller finds it in A3
    assert re.search(r"^fibrosis +5 +3 +1\.00 \(0\.21 to 1\.00\) +0\.33 \(", shown, re.MULTILINE)
    assert "1 of 6 ids with labels by hand are the id of no report" in shown
    only = run(table, "--hand-labels", hand, "--only", "differ")
    assert re.findall("^--- (.*)$", only, re.MULTILINE) == ["A1", "A6"]


def test_of_several_rows_with_one_id_the_first_counts(run: Ran, table: Path, hand: Path) -> None:
    with table.open("a") as file:
        file.write("A2,Фиброз\n")
    shown = run(table, "--hand-labels", hand)
    assert "1 more reports have the id of an earlier one; the first counts" in shown
    assert "--- A2\n{Норма.}" in shown and "--- A2\n{Фиброз}" not in shown


def test_ids_that_fit_no_report_are_refused(run: Ran, table: Path, hand: Path) -> None:
    hand.write_text("id,fibrosis\nB1,1\n")
    assert "--hand-labels: none of its 1 ids is the id of a report" in run(
        table, "--hand-labels", hand
    )
