"""How long the rest of a run takes: the seconds expected of each job, and how jobs share cores."""

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

# Mean seconds of a job in the default study (`make demo`, two cores), for the first run, when
# nothing has been measured yet. Only their proportions matter: the run's own pace scales them.
TYPICAL = {
    "phantom_xray": 58,
    "attack": 38,
    "attack_paper_paper-literal_sign_margin": 24,
    "phantom_fields": 22,
    "train": 19,
    "phantom_slides": 18,
    "group_figures": 17,
    "thumbnails": 15,
    "diagnose": 13,
    "examples": 13,
    "screen": 11,
    "curves": 10,
    "report": 8,
    "render": 6,
}
SHORT = 3.0  # seconds of a job of any other rule; most of it are imports


@dataclass(frozen=True)
class Job:
    """A job of the plan.

    name:    the values of its wildcards, e.g. "X-TB/full"; "" if its rule has a single job
    needs:   the jobs of the plan that have to finish before it starts
    uses:    how much of each resource it holds while it runs, e.g. {"_cores": 2, "gpu": 1}
    earlier: its seconds in an earlier run; None if unknown
    """

    rule: str
    name: str = ""
    needs: frozenset[int] = frozenset()
    uses: Mapping[str, int] = field(default_factory=dict)
    earlier: float | None = None

    @property
    def guess(self) -> float:
        """Its seconds before any job of its rule has been measured in this run."""
        return TYPICAL.get(self.rule, SHORT) if self.earlier is None else self.earlier


def expected_seconds(
    jobs: Mapping[int, Job], measured: Mapping[int, float], typical: bool
) -> tuple[dict[int, float], bool]:
    """The expected seconds of each job that is not in `measured`, and whether all are known.

    typical:  whether the study is like the default one, so that TYPICAL holds for it

    Jobs of a rule that has been measured in this run take their guess times the rule's pace, which
    is the seconds measured over those guessed. Without such a measurement they take their guess at
    the pace of all jobs. Where there is neither an earlier run nor a typical study, the jobs of
    a rule that runs for each source, group or run are unknown and count as 0 seconds.
    """

    def comparable(job: Job) -> bool:
        return typical or job.earlier is not None

    paces: dict[str, float] = {}
    for rule in {jobs[number].rule for number in measured}:
        paces[rule] = _pace({n: s for n, s in measured.items() if jobs[n].rule == rule}, jobs)
    overall = _pace({n: s for n, s in measured.items() if comparable(jobs[n])}, jobs)
    expected, complete = {}, True
    for number, job in jobs.items():
        if number in measured:
            continue
        if job.rule in paces:
            expected[number] = job.guess * paces[job.rule]
        elif comparable(job):
            expected[number] = job.guess * overall
        elif not job.name:
            expected[number] = job.guess
        else:
            expected[number], complete = 0.0, False
    return expected, complete


def _pace(measured: Mapping[int, float], jobs: Mapping[int, Job]) -> float:
    """Seconds measured over seconds guessed; 1 if there are none."""
    guessed = sum(jobs[number].guess for number in measured)
    return sum(measured.values()) / guessed if guessed else 1.0


def seconds_left(
    jobs: Mapping[int, Job],
    expected: Mapping[int, float],
    running: Mapping[int, float],
    limits: Mapping[str, int],
) -> float:
    """Seconds until the last of the `expected` jobs has finished.

    running:  seconds that each running job has run so far
    limits:   how much of each resource all running jobs may hold together

    The rest of the run is played through: whenever a job finishes, those start that need nothing
    more and find room. Of jobs that hold equal resources, the first in the plan starts first.
    """
    free = dict(limits)
    waits = {n: len(jobs[n].needs & expected.keys()) for n in expected if n not in running}
    followers: dict[int, list[int]] = {}
    for number in waits:
        for needed in jobs[number].needs & expected.keys():
            followers.setdefault(needed, []).append(number)
    uses = {n: tuple(_uses(jobs[n], limits)) for n in expected}
    ready: dict[tuple[tuple[str, int], ...], deque[int]] = {}
    ends: list[tuple[float, int]] = []
    now = 0.0

    def start(number: int, seconds: float) -> None:
        for name, amount in uses[number]:
            free[name] -= amount
        heapq.heappush(ends, (now + seconds, number))

    for number, elapsed in running.items():
        start(number, max(expected[number] - elapsed, 0.0))
    for number, count in waits.items():
        if not count:
            ready.setdefault(uses[number], deque()).append(number)
    while True:
        for needs, queue in ready.items():
            while queue and all(free[name] >= amount for name, amount in needs):
                number = queue.popleft()
                start(number, expected[number])
        if not ends:
            return now
        now, done = heapq.heappop(ends)
        for name, amount in uses[done]:
            free[name] += amount
        for number in followers.get(done, ()):
            waits[number] -= 1
            if not waits[number]:
                ready.setdefault(uses[number], deque()).append(number)


def _uses(job: Job, limits: Mapping[str, int]) -> list[tuple[str, int]]:
    """What a job holds of the limited resources; never more than there is, so that it can start."""
    return [(name, min(job.uses.get(name, 0), limits[name])) for name in sorted(limits)]
