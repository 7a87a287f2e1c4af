"""Reads mutated network files in processes of their own; see test_mutated_networks.

python -m helpers.mutated_networks COUNT SEED FORMAT...
"""

import io
import json
import os
import random
import resource
import signal
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from helpers.networks import FILES, WRITERS, TwoClasses
from pgdose.errors import UserError
from pgdose.networks import formats, probe, weights

SECONDS, MEGABYTES = 30, 2000  # that one file may take
NUMBERS = [0, 1, -1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, 2**40, 2**63 - 1, 2**63, -(2**63), 10**30]
TEXTS = [
    *(
        "",
        "x",
        "__class__",
        "\0",
        "a b",
        "../../etc/passwd",
        "x" * 100_000,
        "torch.ops.aten.ones.default",
    ),
    *("open('executed', 'w')", "9**9**9", "torch.ops.aten.full.default", "_operator.mul", "cuda"),
]


def mutated_bytes(content: bytes, draw: random.Random) -> bytes:
    """Bytes changed, cut out, doubled or exchanged."""
    part = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 10, 100])):
        start = draw.randrange(max(len(part), 1))
        length = draw.choice([1, 2, 4, 8, 100, 1000])
        match draw.randrange(6):
            case 0:
                part[start : start + 1] = bytes([draw.randrange(256)])
            case 1:
                part[start : start + length] = draw.randbytes(length)
            case 2:
                del part[start : start + length]
            case 3:
                part[start:start] = part[start : start + length]
            case 4:
                part[start : start + length] = draw.choice([b"\0", b"\xff"]) * length
            case 5:
                other = draw.randrange(max(len(part), 1))
                part[start : start + length] = part[other : other + length]
    return bytes(part[: draw.randrange(len(part) + 1)] if draw.random() < 0.05 else part)


def mutated_json(value: Any, draw: random.Random, places: int) -> Any:
    """A JSON value with some of its leaves replaced, and some parts doubled or gone."""
    chance = 3 / max(places, 1)
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if draw.random() > chance / 4}
        return {k: mutated_json(v, draw, places) for k, v in kept.items()}
    if isinstance(value, list):
        items = [mutated_json(item, draw, places) for item in value]
        if items and draw.random() < chance:
            items += draw.choices(items, k=draw.choice([1, 3, 1000]))
        return items
    if draw.random() > chance:
        return value
    others: list[Any] = [*NUMBERS, *TEXTS, None, True, 0.5, float("inf"), [], {}, [[[]]]]
    same = [other for other in others if type(other) is type(value)]
    return draw.choice(same if same and draw.random() < 0.7 else others)


def leaves(value: Any) -> int:
    if isinstance(value, dict | list):
        return sum(map(leaves, value.values() if isinstance(value, dict) else value))
    return 1


def mutated_archive(content: bytes, draw: random.Random) -> bytes:
    """One file of a zip archive changed: JSON by its values, others by their bytes."""
    old, new = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    chosen = draw.choice([n for n in old.namelist() if "sample" not in n and "id" not in n])
    if draw.random() < 0.6:
        chosen = next((n for n in old.namelist() if n.endswith("model.json")), chosen)
    with zipfile.ZipFile(new, "w") as archive:
        for name in old.namelist():
            part = old.read(name)
            if name == chosen and name.endswith(".json"):
                value = json.loads(part)
                part = json.dumps(mutated_json(value, draw, leaves(value))).encode()
            elif name == chosen:
                part = mutated_bytes(part, draw)
            archive.writestr(name, part)
    return new.getvalue()


def mutated_model(content: bytes, draw: random.Random) -> bytes:
    """An ONNX model with some of its fields replaced."""
    import onnx

    model = onnx.ModelProto()
    model.ParseFromString(content)
    kinds = [
        "Conv",
        "Resize",
        "Tile",
        "ConstantOfShape",
        "Expand",
        "Range",
        "Pad",
        "MatMul",
        "Split",
    ]
    for _ in range(draw.choice([1, 2, 5])):
        node = draw.choice(model.graph.node)
        weight = draw.choice(model.graph.initializer)
        match draw.randrange(8):
            case 0:
                node.op_type = draw.choice([*kinds, *TEXTS])
            case 1:
                node.input[draw.randrange(len(node.input))] = draw.choice(
                    [*(w.name for w in model.graph.initializer), "images", *TEXTS]
                )
            case 2:
                name = draw.choice(
                    ["pads", "strides", "kernel_shape", "dilations", "axis", "group"]
                )
                value = draw.choice(NUMBERS[:-3])
                value = value if name in ("axis", "group") else [value] * draw.choice([1, 2, 4])
                node.attribute.append(onnx.helper.make_attribute(name, value))
            case 3:
                for attribute in node.attribute:
                    if attribute.ints:
                        attribute.ints[0] = draw.choice(NUMBERS[:-3])
                    attribute.i = draw.choice(NUMBERS[:-3])
            case 4:
                weight.dims[draw.randrange(len(weight.dims))] = draw.choice(NUMBERS[:-3])
            case 5:
                weight.data_type = draw.randrange(24)
            case 6:
                weight.raw_data = mutated_bytes(weight.raw_data, draw)
            case 7:
                model.graph.node.extend([node] * draw.choice([1, 100]))
    return model.SerializeToString()


