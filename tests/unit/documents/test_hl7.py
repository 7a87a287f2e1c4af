"""HL7 v2 messages: files, frames, character sets, escapes, and the reports of an ORU."""

import base64
from pathlib import Path

import pytest
from helpers.report_documents import oru, pdf
from hypothesis import given
from hypothesis import strategies as st

from pgdose.documents import hl7_files
from pgdose.documents.hl7_messages import read_message
from pgdose.documents.hl7_reports import reports_of
from pgdose.documents.report import Outcome, Report, Tally
from pgdose.documents.report_table import read_messages
from pgdose.errors import Rejected, UserError


def outcomes(folder: Path, accession: str = "OBR-18", encoding: str | None = None) -> list[Outcome]:
    return list(read_messages(folder, accession, encoding, Tally()))


def read(
    content: bytes | str, folder: Path, accession: str = "OBR-18", encoding: str | None = None
) -> list[Report | str]:
    """The reports of one file, or the reasons."""
    content = content.encode() if isinstance(content, str) else content
    (folder / "a.hl7").write_bytes(content)
    results = [one.result for one in outcomes(folder, accession, encoding)]
    return [one.reason if isinstance(one, Rejected) else one for one in results]


def text_of(content: bytes | str, folder: Path, encoding: str | None = None) -> str:
    [report] = read(content, folder, encoding=encoding)
    assert isinstance(report, Report), report
    return report.text


def order(*segments: str, accession: str = "A1", status: str = "F") -> str:
    """A message with these segments behind its OBR."""
    return oru([], accession, status=status) + "".join(f"{one}\r" for one in segments)


SHORT = "The lungs are clear on both sides."

# Files


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\r\n\r\n", "  "])
def test_messages_of_a_file_by_any_line_end(end: str, mark: str, tmp_path: Path) -> None:
    messages = [oru("Norma.", f"A{n}").replace("\r", end) for n in range(3)]
    read_back = read(mark + end.join(messages), tmp_path)
    assert [(r.ids, r.text) for r in read_back] == [((f"A{n}",), "Norma.") for n in range(3)]


def test_messages_in_frames(tmp_path: Path) -> None:
    framed = [f"\x0b{oru('Norma.', f'A{n}')}\x1c\r" for n in range(3)]
    assert [r.ids for r in read("".join(framed), tmp_path)] == [("A0",), ("A1",), ("A2",)]


def test_messages_of_a_batch(tmp_path: Path) -> None:
    batch = f"FHS|^~\\&|A\rBHS|^~\\&|A\r{oru('One.', 'A0')}{oru('Two.', 'A1')}BTS|2\rFTS|1\r"
    assert [r.text for r in read(batch, tmp_path)] == ["One.", "Two."]
    assert read(batch[: batch.index("BTS")], tmp_path)[1:] == ["cut_short"]  # no trailer
    assert len(read(f"{batch}\x1a", tmp_path)) == 2  # an end of a file of DOS


@pytest.mark.parametrize("kind", ["ORU^R01", "ORU", "ORU_R01", "ORU^R01^ORU_R01", "oru^r01"])
def test_how_reports_are_called(kind: str, tmp_path: Path) -> None:
    assert text_of(oru("Norm.", message=kind), tmp_path) == "Norm."


def test_a_file_in_utf_16(tmp_path: Path) -> None:
    assert text_of(oru("Норма.").encode("utf-16"), tmp_path) == "Норма."


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (b"", ["empty_file"]),
        (b"PK\x03\x04" + b"\0" * 600, ["archive"]),
        (bytes(range(256)) * 20, ["not_hl7"]),
        (b'<?xml version="1.0"?><ORU_R01 xmlns="urn:hl7-org:v2xml"/>', ["not_hl7"]),
        (b'{"resourceType": "DiagnosticReport"}', ["not_hl7"]),
        (b"MSH|||||||||\rOBX|1\r", ["bad_delimiters"]),
        (b"MSH|^^\\&|a|b|c|d|e||ORU^R01\r", ["bad_delimiters"]),
        (b"MSH|^~\\&", ["bad_delimiters"]),
        (b"MSH|", ["bad_delimiters"]),
        (b"OBX|3|TX|||tail of a report||||||F\r" + oru("x", message="ADT^A08").encode(),
         ["no_header", "other_message"]),
        (oru("x", message="ACK").encode(), ["other_message"]),
        (oru("x", "").encode(), ["no_id"]),
        (oru("  ").encode(), ["no_text"]),
        (oru('""').encode(), ["no_text"]),
        (oru([]).encode(), ["no_text"]),
    ],
)  # fmt: skip
def test_what_gives_no_report(content: bytes, reasons: list[str], tmp_path: Path) -> None:
    if content == b"MSH|^~\\&":  # delimiters of their own, and nothing else
        reasons = ["other_message"]
    assert read(content, tmp_path) == reasons


