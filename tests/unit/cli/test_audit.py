"""What `pgdose audit` makes of images and labels, before any job."""

import contextlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.small_audit import write_audit
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgdose.cli import audit
from pgdose.cli.audit_classes import choose_classes
from pgdose.cli.audit_study import AuditPlan, study_text
from pgdose.cli.labelled_images import Columns, class_folders, from_table
from pgdose.cli.main import main
from pgdose.errors import UserError
from pgdose.names import is_name
from pgdose.study.class_patterns import fold
from pgdose.study.parsing import parse
from pgdose.user_tables.formats import ANY_FORMAT


def pictures(folder: Path, *names: str, colour: bool = False) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(1).integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels if colour else pixels[..., 0]).save(folder / name)
    return folder


def table(folder: Path, *rows: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_columns_are_found_by_what_they_hold(tmp_path: Path) -> None:
    images = pictures(tmp_path / "films", "sub/a.png", "b.png")
    path = table(tmp_path, "n,where,Diagnosis,Subject ID", "1,a.png,no,7", "2,b,yes,8")
    labelled = from_table(images, path, Columns(), ANY_FORMAT)
    assert labelled.columns == {"image": "where", "label": "Diagnosis", "patient": "Subject ID"}
    assert labelled.words == Counter(no=1, yes=1)
    assert any(note.startswith("guessed from labels.csv") for note in labelled.notes)


def test_what_does_not_fit_together_is_counted(tmp_path: Path) -> None:
    images = pictures(tmp_path / "films", *(f"{n}.png" for n in range(6)))
    path = table(
        tmp_path,
        "file,label",
        "0.png,no",
        "1.png,yes",
        "2.png,",
        "3.png,no",
        "3.png,yes",
        "9.png,no",
    )
    labelled = from_table(images, path, Columns(), ANY_FORMAT)
    assert labelled.words == Counter(no=1, yes=1)
    told = "\n".join(labelled.notes)
    assert "1 rows of the table name no image" in told
    assert "1 images have an empty label" in told
    assert "1 images have rows with different labels" in told
    assert "3 images of the folder have no label" in told  # 2, 4 and 5


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (["file,label", "x.png,no"], Columns(), "--labels: no column of labels.csv names files"),
        (["file,a,b", "0.png,1,2"], Columns(), "--label-column NAME"),
        (["file,label,class", "0.png,1,2"], Columns(), "2 columns that may hold the label"),
        (["file,label", "0.png,1"], Columns(label="lable"), "has no column 'lable'.*did you mean"),
        (["file,label", "0.png,1"], Columns(patient="who"), "--patients: .* has no column 'who'"),
        (["file,label", "0.png,"], Columns(), "no image of .* has a label"),
        (["file,label"], Columns(), "no rows below its header"),
        (["0.png,no", "0.png,yes"], Columns(label="no"), "the first row of labels.csv names a pic"),
    ],
)
def test_wrong_tables_are_refused(
    rows: list[str], columns: Columns, message: str, tmp_path: Path
) -> None:
    images = pictures(tmp_path / "films", "0.png")
    with pytest.raises(UserError, match=message):
        from_table(images, table(tmp_path, *rows), columns, ANY_FORMAT)


@pytest.mark.parametrize("spelling", ["{folder}/films/{n}.png", "../films/{n}.png", "{n}.png"])
def test_any_path_of_an_image_is_that_image(spelling: str, tmp_path: Path) -> None:
    images = pictures(tmp_path / "films", *(f"{n}.png" for n in range(4)))
    names = [spelling.format(folder=tmp_path, n=n) for n in range(4)]
    rows = [f"{name},{'no' if n % 2 else 'yes'}" for n, name in enumerate(names)]
    path = table(tmp_path, "file,label", *rows, "0.png,no")  # 0.png has two labels
    labelled = from_table(images, path, Columns(), ANY_FORMAT)
    assert labelled.words == Counter(no=2, yes=1)
    assert [note for note in labelled.notes if "images" in note] == [
        "1 images have rows with different labels; they are left out"
    ]


def test_each_guess_is_counted_once(tmp_path: Path) -> None:
    images = pictures(tmp_path / "films", "0.png", "1.png")
    path = table(tmp_path, "file,other,label", "a/0.png,b/0.png,no", "a/1.png,b/1.png,yes")
    labelled = from_table(images, path, Columns(image="file"), ANY_FORMAT)
    assert "2 files were found although the table names folders above them" in labelled.notes
    # A column is judged alone: the other one names the same files.
    with pytest.raises(UserError, match=r"several columns of labels\.csv name files"):
        from_table(images, path, Columns(), ANY_FORMAT)


