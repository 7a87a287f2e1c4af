"""The survey of a slide: which tiles a class may take."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.rejections import reason
from helpers.slide_files import write_scn, write_slide
from helpers.slide_surveys import (
    GREEN,
    PINK,
    classes_of,
    read_all,
    survey,
    tissue_image,
    write_outlines,
)
from PIL import Image
from shapely.geometry import Polygon, box

from pgdose.errors import Rejected


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("slide") / "s.svs", tissue_image())


def test_only_tiles_with_tissue_are_candidates(plain: Path, tmp_path: Path) -> None:
    drawn = write_outlines(tmp_path / "o.geojson", (box(512, 0, 1024, 512), "Tumor"))
    result = survey(plain, drawn, tile=256)
    quarter = [(0, 0), (256, 0), (0, 256), (256, 256)]
    expected = {(x + 512, y): "tumour" for x, y in quarter}
    expected |= {(x + 512, y + 512): "norm" for x, y in quarter}
    expected |= {(x, y + 512): "norm" for x, y in quarter}
    assert classes_of(result) == expected
    assert np.allclose(result.tiles["tissue_share"], 1) and (result.tiles["class_share"] == 1).all()


def test_tiles_between_the_classes_are_left_out(plain: Path, tmp_path: Path) -> None:
    drawn = write_outlines(tmp_path / "o.geojson", (box(640, 0, 1024, 1024), "tumour"))
    result = classes_of(survey(plain, drawn, tile=256))
    assert {x for (x, _), name in result.items() if name == "tumour"} == {768}
    assert not any(x == 512 for x, _ in result)
    some = classes_of(survey(plain, drawn, tile=256, class_share=0.51))
    assert not any(x == 512 for x, _ in some)  # half and half
    drawn = write_outlines(tmp_path / "o.geojson", (box(600, 0, 1024, 1024), "tumour"))
    most = classes_of(survey(plain, drawn, tile=256, class_share=0.6))
    assert {name for (x, _), name in most.items() if x == 512} == {"tumour"}


def test_the_class_named_first_counts_where_two_overlap(plain: Path, tmp_path: Path) -> None:
    half, quarter = box(512, 0, 1024, 1024), box(512, 0, 1024, 512)
    both = write_outlines(tmp_path / "o.geojson", (half, "Tumor"), (quarter, "Necrosis"))
    words = {"tumour": ["tumor"], "ignore": ["necrosis"], "norm": []}
    first = classes_of(survey(plain, both, tile=256, classes=words))
    assert {n for (x, _), n in first.items() if x >= 512} == {"tumour"}
    words = {"ignore": ["necrosis"], "tumour": ["tumor"], "norm": []}
    second = classes_of(survey(plain, both, tile=256, classes=words))
    assert not any(x >= 512 and y < 512 for x, y in second)
    assert second[512, 512] == "tumour" and second[0, 512] == "norm"


def test_what_lies_outside_the_outlines_is_what_the_study_or_the_table_says(
    plain: Path, tmp_path: Path
) -> None:
    drawn = write_outlines(tmp_path / "o.geojson", (box(512, 0, 1024, 1024), "Tumor"))
    assert set(classes_of(survey(plain, drawn)).values()) == {"tumour", "norm"}
    assert set(classes_of(survey(plain, drawn, rest="ignore")).values()) == {"tumour"}
    assert set(classes_of(survey(plain, drawn, "Tumour")).values()) == {"tumour"}
    assert set(classes_of(survey(plain, None, "Normal", rest="tumour")).values()) == {"norm"}
    assert classes_of(survey(plain, None, "ignore")) == {}
    assert reason(survey, plain, None, "stroma") == "unmapped_class"


def test_an_outline_of_the_class_that_the_rest_has_changes_nothing(
    plain: Path, tmp_path: Path
) -> None:
    drawn = write_outlines(tmp_path / "o.geojson", (box(600, 40, 900, 900), "Norm"))
    assert classes_of(survey(plain, drawn)) == classes_of(survey(plain, None, "norm"))


def test_a_slide_that_was_scanned_in_part_is_looked_at_where_it_was(tmp_path: Path) -> None:
    """Leica's: bounds within a larger slide, from which QuPath counts."""
    path = write_scn(tmp_path / "s.scn", tissue_image(), 3000, 1500, (5000, 4000))
    drawn = write_outlines(tmp_path / "o.geojson", (box(512, 0, 1024, 512), "Tumor"))
    whole = write_slide(tmp_path / "w.svs", tissue_image())
    expected = classes_of(survey(whole, drawn, tile=256))
    result = survey(path, drawn, tile=256)
    assert classes_of(result) == {(x + 3000, y + 1500): name for (x, y), name in expected.items()}
    tiles = read_all(path, result.tiles.assign(level=0, extent=256.0), 256)
    assert all(abs(tile.mean() - np.mean(PINK)) < 3 for tile in tiles)


