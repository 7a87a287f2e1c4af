"""Whether an attack can be believed: checks of its surface, each with a figure and a verdict.

CHEAP ones look at the surface and a few images, and always run. DEAR ones attack some images again,
in another way. A check says why it cannot be done where it does not apply. None of them proves an
attack good: success rates are lower bounds, and what fails here tells how they could be too low.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from pgdose.attack import external
from pgdose.attack.engine import surface
from pgdose.attack.steps import OBJECTIVES, aims, make

PROBED = 8  # images that the cheap checks show to the network
# Of the largest logit, by precision. Training on CUDA judges its images in tf32 at any rate.
AGREE = {"fp32": 1e-2, "tf32": 1e-2, "bf16": 1e-1}
# A sound network has zeros too: InceptionV3 does not see a rim of up to 5 pixels (12 % of 82 x 82),
# and where all units that see a pixel are at rest it counts for nothing. Measured: 6 to 19 %, of
# networks that hardly learned up to 40 %.
TOO_MANY_ZEROS = 0.5
MOST_FALL = 0.1  # of the whole rise of the mean loss, that it may lose again on its way
LAST, MOST_LATE = 0.2, 0.1  # the last fifth: a steady descent has a fifth of its way before it
MOST_VIOLATIONS = 0.05
MOST_SILENT = 0.05
CONFIDENCES = torch.tensor([0.0, *(0.5 + 0.05 * i for i in range(10))], dtype=torch.float64)


@dataclass(frozen=True)
class Evidence:
    """A surface of m attacked images, E epsilons and C classes, and k of its images.

    network:       in evaluation mode, its weights frozen; images in [0, 1] -> logits
    settings:      the attack's entry of the study; `target` a class's index, least_likely or None
    epsilons:      rising; epsilon is the one of them at which one epsilon must do
    classes:       m, int64, the true classes
    logits:        m x E x (max_iter + 1) x C, float; NaN at iterations that were not asked for
    change:        m x E; zero_gradient and bad_gradient: m; all as in `Surface`
    clean:         m x C, the logits of the same images as they were stored after training
    rows:          k, int64, which of the m the images are
    images:        k x channels x rows x columns, float in [0, 1], on the network's device
    keys:          k, int64, identities of these images
    dear:          the dear checks take the first so many of the k
    queries:       of Square, an image
    batch:         images at a time
    """

    network: nn.Module
    settings: dict[str, Any]
    epsilons: list[float]
    epsilon: float
    classes: Tensor
    logits: Tensor
    change: Tensor
    zero_gradient: Tensor
    bad_gradient: Tensor
    clean: Tensor
    rows: Tensor
    images: Tensor
    keys: Tensor
    dear: int
    queries: int
    batch: int = 32

    @property
    def kind(self) -> str:
        return str(self.settings["kind"])

    @property
    def clip(self) -> str:
        return str(self.settings.get("clip", "iterate"))

    @property
    def max_iter(self) -> int:
        return self.logits.shape[2] - 1

    @property
    def level(self) -> int:
        """The place of `epsilon` among the epsilons."""
        return self.epsilons.index(self.epsilon)

    @cached_property
    def wrong(self) -> Tensor:
        """m x E x (max_iter + 1), bool: not seen as its class; false where there are no logits."""
        return torch.stack([self._wrong(level) for level in self.logits.unbind(1)], dim=1)

    def _wrong(self, logits: Tensor) -> Tensor:
        other = logits.argmax(dim=2) != self.classes[:, None]
        return other & logits.isfinite().all(dim=2)

    @property
    def flipped(self) -> Tensor:
        """Bool, of the images of the dear checks: the attack's success at `epsilon`."""
        return self.wrong[self.rows[: self.dear], self.level, -1]

    @property
    def at(self) -> str:
        return f"at epsilon = {self.epsilon:g}"


class Finding(NamedTuple):
    """What a check found: its figure, whether that is well, one sentence, and more for a reader."""

    figure: float
    passed: bool
    says: str
    details: dict[str, Any] | None = None


