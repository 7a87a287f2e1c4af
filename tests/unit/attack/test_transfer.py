"""Transfer: what judges say of a network's adversarial images, and how it is counted."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.attack import EPSILONS, ITERATIONS, measure, network, pictures
from helpers.attack import attack as make
from torch import Tensor, nn

from pgdose.analysis.transfer import transfer as rates
from pgdose.attack import transfer_table
from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack
from pgdose.attack.transfer import Transfer, transfer
from pgdose.errors import UserError
from pgdose.study.doses import Doses

pytestmark = pytest.mark.usefixtures("one_thread")

ATTACKS = {
    "raw": {"lr": 0.3},
    "random restarts": {"step": "sign", "alpha": 0.02, "start": "random", "restarts": 3},
    "apgd": {"schedule": "apgd", "gradient_of": "margin"},
    "momentum": {"step": "sign", "alpha": 0.01, "momentum": 0.9},
}
RAW = {"kind": "gradient"} | ATTACKS["raw"]


def judged(
    network: nn.Module,
    judges: list[nn.Module],
    images: Tensor,
    true: Tensor,
    attack: Attack,
    *,
    iteration: int,
    epsilons: list[float],
    max_iter: int,
    **execution: Any,
) -> Transfer:
    """The transfer of an attack, with one key an image."""
    samples = Samples(images, true, torch.arange(len(images)) + 7)
    doses = Doses(tuple(epsilons), max_iter)
    return transfer(network, judges, samples, attack, doses, iteration, Execution(**execution))


@pytest.mark.parametrize("batch", [3, 32])
@pytest.mark.parametrize("name", ATTACKS)
def test_of_itself_a_network_says_what_the_surface_says(name: str, batch: int) -> None:
    own, images = network(gain=2), pictures()
    true = own(images).argmax(dim=1)
    true[2] = (true[2] + 1) % 3  # one is wrong to begin with
    known: dict[str, Any] = {"max_iter": ITERATIONS, "epsilons": EPSILONS}
    made = make({"kind": "gradient"} | ATTACKS[name])
    whole = measure(own, images, true, made, keys=torch.arange(9) + 7, **known)
    for iteration in (ITERATIONS, 5):
        judges = [network(gain=1), own]
        found = judged(own, judges, images, true, made, iteration=iteration, batch=batch, **known)
        assert torch.equal(found.attacked, whole.attacked)
        assert torch.allclose(found.logits[:, 1, 1:], whole.logits[:, :, iteration], atol=1e-9)
        assert torch.allclose(found.logits[:, 1, 0], whole.clean[whole.attacked], atol=1e-12)
        with torch.no_grad():
            before = judges[0](images[whole.attacked])
        assert torch.allclose(found.logits[:, 0, 0], before, atol=1e-12)


class Weighing(nn.Module):
    """Two classes by the sign of a weighted sum of the pixels."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights, requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        told = ((images - 0.5).flatten(1) * self.weights).sum(dim=1)
        return torch.stack([-told, told], dim=1)


def test_who_looks_elsewhere_is_not_fooled() -> None:
    """Networks of the left and of the right half, and one that sees the opposite of the first."""
    left = torch.cat([torch.ones(8, 4), torch.zeros(8, 4)], dim=1).flatten().double()
    one, other, opposite = Weighing(left), Weighing(1 - left), Weighing(-left)
    images = torch.full((4, 1, 8, 8), 0.55, dtype=torch.float64)
    images[2:] = 0.45
    true = torch.tensor([1, 1, 0, 0])
    made = make({"kind": "gradient", "step": "sign", "alpha": 0.02})
    known: dict[str, Any] = {"epsilons": [0.01, 0.1], "max_iter": 10, "iteration": 10}
    for judges in ([one, other, opposite], [opposite.eval(), other, one]):
        found = judged(one.eval(), [j.eval() for j in judges], images, true, made, **known)
        seen = found.logits.argmax(dim=3) == true[:, None, None]
        of = {id(judge): seen[:, place] for place, judge in enumerate(judges)}
        assert of[id(one)].tolist() == [[True, True, False]] * 4
        assert of[id(other)].tolist() == [[True, True, True]] * 4
        assert of[id(opposite)].tolist() == [[False, False, True]] * 4


