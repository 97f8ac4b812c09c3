"""A PostgreSQL and a Redis of a test's own, to be killed without hurting anyone else."""

import abc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

START_SECONDS = 60
PRIVILEGED = "postgres"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _program(name: str) -> str:
    """Where a PostgreSQL program is; Debian keeps them out of the way. Fails when it is missing."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(places[-1]) if places else None)
    assert found is not None, f"{name} of PostgreSQL is not installed"
    return found


class Service(abc.ABC):
    """A process that answers on a port of its own, and may be killed and started again."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"contextsys-{name}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def command(self) -> list[str]:
        """What starts it."""

    @abc.abstractmethod
    def answers(self) -> bool:
        """Whether it takes connections."""

    def user(self) -> str | None:
        return None

    def start(self) -> None:
        """Starts it, until it answers. What a killed one left behind may take a moment to go."""
        deadline = time.monotonic() + START_SECONDS
        while not self._started():
            assert time.monotonic() < deadline, f"{self.command()[0]} does not start:\n{self.log()}"
            time.sleep(0.05)

    def _started(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            with (self.folder / "log").open("a") as log:
                self.process = subprocess.Popen(
                    self.command(),
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=self.user(),
                    group=self.user(),
                    extra_groups=[] if self.user() else None,
                )
        return self.answers()

    def log(self) -> str:
        return (self.folder / "log").read_text()[-4000:]

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """Ends it for good; nothing of it is left."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class PrivateRedis(Service):
    """What it holds is gone with it, as with the one that a careless operator runs."""

    def __init__(self) -> None:
        super().__init__("redis")

    def command(self) -> list[str]:
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is not installed"
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as connection:
                return bool(connection.ping())
        except redis.RedisError:
            return False

    def url(self, number: int) -> str:
        """The URL of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"


class PrivatePostgres(Service):
    """A cluster with databases that survive a kill."""

    def __init__(self) -> None:
        super().__init__("postgres")
        self.data = self.folder / "data"
        if self.user() is not None:
            shutil.chown(self.folder, PRIVILEGED, PRIVILEGED)
        subprocess.run(
            [
                *(_program("initdb"), "-D", str(self.data), "-U", PRIVILEGED, "-A", "trust"),
                *("-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            check=True,
            cwd=self.folder,
            user=self.user(),
            group=self.user(),
            extra_groups=[] if self.user() else None,
            stdout=subprocess.DEVNULL,
        )

    def user(self) -> str | None:
        # It refuses to be run by root.
        return PRIVILEGED if os.geteuid() == 0 else None

    def command(self) -> list[str]:
        where = ["-D", str(self.data), "-k", str(self.folder), "-p", str(self.port)]
        return [_program("postgres"), *where, "-h", "127.0.0.1"]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgres://{PRIVILEGED}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"contextsys_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def until(what: str, holds: Callable[[], bool], seconds: float, every: float = 0.1) -> float:
    """Waits until `holds`; returns when the look began that saw it, in seconds from now.

    Fails after `seconds`, naming `what`.
    """
    began = time.monotonic()
    while True:
        looked = time.monotonic()
        assert looked - began < seconds, f"{what}: not within {seconds:g} s"
        if holds():
            return looked - began
        time.sleep(every)
