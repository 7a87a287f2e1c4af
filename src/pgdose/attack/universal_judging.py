"""What networks make of images that universal perturbations changed; that on disk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from pgdose.attack.batching import Execution, Part, in_parts
from pgdose.attack.input_checks import check_attacked_logits, check_network, check_samples
from pgdose.attack.projections import BALL, BOX
from pgdose.attack.samples import Samples
from pgdose.attack.universal import perturb
from pgdose.tables.control_schemas import CONTROLLED


@dataclass(frozen=True)
class Judged:
    """n images under each perturbation, whether the judges are right about them or not.

    logits: n x judges x epsilons x classes
    l_inf:  n x epsilons, the largest change of a pixel that is left after the cut to [0, 1]
    l2:     n x epsilons, the length of this change
    """

    logits: Tensor
    l_inf: Tensor
    l2: Tensor


def judge(
    judges: Sequence[nn.Module], samples: Samples, delta: Tensor, execution: Execution | None = None
) -> Judged:
    """Show every image under every perturbation to each of the judges.

    judges: images in [0, 1] -> logits of the same classes; in evaluation mode, frozen
    delta:  epsilons x channels x rows x columns

    UserError if a judge gives NaN or infinity.
    """
    execution = execution or Execution()
    check_samples(samples)
    for network in judges:
        check_network(network)

    @torch.no_grad()
    def compute(rows: Tensor, batch: int) -> Part:
        images = samples.images[rows]
        logits, sizes = [], []
        for of_epsilon in delta.to(images)[:, None]:
            changed = perturb(images, of_epsilon)[0]
            logits.append(torch.stack([network(changed) for network in judges], dim=1))
            sizes.append([clip.sizes(changed - images) for clip in (BOX, BALL)])
        check_attacked_logits(*logits)
        l_inf, l2 = (torch.stack(of_clip, dim=1) for of_clip in zip(*sizes, strict=True))
        part = {"logits": torch.stack(logits, dim=2), "l_inf": l_inf, "l2": l2}
        steps = {"steps": torch.zeros(len(images), dtype=torch.int64)}
        return {name: value.cpu() for name, value in part.items()} | steps

    rows = torch.arange(len(samples), device=samples.images.device)
    values, _ = in_parts(compute, rows, execution.batch, execution)
    return Judged(values["logits"], values["l_inf"], values["l2"])


def judged_table(
    control: str,
    epsilons: Sequence[float],
    judges: Sequence[str],
    members: np.ndarray,
    judged: Judged,
) -> pa.Table:
    """A row for each member, judge and epsilon, in the schema CONTROLLED."""
    m, j, e, classes = judged.logits.shape
    rows = m * j * e
    logits = judged.logits.float().numpy().reshape(rows, classes)
    sizes = {
        name: np.repeat(getattr(judged, name).numpy()[:, None], j, axis=1).ravel()
        for name in ("l_inf", "l2")
    }
    columns = {
        "control": np.repeat(control, rows),
        "severity": pa.nulls(rows, pa.int32()),
        "epsilon": np.tile(np.asarray(epsilons, np.float64), m * j),
        "judge": np.tile(np.repeat(list(judges), e), m),
        "member": np.repeat(members, j * e),
        "logits": list(logits),
        **{name: values.astype(np.float32) for name, values in sizes.items()},
    }
    arrays = [pa.array(columns[field.name], field.type) for field in CONTROLLED]
    return pa.Table.from_arrays(arrays, schema=CONTROLLED)