class NotDone(Exception):  # noqa: N818 - nothing is wrong
    """Why a check does not apply to an attack."""


Check = Callable[[Evidence], Finding]


def diagnose(evidence: Evidence) -> list[dict[str, Any]]:
    """All checks: name, figure (None where there is none), verdict, says, and details of some.

    The verdict is passed, failed or not done. Values are plain and finite, ready for JSON.
    """
    found = [_judge(name, check, evidence, False) for name, check in CHEAP.items()]
    return found + [_judge(name, check, evidence, True) for name, check in DEAR.items()]


def _judge(name: str, check: Check, evidence: Evidence, dear: bool) -> dict[str, Any]:
    try:
        if not len(evidence.classes):
            raise NotDone("No image was attacked.")
        if dear and evidence.dear < 1:
            raise NotDone("The study leaves out the checks that attack again (checks: images).")
        figure, passed, says, details = check(evidence)
    except NotDone as why:
        return {"name": name, "figure": None, "verdict": "not done", "says": str(why)}
    told = {
        "name": name,
        "figure": figure if math.isfinite(figure) else None,
        "verdict": "passed" if passed else "failed",
        "says": says,
    }
    return told | ({"details": details} if details else {})


# --- the network and its inputs -------------------------------------------------------------------


@torch.no_grad()
def repeatable(e: Evidence) -> Finding:
    """Evaluation mode: the same images give the same logits. Dropout and its like do not."""
    images = e.images[:PROBED]
    once, again = (e.network(images).double() for _ in range(2))
    apart = float((once - again).abs().max())
    training = sum(layer.training for layer in e.network.modules())
    says = f"The same images twice: logits differ by at most {apart:.2g}"
    says += f"; {training} layers are in training mode." if training else "."
    return Finding(apart, apart <= 1e-5 * _size(once) and not training, says)


@torch.no_grad()
def logits(e: Evidence) -> Finding:
    """Outputs are logits: not all at least 0 with the sum 1, as those of a softmax are."""
    outputs = torch.cat([e.logits[:, 0, 0].double(), e.network(e.images[:PROBED]).cpu().double()])
    alike = (outputs >= 0).all(dim=1) & ((outputs.sum(dim=1) - 1).abs() < 1e-3)
    share = float(alike.double().mean())
    says = f"Outputs that could be probabilities: {share:.1%} of the images."
    return Finding(share, share < 0.5, says)


def inputs(e: Evidence) -> Finding:
    """Images lie in [0, 1], the unit of epsilon, and are not all of one value."""
    low, high = float(e.images.min()), float(e.images.max())
    outside = max(0 - low, high - 1, 0.0)
    says = f"The images looked at hold values from {low:.3g} to {high:.3g}."
    return Finding(outside, outside == 0 and low < high, says)


def clean_prediction(e: Evidence) -> Finding:
    """Iteration 0 is the clean image: its logits are those after training, but for rounding."""
    first = e.logits[:, 0, 0].double()
    apart = float((first - e.clean.double()).abs().max())
    other = int((first.argmax(dim=1) != e.clean.argmax(dim=1)).sum())
    allowed = AGREE[e.settings.get("precision", "fp32")] * _size(e.clean)
    says = (
        f"The logits of iteration 0 and those after training differ by at most {apart:.2g} "
        f"(allowed: {allowed:.2g}), the classes for {other} of {len(first)} images."
    )
    return Finding(apart, apart <= allowed, says)


def _size(values: Tensor) -> float:
    return max(1.0, float(values.abs().max()))


# --- the surface ----------------------------------------------------------------------------------


def box(e: Evidence) -> Finding:
    """No change is larger than its epsilon, but for rounding."""
    if e.clip == "gradient":
        raise NotDone("clip: gradient bounds the gradient; only the intensity range bounds images.")
    allowed = torch.tensor(e.epsilons, dtype=torch.float64) * (1 + 1e-5) + 1e-6
    share = float((e.change.double() / allowed).max())
    says = f"The largest change is {share:.3f} of its epsilon"
    says += "; the library's epsilon may be of another norm." if e.kind == "external" else "."
    return Finding(share, share <= 1, says)