def test_a_link_that_leads_out_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other.hl7").write_text(oru("Norma."))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link.hl7").symlink_to(tmp_path / "other.hl7")
    [outcome] = outcomes(tmp_path / "in")
    assert outcome.result.reason == "outside_root"


def test_two_messages_without_a_line_end_between_them(tmp_path: Path) -> None:
    """A file that was cut off, and another one behind it."""
    first = oru(["One.", "Two is long and is cut"], "A0")[:-30]
    assert read(first + oru("Next.", "A1"), tmp_path)[0] == "cut_short"
    assert read(first + oru("Next.", "A1"), tmp_path)[1].text == "Next."


# Cut at any byte

LINES = ["First line of it.", "Second line, of é and б.", "Third."]


def cut_messages() -> dict[str, bytes]:
    bare = oru(LINES, "A1") + oru(LINES, "A2")
    framed = "".join(f"\x0b{oru(LINES, name)}\x1c\r" for name in ("A1", "A2"))
    return {
        "bare": bare.encode(),
        "framed": framed.encode(),
        "newlines": bare.replace("\r", "\n").encode(),
        "batch": f"BHS|^~\\&|\r{bare}BTS|2\r".encode(),
    }


@pytest.mark.parametrize("kind", ["bare", "framed", "newlines", "batch"])
def test_a_file_that_is_cut_off_at_any_byte(kind: str, tmp_path: Path) -> None:
    """It never raises. A report is whole, or it ends with one of its lines, where nothing tells."""
    content, whole = cut_messages()[kind], "\n".join(LINES)
    (tmp_path / "other.hl7").write_text(oru("Norma.", "B"))
    ends = {"\n".join(LINES[: n + 1]) for n in range(len(LINES))}
    shortened = 0
    for place in range(len(content)):
        (tmp_path / "cut.hl7").write_bytes(content[:place])
        reports = _settled(tmp_path)
        for id, text in reports.items():
            if id == "B":
                continue
            if text != whole:
                assert kind in ("bare", "newlines"), (place, text)
                assert text in ends and content[place - 1 : place] in (b"\r", b"\n"), (place, text)
                shortened += 1
        assert "A2" not in reports or reports["A1"] == whole
    assert shortened == {"bare": 4, "newlines": 4}.get(kind, 0)  # two lines of two messages


@pytest.mark.parametrize("kind", ["bare", "newlines"])
def test_a_cut_file_that_is_alone_gives_no_half_line(kind: str, tmp_path: Path) -> None:
    """No other file tells whether its last line should have an end; the fields do."""
    content = cut_messages()[kind]
    ends = {"\n".join(LINES[: n + 1]) for n in range(len(LINES))}
    for place in range(content.index(b"First"), content.index(b"Third") + 40):
        (tmp_path / "cut.hl7").write_bytes(content[:place])
        try:
            assert set(_settled(tmp_path).values()) <= ends
        except UserError as error:
            assert "cut_short" in str(error) or "no_text" in str(error)


def _settled(folder: Path) -> dict[str, str]:
    from pgdose.documents.report_table import settle_reports

    tally = Tally()
    settings = {"origin": "hl7", "accession": "OBR-18", "tag": "AccessionNumber"}
    found = read_messages(folder, "OBR-18", None, tally)
    table = settle_reports(found, tally, "sources.x.reports", settings).reports
    return dict(zip(table["id"], table["text"], strict=True))


@given(st.binary(max_size=400))
def test_any_bytes_behind_a_header_never_raise(tail: bytes) -> None:
    content = b"MSH|^~\\&|a|b|c|d|2020||ORU^R01|1|P|2.5\rOBR|1\r" + tail
    try:
        message = read_message(content, None)
        list(reports_of(message, "OBR-18", Tally()))
    except Rejected:
        pass


# Round trip

MARKS = st.permutations(list("|^~\\&#$%*!")).map(lambda marks: "".join(marks[:5]))
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]))