def mutated_header(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file of which the header is changed."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(mutated_json(header, draw, leaves(header))).encode()
    said = len(text) if draw.random() < 0.8 else draw.choice(NUMBERS) % 2**64
    return said.to_bytes(8, "little") + text + content[8 + length :]


def read_weights(content: bytes, name: str, folder: Path) -> None:
    path = folder / name
    path.write_bytes(content)
    try:
        read = weights.read_weights(path)
    except UserError as error:  # an import adds the file's name
        raise UserError(f"{name}: {error}") from None
    weights.load_matching(TwoClasses(), read, lambda key: False)


def read_network(format: str, content: bytes, name: str) -> None:
    network = formats.read_module(format, content, name)
    probe.check(network, torch.rand(8, 1, 16, 16), 2, name, memory=1000)


@dataclass
class Outcome:
    """What became of one mutated file."""

    taken: bool = False
    fault: str | None = None
    seconds: float = 0.0


def outcome(read: Callable[[bytes], None], content: bytes, name: str) -> Outcome:
    signal.alarm(SECONDS)
    start, found = time.monotonic(), Outcome()
    try:
        read(content)
        found.taken = True
    except UserError as error:
        text = str(error)
        if "\n" in text or "alloc" in text or len(text) > 500 or not text.startswith(name):
            found.fault = text[:1000]
    except BaseException as error:
        found.fault = f"{type(error).__name__}: {str(error)[:500]}"
    found.seconds = time.monotonic() - start
    signal.alarm(0)
    return found


def outcomes_beside(
    read: Callable[[bytes], None], contents: list[bytes], name: str
) -> Iterator[Outcome | None]:
    """The outcome of each file, read in a process beside; None where reading ended it.

    `trial.try_network` refuses such a file. The next ones are read by another process.
    """
    done = 0
    while done < len(contents):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with os.fdopen(writing, "w", buffering=1) as results:
                for content in contents[done:]:
                    results.write(json.dumps(asdict(outcome(read, content, name))) + "\n")
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as results:
            for line in results:
                done += 1
                yield Outcome(**json.loads(line))
        if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            done += 1
            yield None


INSIDE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "exported program": mutated_archive,
    "torchscript": mutated_archive,
    "onnx": mutated_model,
    "weights": mutated_header,
}


def main(count: int, seed: int, formats: list[str]) -> None:
    """A folder and a process for each format, which all have the imports of this one."""
    for format in formats:
        Path(format).mkdir()
        child = os.fork()
        if child == 0:
            os.chdir(format)
            read_mutations(format, count, seed)
            sys.stdout.flush()
            os._exit(0)
        if status := os.waitpid(child, 0)[1]:
            sys.exit(f"{format}: ended with status {status}")


def read_mutations(format: str, count: int, seed: int) -> None:
    """Print what became of `count` mutations, as a line of JSON."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    folder = Path.cwd()
    if format == "weights":
        original, name = save(TwoClasses().state_dict()), "n.safetensors"
    else:
        original, name = WRITERS[format](TwoClasses()), FILES[format]

    def read(content: bytes) -> None:
        if format == "weights":
            read_weights(content, name, folder)
        else:
            read_network(format, content, name)

    read(original)  # imports all that reading needs
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = pages + MEGABYTES * 10**6
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    contents = [
        (INSIDE[format] if draw.random() < 0.7 else mutated_bytes)(original, draw)
        for _ in range(count)
    ]
    outcomes: Iterable[Outcome | None] = (outcome(read, content, name) for content in contents)
    if format == "torchscript":
        outcomes = outcomes_beside(read, contents, name)
    faults, taken, slowest, crashes, number = [], 0, 0.0, 0, 0
    for number, found in enumerate(outcomes, start=1):
        if found is None:
            crashes += 1
            continue
        if found.fault is not None:
            faults.append(f"{number - 1}: {found.fault}")
        taken += found.taken
        slowest = max(slowest, found.seconds)
    files = sorted(path.name for path in folder.iterdir() if path.name != name)
    result = {
        "format": format,
        "read": number,
        "taken": taken,
        "crashes": crashes,
        "faults": faults,
        "files": files,
    }
    print(json.dumps(result | {"slowest": slowest}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
