"""What is kept of the values that are written: all that is equal, and no secrets."""

from typing import Any

import pytest

from contexts import merging, services
from contexts.access import Caller
from contexts.levels import LEVELS, TASK, Level
from contexts.models import Change, owned
from tests.contexts.replay import assert_log_is_the_state
from tests.contexts.services.tasks import make_task

SECRET = "ghp_" + "a1B2" * 9


def test_secrets_are_kept_neither_in_the_row_nor_in_the_log(owner: Caller) -> None:
    made = make_task(owner, data={"note": f"use {SECRET}"}, next_steps=[SECRET])
    services.update(owner, TASK, "t1", lambda values: {**values, "metadata": {"seen": SECRET}})
    kept = TASK.rows(owner.organization_id).get()
    assert made.data == {"note": "use [redacted:github_token]"}
    assert kept.metadata == {"seen": "[redacted:github_token]"}
    logged = owned(owner.organization_id, Change).values_list("document", flat=True)
    assert SECRET not in repr([TASK.values(kept), *logged])


def test_redaction_can_be_turned_off(owner: Caller, settings: Any) -> None:
    settings.CONTEXTSYS_REDACT = False
    assert make_task(owner, data={"note": SECRET}).data == {"note": SECRET}


@pytest.mark.parametrize("level", list(LEVELS.values()), ids=list(LEVELS))
def test_numbers_and_texts_come_back_equal_from_every_level(owner: Caller, level: Level) -> None:
    data = {
        "numbers": [0, -1, 1.5, 1e2, 1e-7, 1e16, 1e22, 1e308, -5e-324, 2**53 - 1, 0.1, -0.0],
        "texts": ["", "ü", "\U0001f600", "\u2028", '"\\/', "\x7f"],
        "rest": [None, True, False, {}, []],
        "keys": {"": 1, "a/b": 2, "~": 3, "A": 4, "a": 5},
    }
    make_task(owner)
    ids = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}
    services.update(owner, level, ids[level.name], lambda values: {**values, "data": data})
    kept = level.rows(owner.organization_id).get()
    assert merging.same(kept.data, data)
    assert_log_is_the_state(owner.organization_id)
