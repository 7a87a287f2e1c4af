"""When memory runs out: fewer images at a time."""

import torch

from pgdose.errors import UserError


def smaller(batch: int, error: RuntimeError, least: int = 1) -> int:
    """Half the batch, but `least`, if memory ran out; any other error is raised again."""
    told = str(error)
    full = "memory" in told and ("allocat" in told or "out of memory" in told)
    full |= "ALLOC_FAILED" in told  # cuBLAS and cuDNN
    if not (full or isinstance(error, torch.OutOfMemoryError)):
        raise error
    if batch <= least:
        those = "a single image" if least == 1 else f"{least} images"
        raise UserError(f"memory does not hold {those}; give the job more (mem_mb)")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return max(batch // 2, least)
