"""Exceptions whose message a person reads."""

from os import PathLike


class UserError(Exception):
    """A mistake in the study or its inputs; its message is shown without a traceback.

    The message names the field or the record, what stands there, what may stand there, and what
    to do. It never names a path from a source: those may carry patients' names.
    """


class Damaged(UserError):  # noqa: N818 - it names what happened to a file
    """A file that pgdose wrote and that has changed since; its rule can make it again."""

    def __init__(self, path: str | PathLike[str], what: str) -> None:
        super().__init__(f"{path}: damaged, {what}")
        self.path = path


class Rejected(Exception):  # noqa: N818 - it names what happened to an input
    """An input that cannot be used: a reason code, and a detail without personal data."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
