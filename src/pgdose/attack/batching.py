"""Long attacks in batches, which are saved to resume from and halved when memory runs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pgdose.out_of_memory import halve_batch

Part = dict[str, Tensor]  # what a batch of images gave, with `steps`, those that each took
SHORTCUTS = ("sharing", "repeats", "wrong")


@dataclass(frozen=True)
class Execution:
    """How an attack is carried out. Nothing here changes its result, but for rounding.

    batch:     images at a time; halved, and the batch tried again, when memory runs out
    shortcuts: what need not be computed twice, names of SHORTCUTS (see `shortcuts`)
    finished:  the parts that an earlier call with the same arguments gave to `keep`
    keep:      called with each part after its batch
    progress:  called with the images attacked, their number, and the gradient steps of this call
    """

    batch: int = 32
    shortcuts: Sequence[str] = SHORTCUTS
    finished: Sequence[Part] = ()
    keep: Callable[[Part], None] = lambda part: None
    progress: Callable[[int, int, int], None] = lambda done, total, steps: None


def in_parts(
    compute: Callable[[Tensor, int], Part], rows: Tensor, batch: int, execution: Execution
) -> tuple[Part, int]:
    """The results of `compute` for all rows, joined, and the batch size at the end.

    compute: (numbers of some images, the batch size) -> their part
    rows:    int64, the numbers of the images
    batch:   the size to begin with; after finished parts it goes on with theirs
    """
    parts, steps = list(execution.finished), 0
    done = sum(len(part["steps"]) for part in parts)
    if parts:
        batch = int(parts[-1]["batch"])
    while done < len(rows) or not parts:  # without rows an empty part gives the shapes
        some = rows[done : done + batch]
        try:
            part = compute(some, batch)
        except RuntimeError as error:
            batch = halve_batch(batch, error)
            continue
        parts.append(part | {"batch": torch.tensor(batch)})
        if len(some):
            execution.keep(parts[-1])
            done += len(some)
            steps += int(part["steps"].sum())
            execution.progress(done, len(rows), steps)
    names = [name for name in parts[0] if name != "batch"]
    return {name: torch.cat([part[name] for part in parts]) for name in names}, batch
