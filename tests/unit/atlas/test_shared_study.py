"""A folder that somebody else wrote, perhaps by hand, with a manifest that fits."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from helpers.finished_results import write_manifest
from helpers.shared_studies import shared_study
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdose.atlas.pooling import make_atlas
from pgdose.atlas.shared_study import (
    ABOUT,
    CONCLUSION_COLUMNS,
    CONCLUSIONS,
    RATE_COLUMNS,
    RATES,
    OtherVersionError,
    read_study,
    write_study,
)
from pgdose.cli.pool import pool
from pgdose.errors import UserError
from pgdose.manifest.files import MANIFEST

ROW = 2  # the third row of a table, which stands in the file's fourth line
MISSING = object()


def written(folder: Path, name: str = "c", seed: int = 3) -> Path:
    write_study(shared_study(name, seed), "", folder / name)
    return folder / name


def set_cell(folder: Path, file: str, column: str, value: str, row: int = ROW) -> None:
    lines = [line.split(",") for line in (folder / file).read_text().splitlines()]
    lines[row + 1][lines[0].index(column)] = value
    (folder / file).write_text("".join(f"{','.join(line)}\n" for line in lines))
    write_manifest(folder)


def set_key(folder: Path, path: str, value: Any) -> None:
    about = json.loads((folder / ABOUT).read_text())
    *parents, key = path.split(".")
    section = about
    for parent in parents:
        section = section[parent]
    if value is MISSING:
        del section[key]
    else:
        section[key] = value
    (folder / ABOUT).write_text(json.dumps(about))
    write_manifest(folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("group", "X\x1b[31m", r"'X\\x1b\[31m'; it must be a name"),
        ("group", "X-AO", "'X-AO' is not among the groups of share.json"),
        ("epsilon", "", "is empty; it must be a number"),
        ("epsilon", "abc", "is 'abc'; it must be a number"),
        ("epsilon", "0", "is '0'; it must be more than 0"),
        ("epsilon", "inf", "must be a finite number"),
        ("iteration", "20.5", "must be a whole number"),
        ("iteration", "0", "must be at least 1"),
        ("n_patients", "0", "must be at least 1"),
        ("n_patients", "1e400", "must be a whole number"),
        ("n_attacked", "-3", "must be at least 1"),
        ("n_attacked", "", "must be a whole number"),
        ("n_flipped", "999", "must be at most n_attacked, 80"),
        ("n_flipped", "-4", "must be at least 0"),
        ("estimate", "x", "is 'x'; it must be a number"),
        ("estimate", "1.6", "must be from 0 to 1.5708 on the scale arcsine"),
        ("standard_error", "1e-10", "must be at least 1e-09"),
        ("standard_error", "11", "must be at most 10"),
        ("scale", "identity", "must be 'arcsine'"),
        ("reached", "no", "must be true or false"),
        ("reached", "", "must be true or false"),
        ("failed_checks", "a\x1b[31m", "must be a text of one line"),
    ],
)
def test_cells_of_rates(tmp_path: Path, column: str, value: str, message: str) -> None:
    folder = written(tmp_path)
    set_cell(folder, RATES, column, value)
    with pytest.raises(UserError, match=message) as caught:
        read_study(folder)
    assert f"{RATES}" in str(caught.value) and column in str(caught.value)
    assert str(caught.value).endswith("ask its owner for it again")
    assert "row 4" in str(caught.value) or value == "X-AO"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("conclusion", "a b", "must be a name"),
        ("attack", "bim", "'bim' is not among the attacks of share.json"),
        ("estimate", "-0.1", "must be from 0 to 1.5708 on the scale arcsine"),
        ("scale", "log", "must be 'arcsine' or 'identity'"),
        ("statistic", "a\x1b", "must be a text of one line"),
        ("verdict", "perhaps", "must be 'supported', 'contradicted' or 'undecided'"),
        ("n", "-1", "must be at least 0"),
        ("unit", "u" * 501, "must be a text of at most 500 characters"),
    ],
)
def test_cells_of_conclusions(tmp_path: Path, column: str, value: str, message: str) -> None:
    folder = written(tmp_path)
    set_cell(folder, CONCLUSIONS, column, value)
    with pytest.raises(UserError, match=message):
        read_study(folder)


@pytest.mark.parametrize(
    ("row", "value", "is_right"),
    [(ROW, "1.570797", True), (0, "-9", True), (0, "11", False)],
)
def test_the_range_of_an_estimate_is_that_of_its_scale(
    tmp_path: Path, row: int, value: str, is_right: bool
) -> None:
    folder = written(tmp_path)
    set_cell(folder, CONCLUSIONS, "estimate", value, row)
    if is_right:
        assert read_study(folder).conclusions["estimate"][row] == float(value)
    else:
        with pytest.raises(UserError, match="must be from -10 to 10 on the scale identity"):
            read_study(folder)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", "a/b", "name is 'a/b'; it must be a name"),
        ("study_digest", None, "must be a text"),
        ("study_digest", "12", "must be a SHA-256"),
        ("pgdose", MISSING, "pgdose is missing"),
        ("synthetic", "no", "must be true or false"),
        ("success", ["any"], "must be 'final' or 'any'"),
        ("operating", {}, "operating.epsilon is missing"),
        ("operating.epsilon", 0, "must be more than 0"),
        ("operating.iterations", 0, "must be at least 1"),
        ("smallest_count", -3, "must be at least 1"),
        ("rows_left_out", -1, "must be at least 0"),
        ("groups", [], "must be a mapping of keys and values"),
        ("groups", {}, "has too few entries"),
        ("groups.X-TB.modality", "<b>ct", "must be 'xray', 'histology' or 'other'"),
        ("groups.X-TB.modality", ["xray"], "must be 'xray', 'histology' or 'other'"),
        ("groups.X-TB.accuracy", None, "is empty; it must be a number"),
        ("groups.X-TB.accuracy", 1.5, "must be at most 1"),
        ("groups.X-TB.classes", ["a"], "must be a mapping"),
        ("groups.X-TB.classes.C1", "a\nSet apart: b", "must be a text of one line"),
        ("groups.X-TB.classes.C1", "a" * 501, "at most 500 characters"),
        ("groups.X-TB.classes.C1", "a\ud800", "that a file can hold"),
        ("groups.X-TB.size", "80", "must be a whole number"),
        ("groups.X-TB.n_patients", "80", "must be a whole number"),
        ("groups.X-TB.network", "\x1b[31m", "must be a text of one line"),
        ("attacks", ["sign"], "must be a mapping"),
        ("attacks.sign", "x", "must be a mapping"),
        ("attacks.si\x1b[31mgn", {"epsilons": [1]}, "must be a name"),
        ("attacks.sign.epsilons", MISSING, "attacks.sign.epsilons is missing"),
        ("attacks.sign.epsilons", [], "has too few entries"),
        ("attacks.sign.epsilons", ["a"], "must be a number"),
        ("attacks.sign.epsilons", [-1], "must be more than 0"),
        ("attacks.sign.max_iter", {"a": [float("inf")]}, "is no JSON|finite numbers only"),
        ("attacks.sign.alpha", ["a\x1b"], "must be a text of one line"),
        ("attacks.sign.alpha", {"a\x1b": 1}, "must be a text of one line"),
        ("attacks.sign.a\x1b", 1, "must be a text of one line"),
        ("attacks.sign.alpha", json.loads("[" * 40 + "]" * 40), "more than 30 deep"),
    ],
)
def test_keys_of_share_json(tmp_path: Path, path: str, value: Any, message: str) -> None:
    folder = written(tmp_path)
    set_key(folder, path, value)
    with pytest.raises(UserError, match=message) as caught:
        read_study(folder)
    assert ABOUT in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("groups.X-TB.n_images", None),
        ("new", {"a": [1, None]}),
        ("attacks.sign.new", "text"),
        ("groups.X-TB.size", [80, 90]),
    ],
)
def test_more_keys_and_settings_are_read(tmp_path: Path, path: str, value: Any) -> None:
    folder = written(tmp_path)
    set_key(folder, path, value)
    assert str(value) in str(read_study(folder).about)


def test_what_nobody_could_read_is_not_written(tmp_path: Path) -> None:
    study = shared_study("c", 3)
    study.about["groups"]["X-TB"]["classes"]["C1"] = "a" * 501
    with pytest.raises(UserError, match=r"classes\.C1 .* 500 characters; change it in the study"):
        write_study(study, "", tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(("file", "columns"), [(RATES, RATE_COLUMNS), (CONCLUSIONS, {})])
def test_a_row_counts_once(tmp_path: Path, file: str, columns: dict) -> None:
    folder = written(tmp_path)
    lines = (folder / file).read_text().splitlines()
    again = lines[3].replace("0.004,", "0.00400000001,") if columns else lines[3]
    (folder / file).write_text("\n".join([*lines, again, ""]))
    write_manifest(folder)
    with pytest.raises(UserError, match=rf"{file}, row {len(lines) + 1}: .* in row 4 too"):
        read_study(folder)


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _text(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without(RATES), "manifest.sha256 does not list rates.csv; ask its owner"),
        (_without(CONCLUSIONS), "does not list conclusions.csv; ask its owner"),
        (_text(ABOUT, "[" * 100_000), "share.json is no JSON"),
        (_text(ABOUT, "[]"), "all of it is .*; it must be a mapping"),
        (_text(RATES, ""), "rates.csv is no table"),
        (_text(RATES, ",".join(RATE_COLUMNS) + "\n"), "rates.csv has no row"),
        (_text(RATES, ",".join(CONCLUSION_COLUMNS) + "\n"), "its columns are not group"),
        (_text(RATES, ",".join(RATE_COLUMNS) + "\na" + "," * 13 + "\n"), "its columns are not"),
    ],
)
def test_files_that_are_none(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    folder = written(tmp_path)
    change(folder)
    write_manifest(folder)
    with pytest.raises(UserError, match=message):
        read_study(folder)


# --- what happens to a folder on its way ----------------------------------------------------------


def test_a_damaged_manifest_is_not_written_anew(tmp_path: Path) -> None:
    folder = written(tmp_path)
    whole = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(whole[:200])
    with pytest.raises(UserError, match=r"damaged, .*; ask its owner for it again$"):
        read_study(folder)
    (folder / MANIFEST).write_bytes(whole.replace(b"\n", b"\r\n"))
    with pytest.raises(UserError, match=r"copied as text .*; ask its owner for it again$"):
        read_study(folder)


def test_a_changed_file_is_not_made_again_by_its_reader(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / RATES).write_text("")
    with pytest.raises(UserError, match=r"rates\.csv: has changed; ask its owner for it again$"):
        read_study(folder)


def test_files_that_do_not_belong_there(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / ".DS_Store").write_text("x")
    read_study(folder)
    (folder / "Thumbs.db").write_text("x")
    with pytest.raises(UserError, match="do not belong in a shared folder; delete them") as caught:
        read_study(folder)
    assert "Thumbs.db" in str(caught.value) and "owner" not in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    folder = written(tmp_path)
    with pytest.raises(UserError, match=r"rates\.csv is a file; give folders of `pgdose share`"):
        read_study(folder / RATES)


def test_rates_at_the_end_of_the_scale_are_recognised_though_they_are_rounded(
    tmp_path: Path,
) -> None:
    folders = [written(tmp_path, name, seed) for name, seed in (("a", 1), ("b", 2))]
    for folder in folders:
        set_cell(folder, RATES, "n_flipped", "80", 3)
        set_cell(folder, RATES, "estimate", "1.570796", 3)
    pooled = make_atlas([read_study(folder) for folder in folders]).pooled
    notes = pooled[pooled["attack"] == "sign"].set_index("epsilon")["note"]
    assert notes[0.01].startswith("all images flip in every study") and not notes[0.004]


# --- any value anywhere ---------------------------------------------------------------------------

TEXTS = st.one_of(
    st.sampled_from(
        ["", "nan", "-inf", "1e400", "-1", "0", "True", "1e-320", "\x1b[31m", "'", "="]
    ),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(st.characters(exclude_characters=',\n\r"', exclude_categories=["Cs"]), max_size=8),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
PATHS = (
    *(key for key in shared_study("a", 1).about),
    *("operating.epsilon", "operating.iterations", "attacks.sign", "attacks.sign.epsilons"),
    *("attacks.sign.alpha", "attacks.sign.new", "groups.X-TB"),
    *(f"groups.X-TB.{key}" for key in shared_study("a", 1).about["groups"]["X-TB"]),
)
CELLS = [(RATES, column, row) for column in RATE_COLUMNS for row in range(8)]
CELLS += [(CONCLUSIONS, column, row) for column in CONCLUSION_COLUMNS for row in range(4)]
CHANGES = st.one_of(
    st.tuples(st.sampled_from(CELLS), TEXTS), st.tuples(st.sampled_from(PATHS), JSON)
)


def change(folder: Path, place: Any, value: Any) -> None:
    if isinstance(place, str):
        set_key(folder, place, value)
    else:
        file, column, row = place
        set_cell(folder, file, column, value, row)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("others")
    return [written(folder, "a", 1), written(folder, "b", 2)]


@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_whatever_stands_in_a_share_it_is_pooled_or_refused(others: list[Path], of: Any) -> None:
    with TemporaryDirectory() as name:
        folder = written(Path(name))
        change(folder, *of)
        try:
            make_atlas([*map(read_study, others), read_study(folder)])
        except (UserError, OtherVersionError) as error:
            assert str(error).replace("\n", "").isprintable()


@settings(max_examples=20, deadline=None)
@given(CHANGES)
def test_an_atlas_is_written_or_nothing_is(others: list[Path], of: Any) -> None:
    with TemporaryDirectory() as name:
        folder, target = written(Path(name)), Path(name) / "atlas"
        change(folder, *of)
        try:
            pool([*others, folder], target)
        except UserError:
            assert not target.exists()
        else:
            assert (target / "atlas.html").exists()
