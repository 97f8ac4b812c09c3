"""Input that is small and legal and would be costly, or that met a crash before."""

import json
import tracemalloc
from typing import Any

import pytest
from rest_framework.test import APIClient

from contexts import merging
from contexts.cache import LRU
from contexts.models import IdempotencyRecord
from contexts.redaction import patterns, redact
from tests.contexts.rest import API, TASKS, head, make_task

LABELS = ["token==", "/token:", "password=", "secret: ", "--token ", "://a:", "authorization: "]


@pytest.mark.parametrize("label", LABELS)
def test_texts_of_nothing_but_labels_are_not_read_to_their_end_from_each(label: str) -> None:
    text = label * 2_000
    assert isinstance(redact(text), str)
    # A match is looked for again inside one that was harmless, so each must stay short.
    for pattern in (patterns.LABELLED, patterns.FLAG, patterns.AUTHORIZATION, patterns.URL):
        assert all(len(match.group()) < 1_000 for match in pattern.finditer(text))


def test_a_long_password_is_redacted_to_its_end() -> None:
    secret = "aB3$" * 300
    assert "aB3" not in redact(f"password={secret} and more")


def test_secrets_in_keys_and_lists_are_redacted() -> None:
    key = "ghp_" + "a1B2" * 9
    assert key not in json.dumps(redact({key: 1, "x": {key: {"y": key}}}))
    two = redact({key: 1, "ghp_" + "b1C2" * 9: 2})
    assert sorted(two.values()) == [1, 2]
    assert redact({"passwords": "x"}) == {"passwords": "x"}
    assert redact({"password": ["hunter22", "hunter33"]}) == {
        "password": ["[redacted:password]", "[redacted:password]"]
    }


def wide_below_long_keys() -> dict[str, Any]:
    return {"k" * 8_000: {"j" * 8_000: {f"v{n}": n for n in range(8_000)}}}


