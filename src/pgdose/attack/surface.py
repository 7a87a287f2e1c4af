"""The whole response surface of an attack: for each image and epsilon the logits of every iterate.

`surface` is the interface. A trajectory of max_iter holds all shorter ones, and two epsilons
may have the same iterates until the smaller box binds; `shortcuts` makes use of that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.attack.batching import Execution, Part, in_parts
from pgdose.attack.input_checks import check_attacked_logits, check_doses
from pgdose.attack.loop import Step, descend, initial_items
from pgdose.attack.objectives import margin
from pgdose.attack.projections import as_stored
from pgdose.attack.queue import Queue
from pgdose.attack.samples import Samples
from pgdose.attack.selection import select_attacked
from pgdose.attack.shortcuts import Cycles, Sharing
from pgdose.attack.steps import Attack, Items, attack_on
from pgdose.attack.surface_table import SurfaceTable
from pgdose.networks.classifier import changed_labels
from pgdose.study.doses import Doses
from pgdose.tables import clean_logits

MEASURED = ("logits", "stored", "change", "zero_gradient", "bad_gradient", "other_labels")
PART = (*MEASURED, "steps")


@dataclass(frozen=True)
class Surface:
    """What an attack did to n images, of which m were attacked. Logits and shares are float.

    clean:         n x classes, logits of the clean images
    attacked:      n, bool; right on the clean image, and not of the class that a target names
    logits:        m x epsilons x (max_iter + 1) x classes, iteration 0 being the clean image; NaN
                   where the attack of another library was not run
    stored:        m x epsilons x classes, of the last iterate rounded to 8 bits
    change:        m x epsilons, the size of the change at the last iterate, as the clip measures
                   it: the largest change of a pixel; under `clip: l2` the length of the change
    zero_gradient: m, the share of the first gradient's entries that are exactly 0; NaN without one
    bad_gradient:  m, the share that is not finite
    other_labels:  m x epsilons, how many labels that are not audited change by the last iterate;
                   NaN where the network has none
    offset:        classes, of a network whose decision has a threshold (`networks.outputs`)
    steps:         gradients of single images that were computed
    batch:         images at a time, at the end
    """

    clean: Tensor
    attacked: Tensor
    logits: Tensor
    stored: Tensor
    change: Tensor
    zero_gradient: Tensor
    bad_gradient: Tensor
    other_labels: Tensor
    steps: int
    batch: int
    offset: tuple[float, ...] | None = None

    def table(self, members: np.ndarray, doses: Doses, metadata: Mapping[str, str]) -> SurfaceTable:
        """The surface as it is stored; `members` are the numbers of the n images, rising."""
        values = {name: getattr(self, name).float().numpy() for name in MEASURED}
        attacked = np.asarray(members)[self.attacked.numpy()]
        about = {**metadata, **clean_logits.offset_metadata(self.offset)}
        return SurfaceTable(attacked, doses, **values, metadata=[about])


def surface(
    network: nn.Module,
    samples: Samples,
    attack: Attack,
    doses: Doses,
    execution: Execution | None = None,
) -> Surface:
    """Attack each image that the network gets right, at each epsilon.

    Args:
        network: in evaluation mode, its weights frozen; images (n x channels x rows x columns,
            float in [0, 1]) -> logits (n x classes, float).
        samples: images with their true classes and keys; where it has clean logits, they are
            iteration 0 and decide which images the network gets right.
        attack: of `pgdose.attack.make`.
        doses: the epsilons and the number of iterations.
        execution: batch size, shortcuts, what an earlier call finished; None: the defaults.

    Raises:
        UserError: images, epsilons or outputs that no attack can be made with.
        ValueError: a network that is not in evaluation mode, or not frozen.
    """
    execution = execution or Execution()
    check_doses(doses, attack.clip)
    selection = select_attacked(network, samples, attack, execution.batch)
    skip_wrong = "wrong" in execution.shortcuts
    chosen = selection.attacked if skip_wrong else torch.ones_like(selection.attacked)
    rows = chosen.nonzero()[:, 0]
    complete = Samples(samples.images, samples.classes, samples.keys, selection.clean)

    def compute(some: Tensor, batch: int) -> Part:
        run = _Batch(network, attack, doses, complete.select(some), execution.shortcuts)
        return run.part(selection.target_class[some], batch)

    values, batch = in_parts(compute, rows, selection.batch, execution)
    attacked = selection.attacked[rows].cpu()  # all, unless the shortcut is switched off
    steps = int(values.pop("steps").sum())
    values = {name: value[attacked] for name, value in values.items()}
    return Surface(
        selection.clean.cpu(),
        selection.attacked.cpu(),
        **values,
        steps=steps,
        batch=batch,
        offset=attack_on(attack, network).offset,
    )


class _Batch:
    """Some images under attack at all epsilons, and what is measured of them."""

    def __init__(
        self,
        network: nn.Module,
        attack: Attack,
        doses: Doses,
        samples: Samples,
        shortcuts: Sequence[str],
    ) -> None:
        assert samples.clean is not None
        images, clean = samples.images, samples.clean
        m, e = len(images), len(doses)
        self.network, self.attack = network, attack_on(attack, network)
        self.doses, self.samples = doses, samples
        self.clean = clean
        self.sharing = attack.shares_trajectories and "sharing" in shortcuts
        self.repeats = attack.is_deterministic and "repeats" in shortcuts
        self.repeats = self.repeats and attack.objective is not None
        self.logits = clean[:, None, None].repeat(1, e, doses.max_iter + 1, 1)
        self.stored = clean.new_zeros((m, e, clean.shape[1]))
        self.change = images.new_zeros((m, e))
        self.zero_gradient = images.new_full((m,), math.nan)
        self.bad_gradient = images.new_full((m,), math.nan)
        self.other_labels = images.new_full((m, e), math.nan)
        self.steps = torch.zeros(m, dtype=torch.int64, device=images.device)

    def part(self, targets: Tensor, batch: int) -> Part:
        """All that is measured, on the CPU, with at most `batch` images at a time."""
        if len(self.samples):
            self._attack(targets, batch)
        return {name: getattr(self, name).cpu() for name in PART}

    def _attack(self, targets: Tensor, batch: int) -> None:
        levels = range(len(self.doses))

        def initial(levels: Sequence[int], restart: int = 0) -> Items:
            return initial_items(self.attack, self.samples, targets, self.doses, levels, restart)

        if self.sharing:
            leaders = initial(levels[-1:])
            sharing = Sharing(self.attack, self.doses, leaders)
            self._run(leaders, batch, sharing)
            sharing.fill(self.logits, [self.stored, self.change, self.other_labels])
        else:
            self._run(initial(levels), batch)
        for restart in range(1, self.attack.restarts):
            self._restart(initial(levels, restart), batch)
        self.logits[:, :, 0] = self.clean[:, None]  # by definition, whatever the start
        check_attacked_logits(self.logits, self.stored)

    def _restart(self, items: Items, batch: int) -> None:
        """Add a restart: at each iteration what is flipped stays, else the nearer to a flip counts.

        So the surface at an iteration is that of as many restarts of so many iterations.
        """
        of_last = (self.stored, self.change, self.other_labels)
        before = self.logits.clone()
        earlier = [values.clone() for values in of_last]
        self._run(items, batch)
        shape = self.logits.shape[:3]
        true = self.samples.classes[:, None, None].expand(shape).flatten()
        old, new = (margin(logits.flatten(0, 2), true) for logits in (before, self.logits))
        stays = ((old <= 0) | ~(new < old)).view(shape)
        self.logits[stays] = before[stays]
        for values, kept in zip(of_last, earlier, strict=True):
            values[stays[:, :, -1]] = kept[stays[:, :, -1]]

    def _run(self, items: Items, batch: int, sharing: Sharing | None = None) -> None:
        """Carry attacks to their end and measure them, `batch` at a time.

        Where one ends, another takes its place. Last iterates need no gradient, so they are put
        aside and evaluated together.
        """
        cycles = Cycles(items, self.doses.max_iter) if self.repeats else None
        waiting, ended = Queue(items), Queue()

        def unfinished(items: Items) -> Items:
            """Those that have further iterations; the others are put aside."""
            at_end = items.iteration == items.last
            if not at_end.any():
                return items
            ended.add(items.select(at_end))
            return items.select(~at_end)

        for step in descend(self.network, self.attack, waiting.take(batch)):
            self._measure(step)
            for forks in sharing.forks(step) if sharing else ():
                if cycles:
                    cycles.note(forks)
                waiting.add(unfinished(forks))
            if cycles:
                cycles.find(step.following)
            step.following = waiting.fill_up(unfinished(step.following), batch)
            if len(ended) >= batch:
                self._measure_ends(ended.take(batch), batch)
        while len(ended):
            self._measure_ends(ended.take(batch), batch)
        if cycles:
            cycles.fill(self.logits)

    def _measure(self, step: Step) -> None:
        """The logits of iterates that are not the last ones, and their gradient."""
        now = step.items
        _, self.logits[now.row, now.level, now.iteration] = self.attack.result(now, step.logits)
        if step.gradient is not None:
            self.steps.index_add_(0, now.row, torch.ones_like(now.row))
            self._measure_gradient(step, step.gradient)

    def _measure_gradient(self, step: Step, gradient: Tensor) -> None:
        """Of the first gradient, at the largest epsilon: how much is 0 or not finite."""
        now = step.items
        first = (now.iteration == 0) & (now.level == len(self.doses) - 1)
        first &= self.zero_gradient[now.row].isnan()  # not of another restart
        if first.any():
            rows, values = now.row[first], gradient[first].flatten(1)
            self.bad_gradient[rows] = step.bad[first]
            self.zero_gradient[rows] = (values == 0).to(values.dtype).mean(dim=1) - step.bad[first]

    @torch.no_grad()
    def _measure_ends(self, ended: Items, batch: int) -> None:
        """Last iterates: their logits, those of the stored images, and how far they went."""
        images = ended.images
        if self.attack.returns_iterates and 2 * len(images) <= batch:
            logits, stored = self.network(torch.cat([images, as_stored(images)])).chunk(2)
        else:
            images, logits = self.attack.result(ended, self.network(images))
            stored = self.network(as_stored(images))
        at = ended.row, ended.level
        self.logits[*at, ended.iteration], self.stored[at] = logits, stored
        self.change[at] = self.attack.clip.sizes(images - ended.clean)
        changed = changed_labels(self.network, ended.clean, images)
        if changed is not None:
            self.other_labels[at] = changed.to(images)
