"""The server against its own OpenAPI schema."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, make_task
from tests.instances import Instance


def test_the_schema_has_no_warnings() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "/api/v1/contexts/task/{context_id}/resolved/" in out.getvalue()


def test_a_merge_patch_may_take_fields_back_to_their_defaults() -> None:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    fields = json.loads(out.getvalue())["components"]["schemas"]["TaskMergePatchRequest"]
    assert all(field["nullable"] for field in fields["properties"].values())


def test_bodies_name_all_their_fields_and_take_no_others(owner_client: APIClient) -> None:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    schemas = json.loads(out.getvalue())["components"]["schemas"]
    made = schemas["TaskCreationRequest"]
    assert made["required"] == ["branch_id"]
    body = {"branch_id": "b1", "project_id": "p1", "global_id": "global"}
    assert body.keys() <= made["properties"].keys()
    answer = owner_client.post(f"{TASKS}?create_parents=true", body, format="json")
    assert answer.status_code == 201
    for name in ("TaskCreation", "ProjectCreation", "ProgressBody", "ActionBody", "RevertBody"):
        assert schemas[f"{name}Request"]["additionalProperties"] is False
    for name in ("TaskChange", "JSONPatchOperation"):
        assert "additionalProperties" not in schemas[f"{name}Request"]


def test_what_a_refusal_tells_of_where_things_stand_is_documented(
    owner_client: APIClient,
) -> None:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    documented = json.loads(out.getvalue())["components"]["schemas"]["ErrorAnswer"]["properties"]
    make_task(owner_client)
    for refused, told in (
        (owner_client.delete(f"{TASKS}t1/", HTTP_IF_MATCH='"1-other"'), {"revision"}),
        (owner_client.get(f"{API}changes/?since=99"), {"epoch", "floor", "head"}),
        (owner_client.post(TASKS, {}, format="json"), {"validation_errors"}),
    ):
        more = refused.json().keys() - {"success", "code", "error"}
        assert more == told <= documented.keys()


@pytest.mark.once
def test_whatever_is_sent_the_answer_is_documented(instance: Instance, tmp_path: Path) -> None:
    with instance.client() as client:
        client.post(
            "api/v1/contexts/task/?create_parents=true",
            json={"id": "t1", "branch_id": "b1", "project_id": "p1"},
        ).raise_for_status()
    checks = (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
    run = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            "run",
            f"{instance.url}api/v1/schema/",
            "--header",
            f"Authorization: Bearer {instance.credentials()['agent_key']}",
            "--checks",
            ",".join(checks),
            "--phases",
            "coverage,fuzzing,stateful",
            "--max-examples=4",
            "--generation-database=none",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # The report ends with the seed, which replays it.
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "Server error" not in instance.log()
