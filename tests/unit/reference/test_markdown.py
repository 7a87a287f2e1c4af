"""Markdown of the generated pages."""

from pgdose.reference.markdown import code, codes, heading, page, table


def test_cells_hold_no_line_break_and_no_bare_bar() -> None:
    text = table(["a", "b"], [("x\ny", "`m|n`"), (1, None)])
    assert text.split("\n") == ["| a | b |", "|---|---|", "| x y | `m\\|n` |", "| 1 | None |"]


def test_code_of_nothing_is_empty() -> None:
    assert code(None) == code("") == ""
    assert code(0) == "`0`" and codes(["a", "b"]) == "`a`, `b`"


def test_prose_is_filled_and_nothing_else_is() -> None:
    prose = "word " * 60
    block, listed = "```text\n" + "x" * 200 + "\n```", "- " + "item " * 60
    text = page("Title", "here", prose, block, listed, heading(2, "More", "more"))
    lines = text.split("\n")
    assert lines[0].startswith("<!-- Generated") and lines[2] == "# Title"
    assert block in text and listed in text
    assert max(len(line) for line in lines if line.startswith("word")) <= 120
    assert text.endswith('<a id="more"></a>\n\n## More\n')


def test_code_and_links_stay_on_one_line() -> None:
    text = page("Title", "here", "w " * 55 + "`kind: external and more` and so on")
    assert "\n`kind: external and more` and" in text and "\0" not in text
    assert "\n[a link](x.md) so" in page("Title", "here", "w " * 56 + "[a link](x.md) so on")


def test_prose_in_short_lines_stays_as_it_is() -> None:
    assert "one\ntwo words\n" in page("Title", "here", "one\ntwo words")


def test_filling_makes_no_list_of_a_sentence() -> None:
    sentence = "x" * 119 + " - 1 and more words"
    assert sentence in page("Title", "here", sentence)
