"""The moments of a first start that no signal hits for certain."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from contexts import agents
from contexts.models import Agent, GlobalContext, Membership
from contextsys import first_start


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with override_settings(CONTEXTSYS_HOME=tmp_path):
        yield tmp_path


def test_credentials_broken_off_before_the_commit_are_made_anew(
    transactional_db: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = first_start.keep

    def keep_and_fail(path: Path, made: dict[str, str]) -> None:
        keep(path, made)
        raise InterruptedError

    monkeypatch.setattr(first_start, "keep", keep_and_fail)
    with pytest.raises(InterruptedError):
        first_start.make_credentials()
    lost = json.loads((home / "credentials.json").read_text())
    assert agents.with_key(lost["agent_key"]) is None
    assert not GlobalContext.objects.exists()

    monkeypatch.setattr(first_start, "keep", keep)
    made = first_start.make_credentials()
    assert json.loads((home / "credentials.json").read_text()) == made
    assert agents.with_key(made["agent_key"]) is not None
    assert User.objects.get().check_password(made["admin_password"])
    assert Membership.objects.get().role == Agent.objects.get().role == "admin"


def test_credentials_that_cannot_be_kept_are_not_made(
    transactional_db: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "credentials.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        first_start.make_credentials()
    assert not User.objects.exists()
    assert not Agent.objects.exists()


def test_a_later_start_makes_nothing(db: None, home: Path) -> None:
    first_start.make_credentials()
    before = (home / "credentials.json").read_bytes()
    assert first_start.make_credentials() == {}
    assert (home / "credentials.json").read_bytes() == before


def test_an_agent_made_before_the_first_start_stays_the_only_one(
    organization: str, home: Path
) -> None:
    key = agents.issue_key("mine", organization)
    made = first_start.make_credentials()
    assert set(made) == {"admin_username", "admin_password"}
    assert Agent.objects.get().agent_id == "mine"
    assert agents.with_key(key) is not None


def test_a_revoked_first_agent_stays_revoked(db: None, home: Path) -> None:
    made = first_start.make_credentials()
    agents.revoke(made["agent_id"])
    assert first_start.make_credentials() == {}
    assert agents.with_key(made["agent_key"]) is None
