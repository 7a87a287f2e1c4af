"""Cheap checks: of the network and its inputs on a few images, and of the surface."""

import math

import torch
from torch import Tensor

from pgdose.attack.diagnostics.inputs import (
    Check,
    CheckInputs,
    CheckResult,
    NotApplicable,
    scale,
)
from pgdose.attack.objectives import OBJECTIVES
from pgdose.attack.steps import target_class
from pgdose.networks.classifier import probability_offset
from pgdose.tables.reached_doses import reached_levels

PROBED = 8  # images that these checks show to the network
REPEATABLE = 1e-5  # of the largest logit: more than rounding in another order explains
# The largest difference that rounding explains, in parts of the largest logit, by precision.
# Training on CUDA evaluates its images in tf32 at any rate.
TOLERANCES = {"fp32": 1e-2, "tf32": 1e-2, "bf16": 1e-1}
# A sound network has zeros too: InceptionV3 does not see a rim of up to 5 pixels (12 % of 82 x 82),
# and a pixel has no gradient where all units that see it are at rest. Measured: 6 to 19 %, in
# networks that hardly learned up to 40 %.
TOO_MANY_ZEROS = 0.5
MOST_FALL = 0.1  # of the whole rise of the mean loss, that it may lose again on its way
LAST, MOST_LATE = 0.2, 0.1  # the last fifth: a steady descent has a fifth of its way before it
MOST_VIOLATIONS = 0.05
MOST_SILENT = 0.05
MOST_ALIKE, FEWEST = 0.9, 8  # predictions of one class, among so many images at least
CONFIDENCES = torch.tensor([0.0, *(0.5 + 0.05 * i for i in range(10))], dtype=torch.float64)


# --- the network and its inputs -------------------------------------------------------------------


@torch.no_grad()
def repeatable(e: CheckInputs) -> CheckResult:
    """The same images give the same logits twice, which active dropout prevents."""
    images = e.images[:PROBED]
    once, again = (e.network(images).double() for _ in range(2))
    apart = float((once - again).abs().max())
    training = sum(layer.training for layer in e.network.modules())
    allowed = REPEATABLE * scale(once)
    says = f"The same images twice: logits differ by at most {apart:.2g} (allowed: {allowed:.2g}"
    says += ", what sums in another order differ by)" if 0 < apart <= allowed else ")"
    says += f"; {training} layers are in training mode." if training else "."
    return CheckResult(apart, apart <= allowed and not training, says)


@torch.no_grad()
def logits(e: CheckInputs) -> CheckResult:
    """Outputs are logits and not probabilities, which are at least 0 and add up to 1."""
    outputs = torch.cat([e.logits[:, 0, 0].double(), e.network(e.images[:PROBED]).cpu().double()])
    alike = (outputs >= 0).all(dim=1) & ((outputs.sum(dim=1) - 1).abs() < 1e-3)
    share = float(alike.double().mean())
    says = f"Outputs that could be probabilities: {share:.1%} of the images."
    return CheckResult(share, share < 0.5, says)


def inputs(e: CheckInputs) -> CheckResult:
    """Images lie in [0, 1], the unit of epsilon, and are not all of one value."""
    low, high = float(e.images.min()), float(e.images.max())
    outside = max(0 - low, high - 1, 0.0)
    says = f"The images of the check hold values from {low:.3g} to {high:.3g}."
    return CheckResult(outside, outside == 0 and low < high, says)


@torch.no_grad()
def clean_prediction(e: CheckInputs) -> CheckResult:
    """Iteration 0 of all images, and the network as attacked on some, match the stored logits.

    Rounding may differ: the network is folded before an attack and may compute in less precision.
    """
    stored, rows = e.clean.double(), e.rows[:PROBED]
    attacked = [e.network(some).cpu().double() for some in e.images[:PROBED].split(e.batch)]
    pairs = [
        (e.logits[:, 0, 0].double(), stored),  # iteration 0 is the clean image
        (torch.cat(attacked), stored[rows]),
    ]
    difference = max(float((logits - expected).abs().max()) for logits, expected in pairs)
    other = max(int((a.argmax(dim=1) != b.argmax(dim=1)).sum()) for a, b in pairs)
    allowed = TOLERANCES[e.precision] * scale(stored)
    says = (
        f"The logits stored after training differ from iteration 0 of {len(stored)} images, and "
        f"from those of the network as attacked for {len(rows)}, by at most {difference:.2g} "
        f"(allowed: {allowed:.2g}), and the classes for {other} images."
    )
    return CheckResult(difference, difference <= allowed, says)


