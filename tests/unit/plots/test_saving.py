"""Several files of one figure."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from pgdose.plots import style


@style.drawing()
def figure() -> Figure:
    result = Figure(figsize=(3, 2), layout="constrained", dpi=50)
    result.subplots(1, 2)[0].set_ylabel("a long name that the layout has to make room for")
    return result


def test_files_saved_together_have_the_layout_of_the_png(tmp_path: Path) -> None:
    style.save(figure(), tmp_path / "alone.png")
    style.save(both := figure(), tmp_path / "both.svg", tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes() == (tmp_path / "alone.png").read_bytes()
    assert "a long name" in (tmp_path / "both.svg").read_text()
    left = both.axes[0].get_position().x0
    style.save(both, tmp_path / "again.svg")
    assert both.axes[0].get_position().x0 == left
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "both.svg").read_bytes()


def test_no_file_is_written_if_one_name_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        style.save(figure(), tmp_path / "a.png", tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_files_are_gathered_by_figure() -> None:
    files = style.files_of_figures(["f/X.1.png", "f/X.1.csv", "f/X.2.png"])
    assert files == {
        Path("f/X.1"): {".png": Path("f/X.1.png"), ".csv": Path("f/X.1.csv")},
        Path("f/X.2"): {".png": Path("f/X.2.png")},
    }
