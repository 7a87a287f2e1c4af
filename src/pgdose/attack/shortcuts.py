"""Exact shortcuts of the response surface, which avoid computing the same thing twice.

    sharing  only the largest epsilon goes the whole way; each other one begins where its box binds
    repeats  where iterates return to an earlier one, the rest of the trajectory is filled in

`repeats` needs steps that are a function of the iterate and epsilon (`is_deterministic`), `sharing`
steps that do not depend on epsilon either (`shares_trajectories`). The third, `wrong` (images that
the network gets wrong are not attacked), is in `surface`.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pgdose.attack.loop import Step
from pgdose.attack.steps import Attack, Items
from pgdose.study.doses import Doses


class Sharing:
    """Follows the largest epsilon, and finds where the box of each smaller one binds.

    Up to there both have the same iterates. Boxes are nested, so of each image only the smallest
    epsilon that still shares the way needs to be tried.
    """

    def __init__(self, attack: Attack, doses: Doses, leaders: Items) -> None:
        """`leaders`: the attacks at the largest epsilon, one for each image."""
        self.attack, self.doses = attack, doses
        self.largest = len(doses) - 1
        images = len(leaders)
        self.lowest = leaders.row.new_zeros(images)  # of each image: the smallest level on its way
        # The first iteration at which each epsilon differs from the largest; beyond the last: none.
        self.fork_iteration = leaders.row.new_full((images, len(doses)), doses.max_iter + 1)
        self.fork_iteration[:, self.largest] = 0

    def forks(self, step: Step) -> Iterator[Items]:
        """To be called at each step: the attacks that leave the shared way there, by epsilon."""
        leading = ((step.items.level == self.largest) & step.continues).nonzero()[:, 0]
        if not len(leading):
            return
        after = (step.following.level == self.largest).nonzero()[:, 0]  # the same, one step on
        for level in range(self.largest):
            here = self.lowest[step.items.row[leading]] == level
            if here.any():
                cut = self._cut(step, leading[here], level)
                shared = step.following.images[after[here]]
                leaves = (cut.images != shared).flatten(1).any(dim=1)
                if leaves.any():
                    cut = cut.select(leaves)
                    self.lowest[cut.row] += 1
                    self.fork_iteration[cut.row, level] = cut.iteration
                    yield cut

    def _cut(self, step: Step, positions: Tensor, level: int) -> Items:
        """The same step of some items, in the box of a smaller epsilon."""
        assert step.gradient is not None
        items = step.items.select(positions)
        items = replace(
            items,
            epsilon=torch.full_like(items.epsilon, self.doses.epsilons[level]),
            level=torch.full_like(items.level, level),
            last=torch.full_like(items.last, self.doses.max_iter),
        )
        cut = self.attack.advance(items, step.logits[positions], step.gradient[positions])
        cut.iteration = cut.iteration + 1
        return cut

    def fill(self, logits: Tensor, of_last: Sequence[Tensor]) -> None:
        """Give smaller epsilons what they share with the largest.

        logits:  images x epsilons x iterations x classes
        of_last: what was measured of the last iterates, images x epsilons x ...
        """
        iterations = torch.arange(logits.shape[2], device=logits.device)
        shared = iterations < self.fork_iteration[:, :, None]
        logits[shared] = logits[:, -1:].expand_as(logits)[shared]
        whole = self.fork_iteration > self.doses.max_iter
        for measured in of_last:
            measured[whole] = measured[:, -1:].expand_as(measured)[whole]


class Cycles:
    """Fingerprints of all iterates: an attack that returns to one of its own need go no further.

    Two iterates count as equal if a 64-bit hash of their pixels and of the step's memory agrees
    (by chance once in 10^19).
    """

    def __init__(self, items: Items, max_iter: int) -> None:
        e = int(items.level.max()) + 1
        shape = (int(items.row.max()) + 1, e, max_iter + 1)
        self.fingerprints = torch.full(shape, -(2**63), device=items.row.device)  # none so far
        self.max_iter = max_iter
        self.cycles: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []  # row, level, last, period
        self.note(items)

    def note(self, items: Items) -> Tensor:
        """Remember where these items are."""
        total = sum(_fingerprint(tensor) for tensor in (items.images, *items.memory.values()))
        assert isinstance(total, Tensor)
        self.fingerprints[items.row, items.level, items.iteration] = total
        return total

    def find(self, items: Items) -> None:
        """Set the end of attacks in a cycle, at the phase of the cycle at which they would end."""
        if not len(items):
            return
        fingerprint = self.note(items)
        path = self.fingerprints[items.row, items.level]
        steps = torch.arange(self.max_iter + 1, device=fingerprint.device)
        earlier = steps < items.iteration[:, None]
        same = (path == fingerprint[:, None]) & earlier
        new = same.any(dim=1) & (items.last == self.max_iter)
        if not new.any():
            return
        # The latest equal one: argmax gives the first of equal values, so count from the end.
        latest = self.max_iter - same.flip(1).to(torch.int8).argmax(dim=1)
        period = (items.iteration - latest).clamp_min(1)
        last = items.iteration + (self.max_iter - items.iteration) % period
        items.last = torch.where(new, last, items.last)
        self.cycles.append((items.row[new], items.level[new], items.last[new], period[new]))

    def fill(self, logits: Tensor) -> None:
        """Complete the logits (rows x levels x iterations x classes) of attacks in a cycle."""
        for rows, levels, lasts, periods in self.cycles:
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
