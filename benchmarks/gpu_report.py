"""What benchmarks/gpu.py writes: entries of each part as they come, gpu.json and gpu.md from them.

A part's process writes its own file after each entry, whole or not at all, so that whatever ends
it leaves what it has found. An entry that fails, or takes too long, does not stop the next.
"""

import json
import math
import os
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Values = Mapping[str, Any]  # numbers, words and lists of them; `holds` is the verdict, if any
SKIPPED, CUT_SHORT = "skipped, no time left", "cut short"
LEAST = 2.0  # seconds without which an entry is not begun


class OutOfTimeError(BaseException):
    """Raised in the midst of an entry; no `except Exception` on the way may keep it."""


def write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105


class Part:
    """One part of the run, its seconds and its entries.

    earlier: the finished parts by their names, as in gpu.json
    """

    def __init__(self, name: str, folder: Path, seconds: float, toy: bool = False) -> None:
        self.name, self.folder, self.toy = name, folder, toy
        self.begun, self.seconds = time.monotonic(), seconds
        self.entries: list[dict[str, Any]] = []
        self.state = "running"
        self.error: str | None = None
        self.earlier = read_parts(folder)

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.begun)

    def measure(
        self,
        table: str,
        name: str,
        compute: Callable[[], Values],
        *,
        least: float = LEAST,
        share: float = 0.5,
    ) -> Values | None:
        """Make an entry of what `compute` gives; None if it failed, or there was no time.

        It is not begun with less than `least` seconds left, and may take a `share` of those.
        """
        entry: dict[str, Any] = {"table": table, "name": name, "state": "running"}
        self.entries.append(entry)
        if self.left < least:
            entry["state"] = SKIPPED
            self.write()
            return None
        self.write()
        begun = time.monotonic()
        values: Values | None = None
        try:
            with _alarm(max(share * self.left, least)):
                values = dict(compute())
            entry |= {"state": "done", **{key: _plain(value) for key, value in values.items()}}
        except OutOfTimeError:
            entry["state"] = CUT_SHORT
        except Exception as error:  # whatever it is, the next entry goes on
            entry |= {"state": "failed", "error": error_text(error)}
        entry["seconds"] = round(time.monotonic() - begun, 2)
        self.write()
        print(f"  {self.name}: {name}: {entry['state']}, {entry['seconds']} s", flush=True)
        return values

    def finish(self, error: BaseException | None = None) -> None:
        self.state = "failed" if error else "done"
        self.error = error_text(error) if error else None
        self.write()

    def write(self) -> None:
        content = {
            "state": self.state,
            "seconds": round(time.monotonic() - self.begun, 1),
            "of_seconds": round(self.seconds, 1),
            "error": self.error,
            "entries": self.entries,
        }
        path = part_file(self.folder, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(content, indent=1))


def part_file(folder: Path, name: str) -> Path:
    return folder / "parts" / f"{name}.json"


def read_parts(folder: Path) -> dict[str, Any]:
    """The parts that have written something, in the order in which they began."""
    files = sorted((folder / "parts").glob("*.json"), key=lambda path: path.stat().st_mtime)
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def entries(parts: Mapping[str, Any], part: str, table: str) -> list[dict[str, Any]]:
    """The entries of a table that were measured."""
    all_entries = parts.get(part, {}).get("entries", [])
    return [e for e in all_entries if e["table"] == table and e["state"] == "done"]


