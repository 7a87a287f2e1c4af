"""Attacks: tensors in, response surface out. Knows no files but its own tables, no groups.

The modules, in reading order:

    samples         the images under attack, with their classes and keys
    loop            the attack loop on one screen, and single trajectories
    steps           from one iterate and its gradient to the next; the base class of attacks
    objectives      what an attack lowers
    projections     clips: what epsilon bounds, and all that depends on it
    draws           random images that depend on an image's key alone
    apgd            Auto-PGD, an attack with its own schedule
    noise           the control: uniform noise
    settings        from an entry of the study to the attack
    input_checks    errors for networks, epsilons, images and logits that no attack can be made with
    selection       which images are attacked: those that the network gets right
    surface         the whole response surface of an attack
    shortcuts       what the surface need not compute twice
    queue           attacks that wait for a place in the batch
    batching        batch after batch, and what a killed attack goes on from
    surface_table   the surface on disk
    external        attacks of other libraries, as a surface
    libraries       what those libraries need to run an attack by its name
    diagnostics/    checks whether an attack can be believed
    rerun           adversarial images, by running an attack again
    transfer        what other networks make of these images
    transfer_table  that on disk
    certificate     how a network decides on noisy copies, for certificates of randomised smoothing
    universal       one perturbation for all images, learned on training images
    universal_judging   what networks make of images under it; that on disk

`attack.make` is that of `settings`.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Import `make` when it is used: many modules here need no torch."""
    # By name, so that `rerun_digest` does not take it for code of every job.
    if name == "make":
        return importlib.import_module("pgdose.attack.settings").make
    raise AttributeError(f"module 'pgdose.attack' has no attribute {name!r}")
