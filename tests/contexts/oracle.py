"""The rules of the contract over plain dicts: what each deed must do, told without a database."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from contexts import merging
from contexts.errors import ContextError
from contexts.levels import CHILD, GLOBAL, LEVELS, PROJECT, TASK, Document, Level
from tests.contexts.deeds import Deed, patched

Key = tuple[str, str]


class Refused(Exception):
    """The deed must fail with a `ContextError` of this code, and change nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Pending:
    """A delegation as far as deciding about it needs it."""

    target: Key
    data: Document
    status: str


@dataclass
class Oracle:
    """One organization as it must be; `versions` keeps every document, None for a deletion."""

    organization_id: str
    current: dict[Key, Document] = field(default_factory=dict)
    versions: dict[Key, list[Document | None]] = field(default_factory=dict)
    entries: dict[Key, list[Document]] = field(default_factory=dict)
    delegations: list[Pending] = field(default_factory=list)
    head: int = 0

    def __post_init__(self) -> None:
        self._write((GLOBAL.name, self.organization_id), GLOBAL.checked({}))

    def expect(self, deed: Deed) -> None:
        """Does the deed here. Raises `Refused` where the services must."""
        getattr(self, f"_{deed.what}")(LEVELS[deed.level], deed.context_id, deed.detail)

    def _write(self, key: Key, document: Document | None) -> None:
        self.versions.setdefault(key, []).append(document)
        if document is None:
            del self.current[key]
        else:
            self.current[key] = document
        self.head += 1

    def _existing(self, level: Level, context_id: str) -> Document:
        if (level.name, context_id) not in self.current:
            raise Refused("not_found")
        return self.current[level.name, context_id]

    def _parent_of(self, level: Level, document: Document) -> tuple[Level, str]:
        assert level.parent is not None
        return level.parent, document[level.parent_field]

    def _create(self, level: Level, context_id: str, detail: Any) -> None:
        wanted = {PROJECT.parent_field: self.organization_id, **detail["parents"]}
        missing: list[tuple[Level, str]] = []
        above: Level = level
        while True:
            assert above.parent is not None
            parent_id = wanted.get(above.parent_field)
            if parent_id is None:
                raise Refused("invalid")
            parent = (above.parent.name, parent_id)
            if parent in self.current:
                break
            if not detail["create_parents"]:
                raise Refused("parent_missing")
            missing.append((above.parent, parent_id))
            above = above.parent
        self._refuse_other_ancestors(above.parent, parent_id, detail["parents"])
        if (level.name, context_id) in self.current:
            raise Refused("id_taken")
        for each, each_id in reversed(missing):
            self._insert(each, each_id, {}, wanted)
        self._insert(level, context_id, detail["values"], wanted)

    def _refuse_other_ancestors(self, level: Level, context_id: str, named: Any) -> None:
        while level.parent is not None and level.parent is not GLOBAL:
            level, context_id = self._parent_of(level, self.current[level.name, context_id])
            child = CHILD[level.name]
            if named.get(child.parent_field, context_id) != context_id:
                raise Refused("invalid")

    def _insert(self, level: Level, context_id: str, values: Document, ids: Document) -> None:
        parent = {level.parent_field: ids[level.parent_field]}
        self._write((level.name, context_id), {**parent, **level.checked(values)})

    def _change(self, level: Level, context_id: str, values: Any) -> bool:
        before = self._existing(level, context_id)
        try:
            after = level.checked(values)
        except ContextError as error:
            raise Refused(error.code) from None
        if level.parent is not None:
            after = {level.parent_field: before[level.parent_field], **after}
        if merging.same(before, after):
            return False
        self._write((level.name, context_id), after)
        return True

    def _values(self, level: Level, context_id: str) -> Document:
        document = dict(self._existing(level, context_id))
        document.pop(level.parent_field, None)
        return document

    def _patch(self, kind: str, level: Level, context_id: str, body: Any) -> None:
        values = self._values(level, context_id)
        try:
            after = patched(kind, values, body)
        except ContextError as error:
            raise Refused(error.code) from None
        self._change(level, context_id, after)

    def _merge(self, level: Level, context_id: str, body: Any) -> None:
        self._patch("merge", level, context_id, body)

    def _merge_patch(self, level: Level, context_id: str, body: Any) -> None:
        self._patch("merge_patch", level, context_id, body)

    def _json_patch(self, level: Level, context_id: str, body: Any) -> None:
        self._patch("json_patch", level, context_id, body)

    def _replace(self, level: Level, context_id: str, values: Any) -> None:
        self._change(level, context_id, values)

    def _below(self, level: Level, context_id: str) -> Iterator[Key]:
        child = CHILD.get(level.name)
        for key, document in list(self.current.items()):
            if child and key[0] == child.name and document[child.parent_field] == context_id:
                yield from self._below(child, key[1])
                yield key

    def _delete(self, level: Level, context_id: str, cascade: bool) -> None:
        self._existing(level, context_id)
        doomed = list(self._below(level, context_id))
        if doomed and not cascade:
            raise Refused("has_children")
        for key in [*doomed, (level.name, context_id)]:
            self._write(key, None)

    def _revert(self, level: Level, context_id: str, version: int) -> None:
        key = (level.name, context_id)
        known = self.versions.get(key, [])
        old = known[version - 1] if version <= len(known) else None
        if old is None:
            raise Refused("not_found")
        values = {name: item for name, item in old.items() if name != level.parent_field}
        if key in self.current:
            self._change(level, context_id, values)
            return
        parent, parent_id = self._parent_of(level, old)
        if (parent.name, parent_id) not in self.current:
            raise Refused("parent_missing")
        self._insert(level, context_id, values, old)

    def _entry(self, level: Level, context_id: str, detail: Any) -> None:
        self._existing(level, context_id)
        self.entries.setdefault((level.name, context_id), []).append(detail)
        self.head += 1

    def _merge_into(self, target: Key, data: Document) -> None:
        """What applying a delegation does; the change log tells of it in any case."""
        level, values = LEVELS[target[0]], self._values(LEVELS[target[0]], target[1])
        merged = {**values, "data": merging.deep_merge(values["data"], data)}
        if not self._change(level, target[1], merged):
            self.head += 1

    def _delegate(self, level: Level, context_id: str, detail: Any) -> None:
        if detail["to"] not in [each.name for each in level.chain()][1:]:
            raise Refused("invalid")
        document = self._existing(level, context_id)
        above, target_id = level, context_id
        while above.name != detail["to"]:
            document = self.current.get((above.name, target_id), document)
            above, target_id = self._parent_of(above, document)
        delegation = Pending((above.name, target_id), detail["data"], "pending")
        self.delegations.append(delegation)
        if above is GLOBAL and detail["role"] != "admin":
            self.head += 1
            return
        delegation.status = "approved"
        self._merge_into(delegation.target, delegation.data)

    def _decide(self, level: Level, context_id: str, detail: tuple[int, str]) -> None:
        if not self.delegations:
            raise Refused("not_found")
        delegation = self.delegations[detail[0] % len(self.delegations)]
        if delegation.status != "pending":
            raise Refused("already_decided")
        delegation.status = detail[1]
        if detail[1] == "approved":
            self._merge_into(delegation.target, delegation.data)
        else:
            self.head += 1

    def _complete(self, level: Level, context_id: str, summary: str) -> None:
        values = self._values(TASK, context_id)
        data = values["data"]
        if data.get("status") == "completed" and "completed_at" in data:
            return
        found = [
            each
            for each in self.entries.get((TASK.name, context_id), [])
            if each["kind"] == "insight" and each.get("importance") in ("high", "critical")
        ]
        if found:
            branch, branch_id = self._parent_of(TASK, self.current[TASK.name, context_id])
            _, project_id = self._parent_of(branch, self.current[branch.name, branch_id])
            patterns = {
                str(each["entry_id"]): {
                    "pattern": each["content"],
                    "category": each.get("category", ""),
                    "importance": each["importance"],
                    "task_id": context_id,
                    "evidence": [str(each["entry_id"])],
                }
                for each in found
            }
            lesson = Pending(
                (PROJECT.name, project_id), {"reusable_patterns": patterns}, "approved"
            )
            self.delegations.append(lesson)
            self._merge_into(lesson.target, lesson.data)
        done = {"status": "completed", "completion_summary": summary, "completed_at": NOW}
        completed = {**values, "data": merging.deep_merge(data, done), "progress": 100}
        self._change(TASK, context_id, completed)


# What a frozen clock says in `completed_at`.
NOW = "2026-02-03T04:05:06.000000Z"