@given(PLAIN, MARKS)
def test_any_text_comes_back_through_escapes_and_delimiters(text: str, marks: str) -> None:
    field_mark, component, repetition, escape, sub = marks
    names = {field_mark: "F", component: "S", repetition: "R", escape: "E", sub: "T"}
    escaped = "".join(f"{escape}{names[c]}{escape}" if c in names else c for c in text)
    if escaped.lstrip().startswith("{\\rtf"):
        return
    header = f"MSH{field_mark}{component}{repetition}{escape}{sub}"
    lines = [
        header + field_mark * 6 + f"ORU{component}R01",
        f"OBR{field_mark}1",
        field_mark.join(["OBX", "1", "TX", "", "", escaped, "", "", "", "", "", "F"]),
    ]
    message = read_message("\r".join(lines).encode(), None)
    assert message.names == ["MSH", "OBR", "OBX"]
    assert message.text(message.raw(message.segments[2], 5)) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp2\two\.ce\three\.in4\ four\.sk3\five", "one\n\ntwo\nthree four   five"),
        (r"\H\Impression\N\: norm", "Impression: norm"),
        (r"a \T\ b \F\ c \S\ d \R\ e \E\ f", "a & b | c ^ d ~ e \\ f"),
        (r"dash \XE28093\ and \XE2\\X80\\X93\ and \X0D0A\end", "dash – and – and \nend"),
        (r"C:\temp\new and \Zlocal\ stay", r"C:\temp\new and \Zlocal\ stay"),
        (r"ends with \E", r"ends with \E"),
        (r"no\.BR\fibrosis \.br \and \.sp 2\end \x41\b", "no\nfibrosis \nand \n\nend Ab"),
        (r"no\E\.br\E\fibrosis\E\.sp2\E\and \E\.txt", "no\nfibrosis\n\nand \\.txt"),
        (r"\.sp999999999\end", "end"),
        (r"a\.sp+\b\.in-\ c\.sk-1\d", "a\nb c d"),
        pytest.param(rf"\.sp{'9' * 5000}\end", "end", id="5000 digits"),
        ("one~two", "one\ntwo"),
        (r"{\rtf1\ansi Norma\par}", r"{\rtf1\ansi Norma\par}"),
        (r"{\E\rtf1\E\ansi Norma\E\par}", r"{\rtf1\ansi Norma\par}"),
    ],
)
def test_escapes(raw: str, text: str, tmp_path: Path) -> None:
    assert text_of(oru(raw), tmp_path) == text


def test_a_text_with_bare_line_breaks_goes_on(tmp_path: Path) -> None:
    text = "FINDINGS: clear.\n\nMRI not done.\nOBX was meant\nIMPRESSION: norm."
    assert text_of(oru(text), tmp_path) == text
    assert text_of(oru(text).replace("\r", "\r\n"), tmp_path) == text


@pytest.mark.parametrize("line", [
    "BTS-guided follow-up in six weeks.", "BTS: 2010.", "BTS", "FTS.", "MSH: none known.",
    "MSH-stable, BTS/SIGN.", "  BTS, 2015.", "FHS (family): none.", "BHS", "MSH", "MSH------- no",
])  # fmt: skip
@pytest.mark.parametrize("batch", [False, True])
def test_a_line_of_a_text_is_no_header_and_no_trailer(
    line: str, batch: bool, tmp_path: Path
) -> None:
    text = f"FINDINGS: clear.\n{line}\nNorm."
    content = oru(text, "A1") + oru("Second.", "A2")
    if batch:
        content = f"FHS|^~\\&|\rBHS|^~\\&|\r{content}BTS|2\rFTS\r"
    assert [report.text for report in read(content, tmp_path)] == [text, "Second."]


@given(name=st.sampled_from(["MSH", "BTS", "FTS", "BHS", "FHS"]), rest=PLAIN)
def test_any_such_line_is_read_or_the_loss_is_told(
    name: str, rest: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = f"FINDINGS: clear.\n{name}{rest}\nNorm."
    if "|" in rest or "\\" in rest or "~" in rest:
        return
    results = read(oru(text, "A1"), tmp_path_factory.mktemp("hl7"))
    assert any(isinstance(one, str) for one in results) or results[0].text == text


def test_what_stands_behind_a_batch_is_told(tmp_path: Path) -> None:
    batch = f"BHS|^~\\&|\r{oru('One.', 'A0')}BTS|1\rOBX|3|TX|||of another||||||F\r"
    [report, reason] = read(batch, tmp_path)
    assert report.text == "One." and reason == "no_header"


@pytest.mark.parametrize("line", ["IMPRESSION: large pneumothorax.", "2020-01-02 12:00 ACK", "OB"])
@pytest.mark.parametrize("last", ["OBX|1|TX|C^Chest||FINDINGS:||||||F", "NTE|1||Text|RE^Remark"])
def test_a_line_behind_a_text_that_has_ended_is_refused(
    last: str, line: str, tmp_path: Path
) -> None:
    """It would go into the status, and a finding be lost."""
    message = order("OBX|1|TX|C^Chest||Norm.||||||F", last)
    assert read(message + line + "\r", tmp_path) == ["stray_line"]
    assert isinstance(read(message + "\r \x1a\r", tmp_path)[0], Report)  # no words


def test_a_segment_that_goes_on_in_another(tmp_path: Path) -> None:
    message = order("OBX|1|FT|C^Chest||Heart normal. There is a", "ADD| large pneumothorax.||||||F")
    assert text_of(message, tmp_path) == "Heart normal. There is a large pneumothorax."


def test_a_word_at_the_start_of_a_line_is_no_segment(tmp_path: Path) -> None:
    text = "Findings:\nRUL opacity.\nCTR 0.5.\nEND"
    assert text_of(oru(text), tmp_path) == text
    cut = order("OBX|1|TX|C^Chest||Findings:\nRUL|pneumothorax 3 cm\nEND||||||F")
    assert read(cut, tmp_path) in (["bad_delimiters"], ["stray_line"])


# Character sets


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        *(("UNICODE UTF-8", "utf-8"), ("", "utf-8"), ("8859/1", "utf-8"), ("ASCII", "utf-8")),
        *(("8859/5", "iso8859-5"), ("8859-5", "iso8859-5"), ("WINDOWS-1251", "cp1251")),
        *(("ASCII~8859/5", "iso8859-5"), ("KOI8-R", "koi8-r"), ("cp1251", "cp1251")),
    ],
)
def test_declared_character_sets(charset: str, codec: str, tmp_path: Path) -> None:
    message = oru("Лёгкие без очаговых теней.", charset=charset)
    assert text_of(message.encode(codec), tmp_path) == "Лёгкие без очаговых теней."