def test_a_job_goes_on_where_it_was_killed() -> None:
    own, images = network(gain=2), pictures()
    true, parts = own(images).argmax(dim=1), []
    known: dict[str, Any] = {"epsilons": EPSILONS, "max_iter": 4, "iteration": 4}
    given = (own, [own, network()], images, true, make(RAW))
    whole = judged(*given, batch=2, keep=parts.append, **known)
    left: list = []
    again = judged(*given, batch=2, finished=parts[:2], keep=left.append, **known)
    assert torch.equal(whole.logits, again.logits)
    assert len(parts) == 5 and len(left) == 3


def test_nothing_to_attack_has_a_shape_all_the_same() -> None:
    own, images = network(), pictures()
    wrong = (own(images).argmax(dim=1) + 1) % 3
    known: dict[str, Any] = {"epsilons": EPSILONS, "max_iter": 4, "iteration": 4}
    found = judged(own, [own, own], images, wrong, make(RAW), **known)
    assert found.logits.shape == (0, 2, 5, 3)
    table = transfer_table.transfer_table(
        np.zeros(0, np.int32), ["a", "b"], EPSILONS, np.empty((0, 2, 5, 3))
    )
    assert rates(table.to_pandas(), "a", people("p"), 200, 1).empty


def test_a_judge_that_gives_no_numbers_is_refused() -> None:
    own, images = network(), pictures()

    class Bad(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return own(images) * torch.nan

    known: dict[str, Any] = {"epsilons": EPSILONS, "max_iter": 2, "iteration": 2}
    with pytest.raises(UserError, match="NaN or infinity"):
        true = own(images).argmax(dim=1)
        judged(own, [Bad().eval()], images, true, make(RAW), **known)


def people(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"patient": list(names), "class_index": 0})


def test_the_table_of_six_images_worked_by_hand() -> None:
    """Logits as what is seen: 0 is right. Attacked: a; judges: a and b; amplitudes 0.1 and 0.2."""
    seen = {  # clean, 0.1, 0.2
        "a": [(0, 0, 1), (0, 1, 1), (0, 1, 1), (0, 0, 0), (0, 1, 1), (0, 0, 1)],
        "b": [(0, 0, 0), (0, 1, 1), (0, 0, 1), (0, 1, 0), (1, 1, 1), (0, 0, 0)],
    }
    logits = np.array(
        [[[[1 - s, s] for s in of[image]] for of in seen.values()] for image in range(6)], float
    )
    table = transfer_table.transfer_table(np.arange(6), list(seen), [0.1, 0.2], logits).to_pandas()
    found = rates(table, "a", people(*"ppqqrs"), 200, 1).set_index(["judge", "epsilon"])
    counts = ["n_attacked", "n_patients", "n_flipped", "n_source_flipped", "n_followed"]
    assert found.loc[("a", 0.1), counts].tolist() == [6, 4, 3, 3, 3]
    assert found.loc[("a", 0.2), counts].tolist() == [6, 4, 5, 5, 5]
    # b gets the fifth wrong to begin with.
    assert found.loc[("b", 0.1), counts].tolist() == [5, 3, 2, 2, 1]
    assert found.loc[("b", 0.2), counts].tolist() == [5, 3, 2, 4, 2]
    assert found.loc[("b", 0.2), "asr"] == pytest.approx(0.4)
    assert found.loc[("b", 0.2), "follow"] == pytest.approx(0.5)
    assert found.loc[("b", 0.1), "follow"] == pytest.approx(0.5)
    row = found.loc[("b", 0.2)]
    assert found.loc[("a", 0.2), "ci_low"] <= 5 / 6 <= found.loc[("a", 0.2), "ci_high"]
    # Three patients are too few for an interval.
    assert row[["ci_low", "ci_high", "follow_low", "follow_high"]].isna().all()
    assert row["wilson_low"] == pytest.approx(0.1176, abs=1e-3)


def test_one_patient_has_no_interval() -> None:
    logits = np.zeros((2, 1, 2, 2))
    logits[..., 0] = 1
    table = transfer_table.transfer_table(np.arange(2), ["a"], [0.1], logits).to_pandas()
    found = rates(table, "a", people("p", "p"), 200, 1)
    assert found[["ci_low", "ci_high"]].isna().all(axis=None)
    assert np.isnan(found["follow"][0])  # of no flip none can be followed
