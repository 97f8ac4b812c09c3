"""Calls at the same moment, on threads with connections of their own."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections

SECONDS = 60


def together(works: Sequence[Callable[[], Any]], seconds: float = SECONDS) -> list[Any]:
    """Starts all of `works` at once; what each returned or raised, in their order.

    Fails when they have not all ended after `seconds`: a deadlock the database did not see.
    """
    outcomes: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(place: int) -> None:
        try:
            gate.wait(seconds)
            outcomes[place] = works[place]()
        except Exception as error:
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(works))]
    for thread in threads:
        thread.start()
    join_all(threads, seconds)
    return outcomes


def join_all(threads: Sequence[threading.Thread], seconds: float = SECONDS) -> None:
    """Fails unless all end within `seconds`."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    stuck = [thread.name for thread in threads if thread.is_alive()]
    assert not stuck, f"still running after {seconds} s: {stuck}"


def failures(outcomes: Sequence[Any]) -> list[Exception]:
    """Those of `outcomes` that are exceptions."""
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]
