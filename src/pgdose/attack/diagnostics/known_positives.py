"""A known positive for the attack: networks with an adversarial image that surely exists.

After Zimmermann et al. 2022 ("Increasing confidence in adversarial robustness evaluations"): of
each image some changes inside the box and some at its edge are drawn at random. Then one output
gets a bias with which all images inside stay right and one at the edge is wrong. So that image is
an adversarial one within epsilon, and an attack that does not find one of this kind is broken, or
cannot see its way. The bias never makes the network surer than it is; where an image at the edge
is wrong by itself there is none. They train a new layer on the features; here the outputs
themselves are shifted, which any network allows, its own scale and gradients kept. The check
cannot find what the outputs hide.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgdose.attack.diagnostics.inputs import CheckInputs, CheckResult, NotApplicable, scale
from pgdose.attack.draws import generator, uniform_patterns
from pgdose.attack.loop import iterate
from pgdose.attack.samples import Samples
from pgdose.study.doses import Doses

DRAWS = 16  # changes inside, and as many at the edge, of each image
INSIDE = 0.5  # of epsilon, up to which changes count as inside
CLOSE = 0.1  # of the way from the edge's image to the nearest inside: where the new border lies
RIGID = 1e-6  # of the largest logit: outputs that move by less do not respond
MOST_MISSED = 0.05


class Shifted(nn.Module):
    """A network whose outputs have a bias of their own for each image; always the same images."""

    def __init__(self, network: nn.Module, bias: Tensor) -> None:
        super().__init__()
        self.network, self.bias = network, bias
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        if len(logits) != len(self.bias):
            raise ValueError(f"{len(logits)} images, but a bias for {len(self.bias)}")
        return logits + self.bias


@dataclass(frozen=True)
class Planted:
    """What was planted into n images: n x classes `bias`; n bool `planted` and `rigid` (outputs
    that no drawn change moved); `by_noise`, the share of n x DRAWS fresh draws that are wrong."""

    bias: Tensor
    planted: Tensor
    rigid: Tensor
    by_noise: float


def known_positive(e: CheckInputs) -> CheckResult:
    """The attack finds an adversarial image where one surely exists."""
    attack = e.attack
    if attack is None:
        raise NotApplicable("The attack is another library's; its epsilon may be of any norm.")
    if e.is_noise:
        raise NotApplicable("Noise is the control, beside which this check sets the attack.")
    if e.clip.random_start is None:
        raise NotApplicable(f"clip: {e.clip.name} has no box in which one could be planted.")
    if attack.target is not None:
        raise NotApplicable("The attack has a target, which need not be the planted class.")
    if e.positives < 1:
        raise NotApplicable("The study leaves this check out (checks: positives).")
    samples = e.samples.select(torch.arange(min(e.positives, len(e.samples))))
    own = e.clip.name, e.precision, e.epsilon, samples.keys.cpu().numpy().tobytes()
    if own not in e.planted:
        e.planted[own] = plant(e, samples)
    planted = e.planted[own]
    rows = planted.planted.nonzero()[:, 0]
    rigid = int(planted.rigid.sum())
    if not len(rows) and not rigid:
        raise NotApplicable(
            "No output could be shifted so that only an image at the edge is wrong."
        )
    found = _found(e, samples, planted, rows)
    missed = len(rows) + rigid - int(found.sum())
    share = missed / (len(rows) + rigid)
    says = (
        f"{e.at_epsilon.capitalize()} the attack misses {missed} of {len(rows) + rigid} images of "
        f"which a wrong one surely lies in the box (allowed: {MOST_MISSED:.0%}); one draw of noise "
        f"finds {planted.by_noise:.1%} of them"
    )
    says += f"; outputs of {rigid} do not respond to any change of this size." if rigid else "."
    return CheckResult(share, share <= MOST_MISSED, says, {"rigid": rigid, "planted": len(rows)})


def _found(e: CheckInputs, samples: Samples, planted: Planted, rows: Tensor) -> Tensor:
    """Bool, of the planted images: whether the attack ends at a wrong one."""
    assert e.attack is not None
    doses, parts = Doses((e.epsilon,), e.doses.max_iter), [torch.zeros(0, dtype=torch.bool)]
    for some in rows.split(e.batch) if len(rows) else ():
        network = Shifted(e.network, planted.bias[some])
        chosen = samples.select(some)
        _, logits = iterate(network, chosen, e.attack, doses, 0, doses.max_iter)
        parts.append((logits.argmax(dim=1) != chosen.classes).cpu())
    return torch.cat(parts)


@torch.no_grad()
def plant(e: CheckInputs, samples: Samples) -> Planted:
    """Biases with which one image at the edge of each box is wrong, and those inside are right."""
    classes = samples.classes
    clean = _logits(e, samples.images)
    inside = torch.stack([clean, *(_drawn(e, samples, draw, True) for draw in range(DRAWS))])
    edge = torch.stack([_drawn(e, samples, draw, False) for draw in range(DRAWS)])
    nearest, farthest = (_margins(logits, classes).amin(dim=0) for logits in (inside, edge))
    gap = nearest - farthest  # n x classes; the true class has none
    gap.scatter_(1, classes[:, None], -torch.inf)
    widest, other = gap.max(dim=1)
    moved = (torch.cat([inside, edge]) - clean).abs().amax(dim=(0, 2))
    rigid = moved <= RIGID * scale(clean)
    planted = (widest > RIGID * scale(clean)) & ~rigid
    # Never below 0: a bias that makes the network surer than it is would starve the attack. Where
    # the edge is wrong without a bias, none is needed.
    border = farthest.gather(1, other[:, None])[:, 0] + CLOSE * widest
    border = border.clamp_min(0)
    bias = torch.zeros_like(clean).scatter(1, other[:, None], border[:, None])
    bias = torch.where(planted[:, None], bias, 0.0)
    fresh = [_drawn(e, samples, draw, True, whole=True) + bias for draw in range(DRAWS)]
    wrong = torch.stack(fresh).argmax(dim=2) != classes
    share = float(wrong[:, planted].double().mean()) if planted.any() else 0.0
    return Planted(bias, planted, rigid, share)


def _margins(logits: Tensor, classes: Tensor) -> Tensor:
    """draws x n x classes: the logit of the true class less that of each class."""
    true = classes[None, :, None].expand(len(logits), -1, 1)
    return logits.gather(2, true) - logits


def _drawn(
    e: CheckInputs, samples: Samples, draw: int, inside: bool, whole: bool = False
) -> Tensor:
    """n x classes, logits of a keyed change of each image: drawn from the box, or at its edge."""
    images = samples.images
    purpose = 4 if whole else 2 if inside else 3
    generators = [generator(key, draw, purpose) for key in samples.keys.tolist()]
    epsilon = torch.full((len(images), 1, 1, 1), e.epsilon).to(images)
    if inside:
        assert e.clip.random_start is not None
        size = epsilon if whole else INSIDE * epsilon
        return _logits(e, e.clip.random_start(images, size, generators))
    far = 1e4 * epsilon * uniform_patterns(images, generators)  # its nearest allowed image is there
    return _logits(e, e.clip.project(images + far, images, epsilon))


def _logits(e: CheckInputs, images: Tensor) -> Tensor:
    return torch.cat([e.network(some) for some in images.split(e.batch)])