@pytest.mark.parametrize("charset", ["", "ASCII", "8859/1", "8859/5", "UNICODE UTF-8", "\\x"])
def test_cyrillic_that_is_declared_wrongly_is_refused_or_read(charset: str, tmp_path: Path) -> None:
    content = oru("“Лёгкие” без очаговых теней — норма.", charset=charset).encode("cp1251")
    assert read(content, tmp_path) == ["encoding"]
    assert text_of(content, tmp_path, "cp1251").startswith("“Лёгкие” без")


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "iso8859-5"])
@pytest.mark.parametrize("charset", ["8859/5", "8859/7", "WINDOWS-1251", "KOI8-R", "cp866"])
def test_cyrillic_that_declares_another_cyrillic_set(
    charset: str, codec: str, tmp_path: Path
) -> None:
    """Its bytes are letters there too, but words of no language."""
    text = "Легкие без очаговых теней. Корни структурны, синусы свободны."
    content = oru(text, charset=charset).encode(codec)
    rightly = {"8859/5": "iso8859-5", "WINDOWS-1251": "cp1251", "KOI8-R": "koi8-r"}
    if rightly.get(charset) == codec:
        assert text_of(content, tmp_path) == text
    elif charset != "8859/7" or codec == "cp1251":
        assert read(content, tmp_path) == ["encoding"]
    assert text_of(content, tmp_path, codec) == text
    other = "koi8-r" if codec == "cp1251" else "cp1251"
    assert read(content, tmp_path, encoding=other) == ["encoding"]


@pytest.mark.parametrize("charset", ["8859/1", "WINDOWS-1252"])
def test_other_alphabets_that_declare_8859_1(charset: str, tmp_path: Path) -> None:
    for text, codec in (("右侧气胸，无胸腔积液。", "gbk"), ("우측 기흉이 있음.", "euc_kr")):
        content = oru(text, charset=charset).encode(codec)
        assert read(content, tmp_path) == ["encoding"]
        assert text_of(content, tmp_path, codec) == text


def test_letters_that_no_set_has(tmp_path: Path) -> None:
    """UTF-8 that was taken for Latin-1 and written as UTF-8 once more."""
    twice = "Норма, лёгкие чистые.".encode().decode("latin-1")
    assert read(oru(twice).encode(), tmp_path) == ["encoding"]
    assert read(oru("norm\x1b$)A", charset="8859/1").encode(), tmp_path) == ["encoding"]
    assert text_of(oru("Clear.\x85Norm.").encode(), tmp_path) == "Clear.\x85Norm."


def test_quotes_that_were_encoded_twice(tmp_path: Path) -> None:
    """Of windows-1252: a control character, where a text was taken for Latin-1."""
    assert (
        text_of(oru("The patient\x92s lungs \x96 clear."), tmp_path)
        == "The patient’s lungs – clear."
    )
    content = oru("The patient’s lungs.").encode("cp1252")
    assert text_of(content, tmp_path, encoding="latin-1") == "The patient’s lungs."


def test_lines_of_tables_are_no_letters(tmp_path: Path) -> None:
    chinese = "┌" + "─" * 60 + "┐\n│右肺下叶可见斑片影，边界不清│\n" + "═" * 60
    content = oru(chinese, charset="GB 18030-2000").encode("gb18030")
    assert text_of(content, tmp_path) == chinese
    russian = "Лёгкие без очаговых теней. Пневмосклероз справа. Синусы свободны.\n" + "═║─│" * 40
    assert text_of(oru(russian).encode("cp866"), tmp_path, encoding="cp866") == russian
    spaced = "Лёгкие без очаговых теней.".replace(" ", "\xa0" * 9)
    assert text_of(oru(spaced).encode("cp1251"), tmp_path, encoding="cp1251") == spaced


