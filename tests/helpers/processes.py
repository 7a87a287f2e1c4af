"""What several processes do in tests, and which processes there are."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from helpers.training import BATCH, Normed, NotANumber, Strange, TwoHeads, normed
from pgdose.cohort.images import Members
from pgdose.errors import UserError
from pgdose.networks import architectures
from pgdose.study.training import Training
from pgdose.training import loop, step
from pgdose.training.data import TrainingData
from pgdose.training.ranks import Rank
from pgdose.training.state import TrainingState
from pgdose.training.synchronised_batch_norm import SynchronisedBatchNorm

CPU = torch.device("cpu")


class Case(NamedTuple):
    """A training: of how many images, of what network, with which settings."""

    images: int = 21  # in batches of 8, 8 and 5, of which the processes get 4, 4, 2 and 4, 4, 3
    kind: type[Normed] = Normed
    arguments: tuple = ()
    settings: Mapping[str, Any] = MappingProxyType({})
    held_out: int = 0

    def plan(self, members: Callable[[int], Members], work: Path) -> loop.Plan:
        settings = Training(**{"epochs": 3, "batch": BATCH, "lr": 0.01, **self.settings})
        images = members(self.images)
        held_out = members(self.held_out) if self.held_out else None
        data = TrainingData(images, members(16), held_out)
        return loop.Plan(data, settings, loop.Resources([CPU], work), 7, "G/full")


class Smooth(Normed):
    """In float64 and without kinks, so that no rounding turns the sign of a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.body[2] = nn.Tanh()
        self.double()

    def forward(self, images: Tensor) -> Any:
        logits = super().forward(images.double())
        return (logits, logits[:, [1, 0]] ** 2) if self.training else logits


def attacked(method: str, **settings: Any) -> Case:
    adversarial = {"method": method, "epsilon": 0.05, "steps": 3, "warmup": 1}
    return Case(kind=Smooth, settings={"adversarial": adversarial, **settings})


VARIED = {"augment": {"rotation": 20.0, "flip": True, "noise": 0.05}, "label_smoothing": 0.1}
CASES = {
    "plain": Case(settings={"epochs": 4}),
    "one left over": Case(images=17),
    "two left over": Case(images=18),
    "three images in all": Case(images=3),
    "in parts": Case(settings={"batch": 20}),  # of four images each, see `train_cases`
    "varied": Case(settings=VARIED),
    "varied in parts": Case(settings={**VARIED, "batch": 20}),
    "two heads": Case(kind=TwoHeads, settings={"auxiliary": 0.4}),
    "unused": Case(kind=Strange, settings={"optimizer": "adamw", "weight_decay": 0.1}),
    "best": Case(held_out=12, settings={"keep": "best", "epochs": 4}),
    "patience": Case(held_out=2, settings={"patience": 1, "epochs": 8}),
    "pgd in parts": attacked("pgd", batch=20, **VARIED),
    "trades": attacked("trades"),
    "free": attacked("free", epochs=4),
    "free in parts": attacked("free", batch=20, epochs=4),
    "pgd, best": attacked("pgd", keep="best")._replace(held_out=12),
}
BAD = {
    "loss": Case(kind=NotANumber, arguments=(True,)),
    "held-out loss": Case(kind=NotANumber, arguments=(False,), held_out=12),
}


class Outcome(NamedTuple):
    rows: list[dict[str, Any]]
    weights: dict[str, Tensor]
    best: dict[str, Tensor]


def carried_out(case: Case, plan: loop.Plan, rank: Rank) -> Outcome:
    state = loop.last_state(normed(case.kind, *case.arguments), plan, CPU, rank)
    if case.settings.get("batch") == 20:
        state.images_at_once = 4
    return Outcome(list(loop.epochs(state, plan)), state.network.state_dict(), state.best)


def train_cases(plans: dict[str, loop.Plan], rank: Rank, device: torch.device) -> Iterator[Any]:
    """Train all CASES; then what the BAD ones say."""
    for name, case in CASES.items():
        yield carried_out(case, plans[name], rank)
    for name, case in BAD.items():
        try:
            yield carried_out(case, plans[name], rank)
        except UserError as error:
            yield str(error)
    yield gradients_of_inception(rank)
    yield from batch_norms(rank, device)
    yield listening()


