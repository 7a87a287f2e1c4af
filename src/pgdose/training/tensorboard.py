"""What TensorBoard shows of a training while it runs."""

from collections.abc import Callable
from pathlib import Path

from pgdose.errors import UserError


def writer(folder: str | Path | None) -> Callable[[dict[str, float]], None]:
    """Writes the numbers of each epoch that it is given to event files in a folder, if any."""
    if folder is None:
        return lambda row: None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "training.tensorboard wants one more package: pip install 'pgdose[tensorboard]'"
        ) from None
    events = SummaryWriter(folder)

    def tell(row: dict[str, float]) -> None:
        for name, value in row.items():
            if name != "epoch":
                events.add_scalar(name, value, int(row["epoch"]))
        events.flush()

    return tell
