"""Reading requests: bounded bodies, strict JSON, numbers and times in queries, conditions."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.http import parse_etags
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from contexts import documents
from contexts.errors import DocumentTooLarge, Invalid, MalformedBody

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class BodyTooLarge(DocumentTooLarge):
    code = "body_too_large"


def raw_body(request: Request, limit: int | None = None) -> bytes:
    """The request's body, read once. Raises `BodyTooLarge` above `limit` bytes.

    Not DRF's parsers: those see nothing when a client sends chunks without a length.
    """
    most: int = settings.CONTEXTSYS_MAX_DOCUMENT_BYTES if limit is None else limit
    http = request._request
    kept: bytes | None = getattr(http, "contextsys_body", None)
    if kept is None:
        length = http.META.get("CONTENT_LENGTH") or "0"
        too_large = length.isdigit() and int(length) > most
        kept = b"" if too_large else http.read(most + 1)
        if too_large or len(kept) > most:
            raise BodyTooLarge(f"A body may have up to {most} bytes.")
        http.contextsys_body = kept  # type: ignore[attr-defined]
    return kept


def media_type(request: Request, allowed: tuple[str, ...] = (JSON,)) -> str:
    """The body's media type, JSON when not named. Raises `UnsupportedMediaType`."""
    named = (request.content_type or JSON).partition(";")[0].strip().lower()
    if named not in allowed:
        raise UnsupportedMediaType(named, f"Send {' or '.join(allowed)}.")
    return named


def json_body(request: Request, allowed: tuple[str, ...] = (JSON,)) -> Any:
    """The body's JSON value. Raises `MalformedBody`, `BodyTooLarge`, `UnsupportedMediaType`."""
    media_type(request, allowed)
    body = raw_body(request)
    if not body.strip():
        raise MalformedBody("The body is empty.")
    return documents.parse(body)


def object_body(request: Request, allowed: tuple[str, ...] = (JSON,)) -> dict[str, Any]:
    """The body's JSON object. Raises what `json_body` does."""
    body = json_body(request, allowed)
    if not isinstance(body, dict):
        raise MalformedBody("The body must be a JSON object.")
    return body


def whole_number(
    request: Request, name: str, default: int | None, least: int, most: int
) -> int | None:
    """A number in the query. Raises `Invalid` for anything but digits in the range."""
    text = request.query_params.get(name)
    if text is None:
        return default
    return number_from(text, name, least, most)


def number_from(text: str, name: str, least: int, most: int) -> int:
    """`text` as a whole number from `least` to `most`. Raises `Invalid`."""
    if re.fullmatch(r"[0-9]{1,19}", text) is None or not least <= int(text) <= most:
        raise Invalid({name: [f"This must be a whole number from {least} to {most}."]})
    return int(text)


def flag(request: Request, name: str) -> bool:
    """A switch in the query: `true` or `false`. Raises `Invalid`."""
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Invalid({name: ["This must be true or false."]})
    return text == "true"


def time(request: Request, name: str) -> datetime | None:
    """A time in the query, ISO 8601, UTC when it names no zone. Raises `Invalid`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    # An unescaped + of a zone arrives as a space.
    for candidate in (text, text.replace(" ", "+")):
        try:
            at = parse_datetime(candidate)
            if at is not None:
                return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise Invalid({name: ["This must be a time in ISO 8601."]})


def precondition(request: Request) -> Callable[[str], bool] | None:
    """What `If-Match` asks of a revision (RFC 9110 §13.1.1: strong comparison); None without."""
    header = request.headers.get("If-Match")
    if header is None:
        return None
    accepted = parse_etags(header)
    return lambda revision: accepted == ["*"] or f'"{revision}"' in accepted


def has_current(request: Request | HttpRequest, etag: str) -> bool:
    """Whether `If-None-Match` names `etag` (weak comparison, RFC 9110 §13.1.2)."""
    accepted = [
        each.removeprefix("W/") for each in parse_etags(request.headers.get("If-None-Match", ""))
    ]
    return accepted == ["*"] or etag in accepted
