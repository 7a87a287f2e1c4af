"""What every script shares: the log, the message of a mistake, settings, resume folders."""

import contextlib
import hashlib
import json
import logging
import sys
import time
import traceback
from pathlib import Path

from tqdm import tqdm

# Where the package is not installed (an environment of --sdm conda), it is taken from here.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from pgdose.errors import UserError
from pgdose.records import file_digest


@contextlib.contextmanager
def job(snakemake):
    """Log to the job's file and the screen; a UserError is its message and no traceback."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[
            logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8"),
            logging.StreamHandler(),
        ],
    )
    try:
        yield logging.getLogger(snakemake.rule)
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception as error:
        # The log lies with the results, and a message may quote a file: places alone go there.
        frames = traceback.extract_tb(error.__traceback__)
        places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
        logging.error("rule %s failed: %s at %s", snakemake.rule, type(error).__name__, places)
        traceback.print_exc()
        sys.exit(1)


def settings(params, name="settings"):
    """A setting that the rules wrote as JSON."""
    return json.loads(getattr(params, name))


def progress(things, log, what):
    """The same things, with a line in the log at each tenth of many."""
    tenth = max(len(things) // 10, 100)
    for number, thing in enumerate(things):
        if number and number % tenth == 0:
            log.info("%d of %d %s", number, len(things), what)
        yield thing


class AttackProgress:
    """A bar on a terminal, and a line a minute in the log."""

    EVERY = 60  # seconds

    def __init__(self, log, name):
        self.log, self.name = log, name
        self.bar = tqdm(desc=name, unit="image", disable=not sys.stderr.isatty())
        self.begun = self.told = time.monotonic()
        self.before = None

    def __call__(self, done, of, steps):
        """`done` images of so many, after so many gradient steps since the job began."""
        now = time.monotonic()
        rate = steps / (now - self.begun)
        self.bar.total = of
        self.bar.set_postfix_str(f"{rate:.1f} steps/s", refresh=False)
        self.bar.update(done - self.bar.n)
        if self.before is None:  # no time can be told by one batch: the first is slower
            self.before = (now, done)
        elif now - self.told >= self.EVERY:
            self.told = now
            since, first = self.before
            left = (of - done) * (now - since) / max(done - first, 1) / 60
            what = (self.name, done, of, rate, left)
            self.log.info("%s: %d of %d images, %.1f steps/s, %.0f min left", *what)


def work_folder(snakemake, *small_inputs, device):
    """Where the job keeps its resume state: another study, code, input or device has another."""
    params = {k: v for k, v in snakemake.params.items() if k != "results"}
    stamps = [(Path(f).stat().st_size, Path(f).stat().st_mtime_ns) for f in snakemake.input]
    what = [snakemake.rule, dict(snakemake.wildcards.items()), params, stamps, device.type]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode())
    digest.update(file_digest(*small_inputs).encode())
    return Path("work", f"{snakemake.rule}-{digest.hexdigest()[:24]}")
