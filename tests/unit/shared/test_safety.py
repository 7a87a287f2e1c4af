"""Files from elsewhere are never executed, never leave their root, never exhaust memory."""

import ast
import pickle
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
import yaml
from helpers.dicom_files import film, header_settings, read_header, save
from helpers.image_tables import index_field_rows, index_rows
from helpers.slide_files import write_slide
from helpers.workflow import PROJECT, SMALL, checkout, snakemake
from PIL import Image

from pgdose.errors import Rejected, UserError
from pgdose.histology import survey
from pgdose.histology.outlines import reading as outlines
from pgdose.histology.slides import formats as slide_formats
from pgdose.histology.slides import opening as slide_opening
from pgdose.histology.slides import overview, slide_table
from pgdose.histology.slides.geometry import SlideGeometry
from pgdose.images import codecs
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.names import NAME_RULE
from pgdose.networks import architectures
from pgdose.study.parsing import parse
from pgdose.tables import source_files
from pgdose.tables.keyed import SourceIds
from pgdose.user_tables import layouts
from pgdose.xray import films, headers

KEY = b"k" * 32
CLASSES = {"tumour": ["tumor"], "norm": ["norm"]}
CODE = [*(PROJECT / "src").rglob("*.py"), *(PROJECT / "scripts").glob("*.py")]
RULES = [PROJECT / "Snakefile", *(PROJECT / "workflow").rglob("*.smk")]


def rejected(read: Callable[..., object], *arguments: Any, **named: Any) -> str:
    """The reason code with which something is refused."""
    with pytest.raises(Rejected) as caught:
        read(*arguments, **named)
    return caught.value.reason


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple:
        return Path.touch, (self.proof,)


def test_the_bomb_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize("as_torch", [False, True])
def test_a_pickle_given_as_weights_is_refused_and_not_executed(
    as_torch: bool, tmp_path: Path
) -> None:
    path, proof = tmp_path / "weights.pt", tmp_path / "proof"
    if as_torch:
        torch.save({"a": Bomb(proof)}, path)
    else:
        path.write_bytes(pickle.dumps(Bomb(proof)))
    with pytest.raises(
        UserError, match=r"training\.weights: weights\.pt is not a safetensors file"
    ):
        architectures.build("inception_v3", 2, 75, 0.0625, str(path))
    assert not proof.exists()


def test_a_pickle_in_the_place_of_imagenet_s_weights_is_refused_and_not_executed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    proof = tmp_path / "proof"
    torch.save({"a": Bomb(proof)}, tmp_path / "checkpoints/inception_v3_google-0cc3c7bd.pth")
    with pytest.raises(UserError, match=r"training\.weights: imagenet needs"):
        architectures.build("inception_v3", 2, 75, 1.0, "imagenet")
    assert not proof.exists()


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """The calls in a file, each with the name of what is called."""
    tree = ast.parse(path.read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func), node) for node in nodes]


def unsafe(path: Path) -> list[str]:
    """The calls in a file that could execute what they read."""
    places = []
    for name, call in calls(path):
        keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
        forbidden = re.fullmatch(
            r"eval|exec|compile|os\.(system|popen|exec\w+|spawn\w+)|(c?[Pp]ickle|dill|joblib|marshal"
            r"|shelve)\.\w+|pd\.read_(pickle|hdf)|\w+\.read_pickle|yaml\.(unsafe_|full_)?load(_all)?|shell",
            name,
        )
        bad = forbidden is not None or keywords.get("shell") == "True"
        bad |= name.endswith("torch.load") and keywords.get("weights_only") != "True"
        bad |= "allow_pickle" in keywords
        bad |= name.endswith("get_state_dict") and keywords.get("weights_only") != "True"
        places += [f"{path.name}:{call.lineno}: {name}"] * bad
    return places


