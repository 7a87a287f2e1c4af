"""Words that must not leave a hospital: how they are planted in it, and searched for in results."""

import base64
import contextlib
import csv
import html
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import tifffile
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset

# Unmistakable, and so long that pixels do not spell them by chance.
NAME, CYRILLIC, ROOT = "Zqxwova", "Зыкщюва", "jqvroot"
EXAMINED, BORN, UID_ROOT = "19380517", "19011203", "2.25.47114711471147114711"
SENTENCE = f"{CYRILLIC} Zqxwovena, 17.05.1938."
PATIENTS = ["zqxwov", "зыкщюва", "47114711471147114711"]  # of a person
PATIENTS += [f"{d[:4]}{s}{d[4:6]}{s}{d[6:]}" for d in (EXAMINED, BORN) for s in ("", "-")]
PATIENTS += [f"{d[6:]}.{d[4:6]}.{d[:4]}" for d in (EXAMINED, BORN)]
STUDY = [ROOT]  # where the study says that its inputs lie


# --- planting ---------------------------------------------------------------------------------


def plant(hospital: Path, data: Path) -> None:
    """The synthetic `hospital` below `data/<ROOT>`, with the planted words in place of its own."""
    numbers: dict[str, str] = {}

    def number(old: str) -> str:
        return numbers.setdefault(old, f"ZQXWOV{len(numbers):05d}")

    root = data / ROOT
    for count, film in enumerate(sorted(p for p in (hospital / "xray").rglob("*") if p.is_file())):
        folder = root / "xray" / f"{CYRILLIC} {count % 7}" / "1938-05-17"
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(shutil.copy(film, folder / f"zqxwov {count}.dcm"))
        with contextlib.suppress(Exception):  # a broken one stays as it is, under its new name
            _rewrite_film(path, count, number)
    with (hospital / "reports.csv").open() as old, (root / "reports.csv").open("w") as new:
        rows = list(csv.DictReader(old))
        table = csv.DictWriter(new, rows[0].keys())
        table.writeheader()
        for count, row in enumerate(rows):
            row["accession_number"] = number(row["accession_number"])
            row |= {"report_date": "1938-05-17", "physician": NAME}
            if count % 2:  # a sentence that the labeller does not know leaves the norm open
                row["report"] += f". {SENTENCE}"
            table.writerow(row)
    _plant_fields(hospital, root)
    _plant_slides(hospital, root)
    _plant_table(root)
    _plant_network(root / "network.onnx")


