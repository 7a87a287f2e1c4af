"""Scores by which images are rejected: how certain a network, or a group of networks, is.

A score says how far a decision may be trusted; an image is rejected if its certainty is under a
threshold. The decision itself is always the class with the largest logit.
"""

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax


def confidence(logits: np.ndarray, offset: np.ndarray | None = None) -> np.ndarray:
    """The probability of the class that is decided for, float64 in [0, 1].

    That is the largest probability (maximum softmax probability, Hendrycks & Gimpel 2017), unless
    the network's decision has a threshold, whose `offset` (classes,) belongs to the logits
    (`clean_logits.offset_of`).

    logits: (..., classes)
    """
    logits = np.asarray(logits, np.float64)
    probabilities = softmax(logits if offset is None else logits + offset, axis=-1)
    decision = logits.argmax(axis=-1)[..., None]
    return np.asarray(np.take_along_axis(probabilities, decision, axis=-1)[..., 0])


def margin(logits: np.ndarray, offset: np.ndarray | None = None) -> np.ndarray:
    """The largest logit less the second largest, float64, 0 and more.

    The logits are those of the decision, so that with a threshold it is the distance of the
    log-odds from the threshold, and `offset` does not count. Of two classes without a threshold it
    is the log-odds of the confidence, and rejects the same images.

    logits: (..., classes), two classes and more
    """
    two = np.partition(np.asarray(logits, np.float64), -2, axis=-1)[..., -2:]
    return np.asarray(two[..., 1] - two[..., 0])


def disagreement(logits: np.ndarray, offsets: np.ndarray | None = None) -> np.ndarray:
    """How far several networks disagree on an image, in nats: from 0 to log(networks).

    The mean over networks m of KL(p_m || p), p being the mean of their probabilities p_m: the
    disagreement of Lakshminarayanan et al. (2017), who sum it, divided by the number of networks.
    It is the entropy of the mean less the mean entropy, the mutual information of Houlsby et al.
    (2011).

    logits:  (..., networks, classes)
    offsets: (networks, classes), what to add before softmax; None: nothing
    """
    logits = np.asarray(logits, np.float64)
    log_p = log_softmax(logits if offsets is None else logits + offsets, axis=-1)
    log_mean = logsumexp(log_p, axis=-2, keepdims=True) - np.log(logits.shape[-2])
    divergence = (np.exp(log_p) * (log_p - log_mean)).sum(axis=-1).mean(axis=-1)
    return np.asarray(np.maximum(divergence, 0.0))  # rounding may leave a little less