def error_text(error: BaseException) -> str:
    """What went wrong, and where: the last calls, without the folders of this machine."""
    text = re.sub(r"(?<![\w.])(?:/[\w.+-]+)+/([\w.+-]+)", r"\1", str(error)[:2000])
    calls = traceback.extract_tb(error.__traceback__)[-6:]
    places = [f"{Path(call.filename).name}:{call.lineno} {call.name}" for call in calls]
    return f"{type(error).__name__}: {text} | {' > '.join(places)}"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _plain(value: Any) -> Any:
    """As JSON holds it: numbers of four digits, no NaN."""
    if isinstance(value, bool | str | int | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    number = float(value)
    return float(f"{number:.4g}") if math.isfinite(number) else str(number)


# --- gpu.json and gpu.md --------------------------------------------------------------------------


def write_report(folder: Path, order: list[str], about: Values) -> None:
    """Write gpu.json and gpu.md from what the parts have written so far."""
    found = read_parts(folder)
    parts = {name: found[name] for name in order if name in found}
    content = {**about, "parts": parts}
    write_whole(folder / "gpu.json", json.dumps(content, indent=1))
    write_whole(folder / "gpu.md", _markdown(about, order, parts))


def _markdown(about: Values, order: list[str], parts: Mapping[str, Any]) -> str:
    lines = ["# pgdose on a GPU", ""]
    lines += [f"- {key}: {value}" for key, value in about.items()]
    lines += ["", *_verdicts(parts), "", *_switches(parts)]
    for name in order:
        if name not in parts:
            lines += ["", f"## {name}", "", "Not begun."]
            continue
        part = parts[name]
        lines += ["", f"## {name}: {part['state']} after {part['seconds']} s"]
        if part["error"]:
            lines += ["", f"    {part['error']}"]
        for table in dict.fromkeys(entry["table"] for entry in part["entries"]):
            rows = [entry for entry in part["entries"] if entry["table"] == table]
            lines += ["", f"### {table}", "", *_table(rows)]
            for row in rows:
                lines += [f"\n**{row['name']}**: {row['error']}"] if "error" in row else []
                lines += [f"\n```\n{row['text']}\n```"] if "text" in row else []
    return "\n".join(lines) + "\n"


def _verdicts(parts: Mapping[str, Any]) -> list[str]:
    all_entries = [entry for part in parts.values() for entry in part["entries"]]
    judged = [entry for entry in all_entries if "holds" in entry]
    wrong = [entry["name"] for entry in judged if not entry["holds"]]
    open_ = [f"{e['name']} ({e['state']})" for e in all_entries if e["state"] != "done"]
    lines = [f"{len(judged) - len(wrong)} of {len(judged)} checks hold."]
    lines += [f"Do not hold: {'; '.join(wrong)}."] if wrong else []
    return lines + ([f"Without a result: {'; '.join(open_)}."] if open_ else [])


def _switches(parts: Mapping[str, Any]) -> list[str]:
    """What is off by default: equal flips and a gain would speak for it."""
    with_graphs = [e for e in parts.get("checks", {}).get("entries", []) if "replays" in e]
    equal = bool(with_graphs) and all(entry.get("holds") for entry in with_graphs)
    gains = {
        f"CUDA graphs (checks hold: {'yes' if equal else 'no'})": [
            entry["graphs, gain"]
            for entry in entries(parts, "attack", "step")
            if "graphs, gain" in entry
        ],
        "torch.compile": [entry["gain"] for entry in entries(parts, "compile", "step")],
    }
    for way in ("overlapped", "resident"):
        rates = entries(parts, "training", "images per second")
        gains[f"images {way} in training"] = [entry[way] / entry["pinned"] for entry in rates]
    return [
        f"- {name}: {min(found):.2f} to {max(found):.2f} times as fast as without"
        for name, found in gains.items()
        if found
    ]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    hidden = ("table", "error", "text")
    columns = [key for row in rows for key in row if key not in hidden]
    columns = list(dict.fromkeys(columns))
    if len(rows) < 6 and len(columns) > 10:  # a line for each figure is easier to read
        lines = [f"| | {' | '.join(_cell(row['name']) for row in rows)} |"]
        lines.append(f"|{'---|' * (len(rows) + 1)}")
        for key in columns[1:]:
            lines.append(f"| {key} | {' | '.join(_cell(row.get(key)) for row in rows)} |")
        return lines
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in rows:
        lines.append(f"| {' | '.join(_cell(row.get(key)) for key in columns)} |")
    return lines


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return str(value).replace("|", "/").replace("\n", " ")