def gradients(e: Evidence) -> Finding:
    """Entries of the first gradient that are 0 or not finite, by the clean confidence."""
    if not e.zero_gradient.isfinite().any():
        raise NotDone("The attack asks for no gradient, or does not show it.")
    confidence = e.logits[:, 0, 0].double().softmax(dim=1).amax(dim=1)
    place = torch.bucketize(confidence + 1e-6, CONFIDENCES, right=True) - 1
    bins = []
    for b, low in enumerate(CONFIDENCES.tolist()):
        zero, bad = (share[place == b].double() for share in (e.zero_gradient, e.bad_gradient))
        if len(zero):
            told = {"confidence_from": round(low, 2), "images": len(zero)}
            bins.append(told | {"zero": float(zero.mean()), "not_finite": float(bad.mean())})
    most = max(bins, key=lambda told: told["zero"])
    bad_share = float(e.bad_gradient.double().mean())
    says = (
        f"In the worst bin of confidence (from {most['confidence_from']:g}, images: "
        f"{most['images']}) {most['zero']:.1%} of the gradient's entries are exactly 0; over all "
        f"bins {bad_share:.1%} are not finite."
    )
    passed = most["zero"] < TOO_MANY_ZEROS and bad_share == 0
    return Finding(most["zero"], passed, says, {"bins": bins})


def loss_rises(e: Evidence) -> Finding:
    """The mean of what the attack raises ends higher, and hardly falls on its way."""
    mean = _mean_loss(e)
    rise = float(mean[-1] - mean[0])
    fall = float((mean.cummax(dim=0).values - mean).max())
    passed = rise > 1e-9 * _size(mean) and fall <= MOST_FALL * rise
    says = (
        f"{e.at.capitalize()} the mean loss goes from {mean[0]:.3g} to {mean[-1]:.3g} and falls "
        f"by at most {fall:.2g} on its way (allowed: {MOST_FALL:.0%} of the rise)."
    )
    return Finding(rise, passed, says, {"mean_loss": mean.tolist()})


def loss_levels_off(e: Evidence) -> Finding:
    """The mean probability of the true class has done its falling before the last iterations.

    Not the loss itself: cross-entropy and margin go on and on where the image has long flipped.
    """
    _follows_a_loss(e)
    own = e.logits[:, e.level].double().softmax(dim=2)
    mean = own.gather(2, e.classes[:, None, None].expand(-1, own.shape[1], 1)).mean(dim=(0, 2))
    late = max(round(LAST * e.max_iter), 1)
    if e.max_iter < 5 or not mean.isfinite().all():
        raise NotDone("Fewer than 5 iterations, or not all of them, were computed.")
    if mean[0] - mean[-1] < 1e-3:
        raise NotDone("The mean probability of the true class does not fall by as much as 0.001.")
    share = float((mean[-1 - late] - mean[-1]) / (mean[0] - mean[-1]))
    says = (
        f"{e.at.capitalize()} the mean probability of the true class falls from {mean[0]:.3f} to "
        f"{mean[-1]:.3f}, {share:.1%} of it in the last {late} of {e.max_iter} iterations "
        f"(allowed: {MOST_LATE:.0%})."
    )
    return Finding(share, share <= MOST_LATE, says, {"mean_probability": mean.tolist()})


def _follows_a_loss(e: Evidence) -> None:
    if e.kind == "noise":
        raise NotDone("Noise is drawn anew at each iteration and follows no loss.")


