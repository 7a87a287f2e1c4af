"""The images under attack, with all that belongs to each of them."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """n images for an attack.

    images:  n x channels x rows x columns, float in [0, 1], on the network's device
    classes: n, int64, the true classes, on the same device
    keys:    n, int64: identities of the images, for attacks that draw
    clean:   n x classes, float: logits of these images where they are known already; None to
             compute them
    """

    images: Tensor
    classes: Tensor
    keys: Tensor
    clean: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: Tensor) -> "Samples":
        """Some of the images, by their positions (int64) or a mask (bool), on any device."""
        clean = None if self.clean is None else self.clean[rows.to(self.clean.device)]
        keys = self.keys[rows.to(self.keys.device)]
        return Samples(self.images[rows], self.classes[rows], keys, clean)
