"""The surface of an attack and its checks, by the code that the jobs of a study run."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import xxhash
from torch import Tensor, nn

from pgdose import devices
from pgdose.api.attacks import Plan
from pgdose.attack.batching import SHORTCUTS, Execution
from pgdose.attack.diagnostics import run
from pgdose.attack.diagnostics.cheap import PROBED
from pgdose.attack.diagnostics.inputs import CheckInputs
from pgdose.attack.external import external_surface
from pgdose.attack.samples import Samples
from pgdose.attack.surface import Surface, surface
from pgdose.attack.surface_table import SurfaceTable
from pgdose.study.attacks import ExternalAttack
from pgdose.study.evaluation import Checks

MEMORY = 3000  # MB that an attack on a CPU may take, as a study's attacks by default
KEY_BITS = 53  # as the keys of a study

Progress = Callable[[int, int, int], None]


@contextlib.contextmanager
def own_state() -> Iterator[None]:
    """Gradients and full precision, whatever the caller has set; at the end all is as before."""
    cuda = torch.cuda.is_available()
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda") if cuda else ("cpu",):
            stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(devices.kept_precision())
        yield


def keys_of(images: Tensor) -> Tensor:
    """int64, n: an identity for each image from its pixels, whatever stands beside it."""
    pixels = images.float().contiguous().numpy()
    mask = (1 << KEY_BITS) - 1
    return torch.tensor([xxhash.xxh3_64_intdigest(image.tobytes()) & mask for image in pixels])


def fitting_batch(network: nn.Module, images: Tensor) -> int:
    """As many images at a time as fit into memory."""
    free = MEMORY - images.nbytes // 10**6
    return devices.fitting_batch(network, images[:1], images.device, free)


def measured(
    network: nn.Module, samples: Samples, plan: Plan, batch: int, progress: Progress
) -> Surface:
    """The surface of the plan's attack; UserError as for `attack.surface.surface`."""
    entry, doses = plan.settings.entry, plan.doses
    shortcuts = getattr(entry, "shortcuts", SHORTCUTS)
    execution = Execution(batch=entry.batch or batch, shortcuts=shortcuts, progress=progress)
    if isinstance(entry, ExternalAttack):
        return external_surface(network, samples, entry, doses, execution)
    attack = plan.settings.make()
    assert attack is not None  # only attacks of other libraries have none
    return surface(network, samples, attack, doses, execution)


def checks(
    network: nn.Module, samples: Samples, plan: Plan, table: SurfaceTable, expensive: int
) -> list[dict[str, Any]]:
    """The checks of an attack, as `diagnose` gives them, at its most telling epsilon.

    Args:
        network, samples, plan: as attacked, with the clean logits in `samples`.
        table: the surface; its members are positions among the samples.
        expensive: how many images the expensive checks attack again.
    """
    rows = torch.from_numpy(table.members)
    classes = samples.classes.cpu()[rows]
    keys = samples.keys.cpu()[rows]
    chosen = torch.argsort(keys)[: max(expensive, PROBED)]
    assert samples.clean is not None
    level = _telling_level(table, classes.numpy())
    inputs = CheckInputs(
        **run.measured(table),
        network=network,
        attack=plan.settings.make(),
        precision=table.metadata[0]["precision"],
        level=level,
        classes=classes,
        rows=chosen,
        images=samples.images[rows[chosen].to(samples.images.device)],
        keys=keys[chosen],
        clean=samples.clean.cpu()[rows],
        expensive=expensive,
        queries=Checks().queries,
    )
    return run.diagnose(inputs)


def _telling_level(table: SurfaceTable, classes: np.ndarray) -> int:
    """The level whose success is nearest to one half; at 0 and at 1 all attacks look alike."""
    if not len(classes):
        return 0
    rates = table.flipped(classes)[:, :, -1].mean(axis=0)
    distance = np.abs(rates - 0.5)
    nearest = np.flatnonzero(distance == distance.min())
    return int(nearest[-1] if rates[nearest[-1]] < 0.5 else nearest[0])
