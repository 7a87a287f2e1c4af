"""Studies whose films come from a real PACS, started for this alone: `make test-pacs`.

Installs Debian's Orthanc where it is missing, starts it on the loopback with a login and TLS, and
gives it 2,000 drawn films that are full of planted names, numbers and UIDs. It asserts that

- a study that fetches them over DICOMweb, and one that does over DIMSE, have the tables and stores
  of a study with the same films in a folder, byte for byte;
- meanwhile the PACS is killed and started again, the study is killed, and the disk is full: nothing
  is lost, nothing that lies whole is fetched again, no half file stays;
- of a PACS that lies (counts, UIDs, instances that are cut, swapped, slow or gone) each instance is
  fetched, or rejected with its reason, and counted;
- no planted word, no UID and no login is in results, logs or Snakemake's own files.

Everything lies in a temporary folder, and the servers stop with the test. The folder stays if the
test fails. Where Orthanc cannot be had (not root, not Debian, no package server), it says so and
passes.
"""

import argparse
import base64
import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
import pandas as pd
import yaml
from helpers import orthanc, pacs_films
from helpers.leaks import PATIENTS, leaks
from helpers.pacs_films import PacsFilms
from helpers.pacs_proxy import Answer, Proxy
from helpers.workflow import checkout

from pgdose.tables import parquet

STUDY = "tests/data/studies/from_pacs.yaml"
RESULTS = "results/from-pacs"
SOURCES = f"{RESULTS}/tables/sources.csv"
TARGETS = (SOURCES, f"{RESULTS}/groups/X-TB/members.parquet")
USER, PASSWORD = "reader", "wq7xjvkp-kennwort"
LOGINS = [PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]
COMPARED = {".csv", ".parquet", ".json", ".npy", ".png"}
NOT_COMPARED = {"benchmarks", "logs"}
LIMIT = 900  # seconds for each run of a study: one that hangs is stopped
KEY = hashlib.sha256(b"a key of tests").hexdigest()


class Site(NamedTuple):
    """A hospital: its films, its PACS, and the folder for all that the test makes."""

    folder: Path
    films: PacsFilms
    certificate: Path
    pacs: orthanc.Orthanc


class Ended(NamedTuple):
    """A run of Snakemake that has ended."""

    status: int
    text: str


def skip(reason: str) -> None:
    line = "!" * 78
    print(f"{line}\nSKIPPED, no real PACS was tested: {reason}\n{line}", file=sys.stderr)
    sys.exit(0)


# --- studies ----------------------------------------------------------------------------------


def make_study(site: Site, name: str, **source: Any) -> Path:
    """A checkout with the study; `source` are keys of its one source that differ."""
    folder = checkout(site.folder / name)
    study = yaml.safe_load((folder / STUDY).read_text())
    films = study["sources"]["films"]
    films["reports"]["table"] = str(site.folder / "films/reports.csv")
    if source.get("kind") == "dicom_archive":
        del films["server"], films["find"]
    study["sources"]["films"] = films | source
    (folder / STUDY).write_text(yaml.safe_dump(study, sort_keys=False))
    (folder / "key").write_text(f"{KEY}\n")
    return folder


def server_of(site: Site, **way: Any) -> dict[str, Any]:
    """Section `server` of a study, with a private file of the login."""
    login = site.folder / "login"
    login.touch(mode=0o600)
    login.write_text(f"user: {USER}\npassword: {PASSWORD}\n")
    tls = {"ca": str(site.certificate)}
    return {**way, "tls": tls} | ({"credentials": str(login)} if "dicomweb" in way else {})


