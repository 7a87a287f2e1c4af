"""The rejection of an input that the tests expect, and the codes that modules raise."""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path
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


def raised_codes(modules: Iterable[Path]) -> set[str]:
    """The reason codes in the calls of Rejected and Reject: texts in the argument of the code."""
    calls = [
        node
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    codes = set()
    for call in calls:
        place = {"Rejected": 0, "Reject": 2, "InstanceFailure": 0}.get(getattr(call.func, "id", ""))
        if place is not None:
            texts = (n.value for n in ast.walk(call.args[place]) if isinstance(n, ast.Constant))
            codes |= {text for text in texts if isinstance(text, str)}
    return codes
