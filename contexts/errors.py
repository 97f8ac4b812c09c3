"""What can go wrong, as kinds of `ContextError`: a stable code, a status and one sentence.

REST and WebSocket each translate these once; nothing else builds an error answer.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ContextError(Exception):
    """Base of all refusals. `code` never changes its meaning; `status` is the HTTP status."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, sentence: str, **details: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details

    def body(self) -> dict[str, Any]:
        """The answer's JSON object: `success`, `code`, `error` and this error's details."""
        return {"success": False, "code": self.code, "error": self.sentence, **self.details}


class Invalid(ContextError):
    """Input that breaks a rule; `validation_errors` maps a field to its complaints."""

    code = "invalid"

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        field, complaints = next(iter(errors.items()))
        super().__init__(f"{field}: {complaints[0]}", validation_errors=dict(errors))


class ParentMissing(Invalid):
    code = "parent_missing"

    def __init__(self, field: str) -> None:
        super().__init__({field: ["Parent context must exist"]})


class MalformedBody(ContextError):
    code = "malformed_body"


class PatchFailed(ContextError):
    code = "patch_failed"


class DocumentTooLarge(ContextError):
    code = "document_too_large"
    status = 413


class NotFound(ContextError):
    """Missing, or not the caller's to know of: both look exactly alike."""

    code = "not_found"
    status = 404

    def __init__(self, sentence: str = "There is nothing at this address.") -> None:
        super().__init__(sentence)


class Forbidden(ContextError):
    code = "forbidden"
    status = 403


class IdTaken(ContextError):
    code = "id_taken"
    status = 409


class HasChildren(ContextError):
    code = "has_children"
    status = 409


class AlreadyDecided(ContextError):
    code = "already_decided"
    status = 409


class RevisionMismatch(ContextError):
    code = "revision_mismatch"
    status = 412


class IdempotencyKeyReused(ContextError):
    code = "idempotency_key_reused"
    status = 422


class Gone(ContextError):
    """Older than what is kept, or from another epoch: start again from the current state."""

    code = "gone"
    status = 410