def test_outlines_that_enclose_glass_alone_are_rejected(plain: Path, tmp_path: Path) -> None:
    glass = write_outlines(tmp_path / "o.geojson", (box(10, 10, 400, 400), "Tumor"))
    assert reason(survey, plain, glass) == "not_in_pixels"  # in micrometres it would be tissue
    glass = write_outlines(tmp_path / "r.geojson", (box(10, 10, 100, 200), "Tumor"))
    assert reason(survey, plain, glass) == "outlines_on_glass"
    some = write_outlines(tmp_path / "p.geojson", (box(10, 10, 700, 700), "Tumor"))
    assert "tumour" in set(classes_of(survey(plain, some)).values())
    ignored = write_outlines(tmp_path / "q.geojson", (box(10, 10, 400, 400), "Ignore*"))
    assert set(classes_of(survey(plain, ignored)).values()) == {"norm"}


def test_the_outlines_of_another_slide_are_rejected(plain: Path, tmp_path: Path) -> None:
    other = write_outlines(tmp_path / "o.geojson", (box(2000, 3000, 2600, 3500), "Tumor"))
    assert reason(survey, plain, other) == "outlines_outside"


def test_an_outline_that_crosses_itself_is_mended_and_counted(plain: Path, tmp_path: Path) -> None:
    bow = Polygon([(512, 0), (1024, 1024), (1024, 0), (512, 1024)])
    result = survey(plain, write_outlines(tmp_path / "o.geojson", (bow, "Tumor")))
    assert result.facts["mended"] == 1
    assert {x for (x, _), name in classes_of(result).items() if name == "tumour"}


def test_outlines_that_draw_nothing_do_not_make_a_slide_norm(plain: Path, tmp_path: Path) -> None:
    nothing = write_outlines(tmp_path / "o.geojson")
    assert reason(survey, plain, nothing) == "nothing_drawn"
    assert set(classes_of(survey(plain, nothing, "norm")).values()) == {"norm"}


def test_shares_that_are_all_but_the_one_asked_for_are_enough(tmp_path: Path) -> None:
    full = write_slide(tmp_path / "s.svs", np.full((768, 768, 3), PINK, np.uint8), mpp=0.25)
    for mpp in (0.25, 0.3, 0.37, 0.499, 0.61):
        result = survey(full, None, "norm", mpp=mpp, class_share=1, tissue={"share": 1})
        assert len(result.tiles) == len(result.grid.corners(result.bounds)[0])


def test_a_class_that_the_study_does_not_map_is_named(plain: Path, tmp_path: Path) -> None:
    drawn = write_outlines(tmp_path / "o.geojson", (box(512, 0, 1024, 1024), "Necrosis"))
    with pytest.raises(Rejected) as caught:
        survey(plain, drawn)
    assert caught.value.reason == "unmapped_class"
    assert "'Necrosis' is in none of the study's classes" in caught.value.detail


def test_a_mask_of_another_shape_is_rejected(plain: Path, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 1
    Image.fromarray(mask).save(tmp_path / "m.png")
    words = {"tumour": ["1"], "norm": []}
    result = classes_of(survey(plain, tmp_path / "m.png", classes=words))
    assert {name for (x, _), name in result.items() if x >= 512} == {"tumour"}
    Image.fromarray(mask[:50]).save(tmp_path / "m.png")
    assert reason(survey, plain, tmp_path / "m.png", classes=words) == "wrong_aspect"


def test_a_tile_that_claims_more_than_its_file_is_rejected(plain: Path, tmp_path: Path) -> None:
    """OpenSlide would end the process: it cannot be asked."""
    for tag, value in (("TileWidth", 2**31 - 16), ("TileByteCounts", None)):
        path = tmp_path / f"{tag}.svs"
        path.write_bytes(plain.read_bytes())
        with tifffile.TiffFile(path, mode="r+") as file:
            entry = file.pages[0].tags[tag]
            entry.overwrite(value or [2**31] * entry.count)
        with pytest.raises(Rejected, match="larger than the file"):
            survey(path, None, "norm")


def test_a_pyramid_without_its_middle_level_gives_the_same_tiles(tmp_path: Path) -> None:
    for name, downsamples in (("a.svs", (1, 4, 16)), ("b.svs", (1, 16)), ("c.svs", (1,))):
        write_slide(tmp_path / name, tissue_image(2048), downsamples=downsamples)
    result = [classes_of(survey(tmp_path / f"{name}.svs", None, "norm")) for name in "abc"]
    assert result[0] == result[1] == result[2] and len(result[0]) > 100


def test_the_facts_name_the_classes_that_lose_tiles_to_glass_and_pen(tmp_path: Path) -> None:
    """Tumour was outlined twice: on glass alone, and on tissue with a pen mark on it."""
    image = tissue_image()
    image[600:640, 700:900] = image[20:60, 20:100] = GREEN  # the second mark is on glass
    slide = write_slide(tmp_path / "s.svs", image)
    on_pen = write_outlines(tmp_path / "pen.geojson", (box(512, 512, 1024, 1024), "tumour"))
    facts = survey(slide, on_pen).facts
    assert (facts["in_class"], facts["on_tissue"]) == ("norm tumour", "norm tumour")
    assert facts["inked"] == "tumour"
    beside = box(512, 0, 1024, 512)
    words = {"tumour": ["x"], "norm": ["norm"], "ignore": []}
    with_glass = write_outlines(
        tmp_path / "glass.geojson", (box(0, 0, 128, 128), "x"), (beside, "norm")
    )
    facts = survey(slide, with_glass, classes=words).facts
    assert (facts["in_class"], facts["on_tissue"]) == ("norm tumour", "norm")
    assert facts["inked"] == "norm"
