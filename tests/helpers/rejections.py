"""The rejection of an input that the tests expect."""

from collections.abc import Callable
from typing import Any

import pytest

from pgdose.errors import Rejected


def rejection(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Rejected:
    """The rejection that a call raises."""
    with pytest.raises(Rejected) as caught:
        call(*args, **kwargs)
    return caught.value


def reason(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The reason code with which a call rejects its input."""
    return rejection(call, *args, **kwargs).reason
