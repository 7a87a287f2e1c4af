"""`dose_response`: the dose-response of a network in a notebook, in one call."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pgdose import devices
from pgdose.analysis.bootstrap import FEWEST
from pgdose.api import engine
from pgdose.api.attacks import OF_A_STUDY, Plan, is_whole, read_attack
from pgdose.api.bar import progress_bar
from pgdose.api.images import read_images
from pgdose.api.labels import (
    check_range,
    missing_classes,
    read_classes,
    read_labels,
    read_patients,
)
from pgdose.api.network import FEW, Declared, Prepared, in_notebook_words, prepared
from pgdose.api.result import DoseResponse
from pgdose.attack.samples import Samples
from pgdose.attack.selection import clean_logits
from pgdose.errors import UserError
from pgdose.networks import probe
from pgdose.networks.classifier import Classifier, classifier_in
from pgdose.study.networks import OF_ONE_NUMBER

NAME = "network"  # in messages


def dose_response(
    network: nn.Module,
    images: Any,
    labels: Any,
    *,
    epsilons: Any = None,
    attack: str | Mapping[str, Any] = "sign",
    max_iter: int | None = None,
    classes: Sequence[str] | None = None,
    patients: Any = None,
    preprocessing: Mapping[str, Any] | None = None,
    outputs: str = "logits",
    threshold: float | None = None,
    label: int | str | None = None,
    label_names: Sequence[str] | None = None,
    activation: str | None = None,
    missing: str = "refuse",
    device: Any = None,
    batch: int | None = None,
    checks: int = 0,
    keys: Any = None,
    progress: bool = True,
) -> DoseResponse:
    """How often an attack flips the network's right diagnoses, at each dose.

    Each image that the network gets right is attacked at each epsilon, by the engine of a study's
    jobs: with the same network, images and attack the figures are the same. The network is left as
    it came: its mode, its gradients, its device, its kind of numbers.

    Args:
        network: a torch module, images to outputs, in any mode; or a program of torch.export. A
            dict or tuple of outputs is taken if it holds one tensor, or one called `logits`.
        images: n x rows x columns, n x rows x columns x 1 or 3, or n x 1 or 3 x rows x columns,
            an array, a tensor, or a list of n arrays or pictures of PIL; uint8 from 0 to 255, or
            floats from 0 to 1, before the network's normalisation.
        labels: n, the true classes: numbers of outputs from 0, or names of `classes`. Of networks
            with one output and of one label among several: 0 negative, 1 positive.
        epsilons: rising amplitudes in parts of the full intensity range, 8/255 or [2/255, 8/255];
            of attacks in L2 the lengths of the whole change. None: those of `attack`, else
            0.5 to 16 grey levels of 255.
        attack: sign, fgsm, bim, pgd, mi-fgsm, pgd-l2, apgd-ce, apgd-dlr, paper or noise; or a
            mapping as in a study, {"form": "bim", "alpha": 0.002}
            (docs/reference/attacks.md). Without `alpha` a step is 2.5 epsilon / max_iter (at
            most epsilon), so each epsilon is reached.
        max_iter: iterations; None: those of `attack`, else 20.
        classes: the names of the outputs, in their order; of one output [negative, positive].
        patients: n, who each image is of: then intervals are over patients and not images.
        preprocessing: what the network expects, in the words of the study's `input`: `mean`, `std`
            (in `range`), `range`, `channels`, `layout`, `size`. None: images in [0, 1] as they are;
            grey ones as one channel, or as three equal ones if the network takes only three.
        outputs: logits, probabilities, logit, sigmoid or multilabel.
        threshold: of two classes; the second is predicted where its probability is over it.
        label: of `multilabel`, the audited output: its number from 0, or its name.
        label_names: of `multilabel`, the names of the outputs (`labels` in a study).
        activation: "sigmoid" where outputs of `multilabel` are probabilities; "none" where outputs
            that all lie in [0, 1] are logits.
        missing: "refuse", or "allow" classes of which there are no images.
        device: where to compute; None: where the network is.
        batch: images at a time; None: as many as fit into memory.
        checks: images on which the expensive checks attack again (docs/reference/checks.md);
            0: none. The cheap checks are always made. One that fails is a warning.
        keys: int64, n: identities of the images, from which random starts and noise are drawn;
            None: from their pixels.
        progress: whether to show a progress bar.

    Raises:
        UserError: an argument cannot be read, or does not fit the others; its message names the
            argument, what stood there, and what to do.
    """
    with engine.own_state():
        pixels = read_images(images)
        names = read_classes(classes)
        request = _Request(
            images=pixels,
            labels=read_labels(labels, len(pixels), names),
            classes=names,
            patients=read_patients(patients, len(pixels)),
            declared=Declared.read(
                preprocessing,
                {
                    **{"outputs": outputs, "threshold": threshold, "label": label},
                    **{"labels": label_names, "activation": activation},
                },
            ),
            attack=(attack, epsilons, max_iter),
            missing=missing,
            batch=batch,
            checks=checks,
            keys=keys,
            progress=progress,
        )
        with prepared(network, pixels, request.declared, device) as ready:
            result = _measure(request, ready)
    _warn(result)
    return result


@dataclass(frozen=True, kw_only=True)
class _Request:
    """The arguments of `dose_response`, read; UserError for those that no attack can use."""

    images: Tensor
    labels: np.ndarray
    classes: list[str] | None
    patients: list[str] | None
    declared: Declared
    attack: tuple[Any, Any, Any]
    missing: str
    batch: int | None
    checks: int
    keys: Any
    progress: bool

    def __post_init__(self) -> None:
        if self.missing not in ("refuse", "allow"):
            raise UserError(f"missing: {self.missing!r:.40}; use one of: refuse, allow")
        for name, value, least in (("batch", self.batch, 1), ("checks", self.checks, 0)):
            if value is not None and not (is_whole(value) and value >= least):
                raise UserError(f"{name}: {value!r:.40}; give a whole number from {least}")


def _measure(request: _Request, ready: Prepared) -> DoseResponse:
    """Attack, and check the attack."""
    start = time.monotonic()
    names = _class_names(request, ready)
    plan = read_attack(*request.attack, names)
    network, precision = devices.with_precision(
        ready.network, plan.settings.entry.precision, ready.device
    )
    samples = _samples(request, ready)
    _check_network(network, samples, names, request)
    size = plan.settings.entry.batch or request.batch
    size = size or engine.fitting_batch(network, samples.images)
    clean, size = clean_logits(network, samples, size)
    samples = replace(samples, clean=clean)
    clean_notes = _check_clean(network, samples, names)
    with progress_bar(plan.name, request.progress) as shown:
        surface = engine.measured(network, samples, plan, size, shown)
    right = int((clean.argmax(dim=1) == samples.classes).sum())
    metadata = {
        **{"n_images": str(len(samples)), "n_correct": str(right)},
        **{"device": ready.device.type, "precision": precision},
        **{"batch": str(surface.batch), "steps": str(surface.steps)},
    }
    table = surface.table(np.arange(len(samples)), plan.doses, metadata)
    return DoseResponse(
        surface=table,
        labels=request.labels,
        clean=surface.clean.double().numpy(),
        offset=np.zeros(len(names)) if surface.offset is None else np.array(surface.offset),
        classes=tuple(names),
        patients=request.patients,
        attack=plan.name,
        settings=_settings(plan, request.declared, ready, metadata),
        notes=(*ready.notes, *clean_notes, *_notes(network, request, names, right)),
        check_results=tuple(engine.checks(network, samples, plan, table, request.checks)),
        seconds=time.monotonic() - start,
    )


def _class_names(request: _Request, ready: Prepared) -> list[str]:
    """The names of the classes, as many as the network tells; their numbers if none were given."""
    outputs = request.declared.outputs
    some = request.images[:FEW].to(ready.device, ready.dtype)
    with torch.no_grad():
        logits = ready.network(some)
    if outputs.outputs in OF_ONE_NUMBER:
        count = 2
    elif isinstance(logits, Tensor) and logits.ndim == 2 and logits.shape[1] > 1:
        count = logits.shape[1]
    elif isinstance(logits, Tensor) and logits.shape in ((len(some),), (len(some), 1)):
        raise UserError(
            "network: has one output; say what it is, outputs='logit', or outputs='sigmoid' if it "
            "lies in [0, 1]"
        )
    else:
        _probe(ready.network, some, len(request.classes or "ab"))
        raise AssertionError  # the probe refuses such outputs
    names = request.classes or [str(number) for number in range(count)]
    if len(names) != count:
        of_one = f" with outputs={outputs.outputs!r}" if outputs.outputs in OF_ONE_NUMBER else ""
        raise UserError(
            f"classes: {len(names)} names, but the network{of_one} tells {count} classes; name "
            "each, in the order of the outputs"
        )
    if outputs.threshold is not None and count > 2:
        raise UserError(
            f"threshold: {outputs.threshold:g} is for two classes, but the network tells {count}, "
            "of which the one with the largest output is predicted; leave it out"
        )
    return names


def _samples(request: _Request, ready: Prepared) -> Samples:
    """The images on the network's device, with an identity for each."""
    keys = engine.keys_of(request.images) if request.keys is None else _keys(request)
    images = request.images.to(ready.device, ready.dtype)
    return Samples(
        images.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(request.labels).to(ready.device),
        keys,
    )


