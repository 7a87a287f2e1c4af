"""What one of several processes computes of a training, and what it exchanges with the others."""

from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor


@dataclass(frozen=True)
class Rank:
    """A process among those that train a network together, each on a device of its own.

    A process alone computes everything and exchanges nothing.

    number: from 0
    size: how many processes there are
    """

    number: int = 0
    size: int = 1

    def shares(self, n: int) -> bool:
        """Whether n items are divided among the processes; fewer items than processes are not."""
        return 1 < self.size <= n

    def share(self, n: int) -> slice:
        """Which of n items this process computes; all of them if they are not divided."""
        if not self.shares(n):
            return slice(0, n)
        return slice(self.number * n // self.size, (self.number + 1) * n // self.size)

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over the processes, float64; alone, the tensor itself."""
        if self.size == 1:
            return tensor
        total = tensor.to(torch.float64, copy=True)
        torch.distributed.all_reduce(total)
        return total / self.size

    def gather(self, rows: Tensor, n: int, device: torch.device) -> Tensor:
        """The rows of all n items, the same in every process, from each one's `share`.

        If the items are not divided, the first process's rows are the result: others may
        differ in the last bit.
        """
        if self.size == 1:
            return rows
        table = torch.zeros(n, *rows.shape[1:], dtype=rows.dtype, device=device)
        if self.shares(n) or self.number == 0:
            table[self.share(n)] = rows.to(device)
        torch.distributed.all_reduce(table)
        return table.to(rows.device)


ALONE = Rank()
