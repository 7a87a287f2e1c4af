"""The whole response surface of an attack: for each image and epsilon the logits of every iterate.

`surface` is the interface; `descend` is the attack loop itself. A trajectory of max_iter holds all
shorter ones, and two epsilons go one way until the smaller box binds: what need not be computed
twice is not. The shortcuts are exact, and each can be switched off:

    wrong    images that the network gets wrong to begin with are not attacked
    sharing  only the largest epsilon goes the whole way; each other one begins where its box binds
    repeats  where iterates return to an earlier one, the rest is filled in
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from pgdose.attack.steps import (
    Attack,
    Items,
    aims,
    difference_of_logits_ratio,
    lowered,
    margin,
)
from pgdose.errors import UserError
from pgdose.out_of_memory import halve_batch

SHORTCUTS = ("sharing", "repeats", "wrong")
LEVELS = 255  # of a stored image: 8 bits
Part = dict[str, Tensor]  # what a batch of attacked images gave, by the names in PART
BROKEN = "the network gives NaN or infinity for attacked images; no rate can be told"
PART = ("logits", "stored", "change", "zero_gradient", "bad_gradient", "steps")


@dataclass(frozen=True)
class Surface:
    """What an attack did to n images, of which m were attacked. Logits and shares are float.

    clean:         n x classes, logits of the clean images
    attacked:      n, bool; right on the clean image, and not of the class that is aimed at
    logits:        m x epsilons x (max_iter + 1) x classes, iteration 0 being the clean image; NaN
                   where an attack of another library was not asked
    stored:        m x epsilons x classes, of the last iterate rounded to 8 bits
    change:        m x epsilons, the largest change of a pixel at the last iterate; under `clip: l2`
                   the length of the change
    zero_gradient: m, the share of the first gradient's entries that are exactly 0; NaN without one
    bad_gradient:  m, the share that is not finite
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
    steps: int
    batch: int


# --- the attack loop ------------------------------------------------------------------------------


@dataclass
class Step:
    items: Items
    logits: Tensor
    gradient: Tensor | None  # what is not finite is 0,
    bad: Tensor  # n, and this its share
    going: Tensor  # bool, which of the items go on
    following: Items  # those, one iteration on


def descend(network: nn.Module, attack: Attack, items: Items) -> Iterator[Step]:
    """The attack loop: look at the iterates, and go on to the next. Who is at its end leaves.

    Between two steps the caller may set `last` of the items that follow.
    """
    while len(items):
        going = items.iteration < items.last
        logits, gradient = look(network, attack, items, bool(going.any()))
        gradient, bad = _sound(gradient, logits)
        on = items.take(going)
        if len(on):
            where = slice(None) if len(on) == len(items) else going
            own = None if gradient is None else gradient[where]
            on = attack.advance(on, logits[where], own)
            on.iteration = on.iteration + 1
        yield Step(items, logits, gradient, bad, going, on)
        items = on


def look(
    network: nn.Module, attack: Attack, items: Items, onwards: bool
) -> tuple[Tensor, Tensor | None]:
    """Logits of the iterates, and the gradient by their pixels if it is wanted to go onwards."""
    wanted = onwards and attack.objective is not None
    with torch.set_grad_enabled(wanted):
        images = items.images.detach().requires_grad_(wanted)
        logits = network(images)
        if not wanted:
            return logits, None
        (gradient,) = torch.autograd.grad(lowered(attack, items, logits).sum(), images)
    return logits.detach(), gradient


def _sound(gradient: Tensor | None, logits: Tensor) -> tuple[Tensor | None, Tensor]:
    """The gradient with 0 for what is not finite, and n, the share of that."""
    none = logits.new_zeros(len(logits))
    if gradient is None or gradient.sum().isfinite():
        return gradient, none
    bad = (~gradient.isfinite()).flatten(1).to(logits.dtype).mean(dim=1)
    return gradient.nan_to_num(0.0, 0.0, 0.0), bad


def begin(
    attack: Attack,
    images: Tensor,
    towards: Tensor,
    keys: Tensor,
    epsilons: Sequence[float],
    max_iter: int,
    levels: Sequence[int],
    restart: int = 0,
) -> Items:
    """Iterate 0 of all images at some of the epsilons (`levels`), epsilon after epsilon."""
    n, e = len(images), len(levels)
    level = torch.tensor(list(levels), device=images.device).repeat_interleave(n)
    amplitudes = torch.tensor(list(epsilons), dtype=images.dtype, device=images.device)
    repeated = images if e == 1 else images.repeat(e, 1, 1, 1)
    items = Items(
        images=repeated,
        clean=repeated,
        aims=towards.repeat(e),
        keys=keys.to(images.device).repeat(e),
        epsilon=amplitudes[level][:, None, None, None],
        last=torch.full_like(level, max_iter),
        row=torch.arange(n, device=images.device).repeat(e),
        level=level,
        iteration=torch.zeros_like(level),
    )
    items.images = attack.begin(items, restart)
    return items