def _keys(request: _Request) -> Tensor:
    values = torch.as_tensor(request.keys)
    if values.dtype != torch.int64 or values.shape != (len(request.images),):
        raise UserError(
            f"keys: {list(values.shape)}, {values.dtype}; give one int64 for each image"
        )
    if int(values.min()) < 0:
        raise UserError(f"keys: {int(values.min())}; give numbers from 0")
    return values.cpu()


def _check_network(
    network: nn.Module, samples: Samples, names: list[str], request: _Request
) -> None:
    """UserError unless labels, images and network fit, and there is a gradient to follow."""
    check_range(request.labels, len(names))
    absent = missing_classes(request.labels, names)
    if absent and request.missing == "refuse":
        raise UserError(
            f"labels: no image of class {absent[0]!r} among {len(samples)}; give images of each "
            "class, or missing='allow' if that is meant"
        )
    rows = torch.from_numpy(probe.rows_to_probe(request.labels, len(names)))
    images = samples.images[rows.to(samples.images.device)]
    _probe(network, images, len(names))


def _probe(network: nn.Module, images: Tensor, classes: int) -> None:
    """UserError for a network that cannot be attacked."""
    try:
        probe.check(network, images, classes, NAME)
    except UserError as error:
        raise in_notebook_words(error) from None


