"""A smoothed network in the study file: what no certificate can be made with is refused."""

from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.analysis.certificates import largest_radius
from pgdose.errors import UserError
from pgdose.study.defended_networks import Smoothing
from pgdose.study.parsing import parse

FIELD = "groups.H-OV.networks.smooth"


def study(**smoothing: Any) -> dict[str, Any]:
    raw = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())
    network = {"defence": {"smoothing": {"sigma": 0.1, **smoothing}}}
    raw["groups"]["H-OV"]["networks"]["smooth"] = network
    return raw


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.49])
def test_the_fewest_samples_are_those_that_can_certify_an_image(alpha: float) -> None:
    with pytest.raises(UserError, match=r"can certify no image .* use at least (\d+)") as caught:
        parse(study(samples=1, alpha=alpha))
    least = int(str(caught.value).split("use at least ")[1].split(",")[0])
    assert f"{FIELD}.defence.smoothing.samples: 1 copies" in str(caught.value)
    assert largest_radius(Smoothing(sigma=0.1, samples=least, alpha=alpha)) > 0
    with pytest.raises(UserError):
        parse(study(samples=least - 1, alpha=alpha))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sigma", 0, "more than 0"),
        ("sigma", 1.5, "at most 1"),
        ("alpha", 0.5, "less than 0.5"),
        ("selection", 0, "at least 1"),
        ("draws", 1, "at least 2"),
        ("images", 0, "at least 1"),
    ],
)
def test_values_out_of_range_are_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(study(**{field: value}))
    assert f"{FIELD}.defence.smoothing.{field}" in str(caught.value)
    assert words in str(caught.value)
