"""The sheet of universal perturbations: every one is there, magnified by its own epsilon."""

from pathlib import Path

import numpy as np
import pytest

from pgdose.plots.universal import Perturbations, load_perturbations, perturbations_sheet


def perturbations(epsilons: list[float], channels: int = 1) -> Perturbations:
    source = np.random.default_rng(1)
    values = [e * source.choice([-1.0, 0.0, 1.0], (channels, 6, 8)) for e in epsilons]
    return Perturbations(np.array(epsilons), np.array(values))


@pytest.mark.parametrize("channels", [1, 3])
def test_black_is_minus_epsilon_and_white_plus_epsilon(channels: int) -> None:
    of_control = perturbations([0.01, 0.1], channels)
    figure = perturbations_sheet({"u": of_control}, "G/full")
    panels = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in panels[:2]] == ["ε = 0.01", "ε = 0.1"]
    for panel, epsilon, delta in zip(panels, *of_control, strict=False):
        shown = np.asarray(panel.images[0].get_array())
        expected = 0.5 + delta / (2 * epsilon)
        expected = expected[0] if channels == 1 else expected.transpose(1, 2, 0)
        assert np.allclose(shown, expected)
        share = (delta != 0).mean()
        assert f"× {0.5 / epsilon:.3g}" in panel.get_xlabel()
        assert f"{100 * share:.0f} %" in panel.get_xlabel()


def test_every_perturbation_of_every_control_is_shown() -> None:
    several = {"many": perturbations([i / 100 for i in range(1, 8)]), "one": perturbations([0.5])}
    figure = perturbations_sheet(several, "G/full")
    titles = [panel.get_title() for panel in figure.axes if panel.images]
    assert [title for title in titles if title] == [
        *(f"ε = {i / 100:g}" for i in range(1, 8)), "ε = 0.5"
    ]  # fmt: skip
    labels = [panel.get_ylabel() for panel in figure.axes]
    assert "many" in labels and "one" in labels


def test_a_file_is_read_by_the_names_of_its_controls(tmp_path: Path) -> None:
    one = perturbations([0.01, 0.02])
    np.savez(tmp_path / "u.npz", **{"a/perturbations": one.delta, "a/epsilon": one.epsilon})
    (name, read), *rest = load_perturbations(tmp_path / "u.npz").items()
    assert (name, rest) == ("a", [])
    assert np.array_equal(read.delta, one.delta) and np.array_equal(read.epsilon, one.epsilon)