# --- the surface ----------------------------------------------------------------------------------


def box(e: CheckInputs) -> CheckResult:
    """No change is larger than its epsilon, but for rounding."""
    if not e.clip.bounds_change:
        raise NotApplicable(
            f"clip: {e.clip.name} bounds the gradient; only the intensity range bounds images."
        )
    allowed = torch.tensor(e.doses.epsilons, dtype=torch.float64) * (1 + 1e-5) + 1e-6
    share = float((e.change.double() / allowed).max())
    says = f"The largest change is {share:.3f} of its epsilon"
    says += "; the library's epsilon may be of another norm." if e.attack is None else "."
    return CheckResult(share, share <= 1, says)


def dose_reached(e: CheckInputs) -> CheckResult:
    """Some image is changed by as much as each epsilon; else its results are copies."""
    if e.attack is None:
        raise NotApplicable("The attack is another library's; its epsilon may be of any norm.")
    change, bounds = e.change.cpu().double(), e.clip.bounds_change
    reached = reached_levels(change.numpy(), e.doses.epsilons, bounds_change=bounds).tolist()
    largest = change.amax(dim=0).tolist()
    missed = [level for level, is_dose in enumerate(reached) if not is_dose]
    details = {"reached": reached, "largest_change": largest}
    if not missed:
        says = f"Each of the {len(reached)} epsilons is a dose."
    elif bounds:
        says = (
            f"{_epsilons(e, missed)} never reached, largest change "
            f"{max(largest[level] for level in missed):.3g}: the steps are too short, so its "
            "results are those of a smaller change."
        )
    else:
        says = (
            f"{_epsilons(e, missed)} no dose: every image is changed exactly as much "
            "as at the next smaller one, which cuts no gradient any more."
        )
    return CheckResult(len(missed) / len(reached), not missed, says, details)


def _epsilons(e: CheckInputs, levels: list[int]) -> str:
    """`Epsilon 0.06 is`, or `Epsilons 0.06, 0.08 are`."""
    listed = ", ".join(f"{e.doses.epsilons[level]:g}" for level in levels)
    return f"Epsilons {listed} are" if len(levels) > 1 else f"Epsilon {listed} is"


def gradients(e: CheckInputs) -> CheckResult:
    """Entries of the first gradient that are 0 or not finite, by the clean confidence."""
    if not e.zero_gradient.isfinite().any():
        raise NotApplicable("The attack needs no gradient, or does not show it.")
    clean = e.logits[:, 0, 0]
    decision = clean.argmax(dim=1, keepdim=True)
    confidence = e.probabilities(clean).gather(1, decision)[:, 0]
    place = torch.bucketize(confidence + 1e-6, CONFIDENCES, right=True) - 1
    bins = []
    for b, low in enumerate(CONFIDENCES.tolist()):
        zero, bad = (of[place == b].double() for of in (e.zero_gradient, e.bad_gradient))
        if len(zero):
            share = {"confidence_from": round(low, 2), "images": len(zero)}
            bins.append(share | {"zero": float(zero.mean()), "not_finite": float(bad.mean())})
    most = max(bins, key=lambda share: share["zero"])
    bad_share = float(e.bad_gradient.double().mean())
    says = (
        f"In the worst bin of confidence (from {most['confidence_from']:g}, images: "
        f"{most['images']}) {most['zero']:.1%} of the gradient's entries are exactly 0; over all "
        f"bins {bad_share:.1%} are not finite."
    )
    passed = most["zero"] < TOO_MANY_ZEROS and bad_share == 0
    return CheckResult(most["zero"], passed, says, {"bins": bins})