def test_long_keys_above_many_values_are_refused(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    before = head(teammate_client)
    body = {"data": wide_below_long_keys()}
    answer = teammate_client.patch(f"{TASKS}t1/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (413, "document_too_large")
    assert head(teammate_client) == before


def test_a_difference_below_a_long_path_is_told_once() -> None:
    after = wide_below_long_keys()
    for values in after.values():
        for inner in values.values():
            inner["v0"] = "changed"
    tracemalloc.start()
    operations = merging.diff(wide_below_long_keys(), after)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(operations) == 1
    assert merging.same(merging.json_patch(wide_below_long_keys(), operations, limit=10**9), after)
    assert peak < 2**24


def test_one_large_value_does_not_push_all_others_out_of_the_cache() -> None:
    cache = LRU(most_bytes=1_000)
    cache.put("small", b"x")
    cache.put("large", b"x" * 900)
    assert cache.get("small") == b"x"
    assert cache.get("large") is None


def test_a_json_patch_cannot_nest_without_end(teammate_client: APIClient) -> None:
    data: dict[str, Any] = {}
    for _ in range(60):
        data = {"a": data}
    made = make_task(teammate_client, data=data)
    deep = "/data" + "/a" * 60
    operations = [
        {"op": "copy", "from": "/data", "path": deep + "/b"},
        {"op": "copy", "from": "/data", "path": deep + "/c"},
    ]
    answer = teammate_client.generic(
        "PATCH", f"{TASKS}t1/", json.dumps(operations), content_type="application/json-patch+json"
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "patch_failed")
    assert teammate_client.get(f"{TASKS}t1/").json()["revision"] == made["revision"]


@pytest.mark.parametrize("method", ["CALLER", "SCHEMA", "INITIAL", "TRACE", "X", "GET"])
def test_an_unknown_address_answers_any_method_alike(
    organization: str, owner_client: APIClient, method: str
) -> None:
    assert APIClient().generic(method, f"{API}nothing/").status_code == 401
    assert owner_client.generic(method, f"{API}nothing/").status_code == 404


def test_an_empty_name_is_an_unknown_field_on_every_level(owner_client: APIClient) -> None:
    make_task(owner_client)
    for level, parent in {"project": {}, "branch": {"project_id": "p1"}}.items():
        answer = owner_client.post(f"{API}contexts/{level}/", {**parent, "": 1}, format="json")
        assert answer.status_code == 400


def test_odd_keys_are_found_by_their_values(teammate_client: APIClient) -> None:
    make_task(teammate_client, data={"é": "x", "a\\b": "y", "日本": {"語": 1}})
    for query in ({"data.é": "x"}, {"data.a\\b": "y"}, {"data.日本.語": "1"}):
        rows = teammate_client.get(TASKS, query).json()["results"]
        assert [row["id"] for row in rows] == ["t1"], query


def test_what_is_refused_is_not_kept_or_repeated(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    key = "ghp_" + "a1B2" * 9
    answer = teammate_client.post(
        f"{TASKS}t1/insights/",
        {"content": "x", "category": key},
        format="json",
        HTTP_IDEMPOTENCY_KEY="k",
    )
    assert answer.status_code == 400
    assert key not in answer.content.decode()
    assert key not in IdempotencyRecord.objects.get().body
    named = teammate_client.post(
        f"{TASKS}t1/progress/", {"content": "x", "agent": key}, format="json"
    )
    assert key not in named.content.decode()


def test_a_task_ends_though_its_project_has_no_room_for_its_patterns(
    teammate_client: APIClient, settings: Any
) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 4_000
    make_task(teammate_client)
    teammate_client.patch(f"{API}contexts/project/p1/", {"data": {"a": "x" * 3_000}}, format="json")
    teammate_client.post(
        f"{TASKS}t1/insights/", {"content": "y" * 1_500, "importance": "high"}, format="json"
    )
    done = teammate_client.post(f"{TASKS}t1/complete/", {"completion_summary": ""}, format="json")
    assert (done.status_code, done.json()["delegated"]) == (200, [])
    assert done.json()["data"]["status"] == "completed"


def test_a_task_made_again_does_not_show_what_the_deleted_one_delegated(
    teammate_client: APIClient,
) -> None:
    for _ in range(2):
        make_task(teammate_client)
        teammate_client.post(
            f"{TASKS}t1/insights/", {"content": "z", "importance": "high"}, format="json"
        )
        body = {"completion_summary": ""}
        done = teammate_client.post(f"{TASKS}t1/complete/", body, format="json").json()
        assert len(done["delegated"]) == 1
        assert teammate_client.delete(f"{TASKS}t1/").status_code == 204


def test_a_decision_can_be_conditional_on_the_target(
    teammate_client: APIClient, owner_client: APIClient
) -> None:
    make_task(teammate_client)
    body = {"delegate_to": "global", "delegate_data": {"a": 1}, "delegation_reason": "x"}
    made = teammate_client.post(f"{TASKS}t1/delegations/", body, format="json").json()
    url = f"{API}delegations/{made['id']}/approve/"
    assert owner_client.post(url, HTTP_IF_MATCH='"1-other"').status_code == 412
    etag = owner_client.get(f"{API}contexts/global/global/")["ETag"]
    assert owner_client.post(url, HTTP_IF_MATCH=etag).status_code == 200


def test_lists_and_the_feed_do_not_read_documents_they_do_not_show(
    teammate_client: APIClient, django_assert_num_queries: Any
) -> None:
    make_task(teammate_client)
    teammate_client.patch(f"{API}contexts/branch/b1/", {"data": {"large": "x" * 99}}, format="json")
    with django_assert_num_queries(2) as captured:
        teammate_client.get(TASKS)
    assert "branch_settings" not in captured[1]["sql"]
    with django_assert_num_queries(3) as captured:
        teammate_client.get(f"{API}changes/")
    assert '"document"' not in captured[1]["sql"]
