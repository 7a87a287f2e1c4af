"""Attacks of other libraries (`kind: external`): a surface with the iterations that they can give.

art, foolbox and torchattacks are an optional extra (`peers`), imported when they are asked for.
They return the last image of a run and nothing before, so every epsilon and every number of
iterations is a run of its own, and what was not run is NaN.
"""

import difflib
import importlib
import inspect
import logging.config
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.attack.engine import (
    BROKEN,
    LEVELS,
    PART,
    Part,
    Surface,
    check_doses,
    check_images,
    check_network,
    in_parts,
    judged,
)
from pgdose.errors import UserError

# Each library's package, the module of its attacks, and where their base class stands.
LIBRARIES = {
    "art": (
        "adversarial-robustness-toolbox",
        "art.attacks.evasion",
        ("art.attacks.attack", "EvasionAttack"),
    ),
    "foolbox": ("foolbox", "foolbox.attacks", ("foolbox.attacks.base", "Attack")),
    "torchattacks": ("torchattacks", "torchattacks", ("torchattacks.attack", "Attack")),
}
_ROUNDING = 1e-6  # how far out of [0, 1] float32 may carry an image that was cut to it


def available(library: str) -> bool:
    """Whether a library can be imported here."""
    try:
        _module(library)
    except UserError:
        return False
    return True


def square(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    queries: int,
    keys: Tensor,
) -> Tensor:
    """Adversarial images of Square, a black-box attack (Andriushchenko et al. 2020), L-infinity.

    Images n x channels x rows x columns in [0, 1], of the same shape and in the box of epsilon
    when they come back; one that Square cannot flip comes back as it was. Of torchattacks: one
    query is one forward pass there and three in ART, it stays on the device, and takes a seed.
    """
    attack = _Attack("torchattacks", "Square", {"n_queries": queries})
    with _untouched(network, images.device):
        return attack.images(network, images, classes, epsilon, None, keys)


def external_surface(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    settings: Mapping[str, Any],
    *,
    epsilons: Sequence[float],
    max_iter: int,
    keys: Tensor,
    batch: int = 32,
    parts: Sequence[Part] = (),
    keep: Callable[[Part], None] = lambda part: None,
    progress: Callable[[int, int, int], None] = lambda done, of, steps: None,
) -> Surface:
    """Attack each image that the network gets right, at each epsilon, with another's attack.

    settings: of the study: `library`, `name`, `arguments`, `iterations_as`, `at`
    The rest is as for `surface`. Of the result:

    logits:  NaN at iterations that were not run
    change:  the largest change of a pixel, whatever the library's norm; over 1 where an image left
             [0, 1], by as much as it did. Nothing is clipped: a box that is not kept is seen here
    steps:   images times iterations that the library was asked for; 0 if it has no iterations

    Attacks that draw are seeded by the keys of a batch's images together, at each run alike, so
    they give the same again for the same batches. Global random states, the network's mode and
    what is frozen of it are as before at the end.

    UserError for a library that is missing, an attack that it does not have, or arguments that
    the attack does not take.
    """
    check_network(network)
    check_doses(epsilons, max_iter, "l2")  # the library's norm is not known
    check_images(images, classes)
    attack = _Attack(
        settings["library"],
        settings["name"],
        settings.get("arguments") or {},
        settings.get("iterations_as"),
    )
    counts = list(settings.get("at") or [max_iter])
    with _untouched(network, images.device):
        clean, batch = judged(network, images, batch)
        right = clean.argmax(dim=1) == classes

        def one(some: Tensor, batch: int) -> Part:
            own = (images[some], classes[some], keys[some.to(keys.device)])
            return _part(network, attack, *own, clean[some], epsilons, max_iter, counts)

        found, batch = in_parts(one, right.nonzero()[:, 0], batch, parts, keep, progress)
    steps = int(found.pop("steps").sum())
    return Surface(clean=clean.cpu(), attacked=right.cpu(), **found, steps=steps, batch=batch)


