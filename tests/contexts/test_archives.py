"""Export and import: what comes back is what was there, once, whatever stood there before."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Model
from hypothesis import HealthCheck, given, settings, strategies

from contexts import completion, delegations, entries, services
from contexts.access import Caller
from contexts.errors import ContextError
from contexts.history import present_versions, versions_of
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Level
from contexts.models import Change, Delegation, Entry, Feed, GlobalContext, Role, owned
from contexts.queries import entries_of, present, present_delegation, present_entry
from tests.conftest import make_organization
from tests.instances import Instance, temporary_database

Lines = list[dict[str, Any]]


def forget(organization_id: str) -> None:
    """A database without the organization, as a fresh instance has it."""
    models: list[type[Model]] = [
        Change,
        Entry,
        Delegation,
        *(level.model for level in reversed(LEVELS.values())),
    ]
    models.insert(-1, Feed)
    for model in models:
        # Past the collector, which finds that an organization refers to itself.
        rows = owned(organization_id, model)
        rows._raw_delete(rows.db)


def state(organization_id: str) -> dict[str, Any]:
    """All that the API shows of an organization, but for the numbers of the log."""
    seen: dict[str, Any] = {"contexts": [], "entries": {}, "history": {}}
    for level in LEVELS.values():
        rows = level.rows(organization_id).order_by("context_id")
        seen["contexts"] += [json.dumps(present(level, row)) for row in rows]
        ids = owned(organization_id, Change, level=level.name).values_list("context_id", flat=True)
        for context_id in sorted(set(ids)):
            key = f"{level.name} {context_id}"
            found = entries_of(organization_id, level, context_id)
            seen["entries"][key] = [present_entry(entry) for entry in found]
            versions = list(versions_of(level, organization_id, context_id))
            seen["history"][key] = present_versions(versions)
    seen["delegations"] = [
        present_delegation(each) for each in owned(organization_id, Delegation).order_by("id")
    ]
    return seen


def export(organization_id: str = "global") -> str:
    out = io.StringIO()
    call_command("export_contexts", organization=organization_id, stdout=out)
    return out.getvalue()


def import_text(text: str, folder: Path) -> str:
    file = folder / "archive.jsonl"
    file.write_text(text)
    out = io.StringIO()
    call_command("import_contexts", str(file), stdout=out)
    return out.getvalue()


def body_of(text: str) -> list[str]:
    """The archive's lines but for its header."""
    return text.rstrip("\n").split("\n")[1:]


def parsed(text: str) -> Lines:
    return [json.loads(line) for line in text.rstrip("\n").split("\n")]


def text_of(lines: Lines) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def make_task(caller: Caller, task_id: str = "t1", data: dict[str, Any] | None = None) -> None:
    services.create(
        caller,
        TASK,
        {"data": data or {}},
        context_id=task_id,
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )


def set_data(caller: Caller, level: Level, context_id: str, data: dict[str, Any]) -> None:
    services.update(caller, level, context_id, lambda values: {**values, "data": data})


def work(caller: Caller, seed: int, steps: int = 40) -> None:
    """Some random work of an agent; what the rules refuse is not done."""
    chance = random.Random(seed)
    writer = Caller(caller.organization_id, "writer", Role.WRITER)

    def value() -> Any:
        return chance.choice([1, 2.5, 1e300, "ä\u2028x", None, True, [], {"deep": [{}]}, -0.0])

    def step() -> None:
        task_id, project_id = f"t{chance.randrange(4)}", f"p{chance.randrange(2)}"
        level, context_id = chance.choice(
            [
                (GLOBAL, caller.organization_id),
                (PROJECT, project_id),
                (BRANCH, "b0"),
                (TASK, task_id),
            ]
        )
        kind = chance.choice(
            ["create", "update", "delete", "entry", "delegate", "complete", "decide"]
        )
        if kind == "create":
            parents = {"branch_id": f"b{chance.randrange(2)}", "project_id": project_id}
            values = {"data": {"k": value()}, "progress": chance.randrange(101)}
            services.create(
                writer, TASK, values, context_id=task_id, parent_ids=parents, create_parents=True
            )
        elif kind == "update":
            set_data(writer, level, context_id, {"k": value(), "n": chance.randrange(3)})
        elif kind == "delete" and level is not GLOBAL:
            services.delete(caller, level, context_id, cascade=chance.random() < 0.5)
        elif kind == "entry":
            entries.add(
                writer,
                level,
                context_id,
                Entry.Kind.INSIGHT,
                f"insight {chance.random()}",
                category="technical",
                importance=chance.choice(["low", "critical"]),
            )
        elif kind == "delegate":
            delegations.delegate(
                writer, TASK, task_id, to=chance.choice(["project", "global"]), data={"d": value()}
            )
        elif kind == "complete":
            completion.complete(writer, task_id, "done")
        elif kind == "decide":
            waiting = owned(caller.organization_id, Delegation, status="pending").first()
            if waiting is not None:
                status = chance.choice([Delegation.Status.APPROVED, Delegation.Status.REJECTED])
                delegations.decide(caller, waiting.delegation_id, status)

    for _ in range(steps):
        try:
            step()
        except ContextError:
            continue


