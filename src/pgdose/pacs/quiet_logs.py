"""Loggers of other packages that would write UIDs, names and addresses of requests."""

import logging
import warnings

NOISY = ("pynetdicom", "pydicom", "dicomweb_client", "urllib3", "requests")


def quieten() -> None:
    """Nothing of them reaches a log any more. What matters is in our own messages."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in NOISY]
    for name in (*NOISY, *names):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    for name in NOISY:
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
