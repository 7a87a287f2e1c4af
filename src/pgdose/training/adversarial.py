"""Adversarial training: the loss of attacked images, by one of three methods.

pgd     Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks"
trades  Zhang et al. 2019, "Theoretically Principled Trade-off between Robustness and Accuracy"
free    Shafahi et al. 2019, "Adversarial Training for Free!"

The inner attack is pgdose's own: sign steps in the box round each image, from a random point of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgdose.attack.loop import descend, initial_items
from pgdose.attack.objectives import OBJECTIVES, Objective
from pgdose.attack.projections import BOX
from pgdose.attack.samples import Samples
from pgdose.attack.steps import GradientDescent
from pgdose.devices import Autocast
from pgdose.study.adversarial_training import BETA, AdversarialTraining
from pgdose.study.doses import Doses
from pgdose.study.training import Training
from pgdose.tables.keyed import generator
from pgdose.training.losses import Outputs, outputs_of


@dataclass(frozen=True)
class InnerAttack:
    """How the images of a batch, or some of them, are attacked.

    epsilon, step_length: those of the epoch, see `warmup_share`; in [0, 1]
    steps: of the attack on one batch; free: each use of the batch makes one
    keys: n, int64, on the CPU: what each image's random start is drawn from
    """

    epsilon: float
    step_length: float
    steps: int
    keys: Tensor

    def select(self, whole: slice, mine: slice) -> "InnerAttack":
        """The attack on those images of a batch that are computed together in this process."""
        return replace(self, keys=self.keys[whole][mine])


def warmup_share(settings: AdversarialTraining, epoch: int) -> float:
    """The part of epsilon and of the step that an epoch (from 1) has: it rises by equal parts."""
    return min(1.0, epoch / (settings.warmup + 1))


class Adversary:
    """Draws the inner attacks of one epoch, batch by batch, from (seed, name, epoch) alone."""

    def __init__(self, settings: AdversarialTraining, seed: int, name: str, epoch: int) -> None:
        share = warmup_share(settings, epoch)
        self.doses = settings.epsilon * share, settings.step_length * share, settings.steps
        self._keys = generator(seed, f"attack {epoch}", name)

    def draw(self, n: int) -> InnerAttack:
        """The attack on the next batch, of n images."""
        return InnerAttack(*self.doses, torch.from_numpy(self._keys.integers(2**63, size=n)))


def attacked_images(
    network: nn.Module,
    attack: InnerAttack,
    images: Tensor,
    classes: Tensor,
    objective: Objective = OBJECTIVES["cross_entropy"],
) -> Tensor:
    """The images after all steps of an attack that lowers the objective; n x ... as `images`.

    The network is attacked in evaluation mode: so batch norm's running statistics stay those of the
    images that are learned from, no image depends on its neighbours, and dropout hides no gradient.
    """
    is_half = isinstance(network, Autocast) and network.dtype == torch.float16
    descent = GradientDescent(
        objective=_enlarged(objective) if is_half else objective,
        step="sign",
        rate=attack.step_length,
        start="random",
    )
    samples = Samples(images, classes, attack.keys)
    items = initial_items(descent, samples, classes, Doses((attack.epsilon,), attack.steps), [0])
    with evaluation_mode(network):
        for step in islice(descend(network, descent, items), attack.steps):
            items = step.following
    return items.images


def _enlarged(objective: Objective) -> Objective:
    """The objective times 1024: in float16 the gradient of a well learned image would vanish.

    A step follows the gradient's sign alone. `GradScaler` gives an image of a batch of 64 as much.
    """
    return lambda logits, classes: 1024 * objective(logits, classes)


def judging_attack(
    network: nn.Module, settings: AdversarialTraining, seed: int, name: str, n: int
) -> Callable[[Tensor, Tensor, np.ndarray], Tensor]:
    """The attack on the n held-out images: PGD at the full epsilon, the same draws in each epoch.

    On clean images the best epoch would be one of the warmup, or before robustness is learned.
    """
    keys = torch.from_numpy(generator(seed, "attack held-out", name).integers(2**63, size=n))
    step = 2.5 * settings.epsilon / settings.steps

    def change(images: Tensor, classes: Tensor, rows: np.ndarray) -> Tensor:
        attack = InnerAttack(settings.epsilon, step, settings.steps, keys[rows])
        return attacked_images(network, attack, images, classes)

    return change


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Inside, the network is in evaluation mode; then in its mode before, also after an error."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)


# The methods. `model` is trained, and `network` attacked: the same weights, in the same precision,
# but the network of this process alone. Images are n x channels x rows x columns in [0, 1].


def pgd(
    model: nn.Module,
    network: nn.Module,
    attack: InnerAttack,
    images: Tensor,
    classes: Tensor,
    settings: Training,
) -> Outputs:
    """The loss of images whose cross-entropy the attack has raised (Madry et al., eq. 2.1)."""
    attacked = attacked_images(network, attack, images, classes)
    return outputs_of(model(attacked), classes, settings)


def trades(
    model: nn.Module,
    network: nn.Module,
    attack: InnerAttack,
    images: Tensor,
    classes: Tensor,
    settings: Training,
) -> Outputs:
    """The clean loss + beta * KL(p(clean) || p(attacked)), which the attack raises (eq. 5).

    Clean and attacked images pass one after the other, so batch norm has the statistics of each,
    as in the authors' code.
    """
    with evaluation_mode(network), torch.no_grad():
        clean = network(images)
    attacked = attacked_images(
        network, attack, images, classes, lambda logits, _: -divergence(clean, logits)
    )
    outputs = outputs_of(model(images), classes, settings)
    output = model(attacked)
    logits = output[0] if isinstance(output, tuple) else output
    assert settings.adversarial is not None
    beta = BETA if settings.adversarial.beta is None else settings.adversarial.beta
    loss = outputs.loss + beta * divergence(outputs.logits[0], logits).mean()
    return Outputs(loss, (*outputs.logits, logits))


def free(
    model: nn.Module,
    perturbation: Tensor,
    attack: InnerAttack,
    images: Tensor,
    classes: Tensor,
    settings: Training,
) -> Outputs:
    """The loss of images with the perturbation that the steps before have left (Algorithm 1).

    The gradient of the whole loss, with label smoothing and auxiliary heads, by weights and by
    images comes from one backward pass; `moved_perturbation` steps along the latter.
    """
    perturbed = BOX.project(images + perturbation, images, attack.epsilon).requires_grad_()
    return outputs_of(model(perturbed), classes, settings)._replace(images=perturbed)


def moved_perturbation(attack: InnerAttack, clean: Tensor, perturbed: Tensor) -> Tensor:
    """The perturbation after one step up the gradient that `perturbed` (of `free`) has.

    It is cut so that these images stay in [0, 1], as our steps do; the authors cut it to the box
    alone, and images when they are used.
    """
    assert perturbed.grad is not None
    descent = GradientDescent(objective=None, step="sign", rate=attack.step_length)
    classes = torch.zeros(len(clean), dtype=torch.int64, device=clean.device)  # of no matter
    samples = Samples(clean, classes, attack.keys)
    items = initial_items(descent, samples, classes, Doses((attack.epsilon,), attack.steps), [0])
    items.images = perturbed.detach()
    downwards = -perturbed.grad.nan_to_num(0.0, 0.0, 0.0)
    return descent.advance(items, classes, downwards).images - clean


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """KL(p || q) of each image in nats, n, with p and q the softmax of logits and of others."""
    p, q = logits.log_softmax(dim=1), others.log_softmax(dim=1)
    return functional.kl_div(q, p, reduction="none", log_target=True).sum(dim=1)


def free_order(
    settings: Training, seed: int, name: str, epoch: int, images: int
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Which images an epoch of `free` takes, in whole batches, and how often it uses each batch.

    An epoch has as many gradient steps as a plain one. All epochs read one stream of images: one
    keyed permutation of all of them after another. A batch whose uses an epoch does not complete
    goes on in the next one.
    """
    assert settings.adversarial is not None
    batch = min(settings.batch, images)
    steps = -(-images // batch)
    used = np.arange((epoch - 1) * steps, epoch * steps) // settings.adversarial.steps
    batches, uses = np.unique(used, return_counts=True)
    passes, places = np.divmod(np.arange(batches[0] * batch, (batches[-1] + 1) * batch), images)
    order = np.empty_like(places)
    for number in np.unique(passes):
        permutation = generator(seed, f"pass {number}", name).permutation(images)
        order[passes == number] = permutation[places[passes == number]]
    return order, tuple(uses.tolist())