def test_a_power_is_no_letter_of_another_set(tmp_path: Path) -> None:
    text = "Volumen 12 cm³und 72 mL/m³KOF, größer"
    assert text_of(oru(text, charset="8859/1").encode("latin-1"), tmp_path) == text


def test_western_letters_in_8859_1(tmp_path: Path) -> None:
    for codec in ("latin-1", "cp1252"):
        content = oru("Keine Verschattung, Herz nicht vergrößert", charset="8859/1").encode(codec)
        assert text_of(content, tmp_path).endswith("vergrößert")


@pytest.mark.parametrize("end", ["", "\r", "\r\n"])
@pytest.mark.parametrize(
    ("codec", "letters"),
    [
        ("utf-8", "лп»"),
        ("cp1251", "п»ї"),
        ("iso8859-5", "яЛП"),
        ("koi8-r", "О"),
        ("latin-1", "ï»¿"),
    ],
)
def test_the_last_letter_is_no_byte_order_mark(
    codec: str, letters: str, end: str, tmp_path: Path
) -> None:
    """The bytes of that mark are letters in other sets, and ends of letters in UTF-8."""
    for letter in letters:
        content = order("NTE|1||").removesuffix("\r").encode() + letter.encode(codec)
        (tmp_path / "a.hl7").write_bytes(content + end.encode())
        [message] = hl7_files.messages_of(tmp_path / "a.hl7")
        assert message.content == content


def test_hexadecimal_letters_are_in_the_message_s_set(tmp_path: Path) -> None:
    assert text_of(oru(r"norm\XE9\e", charset="8859/1"), tmp_path) == "normée"[:5] + "e"
    assert text_of(oru(r"\XCDEEF0ECE0\."), tmp_path, "cp1251") == "Норма."
    assert read(oru(r"\XCDEEF0ECE0\."), tmp_path) == ["encoding"]


# Reports


def test_sections_of_several_observations_have_headings(tmp_path: Path) -> None:
    message = order(
        "OBX|1|TX|11329-0^History^LN||Pneumonia in 2010.||||||F",
        "OBX|2|TX|71020&GDT^Chest||Clear lungs.||||||F",
        "NTE|1||Compared with none.",
        "OBX|3|TX|71020&IMP^Chest||Normal.||||||F",
    )
    assert text_of(message, tmp_path) == (
        "History:\nPneumonia in 2010.\n\nFindings:\nClear lungs.\nCompared with none.\n\n"
        "Impression:\nNormal."
    )


def test_one_observation_has_no_heading(tmp_path: Path) -> None:
    assert text_of(oru(["One.", "", "Two."]), tmp_path) == "One.\n\nTwo."


@pytest.mark.parametrize("kind", ["TX", "FT", "ST", ""])
def test_types_of_text(kind: str, tmp_path: Path) -> None:
    assert text_of(oru("pH ^ 7 & more", kind=kind), tmp_path) == "pH ^ 7 & more"


@pytest.mark.parametrize("behind", ["||||||F", ""])
def test_a_text_with_a_bare_separator_is_not_cut_short(behind: str, tmp_path: Path) -> None:
    """Its second half would be lost, and with it the finding."""
    cut = order(f"OBX|1|TX|C^Chest||Heart: normal | Lungs: pneumonia{behind}")
    assert read(cut, tmp_path) == ["bad_delimiters"]
    short = order(f"OBX|1|ST|C^Chest||Lungs | large pneumothorax{behind}")
    assert read(short, tmp_path) == ["bad_delimiters"]
    note = order("OBX|1|TX|C||Norm.||||||F", "NTE|1||Wrong patient | large pneumothorax")
    assert read(note, tmp_path) == ["bad_delimiters"]
    coded = "10*3/uL^thousand per microliter^UCUM"
    for unit in ("kg", "mm Hg", "mm Hg|||||F", coded, f"{coded}|||||FINAL"):
        assert text_of(order(f"OBX|1|ST|C^Weight||70|{unit}"), tmp_path) == "70"
    titled = order("OBX|1|TX|C||Norm.||||||F", "NTE|1|L|Called to the ward|Ancillary Report")
    assert text_of(titled, tmp_path) == "Norm.\nCalled to the ward"
    for whole in ("Norm.|||N|||F", "Norm.|text|||||F", "Norm."):
        assert text_of(order(f"OBX|1|TX|C^Chest||{whole}"), tmp_path) == "Norm."


def test_codes_and_numbers(tmp_path: Path) -> None:
    message = order(
        "OBX|1|CE|F^Finding||J18^Pneumonia^I10~R91^Nodule^I10||||||F",
        "OBX|2|CWE|F^Finding||^^^X^Effusion||||||F",
        "OBX|3|NM|R^Cardiothoracic ratio||0.55|%|||||F",
        "OBX|4|SN|S^Size||>^10|mm|||||F",
        "OBX|5|RP|U^Link||http://pacs/1||||||F",
    )
    assert text_of(message, tmp_path) == (
        "Pneumonia.\nNodule.\nEffusion.\nCardiothoracic ratio: 0.55 %.\nSize: >10 mm."
    )


