"""The arguments `labels`, `classes` and `patients`: one entry for each image."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from pgdose.errors import UserError
from pgdose.study.suggestions import nearest, one_of

SHOWN = 40  # characters of a label that is not known
LARGEST = 2.0**53  # a label from here on is no number of an output, and int64 may not hold it


def read_classes(classes: Any) -> list[str] | None:
    """The names of the classes in the order of the network's outputs; None if none are given."""
    if classes is None:
        return None
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise UserError(f"classes: {classes!r}; give a list of names, in the order of the outputs")
    refuse_unordered(classes, "classes", "a list of names, in the order of the outputs")
    names = list(classes)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise UserError(
                f"classes: {name!r} is no name; give texts, in the order of the outputs"
            )
    if len({name.strip() for name in names}) < len(set(names)):
        raise UserError(f"classes: {_listed(names)}; two differ only in spaces; rename one")
    if len(set(names)) < len(names):
        raise UserError(f"classes: {_listed(names)}; name each class once")
    if len(names) < 2:
        raise UserError(f"classes: {_listed(names)}; name at least two classes")
    return names


def read_labels(labels: Any, images: int, classes: Sequence[str] | None) -> np.ndarray:
    """int64, n: the number of the output that stands for each image's true class.

    labels:  numbers from 0, true and false for two classes, or names of `classes`
    images:  n
    classes: names in the order of the outputs; None if the labels are numbers
    """
    values = _as_array(labels, "labels")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise UserError(
            f"labels: {' x '.join(map(str, values.shape)) or 'a single one'}; give one label for "
            "each image (of one-hot rows labels.argmax(axis=1))"
        )
    _check_length("labels", len(values), images)
    if values.dtype.kind in "US" or all(isinstance(value, str) for value in values):
        return _numbers_of_names([str(value) for value in values], classes)
    if values.dtype == object:
        odd = next(i for i, value in enumerate(values) if not isinstance(value, str))
        raise UserError(
            f"labels: {values[odd]!r} of image {odd} is no name; give a name or a number for each "
            "image, all of one kind"
        )
    if values.dtype.kind not in "biuf":
        raise UserError(f"labels: {values.dtype}; give whole numbers from 0, or names")
    whole = np.isfinite(values) & (values == np.trunc(values))
    whole &= np.abs(values.astype(np.float64)) < LARGEST
    if not whole.all():
        odd = int(np.flatnonzero(~whole)[0])
        raise UserError(
            f"labels: {values[odd]:g} of image {odd} is no whole number; give the number of the "
            "class's output"
        )
    return values.astype(np.int64)


def check_range(labels: np.ndarray, outputs: int) -> None:
    """UserError for a label that no output stands for."""
    wrong = np.flatnonzero((labels < 0) | (labels >= outputs))
    if len(wrong):
        raise UserError(
            f"labels: {labels[wrong[0]]} of image {wrong[0]}, but the network tells {outputs} "
            f"classes; give 0 to {outputs - 1}"
        )


def missing_classes(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """The classes that no image has."""
    count = np.bincount(labels, minlength=len(names))
    return [name for name, images in zip(names, count, strict=True) if not images]


def read_patients(patients: Any, images: int) -> list[str] | None:
    """The patient of each image; None if they are not given."""
    if patients is None:
        return None
    values = _as_array(patients, "patients")
    if values.ndim != 1:
        raise UserError("patients: give one patient for each image")
    _check_length("patients", len(values), images)
    names = [str(value).strip() for value in values.tolist()]
    for number, (value, name) in enumerate(zip(values.tolist(), names, strict=True)):
        if pd.isna(value) or not name:
            raise UserError(f"patients: image {number} has none; give one for each image")
    return names


def refuse_unordered(values: Any, name: str, advice: str) -> None:
    """UserError for a set, whose order is chance, and a mapping, which would give its keys."""
    if isinstance(values, Set | Mapping):
        raise UserError(f"{name}: a {type(values).__name__}; give {advice}")


def refuse_masked(values: Any, name: str) -> None:
    """UserError for numpy's masked arrays with masked entries, whose values would be taken."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise UserError(
            f"{name}: an array of which {np.ma.count_masked(values)} entries are masked; fill "
            "them, or leave their images out"
        )


def _check_length(name: str, entries: int, images: int) -> None:
    if entries != images:
        raise UserError(
            f"{name}: {entries} for {images} images; give one for each image, in their order"
        )


def _as_array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UserError(f"{name}: {values!r}; give a list with one entry for each image")
    refuse_unordered(values, name, "a list with one entry for each image, in their order")
    refuse_masked(values, name)
    if not hasattr(values, "__array__"):
        values = [value.item() if isinstance(value, Tensor) else value for value in values]
        if len({isinstance(value, str) for value in values}) > 1:
            return np.array(values, dtype=object)  # numpy would write numbers as texts
    try:
        return np.asarray(values)
    except ValueError:
        raise UserError(f"{name}: entries of several lengths; give one for each image") from None


def _numbers_of_names(labels: list[str], classes: Sequence[str] | None) -> np.ndarray:
    if classes is None:
        raise UserError(
            f"labels: names such as {labels[0][:SHOWN]!r}; say which output each stands for, "
            "classes=[...] in the order of the outputs"
        )
    number_of = {name: number for number, name in enumerate(classes)}
    for image, label in enumerate(labels):
        if label not in number_of:
            raise UserError(
                f"labels: {label[:SHOWN]!r} of image {image} is not among the "
                f"classes{nearest(label[:SHOWN], classes)}; {one_of(classes)}"
            )
    return np.array([number_of[label] for label in labels], np.int64)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
