"""Secrets in documents: known by the key, and what had none is shared."""

import copy
from typing import Any

import pytest

from contexts.redaction import redact
from tests.contexts.redaction.samples import AWS, GITHUB, JWT, PASSWORD, R


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("password", "password"),
        ("Passwd", "password"),
        ("db_password", "password"),
        ("DATABASE-PASSWORD", "password"),
        ("smtp_pass", "password"),
        ("passphrase", "password"),
        ("secret", "secret"),
        ("clientSecret", "secret"),
        ("client_secret", "secret"),
        ("secret_key", "secret_key"),
        ("SECRET_KEY", "secret_key"),
        ("secret_key_base", "secret_key"),
        ("aws_secret_access_key", "aws_secret_key"),
        ("api_key", "api_key"),
        ("apikey", "api_key"),
        ("apiKey", "api_key"),
        ("X-API-Key", "api_key"),
        ("private_key", "private_key"),
        ("token", "token"),
        ("access_token", "token"),
        ("authToken", "token"),
        ("GITHUB_TOKEN", "token"),
        ("Authorization", "authorization"),
    ],
)
def test_a_dict_key_that_names_a_secret(name: str, kind: str) -> None:
    assert redact({name: "swordfish"}) == {name: f"[redacted:{kind}]"}
    assert redact([{"a": {name: "x"}}]) == [{"a": {name: f"[redacted:{kind}]"}}]


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 5},
        {"max_token": "five"},
        {"token_count": "7"},
        {"pad_token": "<pad>"},
        {"nextPageToken": "abc"},
        {"password_field": "name"},
        {"secret_name": "x"},
        {"public_key": "abc"},
        {"key": "abc"},
        {"primary_key": "id"},
        {"tokenizer": "bpe"},
        {"passed": "12"},
        {"password": ""},
        {"password": " "},
        {"password": None},
        {"password": True},
        {"password": 5},
        {"password": {}},
        {"password": {"type": "string", "description": "at least 12 characters"}},
        {"token": 1234567},
        {"credentials": "include"},
        {"credentials": "/etc/key.json"},
        {"cookie": "session"},
        {"Cookie": "sid=[redacted:cookie]"},
        {"name": "LOG_LEVEL", "value": "debug1"},
        {"name": "password", "value": ""},
        {"password": "${VAR}"},
        {"password": "$VAR"},
        {"password": "<your-password>"},
        {"password": "[redacted:password]"},
        {"password": "[redacted:other]"},
        {"token": 'os.environ["X"]'},
        {"token": "get_token()"},
        {"Authorization": "Bearer $TOKEN"},
        {"Authorization": "Bearer [redacted:jwt]"},
        {"private_key": "/etc/ssl/key.pem"},
        {"PWD": "/home/me"},
    ],
)
def test_a_dict_entry_that_holds_no_secret_stays(value: Any) -> None:
    assert redact(value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"api_key": GITHUB}, {"api_key": R("github_token")}),
        ({"password": f"a {GITHUB}"}, {"password": PASSWORD}),
        ({"Authorization": f"Bearer {JWT}"}, {"Authorization": f"Bearer {R('jwt')}"}),
        ({"url": "redis://:x1@h"}, {"url": f"redis://:{PASSWORD}@h"}),
        ({GITHUB: 1}, {R("github_token"): 1}),
        ({"password": 482913}, {"password": PASSWORD}),
        (
            {"password": {"type": "string", "value": "hunter2"}},
            {"password": {"type": "string", "value": PASSWORD}},
        ),
        ({"name": "DB_PASSWORD", "value": "x1"}, {"name": "DB_PASSWORD", "value": PASSWORD}),
        ({"credentials": "me:a1b2"}, {"credentials": R("credentials")}),
        ({"set-cookie": ["sid=a1; Path=/"]}, {"set-cookie": [R("cookie")]}),
        ({"env": {"A": ["b", f"c {AWS}"]}}, {"env": {"A": ["b", f"c {R('aws_access_key')}"]}}),
        (
            f"{AWS} and {GITHUB}, token={JWT}",
            f"{R('aws_access_key')} and {R('github_token')}, token={R('jwt')}",
        ),
    ],
)
def test_redact(value: Any, expected: Any) -> None:
    before = copy.deepcopy(value)
    assert redact(value) == expected
    assert redact(expected) is expected
    assert value == before


def test_what_had_no_secret_is_shared_and_order_stays() -> None:
    value = {"z": {"a": [1]}, "password": "x1", "b": [{}]}
    redacted = redact(value)
    assert list(redacted) == ["z", "password", "b"]
    assert redacted["z"] is value["z"]
    assert redacted["b"] is value["b"]


def test_pass_is_a_password_beside_a_user() -> None:
    assert redact({"user": "me", "pass": "hunter2"}) == {"user": "me", "pass": PASSWORD}
    assert redact({"pass": "all of them"}) == {"pass": "all of them"}