@pytest.mark.parametrize(
    ("parts", "content", "text"),
    [
        ("^AP^PDF^Base64", pdf("Lungs are clear."), "Lungs are clear."),
        ("^TEXT^RTF^Base64", b"{\\rtf1\\ansi Norma\\par}", "{\\rtf1\\ansi Norma\\par}"),
        ("^TEXT^HTML^Base64", "<p>Норма</p>".encode(), "<p>Норма</p>"),
        ("^^^", b"Normal chest.", "Normal chest."),
    ],
)
def test_attachments(parts: str, content: bytes, text: str, tmp_path: Path) -> None:
    packed = base64.b64encode(content).decode()
    message = oru(f"{parts}^{packed}", kind="ED")
    assert text_of(message, tmp_path) == text
    beside = message + "OBX|2|TX|71020^Chest||The lungs are clear on both sides.||||||F\r"
    assert text_of(beside, tmp_path) == SHORT


PDF = base64.b64encode(pdf("Pneumothorax on the right.")).decode()
RTF = base64.b64encode(b"{\\rtf1\\ansi Fibrosis of both lungs\\par}").decode()


@pytest.mark.parametrize(
    "beside",
    [
        "OBX|1|NM|D^DAP||12.3|Gycm2|||||F",
        "OBX|1|CE|P^Procedure||X^Chest 2 views of the thorax in standing position||||||F",
        "OBX|1|TX|P^Text||See report.||||||F",
        "OBX|1|RP|P^Link||http://pacs/1||||||F",
        "NTE|1||See the attached report",
    ],
)
def test_a_few_words_do_not_hide_an_attachment(beside: str, tmp_path: Path) -> None:
    text = text_of(order(beside, f"OBX|2|ED|R^Report||^AP^PDF^Base64^{PDF}||||||F"), tmp_path)
    assert text.endswith("Pneumothorax on the right.")


@pytest.mark.parametrize("kind", ["ED", "TX", "FT"])
@pytest.mark.parametrize("document", [PDF, RTF])
@pytest.mark.parametrize("width", [20, 76, 400])
def test_a_document_in_several_observations(
    kind: str, document: str, width: int, tmp_path: Path
) -> None:
    front = "^AP^PDF^Base64^" if kind == "ED" else ""
    pieces = [document[n : n + width] for n in range(0, len(document), width)]
    segments = [
        f"OBX|{n}|{kind}|R^Report|{n}|{front}{piece}||||||F" for n, piece in enumerate(pieces, 1)
    ]
    text = text_of(order(*segments), tmp_path)
    assert "Pneumothorax on the right." in text or "Fibrosis of both lungs" in text
    if document == PDF and len(segments) > 1:  # the last part is lost
        assert read(order(*segments[:-1]), tmp_path) == ["unreadable_document"]


@pytest.mark.parametrize("word", ["Pneumonia", "Normal", "COVID19"])
def test_a_word_behind_an_attachment_is_a_text(word: str, tmp_path: Path) -> None:
    pdf_first = f"OBX|1|ED|71020^Chest||^AP^PDF^Base64^{PDF}||||||F"
    text = text_of(order(pdf_first, f"OBX|2|TX|71020^Chest||{word}||||||F"), tmp_path)
    assert text == f"{word}\nPneumothorax on the right."
    document = pdf("Pneumothorax on the right.")
    document += b"\n" * ((1 - len(document)) % 3)
    padded = base64.b64encode(document).decode()  # whole: nothing can go on behind its ==
    in_text = f"OBX|1|TX|71020^Chest||{padded}||||||F"
    text = text_of(order(in_text, f"OBX|2|TX|71020^Chest||{word}||||||F"), tmp_path)
    assert text == f"{word}\nPneumothorax on the right."


def test_an_attachment_of_three_components(tmp_path: Path) -> None:
    assert text_of(oru(f"PDF^Base64^{PDF}", kind="ED"), tmp_path) == "Pneumothorax on the right."


def test_all_attachments_are_read(tmp_path: Path) -> None:
    documents = [
        f"OBX|{n}|ED|R^Report||^AP^PDF^Base64^{one}||||||F" for n, one in enumerate((PDF, RTF))
    ]
    text = text_of(order(*documents), tmp_path)
    assert "Pneumothorax" in text and "Fibrosis" in text
    assert text_of(order(documents[0], documents[0]), tmp_path) == "Pneumothorax on the right."
    scan = base64.b64encode(pdf("")).decode()
    more = f"OBX|3|ED|S^Scan||^AP^PDF^Base64^{scan}||||||F"
    assert read(order(*documents, more), tmp_path) == ["no_text_layer"]
    picture = base64.b64encode(b"\xff\xd8\xff\xe0\0\1").decode()
    tally = Tally()
    (tmp_path / "a.hl7").write_text(
        order(*documents, f"OBX|3|ED|S^Key||^IM^JPEG^Base64^{picture}||||||F")
    )
    [outcome] = read_messages(tmp_path, "OBR-18", None, tally)
    assert isinstance(outcome.result, Report) and tally["pictures beside text"] == 1