def _rewrite_film(path: Path, count: int, number) -> None:  # type: ignore[no-untyped-def]
    ds = pydicom.dcmread(path)
    old = (str(ds.PatientID), str(ds.AccessionNumber))
    ds.PatientID, ds.AccessionNumber = (number(text) for text in old)
    ds.PatientName = f"{NAME}^Zqxwovena"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = EXAMINED
    ds.PatientBirthDate = BORN
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{UID_ROOT}.1.{count}", f"{UID_ROOT}.2.{count}"
    ds.SOPInstanceUID += "1"
    for keyword in (
        *("InstitutionName", "InstitutionAddress", "StationName", "DeviceSerialNumber"),
        *("ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "PatientAddress"),
        *("StudyDescription", "SeriesDescription", "ProtocolName", "StudyID", "ImageComments"),
        *("PatientComments", "AdditionalPatientHistory", "OtherPatientIDs", "ImageType"),
        *("RequestedProcedureDescription", "DerivationDescription", "Manufacturer"),
    ):
        setattr(ds, keyword, NAME.upper())
    ds.PatientTelephoneNumbers = "ZQXWOV 7351735"
    ds.VOILUTFunction, ds.WindowCenterWidthExplanation = "ZQXWOV", NAME
    ds.private_block(0x0011, "ZQXWOV MAKER", create=True).add_new(1, "LO", f"{NAME} 17.05.1938")
    step = Dataset()
    step.ScheduledProcedureStepDescription = step.PatientName = NAME
    ds.RequestAttributesSequence = [step]
    spoilt = {
        1: {"ViewPosition": "ZQXWOVA PA"},
        2: {"BodyPartExamined": "CHEST ZQXWOVA"},
        3: {"BodyPartExamined": "ZQXWOVA"},
        4: {"PhotometricInterpretation": "ZQXWOVA"},
        5: {"PatientAge": "ZQXWOV"},
        6: {"PatientSex": "ZQXWOVA"},
        7: {"SpecificCharacterSet": "ZQXWOVA"},
    }
    for keyword, text in spoilt.get(count % 40, {}).items():
        setattr(ds, keyword, text)
    ds.file_meta.SourceApplicationEntityTitle = "ZQXWOVA"
    beside = path.with_suffix(".new")
    ds.save_as(beside)
    content = beside.read_bytes()
    if count % 40 == 8:  # of a window that is no number
        content = content.replace(b"MONOCHROME2", b"MONOCHROMEz")
    path.write_bytes(content)
    beside.unlink()


def _plant_fields(hospital: Path, root: Path) -> None:
    (root / "fields").mkdir()
    lines = ["file,patient,class"]
    with (hospital / "fields.csv").open() as file:
        for count, row in enumerate(csv.DictReader(file)):
            name = f"zqxwov {CYRILLIC} {count}.{['png', 'tif', 'jpg'][count % 3]}"
            mark(Image.open(hospital / "fields" / row["file"]), root / "fields" / name)
            lines.append(f"{name},ZQXWOV-{row['patient']},{row['class']}")
    (root / "fields/zqxwov broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + NAME.encode() * 9)
    lines += ["zqxwov broken.png,ZQXWOV-1,ovary_norm", "zqxwov gone.png,ZQXWOV-1,ovary_norm"]
    shutil.copy(root / "fields" / name, root / "fields/zqxwov class.jpg")
    lines += ["zqxwov class.jpg,ZQXWOV-2,Zqxwova Zqxwovena", "../zqxwov.png,ZQXWOV-2,ovary_norm"]
    (root / "fields.csv").write_text("\n".join(lines) + "\n")


def mark(picture: Image.Image, path: Path) -> None:
    """Save a picture with the planted words in all that its format says beside the pixels."""
    exif = Image.Exif()
    for tag in (0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298):  # texts of TIFF
        exif[tag] = f"{NAME} ZQXWOV 1938-05-17"
    exif[0x0132] = "1938:05:17 10:00:00"
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><n>{NAME}</n></x:xmpmeta>".encode()
    picture = picture.convert("RGB")
    if path.suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", f"{NAME} 17.05.1938", zip=True)
        info.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        picture.save(path, pnginfo=info, exif=exif)
    elif path.suffix == ".jpg":
        picture.save(path, exif=exif, xmp=xmp, comment=NAME, quality=95)
    else:
        picture.save(path, tiffinfo=dict(exif) | {700: xmp})


def _plant_slides(hospital: Path, root: Path) -> None:
    shutil.copytree(hospital / "slides", root / "slides")
    lines = ["slide,patient,outlines,class"]
    with (hospital / "slides.csv").open() as file:
        for row in csv.DictReader(file):
            slide = (root / "slides" / row["slide"]).rename(
                root / "slides" / f"zqxwov {CYRILLIC} {row['slide']}"
            )
            with contextlib.suppress(Exception):  # a broken one
                _rewrite_slide(slide)
            outlines = row["outlines"]
            if outlines and (root / "slides" / outlines).is_file():
                old = root / "slides" / outlines
                new = old.rename(old.with_name(f"zqxwov {old.name}"))
                _rewrite_outlines(new)
                outlines = str(new.relative_to(root / "slides"))
            lines.append(f"{slide.name},ZQXWOV-{row['patient']},{outlines},{row['class']}")
    # A slide whose outline has a name for a class, and one outside of the root.
    first = next((root / "slides").glob("*B001.svs"))
    odd_slide = Path(shutil.copy(first, root / "slides/zqxwov odd.svs"))
    _rewrite_slide(odd_slide)  # another patient's, so it must be another slide
    shutil.copy(first, root / "zqxwov outside.svs")
    drawn = next((root / "slides/outlines/geojson").glob("*B001.geojson"))
    odd = json.loads(drawn.read_text())
    odd["features"][0]["properties"]["classification"]["name"] = NAME
    drawn.with_name("zqxwov odd.geojson").write_text(json.dumps(odd))
    lines.append("zqxwov odd.svs,ZQXWOV-9,outlines/geojson/zqxwov odd.geojson,")
    lines.append("../zqxwov outside.svs,ZQXWOV-9,,norm")
    (root / "slides.csv").write_text("\n".join(lines) + "\n")


def _rewrite_slide(path: Path) -> None:
    """Words in the description of each level, and pictures of a label and of the whole glass."""
    with tifffile.TiffFile(path) as file:
        texts = [page.description for page in file.pages]
    for page, text in enumerate(texts):
        more = f"|User = {NAME}|Date = 05/17/1938|Filename = ZQXWOV|Title = ZQXWOV"
        tifffile.tiffcomment(path, text + more, pageindex=page)
    written = np.tile(np.frombuffer(b"ZQXWOVA 17.05.1938 ", np.uint8), 3 * 200)
    picture = np.resize(written, (200, 200, 3))
    with tifffile.TiffWriter(path, append=True) as file:
        for name in ("label", "macro"):
            file.write(
                picture,
                photometric="rgb",
                rowsperstrip=200,
                description=f"Aperio Image Library\n{name} 200x200 {NAME}",
                metadata=None,
            )


def _rewrite_outlines(path: Path) -> None:
    if path.suffix == ".geojson":
        drawn = json.loads(path.read_text())
        for feature in drawn["features"]:
            feature["id"] = "ZQXWOV"
            feature["properties"] |= {
                "name": NAME,
                "description": SENTENCE,
                "metadata": {"n": NAME},
            }
        drawn["features"][0]["properties"]["classification"] |= {"colour": NAME}
        path.write_text(json.dumps(drawn))
    elif path.suffix == ".xml":
        text = path.read_text()
        text = re.sub(r'Name="Annotation \d+"', f'Name="{NAME}"', text)
        text = text.replace('Text=""', f'Text="{NAME}"').replace(
            "<Regions>", f"<!--{NAME}--><Regions>"
        )
        path.write_text(text)


def _plant_network(path: Path) -> None:
    """A network of two classes with words in all that its file says beside the numbers."""
    import onnx

    helper, names = onnx.helper, [f"{NAME}/{part} 17.05.1938" for part in "abcdef"]
    weight = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    nodes = [
        helper.make_node(kind, inputs, [output], name=f"{NAME}.{kind}", doc_string=SENTENCE)
        for kind, inputs, output in (
            ("GlobalAveragePool", [names[0]], names[1]),
            ("Flatten", [names[1]], names[2]),
            ("Gemm", [names[2], names[3]], names[4]),
        )
    ]
    nodes[2].attribute.append(helper.make_attribute("transB", 1, doc_string=SENTENCE))
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info(names[0], 1, [NAME, 3, 75, 75], doc_string=SENTENCE)],
        [helper.make_tensor_value_info(names[4], 1, [NAME, 2])],
        [onnx.numpy_helper.from_array(weight, names[3])],
        doc_string=SENTENCE,
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, producer_name=NAME, opset_imports=opset, doc_string=SENTENCE)
    helper.set_model_props(model, {NAME: SENTENCE})
    path.write_bytes(model.SerializeToString())