def trajectory(
    network: nn.Module,
    attack: Attack,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    max_iter: int,
    keys: Tensor,
    restart: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The iterates 0 .. max_iter of one attack, each with its logits: nothing shared or left out.

    Of a random start iterate 0 is that start; of APGD an iterate is the best so far. Of several
    restarts it is one; `iterate` says which of them counts.
    """
    with torch.no_grad():
        towards = aims(attack, network(images), classes)
    items = begin(attack, images, towards, keys, [epsilon], max_iter, [0], restart)
    for step in descend(network, attack, items):
        found, logits = attack.outcome(step.items, step.logits)
        yield found.detach(), logits


def iterate(
    network: nn.Module,
    attack: Attack,
    images: Tensor,
    classes: Tensor,
    epsilon: float,
    iteration: int,
    max_iter: int,
    keys: Tensor,
) -> tuple[Tensor, Tensor]:
    """The images of the surface's `iteration` at an epsilon, and their logits.

    `max_iter` is the surface's, since the steps of APGD depend on it. Of several restarts the first
    that flips an image counts, else the one that came nearest.
    """
    found, logits = images, images.new_empty(0)
    for restart in range(attack.restarts):
        path = trajectory(network, attack, images, classes, epsilon, max_iter, keys, restart)
        now, seen = next(islice(path, iteration, None))
        if not restart:
            found, logits = now, seen
            continue
        before = margin(logits, classes)
        better = (before > 0) & (margin(seen, classes) < before)
        found = torch.where(better[:, None, None, None], now, found)
        logits = torch.where(better[:, None], seen, logits)
    return found, logits


# --- the surface ----------------------------------------------------------------------------------


def surface(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    attack: Attack,
    *,
    epsilons: Sequence[float],
    max_iter: int,
    keys: Tensor,
    batch: int = 32,
    shortcuts: Sequence[str] = SHORTCUTS,
    parts: Sequence[Part] = (),
    keep: Callable[[Part], None] = lambda part: None,
    progress: Callable[[int, int, int], None] = lambda done, of, steps: None,
) -> Surface:
    """Attack each image that the network gets right, at each epsilon.

    network:  in evaluation mode, its weights frozen; images in [0, 1] -> logits
    images:   n x channels x rows x columns, float, on the network's device
    classes:  n, int64, the true class; it is also the predicted one of every attacked image
    epsilons: rising
    keys:     n, int64: identities of the images, for attacks that draw
    batch:    images at a time; halved, and the batch tried again, when memory runs out
    parts:    what `keep` was given by an earlier call with the same arguments; it is gone on from
    keep:     called with the finished part after each batch
    progress: called with the images attacked, their number and the gradient steps of this call

    UserError for images, epsilons or outputs that no attack can be made with, ValueError for a
    network that is not in evaluation mode or not frozen.
    """
    check_doses(epsilons, max_iter, attack.clip)
    clean, right, towards, batch = attackable(network, images, classes, attack, batch)
    chosen = right if "wrong" in shortcuts else torch.ones_like(right)
    rows = chosen.nonzero()[:, 0]

    def one(some: Tensor, batch: int) -> Part:
        run = _Batch(network, attack, epsilons, max_iter, shortcuts, images[some], clean[some])
        return run.part(classes[some], towards[some], keys[some.to(keys.device)], batch)

    found, batch = in_parts(one, rows, batch, parts, keep, progress)
    attacked = right[rows].cpu()  # all, but where the shortcut is switched off
    steps = int(found.pop("steps").sum())
    own = {name: values[attacked] for name, values in found.items()}
    return Surface(clean.cpu(), right.cpu(), **own, steps=steps, batch=batch)


def attackable(
    network: nn.Module, images: Tensor, classes: Tensor, attack: Attack, batch: int
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Clean logits, which images are attacked, what at, and the batch that memory allowed."""
    check_network(network)
    check_images(images, classes)
    clean, batch = judged(network, images, batch)
    check_classes(classes, clean, attack)
    right = clean.argmax(dim=1) == classes
    towards = aims(attack, clean, classes)
    if attack.target is not None:
        right &= towards != classes
    return clean, right, towards, batch


def in_parts(
    one: Callable[[Tensor, int], Part],
    rows: Tensor,
    batch: int,
    parts: Sequence[Part],
    keep: Callable[[Part], None],
    progress: Callable[[int, int, int], None],
) -> tuple[Part, int]:
    """What `one` finds of all rows, batch after batch, and the batch at the end.

    A batch is halved and tried again when memory runs out. What is there already is not done again,
    and the batch goes on as it was then. A part has at least `logits` and `steps`.
    """
    parts, steps = list(parts), 0
    done = sum(len(part["logits"]) for part in parts)
    if parts:
        batch = int(parts[-1]["batch"])
    while done < len(rows) or not parts:  # no rows: an empty part gives the shapes
        some = rows[done : done + batch]
        try:
            part = one(some, batch)
        except RuntimeError as error:
            batch = halve_batch(batch, error)
            continue
        parts.append(part | {"batch": torch.tensor(batch)})
        if len(some):
            keep(parts[-1])
            done += len(some)
            steps += int(part["steps"].sum())
            progress(done, len(rows), steps)
    names = [name for name in parts[0] if name != "batch"]
    return {name: torch.cat([part[name] for part in parts]) for name in names}, batch


class _Batch:
    """Some images under attack at all epsilons, and what is found of them."""

    def __init__(
        self,
        network: nn.Module,
        attack: Attack,
        epsilons: Sequence[float],
        max_iter: int,
        shortcuts: Sequence[str],
        images: Tensor,
        clean: Tensor,
    ) -> None:
        m, e = len(images), len(epsilons)
        self.network, self.attack, self.images, self.clean = network, attack, images, clean
        self.epsilons, self.max_iter = epsilons, max_iter
        self.sharing = attack.steady and "sharing" in shortcuts
        self.repeats = attack.steady and "repeats" in shortcuts and attack.objective is not None
        self.logits = clean[:, None, None].repeat(1, e, max_iter + 1, 1)
        self.stored = clean.new_zeros((m, e, clean.shape[1]))
        self.change = images.new_zeros((m, e))
        self.zero = images.new_full((m,), math.nan)
        self.bad = images.new_full((m,), math.nan)
        self.steps = torch.zeros(m, dtype=torch.int64, device=images.device)

    def found(self) -> Part:
        """On the CPU, so that it can be kept."""
        values = (self.logits, self.stored, self.change, self.zero, self.bad, self.steps)
        return {name: value.cpu() for name, value in zip(PART, values, strict=True)}

    def part(self, classes: Tensor, towards: Tensor, keys: Tensor, batch: int) -> Part:
        """Everything, with at most `batch` images at a time."""
        if not len(classes):
            return self.found()
        levels = range(len(self.epsilons))
        doses = (self.images, towards, keys, self.epsilons, self.max_iter)
        if self.sharing:
            whole = begin(self.attack, *doses, levels[-1:])
            forks = self._run(whole, fork=True)
            for shared in (self.logits, self.stored, self.change):
                shared[:, :-1] = shared[:, -1:]
            if forks:
                items = Items.join(forks)
                self._run_all(items.take(items.iteration.sort(stable=True).indices), batch)
        else:
            self._run_all(begin(self.attack, *doses, levels), batch)
        for restart in range(1, self.attack.restarts):
            self._again(begin(self.attack, *doses, levels, restart), classes, batch)
        self.logits[:, :, 0] = self.clean[:, None]  # by definition, whatever the start
        if not (self.logits.isfinite().all() and self.stored.isfinite().all()):
            raise UserError(BROKEN)
        return self.found()

    def _run_all(self, items: Items, batch: int) -> None:
        for start in range(0, len(items), batch):
            self._run(items.take(slice(start, start + batch)))

    def _again(self, items: Items, classes: Tensor, batch: int) -> None:
        """Another restart. At each iteration what is flipped stays, else the nearer to it counts.

        So the surface at an iteration is that of as many restarts of so many iterations.
        """
        before = self.logits.clone(), self.stored.clone(), self.change.clone()
        self._run_all(items, batch)
        true = classes[:, None, None].expand(self.logits.shape[:3]).flatten()
        last, now = (margin(of.flatten(0, 2), true) for of in (before[0], self.logits))
        stays = ((last <= 0) | ~(now < last)).view(self.logits.shape[:3])
        self.logits[stays] = before[0][stays]
        for values, known in ((self.stored, before[1]), (self.change, before[2])):
            values[stays[:, :, -1]] = known[stays[:, :, -1]]

    def _run(self, items: Items, fork: bool = False) -> list[Items]:
        """Carry attacks to their end; with `fork`, what has to begin where a smaller box binds."""
        forks: list[Items] = []
        lowest = torch.zeros_like(items.row)  # of each item: the smallest epsilon still on its way
        history = _History(items, self.max_iter) if self.repeats else None
        for step in descend(self.network, self.attack, items):
            at, logits = self.attack.outcome(step.items, step.logits)
            now = step.items
            self.logits[now.row, now.level, now.iteration] = logits
            if step.gradient is not None:
                self.steps.index_add_(0, now.row[step.going], torch.ones_like(now.row)[step.going])
                self._health(now, step.gradient, step.bad)
            if not step.going.all():
                self._end(now.take(~step.going), at[~step.going])
            if fork and len(step.following):
                lowest = self._fork(step, lowest, forks)
                lowest = lowest[step.going]
            if history:
                history.find(step.following)
        if history:
            history.fill(self.logits)
        return forks

    def _health(self, now: Items, gradient: Tensor, bad: Tensor) -> None:
        """How sound the first gradient is."""
        first = (now.iteration == 0) & (now.level == len(self.epsilons) - 1)
        first &= self.zero[now.row].isnan()  # not of another restart
        if first.any():
            rows, own = now.row[first], gradient[first].flatten(1)
            self.bad[rows] = bad[first]
            self.zero[rows] = (own == 0).to(own.dtype).mean(dim=1) - bad[first]

    def _end(self, ended: Items, images: Tensor) -> None:
        """What is left of the attack when its image is stored, and how far it went."""
        with torch.no_grad():
            self.stored[ended.row, ended.level] = self.network((images * LEVELS).round() / LEVELS)
        change = (images - ended.clean).flatten(1)
        length = change.norm(dim=1) if self.attack.clip == "l2" else change.abs().amax(dim=1)
        self.change[ended.row, ended.level] = length

    def _fork(self, step: Step, lowest: Tensor, forks: list[Items]) -> Tensor:
        """Part the ways: the epsilons whose box cuts this very step go on from their own iterate.

        Boxes are nested, so only the smallest epsilon that is still on the way needs to be tried.
        """
        before, on, rows = step.items, step.following, step.going
        assert step.gradient is not None
        for level in range(len(self.epsilons) - 1):
            here = lowest == level
            if not here.any():
                continue
            own = before.take(here & rows)
            own = replace(
                own,
                epsilon=torch.full_like(own.epsilon, self.epsilons[level]),
                level=torch.full_like(own.level, level),
                last=torch.full_like(own.last, self.max_iter),
            )
            cut = self.attack.advance(own, step.logits[here & rows], step.gradient[here & rows])
            cut.iteration = cut.iteration + 1
            off = (cut.images != on.images[here[rows]]).flatten(1).any(dim=1)
            if off.any():
                forks.append(cut.take(off))
                lowest = lowest.clone()
                lowest[(here & rows).nonzero()[:, 0][off]] += 1
        return lowest


class _History:
    """Fingerprints of all iterates of some attacks: those that return to one need go no further.

    Two iterates are taken for one if 64 bits over all their pixels and all that is remembered
    agree (by chance once in 10^19).
    """

    def __init__(self, items: Items, max_iter: int) -> None:
        e = int(items.level.max()) + 1
        shape = (int(items.row.max()) + 1, e, max_iter + 1)
        self.marks = torch.full(shape, -(2**63), device=items.row.device)  # never looked at
        self.max_iter = max_iter
        self.repeated: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self._note(items)

    def _note(self, items: Items) -> Tensor:
        total = sum(_fingerprint(tensor) for tensor in (items.images, *items.memory.values()))
        assert isinstance(total, Tensor)
        self.marks[items.row, items.level, items.iteration] = total
        return total

    def find(self, items: Items) -> None:
        """Set the end of those who repeat: at the phase of the cycle at which they would end."""
        if not len(items):
            return
        mark = self._note(items)
        own = self.marks[items.row, items.level]
        before = torch.arange(self.max_iter + 1, device=mark.device) < items.iteration[:, None]
        same = (own == mark[:, None]) & before
        new = same.any(dim=1) & (items.last == self.max_iter)
        if not new.any():
            return
        # The latest equal one: argmax gives the first of equal values, so count from the end.
        latest = self.max_iter - same.flip(1).to(torch.int8).argmax(dim=1)
        period = (items.iteration - latest).clamp_min(1)
        last = items.iteration + (self.max_iter - items.iteration) % period
        items.last = torch.where(new, last, items.last)
        self.repeated.append((items.row[new], items.level[new], items.last[new], period[new]))

    def fill(self, logits: Tensor) -> None:
        for rows, levels, lasts, periods in self.repeated:
            for row, level, last, period in torch.stack([rows, levels, lasts, periods], 1).tolist():
                for iteration in range(last + 1, self.max_iter + 1):
                    logits[row, level, iteration] = logits[row, level, iteration - period]


def _fingerprint(tensor: Tensor) -> Tensor:
    """n x .. float -> n, int64: a hash of each row's bits (multilinear, odd random weights)."""
    bits = tensor.contiguous().flatten(1).view({4: torch.int32, 8: torch.int64}[tensor.itemsize])
    return (bits * _weights(bits.shape[1], bits.device)).sum(dim=1)


@functools.lru_cache(maxsize=4)
def _weights(n: int, device: torch.device) -> Tensor:
    source = torch.Generator().manual_seed(n)
    drawn = torch.randint(-(2**62), 2**62, (n,), generator=source)
    return (drawn * 2 + 1).to(device)


# --- what goes in ---------------------------------------------------------------------------------


def judged(network: nn.Module, images: Tensor, batch: int) -> tuple[Tensor, int]:
    """Logits of clean images, and the batch that memory allowed. UserError if they are none."""
    found: list[Tensor] = []
    done = 0
    while done < max(len(images), 1):  # no images: the number of classes is wanted all the same
        some = images[done : done + batch]
        try:
            with torch.no_grad():
                found.append(network(some))
        except RuntimeError as error:
            batch = halve_batch(batch, error)
            continue
        done += max(len(some), 1)
    logits = torch.cat(found)
    check_logits(logits)
    return logits, batch


def check_network(network: nn.Module) -> None:
    if any(m.training for m in network.modules()) or any(
        p.requires_grad for p in network.parameters()
    ):
        raise ValueError("the network must be in evaluation mode with frozen weights")


def check_doses(epsilons: Sequence[float], max_iter: int, clip: str) -> None:
    given = list(epsilons)
    wrong = not given or sorted(set(given)) != given or not all(map(math.isfinite, given))
    if wrong or given[0] <= 0:
        raise UserError(f"epsilon: {given}; amplitudes over 0, in rising order, none twice")
    if clip != "l2" and given[-1] > 1:
        raise UserError(f"epsilon: {given[-1]}; at most 1, the full intensity range")
    if max_iter < 1:
        raise UserError(f"max_iter: {max_iter}; at least 1")


def check_images(images: Tensor, classes: Tensor) -> None:
    if images.ndim != 4 or images.dtype not in (torch.float32, torch.float64):
        raise UserError(
            f"images of shape {list(images.shape)} and {images.dtype}; "
            "n x channels x rows x columns, float32 or float64"
        )
    if classes.shape != images.shape[:1]:
        raise UserError(f"classes of shape {list(classes.shape)} for {len(images)} images")
    if len(images) and not (images.min() >= 0 and images.max() <= 1):  # also NaN
        raise UserError(
            f"images from {images.min():.4g} to {images.max():.4g}; they must lie in [0, 1], "
            "which is the unit of epsilon"
        )


def check_classes(classes: Tensor, logits: Tensor, attack: Attack) -> None:
    known = logits.shape[1]
    if len(classes) and not (0 <= int(classes.min()) <= int(classes.max()) < known):
        raise UserError(
            f"classes from {int(classes.min())} to {int(classes.max())}, "
            f"but the network has {known}"
        )
    if attack.objective is difference_of_logits_ratio and known < 3:
        raise UserError(f"gradient_of: dlr compares three classes, but the network has {known}")
    if isinstance(attack.target, int) and not 0 <= attack.target < known:
        raise UserError(f"target: {attack.target}, but the network has {known} classes")


def check_logits(logits: Tensor) -> None:
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise UserError(
            f"the network gives outputs of shape {list(logits.shape)}; one logit for each of two "
            "or more classes is needed"
        )
    if not logits.isfinite().all():
        bad = int((~logits.isfinite()).any(dim=1).sum())
        raise UserError(
            f"the network gives NaN or infinity for {bad} of {len(logits)} clean images"
        )
    if len(logits) and logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 1e-3:
        raise UserError(
            "the network gives probabilities (softmax), whose gradient vanishes where it is sure; "
            "it must give logits"
        )