def test_plain_text_as_an_attachment_keeps_its_marks(tmp_path: Path) -> None:
    for text in ("Lungs clear", "Lungs clear^normal heart", "Norm^a^b"):
        assert text_of(oru(text, kind="ED"), tmp_path) == text
    value = "^TEXT^PLAIN^A^Lungs clear: a^b.~Pneumothorax \\T\\ fibrosis."
    assert text_of(oru(value, kind="ED"), tmp_path) == "Lungs clear: a^b.\nPneumothorax & fibrosis."


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("^AP^PDF^Base64^not base64!", "unreadable_document"),
        ("^IM^JPEG^Base64^" + base64.b64encode(b"\xff\xd8\xff\xe0\0\1").decode(), "other_format"),
        ("^AP^PDF^Base64^" + base64.b64encode(pdf("")).decode(), "no_text_layer"),
        ("^AP^PDF^Base64^" + base64.b64encode(pdf("x")[:60]).decode(), "unreadable_document"),
    ],
)
def test_attachments_without_text(value: str, reason: str, tmp_path: Path) -> None:
    assert read(oru(value, kind="ED"), tmp_path) == [reason]


@pytest.mark.parametrize("kind", ["TX", "FT", "ST", ""])
@pytest.mark.parametrize("front", ["", "^AP^PDF^Base64^", "^application^pdf^Base64^"])
@pytest.mark.parametrize("width", [48, 60, 76, 10**6])
def test_base64_in_a_text_is_an_attachment(
    kind: str, front: str, width: int, tmp_path: Path
) -> None:
    data = base64.b64encode(pdf("Norma pulmonum.")).decode()
    lines = "\n".join(data[n : n + width] for n in range(0, len(data), width))
    assert text_of(oru(front + lines, kind=kind), tmp_path) == "Norma pulmonum."
    assert text_of(oru(front + lines.replace("\n", "~"), kind=kind), tmp_path) == "Norma pulmonum."
    both = order(
        f"OBX|1|{kind}|A^Text||{SHORT}||||||F", f"OBX|2|{kind}|B^PDF||{front}{data}||||||F"
    )
    assert text_of(both, tmp_path) == SHORT
    picture = base64.b64encode(b"\x89PNG\r\n" + bytes(range(200))).decode()
    assert read(oru(front + picture, kind=kind), tmp_path) == ["other_format"]


@pytest.mark.parametrize(
    "text", ["Norma", "Pneumonoultramicroscopicsilicovolcanoconiosis", "N" * 40]
)
def test_a_text_of_long_words_is_a_text(text: str, tmp_path: Path) -> None:
    assert text_of(oru(text), tmp_path) == text


def test_several_orders_in_one_message(tmp_path: Path) -> None:
    first, second = oru("One.", "A1"), oru("Two.", "A2~A3")
    message = first + second[second.index("ORC") :]
    reports = read(message, tmp_path)
    assert [(r.ids, r.text) for r in reports] == [(("A1",), "One."), (("A2", "A3"), "Two.")]
    assert [r.ids for r in read(message, tmp_path, "OBR-3")] == [("FILLER",)] * 2


def test_an_order_never_has_the_number_of_a_later_one(tmp_path: Path) -> None:
    first, second = oru("One.", "A1"), oru("Two.", "A2")
    message = first.replace("ORC|RE|PLACER|FILLER\r", "") + second[second.index("ORC") :]
    reports = read(message, tmp_path, "ORC-3")
    assert reports[0] == "no_id" and reports[1].ids == ("FILLER",)


def ids_and_texts(
    segments: list[str], folder: Path, field: str
) -> list[tuple[tuple[str, ...], str] | str]:
    message = "".join(f"{one}\r" for one in ["MSH|^~\\&|R|H|P|H|2020||ORU^R01|1|P|2.5", *segments])
    return [
        one if isinstance(one, str) else (one.ids, one.text) for one in read(message, folder, field)
    ]