def _part(
    network: nn.Module,
    attack: "_Attack",
    images: Tensor,
    classes: Tensor,
    keys: Tensor,
    clean: Tensor,
    epsilons: Sequence[float],
    max_iter: int,
    counts: Sequence[int],
) -> Part:
    """All runs on some images."""
    m, e = len(images), len(epsilons)
    logits = clean.new_full((m, e, max_iter + 1, clean.shape[1]), torch.nan)
    logits[:, :, 0] = clean[:, None]
    stored = clean.new_zeros((m, e, clean.shape[1]))
    change = images.new_zeros((m, e))
    for level, epsilon in enumerate(epsilons if m else ()):
        for count in counts:
            found = attack.images(network, images, classes, epsilon, count, keys)
            with torch.no_grad():
                logits[:, level, count] = network(found)
            if not logits[:, level, count].isfinite().all():
                raise UserError(BROKEN)
        with torch.no_grad():
            stored[:, level] = network((found.clamp(0, 1) * LEVELS).round() / LEVELS)
        if not stored[:, level].isfinite().all():
            raise UserError(BROKEN)
        change[:, level] = _change(found, images)
    each = e * sum(counts) if attack.iterations_as else 0
    nothing = images.new_full((m,), torch.nan)
    steps = torch.full((m,), each, dtype=torch.int64)
    values = (logits, stored, change, nothing, nothing.clone(), steps)
    return {name: value.cpu() for name, value in zip(PART, values, strict=True)}


def _change(found: Tensor, clean: Tensor) -> Tensor:
    """n, the largest change of a pixel; 1 and how far out it lies for an image out of [0, 1]."""
    changed = (found - clean).abs().flatten(1).amax(dim=1)
    outside = torch.maximum(-found, found - 1).flatten(1).amax(dim=1)
    return torch.where(outside > _ROUNDING, 1 + outside, changed)


# --- the libraries --------------------------------------------------------------------------------


class _Attack:
    """An attack of a library by its name; a wrong name or argument is a UserError at once."""

    def __init__(
        self,
        library: str,
        name: str,
        arguments: Mapping[str, Any],
        iterations_as: str | None = None,
    ) -> None:
        self.library, self.name, self.iterations_as = library, name, iterations_as
        self.arguments = dict(arguments)
        self._kind = _class(library, name)
        self._accepted = inspect.signature(self._kind).parameters
        self._check()

    def _check(self) -> None:
        what = f"{self.name} of {self.library}"
        given = [self.iterations_as] if self.iterations_as else []
        own = list(given)
        if self.library != "foolbox":  # whose attacks take network and epsilon when they are called
            own += [next(iter(self._accepted)), "eps"]
            if "eps" not in self._accepted:
                raise UserError(
                    f"name: {what} has no argument 'eps', so it has no amplitude to vary; take an "
                    "attack within a given distance"
                )
        if twice := sorted(set(own) & set(self.arguments)):
            raise UserError(f"arguments: {twice[0]!r} is given by the study itself; leave it out")
        if self.arguments.get("targeted"):
            raise UserError(
                "arguments: 'targeted' would aim at the true class; leave it out, or use 'target' "
                "of an attack of kind gradient"
            )
        if any(p.kind == p.VAR_KEYWORD for p in self._accepted.values()):
            return
        for field, wanted in (("arguments", self.arguments), ("iterations_as", given)):
            for argument in wanted:
                if argument not in self._accepted:
                    known = [name for name in self._accepted if name not in own]
                    raise UserError(
                        f"{field}: {what} takes no {argument!r}{_nearest(argument, known)}; "
                        f"known: {', '.join(known) or 'none'}"
                    )

    def images(
        self,
        network: nn.Module,
        images: Tensor,
        classes: Tensor,
        epsilon: float,
        count: int | None,
        keys: Tensor,
    ) -> Tensor:
        """Adversarial images of one run; the library does not see those that were given."""
        seed = int(np.random.SeedSequence(keys.tolist()).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        with torch.no_grad():
            outputs = network(images[:1]).shape[1]
        arguments = {
            # What a library would take a guess at, or say on the screen.
            **{"verbose": False, "batch_size": len(images), "n_classes": outputs, "seed": seed},
            **self.arguments,
        }
        if self.iterations_as and count is not None:
            arguments[self.iterations_as] = count
        given = {
            name: value
            for name, value in arguments.items()
            if name in self._accepted or name in self.arguments
        }
        own = images.detach().clone(memory_format=torch.contiguous_format)
        plain = _Plain(network, images.dtype)
        try:
            found = RUNS[self.library](self._kind, given, plain, own, classes, epsilon, outputs)
        except Exception as error:
            if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError):
                raise  # memory, among others
            raise UserError(
                f"arguments: {self.name} of {self.library} does not run with them, "
                f"{images.shape[2]} x {images.shape[3]} pixels and {outputs} classes "
                f"({type(error).__name__}: {error})"
            ) from error
        found = found.detach().to(images)
        if found.shape != images.shape or not found.isfinite().all():
            raise UserError(
                f"name: {self.name} of {self.library} gave no images of shape "
                f"{list(images.shape)} with finite values back"
            )
        return found


