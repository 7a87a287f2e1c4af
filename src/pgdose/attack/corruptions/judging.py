"""What a network makes of corrupted images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgdose.attack.batching import Execution, Part, in_parts
from pgdose.attack.corruptions.registry import corrupt
from pgdose.attack.input_checks import check_network, check_samples
from pgdose.attack.projections import largest_changes
from pgdose.attack.samples import Samples


@dataclass(frozen=True)
class Series:
    """One corruption at one severity, of some images.

    rows: int64, the numbers of the images
    """

    corruption: str
    severity: int
    rows: Tensor


def judge(
    network: nn.Module,
    samples: Samples,
    series: Sequence[Series],
    execution: Execution | None = None,
) -> Part:
    """The network's `logits` of each image of each series, one after another, and the sizes.

    Of the change of each image `l_inf` is the largest change of a pixel, `l2` the length of all
    changes. In between it saves and resumes as `execution` says. The network takes images in [0, 1]
    and is in evaluation mode; errors are those of `attack.surface.surface`.
    """
    execution = execution or Execution()
    check_network(network)
    check_samples(samples)
    rows = torch.cat([one.rows for one in series])
    place = torch.repeat_interleave(
        torch.arange(len(series)), torch.tensor([len(one.rows) for one in series])
    )

    def compute(items: Tensor, batch: int) -> Part:
        clean, changed = [], []
        for number in place[items].unique_consecutive().tolist():
            one = series[number]
            some = samples.select(rows[items[place[items] == number]])
            clean.append(some.images)
            changed.append(corrupt(some.images, one.corruption, one.severity, some.keys))
        before = torch.cat(clean) if clean else samples.images[:0]
        after = torch.cat(changed) if changed else before
        with torch.no_grad():
            logits = network(after)
        change = after - before
        sizes = {"l_inf": largest_changes(change), "l2": change.flatten(1).norm(dim=1)}
        steps = torch.zeros(len(items), dtype=torch.int64)
        return {"logits": logits.cpu(), "steps": steps, **{k: v.cpu() for k, v in sizes.items()}}

    values, _ = in_parts(compute, torch.arange(len(rows)), execution.batch, execution)
    return values
