"""An exception of one process, to be raised in another."""

import pickle
import traceback
from pathlib import Path
from typing import Any, NamedTuple, Self


class PassedError(NamedTuple):
    """What is passed on of an exception; all of it can be pickled.

    kind, arguments, attributes: of the exception; a RuntimeError if it cannot be pickled
    places: files and lines where it was raised, the last first, without what they hold
    """

    kind: type[BaseException]
    arguments: tuple
    attributes: dict[str, Any]
    places: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Adds the traceback to the exception as a note."""
        frames = traceback.extract_tb(error.__traceback__)
        places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
        text = "".join(traceback.format_exception(error))
        error.add_note(f"In a process that the job started:\n{text}")
        reduced = error.__reduce__()
        assert isinstance(reduced, tuple)
        # Not its `args`: those of an OSError lack the file.
        passed = cls(type(error), reduced[1], error.__dict__, places)
        try:
            pickle.loads(pickle.dumps(passed)).rebuild()
        except Exception:
            described = f"{type(error).__name__}: {error}"
            return cls(RuntimeError, (described,), {"__notes__": error.__notes__}, places)
        return passed

    def rebuild(self) -> BaseException:
        """The exception again; not by its `__init__`, which may have other parameters."""
        error = self.kind.__new__(self.kind, *self.arguments)
        error.__dict__.update(self.attributes)
        return error
