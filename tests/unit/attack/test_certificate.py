"""Certificates of randomised smoothing: held against closed forms and another library."""

import numpy as np
import pytest
import torch
from helpers.attack import network, pictures
from scipy import stats
from torch import Tensor, nn

from pgdose.analysis.certificates import ABSTAINS, certificates, largest_radius
from pgdose.attack import certificate
from pgdose.attack.batching import Execution, Part
from pgdose.attack.certificate import Votes, count_votes, gaussian_noise
from pgdose.attack.samples import Samples
from pgdose.errors import UserError
from pgdose.study.defended_networks import Smoothing

pytestmark = pytest.mark.usefixtures("one_thread")

SIGMA = 0.25


def samples(images: Tensor, first_key: int = 7) -> Samples:
    n = len(images)
    return Samples(images, torch.zeros(n, dtype=torch.int64), torch.arange(n) + first_key)


class Linear(nn.Module):
    """Two classes, on either side of a plane: the smoothed decision has a radius of |distance|."""

    def __init__(self, weights: Tensor, offset: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights, requires_grad=False)
        self.offset, self.seen = offset, [float("inf"), -float("inf")]

    def forward(self, images: Tensor) -> Tensor:
        self.seen = [min(self.seen[0], float(images.min())), max(self.seen[1], float(images.max()))]
        score = images.flatten(1) @ self.weights.to(images) - self.offset
        return torch.stack([-score, score], dim=1)

    def distance(self, images: Tensor) -> np.ndarray:
        """Signed, in L2."""
        score = images.double().flatten(1) @ self.weights.double() - self.offset
        return (score / self.weights.double().norm()).numpy()


def linear(images: Tensor) -> Linear:
    weights = torch.randn(images[0].numel(), generator=torch.Generator().manual_seed(3)).double()
    return Linear(weights, float(images.flatten(1).mean(dim=0) @ weights)).eval()


def radii(model: nn.Module, images: Tensor, smoothing: Smoothing, key: int = 7) -> np.ndarray:
    votes = count_votes(model, samples(images, key), smoothing, Execution(batch=256))
    n = len(images)
    found = certificates(
        np.arange(n), np.zeros(n), votes.chosen.numpy(), votes.n_top.numpy(), smoothing
    )
    return found["radius"].to_numpy()


def test_of_a_linear_classifier_the_radius_comes_up_to_the_distance() -> None:
    """The smoothed classifier is the linear one, whose true radius is the distance to its plane."""
    images = pictures(9)
    model = linear(images)
    true = np.abs(model.distance(images))
    between = (true > SIGMA / 4) & (true < 2 * SIGMA)  # neither abstains nor all copies agree
    assert between.sum() >= 4
    gaps = []
    for copies in (200, 1000, 5000):
        found = radii(model, images, Smoothing(sigma=SIGMA, samples=copies, selection=50))
        assert (found <= true).all()
        gaps.append(float((true - found)[between].max()))
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < SIGMA / 5


def test_the_noise_is_not_clipped_to_the_images_range() -> None:
    images = pictures(2)
    model = linear(images)
    radii(model, images, Smoothing(sigma=SIGMA, samples=100, selection=10))
    assert model.seen[0] < -2 * SIGMA and model.seen[1] > 1 + 2 * SIGMA


def test_a_radius_beyond_the_truth_is_as_rare_as_alpha_says() -> None:
    """Many images of one distance, whose noise differs: too large a radius in at most alpha."""
    alpha, n = 0.1, 1500
    image, model = pictures(9)[[1]], linear(pictures(9))
    true = float(np.abs(model.distance(image))[0])
    smoothing = Smoothing(sigma=SIGMA, samples=60, selection=10, alpha=alpha)
    found = radii(model, image.expand(n, -1, -1, -1), smoothing)
    wrong = int((found > true).sum())
    assert wrong <= stats.binom.ppf(0.999, n, alpha)
    assert wrong > n * alpha / 10  # and is not so rare that the bound would be a loose one


