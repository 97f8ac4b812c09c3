"""Whole instances as processes: what a user has, for tests from outside."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@contextlib.contextmanager
def temporary_database(folder: Path) -> Iterator[str]:
    """A `DATABASE_URL` of an empty database of the kind that the suite runs on."""
    configured = os.environ.get("DATABASE_URL", "")
    if not configured.startswith("postgres"):
        yield f"sqlite:///{folder / 'instance.sqlite3'}"
        return
    name = f"contextsys_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(configured, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield configured.rsplit("/", 1)[0] + f"/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def running(folder: Path, kind: "type[Instance] | None" = None) -> Iterator["Instance"]:
    """An instance as a new user has it, in a folder and with a database of its own."""
    with temporary_database(folder) as database_url:
        instance = (kind or Instance)(folder / "home", database_url, {})
        try:
            instance.start()
            yield instance
        finally:
            instance.kill()


class Instance:
    """One instance: its home, its database, and `manage.py serve` when started."""

    def __init__(self, home: Path, database_url: str, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "CONTEXTSYS_HOME": str(home),
            **({"DATABASE_URL": database_url} if database_url else {}),
            **({"REDIS_URL": os.environ["REDIS_URL"]} if "REDIS_URL" in os.environ else {}),
            **environment,
        }
        self.process: subprocess.Popen[str] | None = None
        self.output: list[str] = []
        self.url = ""

    def spawn(self, *arguments: str) -> "subprocess.Popen[str]":
        """Runs `serve` on a free port, without waiting for anything."""
        self.kill()
        self.output = []
        with (self.home.parent / "serve.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", "0", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self.process

    def start(self, *arguments: str) -> None:
        """Runs `serve` on a free port until it says where it answers."""
        process = self.spawn(*arguments)
        assert process.stdout is not None
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            for line in process.stdout:
                self.output.append(line)
                if match := re.match(r"Serving on (http://\S+/)$", line):
                    self.url = match.group(1)
                    return
        finally:
            watchdog.cancel()
        raise AssertionError("serve did not start:\n" + "".join(self.output) + self.log())

    def log(self) -> str:
        """What the server wrote to standard error."""
        return (self.home.parent / "serve.log").read_text()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def credentials(self) -> dict[str, str]:
        """What the first start made."""
        kept: dict[str, str] = json.loads((self.home / "credentials.json").read_text())
        return kept

    def client(self, key: str | None = None) -> httpx.Client:
        """An HTTP client with the first agent's key, or with `key`."""
        key = key if key is not None else self.credentials()["agent_key"]
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    def manage(
        self, *arguments: str, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs a management command on the instance."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            **options,
        )
