"""The AsyncAPI 3 document of the socket: every message that goes either way."""

from typing import Any

from contexts.consumers.handling import MOST_SUBSCRIPTIONS
from contexts.consumers.messages import FIELDS, LARGEST_SEQ, LONGEST_NAME
from contexts.levels import LEVELS
from contexts.models import Change

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
LEVEL: Schema = {"type": "string", "enum": list(LEVELS)}
SEQ: Schema = {"type": "integer", "minimum": 0}
REVISION: Schema = {"type": "string", "pattern": "^[1-9][0-9]*-[0-9a-f]{32}$"}
TIME: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
}
REQUEST_ID: Schema = {"type": ["string", "integer"], "maxLength": LONGEST_NAME}
CONTEXT = {"level": LEVEL, "context_id": TEXT}
CLOSE_CODES = {
    "1011": "Something went wrong on the server.",
    "1012": "The server ends; come back.",
    "4401": "No valid credential, or it has ended.",
    "4403": "A foreign origin; the handshake is refused.",
    "4408": "Too slow: what was sent is not read.",
    "4409": "Sent too much: a frame over the document size.",
    "4429": "Too many sockets of one agent.",
}

SENT: dict[str, tuple[str, Schema]] = {
    "auth": ("The first frame of who shows no other credential.", {"key": TEXT}),
    "subscribe": (
        "Hear of a context and of all that it inherits from, with `descendants` of all below it "
        "too; with `since` from that number of the change log on. Up to "
        f"{MOST_SUBSCRIPTIONS} a socket. The same name again takes the former one's place.",
        {
            **CONTEXT,
            "descendants": {"type": ["boolean", "null"]},
            "epoch": {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME},
            "since": {"type": ["integer", "null"], "minimum": 0, "maximum": LARGEST_SEQ},
            "subscription": {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME},
        },
    ),
    "unsubscribe": (
        "Ends a context's subscriptions, or only the one named.",
        {**CONTEXT, "subscription": {"type": ["string", "null"], "maxLength": LONGEST_NAME}},
    ),
    "update": (
        "Deep-merges into a context's data, by the rules of PATCH; with `if_revision` only when "
        "the context is at that revision (`*`: at any).",
        {
            **CONTEXT,
            "data": {"type": "object"},
            "if_revision": {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME},
        },
    ),
    "ping": ("Are you there?", {}),
}
# What is in every message of ours, and what may be.
RECEIVED: dict[str, tuple[str, Schema, Schema]] = {
    "connected": (
        "The credential holds. `head` is the number of the newest change.",
        {"agent_id": TEXT, "epoch": TEXT, "head": SEQ},
        {},
    ),
    "subscribed": (
        "The subscription begins, at `since` or at `head`.",
        {"subscription": NAME, **CONTEXT, "epoch": TEXT, "head": SEQ},
        {},
    ),
    "reset": (
        "What came before cannot be replayed, or the log is another one: read the contexts anew. "
        "The subscription goes on from `head`.",
        {"subscription": NAME, **CONTEXT, "epoch": TEXT, "head": SEQ},
        {},
    ),
    "unsubscribed": ("Nothing more comes of it.", {"subscription": NAME, **CONTEXT}, {}),
    "context_changed": (
        "A committed change. `previous_seq` is the last `seq` sent on this subscription, at first "
        "the number it began at.",
        {
            **CONTEXT,
            "change_type": {"type": "string", "enum": list(Change.Operation.values)},
            "changed_by": TEXT,
            "timestamp": TIME,
            "version": {"type": "integer", "minimum": 1},
            "revision": REVISION,
            "seq": {"type": "integer", "minimum": 1},
            "previous_seq": SEQ,
            "subscription": NAME,
        },
        {},
    ),
    "updated": (
        "The update is committed.",
        {
            **CONTEXT,
            "version": {"type": "integer", "minimum": 1},
            "revision": REVISION,
            "sync": {
                "type": "object",
                "properties": {"status": {"enum": ["disabled", "pending", "synced", "conflict"]}},
                "required": ["status"],
            },
        },
        {},
    ),
    "error": (
        "A refusal, with the codes of the REST API; the socket stays open.",
        {"code": TEXT, "error": TEXT},
        {
            "level": {"type": ["string", "integer"]},
            "context_id": {"type": ["string", "integer"]},
            "subscription": {"type": ["string", "integer"]},
            "revision": REVISION,
            "validation_errors": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": TEXT},
            },
        },
    ),
    "pong": ("Yes.", {}, {}),
    "heartbeat": (
        "Every 25 seconds: everything up to `head` that concerns this socket was sent.",
        {"head": SEQ},
        {},
    ),
}
# These are no answers to anything.
UNASKED = {"connected", "context_changed", "heartbeat"}


def _payload(kind: str, fields: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **fields},
        "required": ["type", *required],
        "additionalProperties": False,
    }


def payloads() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The JSON Schemas of what clients send, and of what they receive, by type."""
    sent = {
        kind: _payload(
            kind,
            {**fields, "request_id": {**REQUEST_ID, "type": [*REQUEST_ID["type"], "null"]}},
            [name for name, required in FIELDS[kind].items() if required],
        )
        for kind, (_, fields) in SENT.items()
    }
    received = {
        kind: _payload(
            kind,
            {**fields, **more, **({} if kind in UNASKED else {"request_id": REQUEST_ID})},
            list(fields),
        )
        for kind, (_, fields, more) in RECEIVED.items()
    }
    return sent, received


def document(host: str, secure: bool) -> dict[str, Any]:
    """The document, for the server that is reached as `host`."""
    sent, received = payloads()
    told = {kind: row[0] for kind, row in {**SENT, **RECEIVED}.items()}
    messages = {
        kind: {
            "name": kind,
            "summary": told[kind],
            "contentType": "application/json",
            "payload": payload,
        }
        for kind, payload in {**sent, **received}.items()
    }
    channel = "#/channels/contexts"
    codes = "\n".join(f"- {code}: {meaning}" for code, meaning in CLOSE_CODES.items())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "contextsys",
            "version": "1",
            "description": "Changes of contexts as they are committed: each once and in order.\n\n"
            f"Close codes:\n\n{codes}",
        },
        "defaultContentType": "application/json",
        "servers": {
            "this": {
                "host": host,
                "protocol": "wss" if secure else "ws",
                "security": [
                    {"$ref": f"#/components/securitySchemes/{name}"}
                    for name in ("agentKey", "session")
                ],
            }
        },
        "channels": {
            "contexts": {
                "address": "/ws/contexts/",
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in messages},
                "bindings": {
                    "ws": {
                        "query": {
                            "type": "object",
                            "properties": {
                                "organization": {
                                    "type": "string",
                                    "description": "Which organization, for a human of several.",
                                }
                            },
                        }
                    }
                },
            }
        },
        # As AsyncAPI has it, from the application's side: it receives what clients send.
        "operations": {
            "fromClients": {
                "action": "receive",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{kind}"} for kind in sent],
                "reply": {
                    "channel": {"$ref": channel},
                    "messages": [
                        {"$ref": f"{channel}/messages/{kind}"}
                        for kind in received
                        if kind not in UNASKED
                    ],
                },
            },
            "toClients": {
                "action": "send",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{kind}"} for kind in received],
            },
        },
        "components": {
            "messages": messages,
            "securitySchemes": {
                "agentKey": {"type": "http", "scheme": "bearer"},
                "session": {"type": "httpApiKey", "in": "cookie", "name": "sessionid"},
            },
        },
    }