@pytest.mark.django_db
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=strategies.integers(0, 2**32))
def test_an_import_gives_back_contexts_entries_delegations_and_history(
    tmp_path: Path, seed: int
) -> None:
    make_organization("global")
    work(Caller("global", "owner", Role.ADMIN), seed)
    before, exported = state("global"), export()
    forget("global")

    import_text(exported, tmp_path)

    assert state("global") == before
    assert body_of(export()) == body_of(exported)

    said = import_text(exported, tmp_path)

    assert " 0 changes new" in said
    assert body_of(export()) == body_of(exported)
    # What is written from then on goes on from there.
    set_data(Caller("global", "owner", Role.ADMIN), GLOBAL, "global", {"after": seed})
    forget("global")


def test_an_archive_into_an_organization_that_moved_on_keeps_the_longer_history(
    owner: Caller, tmp_path: Path
) -> None:
    make_task(owner)
    make_task(owner, "t2")
    make_task(owner, "t3")
    shared = export()
    set_data(owner, TASK, "t1", {"there": 1})
    set_data(owner, TASK, "t1", {"there": 2})
    set_data(owner, TASK, "t2", {"there": 1})
    theirs = export()
    forget("global")
    import_text(shared, tmp_path)
    set_data(owner, TASK, "t1", {"here": 1})
    set_data(owner, TASK, "t2", {"here": 1})
    set_data(owner, TASK, "t2", {"here": 2})
    set_data(owner, TASK, "t3", {"here": 1})

    said = import_text(theirs, tmp_path)

    assert {row.context_id: row.data for row in TASK.rows("global")} == {
        "t1": {"there": 2},
        "t2": {"here": 2},
        "t3": {"here": 1},
    }
    assert "task t1 had another history here: the imported one is current" in said
    assert "task t2 had another history here: the one of this instance is current" in said
    assert "t3" not in said
    documents = [change.document for change in owned("global", Change, context_id="t2", version=2)]
    assert [each["data"] for each in documents if each] == [{"here": 1}, {"there": 1}]
    feed = owned("global", Feed).get()
    numbers = owned("global", Change).order_by("seq").values_list("seq", flat=True)
    assert list(numbers) == list(range(1, feed.head + 1))
    assert " 0 changes new" in import_text(theirs, tmp_path)


def test_an_archive_into_an_organization_that_was_just_made(owner: Caller, tmp_path: Path) -> None:
    set_data(owner, GLOBAL, "global", {"rule": "be kind"})
    make_task(owner, data={"n": 1})
    before, exported = state("global"), export()
    forget("global")
    services.create(owner, GLOBAL, {"organization_name": "as new"}, context_id="global")

    import_text(exported, tmp_path)

    assert state("global")["contexts"] == before["contexts"]


def test_a_deletion_spares_a_context_that_has_children_here(owner: Caller, tmp_path: Path) -> None:
    make_task(owner)
    shared = export()
    services.delete(owner, TASK, "t1")
    services.delete(owner, BRANCH, "b1")
    theirs = export()
    forget("global")
    import_text(shared, tmp_path)
    make_task(owner, "t2")

    said = import_text(theirs, tmp_path)

    assert "branch b1 had another history here: the one of this instance is current" in said
    assert [row.context_id for row in TASK.rows("global")] == ["t2"]


def test_compacted_versions_come_back_as_such_and_contexts_whole(
    owner: Caller, tmp_path: Path
) -> None:
    make_task(owner)
    services.delete(owner, BRANCH, "b1", cascade=True)
    make_task(owner, data={"n": 1})
    for level, context_id in ((PROJECT, "p1"), (BRANCH, "b1"), (TASK, "t1")):
        set_data(owner, level, context_id, {"n": 2})
        set_data(owner, level, context_id, {"n": 3})
    # Even the newest: its document is the row's.
    owned("global", Change).update(document=None)
    before, exported = state("global"), export()
    forget("global")

    import_text(exported, tmp_path)

    after = state("global")
    assert after["contexts"] == before["contexts"]
    # Parsed: PostgreSQL orders the keys of what it stores.
    assert parsed(export())[1:] == parsed(exported)[1:]