@pytest.mark.parametrize(
    "line",
    [
        *("torch.load(a)", "torch.load(a, weights_only=False)", "np.load(a, allow_pickle=True)"),
        *("pickle.loads(a)", "yaml.load(a)", "subprocess.run(a, shell=True)", "os.system(a)"),
        *("eval(a)", "pd.read_pickle(a)", "entry.get_state_dict(check_hash=True)"),
    ],
)
def test_unsafe_calls_are_recognised(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(line)
    assert unsafe(tmp_path / "a.py")


# A job and the processes that it starts pickle what they tell each other, over a pair of sockets
# that nobody else can open.
OWN_PROCESSES = [
    PROJECT / "src/pgdose/training" / name for name in ("workers.py", "passed_errors.py")
]


def test_no_call_in_the_library_or_a_script_is_unsafe() -> None:
    assert len(CODE) > 80
    others = [path for path in CODE if path not in OWN_PROCESSES]
    assert len(others) == len(CODE) - 2
    assert [line for path in others for line in unsafe(path)] == []


def test_the_processes_of_a_job_unpickle_nothing_but_what_they_tell_each_other() -> None:
    lines = [line.split(": ")[1] for path in OWN_PROCESSES for line in unsafe(path)]
    assert set(lines) == {"pickle.dumps", "pickle.loads"}
    sources = {
        ast.unparse(call.args[0])
        for path in OWN_PROCESSES
        for name, call in calls(path)
        if name == "pickle.loads"
    }
    # `task`: the first message to a process
    assert sources == {"connection.recv_bytes()", "task", "pickle.dumps(passed)"}


def test_no_rule_has_a_shell() -> None:
    for path in RULES:
        text = path.read_text()
        assert not re.search(r"^\s*(shell|run|notebook|wrapper|cwl)\s*:|\bshell\(", text, re.M), (
            path
        )


def test_a_lexicon_is_read_as_data(tmp_path: Path) -> None:
    text = f"!!python/object/apply:os.mkdir ['{tmp_path / 'proof'}']"
    (tmp_path / "lexicon.yaml").write_text(text)
    with pytest.raises(UserError):
        load_lexicon(tmp_path / "lexicon.yaml")
    assert not (tmp_path / "proof").exists()


def test_a_picture_that_is_a_program_is_none(tmp_path: Path) -> None:
    """Pillow would have Ghostscript run it."""
    path = tmp_path / "a.png"
    Image.new("RGB", (90, 90)).save(path, format="EPS")
    with Image.open(path) as image:
        assert image.format == "EPS"
    assert rejected(codecs.image_size, path) == "not_an_image"
    assert rejected(codecs.read_image, path, 3) == "not_an_image"


OUT = ["../secret.png", "a/../../secret.png", "/etc/hostname", "link.png", "folder/secret.png"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root, a picture outside of it, and links that lead there."""
    folder = tmp_path / "root"
    (folder / "a").mkdir(parents=True)
    Image.new("RGB", (256, 256)).save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "folder").symlink_to(tmp_path)
    Image.new("RGB", (256, 256)).save(folder / "a/in.png")
    (folder / "within.png").symlink_to(folder / "a/in.png")
    return folder


@pytest.mark.parametrize("name", OUT)
def test_no_table_leads_out_of_its_root(name: str, root: Path) -> None:
    row = {"image": name, "file": name, "slide": name, "patient": "P", "class": "a"}
    good = {**row, "file": "a/in.png", "image": "a/in.png"}
    both = pd.DataFrame([row, good])
    folders = slide_table.slide_folders(root)
    for indexed in (index_rows(both, root), index_field_rows(both, root, tile=256).tiles):
        assert [r[2] for r in indexed.rejects] == ["outside_root"] and len(indexed.records) == 1
    assert (
        rejected(survey.survey_row, {**row, "outlines": "", "mpp": ""}, folders, {})
        == "outside_root"
    )
    drawn = {**row, "slide": "a/in.png", "outlines": name, "mpp": ""}
    assert rejected(survey.survey_row, drawn, folders, {}) == "outside_root"


def test_a_link_that_stays_inside_is_followed(root: Path) -> None:
    assert source_files.inside(root, "within.png") == root / "a/in.png"
    source_files.check_inside(root, root / "within.png")


def test_a_root_may_be_a_link(root: Path) -> None:
    link = root.with_name("link")
    link.symlink_to(root)
    assert source_files.inside(link, "a/in.png") == root / "a/in.png"
    source_files.check_inside(link, link / "within.png")


def test_no_layout_leads_out_of_its_root(root: Path) -> None:
    for part in ("in", "out"):
        (root / "norm" / part).mkdir(parents=True)
    Image.new("RGB", (256, 256)).save(root / "norm/in/a.png")
    (root / "norm/out/a.png").symlink_to(root.parent / "secret.png")
    table = layouts.table_from_layout(root, "{class}/{patient}/*.png")
    cut = index_field_rows(table, root, tile=256).tiles
    assert len(cut.records) == 1
    expected = [*["not_in_layout"] * 2, *["outside_root"] * 2]
    assert sorted(r[2] for r in cut.rejects) == expected


def test_no_archive_leads_out_of_its_root(tmp_path: Path) -> None:
    for name in ("outside.dcm", "root/a.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(film(np.zeros((80, 100), np.uint16), SOPInstanceUID="1.2"), tmp_path / name)
    root = tmp_path / "root"
    (root / "out.dcm").symlink_to(tmp_path / "outside.dcm")
    (root / "within.dcm").symlink_to(root / "a.dcm")
    (root / "folder").symlink_to(tmp_path)
    (root / "ring.dcm").symlink_to(root / "ring.dcm")
    files = [(p.name, p) for p in source_files.walk(root)]
    rows = headers.read_headers(files, SourceIds(KEY, "s"), header_settings(), root)
    reasons = {row["record_id"]: row["reason"] for row in rows}
    assert reasons == {"a.dcm": None, "out.dcm": "outside_root", "within.dcm": None}


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A check that Python and numpy have allocated less than 256 MB since."""
    import tracemalloc

    tracemalloc.start()

    def check() -> None:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 256 * 2**20

    return check


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 999)

    def chunk(part: bytes) -> bytes:
        return struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))

    return b"\x89PNG\r\n\x1a\n" + chunk(body) + chunk(data) + chunk(b"IEND")


