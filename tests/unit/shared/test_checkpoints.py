"""Parts of a long job on disk."""

from pathlib import Path

import torch

from pgdose.checkpoints import Parts


def part(value: float) -> dict[str, torch.Tensor]:
    return {
        "logits": torch.full((2, 3), value),
        "steps": torch.tensor([4, 5]),
        "batch": torch.tensor(2),
    }


def test_what_was_kept_is_known_to_the_next(tmp_path: Path) -> None:
    first = Parts(tmp_path / "job")
    assert first.known() == []
    for value in (0.1, float("nan")):
        first.keep(part(value))
    second = Parts(tmp_path / "job")
    known = second.known()
    assert [len(known), known[0]["steps"].tolist(), int(known[0]["batch"])] == [2, [4, 5], 2]
    assert torch.equal(known[0]["logits"], part(0.1)["logits"]) and known[1]["logits"].isnan().all()
    second.keep(part(0.3))
    assert len(Parts(tmp_path / "job").known()) == 3


def test_what_is_not_whole_is_made_again_with_all_after_it(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    for value in (0.1, 0.2, 0.3):
        parts.keep(part(value))
    second = sorted(tmp_path.iterdir())[1]
    second.write_bytes(second.read_bytes()[:-3])
    again = Parts(tmp_path)
    assert len(again.known()) == 1
    again.keep(part(0.7))
    assert [float(p["logits"][0, 0]) for p in Parts(tmp_path).known()] == [
        float(torch.tensor(v)) for v in (0.1, 0.7)
    ]


def test_a_part_that_follows_on_others_is_not_believed(tmp_path: Path) -> None:
    """Another job left it, whose batches were larger: its rows begin elsewhere."""
    other = Parts(tmp_path / "other")
    for value in (0.1, 0.2, 0.3):
        other.keep(
            {
                name: tensor.repeat(2) if name == "steps" else tensor.repeat(2, 1)
                for name, tensor in part(value).items()
                if name != "batch"
            }
        )
    own = Parts(tmp_path / "own")
    own.keep(part(0.5))
    for file in sorted((tmp_path / "other").iterdir())[1:]:
        file.rename(tmp_path / "own" / file.name)
    assert len(Parts(tmp_path / "own").known()) == 1
    assert len(list((tmp_path / "own").iterdir())) == 1


def test_a_finished_job_leaves_nothing(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "job")
    parts.keep(part(0.1))
    parts.remove()
    parts.remove()
    assert not (tmp_path / "job").exists()
