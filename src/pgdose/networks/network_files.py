"""Networks on disk: saving, loading, taking over one from elsewhere."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from pgdose import tensor_files
from pgdose.devices import with_precision
from pgdose.errors import UserError
from pgdose.networks import formats
from pgdose.networks.architectures import _auxiliary, _bare, _read, _take_over
from pgdose.networks.classifier import PLAIN, Classifier, _used_to, as_seen
from pgdose.networks.folding import fold


def save(network: Classifier, path: str | Path, description: dict[str, Any]) -> None:
    """Weights as safetensors, with what `load` needs to build the network.

    `description`: architecture, classes, size, width, and whatever else is to stand on record.
    Auxiliary heads are left out: only training has a use for them.
    """
    state = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not _auxiliary(name.removeprefix("body."))
    }
    tensor_files.save(state, path, description)


def load(path: str | Path) -> Classifier:
    """The network of `save`, in evaluation mode; Damaged if the file is not as it was written."""
    state, known = tensor_files.load(path)
    if "format" in known:
        content = state["program"].numpy().tobytes()
        body = formats.module(known["format"], content, Path(path).name)
        return as_seen(body, known["seen"], as_it_came=True)
    network = _bare(known["architecture"], known["classes"], known["size"], known["width"])
    network.load_state_dict(state)
    return (as_seen(network.body, known["seen"]) if "seen" in known else network).eval()


def bring(
    path: Path, output: str | Path, classes: list[str], size: int, settings: dict[str, Any]
) -> Classifier:
    """Take over a network from elsewhere into a file that `load` reads, and load it.

    Args:
        path: the file, of one of the kinds in `study.NETWORK_FORMATS`.
        output: where to.
        classes: those of the group, in its order.
        size: of its images.
        settings: `classes`, in the order of the network's outputs; `architecture`; `input`, of
            which the keys are those of `as_seen`, or None; `outputs`.
    """
    order = [settings["classes"].index(name) for name in classes]
    seen: dict[str, Any] = {"outputs": settings["outputs"], "order": order}
    known: dict[str, Any]
    if settings["architecture"] is None:
        seen |= _used_to(settings["input"] or {}, PLAIN)
        content = path.read_bytes()
        known = {"format": formats.format_of(path), "seen": seen}
        formats.module(known["format"], content, path.name)  # before anything is written
        program = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        tensor_files.save({"program": program}, output, known)
    else:
        known = {"architecture": settings["architecture"], "classes": len(classes), "size": size}
        network = _bare(**known)
        seen |= _used_to(settings["input"] or {}, PLAIN | network.usual_input())
        wrong = _take_over(network.body, _read(path), _auxiliary)
        if wrong:
            raise UserError(
                f"{path.name}: does not fit {known['architecture']} for {len(classes)} classes, "
                f"e.g. {wrong}"
            )
        save(network, output, known | {"width": 1.0, "seen": seen})
    return load(output)


def load_to_attack(path: str | Path, precision: str, device: torch.device) -> tuple[nn.Module, str]:
    """The network of `save` on the device, folded; and the precision that is used there."""
    return with_precision(fold(load(path)).to(device), precision, device)
