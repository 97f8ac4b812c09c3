"""Web, worker, beat and nginx as processes of their own: what a larger site runs (README,
"Running a hub").
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.faults.services import PrivateRedis, Service
from tests.instances import ROOT, Instance

WORKER = ("worker", "--without-gossip", "--without-mingle")


class Process:
    """`celery -A contextsys …` for an instance."""

    def __init__(self, instance: Instance, *command: str) -> None:
        self.log = instance.home.parent / f"{command[0]}.log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "contextsys", *command],
                cwd=ROOT,
                env=instance.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> int:
        """SIGTERM; the exit status. The follower's stretch takes 5 s."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def close(self) -> None:
        """Nothing is left of it, nor of what it forked."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Nginx(Service):
    """nginx with the README's configuration, but for names, ports and TLS."""

    def __init__(self, servers: list[str]) -> None:
        super().__init__("nginx")
        (told,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        for documented, server in zip(("127.0.0.1:8000", "127.0.0.1:8001"), servers, strict=True):
            assert documented in told
            told = told.replace(documented, server)
        # The first server only leads to the second.
        told = re.sub(r"server \{\s+listen 80;.*?\n\}\n", "", told, flags=re.DOTALL)
        told = re.sub(r"\s+(?:ssl_certificate\w*|proxy_cookie_flags) [^;]+;", "", told)
        # Not at the port that a browser leaves out.
        told = told.replace("Host $host;", "Host $http_host;")
        told = told.replace("listen 443 ssl;", f"listen 127.0.0.1:{self.port};")
        told = told.replace("hub.example.org", "localhost")
        paths = "".join(
            f"{each}_temp_path {self.folder}/{each};"
            for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # Its own user could not reach a folder that is ours alone.
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"{user} daemon off; pid {self.folder}/pid; error_log {self.folder}/errors;"
            f"events {{}} http {{ access_log off; {paths}\n{told}\n}}"
        )

    def command(self) -> list[str]:
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        assert program is not None, "nginx is not installed"
        told = ["-p", str(self.folder), "-c", "nginx.conf", "-e", f"{self.folder}/errors"]
        return [program, *told]

    def answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}api/v1/health/live").status_code == 200
        return False

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"


class Site(Instance):
    """Two web processes, two workers and beat on one database and Redis, behind nginx.

    Whoever calls it sees one instance.
    """

    def __init__(self, home: Path, database_url: str, environment: dict[str, str]) -> None:
        self.redis = PrivateRedis()
        told = {
            **environment,
            "REDIS_URL": self.redis.url(0),
            "CELERY_BROKER_URL": self.redis.url(1),
            "CONTEXTSYS_ALLOWED_HOSTS": "localhost",
        }
        super().__init__(home, database_url, told)
        self.webs = [Instance(home, database_url, told) for _ in range(2)]
        self.workers: list[Process] = []
        self._stack = contextlib.ExitStack()
        self._stack.callback(self.redis.close)

    def start(self, *arguments: str) -> None:
        self.redis.start()
        for web in self.webs:
            self._stack.callback(web.kill)
            web.start(*arguments)
        self._stack.callback(self._end_celery)
        self.workers = [self.worker(number) for number in range(2)]
        self.beat = Process(self, "beat")
        nginx = Nginx([web.url.removeprefix("http://").strip("/") for web in self.webs])
        self._stack.callback(nginx.close)
        nginx.start()
        self.url = nginx.url

    def worker(self, number: int) -> Process:
        return Process(self, *WORKER, "-c", "2", "-n", f"w{number}@%h")

    def _end_celery(self) -> None:
        for process in (*self.workers, self.beat):
            process.close()

    def kill(self) -> None:
        self._stack.close()


def kind_asked_for(config: pytest.Config) -> type[Instance]:
    """What a test that looks from outside looks at: one process, or with `--site` many."""
    return Site if config.getoption("--site") else Instance
