"""What attacks cost, beside torchattacks, foolbox, ART and adv-lib, in one process.

    .venv/bin/python benchmarks/attack.py [--part step|surface] [--device cuda] [--width 1] ...

step:    milliseconds per image and step of one attack at one epsilon, full-width InceptionV3. Whole
         calls are timed and divided by the steps. That of pgdose also evaluates the last iterates
         and those rounded to 8 bits; it has the logits of the clean images from a study's training.
         The floor is forward and backward by the input alone, of the folded network in
         channels_last as torch's own layers and autograd compute it.
surface: seconds for 10 epsilons x 20 iterations. pgdose gives every point from one call. The peers
         give the last iterate of each epsilon and nothing else, or every point, each iteration
         count being a run of its own. The latter is left to the fastest of them and shared out
         over the rounds, so that each run is made once: a round's seconds are scaled from the
         steps that it makes to all.

All attack the same images with the same settings: PGD in L-infinity, sign step, cross-entropy,
clean start. pgdose folds the network once for all attacks. The peers have it as a user has it: in
evaluation mode, not folded, its weights not frozen; "as called" it and the images are contiguous,
then both are in channels_last. After one step each to warm up, every peer goes once; then those
that were not far slower than the fastest take turns with pgdose, and figures are medians.

Images are smooth random fields with texture, and what the network predicts is taken for the true
class. Time does not hang on the weights, but what can be shared does: for the surface the network
has first learned to tell much texture from little. "flips" are the images that are turned over at
the largest epsilon, to see that all do the same. On two quiet cores it takes about a quarter of an
hour; on CUDA --width 1 and more --images are the better question.
"""

import argparse
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from attack_peers import PEERS, Call, installed
from shared import fit_batch_norm, synchronised
from torch import Tensor, nn

from pgdose import devices
from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.surface import surface
from pgdose.networks import architectures, classifier, folding
from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import Doses

EPSILONS = [round(0.02 * k, 2) for k in range(1, 11)]
ITERATIONS, ALPHA = 20, 0.01
SETTINGS = GradientAttack(
    gradient_of="cross_entropy", step="sign", alpha=ALPHA, epsilon=EPSILONS, max_iter=ITERATIONS
)
LAYOUTS = {"as called": torch.contiguous_format, "channels_last": torch.channels_last}
FAR_SLOWER = 1.25  # times the fastest peer: one round is enough
WANTED_TIMES = {"as called": 1.4, "channels_last": 1.1}  # of a step
WANTED_STEPS, WANTED_POINTS, WANTED_LAST = 110, 20, 2.4  # of the surface
IMAGES = {("cpu", "step"): 8, ("cpu", "surface"): 8, ("cuda", "step"): 64, ("cuda", "surface"): 64}

Key = tuple[str, str]  # a way's name and layout
Way = Callable[[], object]


@dataclass
class Task:
    """The same images and network for everybody."""

    images: Tensor  # n x 3 x size x size, in [0, 1]
    classes: Tensor
    clean: Tensor  # their logits, which a study has from training
    plain: nn.Module  # what a user has
    folded: nn.Module  # what pgdose makes of it
    floor: nn.Module  # the same with torch's own layers


