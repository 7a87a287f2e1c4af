"""How a server fails: for now (try again), for good (the job stops), or at one instance.

No text of them holds a UID, a name or a login: they end up in logs.
"""

from typing import NamedTuple

from pgdose.errors import UserError


class ServerDown(Exception):  # noqa: N818 - it names a state
    """No connection, a connection that broke, or a server that is busy: another try may help.

    busy:        it says so itself: what was asked for has no part in it
    retry_after: seconds that the server asks for
    """

    def __init__(self, what: str, *, busy: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(what)
        self.what, self.busy, self.retry_after = what, busy, retry_after


class TooMany(Exception):  # noqa: N818 - it names a state
    """The server refuses to list so much at once."""


class Refused(UserError):  # noqa: N818 - it names what happened
    """The server does not want us: the login, the certificate or our title. The job stops."""


class RetriesExhausted(UserError):  # noqa: N818 - it names what happened
    """The server failed at each try, or refused what cannot be asked for in parts.

    The job stops, unless this is about a single study that is being listed: see `listing`.

    reason: what failed and how often, without the advice to start the study anew
    """

    def __init__(self, reason: str, then: str) -> None:
        super().__init__(
            f"server: {reason}; when the server is well again, start the study anew: {then}"
        )
        self.reason = reason


class InstanceFailure(NamedTuple):
    """Why a server that answers does not deliver an instance.

    reason, detail: as in the tables of rejects
    final:     it says that it does not have it, so that another try is of no use
    forbidden: it says that we may not have it
    """

    reason: str
    detail: str
    final: bool = False
    forbidden: bool = False


def stopped(what: str, tries: int, *, then: str) -> RetriesExhausted:
    """The error of a server that failed `tries` times in a row; `then`: what a new start does."""
    return RetriesExhausted(f"{what}, {tries} times in a row" if tries > 1 else what, then)