def test_links_to_folders_are_counted(tmp_path: Path) -> None:
    images = pictures(tmp_path / "films", "norm/a.png", "tb/b.png")
    away = pictures(tmp_path / "away", "c.png")
    (images / "cancer").symlink_to(away)
    labelled = class_folders(images)
    assert labelled.words == Counter(norm=1, tb=1)
    assert any(note.startswith("1 links to folders are not followed") for note in labelled.notes)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "cancer").symlink_to(away)
    with pytest.raises(UserError, match="1 links to folders are not followed, so copy these"):
        class_folders(tmp_path / "links")


def test_spellings_of_a_class_are_said_and_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(write_audit(tmp_path / "audit"))
    text = Path("labels.csv").read_text().replace("p0,bright", "p0,BRIGHT")
    Path("labels.csv").write_text(text)
    monkeypatch.setattr(audit, "expect", lambda study: [])
    assert run(monkeypatch, *GIVEN, "--dry-run") == 0
    shown = capfd.readouterr().out
    assert "images: bright 8, dark 8" in shown
    assert "note: the labels 'bright' and 'BRIGHT' are taken as one class" in shown


def test_class_folders_of_any_depth(tmp_path: Path) -> None:
    images = pictures(tmp_path, "norm/a.png", "tb/p1/b.png", "loose.png")
    labelled = class_folders(images)
    assert labelled.words == Counter(norm=1, tb=1)
    assert labelled.layout == ["{class}/*", "{class}/*/*"]
    assert "1 pictures lie in no folder of a class, and are left out" in labelled.notes