def tiff_header(path: Path, width: int, height: int, tile: int = 0, **named: Any) -> Path:
    """A TIFF of one small part that says it is as large as that."""
    side = tile or 16
    options = {"tile": (side, side)} if tile else {}
    tifffile.imwrite(
        path,
        np.zeros((side, side, 3), np.uint8),
        photometric="rgb",
        metadata=None,
        **options,
        **named,
    )
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(width)
        file.pages[0].tags["ImageLength"].overwrite(height)
    return path


@pytest.mark.parametrize("sides", [(2**31 - 1, 2**31 - 1), (60_000, 60_000), (10_100, 10_000)])
def test_a_picture_of_absurd_size_is_refused_by_its_header(
    sides: tuple[int, int], tmp_path: Path, little_memory: Callable[..., None]
) -> None:
    (tmp_path / "a.png").write_bytes(png_header(*sides))
    tiff_header(tmp_path / "a.tif", *sides)
    for name in ("a.png", "a.tif"):
        assert rejected(codecs.image_size, tmp_path / name) == "absurd_size"
        assert rejected(codecs.read_image, tmp_path / name, 3) == "absurd_size"
    little_memory()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_small_picture_in_an_enormous_tile_is_refused_by_its_header(
    dtype: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.full((128, 128, 3), np.iinfo(dtype).max, dtype)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), metadata=None)
    assert codecs.read_image(path, 3).shape == (128, 128, 3)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("TileWidth", "TileLength"):
            file.pages[0].tags[tag].overwrite(40_000)
    monkeypatch.setattr(codecs.deep_values, "read", None)
    monkeypatch.setattr(Image.Image, "convert", None)
    assert rejected(codecs.image_size, path) == "absurd_size"
    assert rejected(codecs.read_image, path, 3) == "absurd_size"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"Rows": 65535, "Columns": 65535}, "absurd_size"),
        ({"Rows": 65535, "Columns": 65535, "NumberOfFrames": "99999"}, "absurd_size"),
        ({"NumberOfFrames": "2147483647"}, "multi_frame"),
        ({"NumberOfFrames": "-5"}, "multi_frame"),
        ({"Rows": 9_999, "Columns": 9_999}, "unreadable_pixels"),
    ],
)
def test_a_film_of_absurd_size_is_refused_by_its_header(
    values: dict[str, Any], reason: str, tmp_path: Path, little_memory: Callable[..., None]
) -> None:
    path = save(
        film(np.zeros((80, 100), np.uint16), SOPInstanceUID="1.2", **values), tmp_path / "a"
    )
    if reason != "unreadable_pixels":
        assert rejected(read_header, path) == reason
    assert rejected(films.read_film, path) == reason
    little_memory()


def test_a_slide_of_absurd_size_is_refused_by_its_header(
    tmp_path: Path, little_memory: Callable[..., None]
) -> None:
    path = tiff_header(tmp_path / "a.tif", 10**6, 10**6, tile=256, compression="jpeg")
    assert rejected(slide_opening.open_slide, path) in ("absurd_size", "unreadable_slide")
    assert rejected(overview.thumbnail, path, 1200, "as_stored") in (
        "absurd_size",
        "unreadable_slide",
    )
    little_memory()