class Double(nn.Module):
    """A network in float64: what differs is no rounding."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, images: Tensor) -> Any:
        return self.network(images.double())


def gradients_of_inception(rank: Rank) -> dict[str, Tensor]:
    """Gradients and statistics after a batch of 5 images in parts of 3 and 2."""
    settings = Training(width=0.0625, dropout=0.0, batch=5, label_smoothing=0.1)
    network = Double(architectures.initial_network(settings, 2, 75, seed=1, name="G/full"))
    state = TrainingState(network, settings, 1, CPU, rank)
    state.images_at_once = 3
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 1, 75, 75), np.uint8))
    mine = torch.from_numpy(step.own_rows(np.arange(5), 3, rank))
    batch = step.Batch(images[mine], torch.arange(5)[mine] % 2, 5)
    scores = step.gradients(state, state.model.train(), batch)
    found = {name: weight.grad for name, weight in network.named_parameters()}
    assert all(gradient is not None for gradient in found.values())
    return found | dict(network.named_buffers()) | {"loss": rank.mean(scores.loss)}


class Normalisation(NamedTuple):
    """A batch norm to compare, its images, and how closely it must agree."""

    module: nn.Module
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    within: float = 1e-12
    layout: torch.memory_format = torch.contiguous_format


def normalisations() -> list[Normalisation]:
    from timm.layers import BatchNormAct2d

    last = torch.channels_last
    return [
        Normalisation(nn.BatchNorm2d(3), (7, 3, 5, 4)),
        Normalisation(nn.BatchNorm2d(3), (7, 3, 5, 4), layout=last),
        Normalisation(nn.BatchNorm2d(3), (7, 3, 5, 4), torch.float32, 1e-5, last),
        Normalisation(nn.BatchNorm2d(3), (7, 3, 5, 4), torch.bfloat16, 0.05),
        Normalisation(nn.BatchNorm2d(3), (2, 3, 1, 1), within=1e-9),  # one value in each process
        Normalisation(nn.BatchNorm2d(3, affine=False), (7, 3, 5, 4)),
        Normalisation(nn.BatchNorm2d(3, track_running_stats=False), (7, 3, 5, 4)),
        Normalisation(nn.BatchNorm2d(3, momentum=None), (7, 3, 5, 4)),
        Normalisation(nn.BatchNorm1d(3), (7, 3)),
        Normalisation(BatchNormAct2d(3), (7, 3, 5, 4)),
    ]


def passes(each: Normalisation, rank: Rank) -> dict[str, Tensor]:
    """Two training passes of a batch norm and a backward one; float64, of all processes."""
    torch.manual_seed(5)
    exact = each.dtype if each.dtype != torch.bfloat16 else torch.float32
    module = each.module.to(exact).train()
    mine = rank.share(each.shape[0])
    context = SynchronisedBatchNorm(rank) if rank.size > 1 else contextlib.nullcontext()
    for _ in range(2):
        images = 30 + torch.randn(each.shape).to(each.dtype)  # a mean far from zero
        gradient = torch.randn(each.shape).to(each.dtype)
        own = images[mine].to(memory_format=each.layout) if images.dim() == 4 else images[mine]
        own = own.clone().requires_grad_()
        with context:
            module.zero_grad()
            outputs = module(own)
            outputs.backward(gradient[mine])
    n = each.shape[0]
    assert own.grad is not None
    found = {
        "outputs": rank.gather(outputs.detach().double(), n, CPU),
        "to images": rank.gather(own.grad.double(), n, CPU),
    }
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        found[f"to {name}"] = rank.mean(parameter.grad) * rank.size
    return found | {name: tensor.double() for name, tensor in module.named_buffers()}


def batch_norms(rank: Rank, device: torch.device) -> Iterator[dict[str, Tensor]]:
    for each in normalisations():
        yield passes(each, rank)


def listening() -> list[str]:
    """The addresses, in hexadecimal digits, at which this process listens."""
    mine = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            mine.add(str(link.readlink()))
    places = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/self/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in mine:
                places.append(words[1].split(":")[0])
    return places


def wait_for_the_others() -> None:
    torch.distributed.all_reduce(torch.zeros(1))


class NotToBePickledError(Exception):
    def __init__(self) -> None:
        super().__init__("it holds a function")
        self.function = lambda: None


def files() -> set[str]:
    """The names of the files that this process has open."""
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            names.add(link.readlink().name)
    return names


def fail_in_the_second(rank: Rank, device: torch.device) -> Iterator[Any]:
    yield files(), torch.get_num_threads()
    wait_for_the_others()  # until the first one has sent it
    if rank.number == 1:
        raise KeyError("what was missing")
    wait_for_the_others()


def die_in_the_second(rank: Rank, device: torch.device) -> Iterator[int]:
    yield 1
    wait_for_the_others()
    if rank.number == 1:
        torch.distributed.destroy_process_group()  # the other one loses its connection first
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    wait_for_the_others()


def children(pid: int) -> list[int]:
    """The living child processes of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(path.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """After that kill what this process started, and fail, so that no test hangs."""
    late = False

    def end() -> None:
        nonlocal late
        late = True
        for pid in children(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        assert not late, "it hung, and was ended"
