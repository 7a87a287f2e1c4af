"""One step: the same gradients in parts where memory is short, and no batch of a single image."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.training import BATCH, MakeMembers, plain, train

from pgdose.errors import UserError
from pgdose.training import step
from pgdose.training.ranks import ALONE, Rank

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("at_once", [2, 3, 5, 100])
@pytest.mark.parametrize("images", [2, 3, 7, 12])
def test_parts_are_the_same_for_any_number_of_devices(images: int, at_once: int, size: int) -> None:
    """And none has a single image, of which batch norm has no variance."""
    alone = step.parts_of(images, at_once, ALONE)
    sizes = [part.whole.stop - part.whole.start for part in alone]
    assert sum(sizes) == images and min(sizes) > 1 and max(sizes) <= max(at_once, 3)
    rows, read = np.arange(images) + 100, []
    for number in range(size):
        rank = Rank(number, size)
        assert [p.whole for p in step.parts_of(images, at_once, rank)] == [p.whole for p in alone]
        read += step.own_rows(rows, at_once, rank).tolist()
    assert set(read) == set(rows)
    assert len(read) == sum(n if n >= size else n * size for n in sizes)


@pytest.mark.parametrize(("capacity", "left"), [(7, 4), (3, 2), (2, 2)])
def test_a_batch_that_memory_does_not_hold_gives_the_same_gradients_in_parts(
    members: MakeMembers, tmp_path: Path, capacity: int, left: int
) -> None:
    whole, parts = plain(), plain(capacity)
    train(whole, members(22), tmp_path / "a")
    history = train(parts, members(22), tmp_path / "b")
    assert BATCH == 8 and (history["at_once"] == left).all()
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)


def test_where_two_images_are_too_many_the_message_says_so(
    members: MakeMembers, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"out of memory with 2 images at a time; .*mem_mb"):
        train(plain(1), members(20), tmp_path / "work")


LIMITED = """
import resource
import torch
from torch import nn
from pgdose.study.networks import Training
from pgdose.training import epoch, state, step
torch.set_num_threads(1)
torch.backends.mkldnn.set_flags(False)  # oneDNN has other words for it, that mean more than this
# Much memory for little work.
pooled = nn.Conv2d(1, 64, 3), nn.ReLU(), nn.MaxPool2d(8)
body = nn.Sequential(*pooled, nn.Flatten(), nn.Linear(64 * 11**2, 2))
images = torch.zeros((64, 1, 96, 96), dtype=torch.uint8).numpy()
labels = torch.zeros(64).long()
settings = Training(epochs=1, batch=64, lr=0.1, schedule="constant")
training = state.TrainingState(body, settings, 1, torch.device("cpu"))
training.images_at_once = 2
step.gradients(training, body, step.Batch(torch.from_numpy(images), labels, 64))
training.optimiser.step()
training.images_at_once = 64
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, -1))
class Members:
    labels = [0] * 64
    def __len__(self): return 64
    def read(self, rows): return images[rows]
order = torch.arange(64).numpy()
epoch.train_epoch(training, Members(), epoch.Epoch(1, "G", order))
print("at once", training.images_at_once)
"""


def test_a_real_lack_of_memory_halves_the_batch() -> None:
    """The system refuses what more than some of the 64 images would take."""
    run = subprocess.run([sys.executable, "-c", LIMITED], text=True, capture_output=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert int(run.stdout.split()[-1]) in (8, 16, 32)