def loss_rises(e: CheckInputs) -> CheckResult:
    """The mean loss that the attack raises ends higher, and hardly falls on the way."""
    _follows_a_loss(e)
    levels = _not_all_flipped(e)
    means = {level: _mean_loss(e, level) for level in levels}

    def fall(level: int) -> float:
        """The largest fall in parts of the rise; infinite without a rise."""
        mean = means[level]
        rise = float(mean[-1] - mean[0])
        if rise <= 1e-9 * scale(mean):
            return math.inf
        return float((mean.cummax(dim=0).values - mean).max()) / rise

    worst = max(levels, key=fall)
    mean = means[worst]
    rise = float(mean[-1] - mean[0])
    passed = fall(worst) <= MOST_FALL
    says = (
        f"At worst, at epsilon = {e.doses.epsilons[worst]:g}, the mean loss goes from "
        f"{mean[0]:.3g} to {mean[-1]:.3g} and falls by at most "
        f"{(mean.cummax(dim=0).values - mean).max():.2g} on its way (allowed: {MOST_FALL:.0%} of "
        f"the rise){_skipped(e, levels)}."
    )
    return CheckResult(rise, passed, says, {"mean_loss": mean.tolist()})


def loss_levels_off(e: CheckInputs) -> CheckResult:
    """The mean probability of the true class hardly falls in the last fifth of the iterations.

    Not the loss itself: cross-entropy and margin keep rising long after the image has flipped.
    """
    _follows_a_loss(e)
    levels, late = _not_all_flipped(e), max(round(LAST * e.doses.max_iter), 1)
    means = {level: _mean_probability(e, level) for level in levels}
    if e.doses.max_iter < 5 or not all(mean.isfinite().all() for mean in means.values()):
        raise NotApplicable("Fewer than 5 iterations, or not all of them, were computed.")
    falls = {level: mean for level, mean in means.items() if mean[0] - mean[-1] >= 1e-3}
    if not falls:
        raise NotApplicable(
            "The mean probability of the true class does not fall by as much as 0.001."
        )
    shares = {
        level: float((mean[-1 - late] - mean[-1]) / (mean[0] - mean[-1]))
        for level, mean in falls.items()
    }
    worst = max(shares, key=shares.__getitem__)
    mean, share = falls[worst], shares[worst]
    says = (
        f"At worst, at epsilon = {e.doses.epsilons[worst]:g}, the mean probability of the true "
        f"class falls from {mean[0]:.3f} to {mean[-1]:.3f}, {share:.1%} of it in the last {late} "
        f"of {e.doses.max_iter} iterations (allowed: {MOST_LATE:.0%}){_skipped(e, levels)}."
    )
    return CheckResult(share, share <= MOST_LATE, says, {"mean_probability": mean.tolist()})


def _not_all_flipped(e: CheckInputs) -> list[int]:
    """The levels at which some image stays right: elsewhere a loss has nothing left to decide."""
    levels = [level for level in range(len(e.doses)) if not e.flips[:, level, -1].all()]
    if not levels:
        raise NotApplicable("Skipped: every image is flipped at each epsilon.")
    return levels


def _skipped(e: CheckInputs, levels: list[int]) -> str:
    count = len(e.doses) - len(levels)
    return (
        f"; skipped at {count} of {len(e.doses)} epsilons, where every image flips" if count else ""
    )


def _follows_a_loss(e: CheckInputs) -> None:
    if e.is_noise:
        raise NotApplicable("Noise is drawn anew at each iteration and follows no loss.")


def _mean_probability(e: CheckInputs, level: int) -> Tensor:
    """Float64, that of the true class, by iteration."""
    probability = e.probabilities(e.logits[:, level])
    true = e.classes[:, None, None].expand(-1, probability.shape[1], 1)
    return probability.gather(2, true).mean(dim=(0, 2))


