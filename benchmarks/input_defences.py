"""How long defences at the input take beside the network, in ms of CPU for an image of 96 x 96.

Of noise as image, it tells also how many of its pixels have a gradient of 0 by the defence's own.

    .venv/bin/python benchmarks/input_defences.py
"""

import time

import torch

from pgdose.networks import input_defences
from pgdose.study.defended_networks import InputDefence

IMAGES, SIDE, ROUNDS = 32, 96, 3
DEFENCES = [
    ({"jpeg": {"quality": 75}}, 1),
    ({"jpeg": {"quality": 75}}, 3),
    ({"bit_depth": {"bits": 3}}, 1),
    *(({"median": {"size": size}}, 1) for size in (3, 5, 9, 15)),
]


def main() -> None:
    torch.set_num_threads(1)
    source = torch.Generator().manual_seed(0)
    for settings, channels in DEFENCES:
        defence = InputDefence.model_validate(settings)
        made = input_defences.make(defence, "autograd", 0)
        images = torch.rand(IMAGES, channels, SIDE, SIDE, generator=source)
        list(made(images))
        seconds = []
        for _ in range(ROUNDS):
            begun = time.process_time()
            list(made(images))
            seconds.append(time.process_time() - begun)
        each = 1000 * min(seconds) / IMAGES
        images.requires_grad_()
        (gradient,) = torch.autograd.grad(next(made(images)).sum(), images)
        zeros = float((gradient == 0).float().mean())
        what = f"{defence.label}, {channels} channel{'s' * (channels > 1)}"
        print(f"{what}: {each:.2f} ms, {zeros:.0%} of the gradient 0")


if __name__ == "__main__":
    main()
