"""Networks that are made of others: what the study may say of them, and the messages."""

import copy
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.cli import expectation
from pgdose.errors import UserError
from pgdose.study.defended_networks import DefendedNetwork, EnsembleNetwork, InputDefence, Jpeg
from pgdose.study.parsing import parse

JPEG = {"jpeg": {"quality": 75}}


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "tests/data/studies/pair.yaml").read_text())


def with_networks(study: dict[str, Any], **networks: Any) -> dict[str, Any]:
    changed = copy.deepcopy(study)
    changed["groups"]["X-TB"]["networks"] = networks
    return changed


def mistakes(study: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse(study)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_runs_that_are_made_of_others(study: dict[str, Any]) -> None:
    parsed = parse(
        with_networks(
            study,
            robust={"lr": 0.0005},
            jpeg={"defence": JPEG},
            other={"defence": {"median": {"size": 3}}, "of": "robust"},
            both={"ensemble": ["full", "jpeg", "robust"]},
        )
    )
    runs = parsed.runs("X-TB")
    made_of = {name: run.made_of for name, run in runs.items() if run.made_of}
    expected = {"jpeg": ("full",), "other": ("robust",), "both": ("full", "jpeg", "robust")}
    assert made_of == expected
    assert all(not runs[name].is_trained and not runs[name].is_imported for name in made_of)
    assert all(runs[name].attacks == runs["full"].attacks for name in made_of)


OF = "groups.X-TB.networks.a.of"
DEFENCE = "groups.X-TB.networks.a.defence"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"defence": JPEG, "of": "b"}, f"{OF}: 'b' is made of other networks itself; use "),
        ({"defence": JPEG, "of": "a"}, f"{OF}: 'a' cannot be made of itself; use one of: full"),
        ({"defence": JPEG, "of": "full-r2"}, f"{OF}: 'full-r2' is a repeat; use one of: full"),
        ({"defence": JPEG, "of": "ful"}, f"{OF}: 'ful' is not a network of group X-TB, did you "),
        ({"ensemble": ["full", "both"]}, "networks.a.ensemble: 'both' is made of other networks"),
        ({"ensemble": ["full", "n8-r1"]}, "networks.a.ensemble: 'n8-r1' is a sized one; use"),
        (
            {"ensemble": ["full", "full"]},
            "networks.a.ensemble: ['full', 'full'] must name each network once",
        ),
        ({"ensemble": ["full"]}, "networks.a.ensemble: "),
        ({"defence": JPEG | {"median": {"size": 3}}}, f"{DEFENCE}: must hold one of jpeg, "),
        ({"defence": {}}, f"{DEFENCE}: must hold one of jpeg, bit_depth, median, smoothing, but "),
        ({"defence": {"jpg": {"quality": 3}}}, f"{DEFENCE}.jpg: unknown key, did you mean 'jpeg'?"),
        (
            {"defence": {"jpeg": {"quality": [80, 40]}}},
            f"{DEFENCE}.jpeg.quality: [80, 40] must be [lowest, highest] with lowest < highest",
        ),
        (
            {"defence": {"jpeg": {"quality": 80, "draws": 4}}},
            f"{DEFENCE}.jpeg.draws: 4 is for a range of qualities, but 'quality' is 80; leave it",
        ),
        ({"defence": {"jpeg": {"quality": 0}}}, f"{DEFENCE}.jpeg.quality"),
        ({"defence": {"bit_depth": {"bits": 9}}}, f"{DEFENCE}.bit_depth.bits: 9 must be at most 8"),
        ({"defence": {"median": {"size": 4}}}, f"{DEFENCE}.median.size: 4 must be odd, so that"),
        (
            {"defence": {"smoothing": {"sigma": 0.1, "samples": 9}}},
            f"{DEFENCE}.smoothing.samples: 9 copies can certify no image with 'alpha: 0.001'",
        ),
        (
            {"defence": JPEG, "epochs": 4},
            "groups.X-TB.networks.a.epochs: 4 is for networks that are trained",
        ),
        (
            {"ensemble": ["full", "b"], "adversarial": {}},
            "a.adversarial: is for networks that are",
        ),
        (
            {"defence": JPEG, "gradient": "exact"},
            "groups.X-TB.networks.a.gradient: 'exact' must be",
        ),
        (
            {"file": "n.onnx", "classes": ["C1", "C2"], "defence": JPEG},
            "groups.X-TB.networks.a.defence: is an entry of its own under 'networks'; leave it out",
        ),
    ],
    ids=str,
)
def test_mistakes(study: dict[str, Any], entry: dict[str, Any], message: str) -> None:
    study["training_size"] = {"group": "X-TB", "sizes": [8], "repeats": 1, "attacks": ["paper"]}
    study.setdefault("training", {})["repeats"] = 2
    others = {"b": {"defence": JPEG}, "both": {"ensemble": ["full", "b"]}}
    found = mistakes(with_networks(study, a=entry, **others))
    assert any(message in line for line in found), found


