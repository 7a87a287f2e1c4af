"""Expensive checks: the images are attacked again, in another way."""

import math
from dataclasses import replace

import torch
from scipy.stats import binomtest
from torch import Tensor

from pgdose.attack import external, libraries
from pgdose.attack.batching import Execution
from pgdose.attack.diagnostics.inputs import Check, CheckInputs, CheckResult, NotApplicable
from pgdose.attack.diagnostics.known_positives import known_positive
from pgdose.attack.noise import Noise
from pgdose.attack.steps import Attack, GradientDescent
from pgdose.attack.surface import surface
from pgdose.study.doses import Doses


def noise(e: CheckInputs) -> CheckResult:
    """The attack flips at least as many as uniform noise of the same size."""
    _gradient_attack(e)
    if e.clip.noise_amplitude is None:
        raise NotApplicable(
            f"clip: {e.clip.name} does not bound the change, so no noise is of its size."
        )
    amplitude = e.clip.noise_amplitude(e.epsilon, e.entries)
    other = flips_with(e, Noise(), Doses((amplitude,), 1))
    passed = int(e.flipped.sum()) >= int(other.sum())
    return _compare(e, other, "noise of this size", passed)


def square(e: CheckInputs) -> CheckResult:
    """The attack flips all that Square flips (black-box, Andriushchenko et al. 2020)."""
    _gradient_attack(e)
    if not e.clip.is_box:
        raise NotApplicable(
            f"Square runs in a box of half-width epsilon; clip: {e.clip.name} has another bound."
        )
    if not libraries.available("torchattacks"):
        raise NotApplicable("The library with Square is not installed (extra: peers).")
    other = _flipped_by_square(e)
    passed = not (other & ~e.flipped).any()
    return _compare(e, other, f"Square with {e.queries} queries", passed)


def _flipped_by_square(e: CheckInputs) -> Tensor:
    """Bool, of the images of the expensive checks; Square runs once for all attacks on them."""
    same = e.precision, e.epsilon, e.queries, e.batch, e.samples.keys.cpu().numpy().tobytes()
    if same not in e.flipped_by_square:
        parts = []
        for rows in torch.arange(len(e.samples)).split(e.batch):
            samples = e.samples.select(rows)
            adversarial = external.square(e.network, samples, e.epsilon, e.queries)
            with torch.no_grad():
                parts.append(e.network(adversarial).argmax(dim=1) != samples.classes)
        e.flipped_by_square[same] = torch.cat(parts).cpu()
    return e.flipped_by_square[same]


def _compare(e: CheckInputs, other: Tensor, name: str, passed: bool) -> CheckResult:
    """The attack's success beside that of another one on the same images."""
    missed = float((other & ~e.flipped).double().mean())
    says = (
        f"{e.at_epsilon.capitalize()} the attack flips {int(e.flipped.sum())} of {len(other)} "
        f"images, {name} {int(other.sum())}; the attack misses "
        f"{int((other & ~e.flipped).sum())} of those."
    )
    return CheckResult(missed, passed, says)


def large_epsilon(e: CheckInputs) -> CheckResult:
    """Over the whole intensity range the accuracy falls to chance or below.

    Steps are longer in proportion. Boxes are nested, so a success in a smaller one counts: far
    from all images a network may predict one class everywhere, and it may be the right one.
    """
    attack = _gradient_attack(e)
    # The lengths of steps that lead from one end of the range to the other.
    reach = {"sign": 1.0, "l2": math.sqrt(e.entries)}
    if isinstance(attack, GradientDescent) and attack.step in reach:
        rate = 2.5 * reach[attack.step] / e.doses.max_iter
        attack = replace(attack, rate=rate, rate_is_relative=False)
    epsilon = e.clip.full_range(e.entries)
    flips = flips_with(e, attack, Doses((epsilon,), e.doses.max_iter))
    flips = flips | e.flips[e.rows[: e.expensive], :, -1].any(dim=1)
    left, chance = float((~flips).double().mean()), 1 / e.logits.shape[3]
    says = (
        f"At epsilon = {epsilon:.3g} {left:.1%} of {len(flips)} images stay right "
        f"(chance: {chance:.1%})."
    )
    return CheckResult(left, left <= chance, says)


def more_iterations(e: CheckInputs) -> CheckResult:
    """Twice the iterations change the rate by less than half the width of its interval."""
    doses = Doses((e.epsilon,), 2 * e.doses.max_iter)
    flips = flips_with(e, _gradient_attack(e), doses)
    return _less_than_interval(e, "Twice the iterations", flips)


def second_restart(e: CheckInputs) -> CheckResult:
    """One more random start adds less to the rate than half the width of its interval."""
    attack = _gradient_attack(e)
    if e.clip.random_start is None:
        raise NotApplicable(f"clip: {e.clip.name} has no box to draw a start from.")
    again = replace(attack, start="random", restarts=1)
    other_draws = replace(e, keys=e.keys ^ 1)
    flips = flips_with(other_draws, again, Doses((e.epsilon,), e.doses.max_iter))
    return _less_than_interval(e, "Another start at random", e.flipped | flips)


def _less_than_interval(e: CheckInputs, name: str, other: Tensor) -> CheckResult:
    n, hits = len(other), int(e.flipped.sum())
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    change, half = (int(other.sum()) - hits) / n, (interval.high - interval.low) / 2
    says = (
        f"{name}: {e.at_epsilon} {int(other.sum())} of {n} images flip instead of {hits}, a change "
        f"of {change:+.3f} (half the interval: {half:.3f})."
    )
    return CheckResult(change, abs(change) < half, says)


def _gradient_attack(e: CheckInputs) -> Attack:
    """The attack, if it follows a gradient."""
    if e.is_noise:
        raise NotApplicable("Noise is the control that attacks are compared with.")
    if e.attack is None:
        raise NotApplicable("The attack is another library's; its epsilon may be of any norm.")
    return e.attack


def flips_with(e: CheckInputs, attack: Attack, doses: Doses) -> Tensor:
    """Bool, of the images of the expensive checks: the success of another attack at one epsilon."""
    samples = e.samples
    measured = surface(e.network, samples, attack, doses, Execution(batch=e.batch))
    # At the boundary another batch may give a clean image another class: that counts as flipped.
    flips = ~measured.attacked
    true = samples.classes.cpu()[measured.attacked]
    flips[measured.attacked] = measured.logits[:, 0, -1].argmax(dim=1) != true
    return flips


EXPENSIVE: dict[str, Check] = {
    "stronger than noise": noise,
    "large epsilon reaches chance": large_epsilon,
    "enough iterations": more_iterations,
    "enough restarts": second_restart,
    "stronger than Square": square,
    "finds a planted image": known_positive,
}