def _mean_loss(e: CheckInputs, level: int) -> Tensor:
    """Float64, the mean loss that the attack raises at one epsilon, by computed iteration."""
    logits = e.logits[:, level].double()
    logits = logits[:, logits.isfinite().all(dim=2).all(dim=0)]
    objective, targets, sign = OBJECTIVES["cross_entropy"], e.classes, -1.0
    if e.attack and e.attack.objective:
        objective, targets = e.attack.objective, target_class(e.attack, logits[:, 0], e.classes)
        sign = -1.0 if e.attack.target is None else 1.0
    iterations = logits.shape[1]
    offset = probability_offset(e.network)
    of_probabilities = logits if offset is None else logits + offset.to(logits)
    value = objective(of_probabilities.flatten(0, 1), targets.repeat_interleave(iterations))
    return sign * value.view(-1, iterations).mean(dim=0) + 0.0  # no -0


def monotone(e: CheckInputs) -> CheckResult:
    """An image that is flipped at one epsilon is flipped at the next larger one."""
    if len(e.doses.epsilons) == 1:
        raise NotApplicable("There is one epsilon only.")
    if e.is_noise:
        raise NotApplicable("Noise does not search for success, and more of it may lose it again.")
    flips = e.flips[:, :, -1]
    lost = (flips[:, :-1] & ~flips[:, 1:]).double().mean(dim=0).tolist()
    worst = max(range(len(lost)), key=lost.__getitem__)
    low, high = e.doses.epsilons[worst : worst + 2]
    says = (
        f"At worst, from epsilon {low:g} to {high:g}, {lost[worst]:.1%} of the images are flipped "
        f"at the smaller and not at the larger one (allowed: {MOST_VIOLATIONS:.0%})."
    )
    passed = lost[worst] <= MOST_VIOLATIONS
    return CheckResult(lost[worst], passed, says, {"by_epsilon": lost})


def silent_success(e: CheckInputs) -> CheckResult:
    """Wrong on the way and right at the end: the last iterate hides a success."""
    if e.is_noise:
        raise NotApplicable("Each iteration of noise is a draw of its own.")
    silent = (e.flips.any(dim=2) & ~e.flips[:, :, -1]).double().mean(dim=0).tolist()
    worst = max(range(len(silent)), key=silent.__getitem__)
    says = (
        f"At worst, at epsilon = {e.doses.epsilons[worst]:g}, {silent[worst]:.1%} of the images "
        f"are wrong on the way and right at the end (allowed: {MOST_SILENT:.0%})."
    )
    passed = silent[worst] <= MOST_SILENT
    return CheckResult(silent[worst], passed, says, {"by_epsilon": silent})


def one_class(e: CheckInputs) -> CheckResult:
    """Noise does not push all images to one class, which would be the success of a constant."""
    if not e.is_noise:
        raise NotApplicable("Only noise, the control, is judged in this way.")
    clean = _largest_share(e.logits[:, 0, 0])
    if len(e.classes) < FEWEST or clean > MOST_ALIKE:
        raise NotApplicable(
            f"Too few images ({len(e.classes)}), or nearly all are of one class to begin with."
        )
    shares = [_largest_share(e.logits[:, level, -1]) for level in range(len(e.doses))]
    worst = max(range(len(shares)), key=shares.__getitem__)
    says = (
        f"At worst, at epsilon = {e.doses.epsilons[worst]:g}, noise has {shares[worst]:.1%} of the "
        f"images predicted as one class, {clean:.1%} without noise (allowed: {MOST_ALIKE:.0%})."
    )
    if shares[worst] > MOST_ALIKE:
        says += " There it flips every image of the other classes, and is no control."
    return CheckResult(shares[worst], shares[worst] <= MOST_ALIKE, says, {"by_epsilon": shares})


def _largest_share(logits: Tensor) -> float:
    """The share of the class that is predicted most often."""
    return float(logits.argmax(dim=1).bincount().max() / len(logits))


CHEAP: dict[str, Check] = {
    "repeatable": repeatable,
    "outputs are logits": logits,
    "inputs in range": inputs,
    "clean prediction": clean_prediction,
    "box kept": box,
    "dose reached": dose_reached,
    "gradients": gradients,
    "loss rises": loss_rises,
    "loss levels off": loss_levels_off,
    "monotone in epsilon": monotone,
    "no silent success": silent_success,
    "noise keeps the classes apart": one_class,
}