def _mean_loss(e: Evidence) -> Tensor:
    """Float64, over the iterations that were computed: what the attack raises, at `epsilon`."""
    _follows_a_loss(e)
    own = e.logits[:, e.level].double()
    own = own[:, own.isfinite().all(dim=2).all(dim=0)]
    objective, towards, sign = OBJECTIVES["cross_entropy"], e.classes, -1.0
    if e.kind == "gradient":
        attack = make(e.settings)
        assert attack.objective is not None
        objective, towards = attack.objective, aims(attack, own[:, 0], e.classes)
        sign = -1.0 if attack.target is None else 1.0
    iterations = own.shape[1]
    value = objective(own.flatten(0, 1), towards.repeat_interleave(iterations))
    return sign * value.view(-1, iterations).mean(dim=0) + 0.0  # no -0


def monotone(e: Evidence) -> Finding:
    """Who is flipped at one epsilon is flipped at the next larger one."""
    if len(e.epsilons) == 1:
        raise NotDone("There is one epsilon only.")
    if e.kind == "noise":
        raise NotDone("Noise does not look for success, and more of it may lose it again.")
    flips = e.wrong[:, :, -1]
    lost = (flips[:, :-1] & ~flips[:, 1:]).double()
    share = float(lost.mean())
    says = (
        f"In {share:.1%} of the pairs of neighbouring epsilons an image is flipped at the smaller "
        f"and not at the larger one (allowed: {MOST_VIOLATIONS:.0%})."
    )
    return Finding(share, share <= MOST_VIOLATIONS, says, {"by_epsilon": lost.mean(0).tolist()})


def silent_success(e: Evidence) -> Finding:
    """Wrong on the way and right at the end: the last iterate hides a success."""
    if e.kind == "noise":
        raise NotDone("Each iteration of noise is a draw of its own.")
    silent = e.wrong.any(dim=2) & ~e.wrong[:, :, -1]
    share = float(silent.double().mean())
    says = (
        f"{share:.1%} of the attacks have the image wrong on the way and right at the end "
        f"(allowed: {MOST_SILENT:.0%})."
    )
    by_epsilon = silent.double().mean(0).tolist()
    return Finding(share, share <= MOST_SILENT, says, {"by_epsilon": by_epsilon})


# --- other attacks on the same images -------------------------------------------------------------


def noise(e: Evidence) -> Finding:
    """The attack flips at least as many as uniform noise of the same size."""
    _gradient_only(e)
    if e.clip == "gradient":
        raise NotDone("clip: gradient does not bound the change, so no noise is of its size.")
    amplitude = e.epsilon
    if e.clip == "l2":  # uniform noise of amplitude a has the mean square a**2 / 3
        amplitude = min(e.epsilon * math.sqrt(3 / e.images[0].numel()), 1.0)
    own, other = e.flipped, _flips(e, {"kind": "noise"}, amplitude, 1)
    return _against(e, own, other, "noise of this size", int(own.sum()) >= int(other.sum()))


def square(e: Evidence) -> Finding:
    """Whom Square flips, a black-box attack (Andriushchenko et al. 2020), the attack flips too."""
    _gradient_only(e)
    if e.clip != "iterate":
        raise NotDone(f"Square is run in a box of half-width epsilon; clip: {e.clip} has another.")
    if not external.available("torchattacks"):
        raise NotDone("The library with Square is not installed (extra: peers).")
    images, classes = e.images[: e.dear], e.classes[e.rows[: e.dear]]
    true, parts = classes.to(images.device), []
    for some in torch.arange(len(images)).split(e.batch):
        own = (images[some], true[some])
        found = external.square(e.network, *own, e.epsilon, e.queries, e.keys[some])
        with torch.no_grad():
            parts.append(e.network(found).argmax(dim=1) != own[1])
    other = torch.cat(parts).cpu()
    passed = not (other & ~e.flipped).any()
    return _against(e, e.flipped, other, f"Square with {e.queries} queries", passed)


def _against(e: Evidence, own: Tensor, other: Tensor, name: str, passed: bool) -> Finding:
    missed = float((other & ~own).double().mean())
    says = (
        f"{e.at.capitalize()} the attack flips {int(own.sum())} of {len(own)} images, {name} "
        f"{int(other.sum())}; {int((other & ~own).sum())} of them the attack does not."
    )
    return Finding(missed, passed, says)


