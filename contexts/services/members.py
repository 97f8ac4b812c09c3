"""Members of JSON objects that others sent, each of its type or refused with `Invalid`."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contexts import documents
from contexts.errors import Invalid
from contexts.identifiers import is_context_id
from contexts.levels import Document, Level

LARGEST_VERSION = 2**31 - 1
# What wraps a document or an entry's details may be nested a little deeper than they are.
DEEPEST = documents.MAX_DEPTH + 4
_REVISION = re.compile(r"([1-9][0-9]{0,9})-[0-9a-f]{32}", re.ASCII)


def object_in(value: Any, name: str) -> Document:
    if not isinstance(value, dict):
        raise Invalid({name: ["This must be an object."]})
    if documents.depth(value) > DEEPEST:
        raise Invalid({name: [f"Nested deeper than {DEEPEST}."]})
    return value


def optional_of(body: Document, name: str) -> Document | None:
    value = body.get(name)
    return None if value is None else object_in(value, name)


def text_of(body: Document, name: str, longest: int | None = None) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise Invalid({name: ["This must be a text."]})
    if longest is not None and len(value) > longest:
        raise Invalid({name: [f"This may have up to {longest} characters."]})
    return value


def flag_of(body: Document, name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise Invalid({name: ["This must be true or false."]})
    return value


def version_of(body: Document) -> int:
    value = body.get("version")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_VERSION:
        raise Invalid({"version": ["This must be a whole number above 0."]})
    return value


def revision_of(body: Document, name: str) -> str:
    value = text_of(body, name, 80)
    if _REVISION.fullmatch(value) is None:
        raise Invalid({name: ["This is no revision."]})
    return value


def context_id_of(body: Document, name: str, level: Level) -> str:
    value = text_of(body, name)
    if not is_context_id(value, level.longest_id):
        raise Invalid({name: [f"This is no id of the level {level.name}."]})
    return value


def uuid_of(body: Document, name: str) -> UUID:
    try:
        return UUID(text_of(body, name, 36))
    except ValueError:
        raise Invalid({name: ["This must be a UUID."]}) from None


def time_of(body: Document, name: str) -> datetime:
    text = text_of(body, name, 40)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({name: ["This must be a time with its zone (ISO 8601)."]}) from None
