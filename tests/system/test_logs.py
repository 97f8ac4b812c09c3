"""The log: one line an event, one INFO line a request, nobody's secrets or documents."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from contexts import agents
from contextsys import health, logs
from tests.instances import Instance

HEALTH = "/api/v1/health/"
SECRET = "the-document-says-xyzzy"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def json_lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """What was logged since the last look, in the JSON format."""
    logs.configure("INFO", "json")

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield read
    logs.configure(settings.CONTEXTSYS_LOG_LEVEL, settings.CONTEXTSYS_LOG_FORMAT)


@pytest.fixture
def text_lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """What was logged since the last look, in the text format."""
    logs.configure("INFO", "text")
    yield lambda: capsys.readouterr().err.splitlines()
    logs.configure(settings.CONTEXTSYS_LOG_LEVEL, settings.CONTEXTSYS_LOG_FORMAT)


def test_every_request_is_one_line_that_names_its_caller(
    teammate_client: APIClient, json_lines: Lines
) -> None:
    answer = teammate_client.get(f"/api/v1/contexts/global/global/?q={SECRET}")
    (line,) = json_lines()
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "contextsys.request",
        "event": "request",
        "method": "GET",
        "path": "/api/v1/contexts/global/global/",
        "status": 200,
        "request_id": answer.headers["X-Request-ID"],
        "agent": "teammate",
        "organization": "global",
    }


def test_humans_are_named_as_users(
    organization: str, admin_client: Client, json_lines: Lines
) -> None:
    admin_client.get(HEALTH)
    (line,) = json_lines()
    assert line["user"] == "admin"
    assert "agent" not in line


@pytest.mark.parametrize(
    ("status", "address"), [(401, HEALTH), (404, "/nowhere"), (302, "/"), (200, HEALTH + "live")]
)
def test_refusals_and_strangers_are_one_line_too(
    db: None, json_lines: Lines, status: int, address: str
) -> None:
    assert Client().get(address).status_code == status
    (line,) = json_lines()
    assert (line["status"], line["level"]) == (status, "info")
    assert not {"agent", "user", "organization"} & set(line)


def test_a_valid_request_id_is_taken_and_answered(db: None, json_lines: Lines) -> None:
    answer = Client().get(HEALTH, headers={"X-Request-ID": "trace-1:2.3_4"})
    assert answer.headers["X-Request-ID"] == "trace-1:2.3_4"
    assert json_lines()[0]["request_id"] == "trace-1:2.3_4"


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\x1b[31m", "<b>", "-x"])
def test_any_other_request_id_is_replaced(db: None, json_lines: Lines, given: str) -> None:
    answer = Client().get(HEALTH, headers={"X-Request-ID": given})
    assert len(answer.headers["X-Request-ID"]) == 32
    assert json_lines()[0]["request_id"] == answer.headers["X-Request-ID"]


def test_a_key_in_the_wrong_place_is_in_no_line(owner_client: APIClient, json_lines: Lines) -> None:
    key = agents.issue_key("lost", "global")
    for address in (f"/api/v1/contexts/task/{key}/", f"/api/v1/{key}", f"/{'x/' * 240}{key}"):
        answer = owner_client.get(address, headers={"X-Request-ID": key})
        assert key not in answer.headers["X-Request-ID"]
    lines = json_lines()
    assert lines[0]["path"] == "/api/v1/contexts/task/[redacted:agent_key]/"
    assert len(lines) == 3
    assert key[:12] not in json.dumps(lines)


def test_two_requests_have_two_ids(db: None, json_lines: Lines) -> None:
    for _ in range(2):
        Client().get(HEALTH)
    first, second = json_lines()
    assert first["request_id"] != second["request_id"]
    assert not structlog.contextvars.get_contextvars()


def test_a_crash_is_told_once_with_its_places_and_without_its_values(
    teammate_client: APIClient, json_lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        document = {"secret": SECRET}
        raise ValueError(document)

    monkeypatch.setattr(health, "sync_health", crash)
    teammate_client.raise_request_exception = False
    answer = teammate_client.get(HEALTH, {"q": SECRET})
    assert answer.status_code == 500
    assert answer.json()["code"] == "server_error"
    told = json_lines()
    error, request = sorted(told, key=lambda line: str(line["level"]))
    assert (error["level"], request["level"]) == ("error", "info")
    assert error["exception"] == "ValueError"
    assert re.fullmatch(r"tests/system/test_logs\.py:\d+ crash", error["where"])
    assert error["request_id"] == request["request_id"] == answer.headers["X-Request-ID"]
    assert error["agent"] == "teammate"
    assert SECRET not in json.dumps(told) + answer.text


def test_a_database_error_is_told_without_its_sql(
    json_lines: Lines,
) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise OperationalError(f"SELECT {SECRET}") from cause
    except OperationalError as error:
        logging.getLogger("contextsys.x").exception("it failed: %s", error)
    (line,) = json_lines()
    assert line["event"] == "it failed: OperationalError"
    assert line["exception"] == "OperationalError from KeyError"
    assert SECRET not in json.dumps(line)


def test_plain_loggers_come_out_alike_and_bound_to_the_request(json_lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("contextsys.cache").warning("%s is away", "redis")
        structlog.stdlib.get_logger("contextsys.cache").warning("redis is away")
    first, second = json_lines()
    first.pop("timestamp"), second.pop("timestamp")
    assert first == second
    assert first["request_id"] == "r1"


@pytest.mark.parametrize("library", ["django", "daphne.server", "celery.worker", "kombu", "any"])
def test_libraries_tell_warnings_only(json_lines: Lines, library: str) -> None:
    logging.getLogger(library).info("chatter")
    logging.getLogger(library).warning("news")
    assert [line["event"] for line in json_lines()] == ["news"]


def test_sql_is_never_logged(
    teammate_client: APIClient, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("DEBUG", "text")
    teammate_client.get(HEALTH)
    logs.configure(settings.CONTEXTSYS_LOG_LEVEL, settings.CONTEXTSYS_LOG_FORMAT)
    logged = capsys.readouterr().err
    assert "contextsys.request" in logged
    assert "SELECT" not in logged


def test_text_is_key_value_and_nothing_breaks_its_line(
    text_lines: Callable[[], list[str]],
) -> None:
    logger = structlog.stdlib.get_logger("contextsys.x")
    logger.info("forged\nline", path="/a b\n\x1b[31m", plain="/x", empty="", many=["a:1", "b:2"])
    (line,) = text_lines()
    assert line.endswith(
        'INFO     contextsys.x forged\\nline path="/a b\\n\\u001b[31m" plain=/x empty=""'
        ' many="a:1 < b:2"'
    )
    assert "\x1b" not in line


def test_text_names_the_same_as_json(
    teammate_client: APIClient, text_lines: Callable[[], list[str]]
) -> None:
    teammate_client.get(HEALTH)
    (line,) = text_lines()
    for part in ("contextsys.request request", "method=GET", f"path={HEALTH}", "status=200"):
        assert part in line
    assert "agent=teammate" in line
    assert "organization=global" in line


def test_a_running_instance_logs_requests_but_no_documents_and_no_keys(
    start_instance: Callable[..., Instance],
) -> None:
    instance = start_instance(CONTEXTSYS_LOG_FORMAT="json", CONTEXTSYS_LOG_LEVEL="DEBUG")
    key = instance.credentials()["agent_key"]
    ids = []
    with instance.client() as client:
        for method, address, body in (
            ("PATCH", "/api/v1/contexts/global/global/", {"data": {"note": SECRET}}),
            ("PATCH", "/api/v1/contexts/global/global/", {"data": [SECRET]}),
            ("GET", f"/api/v1/contexts/global/global/resolved/?x={SECRET}", None),
            ("GET", f"/api/v1/changes/?since=0&x={key}", None),
        ):
            answer = client.request(method, address, json=body)
            ids.append(answer.headers["X-Request-ID"])
    assert instance.stop() == 0
    lines = [json.loads(line) for line in instance.log().splitlines()]
    requests = [line for line in lines if line["logger"] == "contextsys.request"]
    assert [line["request_id"] for line in requests] == ids
    assert {line["agent"] for line in requests} == {"first-agent"}
    for secret in (SECRET, key, instance.credentials()["admin_password"], "SELECT", "UPDATE "):
        assert secret not in instance.log()
