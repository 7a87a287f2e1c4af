"""The finished parts of a long job on disk."""

from pathlib import Path

import torch

from pgdose.checkpoints import Checkpoints


def part(value: float) -> dict[str, torch.Tensor]:
    return {
        "logits": torch.full((2, 3), value),
        "steps": torch.tensor([4, 5]),
        "batch": torch.tensor(2),
    }


def test_the_next_job_loads_the_parts_that_were_saved(tmp_path: Path) -> None:
    first = Checkpoints(tmp_path / "job")
    assert first.load() == []
    for value in (0.1, float("nan")):
        first.save(part(value))
    second = Checkpoints(tmp_path / "job")
    loaded = second.load()
    assert [len(loaded), loaded[0]["steps"].tolist(), int(loaded[0]["batch"])] == [2, [4, 5], 2]
    assert torch.equal(loaded[0]["logits"], part(0.1)["logits"])
    assert loaded[1]["logits"].isnan().all()
    second.save(part(0.3))
    assert len(Checkpoints(tmp_path / "job").load()) == 3


def test_a_damaged_part_is_made_again_with_all_after_it(tmp_path: Path) -> None:
    parts = Checkpoints(tmp_path)
    for value in (0.1, 0.2, 0.3):
        parts.save(part(value))
    second = sorted(tmp_path.iterdir())[1]
    second.write_bytes(second.read_bytes()[:-3])
    again = Checkpoints(tmp_path)
    assert len(again.load()) == 1
    again.save(part(0.7))
    assert [float(p["logits"][0, 0]) for p in Checkpoints(tmp_path).load()] == [
        float(torch.tensor(v)) for v in (0.1, 0.7)
    ]


def test_a_part_that_follows_other_parts_is_not_loaded(tmp_path: Path) -> None:
    """It is from another job, whose batches were larger: its rows begin elsewhere."""
    other = Checkpoints(tmp_path / "other")
    for value in (0.1, 0.2, 0.3):
        other.save(
            {
                name: tensor.repeat(2) if name == "steps" else tensor.repeat(2, 1)
                for name, tensor in part(value).items()
                if name != "batch"
            }
        )
    this = Checkpoints(tmp_path / "this")
    this.save(part(0.5))
    for file in sorted((tmp_path / "other").iterdir())[1:]:
        file.rename(tmp_path / "this" / file.name)
    assert len(Checkpoints(tmp_path / "this").load()) == 1
    assert len(list((tmp_path / "this").iterdir())) == 1


def test_a_finished_job_leaves_nothing(tmp_path: Path) -> None:
    parts = Checkpoints(tmp_path / "job")
    parts.save(part(0.1))
    parts.remove()
    parts.remove()
    assert not (tmp_path / "job").exists()