def run_study(
    folder: Path,
    *targets: str,
    meanwhile: Callable[["subprocess.Popen[bytes]"], None] = lambda run: None,
) -> Ended:
    """Snakemake in a checkout; `meanwhile` is called again and again as long as it runs."""
    log = folder / "terminal.txt"
    # In this order: some options of Snakemake eat what follows.
    command = [sys.executable, "-m", "snakemake", *targets, "--configfile", STUDY]
    with log.open("ab") as out:
        begin = out.tell()
        run = subprocess.Popen(
            [*orthanc.TIED, *command, "--resources", "gpu=0", "--cores", "2"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        deadline = time.monotonic() + LIMIT
        try:
            while run.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                meanwhile(run)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    return Ended(run.wait(), log.read_bytes()[begin:].decode(errors="replace"))


def carry_out(folder: Path, *targets: str) -> Ended:
    """A run that must succeed."""
    ended = run_study(folder, *targets)
    assert ended.status == 0, f"{folder}\n{ended.text[-5000:]}"
    return ended


def results(folder: Path) -> dict[str, bytes]:
    root = folder / RESULTS
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.suffix in COMPARED and NOT_COMPARED.isdisjoint(path.relative_to(root).parts)
    }


def check_equal(folder: Path, other: Path) -> int:
    first, second = results(folder), results(other)
    assert len(first) >= 10, f"only {sorted(first)}"
    names = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    assert not names, f"{other.name} differs from {folder.name}: {names}"
    return len(first)


def source_counts(folder: Path) -> dict[str, int]:
    return dict(pd.read_csv(folder / SOURCES).iloc[0])


def check_one_at_a_time(folder: Path) -> None:
    """Never did two jobs ask the PACS at once, though the command line has no limit for it."""
    benchmarks = [*(folder / f"{RESULTS}/benchmarks/fetch").glob("*.tsv")]
    ends = {path.stat().st_mtime: pd.read_csv(path, sep="\t")["s"].item() for path in benchmarks}
    spans = sorted((end - seconds, end) for end, seconds in ends.items())
    assert len(spans) == 2
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start + 0.5, f"two jobs asked the PACS at once: {spans}"


def check_what_reruns(folder: Path) -> None:
    """How films are fetched changes nothing; what is searched for, and where, lists anew."""
    path = folder / STUDY
    before = path.read_text()

    def planned(**changes: Any) -> set[str]:
        study = yaml.safe_load(before)
        films = study["sources"]["films"]
        for key, value in changes.items():
            films[key] = films[key] | value if key in films else value
        path.write_text(yaml.safe_dump(study, sort_keys=False))
        text = carry_out(folder, *TARGETS, "--dry-run").text
        return set(re.findall(r"^(?:local)?rule (\w+):", text, flags=re.M))

    assert planned() == set()
    login = folder / "login"
    login.touch(mode=0o600)
    login.write_text("token: another\n")
    assert planned(fetch={"per_second": 1, "at_once": 1, "hours": ["01:00", "02:00"]}) == set()
    assert planned(server={"credentials": str(login)}) == set()
    assert {"list_on_pacs", "fetch"} <= planned(find={"body_parts": ["HAND"]})
    path.write_text(before)


def delivered(folder: Path) -> set[str]:
    """The UIDs of the files below the root; every one is whole, and there are no others."""
    return {path.name for path in (folder / "incoming").iterdir()}


# --- what happens meanwhile -------------------------------------------------------------------


def kill_pacs_and_study(
    site: Site, folder: Path, killed: set[str]
) -> Callable[["subprocess.Popen[bytes]"], None]:
    """At a quarter of the films the PACS, which comes back; at the half of them the study."""
    incoming, count = folder / "incoming", len(site.films.asked)

    def look(run: "subprocess.Popen[bytes]") -> None:
        here = len(list(incoming.glob("[!.]*.dcm")))
        if "pacs" not in killed and here > count // 4:
            killed.add("pacs")
            site.pacs.kill()
            time.sleep(2)
            site.pacs.start()
        elif "study" not in killed and here > count // 2:
            killed.add("study")
            os.killpg(run.pid, signal.SIGKILL)

    return look


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """A disk of its own at a folder; whether this user may mount one."""
    folder.mkdir(mode=0o700)
    size = f"size={megabytes}m,mode=700"
    is_mounted = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True
    ).returncode
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", folder], check=True)