class _Plain(nn.Module):
    """The network as libraries expect one: some cast images to float32, and some take gradients
    for contiguous, which those of a network with its channels last are not."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        if images.requires_grad:
            images.register_hook(lambda gradient: gradient.contiguous())
        logits: Tensor = self.network(images.to(self.dtype))
        return logits


def _run_art(
    kind: Any,
    arguments: dict[str, Any],
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    outputs: int,
) -> Tensor:
    estimator = importlib.import_module("art.estimators.classification").PyTorchClassifier(
        network,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(images.shape[1:]),
        nb_classes=outputs,
        clip_values=(0.0, 1.0),
        device_type="gpu" if images.is_cuda else "cpu",
    )
    true = np.eye(outputs, dtype=np.float32)[classes.cpu().numpy()]
    attack = kind(estimator, eps=epsilon, **arguments)
    return torch.from_numpy(attack.generate(x=images.cpu().numpy(), y=true))


def _run_foolbox(
    kind: Any,
    arguments: dict[str, Any],
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    outputs: int,
) -> Tensor:
    """What foolbox itself counts: the images that it has cut to its norm's ball of epsilon."""
    model = importlib.import_module("foolbox").PyTorchModel(
        network, bounds=(0, 1), device=images.device
    )
    _, (found,), _ = kind(**arguments)(model, images, classes, epsilons=[epsilon])
    return found


def _run_torchattacks(
    kind: Any,
    arguments: dict[str, Any],
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    outputs: int,
) -> Tensor:
    found: Tensor = kind(network, eps=epsilon, **arguments)(images, classes)
    return found


# (class, its arguments, network, images, classes, epsilon, number of classes) -> adversarial images
RUNS: dict[str, Callable[[Any, dict[str, Any], nn.Module, Tensor, Tensor, float, int], Tensor]] = {
    "art": _run_art,
    "foolbox": _run_foolbox,
    "torchattacks": _run_torchattacks,
}


def _module(library: str) -> ModuleType:
    """The module of a library's attacks; UserError where the library is missing."""
    package, name, _ = LIBRARIES[library]
    configure = logging.config.dictConfig
    # ART configures logging when it is imported, which closes the files that others log to.
    logging.config.dictConfig = lambda config: None
    # And it tells of folders and of every run.
    logging.getLogger("art").setLevel(logging.WARNING)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"library: attacks of {library} need the package {package}, which cannot be imported "
            f"({error}); install the extra 'peers' of pgdose, which is part of requirements.txt"
        ) from error
    finally:
        logging.config.dictConfig = configure


def _class(library: str, name: str) -> Any:
    """The class of an attack; UserError if the library has none of that name."""
    module = _module(library)
    place, base = LIBRARIES[library][2]
    kind = getattr(importlib.import_module(place), base)
    known = {
        n: found
        for n, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, kind) and found is not kind
    }
    if name not in known:
        raise UserError(f"name: {name!r} is no attack of {library}{_nearest(name, known, 3)}")
    return known[name]


def _nearest(wrong: str, known: Any, n: int = 1) -> str:
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wrong.lower(), lower, n=n, cutoff=0.5)
    return f", did you mean {' or '.join(repr(lower[name]) for name in near)}?" if near else ""


@contextmanager
def _untouched(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Random states, the network's mode and what is frozen of it are as before at the end."""
    modes = [(module, module.training) for module in network.modules()]
    frozen = [(weights, weights.requires_grad) for weights in network.parameters()]
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            for module, training in modes:
                module.training = training
            for weights, wanted in frozen:
                weights.requires_grad_(wanted)