def fields(n: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """n x 3 x size x size in [0, 1], and the class: every other image has more fine texture."""
    source = torch.Generator().manual_seed(seed)
    classes = torch.arange(n) % 2
    total = torch.zeros(n, 3, size, size)
    own = torch.ones(n)
    for cells, share in ((4, 0.6 * own), (16, 0.25 * own), (size // 4, 0.1 + 0.4 * classes)):
        drawn = torch.randn(n, 3, cells, cells, generator=source)
        grown = nn.functional.interpolate(drawn, size, mode="bicubic")
        total += share[:, None, None, None] * grown
    return (0.5 + 0.2 * total).clamp(0, 1), classes


def learned(width: float, size: int, epochs: int) -> classifier.Classifier:
    """InceptionV3 in evaluation mode; its batch norm fits the images, however little it learned."""
    torch.manual_seed(0)
    network = architectures.build("inception_v3", 2, 75, width).train()
    images, classes = fields(64 if epochs else 8, size, seed=0)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(epochs):
        for some in torch.randperm(len(images)).split(16):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[some]), classes[some]).backward()
            optimizer.step()
    return fit_batch_norm(network, images)


def task(
    n: int, size: int, width: float, epochs: int, device: torch.device, precision: str
) -> Task:
    network = learned(width, size, epochs).to(device)
    images = fields(n, size, seed=1)[0].to(device)
    frozen = folding.fold(network)
    torch_layers = copy.deepcopy(frozen)
    torch_layers.body = torch_layers.body.plain
    folded, _ = devices.with_precision(frozen, precision, device)
    floor, _ = devices.with_precision(torch_layers, precision, device)
    plain, _ = devices.with_precision(network, precision, device)
    with torch.no_grad():
        clean = folded(images)
    classes = clean.argmax(dim=1)
    return Task(images, classes, clean, plain, folded, floor)


# --- the ways, each a whole call ------------------------------------------------------------------


def pgdose(given: Task, epsilons: Sequence[float], steps: int) -> tuple[float, float]:
    """Gradient steps of an image, and the share of flips at the largest epsilon's end."""
    samples = Samples(given.images, given.classes, torch.arange(len(given.images)), given.clean)
    execution = Execution(batch=devices.MOST_AT_ONCE[given.images.device.type])
    doses = Doses(tuple(epsilons), steps)
    measured = surface(given.folded, samples, make(SETTINGS), doses, execution)
    flips = measured.logits[:, -1, -1].argmax(dim=1) != given.classes.cpu()
    return measured.steps / len(given.images), float(flips.float().mean())


def floor(given: Task, steps: int) -> None:
    images = given.images.contiguous(memory_format=torch.channels_last)
    for _ in range(steps):
        own = images.detach().requires_grad_()
        torch.autograd.grad(given.floor(own).sum(), own)


def peers(given: Task, names: Sequence[str]) -> dict[Key, Call]:
    calls = {}
    for layout, memory in LAYOUTS.items():
        images = given.images.contiguous(memory_format=memory)
        for name in names:
            network = copy.deepcopy(given.plain).to(memory_format=memory)
            calls[name, layout] = PEERS[name][1](network, images, given.classes, ALPHA)
    return calls


class EveryPoint:
    """All points by runs of their own: each call makes some of them, all calls together all."""

    def __init__(self, call: Call, calls: int) -> None:
        self.call, self.calls, self.next = call, min(calls, ITERATIONS), 0

    def __call__(self) -> float:
        """What the time is to be multiplied by to be that of all runs."""
        counts = range(1 + self.next % self.calls, ITERATIONS + 1, self.calls)
        self.next += 1
        for steps in counts:
            self.call(EPSILONS, steps)
        return sum(range(1, ITERATIONS + 1)) / sum(counts)


def flips(given: Task, images: Tensor) -> float:
    with torch.no_grad():
        judged = given.folded(images.to(given.images)).argmax(dim=1)
    return float((judged != given.classes).float().mean())


# --- taking turns ---------------------------------------------------------------------------------


def seconds(way: Way, device: torch.device) -> float:
    """What it takes, or would take if it says by how much its work is to be multiplied."""
    start = synchronised(device)
    factor = way()
    taken = synchronised(device) - start
    return taken * factor if isinstance(factor, float) else taken


def in_turn(ways: Mapping[Key, Way], rounds: int, device: torch.device) -> dict[Key, float]:
    """The median seconds of each way. Each round another one begins."""
    taken: dict[Key, list[float]] = {key: [] for key in ways}
    for round_ in range(rounds):
        first = round_ % len(taken)
        for key in [*list(taken)[first:], *list(taken)[:first]]:
            taken[key].append(seconds(ways[key], device))
    return {key: median(times) for key, times in taken.items()}


def fastest(taken: Mapping[Key, float], layout: str, names: Sequence[str]) -> str:
    return min(names, key=lambda name: taken[name, layout])


def near(once: Mapping[Key, float], names: Sequence[str]) -> list[Key]:
    """The peers that are not far slower than the fastest one in the same layout."""
    found = []
    for layout in LAYOUTS if names else ():
        best = once[fastest(once, layout, names), layout]
        found += [(n, layout) for n in names if once[n, layout] <= FAR_SLOWER * best]
    return found


# --- what is printed ------------------------------------------------------------------------------


def row(name: str, figures: Mapping[str, tuple[float, bool]], share: float | None = None) -> None:
    """A line of the table; a figure of one round gets a star."""
    line = f"{name:42}"
    for layout in LAYOUTS:
        value, once = figures.get(layout, (None, False))
        line += f"{'' if value is None else f'{value:.3g}' + '*' * once:>16}"
    print(line + ("" if share is None else f"{share:8.2f}"), flush=True)


def verdict(what: str, figure: float, wanted: float | None = None, most: bool = False) -> None:
    line = f"   {what:66}{figure:8.2f}"
    if wanted is not None:
        reached = figure <= wanted if most else figure >= wanted
        line += f"   wanted {wanted:g}: {'reached' if reached else 'NOT REACHED'}"
    print(line, flush=True)


def heading(unit: str, flips: bool) -> None:
    print(f"{unit:42}{''.join(f'{layout:>16}' for layout in LAYOUTS)}{'flips' if flips else '':>8}")


# --- the parts ------------------------------------------------------------------------------------


def step(given: Task, steps: int, rounds: int, names: Sequence[str]) -> None:
    n, size = len(given.images), given.images.shape[-1]
    device, epsilons = given.images.device, [ALPHA * steps]
    print(f"\nwidth 1, {size} px, {n} images, {steps} steps, {rounds} rounds; * one round")
    calls = peers(given, names)
    ours: dict[Key, Way] = {
        ("pgdose", ""): partial(pgdose, given, epsilons, steps),
        ("floor", ""): partial(floor, given, steps),
    }
    theirs: dict[Key, Way] = {key: partial(call, epsilons, steps) for key, call in calls.items()}
    made, _ = pgdose(given, epsilons, steps)  # iterates that repeat end it sooner
    floor(given, 1)
    for call in calls.values():
        call(epsilons, 1)
    once = {key: seconds(way, device) for key, way in theirs.items()}
    kept = near(once, names)
    taken = once | in_turn(ours | {key: theirs[key] for key in kept}, rounds, device)
    each = {key: 1e3 * value / n / steps for key, value in taken.items()}
    each["pgdose", ""] *= steps / made
    heading("ms per image and step", flips=False)
    for name, _ in ours:
        row(name, {"channels_last": (each[name, ""], False)})
    for name in names:
        row(name, {at: (each[name, at], (name, at) not in kept) for at in LAYOUTS})
    verdict("pgdose, times as fast as the floor", each["floor", ""] / each["pgdose", ""])
    for layout in LAYOUTS if names else ():
        best = fastest(each, layout, names)
        verdict(
            f"pgdose, times as fast as {best} {layout}",
            each[best, layout] / each["pgdose", ""],
            WANTED_TIMES[layout],
        )


def whole(given: Task, width: float, rounds: int, names: Sequence[str]) -> None:
    n, size, device = len(given.images), given.images.shape[-1], given.images.device
    print(
        f"\nsurface of {len(EPSILONS)} epsilons x {ITERATIONS} iterations: width {width:g}, "
        f"{size} px, {n} images, {rounds} rounds; * one round"
    )
    calls = peers(given, names)
    last: dict[Key, Way] = {key: partial(call, EPSILONS, ITERATIONS) for key, call in calls.items()}
    steps, own = pgdose(given, EPSILONS, ITERATIONS)
    for call in calls.values():
        call(EPSILONS, 1)
    once = {key: seconds(way, device) for key, way in last.items()}
    kept = near(once, names)
    best = {layout: fastest(once, layout, names) for layout in LAYOUTS} if names else {}
    points: dict[Key, Way] = {
        (f"{name}, every point", layout): EveryPoint(calls[name, layout], rounds)
        for layout, name in best.items()
    }
    ours: dict[Key, Way] = {("pgdose", ""): partial(pgdose, given, EPSILONS, ITERATIONS)}
    taken = once | in_turn(ours | points | {key: last[key] for key in kept}, rounds, device)
    each = {key: value / n for key, value in taken.items()}
    turned = {
        name: flips(given, calls[name, "as called"](EPSILONS[-1:], ITERATIONS)[0]) for name in names
    }
    heading("seconds per image", flips=True)
    row("pgdose, every point", {"channels_last": (each["pgdose", ""], False)}, own)
    for name in names:
        row(
            f"{name}, last iterates",
            {at: (each[name, at], (name, at) not in kept) for at in LAYOUTS},
            turned[name],
        )
    for name in dict.fromkeys(name for name, _ in points):
        row(name, {at: (each[name, at], False) for at in LAYOUTS if (name, at) in points})
    verdict("pgdose, gradient steps per image", steps, WANTED_STEPS, most=True)
    for layout, name in best.items():
        as_called = layout == "as called"
        verdict(
            f"pgdose, times as fast as {name} {layout}, every point",
            each[f"{name}, every point", layout] / each["pgdose", ""],
            WANTED_POINTS if as_called else None,
        )
        name = fastest(each, layout, names)
        verdict(
            f"pgdose, times as fast as {name} {layout}, last iterates",
            each[name, layout] / each["pgdose", ""],
            WANTED_LAST if as_called else None,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("step", "surface"), help="this one only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--keep-memory", action="store_true", help="as jobs of a study do: all ways gain by it"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32")
    parser.add_argument("--images", type=int, help="default: 8, CUDA 64")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256], help="step: pixels")
    parser.add_argument("--steps", type=int, default=ITERATIONS, help="step: steps")
    parser.add_argument("--width", type=float, default=0.25, help="surface: share of the channels")
    parser.add_argument("--size", type=int, default=96, help="surface: pixels")
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    if wanted.keep_memory:
        devices.keep_freed_memory()
    device = torch.device(wanted.device)
    cuda = device.type == "cuda"
    precision = wanted.precision if cuda else "fp32"
    place = torch.cuda.get_device_name(device) if cuda else f"CPU, {wanted.threads} threads"
    print(f"torch {torch.__version__}, {place}, {precision}")
    names = [name for name in installed() if name in wanted.peers]
    if wanted.part != "surface":
        for size in wanted.sizes:
            n = wanted.images or IMAGES[device.type, "step"] // (1 if size < 256 else 2)
            step(task(n, size, 1.0, 0, device, precision), wanted.steps, wanted.rounds, names)
    if wanted.part != "step":
        several = wanted.images or IMAGES[device.type, "surface"]
        given = task(several, wanted.size, wanted.width, 10, device, precision)
        whole(given, wanted.width, wanted.rounds, names)


if __name__ == "__main__":
    main()