@pytest.mark.parametrize(
    ("spoil", "number", "complaint"),
    [
        (lambda lines: lines[:-1], 5, "cut short"),
        (lambda lines: lines[1:], 1, "no archive"),
        (lambda lines: [{**lines[0], "contextsys_export": 9}, *lines[1:]], 1, "Format 9"),
        (lambda lines: [{**lines[0], "organization": "../x"}, *lines[1:]], 1, "organization"),
        (lambda lines: [*lines[:3], *lines[4:]], 4, "Change 3"),
        (lambda lines: _spoilt(lines, 4, "version", 7), 5, "version"),
        (lambda lines: _spoilt(lines, 4, "version", True), 5, "version"),
        (lambda lines: _spoilt(lines, 4, "context_id", "a b"), 5, "context_id"),
        (lambda lines: _spoilt(lines, 4, "level", "team"), 5, "level"),
        (lambda lines: _spoilt(lines, 4, "operation", "exploded"), 5, "operation"),
        (lambda lines: _spoilt(lines, 4, "mutation_id", "1"), 5, "mutation_id"),
        (lambda lines: _spoilt(lines, 4, "at", "2026-01-01"), 5, "at"),
        (lambda lines: _spoilt(lines, 4, "record", []), 5, "record"),
        (lambda lines: _spoilt(lines, 4, "entry", {}), 5, "kind"),
        (
            lambda lines: _spoilt(lines, 4, "document", {"branch_id": "b1", "colour": 1}),
            5,
            "colour",
        ),
        (lambda lines: _spoilt(lines, 4, "document", {"branch_id": "b9"}), 5, "revision"),
        (lambda lines: _spoilt(lines, 4, "actor", "a" * 151), 5, "actor"),
    ],
)
def test_a_line_that_cannot_be_imported_is_named_and_what_came_before_it_stays(
    owner: Caller,
    tmp_path: Path,
    spoil: Callable[[Lines], Lines],
    number: int,
    complaint: str,
) -> None:
    make_task(owner)
    exported = export()
    forget("global")

    with pytest.raises(CommandError, match=rf"Line {number}: .*{complaint}"):
        import_text(text_of(spoil(parsed(exported))), tmp_path)

    begun = GlobalContext.objects.count()
    assert begun == (1 if number > 1 and complaint != "cut short" else 0)
    assert not TASK.rows("global").exists()
    import_text(exported, tmp_path)
    assert TASK.rows("global").exists()
    assert body_of(export()) == body_of(exported)


def _spoilt(lines: Lines, index: int, name: str, value: Any) -> Lines:
    return [*lines[:index], {**lines[index], name: value}, *lines[index + 1 :]]


def test_lines_that_are_no_json_and_documents_too_large_are_refused(
    owner: Caller, tmp_path: Path, settings: Any
) -> None:
    make_task(owner, data={"long": "x" * 1000})
    lines = [line + "\n" for line in export().rstrip("\n").split("\n")]
    forget("global")
    for bad in ("nonsense\n", "[1]\n", '{"seq": NaN}\n', '{"a": "\\u0000"}\n'):
        with pytest.raises(CommandError, match=r"Line 3: "):
            import_text("".join([*lines[:2], bad, *lines[3:]]), tmp_path)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 900
    with pytest.raises(CommandError, match=r"Line 5: The document would be larger than 900 bytes"):
        import_text("".join(lines), tmp_path)


def test_a_secret_in_an_archive_is_not_stored(owner: Caller, tmp_path: Path, settings: Any) -> None:
    secret = "ghp_" + "a1B2" * 9
    settings.CONTEXTSYS_REDACT = False
    make_task(owner, data={"note": secret})
    entries.add(owner, TASK, "t1", Entry.Kind.PROGRESS, f"used {secret}")
    exported = export()
    forget("global")
    settings.CONTEXTSYS_REDACT = True

    import_text(exported, tmp_path)

    again = export()
    assert secret not in again
    assert "[redacted:github_token]" in again
    forget("global")
    import_text(again, tmp_path)
    assert body_of(export()) == body_of(again)


def test_what_belongs_to_another_organization_is_refused(owner: Caller, tmp_path: Path) -> None:
    make_task(owner)
    lines = parsed(export())
    lines[0]["organization"] = lines[1]["context_id"] = "elsewhere"

    with pytest.raises(CommandError, match=r"Line 2: "):
        import_text(text_of(lines), tmp_path)

    assert not GlobalContext.objects.filter(context_id="elsewhere").exists()


def test_a_file_is_written_whole_for_its_owner_alone(owner: Caller, tmp_path: Path) -> None:
    make_task(owner)
    file = tmp_path / "out.jsonl"
    file.write_text("older")
    call_command("export_contexts", str(file), stdout=io.StringIO())

    assert body_of(file.read_text()) == body_of(export())
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_unusable_files_and_organizations_are_named(organization: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no organization nowhere"):
        call_command("export_contexts", organization="nowhere")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_contexts", str(tmp_path / "missing" / "file"))
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_contexts", str(tmp_path))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_contexts", str(tmp_path / "missing"))
    (tmp_path / "empty").touch()
    with pytest.raises(CommandError, match="Line 1: This is no archive"):
        call_command("import_contexts", str(tmp_path / "empty"))


def test_an_organization_travels_from_one_instance_to_another(
    tmp_path: Path, owner: Caller
) -> None:
    work(owner, seed=7, steps=150)
    exported = export()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        temporary_database(tmp_path / "one") as first_database,
        temporary_database(tmp_path / "two") as second_database,
    ):
        first = Instance(tmp_path / "one" / "home", first_database, {})
        second = Instance(tmp_path / "two" / "home", second_database, {})
        for each in (first, second):
            each.manage("migrate", "-v0")

        said = first.manage("import_contexts", "-", input=exported).stdout
        first.manage("export_contexts", str(tmp_path / "archive"))
        second.manage("import_contexts", str(tmp_path / "archive"))

        assert f"{len(body_of(exported)) - 1} changes new, 0 known" in said
        assert body_of(second.manage("export_contexts").stdout) == body_of(exported)
