"""Merging, patching and comparing JSON documents. Pure: inputs are never altered.

Deep merge is the contract's (§2): a dict over a dict merges key by key at any depth, anything
else replaces, an empty dict over a dict changes nothing. It is not associative (a scalar
between two dicts cuts the upper one off), so a chain is always folded from global down.
"""

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import jsonpatch
import jsonpointer

from contexts import documents
from contexts.errors import DocumentTooLarge, PatchFailed

Document = dict[str, Any]
MAX_OPERATIONS = 1_000
# Differences below a longer path are told as one.
LONGEST_PATH = 1_000


def deep_merge(base: Any, over: Any) -> Any:
    """`over` laid on `base`; the result shares no container with either."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return copy.deepcopy(over)
    merged = {key: copy.deepcopy(value) for key, value in base.items() if key not in over}
    for key, value in over.items():
        merged[key] = deep_merge(base[key], value) if key in base else copy.deepcopy(value)
    return merged


def fold(documents: Iterable[Document]) -> Document:
    """The documents of a chain, least specific first, deep-merged into one."""
    folded: Document = {}
    for document in documents:
        folded = deep_merge(folded, document)
    return folded


def is_leaf(value: Any) -> bool:
    """Anything but a non-empty dict; a list is one leaf (contract §2, `include=sources`)."""
    return not (isinstance(value, dict) and value)


def pointer(parts: Iterable[str]) -> str:
    """The JSON Pointer (RFC 6901) of a path of keys."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def leaves(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of every leaf below `document`; the empty root itself is none."""
    if is_leaf(document):
        if path:
            yield path, document
        return
    for key, value in document.items():
        yield from leaves(value, (*path, key))


def sources(documents: list[Document]) -> dict[str, int]:
    """For each leaf of `fold(documents)`, by JSON Pointer, the index of the document that set it.

    The most specific one wins: the last whose own leaf at that path is what the fold shows.
    """
    setters: dict[tuple[str, ...], int] = {}
    folded: Document = {}
    for index, document in enumerate(documents):
        folded = deep_merge(folded, document)
        for path, value in leaves(document):
            # An empty dict over a dict changes nothing and so sets nothing.
            if value == {} and not is_leaf(_at(folded, path)):
                continue
            setters[path] = index
        setters = {path: setter for path, setter in setters.items() if _is_leaf_at(folded, path)}
    return {pointer(path): setters[path] for path, _ in leaves(folded)}


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def _is_leaf_at(document: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return is_leaf(document)


def path_length(document: Any) -> int:
    """How many characters the paths of all leaves have together: what naming each would take."""
    total, pending = 0, [(document, 0)]
    while pending:
        value, length = pending.pop()
        if isinstance(value, dict) and value:
            pending += [(item, length + 1 + len(key)) for key, item in value.items()]
        elif isinstance(value, list) and value:
            pending += [(item, length + 1 + len(str(len(value)))) for item in value]
        else:
            total += length
    return total


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396 §2: `null` removes, an object merges, anything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(document: Any, operations: Any, limit: int) -> Any:
    """RFC 6902, all or nothing.

    `limit` bounds the result's JSON in bytes at every step: a few `copy` operations can double
    a document into anything. Raises `PatchFailed` or `DocumentTooLarge`.
    """
    if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
        raise PatchFailed("A JSON Patch is a list of operation objects (RFC 6902).")
    if len(operations) > MAX_OPERATIONS:
        raise PatchFailed(f"A JSON Patch may have up to {MAX_OPERATIONS} operations.")
    copied = 0
    try:
        for number, operation in enumerate(operations):
            if operation["op"] == "copy":
                # Before it is applied: an insertion into a list moves what `from` names.
                value = jsonpointer.resolve_pointer(document, operation["from"])
                copied += len(json.dumps(value, ensure_ascii=False).encode())
                if copied > limit:
                    raise DocumentTooLarge(f"The patch copies more than {limit} bytes.")
            document = jsonpatch.JsonPatch([operation]).apply(document, in_place=number > 0)
        if documents.depth(document) > documents.MAX_BODY_DEPTH:
            raise RecursionError
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise PatchFailed(f"Operation {number} {_complaint(error)}.") from None
    except RecursionError:
        raise PatchFailed(f"Operation {number} nests too deeply.") from None
    except (KeyError, TypeError, IndexError, AttributeError, ValueError):
        raise PatchFailed(f"Operation {number} is not a JSON Patch operation.") from None
    return document


def _complaint(error: Exception) -> str:
    # Not the library's own words, which quote the document.
    if isinstance(error, jsonpatch.JsonPatchTestFailed):
        return "tested for another value than there is"
    if isinstance(error, jsonpatch.InvalidJsonPatch):
        return "is not a JSON Patch operation"
    return "names a path that does not exist"


def diff(before: Any, after: Any) -> list[Document]:
    """The RFC 6902 operations that turn `before` into `after`, in linear time."""
    return list(_diff(before, after, ""))


def _diff(before: Any, after: Any, path: str) -> Iterator[Document]:
    if len(path) > LONGEST_PATH:
        # One operation for all below, not the long path again for each.
        if not same(before, after):
            yield {"op": "replace", "path": path, "value": after}
    elif isinstance(before, dict) and isinstance(after, dict):
        # In one order, whatever order the database keeps keys in.
        for key in sorted(before):
            if key not in after:
                yield {"op": "remove", "path": path + pointer([key])}
        for key in sorted(after):
            if key in before:
                yield from _diff(before[key], after[key], path + pointer([key]))
            else:
                yield {"op": "add", "path": path + pointer([key]), "value": after[key]}
    elif isinstance(before, list) and isinstance(after, list):
        yield from _diff_lists(before, after, path)
    elif not same(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _diff_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Document]:
    start, shorter = 0, min(len(before), len(after))
    while start < shorter and same(before[start], after[start]):
        start += 1
    tail = 0
    while tail < shorter - start and same(before[-1 - tail], after[-1 - tail]):
        tail += 1
    old, new = before[start : len(before) - tail], after[start : len(after) - tail]
    both = min(len(old), len(new))
    for index in range(both):
        yield from _diff(old[index], new[index], f"{path}/{start + index}")
    for _ in old[both:]:
        yield {"op": "remove", "path": f"{path}/{start + both}"}
    for index, value in enumerate(new[both:], start + both):
        yield {"op": "add", "path": f"{path}/{index}", "value": value}


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: unlike Python's, `true` is not `1`."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
