"""Export and import: what comes back is what was there, once."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from contexts import services
from contexts.access import Caller
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK
from contexts.models import Change, Role, owned
from tests.conftest import make_organization
from tests.contexts.archives.archive import body_of, export, forget, import_text, parsed, state
from tests.contexts.archives.work import make_task, set_data, work
from tests.instances import Instance, temporary_database


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
