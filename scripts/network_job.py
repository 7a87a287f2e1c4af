"""What the jobs that attack a network share: device, members, their images, network, batch size."""

import functools

from job import settings

import numpy as np
import torch

from pgdose import devices
from pgdose.attack.samples import Samples
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.tables import clean_logits, sharding


def device_of(snakemake):
    """The device of the job, which computes with the number of threads that the study gives."""
    torch.set_num_threads(snakemake.params.threads)
    return devices.claim_device(snakemake.resources.get("gpu", 0))


def load_members(snakemake, path=None, shape=None):
    """All members of a group."""
    return images.load_members(
        path or snakemake.input.members,
        snakemake.params.results,
        **(shape or settings(snakemake.params, "shape")),
    )


def attacked_members(snakemake, amount, shard=0, shards=1):
    """The validation members that are attacked, all or a keyed draw of them; a shard of these."""
    members = load_members(snakemake)
    validation = members.table[members.table["part"] == "validation"]
    drawn = image_draws.attacked(
        validation, amount, snakemake.params.seed, snakemake.wildcards.group
    )
    rows = sharding.shard_rows(len(drawn), shard, shards)
    return members.select(members.table["member"].isin(drawn["member"].iloc[rows]))


def samples(members, seed, device, clean=None, rows=None):
    """Images as tensors: all, or those of some rows of the members' table, in their order.

    `clean` is the file of their logits, if these are known.
    """
    rows = range(len(members)) if rows is None else rows
    table, logits = members.table.iloc[list(rows)], None
    if clean is not None:
        logits = torch.from_numpy(clean_logits.read(clean, table["member"]))
    return Samples(
        devices.scaled(members.read(rows), device),
        torch.from_numpy(members.labels[list(rows)]).to(device),
        torch.from_numpy(image_draws.image_keys(table, seed)),
        logits,
    )


def sample_of(members, member, seed, device):
    """The image of one member."""
    rows = np.flatnonzero(members.table["member"] == member)
    return samples(members, seed, device, rows=rows)


def reusable_clean(path, precision):
    """The file of clean logits, if the attack computes in their precision; else None."""
    return path if clean_logits.computed_in(path) == precision else None


def load_network(snakemake, path, precision, device, log):
    """The network as it is attacked, and the precision that it computes in there."""
    trust = getattr(snakemake.params, "trust", False)
    network, used = network_files.load_to_attack(path, precision, device, trust=trust)
    if used != precision:
        log.warning("precision: %s needs CUDA; this job computes in %s", precision, used)
    return network, used


def network_loader(snakemake, device, log):
    """`load_network` of the job's only network, as a function of the precision.

    It keeps one network: the precision is a global setting of torch, which loading makes.
    """
    load = functools.partial(load_network, snakemake, snakemake.input.network)
    return functools.lru_cache(maxsize=1)(lambda precision: load(precision, device, log))


def batch_size(snakemake, network, pixels, device):
    """As many images at a time as fit into the memory that the images themselves leave."""
    free = snakemake.resources.batch_mb - pixels.nbytes // 10**6
    image = pixels.new_zeros((1, *pixels.shape[1:]))
    return devices.fitting_batch(network, image, device, free)
