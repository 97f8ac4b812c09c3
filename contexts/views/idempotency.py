"""`Idempotency-Key`: a write sent again is answered again, and done once.

The record is written in the write's own transaction: there is no moment at which one is
committed without the other. A second request with the key waits for the first to end.
"""

import hashlib
import json
from collections.abc import Callable

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from contexts.access import Caller
from contexts.compaction import ANSWERS_KEPT
from contexts.documents import to_json
from contexts.errors import ContextError, IdempotencyKeyReused, Invalid
from contexts.models import IdempotencyRecord
from contexts.requests import raw_body
from contexts.services.rows import redacted

_REPEATED_HEADERS = ("Content-Type", "ETag", "Location")


def answer_once(
    view: APIView, request: Request, caller: Caller, work: Callable[[], HttpResponse]
) -> HttpResponse:
    """The answer of `work`, or the first answer when the caller sent this key before.

    Refusals count as answers; faults of ours do not. Raises `IdempotencyKeyReused` when the
    request is another than the first with that key.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return work()
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Invalid({"Idempotency-Key": ["This must be 1 to 255 printable ASCII characters."]})
    fingerprint = _fingerprint(request)
    with transaction.atomic():
        owned = {"organization_id": caller.organization_id, "caller": caller.key, "key": key}
        IdempotencyRecord.objects.filter(
            **owned, created_at__lt=timezone.now() - ANSWERS_KEPT
        ).delete()
        record, is_first = IdempotencyRecord.objects.get_or_create(
            **owned, defaults={"fingerprint": fingerprint}
        )
        if not is_first:
            return _repeated(record, fingerprint)
        try:
            with transaction.atomic():
                response = work()
        except (ContextError, APIException) as refusal:
            response = view.handle_exception(refusal)
        record.status = response.status_code
        record.headers = {
            name: response.headers[name] for name in _REPEATED_HEADERS if name in response.headers
        }
        record.body = _kept(response)
        record.save()
        return response


def _kept(response: HttpResponse) -> str:
    """The body to answer with again: as it was sent, if nothing in it is a secret.

    By its values: JSON read as a text has names before quotes that are no secrets. A refusal was
    looked through when it was made.
    """
    body = response.content
    if body and response.status_code < 400:
        value = json.loads(body)
        safe = redacted(value)
        body = body if safe is value else to_json(safe)
    return body.decode()


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256()
    for part in (request.method or "", request.get_full_path(), request.content_type or ""):
        digest.update(part.encode("utf-8", errors="replace") + b"\0")
    digest.update(request.headers.get("If-Match", "").encode() + b"\0")
    digest.update(raw_body(request))
    return digest.hexdigest()


def _repeated(record: IdempotencyRecord, fingerprint: str) -> HttpResponse:
    if record.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key came with another request before.")
    response = HttpResponse(record.body, status=record.status, headers=record.headers)
    if "Content-Type" not in record.headers:
        del response.headers["Content-Type"]
    return response