@pytest.mark.parametrize("key", ["defence", "ensemble", "adversarial"])
@pytest.mark.parametrize("file", [{}, {"file": "n.onnx", "classes": ["C1", "C2"]}])
def test_a_group_s_own_network_is_not_made_of_others(
    study: dict[str, Any], key: str, file: dict[str, Any]
) -> None:
    study["groups"]["X-TB"]["network"] = {key: {}, **file} if key != "defence" else {key: JPEG}
    found = mistakes(study)
    remedy = "under 'networks'"
    assert any(f"groups.X-TB.network.{key}: " in line and remedy in line for line in found), found


@pytest.mark.parametrize(
    ("draws", "expected"), [(None, 8), (3, [40, 55, 70]), (2, [40, 70]), (1000, range(40, 71))]
)
def test_qualities_are_evenly_spaced_and_each_is_there_once(draws: Any, expected: Any) -> None:
    qualities = Jpeg(quality=[40, 70], draws=draws).qualities
    assert len(set(qualities)) == len(qualities) and (qualities[0], qualities[-1]) == (40, 70)
    assert len(qualities) == expected if isinstance(expected, int) else qualities == list(expected)


@pytest.mark.parametrize(
    ("entry", "label"),
    [
        ({"defence": JPEG}, "jpeg (quality 75) before full"),
        ({"defence": {"jpeg": {"quality": [40, 90]}}}, "jpeg (quality 40 to 90) before full"),
        ({"defence": JPEG, "gradient": "bpda", "of": "b"}, "jpeg (quality 75) before b"),
        (
            {"defence": {"bit_depth": {"bits": 1}}, "gradient": "autograd"},
            "bit_depth (1 bit), gradient autograd before full",
        ),
        ({"defence": {"median": {"size": 3}}}, "median (size 3) before full"),
        ({"defence": {"smoothing": {"sigma": 0.25}}}, "smoothing (sigma 0.25) before full"),
    ],
    ids=str,
)
def test_tables_name_a_defended_network(entry: dict[str, Any], label: str) -> None:
    assert DefendedNetwork.model_validate(entry).label == label
    assert EnsembleNetwork(ensemble=["a", "b"]).label == "ensemble of a, b"


def test_a_network_depends_on_no_key_of_its_certificate() -> None:
    one, other = (
        DefendedNetwork.model_validate({"defence": {"smoothing": {"sigma": 0.1, **more}}})
        for more in ({}, {"samples": 50, "selection": 7, "alpha": 0.01, "images": 3})
    )
    expected = {"defence": {"smoothing": {"sigma": 0.1, "draws": 16}}, "gradient": "autograd"}
    assert one.settings() == other.settings() == expected
    for settings in (JPEG, {"jpeg": {"quality": [3, 9], "draws": 4}}, {"median": {"size": 3}}):
        kept = InputDefence.model_validate(settings).network_settings()
        assert InputDefence.model_validate(kept) == InputDefence.model_validate(settings)


def test_work_with_a_network_that_is_made_of_others_is_that_of_its_parts(
    study: dict[str, Any],
) -> None:
    def attacks(**networks: Any) -> float:
        parsed = parse(with_networks(study, **networks))
        steps = {key: [0.1, 0.3] for key in expectation.networks_to_time(parsed)}
        for part in expectation.parts(parsed, {"attack": 1}, steps):
            if part.what == "attacks" and part.seconds:
                return part.seconds[1]
        raise AssertionError

    alone, jpeg = attacks(), {"defence": JPEG}
    each = attacks(jpeg=jpeg) - alone
    smooth = {"defence": {"smoothing": {"sigma": 0.1, "draws": 5}}}
    assert attacks(smooth=smooth) - alone == pytest.approx(5 * each)
    both = {"ensemble": ["full", "jpeg"]}
    assert attacks(jpeg=jpeg, both=both) - alone == pytest.approx(3 * each)
