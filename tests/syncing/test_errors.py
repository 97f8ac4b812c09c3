"""Which answer of a hub means what: the table of DESIGN §4, row by row."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from syncing.errors import (
    LONGEST_RETRY_AFTER,
    HistoryGone,
    HubAway,
    HubBusy,
    HubFailed,
    HubRefused,
    NodeCloned,
    OrganizationMismatch,
    Refused,
    SyncError,
    TooLarge,
    of_answer,
    seconds_of,
)

KEY = "ctx_a-key-that-nobody-may-read"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def meaning(status: int, body: Any = None, retry_after: str = "") -> SyncError:
    return of_answer(status, body, retry_after=retry_after, ours="global", secret=KEY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (408, None, HubAway),
        (429, None, HubBusy),
        (429, {"code": "throttled"}, HubBusy),
        (502, None, HubAway),
        (503, {"code": "database_unavailable"}, HubAway),
        (504, None, HubAway),
        (500, None, HubFailed),
        (500, {"code": "server_error"}, HubFailed),
        (599, None, HubFailed),
        (301, None, HubFailed),
        (308, {"code": "x"}, HubFailed),
        (200, None, HubFailed),
        (204, None, HubFailed),
        (404, None, HubFailed),
        (401, {"code": "not_authenticated"}, HubRefused),
        (401, None, HubRefused),
        (403, {"code": "forbidden"}, HubRefused),
        (413, None, TooLarge),
        (413, {"code": "batch_too_large"}, TooLarge),
        (410, {"code": "gone", "epoch": "e2", "floor": 3, "head": 9}, HistoryGone),
        (409, {"code": "node_cloned"}, NodeCloned),
        (409, {"code": "organization_mismatch", "organization": "acme"}, OrganizationMismatch),
        (409, {"code": "something"}, Refused),
        (410, {"code": "gone"}, Refused),
        (400, {"code": "invalid"}, Refused),
        (404, {"code": "not_found"}, Refused),
        (422, {}, Refused),
    ],
)
def test_each_answer_has_one_meaning(status: int, body: Any, kind: type[SyncError]) -> None:
    assert type(meaning(status, body)) is kind


def test_a_history_that_is_gone_says_where_the_other_one_stands() -> None:
    gone = meaning(410, {"epoch": "e2", "floor": 3, "head": 9})
    assert isinstance(gone, HistoryGone)
    assert (gone.epoch, gone.floor, gone.head) == ("e2", 3, 9)


@pytest.mark.parametrize("rubbish", ["x", None, [], {}])
def test_a_history_that_is_gone_without_numbers_begins_at_none(rubbish: Any) -> None:
    gone = meaning(410, {"epoch": "e2", "floor": rubbish, "head": rubbish})
    assert isinstance(gone, HistoryGone)
    assert (gone.floor, gone.head) == (0, 0)


def test_another_organization_names_both_and_the_settings_to_change() -> None:
    sentence = str(meaning(409, {"code": "organization_mismatch", "organization": "acme"}))
    for part in ("'acme'", "'global'", "CONTEXTSYS_ORGANIZATION", "CONTEXTSYS_CLOUD_KEY"):
        assert part in sentence


def test_a_refused_key_names_its_setting_and_what_it_must_be() -> None:
    sentence = str(meaning(403, {"code": "forbidden"}))
    for part in ("CONTEXTSYS_CLOUD_KEY", "403", "forbidden", "writer or admin"):
        assert part in sentence


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 500, 503])
@pytest.mark.parametrize("name", ["code", "error", "organization", "epoch"])
def test_a_key_that_the_hub_says_back_is_in_no_sentence(status: int, name: str) -> None:
    codes = {"code": "organization_mismatch", "epoch": "e2", name: f"{KEY} was wrong"}
    error = meaning(status, codes)
    assert KEY not in f"{error} {error!r} {vars(error)}"


def test_what_the_hub_says_is_cut_and_stands_on_one_line() -> None:
    error = meaning(400, {"code": "c" * 5000, "error": "e\r\n\x00" * 5000})
    assert len(str(error)) < 500
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("86400", LONGEST_RETRY_AFTER),
        ("9" * 400, LONGEST_RETRY_AFTER),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(NOW - timedelta(days=3), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=3), usegmt=True), LONGEST_RETRY_AFTER),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 01 Mar 2026 12:00:30 -0000", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    with time_machine.travel(NOW, tick=False):
        assert seconds_of(header) == seconds


@pytest.mark.parametrize("minutes", [-60, -4, 4, 60])
def test_a_time_to_come_back_at_is_of_the_hubs_clock(minutes: int) -> None:
    """Whatever the clock here says."""
    there = NOW + timedelta(minutes=minutes)
    back = format_datetime(there + timedelta(seconds=30), usegmt=True)
    with time_machine.travel(NOW, tick=False):
        assert seconds_of(back, format_datetime(there, usegmt=True)) == 30


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_retry_after_gives_a_bounded_wait_or_none(header: str, date: str) -> None:
    seconds = seconds_of(header, date)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER
    at_a_time = seconds_of("Sun, 01 Mar 2026 12:00:30 GMT", date)
    assert at_a_time is not None
    assert 0 <= at_a_time <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize("status", [429, 503])
def test_an_away_hub_says_when_to_come_back(status: int) -> None:
    error = meaning(status, None, "20")
    assert isinstance(error, HubAway)
    assert error.retry_after == 20
    assert isinstance(meaning(status), HubAway)