def _check_clean(network: nn.Module, samples: Samples, names: list[str]) -> list[str]:
    """Notes on the clean outputs; UserError if they are not what was declared, or none is right."""
    assert samples.clean is not None
    inner, notes = classifier_in(network), []
    if inner is not None:
        try:
            notes = probe.check_scale(samples.clean.double().cpu().numpy(), inner, NAME)
        except UserError as error:
            raise in_notebook_words(error) from None
    if not (samples.clean.argmax(dim=1) == samples.classes).any():
        order = "; the order of the two classes seems to be reversed" if len(names) == 2 else ""
        raise UserError(
            f"network: gets none of the {len(samples)} images right, so none can be attacked"
            f"{order}; check labels, the order of classes, preprocessing and outputs"
        )
    return [f"Network: {in_notebook_words(UserError(note))}." for note in notes]


def _notes(network: nn.Module, request: _Request, names: list[str], right: int) -> Iterator[str]:
    """What a reader should know about the network's figures."""
    inner = classifier_in(network)
    yield from (f"Network: {note}." for note in (inner.notes if inner else []))
    largest = int(np.bincount(request.labels).max())
    if len(set(request.labels.tolist())) > 1 and right <= largest:
        yield (
            f"The network gets {right} of {len(request.labels)} images right, and always naming "
            f"the largest class gets {largest}: check preprocessing and the order of classes."
        )
    if request.patients is not None and (count := len(set(request.patients))) < FEWEST:
        yield f"Intervals need at least {FEWEST} patients, and these are {count}: none is given."
    copies = len(request.images) - len(engine.keys_of(request.images).unique())
    if copies and request.patients is None:
        yield (
            f"{copies} of {len(request.images)} images are copies of others, so intervals over "
            "images are too narrow; give each once."
        )
    absent = missing_classes(request.labels, names)
    if absent:
        yield f"No images of: {', '.join(absent[:5])}{', ...' if len(absent) > 5 else ''}."


def _settings(
    plan: Plan, declared: Declared, ready: Prepared, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """All that the figures depend on, as plain values by name, for the page."""
    entry = plan.settings.entry.model_dump(mode="json", exclude=set(OF_A_STUDY))
    network = {"preprocessing": None, **declared.outputs.model_dump(mode="json")}
    if declared.input is not None:
        network["preprocessing"] = declared.input.model_dump(mode="json")
    if isinstance(ready.network, Classifier):
        network["channels"] = ready.network.channels
    machine = {key: metadata[key] for key in ("device", "precision", "batch")}
    return {"attack": entry, "network": network, "run": machine}


def _warn(result: DoseResponse) -> None:
    """One warning with all that a reader must know before believing the figures."""
    failed = [c for c in result.check_results if c["verdict"] == "failed"]
    lines = [f"check failed: {check['check']}. {check['says']}" for check in failed]
    if lines or result.notes:
        text = "\n  ".join(["dose_response:", *result.notes, *lines])
        warnings.warn(text, stacklevel=3)
