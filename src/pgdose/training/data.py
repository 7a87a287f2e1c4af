"""Which of a group's images a run is trained on, which are held out, and which validate it."""

from dataclasses import dataclass

from pgdose.cohort import subsets
from pgdose.cohort.images import Members
from pgdose.study.training import Training
from pgdose.training.loading import ImageSource


@dataclass(frozen=True)
class TrainingData:
    """training: the images to learn from; validation: clean images that the result is judged by;
    held_out: training images, without copies, that judge the epochs; None if nothing is judged."""

    training: ImageSource
    validation: ImageSource
    held_out: ImageSource | None = None


def select_data(
    members: Members, settings: Training, *, seed: int, group: str, run: str, size: int | None
) -> TrainingData:
    """The images of a run.

    A sized run trains on a keyed subset of `size` training images. `keep: best` and `patience`
    hold out a part of the training images, by patient; copies in it are left out altogether.
    """
    in_training = members.table["part"] == "training"
    validation, training = members.select(~in_training), members.select(in_training)
    if size:
        subset = subsets.subset(training.table, size, seed, run)
        training = training.select(training.table["member"].isin(subset["member"]))
    if settings.keep != "best" and not settings.patience:
        return TrainingData(training, validation)
    judging = subsets.held_out(training.table, settings.held_out, seed, f"{group}/{run}")
    held_out = training.select(judging & (training.table["copy"] == 0))
    return TrainingData(training.select(~judging), validation, held_out)
