"""`daphne contextsys.asgi:application` without `serve`, and an instance behind a TLS proxy."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from rest_framework.test import APIClient

from tests.instances import ROOT, Instance, temporary_database


def test_daphne_alone_serves_and_logs_one_line_a_request(tmp_path: Path) -> None:
    with (
        temporary_database(tmp_path) as database_url,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        instance = Instance(tmp_path / "home", database_url, {"CONTEXTSYS_LOG_FORMAT": "json"})
        instance.manage("migrate")
        listens = ["--fd", str(listening.fileno())]
        process = subprocess.Popen(
            [sys.executable, "-m", "daphne", "-v", "0", *listens, "contextsys.asgi:application"],
            cwd=ROOT,
            env=instance.environment,
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            port = listening.getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=60) as client:
                assert client.get("health/live").status_code == 200
                assert client.get("health/").status_code == 401
            process.send_signal(signal.SIGTERM)
            log, _ = process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
    assert [json.loads(line)["status"] for line in log.splitlines()] == [200, 401]


@pytest.mark.parametrize(("forwarded", "scheme"), [("https", "https"), ("http", "http")])
def test_behind_a_tls_proxy_the_next_page_is_https_too(
    owner_client: APIClient, forwarded: str, scheme: str
) -> None:
    path = "/api/v1/contexts/project/"
    for project_id in ("p1", "p2"):
        owner_client.post(path, {"id": project_id}, format="json")
    page = owner_client.get(f"{path}?page_size=1", headers={"X-Forwarded-Proto": forwarded})
    assert page.json()["next"].startswith(f"{scheme}://")
