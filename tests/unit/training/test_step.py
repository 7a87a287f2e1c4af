"""One step: the same gradients in parts where memory is short, and no batch of a single image."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.training import BATCH, MakeMembers, network, plain, train
from torch import nn

from pgdose.errors import UserError
from pgdose.training import step

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("images", "devices", "shared"),
    [(1, 2, False), (2, 2, False), (3, 2, False), (4, 2, True), (5, 4, False), (8, 4, True)],
)
def test_no_device_gets_a_single_image(images: int, devices: int, shared: bool) -> None:
    """Batch norm has no variance of one; chunks are as torch makes them."""

    class Several(nn.DataParallel):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.module, self.device_ids = network(), list(range(devices))

    several = Several()
    assert (step.on_enough_devices(several, images) is several) == shared
    parts = [len(part) for part in torch.zeros(images, 1).chunk(devices)]
    assert shared == (min(parts) > 1)
    assert step.on_enough_devices(several.module, images) is several.module


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
