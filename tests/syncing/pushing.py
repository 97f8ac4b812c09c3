"""A hub from outside: its owner over REST, and nodes as a stranger writes them.

A node here knows DESIGN §3 and §4 and JSON, and nothing of ours: its entries have the members
that are named there and no others, and it hashes revisions itself.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

import rfc8785
from django.http import HttpResponse
from rest_framework.test import APIClient

API = "/api/v1/"
SYNC = f"{API}sync/"
PUSH = f"{SYNC}push/"
AT = "2026-01-02T03:04:05.678901Z"

Document = dict[str, Any]


def revision_of(base: str, document: Document | None) -> str:
    """`N-hash`: over canonical JSON of parent revision, deleted flag and document (DESIGN §3)."""
    number = int(base.partition("-")[0] or 0) + 1
    told = rfc8785.dumps([base, document is None, document])
    return f"{number}-{hashlib.sha256(told).hexdigest()[:32]}"


def entry(
    level: str, context_id: str, document: Document | None, base: str = "", **others: Any
) -> Document:
    """A push's entry, just the members that DESIGN §4 names; `others` replaces some."""
    made = "created" if not base else "updated"
    return {
        "mutation_id": str(uuid.uuid4()),
        "level": level,
        "context_id": context_id,
        "operation": made if document is not None else "deleted",
        "base_revision": base,
        "revision": revision_of(base, document),
        "document": document,
        "actor": "agent-far-away",
        "at": AT,
        **others,
    }


def task(data: Document | None = None, branch: str = "b1", **fields: Any) -> Document:
    """A task's document: the writable fields and the parent's id."""
    return {
        "branch_id": branch,
        "data": {} if data is None else data,
        "metadata": {},
        "progress": 0,
        "next_steps": [],
        **fields,
    }


def branch(data: Document | None = None, project: str = "p1", **fields: Any) -> Document:
    place = {"project_id": project, "git_branch_name": ""}
    return {**place, "data": data or {}, "metadata": {}, **fields}


def project(data: Document | None = None, **fields: Any) -> Document:
    place = {"global_id": "global", "project_name": ""}
    return {**place, "data": data or {}, "metadata": {}, **fields}


def insight(content: str, **others: Any) -> Document:
    """The body of an `entry_added`."""
    return {
        "id": str(uuid.uuid4()),
        "kind": "insight",
        "content": content,
        "category": "technical",
        "importance": "high",
        "agent": "agent-far-away",
        "details": {},
        "created_at": AT,
        **others,
    }


@dataclass
class Hub:
    """The hub as its owner sees it."""

    client: APIClient

    def show(self, level: str, context_id: str) -> Document:
        answer = self.client.get(f"{API}contexts/{level}/{context_id}/")
        assert answer.status_code == 200, answer.content
        return answer.json()  # type: ignore[no-any-return]

    def has(self, level: str, context_id: str) -> bool:
        status = self.client.get(f"{API}contexts/{level}/{context_id}/").status_code
        return {200: True, 404: False}[status]

    def make(self, level: str, context_id: str, **body: Any) -> Document:
        told = {"id": context_id, **body}
        answer = self.client.post(f"{API}contexts/{level}/", told, format="json")
        assert answer.status_code == 201, answer.content
        return answer.json()  # type: ignore[no-any-return]

    def edit(self, level: str, context_id: str, **body: Any) -> Document:
        answer = self.client.patch(f"{API}contexts/{level}/{context_id}/", body, format="json")
        assert answer.status_code == 200, answer.content
        return answer.json()  # type: ignore[no-any-return]

    def delete(self, level: str, context_id: str, *, cascade: bool = False) -> None:
        query = "?cascade=true" if cascade else ""
        answer = self.client.delete(f"{API}contexts/{level}/{context_id}/{query}")
        assert answer.status_code == 204, answer.content

    def revision(self, level: str, context_id: str) -> str:
        return str(self.show(level, context_id)["revision"])

    def history(self, level: str, context_id: str) -> list[Document]:
        answer = self.client.get(f"{API}contexts/{level}/{context_id}/history/?page_size=500")
        return list(answer.json()["results"])

    def last_revision(self, level: str, context_id: str) -> str:
        """That of the newest version, also of a deleted context."""
        return str(self.history(level, context_id)[0]["revision"])

    def feed(self, **query: Any) -> Document:
        """A page of `sync/changes/`."""
        answer = self.client.get(f"{SYNC}changes/", query)
        assert answer.status_code == 200, answer.content
        return answer.json()  # type: ignore[no-any-return]

    def status(self) -> Document:
        answer = self.client.get(f"{SYNC}status/")
        assert answer.status_code == 200, answer.content
        return answer.json()  # type: ignore[no-any-return]

    def head(self) -> int:
        return int(self.status()["head"])

    def conflicts(self, status: str = "open") -> list[Document]:
        return list(self.client.get(f"{API}conflicts/", {"status": status}).json()["results"])

    def settle(self, conflict_id: str, **body: Any) -> HttpResponse:
        answer: HttpResponse = self.client.post(
            f"{API}conflicts/{conflict_id}/resolve/", body, format="json"
        )
        return answer


@dataclass
class Node:
    """A node that pushes with an agent's key."""

    client: APIClient
    name: str = "node-1"
    incarnation: str = "first"
    organization: str = "global"

    def body(self, *entries: Any, **others: Any) -> Document:
        """What is sent; `others` replaces members."""
        epoch = self.client.get(f"{SYNC}status/").json().get("epoch")
        return {
            "protocol": 1,
            "node": self.name,
            "incarnation": self.incarnation,
            "organization": self.organization,
            "epoch": epoch,
            "entries": list(entries),
            **others,
        }

    def send(self, *entries: Any, **others: Any) -> HttpResponse:
        body = self.body(*entries, **others)
        answer: HttpResponse = self.client.post(PUSH, body, format="json")
        return answer

    def push(self, *entries: Document) -> list[Document]:
        """The results for `entries`; what a busy hub had no time for is sent again."""
        answer = self.send(*entries)
        assert answer.status_code == 200, answer.content
        results: list[Document] = json.loads(answer.content)["results"]
        assert [each["mutation_id"] for each in results] == [
            each.get("mutation_id") for each in entries
        ]
        busy = [place for place, each in enumerate(results) if each["code"] == "busy"]
        if busy:
            # The first is always judged, so there is an end to it.
            assert busy[0] > 0
            results[busy[0] :] = self.push(*entries[busy[0] :])
        return results

    def judged(self, pushed: Document) -> Document:
        """The result for one entry."""
        return self.push(pushed)[0]

    def verdict(self, pushed: Document) -> str:
        return str(self.judged(pushed)["verdict"])


def told(hub: Hub, operation: str, **body: Any) -> Document:
    """News at the task `t1`: a change that makes no version."""
    revision = hub.revision("task", "t1")
    return entry("task", "t1", None, operation=operation, revision=revision, **body)