def test_a_slide_larger_than_any_glass_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_slide(tmp_path / "a.svs", np.full((1024, 1024, 3), 200, np.uint8))
    slide_opening.open_slide(path).close()
    monkeypatch.setattr(slide_opening, "LARGEST_SLIDE", 1024 * 1024 - 1)
    assert rejected(slide_opening.open_slide, path) == "absurd_size"


@pytest.mark.parametrize("side", [10**6, 2**31 - 1])
def test_a_mask_of_absurd_size_is_refused_by_its_header(
    side: int, tmp_path: Path, little_memory: Callable[..., None]
) -> None:
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    tiff_header(tmp_path / "a.tif", side, side)
    tiff_header(tmp_path / "b.tif", side, side, tile=256)
    read = outlines.read_outlines
    for name in ("a.png", "a.tif", "b.tif"):
        for size in ((1000, 1000), (100_000, 100_000)):
            assert (
                rejected(read, tmp_path / name, CLASSES, SlideGeometry(size), 256) == "absurd_size"
            )
    little_memory()


def test_a_tiff_whose_pages_form_a_ring_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for _ in range(3):
            file.write(np.zeros((16, 16), np.uint8), metadata=None)
    with tifffile.TiffFile(path) as file:
        first, last = file.pages[0].offset, file.pages[2].offset
    content = bytearray(path.read_bytes())
    count = struct.unpack_from("<H", content, last)[0]
    struct.pack_into("<I", content, last + 2 + 12 * count, first)
    path.write_bytes(content)
    assert rejected(slide_opening.open_slide, path) == "absurd_size"
    assert (
        rejected(outlines.read_outlines, path, CLASSES, SlideGeometry((16, 16)), 256)
        == "absurd_size"
    )
    assert rejected(codecs.read_image, path, 3) == "absurd_size"


def test_a_slide_of_enormous_tiles_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_slide(tmp_path / "a.svs", np.full((1024, 1024, 3), 200, np.uint8), tile=512)
    monkeypatch.setattr(slide_formats, "LARGEST_TILE", 511)
    assert rejected(slide_opening.open_slide, path) == "unreadable_slide"
    monkeypatch.setattr(slide_opening, "check_format", lambda _: None)  # as for other formats
    monkeypatch.setattr(slide_opening, "LARGEST_TILE", 511)
    assert rejected(slide_opening.open_slide, path) == "absurd_size"


def test_a_sparse_file_is_not_read_as_a_whole(
    tmp_path: Path, little_memory: Callable[..., None]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.full((16, 16, 3), 65535, np.uint16), photometric="rgb")
    (tmp_path / "a.geojson").touch()
    for file in (path, tmp_path / "a.geojson"):
        with file.open("r+b") as opened:
            opened.truncate(10**11)
    assert rejected(codecs.read_image, path, 3) == "absurd_size"
    read = outlines.read_outlines
    for suffix in ("geojson", "xml", "csv"):
        file = (tmp_path / "a.geojson").rename(tmp_path / f"b.{suffix}")
        assert rejected(read, file, CLASSES, SlideGeometry((16, 16)), 256) == "absurd_size"
        file.rename(tmp_path / "a.geojson")
    little_memory()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_has_no_entities(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Tumor")
    bomb = '<!ENTITY a0 "aaaaaaaaaa">'
    bomb += "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    outside = f'<!ENTITY a11 SYSTEM "file://{tmp_path}/secret">'
    remote = '<!ENTITY % a SYSTEM "http://127.0.0.1:9/a.dtd"> %a; <!ENTITY a11 "a">'
    for entities in (bomb, outside, remote, '<!ENTITY a11 "Tumor">'):
        text = f'<!DOCTYPE x [{entities}]><Annotations Name="">&a11;</Annotations>'
        (tmp_path / "a.xml").write_text(text, encoding=encoding)
        with pytest.raises(Rejected) as caught:
            outlines.read_outlines(tmp_path / "a.xml", CLASSES, SlideGeometry((1000, 1000)), 256)
        detail = "the XML has a DOCTYPE, which is refused; export it from the viewer again"
        assert (caught.value.reason, caught.value.detail) == ("unreadable_outlines", detail)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10**6,
        '{"geometry":' * 10**5 + "1" + "}" * 10**5,
        '{"type":"GeometryCollection","geometries":[' * 5000 + "]}" * 5000,  # 3.13 reads 900
        '[{"geometry": {"type": "Polygon", "coordinates": [[[1e999, 0], [0, 1], [1, 1]]]}}]',
    ],
)
def test_geojson_of_endless_depth_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text(text)
    reason = rejected(
        outlines.read_outlines, tmp_path / "a.geojson", CLASSES, SlideGeometry((1000, 1000)), 256
    )
    assert reason in ("unreadable_outlines", "invalid_outline")


