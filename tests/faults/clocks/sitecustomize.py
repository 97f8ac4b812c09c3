"""For child processes only, by PYTHONPATH: their clock is as far off as the file named says.

The file may change while they run: then their clock jumps. What measures durations goes on.
"""

import os
import threading
import time
from pathlib import Path

import time_machine

LOOK_EVERY = 0.05


def _read(path: Path) -> float:
    return float(path.read_text() or 0)


def _follow(path: Path, told: float, traveller: time_machine.Traveller) -> None:
    while True:
        time.sleep(LOOK_EVERY)
        now = _read(path)
        if now != told:
            traveller.shift(now - told)
            told = now


def _begin(path: Path) -> None:
    told = _read(path)
    traveller = time_machine.travel(time.time() + told, tick=True).start()
    threading.Thread(target=_follow, args=(path, told, traveller), daemon=True).start()


if "FAULTS_CLOCK" in os.environ:
    _begin(Path(os.environ["FAULTS_CLOCK"]))