class Liar:
    """A PACS that answers as none should; each way of it concerns instances of its own."""

    def __init__(self, uids: list[str], stranger: Path) -> None:
        """`stranger`: a film that is sent in place of others."""
        pick = iter(uids)
        self.stranger = stranger.read_bytes()
        self.gone = [next(pick) for _ in range(3)]
        self.always_cut = [next(pick) for _ in range(2)]
        self.cut_once = [next(pick) for _ in range(2)]
        self.swapped = [next(pick) for _ in range(2)]
        self.late_once = [next(pick) for _ in range(2)]
        self.twice = next(pick)
        self.honest = list(pick)
        other = pacs_films.uids_of(int(self.honest[-1].rpartition(".")[2]))
        self.other_series = other["SeriesInstanceUID"]  # of the one that is listed twice
        self.seen: Counter[str] = Counter()

    def change(self, path: str, answer: Answer) -> Answer:
        address = path.partition("?")[0]
        instance = re.search(r"/instances/([0-9.]+)$", address)
        if instance:
            return self._change_film(instance[1], answer)
        if address.endswith(("/instances", "/series")):
            return self._change_list(address, answer)
        return answer

    def _change_film(self, uid: str, answer: Answer) -> Answer:
        self.seen[uid] += 1
        if uid in self.gone:
            return Answer(404, "text/plain", b"it was there a minute ago")
        if uid in self.always_cut or (uid in self.cut_once and self.seen[uid] == 1):
            return Answer(200, answer.content_type, answer.body, cut=len(answer.body) // 2)
        if uid in self.swapped:
            kind = 'multipart/related; type="application/dicom"; boundary=part'
            head = b"--part\r\nContent-Type: application/dicom\r\n\r\n"
            return Answer(200, kind, head + self.stranger + b"\r\n--part--\r\n")
        return answer

    def _change_list(self, address: str, answer: Answer) -> Answer:
        """One instance stands in two series, and some series claim more than they have."""
        rows = json.loads(answer.body or b"[]")
        for row in rows:
            if "00201209" in row and first_value(row, "0020000E").endswith("0"):
                row["00201209"]["Value"] = [7]
        series = re.search(r"/series/([0-9.]+)/instances$", address)
        if series and series[1] == self.other_series and rows:
            double = json.loads(json.dumps(rows[0]))
            double["00080018"]["Value"] = [self.twice]
            rows.append(double)
        return Answer(answer.status, answer.content_type, json.dumps(rows).encode())

    def delay(self, path: str) -> float:
        uid = path.rpartition("/instances/")[2]
        return 6.0 if uid in self.late_once and self.seen[uid] == 1 else 0.0


def first_value(row: dict[str, Any], tag: str) -> str:
    return str(row.get(tag, {}).get("Value", [""])[0])


# --- the tests --------------------------------------------------------------------------------


def check_dicomweb(site: Site, reference: Path) -> str:
    """Over DICOMweb, while the PACS and the study are killed."""
    proxy = Proxy(site.pacs.http_port)
    with proxy.run(site.certificate):
        address = {"url": f"https://localhost:{proxy.port}/dicom-web"}
        folder = make_study(site, "dicomweb", server=server_of(site, dicomweb=address))
        killed: set[str] = set()
        look = kill_pacs_and_study(site, folder, killed)
        first = run_study(folder, *TARGETS, meanwhile=look)
        assert killed == {"pacs", "study"}, f"{killed}\n{first.text[-5000:]}"
        assert first.status != 0
        carry_out(folder, "--unlock")
        carry_out(folder, *TARGETS)
    names = {path.name for path in site.films.asked}
    assert delivered(folder) == names
    for path in site.films.asked:
        copy = folder / "incoming" / path.name
        assert copy.read_bytes() == path.read_bytes(), f"{path.name} is not as it was sent"
        assert copy.stat().st_mode & 0o777 == 0o600
    times = {f"{uid}.dcm": n for uid, n in proxy.instances.items()}
    assert times.keys() == names, "not what was asked for"
    check_one_at_a_time(folder)
    check_what_reruns(folder)
    again = sum(times.values()) - len(times)
    assert again <= 12, f"{again} films were sent again"  # on their way, or not yet on the disk
    count = check_equal(reference, folder)
    return f"DICOMweb: {count} files as of the folder; {again} films on their way at the kill"


def check_dimse(site: Site, reference: Path) -> str:
    """Over DIMSE, on a disk that is full at the half of the films, and made larger then."""
    way = {"host": "localhost", "port": site.pacs.dicom_port, "called": orthanc.TITLE}
    fetch = {"least_free_gb": 0, "retries": 1}
    folder = make_study(site, "dimse", server=server_of(site, dimse=way), fetch=fetch)
    size = sum(path.stat().st_size for path in site.films.asked) // 10**6
    with small_disk(folder / "incoming", size // 2) as is_mounted:
        told = "no disk of its own could be mounted"
        if is_mounted:
            ended = run_study(folder, *TARGETS)
            assert ended.status != 0, "it did not fail on a full disk"
            assert "make room" in ended.text, ended.text[-5000:]
            kept = {path.name: path.stat().st_mtime_ns for path in (folder / "incoming").iterdir()}
            assert len(kept) > len(site.films.asked) // 4
            assert not [name for name in kept if name.startswith(".")], "a half file stays"
            larger = ["mount", "-o", f"remount,size={2 * size}m", folder / "incoming"]
            subprocess.run(larger, check=True)
            told = f"full after {len(kept)} films"
        carry_out(folder, *TARGETS)
        assert delivered(folder) == {path.name for path in site.films.asked}
        if is_mounted:
            now = {name: (folder / "incoming" / name).stat().st_mtime_ns for name in kept}
            assert now == kept, "films that lay whole were fetched again"
        count = check_equal(reference, folder)
    return f"DIMSE: {count} files as of the folder; disk: {told}"


def check_liar(site: Site) -> str:
    """Each instance of a PACS that lies is fetched or rejected, and counted."""
    uids = sorted(path.stem for path in site.films.of_liars)
    liar = Liar(uids, site.films.asked[0])
    proxy = Proxy(site.pacs.http_port, change=liar.change, delay=liar.delay)
    with proxy.run(site.certificate):
        folder = make_study(
            site,
            "liar",
            server=server_of(site, dicomweb={"url": f"https://localhost:{proxy.port}/dicom-web"}),
            find={"modalities": ["DX", "CR"], "dates": ["1937-01-01", "1937-12-31"]},
            fetch={"timeout": 3, "retries": 2, "at_once": 2},
        )
        ended = carry_out(folder, SOURCES)
    rejects = parquet.read_table(folder / f"{RESULTS}/sources/films/rejects.parquet")
    reasons = Counter(rejects["reason"])
    expected = {
        "not_fetched": len(liar.gone),
        "cut_short": len(liar.always_cut),
        "other_instance": len(liar.swapped),
        "listed_twice": 1,
    }
    assert reasons == expected, f"{reasons}\n{ended.text[-3000:]}"
    counts = source_counts(folder)
    assert counts["found"] == len(uids), counts
    assert counts["readable"] == counts["found"] - sum(expected.values()), counts
    assert len(delivered(folder)) == counts["readable"]
    assert "instances that the PACS counts are not there in its lists" in str(counts["notes"])
    check_one_at_a_time(folder)
    return f"a PACS that lies: {counts['found']} listed, {counts['readable']} fetched, {expected}"


def check_nothing_leaks(site: Site, *folders: Path) -> str:
    words = [*PATIENTS, *LOGINS]
    searched = 0
    for folder in folders:
        # Otherwise finding nothing would prove nothing.
        assert leaks(folder / "private", PATIENTS), "no UIDs in the private tables"
        for part in ("results", ".snakemake"):
            found = leaks(folder / part, words)
            assert not found, f"{folder.name}/{part}: {found[:20]}"
            searched += sum(path.is_file() for path in (folder / part).rglob("*"))
        text = (folder / "terminal.txt").read_text().lower()
        assert not [word for word in words if word.lower() in text], f"{folder.name}: terminal"
    return f"nothing leaks: {searched} files of results, logs and .snakemake searched"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--films", type=int, default=2000, help="how many films are fetched")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    if reason := orthanc.install():
        skip(reason)
    began = time.monotonic()

    def took(what: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {what}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="pgdose-pacs-"))
    took(f"in {folder}")
    films = pacs_films.draw_films(folder / "films", options.films)
    certificate = orthanc.make_certificate(folder)
    pacs = orthanc.Orthanc(folder / "orthanc", certificate, USER, PASSWORD)
    site = Site(folder, films, certificate, pacs)
    try:
        pacs.start()
        pacs.send(films.all)
        took(f"{len(films.all)} films are drawn and in the PACS")
        reference = make_study(
            site, "folder", kind="dicom_archive", root=str(folder / "films/asked")
        )
        carry_out(reference, *TARGETS)
        took("the study with the films in a folder")
        took(check_dicomweb(site, reference))
        took(check_dimse(site, reference))
        took(check_liar(site))
    finally:
        pacs.kill()
    took(check_nothing_leaks(site, *(folder / name for name in ("dicomweb", "dimse", "liar"))))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
