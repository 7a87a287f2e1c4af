"""The words and columns of the lines on the terminal."""

MINUTE, HOUR, DAY = 60, 3600, 86400
WIDEST = 30  # of the column of names; with it, the longest lines fit 80 columns


def label(rule: str, name: str) -> str:
    """A job as a person calls it: "train X-TB/full"."""
    return f"{rule} {name}".rstrip()


def duration(seconds: float) -> str:
    """46 s, 3 min 20 s, 2 h 05 min, 3 d 04 h."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR:02d} h"


def time_left(seconds: float, complete: bool) -> str:
    """An estimate in round numbers; a lower bound unless it is complete."""
    if seconds < 50 and complete:
        return "less than a minute left"
    minutes = max(round(seconds / MINUTE), 1)
    if minutes < 60:
        text = f"{minutes} min"
    elif minutes < 10 * 60:
        text = duration(round(minutes, -1) * MINUTE)
    elif minutes < 48 * 60:
        text = f"{round(minutes / 60)} h"
    else:
        text = f"{round(minutes / 60 / 24)} days"
    return f"{'about' if complete else 'at least'} {text} left"


class Columns:
    """Lines of one width: a counter or a state, the job, its time, and the time left."""

    def __init__(self, labels: list[str]) -> None:
        self.total = str(len(labels))
        self.counter = max(2 * len(self.total) + 1, len("running"))
        self.label = min(max(map(len, labels), default=0), WIDEST)

    def line(self, state: str, label: str, seconds: float, left: str = "") -> str:
        columns = [state.rjust(self.counter), label.ljust(self.label)]
        return "  ".join([*columns, duration(seconds).rjust(11), left]).rstrip()

    def finished(self, number: int, label: str, seconds: float, left: str) -> str:
        return self.line(f"{number}/{self.total}", label, seconds, left)
