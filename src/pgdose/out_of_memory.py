"""What to do when memory runs out: take fewer images at a time."""

import torch

from pgdose.errors import UserError

# What torch says of a convolution whose workspace does not fit; also of one that cuDNN cannot do,
# which no smaller batch mends.
NO_ENGINE = "unable to find an engine to execute this computation"


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says, or may mean, that memory ran out."""
    text = str(error)
    full = "memory" in text and ("allocat" in text or "out of memory" in text)
    full |= "ALLOC_FAILED" in text  # cuBLAS and cuDNN
    full |= NO_ENGINE in text
    return full or isinstance(error, torch.OutOfMemoryError)


def halve_batch(batch: int, error: RuntimeError, least: int = 1) -> int:
    """Half the batch, at least `least`, if the error says that memory ran out.

    Any other error is raised again. UserError if the batch cannot be smaller.
    """
    if not is_out_of_memory(error) or (batch <= least and NO_ENGINE in str(error)):
        raise error
    if batch <= least:
        images = "a single image" if least == 1 else f"{least} images"
        raise UserError(f"out of memory with {images} at a time; give the job more memory (mem_mb)")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return max(batch // 2, least)
