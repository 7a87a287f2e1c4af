"""What art, foolbox and torchattacks need so that one of their attacks can be run by its name."""

import difflib
import importlib
import inspect
import logging.config
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.attack.samples import Samples
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


def available(library: str) -> bool:
    """Whether a library can be imported here."""
    try:
        _module(library)
    except UserError:
        return False
    return True


class LibraryAttack:
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
        iterations = [self.iterations_as] if self.iterations_as else []
        reserved = list(iterations)
        if self.library != "foolbox":  # whose attacks take network and epsilon when they are called
            reserved += [next(iter(self._accepted)), "eps"]
            if "eps" not in self._accepted:
                raise UserError(
                    f"name: {what} has no argument 'eps', so its epsilon cannot be set; choose an "
                    "attack that has one"
                )
        if twice := sorted(set(reserved) & set(self.arguments)):
            raise UserError(f"arguments: pgdose sets {twice[0]!r} itself; leave it out")
        if self.arguments.get("targeted"):
            raise UserError(
                "arguments: 'targeted' would make the true class the target; leave it out, or use "
                "'target' with an attack of kind gradient"
            )
        if any(p.kind == p.VAR_KEYWORD for p in self._accepted.values()):
            return
        for field, arguments in (("arguments", self.arguments), ("iterations_as", iterations)):
            for argument in arguments:
                if argument not in self._accepted:
                    names = [name for name in self._accepted if name not in reserved]
                    raise UserError(
                        f"{field}: {what} has no argument {argument!r}{_nearest(argument, names)}; "
                        f"use one of: {', '.join(names) or 'none'}"
                    )

    def images(
        self, network: nn.Module, samples: Samples, epsilon: float, iterations: int | None
    ) -> Tensor:
        """Adversarial images of one run; the library gets a copy of the originals.

        Seeded by the keys of the images together.
        """
        images = samples.images
        seed = int(np.random.SeedSequence(samples.keys.tolist()).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        with torch.no_grad():
            outputs = network(images[:1]).shape[1]
        copy = images.detach().clone(memory_format=torch.contiguous_format)
        arguments = self._arguments(len(images), outputs, seed, iterations)
        plain = PlainNetwork(network, images.dtype)
        run = RUNS[self.library]
        try:
            result = run(self._kind, arguments, plain, copy, samples.classes, epsilon, outputs)
        except Exception as error:
            if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError):
                raise  # memory, among others
            raise UserError(
                f"arguments: {self.name} of {self.library} fails with these arguments on images of "
                f"{images.shape[2]} x {images.shape[3]} pixels and {outputs} classes "
                f"({type(error).__name__}: {error}); change the arguments"
            ) from error
        result = result.detach().to(images)
        if result.shape != images.shape or not result.isfinite().all():
            raise UserError(
                f"name: {self.name} of {self.library} did not return finite images of shape "
                f"{list(images.shape)}; choose another attack"
            )
        return result

    def _arguments(
        self, batch: int, outputs: int, seed: int, iterations: int | None
    ) -> dict[str, Any]:
        """The study's arguments, and those that the library would guess or print about."""
        arguments = {
            **{"verbose": False, "batch_size": batch, "n_classes": outputs, "seed": seed},
            **self.arguments,
        }
        if self.iterations_as and iterations is not None:
            arguments[self.iterations_as] = iterations
        return {
            name: value
            for name, value in arguments.items()
            if name in self._accepted or name in self.arguments
        }


class PlainNetwork(nn.Module):
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
    """The images as foolbox counts them: cut to its norm's ball of epsilon."""
    model = importlib.import_module("foolbox").PyTorchModel(
        network, bounds=(0, 1), device=images.device
    )
    _, (adversarial,), _ = kind(**arguments)(model, images, classes, epsilons=[epsilon])
    return adversarial


def _run_torchattacks(
    kind: Any,
    arguments: dict[str, Any],
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    outputs: int,
) -> Tensor:
    adversarial: Tensor = kind(network, eps=epsilon, **arguments)(images, classes)
    return adversarial


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
    # And it logs folders and every run.
    logging.getLogger("art").setLevel(logging.WARNING)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"library: attacks of {library} need the package {package}, which cannot be imported "
            f"({error}); run: pip install 'pgdose[peers]'"
        ) from error
    finally:
        logging.config.dictConfig = configure


def _class(library: str, name: str) -> Any:
    """The class of an attack; UserError if the library has none of that name."""
    module = _module(library)
    place, base = LIBRARIES[library][2]
    kind = getattr(importlib.import_module(place), base)
    attacks = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, kind) and value is not kind
    }
    if name not in attacks:
        nearest = _nearest(name, attacks, 3) or f"; choose one of {LIBRARIES[library][1]}"
        raise UserError(f"name: {name!r} is not an attack of {library}{nearest}")
    return attacks[name]


def _nearest(wrong: str, names: Iterable[str], n: int = 1) -> str:
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(wrong.lower(), lower, n=n, cutoff=0.5)
    return f", did you mean {' or '.join(repr(lower[name]) for name in near)}?" if near else ""


@contextmanager
def untouched(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Restores random states, the network's mode and its frozen weights at the end."""
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
            for weights, requires_grad in frozen:
                weights.requires_grad_(requires_grad)