def test_the_same_counts_give_the_radius_of_another_library() -> None:
    """ART's certify, in float64, on a small network whose noise is replaced by ours."""
    from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing

    model, images = network(gain=2), pictures(6)
    smoothing = Smoothing(sigma=SIGMA, samples=300, selection=40, alpha=0.01)
    keyed = samples(images)
    votes = count_votes(model, keyed, smoothing, Execution(batch=64))
    other = PyTorchRandomizedSmoothing(
        model=model, loss=nn.CrossEntropyLoss(), input_shape=(1, 8, 8), nb_classes=3,
        sample_size=40, scale=SIGMA, alpha=0.01, device_type="cpu",
    )  # fmt: skip

    def noisy(x: np.ndarray, n: int) -> np.ndarray:
        """The copies that `count_votes` makes of this image."""
        place = next(i for i, image in enumerate(images.numpy()) if np.array_equal(image, x))
        copies = torch.arange(40) if n == 40 else torch.arange(40, 340)
        like = keyed.images[[place]].expand(n, -1, -1, -1)
        noise = gaussian_noise(like, keyed.keys[[place]].expand(n), copies)
        return (like + SIGMA * noise).numpy()

    other._noisy_samples = noisy
    other._predict_classifier = lambda x, **_: model(torch.from_numpy(x)).numpy()
    classes, expected = other.certify(images.numpy(), n=300, batch_size=64)
    found = certificates(
        np.arange(6), classes, votes.chosen.numpy(), votes.n_top.numpy(), smoothing
    )
    assert found["class_index"].tolist() == classes.tolist()
    assert len(set(votes.n_top.tolist())) > 2  # not all copies agree
    np.testing.assert_allclose(found["radius"], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_the_batch_does_not_matter(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, keyed = network(gain=2), samples(pictures(5))
    smoothing = Smoothing(sigma=SIGMA, samples=40, selection=9)
    monkeypatch.setattr(certificate, "COPIES_OF_A_PART", 100)
    parts = count_votes(model, keyed, smoothing, Execution(batch=batch))
    monkeypatch.setattr(certificate, "COPIES_OF_A_PART", 10**6)
    whole = count_votes(model, keyed, smoothing, Execution(batch=11))
    assert torch.equal(parts.chosen, whole.chosen) and torch.equal(parts.n_top, whole.n_top)
    alone = count_votes(model, keyed.select(torch.tensor([3])), smoothing)
    assert [int(alone.chosen), int(alone.n_top)] == [int(whole.chosen[3]), int(whole.n_top[3])]


def test_the_copies_that_choose_are_not_those_that_count() -> None:
    """Else the class that chance favoured would be counted with this chance."""

    class Marked(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            """Class 1 for exactly the copies of the selection."""
            first = images[:, 0, 0, 0] - 0.5
            hit = torch.isclose(first[:, None], selection[None], atol=1e-7).any(dim=1).double()
            return torch.stack([1 - hit, hit], dim=1)

    keyed = samples(torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64))
    like = keyed.images.expand(20, -1, -1, -1)
    noise = gaussian_noise(like, keyed.keys.expand(20), torch.arange(20))
    selection = SIGMA * noise[:, 0, 0, 0]
    smoothing = Smoothing(sigma=SIGMA, samples=200, selection=20)
    votes = count_votes(Marked().eval(), keyed, smoothing)
    assert [int(votes.chosen), int(votes.n_top)] == [1, 0]


def test_memory_that_runs_out_halves_the_batch() -> None:
    class Full(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            sizes.append(len(images))
            if len(images) > 10:
                raise torch.OutOfMemoryError("out of memory")
            return model(images)

    sizes: list[int] = []
    model, keyed = network(gain=2), samples(pictures(2))
    smoothing = Smoothing(sigma=SIGMA, samples=50, selection=5)
    votes = count_votes(Full().eval(), keyed, smoothing, Execution(batch=32))
    whole = count_votes(model, keyed, smoothing)
    assert sizes[:4] == [32, 16, 8, 8] and max(sizes[2:]) == 8
    assert torch.equal(votes.n_top, whole.n_top)


def test_a_killed_call_goes_on_from_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "COPIES_OF_A_PART", 100)
    model, keyed = network(gain=2), samples(pictures(5))
    smoothing = Smoothing(sigma=SIGMA, samples=40, selection=10)
    kept: list[Part] = []

    def dies(part: Part) -> None:
        kept.append(part)
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_votes(model, keyed, smoothing, Execution(keep=dies))
    rest: list[Part] = []
    votes = count_votes(model, keyed, smoothing, Execution(finished=kept, keep=rest.append))
    assert len(rest) == 1 and [len(part["steps"]) for part in [*kept, *rest]] == [2, 2, 1]
    whole = count_votes(model, keyed, smoothing)
    assert torch.equal(votes.n_top, whole.n_top) and torch.equal(votes.chosen, whole.chosen)


def test_noise_is_standard_normal_and_keyed() -> None:
    like = torch.zeros(400, 1, 16, 16)
    noise = gaussian_noise(like, torch.arange(400) // 2, torch.arange(400) % 2)
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 0.001
    assert len(noise[:, 0, 0, 0].unique()) == 400
    double = gaussian_noise(like.double()[:3], torch.tensor([5, 5, 6]), torch.tensor([0, 1, 0]))
    assert torch.equal(double.float(), noise[[10, 11, 12]])


def test_no_images_give_no_certificates() -> None:
    votes = count_votes(network(), samples(pictures(3)[:0]), Smoothing(sigma=SIGMA))
    assert isinstance(votes, Votes) and len(votes.chosen) == len(votes.n_top) == 0


def test_images_and_outputs_that_cannot_be_certified_are_refused() -> None:
    smoothing = Smoothing(sigma=SIGMA, samples=50, selection=5)
    with pytest.raises(UserError, match=r"scale them to lie in \[0, 1\]"):
        count_votes(network(), samples(pictures(2) * 255), smoothing)
    with pytest.raises(ValueError, match="evaluation mode"):
        count_votes(network().train(), samples(pictures(2)), smoothing)

    class Broken(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            """A logarithm of pixels, which are negative in noisy copies."""
            return images.flatten(1).log()

    with pytest.raises(UserError, match=r"NaN .* for noisy images, so there is no certificate"):
        count_votes(Broken().eval(), samples(pictures(2)), smoothing)
    with pytest.raises(UserError, match=r"shape \[32, 8, 8\]; it must give one logit"):
        count_votes(nn.Flatten(1, 2).eval(), samples(pictures(2)), smoothing)


def test_the_largest_radius_is_that_of_copies_that_all_agree() -> None:
    smoothing = Smoothing(sigma=0.5, samples=100_000)
    assert largest_radius(smoothing) == pytest.approx(0.5 * stats.norm.ppf(0.001 ** (1 / 100_000)))
    found = certificates(
        np.arange(3), np.ones(3), np.array([1, 0, 1]), np.array([100_000, 100_000, 50_000]),
        smoothing,
    )  # fmt: skip
    assert found["radius"].tolist() == [largest_radius(smoothing)] * 2 + [0.0]
    assert found["class_index"].tolist() == [1, 0, ABSTAINS]
    assert found["correct"].tolist() == [True, False, False]
