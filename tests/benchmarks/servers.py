"""The servers that benchmarks ask: ours with a chain of contexts, and what it is compared with."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.documents import document
from tests.instances import ROOT, Instance, temporary_database

QUIET = {"CONTEXTSYS_LOG_LEVEL": "WARNING"}


@contextlib.contextmanager
def ours(tasks: int, **environment: str) -> Iterator[Instance]:
    """A running instance: tasks `t0`… in branch `b` of project `p`, a document at each level."""
    with tempfile.TemporaryDirectory() as scratch, temporary_database(Path(scratch)) as database:
        instance = Instance(Path(scratch) / "home", database, {**QUIET, **environment})
        try:
            instance.start()
            fill(instance, tasks)
            yield instance
        finally:
            instance.kill()


def fill(instance: Instance, tasks: int) -> None:
    with instance.client() as client:

        def write(method: str, path: str, **body: object) -> None:
            client.request(method, f"api/v1/contexts/{path}", json=body).raise_for_status()

        write("PATCH", "global/global/", data=document(-1))
        write("POST", "project/", id="p", data=document(-2))
        write("POST", "branch/", id="b", project_id="p", data=document(-3))
        for number in range(tasks):
            write("POST", "task/", id=f"t{number}", branch_id="b", data=document(number))


@contextlib.contextmanager
def stock() -> Iterator[str]:
    """The URL of a stock DRF server with the rows `t0`… of the same size, under daphne."""
    with tempfile.TemporaryDirectory() as scratch, temporary_database(Path(scratch)) as database:
        environment = {**os.environ, "STOCK_DATABASE_URL": database}
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.stock"], cwd=ROOT, env=environment, check=True
        )
        with daphne("tests.benchmarks.stock:application", environment) as url:
            yield url


@contextlib.contextmanager
def daphne(application: str, environment: dict[str, str]) -> Iterator[str]:
    """The URL of an application that runs under plain daphne."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-v", "0", "-p", str(port), application],
        cwd=ROOT,
        env=environment,
    )
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()


def memory(instance: Instance) -> int:
    """What a running instance has in memory, in bytes."""
    assert instance.process is not None
    for line in Path(f"/proc/{instance.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("the instance is gone")
