"""The advice after a failure, where files lie in the future."""

import os
import time
from pathlib import Path

from pgdose.terminal import clock


def test_advice_on_files_of_the_future(tmp_path: Path) -> None:
    now = time.time()
    results, nowhere = str(tmp_path / "results"), str(tmp_path / "nowhere")
    late = tmp_path / "results/tables/asr.csv"
    late.parent.mkdir(parents=True)
    late.touch()
    assert clock.advice([results, nowhere]) == ""
    os.utime(late, (now + 3600, now + 3600))
    assert abs(clock.seconds_ahead([nowhere, results], now) - 3600) < 1
    assert clock.advice([results]).startswith("Some files of this study are dated up to 1 h 00 min")
    os.utime(late, (now + 30, now + 30))  # clocks of machines differ
    assert clock.advice([results]) == ""
    late.unlink()
    late.symlink_to("nothing")
    assert clock.advice([results]) == ""
