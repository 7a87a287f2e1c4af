"""Fetching from a PACS: pgdose beside a bare loop of pynetdicom and beside dcmtk's getscu.

    python benchmarks/pacs.py [--films 200] [--side 1024] [--rounds 5]

Starts an Orthanc on the loopback (Debian's package `orthanc`), fills it with made-up films, and
has each contender fetch all of them, one after the other in each round, each in a process of its
own whose imports do not count. `bare` is one association, a C-GET a series, and a handler that
writes what arrives; nothing is checked or synced. Prints seconds, and ratios to `bare` within each
round: medians over the rounds, and their range.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = "1.2.826.0.1.3680043.10.543.77"
TITLE = "ORTHANC"
CONTENDERS = ("bare", "pgdose at_once 1", "pgdose at_once 4", "pgdose DICOMweb 4", "getscu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--a-series", type=int, default=2, help="films of each series")
    parser.add_argument("--side", type=int, default=1024, help="pixels of 16 bits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        state = json.loads(arguments.state.read_text())
        print(json.dumps(_fetch_with(arguments.contender, state)))
        return
    with tempfile.TemporaryDirectory() as folder, _orthanc(Path(folder)) as ports:
        rows = _fill(ports["http"], arguments)
        seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for number in range(arguments.rounds):
            for name in CONTENDERS[number % 2 :: 1] + CONTENDERS[: number % 2]:
                seconds[name].append(_run(name, ports, rows, Path(folder)))
                print(f"round {number + 1}, {name}: {seconds[name][-1]:.2f} s", flush=True)
    size = arguments.films * arguments.side**2 * 2 / 1e6
    print(f"\n{arguments.films} films, {size:.0f} MB, {arguments.rounds} rounds\n")
    print("| contender | s | films/s | MB/s | times as fast as bare | range |")
    print("|---|---|---|---|---|---|")
    for name in CONTENDERS:
        middle = statistics.median(seconds[name])
        ratios = [bare / one for bare, one in zip(seconds["bare"], seconds[name], strict=True)]
        print(
            f"| {name} | {middle:.2f} | {arguments.films / middle:.0f} | {size / middle:.0f} | "
            f"{statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
        )


# --- the server -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _orthanc(folder: Path) -> Iterator[dict[str, int]]:
    ports = {"http": _free_port(), "dicom": _free_port()}
    plugins = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(plugins)] if plugins.exists() else [],
        "DicomWeb": {"Enable": True},
        "HttpPort": ports["http"],
        "RemoteAccessAllowed": False,
        "DicomPort": ports["dicom"],
        "DicomAet": TITLE,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowFind": True,
        "DicomCheckCalledAet": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as log:
        server = subprocess.Popen(["Orthanc", folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{ports['http']}/system").read()
                break
            time.sleep(0.1)
        else:
            sys.exit(f"Orthanc does not start:\n{(folder / 'orthanc.log').read_text()}")
        yield ports
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _fill(port: int, arguments: argparse.Namespace) -> list[dict]:
    """Store the films; rows of LISTED."""
    rows = []
    for number in range(arguments.films):
        series = number // arguments.a_series
        names = (f"{ROOT}.{series}", f"{ROOT}.{series}.1", f"{ROOT}.{series}.1.{number}")
        content = _film(names, number, arguments.side)
        url = f"http://127.0.0.1:{port}/instances"
        urllib.request.urlopen(urllib.request.Request(url, content, method="POST")).read()
        row = dict(zip(("study", "series", "instance"), names, strict=True))
        row |= {"modality": "CR", "role": "film", "shard": 0, "times": 1}
        rows.append(row | {"sop_class": "1.2.840.10008.5.1.4.1.1.1"})
    return rows


def _film(names: tuple[str, str, str], number: int, side: int) -> bytes:
    import io

    import numpy as np
    import pydicom
    from pydicom import uid

    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID = uid.ComputedRadiographyImageStorage
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = names
    ds.PatientID, ds.PatientName, ds.StudyDate = f"P{number}", "MADE^UP", "20200101"
    ds.Modality, ds.BodyPartExamined = "CR", "CHEST"
    ds.Rows = ds.Columns = side
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    random = np.random.default_rng(number)
    ds.PixelData = random.integers(0, 4096, (side, side), dtype=np.uint16).tobytes()
    ds["PixelData"].VR = "OW"
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


# --- the contenders -------------------------------------------------------------------------------


def _run(name: str, ports: dict[str, int], rows: list[dict], folder: Path) -> float:
    """Seconds of a contender, in a process of its own."""
    target = folder / "fetched"
    target.mkdir()
    state = folder / "state.json"
    state.write_text(json.dumps({"ports": ports, "rows": rows, "target": str(target)}))
    command = [sys.executable, __file__, "--contender", name, "--state", str(state)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    count = len(list(target.iterdir()))
    shutil.rmtree(target)
    os.sync()  # what one contender has left unwritten is not the next one's matter
    if count != len(rows):
        sys.exit(f"{name} fetched {count} of {len(rows)} films")
    return float(json.loads(result.stdout))


def _fetch_with(name: str, state: dict) -> float:
    if name == "bare":
        run = _bare(state)
    elif name == "getscu":
        run = _getscu(state)
    else:
        run = _pgdose(state, int(name.split()[-1]), web="DICOMweb" in name)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _bare(state: dict) -> Callable[[], None]:
    from pydicom import Dataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian
    from pynetdicom import AE, build_role, evt
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as Get

    target = Path(state["target"])

    def store(event: evt.Event) -> int:
        name = f"{event.request.AffectedSOPInstanceUID}.dcm"
        (target / name).write_bytes(event.encoded_dataset())
        return 0

    def run() -> None:
        entity = AE()
        entity.add_requested_context(Get)
        entity.add_requested_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
        association = entity.associate(
            "127.0.0.1",
            state["ports"]["dicom"],
            ae_title=TITLE,
            ext_neg=[build_role(ComputedRadiographyImageStorage, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, store)],
        )
        for study, series in dict.fromkeys((r["study"], r["series"]) for r in state["rows"]):
            identifier = Dataset()
            identifier.QueryRetrieveLevel = "SERIES"
            identifier.StudyInstanceUID, identifier.SeriesInstanceUID = study, series
            for status, _ in association.send_c_get(identifier, Get):
                assert status.Status in (0, 0xFF00), hex(status.Status)
        association.release()

    return run


def _pgdose(state: dict, at_once: int, web: bool) -> Callable[[], None]:
    from pgdose.pacs import dicomweb, dimse  # noqa: F401 - so that imports do not count
    from pgdose.pacs.credentials import Credentials
    from pgdose.pacs.fetching import fetch
    from pgdose.study.sources import PacsArchive

    ports = state["ports"]
    server = {"dimse": {"host": "127.0.0.1", "port": ports["dicom"], "called": TITLE}}
    if web:
        server = {"dicomweb": {"url": f"http://127.0.0.1:{ports['http']}/dicom-web"}}
    settings = {"at_once": at_once, "least_free_gb": 0}
    source = PacsArchive.model_validate(
        {"kind": "pacs", "root": state["target"], "server": server, "fetch": settings}
    )

    def run() -> None:
        rows = fetch(state["rows"], source, Credentials(), logging.getLogger("bench"))
        assert all(row["reason"] is None for row in rows)

    return run


def _getscu(state: dict) -> Callable[[], None]:
    studies = "\\".join(dict.fromkeys(row["study"] for row in state["rows"]))
    command = ["getscu", "-S", "-aec", TITLE, "-od", state["target"]]
    command += ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={studies}"]
    command += ["127.0.0.1", str(state["ports"]["dicom"])]
    return lambda: subprocess.run(command, check=True, capture_output=True) and None


if __name__ == "__main__":
    main()
