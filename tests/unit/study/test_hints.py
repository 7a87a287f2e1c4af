"""What messages about a study say to do: where a key belongs, what to write for a value."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study import cross_checks
from pgdose.study.parsing import parse
from pgdose.study.study_file import read_study_file

TEXT = (PROJECT / "tests/data/studies/pair.yaml").read_text()
JPEG = {"jpeg": {"quality": 75}}
PGD = {"method": "pgd", "epsilon": 0.01}


def messages(study: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse(study)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def with_parts(group: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    study = copy.deepcopy(yaml.safe_load(TEXT))
    for name, section in sections.items():
        is_mapping = isinstance(study.get(name), dict) and isinstance(section, dict)
        study[name] = study[name] | section if is_mapping else section
    study["groups"]["X-TB"] |= group or {}
    return study


def with_network(**entry: Any) -> dict[str, Any]:
    return with_parts({"networks": {"a": entry}})


ENTRY = "groups.X-TB.networks.a"
SMOOTHING = f"{ENTRY}.defence.smoothing"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        *(
            ({key: JPEG}, f"{key}: unknown key, did you mean 'defence'?; use one of: file, defence")
            for key in ("defense", "defences", "Defence")
        ),
        ({"ensembles": ["full"]}, "ensembles: unknown key, did you mean 'ensemble'?"),
        ({"adverserial": PGD}, "adverserial: unknown key, did you mean 'adversarial'?"),
        ({"epoch": 3}, "epoch: unknown key, did you mean 'epochs'?"),
        *(
            ({key: {}}, f"{key}: belongs under 'defence'; write defence: {{{key}: {{...}}}}")
            for key in ("jpeg", "bit_depth", "median", "smoothing")
        ),
        *(
            ({key: "full"}, f"{key}: needs a 'defence' beside it; add one, or leave")
            for key in ("of", "gradient")
        ),
        *(
            ({key: 1}, f"{key}: belongs under 'adversarial'; write adversarial: {{{key}: ...}}")
            for key in ("method", "epsilon", "steps", "beta", "alpha", "warmup")
        ),
        ({"eps": 1}, "eps: belongs under 'adversarial'; write adversarial: {epsilon: ...}"),
    ],
    ids=str,
)
def test_keys_of_an_entry_of_networks(entry: dict[str, Any], message: str) -> None:
    found = messages(with_network(**entry))
    assert any(line.startswith(f"{ENTRY}.{message}") for line in found), found


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            with_network(adversarial={"epsilon": 0.01}),
            f"{ENTRY}.adversarial.method: missing; add it, use one of: pgd, trades, free",
        ),
        (
            with_network(adversarial=PGD | {"method": "PGD"}),
            f"{ENTRY}.adversarial.method: 'PGD' must be 'pgd', 'trades' or 'free'; did you mean "
            "'pgd'?",
        ),
        (
            with_parts(attacks={"a": {"epsilon": [0.1], "lr": 1, "gradient_of": "wrong-class"}}),
            "did you mean 'wrong_class'?",
        ),
        (
            with_parts(attacks={"a": {"eps": [0.1], "lr": 1}}),
            "attacks.a.eps: unknown key, did you mean 'epsilon'?",
        ),
        (with_network(adversarial=PGD | {"eps": 0.1}), "eps: unknown key, did you mean 'epsilon'?"),
        (
            with_network(adversarial=PGD | {"alpha": {"of_epsilon": 0.25}}),
            f"{ENTRY}.adversarial.alpha: must be the length of a step itself, such as 0.0025",
        ),
        (
            with_network(adversarial=PGD | {"method": "free", "steps": 7}, epochs=4),
            f"{ENTRY}.adversarial.steps: 7 uses of each batch in 4 epochs leave some images that "
            "are never trained on; use at most 'epochs', 4",
        ),
        *(
            (
                with_parts(training={"adversarial": value}),
                "training.adversarial: "
                f"{shown} must be a mapping of keys and values; write null, or leave it out",
            )
            for value, shown in ((False, "false"), ("none", "'none'"), ("no", "'no'"))
        ),
        (with_network(adversarial=False), "mapping of keys and values; write null"),
        (
            with_network(adversarial="trades"),
            "give its settings, such as {method: trades, epsilon: 0.01}",
        ),
        (with_network(defence="jpeg"), "give its settings, such as {jpeg: {quality: 75}}"),
        (with_network(defence="median"), "give its settings, such as {median: {size: 3}}"),
        (with_network(defence={"bit_depth": 5}), "give its settings, such as {bits: 5}"),
        (with_network(defence={"median": 3}), "give its settings, such as {size: 3}"),
        (with_network(defence={"smoothing": 0.1}), "give its settings, such as {sigma: 0.1}"),
        *(
            (
                with_network(defence=empty),
                f"{ENTRY}.defence: must hold one of jpeg, bit_depth, median, smoothing, but holds "
                "none; give its settings, such as {jpeg: {quality: 75}}",
            )
            for empty in ({}, {"jpeg": None})
        ),
        *(
            (
                with_network(defence={"jpeg": {"quality": quality}}),
                "must be a whole number from 1 to 100, or [lowest, highest]",
            )
            for quality in (0, 101, "high", [40], [40, 50, 60], 7.5, True)
        ),
        (
            with_network(defence={"jpeg": {"quality": [40, 101]}}),
            f"{ENTRY}.defence.jpeg.quality.1: 101 must be at most 100",
        ),
        (
            with_network(defence={"smoothing": {"sigma": 0.1, "samples": "100,000"}}),
            f"{SMOOTHING}.samples: '100,000' must be a whole number; write 100000",
        ),
        (
            with_network(defence={"smoothing": {"sigma": "10%"}}),
            f"{SMOOTHING}.sigma: '10%' must be a number; write 0.1",
        ),
        (
            with_network(defence={"smoothing": {"sigma": "0,025"}}),
            f"{SMOOTHING}.sigma: '0,025' must be a number; write 0.025",
        ),
        (
            with_parts({"harm": {"C1->C2": "100,000"}}),
            "harm.C1->C2: '100,000' must be a number; write 100000",
        ),
        (
            with_parts({"harm": {"C1->C2": 0, "C2->C1": 0}}),
            "groups.X-TB.harm: weighs every error 0",
        ),
        (
            with_parts(
                controls={"c": {"kind": "corruption", "corruption": "jpeg", "groups": "all"}}
            ),
            "controls.c.groups: 'all' must be a list; leave it out, which stands for all of them",
        ),
        (
            with_parts(
                controls={"c": {"kind": "corruption", "corruption": "jpeg", "severities": "all"}}
            ),
            "severities: 'all' must be a list; leave it out, which stands for all of them",
        ),
        (
            with_parts(
                controls={"c": {"kind": "corruption", "corruption": "jpeg", "severities": "1, 5"}}
            ),
            "severities: '1, 5' must be a list; write [1, 5]",
        ),
        (with_network(defence=JPEG, of="a"), f"{ENTRY}.of: 'a' cannot be made of itself; use one"),
        (
            with_network(ensemble=["full", "a"]),
            f"{ENTRY}.ensemble: 'a' cannot be made of itself; use one of: full",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_says_what_to_write(study: dict[str, Any], message: str) -> None:
    found = messages(study)
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("section", "value"), [("severities", "1-5"), ("severities", "1, high"), ("groups", "all")]
)
def test_no_list_is_proposed_that_would_be_wrong(section: str, value: str) -> None:
    control = {"kind": "corruption", "corruption": "jpeg", section: value}
    assert not any("write [" in line for line in messages(with_parts(controls={"c": control})))


def test_a_whole_number_has_no_decimal_comma() -> None:
    smoothing = {"sigma": 0.1, "samples": "1000,0"}
    (line,) = messages(with_network(defence={"smoothing": smoothing}))
    assert line.endswith("must be a whole number")


def test_sigma_may_be_a_division() -> None:
    study = parse(with_network(defence={"smoothing": {"sigma": "25/255"}}))
    network = study.groups["X-TB"].networks["a"]
    assert network.defence.smoothing.sigma == pytest.approx(25 / 255)  # type: ignore[union-attr]


@pytest.mark.parametrize("empty", ["controls", "checks", "measures", "networks", "harm", "margins"])
def test_a_section_with_nothing_below_its_key_is_left_out(empty: str) -> None:
    group: dict[str, Any] = {empty: None} if empty in ("networks", "harm") else {}
    sections = {"margins": {"measures": {"margins": None}}}.get(
        empty, {} if group else {empty: None}
    )
    assert parse(with_parts(group, **sections)) == parse(with_parts())


def test_null_keeps_its_meaning() -> None:
    study = with_parts({"networks": {"a": {"adversarial": None}}}, training={"adversarial": PGD})
    runs = parse(study).runs("X-TB")
    assert runs["full"].network.adversarial  # type: ignore[union-attr]
    assert runs["a"].network.adversarial is None  # type: ignore[union-attr]


@pytest.mark.parametrize("entry", [{"lr": 0.1}, {"defence": JPEG}, {"ensemble": ["full", "b"]}])
def test_a_reserved_name_is_one_mistake(entry: dict[str, Any]) -> None:
    networks = {"full": entry, "b": {"lr": 0.01}}
    assert messages(with_parts({"networks": networks})) == [
        "groups.X-TB.networks.full: 'full' is a reserved name; choose another"
    ]


def test_too_many_networks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_checks, "MOST_JOBS", 100)
    networks = {f"a{number}": {"lr": 0.1} for number in range(20)}
    (line,) = messages(with_parts({"networks": networks}))
    assert line.startswith("groups.X-TB.networks: the study plans over ")
    assert "each of the group's 21 networks judges" in line and "use fewer networks" in line


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{epsilon: 0,01}", "YAML reads 0,01 as two values; write a decimal point: 0.01"),
        ("{asr: 0,1}", "YAML reads 0,1 as two values; write a decimal point: 0.1"),
        ("{C1->C2: 100,000}", "YAML reads 100,000 as two values; write 100000, without a comma"),
        ("[0,01, 0.1]", "YAML reads 0,01 as two values; write a decimal point: 0.01"),
    ],
)
def test_a_decimal_comma_in_brackets(tmp_path: Path, written: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"{TEXT}\nextra: {written}\n")
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        read_study_file(path)
    path.write_text(f"{TEXT}\nextra: [1,2,3]\n")  # commas between values need no space
    read_study_file(path)


def test_a_group_does_not_mix_tissue_with_other_images() -> None:
    study = with_parts()
    for name, modality in (("one", "histology"), ("two", "other")):
        columns = {"class": "class"}
        study["sources"][name] = {"kind": "table", "root": "p", "table": "p.csv"}
        study["sources"][name] |= {"modality": modality, "columns": columns}
    classes = {
        name: {"source": name, "where": {"class": "A"}, "count": "all"} for name in ("one", "two")
    }
    study["groups"]["P"] = {"title": "P", "classes": classes}
    found = messages(study)
    message = "groups.P.classes: one group mixes images of modality histology and other"
    assert any(line.startswith(message) for line in found), found