@pytest.mark.parametrize("field", ["ZDS-1", "ORC-3", "PID-3", "PV1-19", "IPC-1", "OBR-18"])
@pytest.mark.parametrize("lacking", [None, 0, 1])
def test_each_order_has_its_own_number(field: str, lacking: int | None, tmp_path: Path) -> None:
    """Wherever in its group it stands; an order without one takes none of another."""
    name, _, place = field.partition("-")
    segments: list[str] = []
    for number, text in enumerate(["One.", "Two."]):
        value = "" if number == lacking else f"A{number}"
        own = "|".join([name, *[""] * (int(place) - 1), value])
        group = {"PID": "PID|1", "PV1": "PV1|1", "ORC": "ORC|RE", "OBR": "OBR|1"}
        if name in group:
            group[name] = own
        others = [own] if name not in group else []
        segments += [group["PID"], group["PV1"], group["ORC"], *others, group["OBR"]]
        segments += [f"OBX|1|TX|C||{text}||||||F"]
    expected: list = [(("A0",), "One."), (("A1",), "Two.")]
    if lacking is not None:
        expected[lacking] = "no_id"
    assert ids_and_texts(segments, tmp_path, field) == expected


def test_orders_without_an_orc_share_that_of_their_patient(tmp_path: Path) -> None:
    two = ["PID|1", "ORC|RE||F1", "OBR|1", "OBX|1|TX|C||One.||||||F", "OBR|2", "OBX|1|TX|C||Two."]
    assert ids_and_texts(two, tmp_path, "ORC-3") == [(("F1",), "One."), (("F1",), "Two.")]
    other = [*two[:4], "PID|2", *two[4:]]
    assert ids_and_texts(other, tmp_path, "ORC-3") == [(("F1",), "One."), "no_id"]


def test_a_report_knows_its_patient(tmp_path: Path) -> None:
    [report] = read(oru("Norm."), tmp_path)
    assert isinstance(report, Report) and report.patient == ("P1",)


@pytest.mark.parametrize(
    ("field", "id"),
    [
        *(("OBR-18", "A1"), ("OBR-2", "PLACER"), ("OBR-3", "FILLER"), ("ORC-3", "FILLER")),
        *(("OBR-3.2", "RIS"), ("ZDS-1", "1.2.3"), ("PID-3.4", "HOSPITAL")),
    ],
)
def test_the_number_of_the_films_stands_in_a_field(field: str, id: str, tmp_path: Path) -> None:
    message = oru("Norm.").replace("|PLACER|FILLER|", "|PLACER^HIS|FILLER^RIS|") + "ZDS|1.2.3^P\r"
    assert [r.ids for r in read(message, tmp_path, field)] == [(id,)]


@pytest.mark.parametrize(
    ("request_status", "line_status", "status"),
    [
        *(("F", "F", "final"), ("", "", "final"), ("", "F", "final"), ("Q", "?", "final")),
        *(("P", "P", "preliminary"), ("R", "F", "preliminary"), ("", "P", "preliminary")),
        *(("C", "F", "corrected"), ("F", "C", "corrected"), ("X", "", "withdrawn")),
        *(("F", "W", "withdrawn"), ("F", "D", "withdrawn"), ("D", "F", "withdrawn")),
        *(("W", "F", "withdrawn"), ("Preliminary", "F", "preliminary"), ("M", "F", "corrected")),
        *(("CORRECTED", "F", "corrected"), ("Final", "F", "final"), ("Cancelled", "", "withdrawn")),
    ],
)
def test_statuses(request_status: str, line_status: str, status: str, tmp_path: Path) -> None:
    segment = f"OBX|1|TX|C^Chest||Norm.||||||{line_status}"
    [report] = read(order(segment, status=request_status), tmp_path)
    assert isinstance(report, Report) and report.status == status


def test_lines_that_were_deleted_are_no_text(tmp_path: Path) -> None:
    message = order(
        "OBX|1|TX|C^Chest||Pneumonia.||||||W",
        "OBX|2|TX|C^Chest||Norm.||||||F",
    )
    [report] = read(message, tmp_path)
    assert isinstance(report, Report) and report.text == "Norm."
    assert report.status == "corrected"  # what the deleted line said was sent before


def test_a_note_on_a_deleted_line_is_no_text(tmp_path: Path) -> None:
    deleted = ("OBX|1|TX|C^Chest||Pneumonia.||||||D", "NTE|1||Of 3 cm.")
    assert text_of(order(*deleted, "OBX|2|TX|C^Chest||Norm.||||||F"), tmp_path) == "Norm."


def test_an_addendum_alone_corrects_nothing(tmp_path: Path) -> None:
    addendum = order("OBX|1|TX|71020&ADT||A rib is broken.||||||C", status="C")
    [report] = read(addendum, tmp_path)
    assert isinstance(report, Report) and report.status == "final"


def test_text_before_the_first_order_is_the_patient_s(tmp_path: Path) -> None:
    message = oru("Norm.").replace("ORC|", "NTE|1||Allergy.\rORC|")
    assert text_of(message, tmp_path) == "Norm."


def test_large_files_are_read_in_pieces(tmp_path: Path) -> None:
    count = 2000
    text = "".join(oru("Norm.", f"A{n}") for n in range(count))
    (tmp_path / "a.hl7").write_text(text)
    chunks = list(hl7_files.messages_of(tmp_path / "a.hl7"))
    assert len(chunks) == count
