"""The messages of the socket: what clients send, checked; what we send, encoded."""

import json
from dataclasses import dataclass
from typing import Any

from contexts import documents
from contexts.errors import ContextError, Invalid, MalformedBody
from contexts.levels import LEVELS, Level
from contexts.redaction import redact_apart

LONGEST_NAME = 255
LARGEST_SEQ = 2**63 - 1
# The fields of each message besides `type`, and whether they must be there.
CONTEXT = {"level": True, "context_id": True}
FIELDS: dict[str, dict[str, bool]] = {
    "auth": {"key": True},
    "subscribe": {
        **CONTEXT, "descendants": False, "epoch": False, "since": False, "subscription": False
    },
    "unsubscribe": {**CONTEXT, "subscription": False},
    "update": {**CONTEXT, "data": True, "if_revision": False},
    "ping": {},
}  # fmt: skip


class UnknownType(ContextError):
    code = "unknown_type"


class TooManySubscriptions(ContextError):
    code = "too_many_subscriptions"


class NotSubscribed(ContextError):
    code = "not_subscribed"
    status = 404


class AlreadyAuthenticated(ContextError):
    code = "already_authenticated"


@dataclass(frozen=True)
class Message:
    """A client's message: its type, its fields, and what its answer repeats."""

    type: str
    fields: dict[str, Any]

    @property
    def level(self) -> Level:
        """The level that it names. Raises `Invalid`."""
        level = LEVELS.get(self.text("level"))
        if level is None:
            raise Invalid({"level": [f"This must be one of {', '.join(LEVELS)}."]})
        return level

    @property
    def echo(self) -> dict[str, Any]:
        """What tells the client which message an answer is to; only what may stand there."""
        names = ("level", "context_id", "subscription", "request_id")
        told = {name: self.fields[name] for name in names if name in self.fields}
        return {name: value for name, value in told.items() if _is_short(value)}

    def text(self, name: str, longest: int = LONGEST_NAME) -> str:
        """A text that must be there. Raises `Invalid`."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise Invalid({name: ["This must be a text."]})
        if not 0 < len(value) <= longest:
            raise Invalid({name: [f"This may have 1 to {longest} characters."]})
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None when it is left out. Raises `Invalid`."""
        return None if self.fields.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        """A switch, off when it is left out. Raises `Invalid`."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise Invalid({name: ["This must be true or false."]})
        return bool(value)

    def number(self, name: str) -> int | None:
        """A number of the log, or None when it is left out. Raises `Invalid`."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_SEQ:
            raise Invalid({name: ["This must be a whole number from 0."]})
        return value

    def check(self) -> None:
        """Raises `UnknownType`, and `Invalid` for fields that are unknown or missing."""
        expected = FIELDS.get(self.type)
        if expected is None:
            raise UnknownType(f"A message's type must be one of {', '.join(FIELDS)}.")
        errors = {name: ["Unknown field."] for name in self.fields if name not in expected}
        errors.pop("request_id", None)
        for name, required in expected.items():
            if required and name not in self.fields:
                errors[name] = ["This field is required."]
        request_id = self.fields.get("request_id")
        if request_id is not None and not _is_short(request_id):
            errors["request_id"] = ["This must be a short text or a number."]
        if errors:
            raise Invalid(errors)


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_NAME
    return isinstance(value, int) and not isinstance(value, bool)


def parse(text: str) -> Message:
    """A frame's message, not checked yet. Raises `MalformedBody`."""
    try:
        body = documents.parse(text.encode())
    except UnicodeEncodeError:
        raise MalformedBody("The frame is not UTF-8.") from None
    if not isinstance(body, dict):
        raise MalformedBody("A message must be a JSON object.")
    kind = body.pop("type", None)
    return Message(kind if isinstance(kind, str) else "", body)


def named_in(text: str) -> Message | None:
    """What a frame that was refused names, so that the refusal can name it too; None for nothing.

    It may be JSON all the same, and be refused for a number in it.
    """
    try:
        name = json.loads(text)["request_id"]
        documents.parse(documents.to_json(name))
    except (ValueError, LookupError, TypeError, RecursionError, MalformedBody):
        return None
    return Message("", {"request_id": name}) if _is_short(name) else None


def encode(kind: str, **fields: Any) -> str:
    """A message of ours as a frame."""
    return documents.to_json({"type": kind, **fields}).decode()


def encode_error(error: ContextError, message: Message | None = None) -> str:
    """The one translator from what went wrong to the socket's `error` message."""
    body = redact_apart(error.body())
    del body["success"]
    return encode("error", **{**(message.echo if message is not None else {}), **body})
