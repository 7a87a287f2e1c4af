"""What every script shares: the log, the message of a mistake, settings, resume folders."""

import contextlib
import errno
import hashlib
import json
import logging
import shutil
import sys
import traceback
from pathlib import Path

# Where the package is not installed (an environment of --sdm conda), it is taken from here.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from pgdose.errors import Damaged, UserError
from pgdose.tables.output_files import file_digest


@contextlib.contextmanager
def job(snakemake):
    """Log to the job's file and the screen; a UserError is its message and no traceback."""
    handlers = [logging.StreamHandler()]
    with contextlib.suppress(OSError):  # a full disk has no room for the log either
        handlers.append(logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers)
    try:
        yield logging.getLogger(snakemake.rule)
    except Damaged as error:
        aside = Path(f"{error.path}.damaged")
        with contextlib.suppress(FileNotFoundError):  # another job was first
            Path(error.path).rename(aside)
        logging.error("%s", error)
        logging.error("It lies in %s now; start again, and it is made anew", aside)
        sys.exit(1)
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception as error:
        if disk_is_full(error):
            logging.error("%s", no_room(snakemake.output[0], "work"))
            sys.exit(1)
        # The log lies with the results, and a message may quote a file: places alone go there.
        frames = traceback.extract_tb(error.__traceback__)
        places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
        logging.error("rule %s failed: %s at %s", snakemake.rule, type(error).__name__, places)
        traceback.print_exc()
        sys.exit(1)


def disk_is_full(error):
    """Whether that is what an error comes from; not every library passes its number on."""
    while error is not None:
        told = str(error).lower()
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "no space left on device" in told or "disk quota exceeded" in told:
            return True
        error = error.__cause__ or error.__context__
    return False


def no_room(*places):
    """What to do about a full disk; of the places that a job writes to, the fullest is named."""
    folders = [Path(place) for place in places]
    folders = [next(f for f in (folder, *folder.parents) if f.is_dir()) for folder in folders]
    free, folder = min((shutil.disk_usage(folder).free, str(folder)) for folder in folders)
    return (
        f"{folder}: no space left on its disk ({free // 10**6} MB free). Make room, or move the "
        "folder to a larger disk and leave a link; then start again: what is done is kept"
    )


def settings(params, name="settings"):
    """A setting that the rules wrote as JSON."""
    return json.loads(getattr(params, name))


def of_attack(surfaces, attack):
    """The shards of one attack among those of all attacks on a run."""
    return [path for path in surfaces if Path(path).parent.parent.name == attack]


def progress(things, log, what):
    """The same things, with a line in the log at each tenth of many."""
    tenth = max(len(things) // 10, 100)
    for number, thing in enumerate(things):
        if number and number % tenth == 0:
            log.info("%d of %d %s", number, len(things), what)
        yield thing


def work_folder(snakemake, *small_inputs, device):
    """Where the job keeps its resume state: another study, code, input or device has another."""
    params = {k: v for k, v in snakemake.params.items() if k != "results"}
    stamps = [(Path(f).stat().st_size, Path(f).stat().st_mtime_ns) for f in snakemake.input]
    what = [snakemake.rule, dict(snakemake.wildcards.items()), params, stamps, device.type]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode())
    digest.update(file_digest(*small_inputs).encode())
    return Path("work", f"{snakemake.rule}-{digest.hexdigest()[:24]}")
