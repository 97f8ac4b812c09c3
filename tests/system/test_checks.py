"""The system checks: mistakes of operation, each naming its variable."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.test import override_settings

from contextsys.checks import check_configuration

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
HUB = {"CONTEXTSYS_CLOUD_URL": "https://hub.example", "CONTEXTSYS_CLOUD_KEY": "ctx_key"}


def found(engine: str = SQLITE, **changed: Any) -> dict[str, str]:
    database = settings.DATABASES["default"]
    with override_settings(**changed), patch.dict(database, {"ENGINE": engine}):
        return {each.id or "": each.msg for each in check_configuration()}


def test_a_fresh_instance_has_nothing_to_complain_about(tmp_path: Path) -> None:
    assert found(CONTEXTSYS_HOME=tmp_path / "not" / "yet") == {}
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("changed", "check", "variable"),
    [
        (HUB, "contextsys.E002", "CONTEXTSYS_CLOUD_URL"),
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


def test_what_is_right_is_not_complained_about() -> None:
    assert found(DEBUG=True, ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"]) == {}
    assert found(engine=POSTGRESQL, CONTEXTSYS_EMBEDDED_CELERY=False) == {}
    assert found(engine=SQLITE, CONTEXTSYS_EMBEDDED_CELERY=True) == {}
    assert settings.DEBUG is False
