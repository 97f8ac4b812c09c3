"""`manage.py sync`: one full exchange, told in plain words; with a hub by script and a real one."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from django.utils import timezone

from contexts import services
from contexts.access import Caller
from contexts.identifiers import uuid7
from contexts.levels import PROJECT
from syncing.client import CloudClient
from syncing.digests import digests
from syncing.management.commands import sync
from syncing.models import Conflict, JournalEntry
from tests.instances import Instance, temporary_database
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    ScriptedHub,
    always,
    away,
    exchange,
    linked_to,
)

URL = "http://hub.invalid"


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(
    hub: ScriptedHub, organization: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CloudClient]:
    monkeypatch.setattr(sync, "PATIENCE_SECONDS", 0.1)
    with linked_to(hub) as client:
        exchange(client)
        hub.digest = digests.of(ORGANIZATION)[1]
        yield client


def run(*arguments: str) -> list[str]:
    """The lines that the command writes."""
    output = io.StringIO()
    call_command("sync", *arguments, stdout=output)
    return output.getvalue().splitlines()


def refused(*arguments: str) -> tuple[list[str], str]:
    """The lines, and the sentence of the refusal."""
    output = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("sync", *arguments, stdout=output)
    return output.getvalue().splitlines(), str(error.value)


def make(author: Caller, *names: str) -> None:
    for name in names:
        services.create(author, PROJECT, {}, context_id=name)


@pytest.mark.parametrize("arguments", [[], ["--once"]])
def test_with_nothing_to_move_it_says_so(client: CloudClient, arguments: list[str]) -> None:
    assert run(*arguments) == [
        f"Pulled 0 changes from {URL}.",
        "Pushed 0 changes.",
        "Hub and node hold the same.",
    ]


def test_it_tells_what_it_moved(hub: ScriptedHub, client: CloudClient, owner: Caller) -> None:
    make(owner, "p1", "p2")
    hub.write(PROJECT, "p3", ORGANIZATION)
    hub.digest = "?"
    assert run()[:2] == [f"Pulled 1 change from {URL}.", "Pushed 2 changes: 2 applied."]
    assert {change["context_id"] for change in hub.feed} == {"global", "p1", "p2", "p3"}
    assert PROJECT.rows(ORGANIZATION).count() == 3


def test_it_sends_what_was_written_before_there_was_a_hub(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    with override_settings(CONTEXTSYS_CLOUD_URL=""):
        make(owner, "p1")
    assert run()[1] == "Pushed 1 change: 1 applied."


def test_documents_that_differ_are_told_of(client: CloudClient, hub: ScriptedHub) -> None:
    hub.digest = "0" * 64
    assert run()[-1] == "Hub and node differed; all was offered again."


def test_what_the_hub_refused_is_tried_again_and_listed(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1", "p2")
    hub.judge = lambda entry: (
        {"verdict": "rejected", "code": "invalid"} if entry["context_id"] == "p1" else None
    )
    listed = "  refused: change 2 of project p1 (invalid)"
    assert run()[1:3] == ["Pushed 1 change: 1 applied.", listed]
    assert run()[1:3] == ["Pushed 0 changes.", listed]
    hub.judge = lambda _: None
    assert run()[1] == "Pushed 1 change: 1 applied."
    assert not JournalEntry.objects.filter(state="dead").exists()


def test_what_still_waits_is_listed(hub: ScriptedHub, client: CloudClient, owner: Caller) -> None:
    make(owner, *(f"p{number}" for number in range(55)))
    hub.judge = lambda _: {"verdict": "retry", "code": "parent_missing"}
    with time_machine.travel(timezone.now(), tick=False):
        lines = run()
    assert lines[1:3] == ["Pushed 0 changes.", "  waits: change 2 of project p0 (parent_missing)"]
    assert lines[-1] == "  and 5 more"
    assert len(lines) == 2 + 50 + 1


def test_conflicts_that_wait_are_counted(client: CloudClient) -> None:
    for count in (1, 2):
        Conflict.objects.create(
            conflict_id=uuid7(),
            organization_id=ORGANIZATION,
            level="project",
            context_id="p1",
            actor="x",
        )
        words = "1 conflict waits" if count == 1 else "2 conflicts wait"
        assert run()[2] == f"{words} for a decision."


def test_a_hub_that_is_away_is_one_sentence(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1", "p2")
    hub.script = away
    lines, sentence = refused()
    assert lines == []
    assert sentence.startswith("Not synced: ")
    assert sentence.endswith(" 2 changes wait for the hub.")
    assert "\n" not in sentence


def test_what_moved_before_the_hub_failed_is_told_too(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    hub.write(PROJECT, "p3", ORGANIZATION)
    make(owner, "p1", "p2")

    def fail_at_one(asked: Asked) -> Answer | None:
        entries = asked.body["entries"] if asked.body else []
        bad = any(entry["context_id"] == "p1" for entry in entries)
        return Answer(500) if bad else None

    hub.script = fail_at_one
    lines, sentence = refused()
    assert lines[:2] == [f"Pulled 1 change from {URL}.", "Pushed 0 changes."]
    assert "status 500" in sentence
    # The two failed together; now each goes by itself.
    lines, sentence = refused()
    assert lines[:2] == [f"Pulled 0 changes from {URL}.", "Pushed 1 change: 1 applied."]
    assert [line for line in lines if "p1" in line] == [
        "  waits: change 2 of project p1 (The hub failed (status 500).)"
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_setting(
    hub: ScriptedHub, client: CloudClient, status: int
) -> None:
    hub.script = always(status, {"code": "refused"})
    assert "CONTEXTSYS_CLOUD_KEY" in refused()[1]
    hub.script = lambda _: None
    # By hand it is asked at once, however lately it refused.
    assert run()[-1] == "Hub and node hold the same."


def test_another_organization_names_the_settings(hub: ScriptedHub, organization: str) -> None:
    hub.organization = "acme"
    with linked_to(hub):
        sentence = refused()[1]
    for part in ("'acme'", "'global'", "CONTEXTSYS_ORGANIZATION", "CONTEXTSYS_CLOUD_KEY"):
        assert part in sentence


def test_an_organization_that_is_not_here_is_named(hub: ScriptedHub, organization: str) -> None:
    with linked_to(hub), override_settings(CONTEXTSYS_ORGANIZATION="acme"):
        assert "manage.py create_organization acme" in refused()[1]
    assert hub.asked == []


# Whole processes


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Instance]]:
    """A running hub; and a node of which nothing runs but commands."""
    folders = [tmp_path_factory.mktemp(name) for name in ("hub", "node")]
    with contextlib.ExitStack() as stack:
        hub, node = (
            Instance(folder / "home", stack.enter_context(temporary_database(folder)), {})
            for folder in folders
        )
        hub.start()
        stack.callback(hub.kill)
        node.manage("migrate")
        node.manage("create_organization", ORGANIZATION)
        node.environment["CONTEXTSYS_CLOUD_URL"] = hub.url
        yield hub, node


def test_a_node_and_its_hub_exchange_everything(pair: tuple[Instance, Instance]) -> None:
    hub, node = pair
    node.environment["CONTEXTSYS_CLOUD_KEY"] = hub.credentials()["agent_key"]
    with hub.client() as api:
        api.post("/api/v1/contexts/project/", json={"id": "theirs"}).raise_for_status()
        transcripts = Path(__file__).parent.parent / "data" / "transcripts"
        paths = [str(path) for path in sorted(transcripts.glob("*.jsonl"))]
        node.manage("import_transcript", *paths, "--project", "mine", "--branch", "mine:main")
        ended = node.manage("sync", check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        told = ended.stdout.splitlines()
        assert told[0].startswith("Pulled 2 changes from http://")
        assert told[1].startswith("Pushed ")
        assert told[-1] == "Hub and node hold the same."
        found = api.get("/api/v1/contexts/task/?project_id=mine").json()["results"]
        assert len(found) == len(paths)


def test_a_key_that_does_not_fit_ends_in_one_sentence_and_status_1(
    pair: tuple[Instance, Instance],
) -> None:
    hub, node = pair
    hub.manage("create_organization", "acme")
    for key, setting in (
        ("ctx_nobodys", "CONTEXTSYS_CLOUD_KEY"),
        (hub.manage("create_agent", "lurker", "--role", "reader").stdout, "CONTEXTSYS_CLOUD_KEY"),
        (
            hub.manage("create_agent", "coyote", "--organization", "acme").stdout,
            "CONTEXTSYS_ORGANIZATION to acme",
        ),
    ):
        node.environment["CONTEXTSYS_CLOUD_KEY"] = key.strip()
        ended = node.manage("sync", "--once", check=False)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "CommandError: Not synced: " in ended.stderr
        assert setting in ended.stderr
        assert "Traceback" not in ended.stderr
        assert key.strip() not in ended.stderr
