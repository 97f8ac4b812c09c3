"""What an `Accept` header gets, however often and by whom it is sent."""

import pytest
from rest_framework.test import APIClient

from contexts.views.negotiation import MOST_KEPT, ByQuality

RESOLVED = "/api/v1/contexts/global/global/resolved/"
FEED = "/api/v1/changes/"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ByQuality, "_chosen", {})


def test_the_same_header_gets_what_each_address_has(owner_client: APIClient) -> None:
    for _ in range(2):
        for accept, kind in (
            ("text/markdown", "text/markdown; charset=utf-8"),
            ("text/markdown;q=0.5, application/json", "application/json"),
            ("*/*", "application/json"),
        ):
            answer = owner_client.get(RESOLVED, headers={"accept": accept})
            assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        # There is no feed in Markdown.
        assert owner_client.get(FEED, headers={"accept": "text/markdown"}).status_code == 406
        assert owner_client.get(FEED, headers={"accept": "*/*"}).status_code == 200


def test_made_up_headers_fill_no_memory(owner_client: APIClient) -> None:
    for number in range(MOST_KEPT + 50):
        accept = f"application/json, text/x{number}"
        assert owner_client.get(FEED, headers={"accept": accept}).status_code == 200
    long = "application/json" + ", text/plain" * 1000
    assert owner_client.get(FEED, headers={"accept": long}).status_code == 200
    kept = ByQuality._chosen
    assert len(kept) == MOST_KEPT
    assert max(len(accept) for accept, *_ in kept) < 50