def _plant_table(root: Path) -> None:
    """Ready images cut out of the fields, and a table with words where they do not belong."""
    (root / "films").mkdir()
    lines = ["image,patient,age,sex,view,class,note"]
    fields = sorted((root / "fields").glob("*.png")) + sorted((root / "fields").glob("*.jpg"))
    picture = Image.open(next(p for p in fields if "broken" not in p.name)).convert("RGB")
    for count in range(24):
        name = f"zqxwov{count} {NAME}.{['png', 'jpg', 'tif'][count % 3]}"
        left, top = 64 * (count % 8), 96 * (count // 8)
        part = picture.crop((left, top, left + 120, top + 120))
        if count % 2:
            part = part.transpose(Image.Transpose.ROTATE_90).point(lambda v: v // 2)
        mark(part, root / "films" / name)
        lines.append(f"{name},ZQXWOV-{count},45,F,{NAME},{['one', 'two'][count % 2]},{SENTENCE}")
    mark(picture, root / "films/zqxwov nobody.png")
    lines += [f"{name},ZQXWOV-1,45,F,PA,one,", "zqxwov nobody.png,,1,F,PA,one,"]
    lines += [
        f"/zqxwov/{NAME},ZQXWOV-1,45,F,PA,one,",
        f"zqxwov 99,ZQXWOV-1,{NAME},{NAME},PA,{SENTENCE},",
        f"zqxwov slip.png,ZQXWOV-1,{NAME},{NAME},PA,{NAME}^{NAME},",  # moved by a column
    ]
    mark(picture, root / "films/zqxwov slip.png")
    text = "\n".join(",".join(f'"{cell}"' for cell in line.split(",", 6)) for line in lines)
    (root / "films.csv").write_text(text + "\n")


# --- searching --------------------------------------------------------------------------------


def spellings(words: list[str]) -> set[bytes]:
    """The words in the encodings that something here could write them in, in small letters."""
    found = set()
    for word in words:
        for text in {word, word.lower(), word.upper(), word.title()}:
            found |= {text.encode(code, "ignore") for code in ("utf-8", "utf-16-le", "utf-32-le")}
            found |= {text.encode("cp1251", "ignore"), json.dumps(text)[1:-1].encode()}
    return {word.lower() for word in found}


def stands_in(word: bytes, content: bytes) -> bool:
    """Whether a word stands in lower-case bytes; digits of another number are no date."""
    if word not in content:
        return False
    if not re.fullmatch(rb"[\d.-]{8,10}", word):
        return True
    return re.search(rb"(?<![\d.])%s(?!\d)" % re.escape(word), content) is not None


def contents(name: str, content: bytes) -> Iterator[bytes]:
    """A file's bytes, and what is packed in them: columns, archives, pictures' texts, pictures."""
    if not name.endswith((".html", ".svg")):
        yield content
    if name.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(content))
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:  # not compressed
            writer.write_table(table)
        yield sink.getvalue() + repr(table.schema.metadata).encode()
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for part in archive.namelist():
                yield part.encode()
                yield from contents(part, archive.read(part))
    if content[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1", b"II*\0", b"MM\0*"):
        with contextlib.suppress(OSError), Image.open(io.BytesIO(content)) as picture:  # broken
            picture.load()
            told = [picture.info, dict(picture.getexif()), dict(getattr(picture, "tag_v2", {}))]
            yield repr(told).encode()
    if name.endswith((".html", ".svg", ".css", ".js", ".json", ".rst")):
        text = content.decode(errors="replace")
        packed = r"(?:base64,|\"bdata\": ?\")\s*([A-Za-z0-9+/=\s]{16,})"
        for payload in re.findall(packed, text):
            yield from contents("", base64.b64decode(payload))
        text = re.sub(packed, "", text)  # so long that it spells any word by chance
        yield text.encode()
        yield html.unescape(text).encode()


def leaks(folder: Path, words: list[str]) -> list[tuple[str, bytes]]:
    """(file, word) of each planted word below a folder, in names as in contents."""
    wanted, found = spellings(words), []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        pieces = contents(name, path.read_bytes()) if path.is_file() else iter(())
        for piece in (name.encode(), *pieces):
            lower = piece.lower()
            found += [(name, word) for word in sorted(wanted) if stands_in(word, lower)]
    return found
