"""The exceptions that are meant for the person at the keyboard."""

from os import PathLike


class UserError(Exception):
    """A mistake in the study or its inputs. The message is shown as it stands, without a traceback.

    It names the field or the record (never a path from a source: those may carry patients'
    names), what stood there and what may stand there.
    """


class Damaged(UserError):  # noqa: N818 - it names what happened to a file
    """A file of pgdose's own that is not as it was written; what wrote it can make it again."""

    def __init__(self, path: str | PathLike[str], what: str) -> None:
        super().__init__(f"{path}: damaged, {what}")
        self.path = path


class Rejected(Exception):  # noqa: N818 - it names what happened to an input
    """One input that cannot be used: a reason code, and a detail that gives nobody away."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