def large_epsilon(e: Evidence) -> Finding:
    """With the whole intensity range to go, at most chance is left of the accuracy.

    Steps are as much longer. Boxes are nested, so a success in a smaller one counts: far from all
    images a network may see one class everywhere, and it may be the right one.
    """
    _gradient_only(e)
    entries, step = e.images[0].numel(), e.settings.get("step")
    reach = {
        "sign": 1.0,
        "l2": math.sqrt(entries),
    }  # that lead from one end of the range to the other
    larger = {"alpha": 2.5 * reach[step] / e.max_iter} if step in reach else {}
    epsilon = math.sqrt(entries) if e.clip == "l2" else 1.0
    flips = _flips(e, larger, epsilon, e.max_iter)
    flips = flips | e.wrong[e.rows[: e.dear], :, -1].any(dim=1)
    left, chance = float((~flips).double().mean()), 1 / e.logits.shape[3]
    says = (
        f"At epsilon = {epsilon:.3g} {left:.1%} of {len(flips)} images stay right "
        f"(chance: {chance:.1%})."
    )
    return Finding(left, left <= chance, says)


def more_iterations(e: Evidence) -> Finding:
    """Twice the iterations change the rate by less than its interval."""
    _gradient_only(e)
    return _less_than_interval(
        *(e, "Twice the iterations", _flips(e, {}, e.epsilon, 2 * e.max_iter))
    )


def second_restart(e: Evidence) -> Finding:
    """Another start, at random, adds less to the rate than its interval."""
    _gradient_only(e)
    if e.clip == "gradient":
        raise NotDone("clip: gradient has no box to draw a start from.")
    again = {"start": "random", "restarts": 1}
    other = _flips(e, again, e.epsilon, e.max_iter, keys=e.keys ^ 1)
    return _less_than_interval(e, "Another start at random", e.flipped | other)


def _less_than_interval(e: Evidence, name: str, other: Tensor) -> Finding:
    n, hits = len(other), int(e.flipped.sum())
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    change, half = (int(other.sum()) - hits) / n, (interval.high - interval.low) / 2
    says = (
        f"{name}: {e.at} {int(other.sum())} of {n} images flip instead of {hits}, a change of "
        f"{change:+.3f} (half the interval: {half:.3f})."
    )
    return Finding(change, abs(change) < half, says)


def _gradient_only(e: Evidence) -> None:
    if e.kind == "noise":
        raise NotDone("Noise is the control that attacks are held against.")
    if e.kind != "gradient":
        raise NotDone("The attack is another library's; its epsilon may be of any norm.")


def _flips(
    e: Evidence,
    changes: dict[str, Any],
    epsilon: float,
    max_iter: int,
    keys: Tensor | None = None,
) -> Tensor:
    """Bool, of the images of the dear checks: the success of the attack with other settings."""
    images, classes = e.images[: e.dear], e.classes[e.rows[: e.dear]]
    found = surface(
        e.network,
        images,
        classes.to(images.device),
        make(e.settings | changes),
        epsilons=[epsilon],
        max_iter=max_iter,
        keys=(e.keys if keys is None else keys)[: e.dear],
        batch=e.batch,
    )
    flips = ~found.attacked  # at the boundary another batch may see a clean image as wrong
    flips[found.attacked] = found.logits[:, 0, -1].argmax(dim=1) != classes[found.attacked]
    return flips


CHEAP: dict[str, Check] = {
    "repeatable": repeatable,
    "outputs are logits": logits,
    "inputs in range": inputs,
    "clean prediction": clean_prediction,
    "box kept": box,
    "gradients": gradients,
    "loss rises": loss_rises,
    "loss levels off": loss_levels_off,
    "monotone in epsilon": monotone,
    "no silent success": silent_success,
}
DEAR: dict[str, Check] = {
    "stronger than noise": noise,
    "large epsilon reaches chance": large_epsilon,
    "enough iterations": more_iterations,
    "enough restarts": second_restart,
    "stronger than Square": square,
}