def test_a_layout_says_class_and_patient(tmp_path: Path) -> None:
    images = pictures(tmp_path, "set1/norm/p1_a.png", "set1/tb/p2_b.png", "other.png")
    labelled = class_folders(images, ["*/{class}/{patient}_*"])
    assert labelled.words == Counter(norm=1, tb=1) and labelled.knows_patients
    with pytest.raises(UserError, match=r"none of the 3 pictures of .* has such a path"):
        class_folders(images, ["{class}/{patient}_*"])
    with pytest.raises(UserError, match=r"must have \{class\} in it"):
        class_folders(images, ["*/{patient}_*"])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no picture"),
        (["a.png"], "lie in no folders of classes"),
        (["train/norm/a.png", "test/norm/a.png"], "is divided into test, train"),
    ],
)
def test_folders_without_classes_are_refused(
    files: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        class_folders(pictures(tmp_path, *files))


def test_classes_that_no_image_has_are_refused_and_others_counted() -> None:
    words, notes = Counter({"no": 3, "yes": 2, "unsure": 1}), list[str]()
    assert choose_classes(words, ["Yes", "no"], notes) == {"yes": "yes", "no": "no"}
    assert notes == ["1 images have labels that --classes does not name; left out"]
    with pytest.raises(UserError, match="no image has the label 'maybe'"):
        choose_classes(words, ["yes", "maybe"], [])
    with pytest.raises(UserError, match="stands there twice"):
        choose_classes(words, ["yes", "YES"], [])
    with pytest.raises(UserError, match="all images have the label 'no'"):
        choose_classes(Counter(no=3), None, [])


def test_numbers_are_put_in_their_order() -> None:
    notes: list[str] = []
    assert [*choose_classes(Counter({"10": 1, "2": 1, "1": 1}), None, notes).values()] == [
        *("1", "2", "10")
    ]
    assert "guessed: the network's outputs are 1, 2, 10, by number" in notes[0]


YAML_WORDS = ["no", "Yes", "on", "null", "~", "1.0", "0x1F", "2020-01-02", "a: b", "- a", "#a", "x"]


@given(
    st.lists(
        st.one_of(st.sampled_from(YAML_WORDS), st.text(min_size=1, max_size=60)),
        min_size=2,
        max_size=6,
    )
)
def test_any_labels_become_a_study_that_parses(words: list[str]) -> None:
    counts = Counter(word for word in words if fold(word))
    if len({fold(word) for word in counts}) < 2 or any("*" in fold(word) for word in counts):
        return
    try:
        classes = choose_classes(counts, None, [])
    except UserError:
        return
    assert all(map(is_name, classes)) and len(classes) == len({fold(w) for w in counts})
    plan = AuditPlan(
        name="mine",
        source={"kind": "table", "root": "films", "layout": ["{class}/*"], "patients": "none"}
        | {"classes": {name: [word] for name, word in classes.items()}},
        network={"file": "m.pt2", "classes": list(classes)},
        classes=classes,
        image={"size": 32},
        epsilons=[0.00001, 0.1],
        iterations=3,
        attacks=["sign", "apgd"],
        counted=10,
        seed=1,
    )
    content = yaml.safe_load(study_text(plan))
    assert list(content["groups"]["mine"]["classes"]) == list(classes)
    # What a study refuses of a word, such as a line break, it says; nothing else is wrong.
    with contextlib.suppress(UserError):
        study = parse(content)
        assert study.attacks["sign"].epsilon == [0.00001, 0.1]


def test_a_reader_is_shown_the_label_and_not_the_name_made_of_it() -> None:
    words = ["Норма", 'Рак "x"', "Tb", "a\u202eb"]
    classes = choose_classes(Counter(dict.fromkeys(words, 1)), words, [])
    plan = AuditPlan(
        name="mine",
        source={"kind": "table", "modality": "other", "root": "films", "layout": ["{class}/*"]}
        | {"patients": "none", "classes": {name: [word] for name, word in classes.items()}},
        network={"file": "m.pt2", "classes": list(classes)},
        classes=classes,
        image={"size": 32},
        epsilons=[0.1],
        iterations=3,
        attacks=["sign"],
        counted=10,
        seed=1,
    )
    titles = parse(yaml.safe_load(study_text(plan))).class_titles()["mine"]
    assert [titles[name] for name in classes][:3] == words[:3]
    assert "\u202e" not in str(titles.values())


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr("sys.argv", ["pgdose", "audit", *options])
    return main()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(write_audit(tmp_path))
    monkeypatch.setattr(audit, "run_study", lambda *_: 1)
    return tmp_path


GIVEN = ["--model", "model.pt2", "--images", "films", "--labels", "labels.csv"]


def test_the_study_says_what_the_network_takes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "try_network", lambda *_: None)  # the next test tries it
    options = ["--classes", "dark,bright", "--mean", "0.5", "--std", "0.25", "--out", "mine"]
    assert run(monkeypatch, *GIVEN, *options) == 1  # as Snakemake, which does not run here
    study = yaml.safe_load((folder / "mine/study.yaml").read_text())
    group = study["groups"]["mine"]
    assert group["image"] == {"size": 32, "window": "full"}
    assert group["network"]["classes"] == ["dark", "bright"]
    assert group["network"]["input"]["mean"] == [0.5]
    assert study["sources"]["images"]["root"] == "../films"
    told = capfd.readouterr().out
    assert "note: read from model.pt2: images of 32 x 32 pixels" in told
    assert "images: dark 8, bright 8" in told
    # The same again goes on; another study is not overwritten.
    assert run(monkeypatch, *GIVEN, *options) == 1
    assert run(monkeypatch, *GIVEN, "--out", "mine") == 1
    assert "is there already, and says something else" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "no.pt2", *GIVEN[2:]], "--model: there is no file 'no.pt2'"),
        (["--model", "labels.csv", *GIVEN[2:]], "'.csv' is not a network format"),
        ([*GIVEN[:2], "--images", "no", *GIVEN[4:]], "--images: there is no folder 'no'"),
        ([*GIVEN[:4], "--labels", "no.csv"], "--labels: there is no file 'no.csv'"),
        ([*GIVEN, "--size", "64"], "the network takes 32 x 32 images"),
        ([*GIVEN, "--outputs", "maybe"], "outputs: 'maybe'"),
        ([*GIVEN, "--mean", "0.1,0.2"], "input.mean"),
        ([*GIVEN[:4], "--patients", "who"], "--patients is for a table"),
        ([*GIVEN, "--out", "labels.csv"], "--out: labels.csv/study.yaml cannot be written"),
        ([*GIVEN, "--out", "labels.csv/new"], "--out: labels.csv/new/study.yaml cannot be"),
    ],
)
def test_a_mistake_is_told_before_any_job_and_leaves_no_study(
    options: list[str],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *options) == 1
    assert message in capfd.readouterr().err
    assert not list(folder.glob("audit-*"))
