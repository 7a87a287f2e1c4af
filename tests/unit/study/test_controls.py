"""Section `controls`: which groups have a control, and what is wrong with one."""

import copy
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study.controls import SEVERITIES
from pgdose.study.parsing import parse

SMALL = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())


def corruption(name: str = "defocus", **more: Any) -> dict[str, Any]:
    return {"kind": "corruption", "corruption": name, **more}


def study(controls: dict[str, Any], leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    content = copy.deepcopy(SMALL) | {"controls": controls}
    for group in leave_out:
        del content["groups"][group]
    if "H-BR" in leave_out:
        del content["training_size"]
    return content


def test_a_control_is_for_all_groups_of_its_modality_or_for_those_that_it_names() -> None:
    controls = {
        "stain": corruption("stain_shift"),
        "noise of few": corruption("quantum_noise", groups=["X-TB"], images=5),
        "jpeg": corruption("jpeg", severities=[2, 5]),
    }
    content = study({name.replace(" ", "-"): entry for name, entry in controls.items()})
    parsed = parse(content)
    assert parsed.controls_of("X-TB") == ["noise-of-few", "jpeg"]
    assert parsed.controls_of("X-AO") == ["jpeg"]
    assert parsed.controls_of("H-BR") == ["stain", "jpeg"]
    assert parsed.controls["stain"].severities == list(SEVERITIES)  # type: ignore[union-attr]
    settings = parsed.controls["noise-of-few"].settings("corruption")
    assert settings == {
        "kind": "corruption",
        "corruption": "quantum_noise",
        "severities": [1, 2, 3, 4, 5],
        "images": 5,
    }


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (
            {"a": corruption("stain_shift", groups=["X-TB"])},
            "controls.a.groups: X-TB holds images of modality xray, but stain_shift is for "
            "histology; leave the group out, or make another control for it, use one of: exposure,",
        ),
        (
            {"a": corruption(groups=["H-OVV"])},
            "controls.a.groups: 'H-OVV' is not a group of this study, did you mean 'H-OV'?",
        ),
        ({"a": corruption(severities=[0, 3])}, "controls.a.severities.0: 0 must be at least 1"),
        ({"a": corruption(severities=[1, 6])}, "controls.a.severities.1: 6 must be at most 5"),
        ({"a": corruption(severities=[])}, "controls.a.severities: has too few entries"),
        (
            {"a": corruption(severities=[3, 3])},
            "controls.a.severities: [3, 3] must be severities from 1 to 5 in rising order, without "
            "repeats",
        ),
        (
            {"a": corruption("motion_blurr")},
            "controls.a.corruption: 'motion_blurr' is not a corruption, did you mean "
            "'motion_blur'?; use one of: exposure, quantum_noise,",
        ),
        ({"paper": corruption()}, "controls.paper: an attack has the same name; choose another"),
        (
            {"a": corruption("jpeg", groups=["X-TB"]), "b": corruption("jpeg", severities=[1])},
            "controls.b: controls.a is jpeg of group X-TB too; put all severities into one of "
            "them, or give them different 'groups'",
        ),
        ({"a": corruption(epsilon=[0.1])}, "controls.a.epsilon: unknown key; use one of: groups,"),
        (
            {"a": {"kind": "gradient", "epsilon": [0.1]}},
            "controls.a.kind: 'gradient' belongs in section 'attacks'; move it there",
        ),
        ({"a": {"corruption": "jpeg"}}, "controls.a.kind: missing; add it, use one of: corruption"),
        (
            {"a": {"kind": "corrupted"}},
            "controls.a.kind: 'corrupted' is not a kind of control, did you mean 'corruption'?",
        ),
    ],
)
def test_a_mistake_is_told_before_any_job(controls: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(study(controls))
    (line,) = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert line.startswith(message)


def test_a_corruption_of_which_no_group_has_images_is_told() -> None:
    with pytest.raises(UserError) as caught:
        parse(study({"a": corruption("bubbles")}, leave_out=("H-OV", "H-BR")))
    assert (
        "controls.a: bubbles is for histology, but the study has only images of modality xray; "
        "leave the control out"
    ) in str(caught.value)


def test_a_corruption_among_the_attacks_is_sent_to_its_section() -> None:
    content = study({})
    content["attacks"]["a"] = corruption()
    with pytest.raises(UserError, match=r"attacks\.a\.kind: 'corruption' belongs in"):
        parse(content)
