"""The system checks: mistakes of operation, each naming its variable."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.test import override_settings

from contexts.extraction import trees
from contextsys.checks import check_configuration
from tests.instances import ROOT

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
HUB = {"CONTEXTSYS_CLOUD_URL": "https://hub.example", "CONTEXTSYS_CLOUD_KEY": "ctx_key"}
PLAIN = "http://hub.example"


def found(engine: str = SQLITE, **changed: Any) -> dict[str, str]:
    database = settings.DATABASES["default"]
    with override_settings(**changed), patch.dict(database, {"ENGINE": engine}):
        return {each.id or "": f"{each.msg} {each.hint or ''}" for each in check_configuration()}


def test_a_fresh_instance_has_nothing_to_complain_about(tmp_path: Path) -> None:
    assert found(CONTEXTSYS_HOME=tmp_path / "not" / "yet") == {}
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("changed", "check", "variable"),
    [
        (
            {**HUB, "CONTEXTSYS_CLOUD_URL": PLAIN},
            "contextsys.E002",
            "CONTEXTSYS_CLOUD_URL",
        ),
        (
            {**HUB, "CONTEXTSYS_CLOUD_URL": "https://me:secret@hub.example"},
            "contextsys.E005",
            "CONTEXTSYS_CLOUD_URL",
        ),
        ({**HUB, "CONTEXTSYS_CLOUD_KEY": "ä"}, "contextsys.E006", "CONTEXTSYS_CLOUD_KEY"),
        ({**HUB, "CONTEXTSYS_CLOUD_KEY": ""}, "contextsys.E003", "CONTEXTSYS_CLOUD_KEY"),
        (
            {"DEBUG": True, "ALLOWED_HOSTS": ["localhost", "contexts.example"]},
            "contextsys.E004",
            "CONTEXTSYS_DEBUG",
        ),
        ({"DEBUG": True, "ALLOWED_HOSTS": ["*"]}, "contextsys.E004", "CONTEXTSYS_ALLOWED_HOSTS"),
        (
            {"engine": SQLITE, "CONTEXTSYS_EMBEDDED_CELERY": False},
            "contextsys.W001",
            "CELERY_BROKER_URL",
        ),
    ],
)
def test_mistakes_name_their_variable(changed: dict[str, Any], check: str, variable: str) -> None:
    assert variable in found(**changed)[check]


def test_a_home_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (file, file / "below"):
        assert "CONTEXTSYS_HOME" in found(CONTEXTSYS_HOME=home)["contextsys.E001"]


def test_a_users_pattern_rules_are_read_before_anything_starts(tmp_path: Path) -> None:
    rules = tmp_path / "patterns.toml"
    mistake = found(CONTEXTSYS_PATTERNS=rules)["contextsys.E007"]
    assert f"CONTEXTSYS_PATTERNS is {rules}" in mistake
    assert "No such file" in mistake
    rules.write_text("[[rule]]\nid = 3\n")
    assert "patterns.toml: rule 3" in found(CONTEXTSYS_PATTERNS=rules)["contextsys.E007"]
    rules.write_text(
        '[[rule]]\nid = "a"\nname = "a"\nmeans = "a"\nlanguage = "go"\n'
        'rule = { kind = "go_statement" }\n'
    )
    assert found(CONTEXTSYS_PATTERNS=rules) == {}
    with patch.object(trees, "SgRoot", None):
        assert "ast-grep is missing" in found(CONTEXTSYS_PATTERNS=rules)["contextsys.W002"]


@pytest.mark.parametrize("named", [False, True])
def test_the_file_of_rules_is_in_the_home_or_named(tmp_path: Path, named: bool) -> None:
    home, rules = tmp_path / "home", tmp_path / "own.toml"
    home.mkdir()
    (rules if named else home / "patterns.toml").write_text("[[rule]]\n")
    given = {"CONTEXTSYS_HOME": str(home), **({"CONTEXTSYS_PATTERNS": str(rules)} if named else {})}
    ended = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert f"{'own' if named else 'patterns'}.toml: rule None: `id`" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (home / "credentials.json").exists()


def test_what_is_right_is_not_complained_about() -> None:
    assert found(DEBUG=True, ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"]) == {}
    assert found(**HUB) == {}
    for loopback in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"):
        near: dict[str, Any] = {**HUB, "CONTEXTSYS_CLOUD_URL": loopback}
        assert found(**near) == {}
    plain: dict[str, Any] = {
        **HUB,
        "CONTEXTSYS_CLOUD_URL": PLAIN,
        "CONTEXTSYS_CLOUD_INSECURE": True,
    }
    assert found(**plain) == {}
    assert found(engine=POSTGRESQL, CONTEXTSYS_EMBEDDED_CELERY=False) == {}
    assert found(engine=SQLITE, CONTEXTSYS_EMBEDDED_CELERY=True) == {}
    assert settings.DEBUG is False


@pytest.mark.parametrize(
    "url",
    [
        "https://hub.example",
        "https://hub.example/",
        "https://hub.example:8443/team/hub/",
        "http://127.0.0.1:8000",
        "http://localhost:8000/hub",
        "http://[::1]:8000/",
    ],
)
def test_a_hub_may_be_behind_a_path_and_needs_no_tls_on_this_machine(url: str) -> None:
    assert found(**{**HUB, "CONTEXTSYS_CLOUD_URL": url}) == {}


@pytest.mark.parametrize(
    "url",
    [
        PLAIN,
        "http://localhost.example",
        "http://127.0.0.1.example/",
        "http://10.0.0.1:8000",
        "http://0.0.0.0:8000",
    ],
)
def test_a_key_does_not_travel_readable_unless_that_is_wanted(url: str) -> None:
    plain = {**HUB, "CONTEXTSYS_CLOUD_URL": url}
    assert list(found(**plain)) == ["contextsys.E002"]
    assert found(**plain, CONTEXTSYS_CLOUD_INSECURE=True) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:s3cret@hub.example/",
        "https://s3cret@hub.example/",
        "https://@hub.example/",
        "https://hub.example/?key=s3cret",
        "https://hub.example/?",
        "https://hub.example/#s3cret",
        "https://hub.example/s3cret/../hub/",
        "https://hub.example//s3cret/",
        "https://hub.example/s3cret/%2e%2e/",
        "https://hub.example/s3cret/api/v1/",
        "https://hub.example/s3cret/a b/",
        "https://hub.example/\ts3cret/",
        "https:///s3cret/",
        "https://hüb.example/s3cret",
    ],
)
def test_an_address_that_is_more_than_one_is_refused_without_repeating_it(url: str) -> None:
    mistakes = found(**{**HUB, "CONTEXTSYS_CLOUD_URL": url})
    assert list(mistakes) == ["contextsys.E005"]
    assert "CONTEXTSYS_CLOUD_URL" in mistakes["contextsys.E005"]
    assert "s3cret" not in str(mistakes)


@pytest.mark.parametrize(
    "key", ["ctx key", " ctx_key", "ctx_kéy", "ctx_key\r\nHost: other", "\x7f"]
)
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_repeating_it(key: str) -> None:
    mistakes = found(**{**HUB, "CONTEXTSYS_CLOUD_KEY": key})
    assert list(mistakes) == ["contextsys.E006"]
    assert key not in str(mistakes)
