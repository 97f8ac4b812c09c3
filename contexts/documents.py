"""JSON as this store accepts and keeps it: strict on the way in, canonical inside.

I-JSON (RFC 7493) bounds numbers and text; RFC 8785 gives the bytes that are hashed. A float
without a fraction becomes an int, because PostgreSQL's jsonb would return it as one and
SQLite would not; both databases then answer alike.
"""

import hashlib
import json
import math
import re
from typing import Any

import rfc8785

from contexts.errors import Invalid, MalformedBody

MAX_DEPTH = 64
# A field of 64 levels inside an operation inside a JSON Patch: what is deeper cannot be right,
# and merging, comparing and redacting recurse.
MAX_BODY_DEPTH = MAX_DEPTH + 2
MAX_INTEGER = 2**53 - 1

Document = dict[str, Any]

# NUL and surrogates: UTF-8 that is JSON can hold them as escapes only. All begin alike, so that
# they are found ten times as fast.
SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def _integer(text: str) -> int | float:
    # jsonb hands 1e308 back as 309 digits: beyond the exact range it can only be a double.
    value = int(text) if len(text) < 20 else None
    if value is not None and abs(value) <= MAX_INTEGER:
        return value
    return _real(text)


def _real(text: str) -> int | float:
    return _number(float(text))


def _number(value: float) -> int | float:
    if value.is_integer() and abs(value) <= MAX_INTEGER:
        return int(value)
    return value


class StoredJSONDecoder(json.JSONDecoder):
    """Reads what a database column holds, with numbers normalized as on the way in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_int=_integer, parse_float=_real, **options)


def _refuse_constant(name: str) -> float:
    raise MalformedBody(f"{name} is not a JSON number.")


def _strict_integer(text: str) -> int | float:
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise MalformedBody("Integers beyond ±(2^53-1) are not interoperable (RFC 7493).")
    return int(text)


def _strict_real(text: str) -> int | float:
    value = float(text)
    if math.isinf(value):
        raise MalformedBody("A number is too large for a double.")
    return _number(value)


def parse(body: bytes, deepest: int = MAX_BODY_DEPTH) -> Any:
    """The JSON value of a request body, nested up to `deepest`.

    Raises `MalformedBody` for what is no UTF-8 JSON, for NaN, Infinity, integers beyond
    ±(2^53-1) (RFC 7493 §2.2), NUL and lone surrogates in text, and absurd nesting.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_int=_strict_integer,
            parse_float=_strict_real,
            parse_constant=_refuse_constant,
        )
        if SUSPECT.search(text):
            check_text(value)
        if depth(value) > deepest:
            raise RecursionError
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.") from None
    except RecursionError:
        raise MalformedBody(f"Nested deeper than {MAX_DEPTH}.") from None
    except json.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error.msg}, at {error.pos}.") from None
    return value


def check_text(value: Any) -> None:
    """Raises `MalformedBody` for NUL or a lone surrogate in any key or text of `value`."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise MalformedBody("Text must not contain NUL.")
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                raise MalformedBody("Text must not contain lone surrogates.") from None
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def depth(value: Any) -> int:
    """How many containers deep `value` is: 0 for a scalar, 1 for `{}`, 2 for `{"a": []}`."""
    level, containers = 0, [value]
    while containers := [item for item in containers if isinstance(item, dict | list)]:
        level += 1
        inner: list[Any] = []
        for item in containers:
            inner.extend(item.values() if isinstance(item, dict) else item)
        containers = inner
    return level


def normalize(value: Any) -> Any:
    """A copy of `value` with the numbers in their one form.

    Raises `Invalid` for what JSON cannot hold (for callers inside the process).
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid({"data": ["NaN and Infinity are not JSON numbers."]})
        return _number(value)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise Invalid({"data": ["Integers beyond ±(2^53-1) are not interoperable."]})
        return value
    if isinstance(value, dict):
        return {str(key): normalize(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normalize(item) for item in value]
    raise Invalid({"data": [f"{type(value).__name__} is not JSON."]})


def canonical(value: Any) -> bytes:
    """The one byte string of `value`: RFC 8785 (sorted keys, shortest numbers, no space)."""
    if _is_plain(value):
        # Python's encoder in C then writes the same, several times as fast.
        return _PLAIN.encode(value).encode()
    return rfc8785.dumps(value)


_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_plain(value: Any) -> bool:
    """Whether there is nothing in `value` that RFC 8785 and Python write or sort differently:
    floats, integers beyond the exact ones, keys outside the basic plane, what is no JSON.
    """
    pending = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is dict:
            for key in item:
                if type(key) is not str or not (key.isascii() or max(key) < "\ud800"):
                    return False
            pending.extend(item.values())
        elif kind is list:
            pending.extend(item)
        elif kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                return False
        elif not (kind is str or kind is bool or item is None):
            return False
    return True


def revision_of(version: int, parent_revision: str, document: Document | None) -> str:
    """`N-hash`: the version and a hash over parent revision, deleted flag and document.

    The same history therefore has the same revision on every node. `document` is None for a
    deletion.
    """
    content = canonical([parent_revision, document is None, document])
    return f"{version}-{hashlib.sha256(content).hexdigest()[:32]}"


def capped(value: Any, limit: int) -> Any:
    """`value`, or when its JSON is above `limit` bytes, an object that says how much was cut.

    The object's own JSON stays within `limit` too, given room for its empty form (75 bytes);
    `preview` is the beginning of a text itself, of anything else of its JSON.
    """
    if _encoded_size(value) <= limit:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    cut = {"truncated": True, "bytes": len(text.encode()), "preview": ""}
    room = limit - _encoded_size(cut)
    # Encoded again, a quote takes two bytes and a control character six.
    shortest, longest = 0, max(0, min(len(text), room))
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        if _encoded_size(text[:middle]) - 2 <= room:
            shortest = middle
        else:
            longest = middle - 1
    return {**cut, "preview": text[:shortest]}


def _encoded_size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8, keys in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
