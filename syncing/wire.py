"""What node and hub send each other (DESIGN §4), as plain JSON values. Pure."""

import hashlib
from enum import StrEnum
from typing import Any

from contexts.documents import canonical

Document = dict[str, Any]
PROTOCOL = 1
MOST_ENTRIES = 100
BATCH_BYTES = 2**20
# What a page of changes may have in bytes before it ends early; one change may have more.
PAGE_BYTES = 4 * 2**20
# The code of entries that a hub had no time for in this push: they may come again at once.
BUSY = "busy"
# The codes of entries that wait for a context: their own, or its parent.
MISSING = ("context_missing", "parent_missing")
# The origin of what a node made of the hub's changes and its own: of no meaning elsewhere.
PROVISIONAL = "~"

# How many digits a version can have; Python refuses to read thousands of them.
LONGEST_NUMBER = 10

# These operations always make a version.
VERSIONS = ("created", "updated", "deleted")


class Verdict(StrEnum):
    """What a hub says of a pushed entry."""

    APPLIED = "applied"
    MERGED = "merged"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    UNKNOWN_BASE = "unknown_base"
    RETRY = "retry"


# The entry is in the hub's log; its feed tells the node the rest.
TAKEN_IN = (Verdict.APPLIED, Verdict.MERGED, Verdict.CONFLICT)


def entry_of(change: Document, node: str) -> Document:
    """A push's entry for a change in the form of `services.foreign.write`; `node` made it."""
    entry = dict(change)
    entry["base_revision"] = entry.pop("parent_revision")
    entry["origin_node"] = entry["origin_node"] or node
    del entry["version"]
    return entry


def change_of(entry: Document, node: str) -> Document:
    """The change in a pushed entry, in the form that `services.foreign.read` reads.

    Only what DESIGN §4 names need be there; types are checked by who reads it.
    """
    change = {"record": None, "entry": None, "document": None, "origin_node": node, **entry}
    change["parent_revision"] = change.pop("base_revision", "") or ""
    if "makes_version" not in change:
        has_document = change["document"] is not None
        change["makes_version"] = has_document or change.get("operation") in VERSIONS
    number = str(change.get("revision", "")).partition("-")[0]
    told = number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER
    change["version"] = int(number) if told else 0
    return change


def fingerprint(entry: Document) -> str:
    """By which a hub tells the same entry from another under its id.

    `base` only helps to merge it and may come with a later attempt.
    """
    told = {name: value for name, value in entry.items() if name != "base"}
    return hashlib.sha256(canonical(told)).hexdigest()


def outward(change: Document, node: str) -> Document:
    """A change of the instance `node` for others: what was made here has its name."""
    return change if change["origin_node"] else {**change, "origin_node": node}


def inward(change: Document, node: str) -> Document:
    """A change from others for the instance `node`: what was made here has no name."""
    return {**change, "origin_node": ""} if change.get("origin_node") == node else change
