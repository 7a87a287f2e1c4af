"""What scripts share: messages about full disks and damaged files, and resume folders."""

import errno
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import torch
from helpers.workflow import PROJECT

from pgdose.errors import Damaged, UserError


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    import job

    yield job
    del sys.modules["job"]


@pytest.fixture
def work_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    import work_folder

    yield work_folder.work_folder
    del sys.modules["work_folder"]


def described(**named: Any) -> Any:
    files = {"log": ["log"], "output": ["results/x.parquet"]}
    return SimpleNamespace(**{**files, "rule": "attack", "wildcards": ["X-TB", "full"], **named})


def nested(error: Exception) -> Exception:
    try:
        try:
            raise error
        except Exception:
            raise RuntimeError("could not write") from None
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        pa.ArrowException("Error writing bytes to file: No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        nested(OSError(errno.ENOSPC, "")),
    ],
)
def test_a_full_disk_is_named_as_such(
    script: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit), script.job(described()):
        raise error
    log = caplog.text
    assert "no space left on its disk" in log and "start again: what is done is kept" in log
    assert "attack failed" not in log


def test_another_error_is_not_taken_for_a_full_disk(
    script: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit), script.job(described()):
        raise OSError(errno.EIO, "Input/output error")
    assert "rule attack failed: OSError at test_job.py" in caplog.text


def test_a_damaged_file_is_named_and_set_aside(
    script: Any, caplog: pytest.LogCaptureFixture
) -> None:
    Path("0.npy").write_bytes(b"damaged")
    with pytest.raises(SystemExit), script.job(described()):
        raise Damaged("0.npy", "row 3 is not as it was written")
    log = caplog.text
    assert "0.npy: damaged, row 3" in log and "0.npy.damaged" in log and "make it anew" in log
    assert Path("0.npy.damaged").read_bytes() == b"damaged" and not Path("0.npy").exists()


def test_other_libraries_words_stay_out_of_the_log(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They quote names and texts of files, and the log lies with the results."""
    monkeypatch.setattr(logging.root, "handlers", [])  # pytest's own
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    with script.job(described()) as log:
        log.info("%d images", 3)
        for name in ("pgdose.xray.films", "pgdose_phantom"):
            logging.getLogger(name).warning("ours")
        for other in ("tifffile", "PIL.Image", "pydicom", "root", "pgdosex", ""):
            logging.getLogger(other).error("Ivanova in a tag")
    assert Path("log").read_text() == "3 images\nours\nours\n"


@pytest.mark.parametrize("log", ["log", "no folder/log"])
def test_the_terminal_shows_warnings_and_the_log_everything(
    script: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], log: str
) -> None:
    """Errors too, but only if no log can be written: Snakemake shows a failed job's log."""
    monkeypatch.setattr(logging.root, "handlers", [])  # pytest's own
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    snakemake = described()
    snakemake.log = [log]
    with pytest.raises(SystemExit), script.job(snakemake) as logger:
        logger.info("epoch 1 of 2")
        logger.warning("out of memory")
        raise UserError("training.lr: must be lower")
    everything = ["epoch 1 of 2", "out of memory", "training.lr: must be lower"]
    seen = ["attack X-TB/full: out of memory"]
    if log == "log":
        assert Path(log).read_text().splitlines() == everything
    else:
        seen.append("attack X-TB/full: training.lr: must be lower")
    assert capfd.readouterr().err.splitlines() == seen


def test_the_work_folder_changes_with_all_that_a_result_depends_on(work_folder: Any) -> None:
    Path("members").write_text("some")
    Path("network").write_text("weights")

    def folder(device: str = "cpu", **changes: Any) -> Path:
        params = {"settings": '{"lr": 0.1}', "seed": 1, "code": "abc", "results": "here"} | changes
        wildcards = {"group": params.pop("group", "G"), "run": "full"}
        described = SimpleNamespace(
            rule="train", wildcards=wildcards, params=params, input=["members", "network"]
        )
        return work_folder(described, "members", device=torch.device(device))

    first = folder()
    assert folder() == folder(results="elsewhere") == first
    others = {"settings": '{"lr": 0.2}'}, {"seed": 2}, {"code": "abd"}, {"group": "H"}
    assert len({first, folder(device="cuda"), *(folder(**change) for change in others)}) == 6
    Path("network").write_text("other")
    second = folder()
    Path("members").write_text("more")
    assert len({first, second, folder()}) == 3
