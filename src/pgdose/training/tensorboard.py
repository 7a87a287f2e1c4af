"""The numbers of each epoch as TensorBoard's event files, while the training runs."""

from collections.abc import Callable
from pathlib import Path

from pgdose.errors import UserError
from pgdose.training.history import Row


def epoch_writer(folder: str | Path | None) -> Callable[[Row], None]:
    """A function that writes an epoch's row to event files in the folder; without one, nothing."""
    if folder is None:
        return lambda row: None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "training.tensorboard needs one more package; run: pip install 'pgdose[tensorboard]'"
        ) from None
    writer = SummaryWriter(folder)

    def write(row: Row) -> None:
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(name, value, int(row["epoch"]))
        writer.flush()

    return write