EVIL = [
    *("; rm -rf ~", "$(touch proof)", "`touch proof`", "a b", "../up", "/etc", "a/b", "a\\b", ""),
    *("X-TB\n", "\nX-TB", "X\0", "a'b", 'a"b', "{group}", "-n", "--config", "1a", "a" * 41, "a.b"),
    *("Х-ТВ", "X\u2010TB", "a\u202eb", "é", "a\u0301", "ａ", "a*", "~", "|", "&"),
]


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / SMALL).read_text())


def renamed(entries: dict, old: str, new: str) -> dict:
    return {new if name == old else name: entry for name, entry in entries.items()}


@pytest.mark.parametrize("name", EVIL)
def test_names_have_a_stated_alphabet(name: str, study: dict[str, Any]) -> None:
    tuberculosis = study["groups"]["X-TB"]["classes"]
    wrong = [
        ("study", {"study": name}),
        ("sources", {"sources": renamed(study["sources"], "xray", name)}),
        ("groups", {"groups": renamed(study["groups"], "X-TB", name)}),
        ("attacks", {"attacks": renamed(study["attacks"], "noise", name)}),
    ]
    classes = study["groups"] | {
        "X-TB": study["groups"]["X-TB"] | {"classes": renamed(tuberculosis, "C1", name)}
    }
    wrong.append(("groups.X-TB.classes", {"groups": classes}))
    for field, change in wrong:
        with pytest.raises(UserError) as caught:
            parse(study | change)
        line = next(li for li in str(caught.value).splitlines() if "is not a valid name" in li)
        assert line.strip().startswith(field) and repr(name) in line and NAME_RULE in line


@pytest.mark.parametrize("name", ["X", "X-NR2", "a_b-c9", "a" * 40])
def test_names_of_the_alphabet_pass(name: str, study: dict[str, Any]) -> None:
    parse(study | {"groups": renamed(study["groups"], "X-TB", name)})


@pytest.mark.parametrize("path", ["a{b}", "{group}", "a\nb", "a\0b"])
@pytest.mark.parametrize("field", ["results", "privacy.key", "privacy.folder", "phantom.root"])
def test_places_of_what_is_made_have_no_braces(
    field: str, path: str, study: dict[str, Any]
) -> None:
    section, _, name = field.partition(".")
    study[section] = {**study.get(section, {}), name: path} if name else path
    with pytest.raises(UserError) as caught:
        parse(study)
    assert f"{field}: {path!r} must be a path without line breaks and without braces" in str(
        caught.value
    )


@pytest.mark.workflow
def test_a_group_s_name_never_comes_to_a_shell(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    study = yaml.safe_load((folder / SMALL).read_text())
    study["groups"] = renamed(study["groups"], "X-TB", "; touch proof #")
    (folder / "evil.yaml").write_text(yaml.safe_dump(study))
    run = snakemake(folder, study="evil.yaml")
    assert run.returncode == 1
    assert "'; touch proof #' is not a valid name" in run.stdout + run.stderr
    assert not list(folder.rglob("proof"))


@pytest.mark.workflow
def test_odd_folders_work_and_are_not_interpreted(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    study = yaml.safe_load((folder / SMALL).read_text())
    odd = 'results/it\'s; touch proof $(touch proof) "x"'
    study |= {"results": odd, "privacy": {"folder": "private/a b; touch proof"}}
    study["phantom"]["slides"] = {"slides": 1, "side": 1024, "broken": 0}
    (folder / "odd.yaml").write_text(yaml.safe_dump(study))
    target = f"{odd}/sources/breast/slides/0.parquet"
    run = snakemake(folder, "--", target, study="odd.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert (folder / target).is_file()
    assert not list(folder.rglob("proof"))
