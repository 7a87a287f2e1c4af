"""Batches are halved when memory runs out, and other errors stay what they are."""

import pytest
import torch

from pgdose.errors import UserError
from pgdose.out_of_memory import halve_batch

FULL = [
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
]


@pytest.mark.parametrize("error", FULL, ids=str)
def test_a_batch_that_does_not_fit_is_halved(error: RuntimeError) -> None:
    assert [halve_batch(9, error), halve_batch(2, error), halve_batch(3, error, least=2)] == [
        4,
        1,
        2,
    ]


@pytest.mark.parametrize("error", FULL[:3], ids=str)
def test_a_single_image_that_does_not_fit_is_told(error: RuntimeError) -> None:
    with pytest.raises(UserError, match="single image"):
        halve_batch(1, error)


def test_a_convolution_that_no_smaller_batch_mends_keeps_its_error() -> None:
    with pytest.raises(RuntimeError, match="unable to find an engine"):
        halve_batch(1, FULL[3])
    with pytest.raises(ValueError, match="another"):
        halve_batch(8, ValueError("another"))  # type: ignore[arg-type]
