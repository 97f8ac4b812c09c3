"""A hub that holds something of everything, and what a stranger makes of its changes: a copy of
all it holds, by the plainest of means.
"""

import hashlib
import json
from typing import Any

from tests.syncing.pushing import API, Document, Hub, Node, entry, insight, revision_of, task

LEVELS = ("global", "project", "branch", "task")
PARENTS = {"project": "global_id", "branch": "project_id", "task": "branch_id"}


class Copy:
    """An organization as the changes taken so far tell of it.

    Of a version that is overtaken only its body counts: a snapshot ends with some.
    """

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], int] = {}
        self.contexts: dict[tuple[str, str], Document] = {}
        self.entries: dict[str, Document] = {}
        self.delegations: dict[str, Document] = {}
        self.conflicts: dict[str, Document] = {}

    def take(self, changes: list[Document]) -> None:
        for change in changes:
            if change["makes_version"]:
                self._take_version(change)
            if (entry := change["entry"]) is not None:
                place = {"level": change["level"], "context_id": change["context_id"]}
                self.entries[entry["id"]] = {**entry, **place}
            record = change["record"]
            if change["operation"] == "delegated" and record is not None:
                self.delegations[record["id"]] = record
            if change["operation"] == "conflict" and record is not None:
                told = self.conflicts.get(record["id"], {})
                self.conflicts[record["id"]] = {**told, **record}

    def _take_version(self, change: Document) -> None:
        key = change["level"], change["context_id"]
        if change["version"] <= self.versions.get(key, 0):
            return
        self.versions[key] = change["version"]
        if change["operation"] == "deleted":
            self.contexts.pop(key, None)
            return
        fits = revision_of(change["parent_revision"], change["document"]) == change["revision"]
        assert fits or change.get("redacted"), change
        before = self.contexts.get(key)
        begins = before is None or change["operation"] == "created"
        born = change["at"] if begins or before is None else before["created_at"]
        self.contexts[key] = {
            "level": change["level"],
            "id": change["context_id"],
            "organization_id": "global",
            **change["document"],
            "version": change["version"],
            "revision": change["revision"],
            "created_at": change.get("created_at", born),
            "updated_at": change["at"],
            "updated_by": change["actor"],
        }

    def digest(self) -> str:
        """SHA-256 over level, id, revision and parent of every context, line by line."""
        told = hashlib.sha256()
        for level in LEVELS:
            for _, row in sorted(
                (key, row) for key, row in self.contexts.items() if key[0] == level
            ):
                line = [level, row["id"], row["revision"]]
                if level in PARENTS:
                    line.append(row[PARENTS[level]])
                told.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        return told.hexdigest()


def assert_equal(copy: Copy, hub: Hub) -> None:
    """Fails unless the copy holds all that the hub shows, and nothing else."""
    shown = [row for level in LEVELS for row in _all(hub, f"contexts/{level}/")]
    assert copy.contexts == {(row["level"], row["id"]): row for row in shown}
    entries = {
        each["id"]: each
        for row in shown
        for each in _all(hub, f"contexts/{row['level']}/{row['id']}/entries/")
    }
    # Of a deleted context's entries REST tells nothing.
    kept = {key: told for key, told in copy.entries.items() if _place(told) in copy.contexts}
    assert kept.keys() == entries.keys()
    for key, told in kept.items():
        assert {name: told[name] for name in entries[key]} == entries[key]
    assert copy.delegations == {each["id"]: each for each in _all(hub, "delegations/")}
    conflicts = [*hub.conflicts("open"), *hub.conflicts("resolved")]
    unsettled = {"strategy": None, "resolved_by": None, "resolved_at": None}
    told_of = {key: {**unsettled, **told} for key, told in copy.conflicts.items()}
    for told in told_of.values():
        del told["rest_applied"]
    assert told_of == {each["id"]: each for each in conflicts}
    assert copy.digest() == hub.status()["digest"]


def _place(told: Document) -> tuple[str, str]:
    return told["level"], told["context_id"]


def _all(hub: Hub, address: str) -> list[Document]:
    answer: Any = hub.client.get(f"{API}{address}", {"page_size": 500})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["next"] is None
    return list(body["results"])


def busy(hub: Hub, node: Node) -> None:
    """Something of everything that a feed can hold."""
    hub.make("branch", "b2", project_id="p1", git_branch_name="main", metadata={"m": 1})
    hub.make("task", "t2", branch_id="b2", progress=5, next_steps=["x"])
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    node.push(
        entry("task", "t1", task({"a": 3, "b": 2}), base),
        entry("task", "t3", task({"n": 1.5, "big": 1e300, "é": "ü"}, "b2")),
        entry("task", "t1", None, operation="entry_added", revision=base, entry=insight("learned")),
    )
    hub.make("task", "t4", branch_id="b2")
    hub.delete("task", "t4")
    hub.delete("task", "t2")
    hub.make("task", "t2", branch_id="b1", data={"again": 1})
    post(hub, "contexts/task/t1/progress/", content="half way")
    post(hub, "contexts/task/t2/insights/", content="x", category="technical", importance="low")
    told = {"delegation_reason": "why", "delegate_data": {"rule": 1}}
    post(hub, "contexts/task/t1/delegations/", delegate_to="project", **told)
    writer: Any = node.client.post(
        "/api/v1/contexts/task/t1/delegations/", {"delegate_to": "global", **told}, format="json"
    )
    waiting = writer.json()["id"]
    writer = node.client.post(
        "/api/v1/contexts/task/t2/delegations/", {"delegate_to": "global", **told}, format="json"
    )
    post(hub, f"delegations/{waiting}/approve/")
    base = hub.revision("task", "t3")
    hub.edit("task", "t3", data={"n": 2})
    node.push(entry("task", "t3", task({"n": 3}, "b2"), base))
    first, _ = hub.conflicts()
    assert hub.settle(first["id"], strategy="theirs").status_code == 200
    post(hub, "contexts/task/t1/complete/", completion_summary="done")


def post(hub: Hub, address: str, **body: Any) -> None:
    answer: Any = hub.client.post(f"/api/v1/{address}", body, format="json")
    assert answer.status_code in (200, 201), answer.content
