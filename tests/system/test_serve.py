"""`manage.py serve` from outside: first start, restarts, signals, mistakes."""

import json
import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.instances import Instance, temporary_database

NAMES = {"admin_username", "admin_password", "agent_id", "agent_key"}


def kept(instance: Instance) -> Path:
    return instance.home / "credentials.json"


def answers_to_its_credentials(instance: Instance) -> None:
    """The agent's key and the admin's password both open what they should."""
    made = instance.credentials()
    with instance.client() as client:
        assert client.get("/api/v1/health/").json()["status"] == "healthy"
        assert client.get("/api/v1/contexts/global/global/").status_code == 200
    with httpx.Client(base_url=instance.url, follow_redirects=True, timeout=60) as browser:
        browser.get("/admin/")
        browser.post(
            "/admin/login/",
            data={
                "username": made["admin_username"],
                "password": made["admin_password"],
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                "next": "/admin/",
            },
        )
        assert "sessionid" in browser.cookies


def wait_until_there(path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists():
        assert process.poll() is None, f"serve ended before {path.name} was there"


@pytest.mark.one_process
def test_first_start_prints_its_credentials_once_and_keeps_them_for_its_owner_only(
    instance: Instance,
) -> None:
    made = instance.credentials()
    assert set(made) == NAMES
    assert stat.S_IMODE(kept(instance).stat().st_mode) == 0o600
    printed = "".join(instance.output)
    assert all(printed.count(value) >= 1 for value in made.values())
    assert printed.count(made["agent_key"]) == printed.count(made["admin_password"]) == 1
    for address in ("", "admin/", "api/v1/", "api/v1/docs/"):
        assert f"{instance.url}{address}\n" in printed
    assert instance.output[-1] == f"Serving on {instance.url}\n"
    answers_to_its_credentials(instance)


@pytest.mark.one_process
def test_second_start_prints_no_secret_and_changes_none(instance: Instance) -> None:
    made, before = instance.credentials(), kept(instance).read_bytes()
    secret_key = (instance.home / "secret_key").read_bytes()
    assert instance.stop() == 0
    instance.start()
    printed = "".join(instance.output)
    assert made["agent_key"] not in printed
    assert made["admin_password"] not in printed
    assert kept(instance).read_bytes() == before
    assert (instance.home / "secret_key").read_bytes() == secret_key
    answers_to_its_credentials(instance)


@pytest.mark.parametrize(
    "moment", ["secret_key", ".start.lock", ".credentials.json.new", "credentials.json"]
)
def test_a_first_start_killed_at_any_moment_is_made_good_by_the_next(
    tmp_path: Path, moment: str
) -> None:
    with temporary_database(tmp_path) as database_url:
        instance = Instance(tmp_path / "home", database_url, {})
        try:
            process = instance.spawn()
            while not (instance.home / moment).exists() and not kept(instance).exists():
                assert process.poll() is None
            instance.kill()
            instance.start()
            assert set(instance.credentials()) == NAMES
            answers_to_its_credentials(instance)
        finally:
            instance.kill()


@pytest.mark.one_process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time_with_long_polls_open(instance: Instance, number: int) -> None:
    head = {"Authorization": f"Bearer {instance.credentials()['agent_key']}"}
    address = urlsplit(instance.url)
    assert address.port is not None
    with (
        instance.client() as client,
        socket.create_connection(("127.0.0.1", address.port), timeout=30) as poll,
    ):
        since = client.get("/api/v1/changes/?since=0").json()["head"]
        lines = [f"GET /api/v1/changes/?since={since}&wait=25 HTTP/1.1", f"Host: {address.netloc}"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        poll.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        # Sent later and answered, so the poll has been taken in.
        assert client.get("/api/v1/health/live").status_code == 200
        assert instance.process is not None
        instance.process.send_signal(number)
        instance.process.send_signal(number)
        assert instance.process.wait(timeout=5) == 0
    assert "exception" not in instance.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    with temporary_database(tmp_path) as database_url:
        instance = Instance(tmp_path / "home", database_url, {})
        try:
            process = instance.spawn()
            wait_until_there(instance.home / ".start.lock", process)
            process.send_signal(number)
            assert process.wait(timeout=5) == 0
            assert "Traceback" not in instance.log()
            instance.start()
            answers_to_its_credentials(instance)
        finally:
            instance.kill()


@pytest.mark.one_process
def test_acknowledged_writes_survive_a_kill(instance: Instance) -> None:
    acknowledged: list[int] = []
    enough = threading.Event()

    def write() -> None:
        with instance.client() as client:
            number = 0
            while True:
                number += 1
                try:
                    answer = client.patch(
                        "/api/v1/contexts/global/global/", json={"data": {f"n{number}": number}}
                    )
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200
                acknowledged.append(number)
                if number == 20:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(60)
    instance.kill()
    writer.join()
    instance.start()
    with instance.client() as client:
        data = client.get("/api/v1/contexts/global/global/").json()["data"]
        feed = client.get("/api/v1/changes/?since=0&limit=500").json()
    assert all(data[f"n{number}"] == number for number in acknowledged)
    assert [change["seq"] for change in feed["changes"]] == list(range(1, feed["head"] + 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTEXTSYS_DEBUG", "perhaps"),
        ("CONTEXTSYS_LOG_LEVEL", "LOUD"),
        ("CONTEXTSYS_LOG_FORMAT", "xml"),
        ("CONTEXTSYS_MAX_DOCUMENT_BYTES", "-1"),
        ("CONTEXTSYS_REDACT", "maybe"),
        ("CONTEXTSYS_ORGANIZATION", "no spaces"),
        ("CONTEXTSYS_SECRET_KEY", "short"),
        ("CONTEXTSYS_CLOUD_URL", "ftp://hub"),
        ("CONTEXTSYS_CLOUD_URL", "https://hub.example"),
        ("CONTEXTSYS_HOME", "/dev/null/home"),
        ("DATABASE_URL", "mysql://db"),
        ("REDIS_URL", "127.0.0.1:6379"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_starts(tmp_path: Path, name: str, value: str) -> None:
    instance = Instance(tmp_path / "home", "", {name: value})
    ended = instance.manage("serve", "--port", "0", check=False, timeout=60)
    assert ended.returncode == 1
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_port_that_is_taken_is_told_in_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    instance = Instance(tmp_path / "home", "", {})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = instance.manage("serve", "--port", str(port), check=False, timeout=60)
    assert ended.returncode == 1
    expected = f"CommandError: Cannot listen on http://127.0.0.1:{port}/: Address already in use."
    assert ended.stderr.splitlines() == [expected]
    assert not kept(instance).exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--host", "no.such.host.invalid"], "--host is 'no.such.host.invalid'"),
        (["--port", "65536"], "--port is 65536"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    ended = Instance(tmp_path / "home", "", {}).manage("serve", *arguments, check=False)
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_host_that_is_listened_on_may_be_named_in_requests(tmp_path: Path) -> None:
    with temporary_database(tmp_path) as database_url:
        instance = Instance(tmp_path / "home", database_url, {})
        try:
            instance.start("--host", "127.0.0.2")
            assert instance.url.startswith("http://127.0.0.2:")
            assert httpx.get(f"{instance.url}admin/login/").status_code == 200
            foreign = httpx.get(f"{instance.url}admin/login/", headers={"Host": "evil.example"})
            assert foreign.status_code == 400
        finally:
            instance.kill()


def test_listening_everywhere_says_what_to_set(tmp_path: Path) -> None:
    with temporary_database(tmp_path) as database_url:
        instance = Instance(tmp_path / "home", database_url, {})
        try:
            instance.start("--host", "0.0.0.0")
            assert instance.url.startswith("http://0.0.0.0:")
            told = [line for line in instance.output if "CONTEXTSYS_ALLOWED_HOSTS" in line]
            assert len(told) == 1
            port = urlsplit(instance.url).port
            assert httpx.get(f"http://127.0.0.1:{port}/api/v1/health/live").status_code == 200
        finally:
            instance.kill()


def test_an_instance_without_its_organization_says_how_to_make_it(
    start_instance: Callable[..., Instance],
) -> None:
    instance = start_instance(CONTEXTSYS_ORGANIZATION="acme")
    with instance.client() as client:
        assert client.get("/api/v1/contexts/global/acme/").status_code == 200
    assert instance.stop() == 0
    instance.environment["CONTEXTSYS_ORGANIZATION"] = "other"
    instance.start()
    assert any("create_organization other" in line for line in instance.output)
    made = json.loads(kept(instance).read_text())
    assert made["agent_key"] not in "".join(instance.output)


def test_several_starting_at_once_make_one_set_of_credentials(tmp_path: Path) -> None:
    with temporary_database(tmp_path) as database_url:
        both = [Instance(tmp_path / "home", database_url, {}) for _ in range(2)]
        starters = [threading.Thread(target=each.start) for each in both]
        try:
            for starter in starters:
                starter.start()
            for starter in starters:
                starter.join()
            printed = ["agent_key" in "".join(each.output) for each in both]
            assert sorted(printed) == [False, True]
            for each in both:
                answers_to_its_credentials(each)
        finally:
            for each in both:
                each.kill()


@pytest.mark.one_process
def test_files_of_the_instance_stay_in_its_home(instance: Instance) -> None:
    assert instance.home.is_dir()
    assert not os.path.exists("celerybeat-schedule")


def test_a_malformed_form_is_answered_by_the_api_and_not_below_it(instance: Instance) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("actions/", "contexts/task/"):
        with instance.client() as client:
            answer = client.post(f"api/v1/{path}", content=b"--x--\r\n", headers=headers)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json()["success"] is False
